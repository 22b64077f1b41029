"""The embedded store: one SQLite file, one transaction an experience, on disk when it returns."""

import contextlib
import json
import sqlite3
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import count
from pathlib import Path
from time import sleep
from typing import Any

from mnemic.errors import (
    ConfigError,
    DamagedError,
    NewerVersionError,
    NotAMemoryError,
    NotStoredError,
    OutdatedError,
    ReadOnlyError,
    StoreBusyError,
    StoreError,
)
from mnemic.protocols import Changes, Kept, KeptPoint, KeptStudent, Night, Space, Stored
from mnemic.records import Experience
from mnemic.store.concept_care import faults, prune
from mnemic.store.concept_events import EventRows
from mnemic.store.concepts import ConceptRows
from mnemic.store.failures import typed
from mnemic.store.migrations import APPLICATION_ID, STEPS
from mnemic.store.nights import put_schemas, take_lease, write_night
from mnemic.store.rows import (
    checksum_of,
    experience_of,
    experience_row,
    kept_point,
    microseconds,
    point_content,
)

WAIT = 10.0  # seconds for another process to finish its write
PAUSE = 0.01
FETCH = 2048  # rows read at a time


class SqliteStore:
    """A ``Store`` in one file. Safe between threads, and between processes.

    Raises:
        NotAMemoryError: the file is something else.
        NewerVersionError: a newer mnemic wrote it.
        StoreFullError, StoreBusyError, DamagedError, StoreError: as each call may find.
    """

    def __init__(
        self, path: Path, *, create: Mapping[str, Any] | None = None, read_only: bool = False
    ) -> None:
        self.path = path
        self.read_only = read_only
        self._lock = threading.RLock()
        self._data_version = -1
        self.graph = ConceptRows(self._rows, self._many)
        self.events = EventRows(self._rows)
        with typed(path):
            mode = "ro" if read_only else "rwc" if create is not None else "rw"
            self._db = sqlite3.connect(
                f"{path.resolve().as_uri()}?mode={mode}",
                uri=True,
                timeout=WAIT,
                isolation_level=None,  # transactions are begun by name below
                check_same_thread=False,
            )
        try:
            with typed(path):
                self._prepare(create)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, create: Mapping[str, Any] | None) -> None:
        self._db.execute("BEGIN")  # one view of all three, while another process may make them
        application = self._value("PRAGMA application_id")
        version = self._value("PRAGMA user_version")
        empty = self._value("SELECT count(*) FROM sqlite_schema") == 0
        self._db.execute("COMMIT")
        torn = 0 < self.path.stat().st_size < 512  # SQLite would take so short a file for empty
        if application != APPLICATION_ID and (torn or not empty):
            raise NotAMemoryError(f"{self.path} belongs to another program; choose a new path")
        if version > len(STEPS):
            raise NewerVersionError(
                f"{self.path} has format {version}, this mnemic reads up to {len(STEPS)};"
                " upgrade mnemic"
            )
        if empty and create is None:
            raise NotAMemoryError(f"{self.path} is empty; open it with create= to make a memory")
        self._db.execute("PRAGMA foreign_keys = ON")
        if self.read_only:
            if version < len(STEPS):
                raise ReadOnlyError(f"{self.path} has an older format; open it once to upgrade it")
            return
        self._write_ahead()
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA secure_delete = ON")
        if version < len(STEPS):
            self._migrate(create)

    def _write_ahead(self) -> None:
        """Set the journal mode; SQLite does not wait for others who are opening the file too."""
        pauses = int(WAIT / PAUSE)
        while True:
            try:
                self._db.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or not pauses:
                    raise
            pauses -= 1
            sleep(PAUSE)

    def _migrate(self, create: Mapping[str, Any] | None) -> None:
        with self._writing():
            version = self._value("PRAGMA user_version")  # another process may have been first
            for step in STEPS[version:]:
                for statement in _statements(step):
                    self._db.execute(statement)
            if version == 0:
                self._db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                self._db.execute("INSERT INTO config VALUES (?)", [json.dumps(create)])
            self._db.execute(f"PRAGMA user_version = {len(STEPS)}")

    @property
    def config(self) -> dict[str, Any]:
        """What the memory was made with."""
        with self._decoding("its settings"):
            return json.loads(self._value("SELECT json FROM config"))

    def add(
        self,
        experiences: Sequence[Experience],
        bind: Callable[[Sequence[Stored]], None] | None = None,
    ) -> list[Stored]:
        """Store experiences in one transaction, synced to disk before this returns.

        ``bind`` is called within it, once the rows are written: where it fails, nothing is stored.
        """
        rows = [
            experience_row(experience) for experience in experiences
        ]  # fails before anything is begun
        with self._writing():
            self._refuse_outdated(experiences)
            added = self._numbered(experiences)
            points = [kept for stored in added for kept in stored.points]
            self._db.executemany(
                "INSERT INTO engrams (id, time, label, document, checksum, surprise, strength)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                ([stored.id, *row] for stored, row in zip(added, rows, strict=True)),
            )
            self._db.executemany(
                "INSERT INTO points (id, engram, sense, code, known) VALUES (?, ?, ?, ?, ?)",
                (
                    [id, engram, point.sense, point.code, point.known]
                    for id, engram, point in points
                ),
            )
            self._db.executemany(
                "INSERT INTO originals VALUES (?, ?, ?)",
                (
                    [id, point.media_type, point.original]
                    for id, _, point in points
                    if point.original is not None
                ),
            )
            put_schemas(
                self._db,
                {
                    id: point.schema
                    for id, _, point in points
                    if point.schema is not None  # none before the first sleep
                },
            )
            self._db.executemany(
                "INSERT INTO revisions (engram, change) VALUES (?, 'stored')",
                ([stored.id] for stored in added),
            )
            if bind is not None:
                bind(added)
        return added

    @contextlib.contextmanager
    def changing(self) -> Generator[None]:
        """One transaction in which rows of ``graph`` and ``events`` may change."""
        with self._writing():
            yield

    def _refuse_outdated(self, experiences: Sequence[Experience]) -> None:
        schemas = (point.schema for one in experiences for point in one.points)
        students = {schema.student for schema in schemas if schema is not None}
        if students and students - {
            version for (version,) in self._rows("SELECT version FROM students")
        }:
            raise OutdatedError(f"{self.path} has slept meanwhile; encode under its new student")

    def _numbered(self, experiences: Sequence[Experience]) -> list[Stored]:
        """Give experiences and points the ids that come next; call it in a transaction."""
        engrams, points = count(self._last("engrams") + 1), count(self._last("points") + 1)
        added: list[Stored] = []
        for experience in experiences:
            id = next(engrams)
            kept = tuple(KeptPoint(next(points), id, point) for point in experience.points)
            added.append(Stored(id, kept))
        return added

    def _last(self, table: str) -> int:
        query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = ?"
        return self._rows(query, [table])[0][0]

    def get(self, ids: Sequence[int]) -> list[Kept]:
        """Engrams without their points, in the order asked."""
        found: dict[int, Kept] = {}
        for some in _lists(ids):
            for id, time, label, document, surprise, strength in self._rows(
                "SELECT id, time, label, document, surprise, strength FROM engrams"
                " WHERE id IN (SELECT value FROM json_each(?))",
                [some],
            ):
                with self._decoding(f"engram {id}"):
                    experience = experience_of(time, label, document, surprise, strength)
                found[id] = Kept(id, experience)
        self._refuse_missing(ids, found)
        return [found[id] for id in ids]

    def points(
        self, ids: Iterable[int] | None = None, sense: str | None = None, originals: bool = False
    ) -> Iterator[KeptPoint]:
        """Points of these engrams, or of all, oldest first."""
        columns = "points.id, engram, sense, code, known, student, latent, residual"
        table = "points LEFT JOIN schemas ON schemas.point = points.id"
        if originals:
            columns += ", media_type, bytes"
            table += " LEFT JOIN originals ON originals.point = points.id"
        query = f"SELECT {columns} FROM {table} WHERE (? IS NULL OR sense = ?)"
        size = 1 if originals else FETCH  # originals may be large
        if ids is not None:
            for some in _lists(ids, size):
                among = "engram IN (SELECT value FROM json_each(?)) ORDER BY points.id"
                yield from map(kept_point, self._rows(f"{query} AND {among}", [sense, sense, some]))
            return
        last = 0
        while rows := self._rows(
            f"{query} AND points.id > ? ORDER BY points.id LIMIT ?", [sense, sense, last, size]
        ):
            yield from map(kept_point, rows)
            last = rows[-1][0]

    def ids(
        self,
        *,
        label: str | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> list[int]:
        """Engrams that answer, oldest first."""
        clauses, values = ["TRUE"], list[Any]()
        for clause, value in (
            ("label = ?", label),
            ("time > ?", None if after is None else microseconds(after)),
            ("time < ?", None if before is None else microseconds(before)),
        ):
            if value is not None:
                clauses.append(clause)
                values.append(value)
        query = f"SELECT id FROM engrams WHERE {' AND '.join(clauses)} ORDER BY time, id"
        return [id for (id,) in self._rows(query, values)]

    def __len__(self) -> int:
        return self._value("SELECT count(*) FROM engrams")

    def forget(self, ids: Sequence[int]) -> None:
        """Remove engrams and overwrite their bytes, in the file and in the write-ahead log.

        This rewrites the whole file, which takes as long as copying it: forget many at once.
        """
        with self._writing():
            self._refuse_missing(ids, self.present(ids))
            linked = {node for nodes in self.graph.of_engrams(ids).values() for node in nodes}
            for id in {int(id) for id in ids}:
                self._db.execute("DELETE FROM engrams WHERE id = ?", [id])
                self._db.execute(
                    "INSERT INTO revisions (engram, change) VALUES (?, 'forgotten')", [id]
                )
            prune(self.graph, self.events, linked)
        self._rewrite("forgotten")
        if not self._empty_log():
            raise StoreBusyError(
                f"forgotten, but another process is still reading {self.path}, and what was"
                " forgotten stays in its write-ahead log until the log is next emptied;"
                " close the reader and close this memory"
            )

    def present(self, ids: Sequence[int]) -> set[int]:
        """Those of the ids that are stored."""
        query = "SELECT id FROM engrams WHERE id IN (SELECT value FROM json_each(?))"
        return {id for some in _lists(ids) for (id,) in self._rows(query, [some])}

    def _rewrite(self, done: str) -> None:
        """Leave no copies: when SQLite moves rows between pages, it does not erase the old ones."""
        try:
            with self._lock, typed(self.path):
                self._db.execute("VACUUM")
        except StoreError as error:
            raise type(error)(
                f"{done}, but copies may be left in the file until more is forgotten: {error}"
            ) from error

    def _empty_log(self) -> bool:
        """Overwrite the write-ahead log; False where somebody is still reading it."""
        with self._lock, typed(self.path):
            busy, _, _ = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        return not busy

    def changes(self, since: int, *, own: bool = False) -> Changes | None:
        """What was stored and forgotten after a revision, by this process or another."""
        with self._lock:
            version = self._value("PRAGMA data_version")  # moves when others commit
            if version == self._data_version and not own:
                return None
            self._data_version = version
            rows = self._rows(
                "SELECT revision, engram, change FROM revisions WHERE revision > ?"
                " ORDER BY revision",
                [since],
            )
        forgotten = {engram for _, engram, change in rows if change == "forgotten"}
        stored = [id for _, id, change in rows if change == "stored" and id not in forgotten]
        slept = any(change == "slept" for _, _, change in rows)
        return Changes(rows[-1][0] if rows else since, stored, sorted(forgotten), slept)

    def students(self) -> list[KeptStudent]:
        """The students there are, one a sense."""
        found: list[KeptStudent] = []
        for version, sense, file, report in self._rows("SELECT * FROM students ORDER BY version"):
            with self._decoding(f"the student of {sense}"):
                found.append(KeptStudent(version, sense, file, json.loads(report)))
        return found

    def space(self, sense: str | None = None) -> Space:
        """Bytes of what is kept of the parts in a sense, or in all."""
        [sums] = self._rows(
            "SELECT coalesce(sum(length(code)), 0), coalesce(sum(length(bytes)), 0),"
            " coalesce(sum(length(latent)), 0), coalesce(sum(length(residual)), 0) FROM points"
            " LEFT JOIN originals ON originals.point = points.id"
            " LEFT JOIN schemas ON schemas.point = points.id WHERE ? IS NULL OR sense = ?",
            [sense, sense],
        )
        return Space(*sums)

    @property
    def newest_student(self) -> int:
        """The last version any student had; 0 when there never was one."""
        return self._last("students")

    def turn(self, night: Night, *, revision: int) -> bool:
        """Change what a sleep changes, unless something has happened since ``revision``.

        Where bytes were dropped, the files are rewritten without them, the write-ahead log when
        nobody reads it any more.

        Raises:
            OutdatedError: another sleep has used the version of one of its students.
            StoreFullError, StoreError: nothing was changed; or all was, as the message then says,
                and copies of what was dropped may be left.
        """
        with self._writing():
            if self.revision != revision:
                return False
            if any(student.version <= self.newest_student for student in night.students):
                raise OutdatedError(f"{self.path} has slept meanwhile; sleep again")
            write_night(self._db, night)
            if night.drop:
                self._sign(self._engrams_of(night.schemas))
        if night.drop:
            try:
                self._rewrite("slept")
                self._empty_log()
            except StoreError:
                self._data_version = -1  # so that ``changes`` tells what this call does not
                raise
        return True

    def _engrams_of(self, points: Iterable[int]) -> set[int]:
        query = "SELECT engram FROM points WHERE id IN (SELECT value FROM json_each(?))"
        return {engram for some in _lists(points) for (engram,) in self._rows(query, [some])}

    def _sign(self, engrams: Iterable[int]) -> None:
        """Renew the checksums of engrams whose points are not what they were."""
        for some in _lists(engrams):
            among = "(SELECT value FROM json_each(?))"
            signs = {
                id: checksum_of(0, content)
                for id, *content in self._rows(
                    f"SELECT id, time, label, document FROM engrams WHERE id IN {among}", [some]
                )
            }
            for _, engram, point in self.points(json.loads(some), originals=True):
                signs[engram] = checksum_of(signs[engram], point_content(point))
            self._db.executemany(
                "UPDATE engrams SET checksum = ? WHERE id = ?",
                ([checksum, id] for id, checksum in signs.items()),
            )

    def forget_students(self) -> None:
        """Let go of every student and schema; refused while a point is nothing but a schema."""
        with self._writing():
            bare = self._value(
                "SELECT count(*) FROM schemas JOIN points ON points.id = point"
                " WHERE length(code) = 0"
            )
            if bare:
                raise ConfigError(
                    f"{bare} points are kept as their schema alone; without a student they would"
                    " be lost"
                )
            self._db.execute("DELETE FROM schemas")
            self._db.execute("DELETE FROM students")
            self._db.execute("INSERT INTO revisions (engram, change) VALUES (0, 'slept')")

    def lease(self, holder: str, until: datetime, *, now: datetime) -> str | None:
        """Hold, or go on holding, the right to sleep; the name of who holds it instead."""
        with self._writing():
            return take_lease(self._db, holder, microseconds(until), now=microseconds(now))

    def release(self, holder: str) -> None:
        """Give the right to sleep back."""
        with self._writing():
            self._db.execute("DELETE FROM lease WHERE holder = ?", [holder])

    @property
    def revision(self) -> int:
        """The number of the newest change; 0 when there was none."""
        return self._value("SELECT coalesce(max(revision), 0) FROM revisions")

    def backup(self, path: Path) -> None:
        """Write a consistent copy to a new file, synced."""
        with self._lock, typed(path):
            copy = sqlite3.connect(path)
            try:
                copy.execute("PRAGMA synchronous = FULL")
                self._db.backup(copy)
            except BaseException:
                path.unlink(missing_ok=True)
                raise
            finally:
                copy.close()

    def check(self) -> list[str]:
        """What SQLite finds wrong with the file, rows that point nowhere, and changed content."""
        found: list[str] = []
        try:
            found += [text for (text,) in self._rows("PRAGMA integrity_check") if text != "ok"]
            for table, row, parent, _ in self._rows("PRAGMA foreign_key_check"):
                found.append(f"row {row} of {table} belongs to a missing row of {parent}")
            found += [f"engram {id} is not what was stored" for id in self._changed()]
            found += [f"the schema of point {id} is not what was stored" for id in self._blurred()]
            with self._decoding("the concepts"):
                found += faults(self.graph)
        except StoreError as error:
            found.append(str(error))
        return found

    def _changed(self) -> list[int]:
        """Engrams whose content does not have the checksum it was stored with."""
        rows = self._rows("SELECT id, checksum, time, label, document FROM engrams ORDER BY id")
        kept = {id: checksum for id, checksum, *_ in rows}
        found = {id: checksum_of(0, content) for id, _, *content in rows}
        for _, engram, point in self.points(originals=True):
            if engram in found:  # another process may have stored it just now
                found[engram] = checksum_of(found[engram], point_content(point))
        changed = [id for id, checksum in kept.items() if found[id] != checksum]
        present = self.present(changed)  # nor is one at fault that was forgotten meanwhile
        return [id for id in changed if id in present]

    def _blurred(self) -> list[int]:
        """Points whose schema does not have the checksum it was stored with."""
        rows = self._rows("SELECT point, checksum, student, latent, residual FROM schemas")
        return [id for id, checksum, *content in rows if checksum_of(0, content) != checksum]

    def close(self) -> None:
        """Let go of the file; the last one out empties the write-ahead log."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def _writing(self) -> Generator[None]:
        """One transaction: all of the block, or none of it."""
        if self.read_only:
            raise ReadOnlyError(f"{self.path} was opened with read_only=True")
        with self._lock, typed(self.path):
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._db.execute("COMMIT")
            except BaseException:
                if self._db.in_transaction:  # SQLite undoes some failures by itself
                    self._db.execute("ROLLBACK")
                raise

    @contextlib.contextmanager
    def _decoding(self, what: str) -> Generator[None]:
        try:
            yield
        except (ValueError, LookupError, TypeError, OverflowError) as error:
            raise DamagedError(
                f"{self.path} is damaged: {what} cannot be read ({error!r}); restore a backup"
            ) from error

    def _rows(self, query: str, values: Sequence[Any] = ()) -> list[tuple[Any, ...]]:
        """All rows at once: one left unread would keep this store from writing."""
        with self._lock, typed(self.path):
            return self._db.execute(query, values).fetchall()

    def _many(self, query: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each of many rows of values."""
        with self._lock, typed(self.path):
            self._db.executemany(query, rows)

    def _value(self, query: str) -> Any:
        return self._rows(query)[0][0]

    def _refuse_missing(self, ids: Sequence[int], found: Any) -> None:
        missing = [id for id in ids if id not in found]
        if missing:
            raise NotStoredError(
                f"no engram has id {missing[0]}; it was forgotten, or never stored"
            )


def _lists(ids: Iterable[int], size: int = FETCH) -> Iterator[str]:
    """Ids as JSON lists of a size SQLite likes."""
    ids = list(ids)
    for start in range(0, len(ids), size):
        yield json.dumps(ids[start : start + size], default=int)  # NumPy's integers are none


def _statements(script: str) -> Iterator[str]:
    statement = ""
    for line in script.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
