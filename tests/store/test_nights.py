"""What a night does to SQLite's files, beyond the contract of stores."""

import sqlite3
from contextlib import closing

import pytest
from tests.contracts.store import happened, meant, night, seen, state, taught, turn

from mnemic.errors import StoreError, StoreFullError
from mnemic.store import SqliteStore

COUNT = 200


def secret(number):
    return b"code of %04d " % number * 20


@pytest.fixture
def store(tmp_path):
    with closing(SqliteStore(tmp_path / "memory.sqlite", create={})) as store:
        store.add([happened(points=[seen(secret(number))]) for number in range(COUNT)])
        yield store


def dreamt(store, version=1, latent=b"l"):
    """A night that codes everything."""
    points = list(store.points())
    return night(
        [taught(version)],
        {kept.id: meant(version, latent) for kept in points},
        {kept.engram: 0.0 for kept in points},
        drop=True,
    )


def found_on_disk(store):
    """How many codes and originals are in the files."""
    files = b"".join(file.read_bytes() for file in store.path.parent.iterdir())
    return sum(secret(number) in files for number in range(COUNT)), files.count(b"as given")


def test_bytes_that_a_night_drops_are_in_no_file(store):
    size = sum(file.stat().st_size for file in store.path.parent.iterdir())
    assert found_on_disk(store) == (COUNT, COUNT)  # so the search does find
    assert store.turn(dreamt(store), revision=store.revision)
    assert found_on_disk(store) == (0, 0)
    assert sum(file.stat().st_size for file in store.path.parent.iterdir()) < size


def test_a_reader_does_not_keep_a_night_from_turning(store):
    store._db.execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(store.path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM points").fetchall()
        assert store.turn(dreamt(store), revision=store.revision)
        assert store.space().codes == 0
        reader.execute("COMMIT")
        turn(store, [], drop=True)
        assert found_on_disk(store) == (0, 0)


def test_a_night_on_a_full_disk_changes_nothing(store):
    before, revision = state(store), store.revision
    large = dreamt(store, latent=bytes(5000))
    store._db.execute(f"PRAGMA max_page_count = {store._value('PRAGMA page_count') + 20}")
    with pytest.raises(StoreFullError, match="full"):
        store.turn(large, revision=revision)
    assert (state(store), store.revision) == (before, revision)
    assert store.check() == []


def test_a_night_whose_file_cannot_be_rewritten_has_turned_and_says_so(store):
    since = store.revision
    store.changes(since)
    reading = store._db.execute("SELECT id FROM engrams")  # SQLite does not rewrite meanwhile
    reading.fetchone()
    with pytest.raises(StoreError, match="slept, but copies may be left"):
        store.turn(dreamt(store), revision=since)
    reading.close()
    assert store.changes(since).slept  # which otherwise tells only what others did
    assert store.students() == [taught(1)]
    assert store.space().codes == 0
    assert store.check() == []


def test_check_names_a_point_whose_schema_was_altered(store):
    one, two, *_ = turned = dreamt(store).schemas
    turn(store, [taught(1)], {id: meant(1, b"latent", b"residual") for id in turned})
    with closing(sqlite3.connect(store.path)) as raw, raw:
        raw.execute("UPDATE schemas SET latent = ? WHERE point = ?", [b"lament", one])
        raw.execute("UPDATE schemas SET residual = NULL WHERE point = ?", [two])
    assert store.check() == [
        f"the schema of point {id} is not what was stored" for id in (one, two)
    ]
