"""The schema, one numbered step after another. A step that has shipped never changes."""

APPLICATION_ID = 0x6D6E656D  # "mnem"

STEPS = (
    """
    CREATE TABLE config (json TEXT NOT NULL) STRICT;

    CREATE TABLE engrams (
        id INTEGER PRIMARY KEY AUTOINCREMENT,  -- AUTOINCREMENT: an id is never used again
        time INTEGER NOT NULL,                 -- microseconds since 1970, UTC
        label TEXT,
        document TEXT NOT NULL,                -- JSON: text, metadata
        checksum INTEGER NOT NULL,             -- of all of the above, and of its points
        surprise REAL,                         -- NULL: no sense could tell
        strength REAL NOT NULL
    ) STRICT;
    CREATE INDEX engrams_by_label ON engrams (label) WHERE label IS NOT NULL;
    CREATE INDEX engrams_by_time ON engrams (time);

    CREATE TABLE points (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        engram INTEGER NOT NULL REFERENCES engrams (id) ON DELETE CASCADE,
        sense TEXT NOT NULL,
        code BLOB NOT NULL,
        known BLOB
    ) STRICT;
    CREATE INDEX points_by_engram ON points (engram);

    -- apart from the codes, which are read through whole when a memory opens
    CREATE TABLE originals (
        point INTEGER PRIMARY KEY REFERENCES points (id) ON DELETE CASCADE,
        media_type TEXT NOT NULL,
        bytes BLOB NOT NULL
    ) STRICT;

    -- what other processes must learn of; a forgotten engram leaves its number here, nothing else
    CREATE TABLE revisions (
        revision INTEGER PRIMARY KEY AUTOINCREMENT,
        engram INTEGER NOT NULL,
        change TEXT NOT NULL                   -- 'stored' or 'forgotten'
    ) STRICT;
    """,
    """
    -- one student a sense: the current one
    CREATE TABLE students (
        version INTEGER PRIMARY KEY AUTOINCREMENT,
        sense TEXT NOT NULL UNIQUE,
        file TEXT NOT NULL,
        report TEXT NOT NULL                   -- JSON
    ) STRICT;

    -- a point whose code is empty is kept as this alone
    CREATE TABLE schemas (
        point INTEGER PRIMARY KEY REFERENCES points (id) ON DELETE CASCADE,
        student INTEGER NOT NULL,
        latent BLOB NOT NULL,
        residual BLOB,
        checksum INTEGER NOT NULL              -- of the three above
    ) STRICT;

    -- who may sleep
    CREATE TABLE lease (
        holder TEXT NOT NULL,
        until INTEGER NOT NULL                 -- microseconds since 1970, UTC
    ) STRICT;
    """,
)
