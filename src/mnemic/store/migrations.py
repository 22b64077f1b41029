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
    """
    -- a node gathers points: those told by one label, or near to one another in one sense. Nodes
    -- that follow one another are one concept, which its root stands for
    CREATE TABLE concepts (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        root INTEGER NOT NULL,
        label TEXT,
        made_by TEXT NOT NULL,  -- 'label', 'locality', 'person', 'thesaurus' or 'cluster'
        sense TEXT,                            -- of all its points; NULL: of any
        synset INTEGER UNIQUE,                 -- its place in the thesaurus
        partner INTEGER REFERENCES concepts (id) ON DELETE SET NULL,  -- it follows by synchrony
        merged INTEGER REFERENCES concepts (id) ON DELETE SET NULL,   -- it follows as it was told
        document TEXT NOT NULL,                -- JSON
        follows INTEGER GENERATED ALWAYS AS (coalesce(
            merged, CASE WHEN made_by = 'locality' AND label IS NULL THEN partner END)) STORED
    ) STRICT;
    CREATE INDEX concepts_by_root ON concepts (root);
    CREATE INDEX concepts_by_label ON concepts (label) WHERE label IS NOT NULL;
    CREATE INDEX concepts_that_follow ON concepts (follows) WHERE follows IS NOT NULL;
    CREATE INDEX concepts_by_partner ON concepts (partner) WHERE partner IS NOT NULL;
    CREATE INDEX concepts_by_merged ON concepts (merged) WHERE merged IS NOT NULL;

    -- what leads to a concept, its label among them
    CREATE TABLE names (
        name TEXT PRIMARY KEY,
        concept INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX names_by_concept ON names (concept);

    CREATE TABLE links (
        concept INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
        engram INTEGER NOT NULL REFERENCES engrams (id) ON DELETE CASCADE,
        point INTEGER REFERENCES points (id) ON DELETE CASCADE,  -- NULL: words alone
        weight REAL NOT NULL,
        made_by TEXT NOT NULL                  -- 'told', 'synchrony' or 'locality'
    ) STRICT;
    CREATE INDEX links_by_concept ON links (concept);
    CREATE INDEX links_by_engram ON links (engram);
    CREATE UNIQUE INDEX links_by_point ON links (point) WHERE point IS NOT NULL;

    CREATE TABLE parents (
        child INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
        parent INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
        made_by TEXT NOT NULL,                 -- 'person', 'thesaurus' or 'cluster'
        PRIMARY KEY (child, parent)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX parents_by_parent ON parents (parent);

    -- how often the second fired when the first did and the second could have
    CREATE TABLE ties (
        concept INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
        other INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
        weight REAL NOT NULL,
        count INTEGER NOT NULL,
        apart INTEGER NOT NULL,                -- 1: seen side by side in one sense
        PRIMARY KEY (concept, other)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX ties_by_other ON ties (other);

    -- what people did to concepts
    CREATE TABLE concept_events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        time INTEGER NOT NULL,                 -- microseconds since 1970, UTC
        kind TEXT NOT NULL,                    -- 'add', 'merge', 'split', 'rename' or 'place'
        document TEXT NOT NULL,                -- JSON: what takes it back
        undone INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE concept_event_nodes (
        event INTEGER NOT NULL REFERENCES concept_events (id) ON DELETE CASCADE,
        concept INTEGER NOT NULL REFERENCES concepts (id) ON DELETE CASCADE,
        acts INTEGER NOT NULL,                 -- 0: it is only named
        PRIMARY KEY (event, concept)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX events_by_concept ON concept_event_nodes (concept);

    CREATE TABLE concept_settings (json TEXT NOT NULL) STRICT;
    INSERT INTO concept_settings VALUES ('{}');

    -- the labels there are become concepts
    INSERT INTO concepts (root, label, made_by, document)
        SELECT 0, label, 'label', '{}' FROM engrams
        WHERE label IS NOT NULL AND trim(label) <> '' GROUP BY label ORDER BY min(id);
    UPDATE concepts SET root = id;
    INSERT INTO names SELECT label, id FROM concepts;
    INSERT INTO links (concept, engram, point, weight, made_by)
        SELECT names.concept, engrams.id, points.id, 1.0, 'told'
        FROM engrams JOIN names ON names.name = engrams.label
        LEFT JOIN points ON points.engram = engrams.id
        ORDER BY engrams.id, points.id;
    """,
)
