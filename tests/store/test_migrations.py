"""A store of an earlier format is brought up to date when it is opened, and loses nothing."""

import json
import sqlite3
import threading
from contextlib import closing
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.store import (
    built,
    experiences,
    happened,
    meant,
    only_point,
    seen,
    taught,
    turn,
    whole,
)

from mnemic import Memory
from mnemic.errors import NewerVersionError, ReadOnlyError, StoreError
from mnemic.folder import MemoryConfig, fingerprint
from mnemic.records import Point
from mnemic.store import SqliteStore
from mnemic.store.migrations import APPLICATION_ID, STEPS
from mnemic.store.rows import experience_row

CONFIG = {"made": "long ago"}
ONE, TWO = happened(label="a", points=[seen(b"1"), seen(b"2", "sound")]), happened(5)


def write_format_1(path, experiences=(ONE, TWO), config=CONFIG):
    """A store as the first format had it."""
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.executescript(STEPS[0])
        raw.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        raw.execute("PRAGMA user_version = 1")
        raw.execute("INSERT INTO config VALUES (?)", [json.dumps(config)])
        for experience in experiences:
            engram = raw.execute(
                "INSERT INTO engrams (time, label, document, checksum, surprise, strength)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                experience_row(experience),
            ).lastrowid
            raw.execute("INSERT INTO revisions (engram, change) VALUES (?, 'stored')", [engram])
            for point in experience.points:
                id = raw.execute(
                    "INSERT INTO points (engram, sense, code, known) VALUES (?, ?, ?, ?)",
                    [engram, point.sense, point.code, point.known],
                ).lastrowid
                if point.original is not None:
                    row = [id, point.media_type, point.original]
                    raw.execute("INSERT INTO originals VALUES (?, ?, ?)", row)


@pytest.fixture
def path(tmp_path):
    write_format_1(tmp_path / "memory.sqlite")
    return tmp_path / "memory.sqlite"


def user_version(path):
    with closing(sqlite3.connect(path)) as raw:
        return raw.execute("PRAGMA user_version").fetchone()[0]


def tables(path):
    with closing(sqlite3.connect(path)) as raw:
        return set(raw.execute("SELECT type, name, sql FROM sqlite_schema"))


@settings(max_examples=20)
@given(given=st.lists(experiences, max_size=4))
def test_an_old_store_opens_with_all_that_was_in_it(tmp_path_factory, given):
    path, before = tmp_path_factory.mktemp("old") / "memory.sqlite", [*map(built, given)]
    write_format_1(path, before)
    for _ in range(2):  # it is upgraded once, and then is as any other
        with closing(SqliteStore(path)) as store:
            assert [whole(store, id) for id in sorted(store.ids())] == before
            assert store.config == CONFIG
            assert store.revision == len(before)
            assert store.check() == []
        assert user_version(path) == len(STEPS)


def test_an_upgraded_store_has_the_tables_of_a_new_one(path, tmp_path):
    SqliteStore(path).close()
    SqliteStore(tmp_path / "new.sqlite", create={}).close()
    assert tables(path) == tables(tmp_path / "new.sqlite")


def test_an_upgraded_store_can_all_that_a_new_one_can(path):
    with closing(SqliteStore(path, create={"made": "now"})) as store:
        assert store.config == CONFIG
        assert (store.students(), store.newest_student) == ([], 0)
        assert all(kept.point.schema is None for kept in store.points())
        [three] = store.add([happened(9, points=[seen(b"3")])])
        assert three.id == 3
        assert [kept.id for kept in store.points()] == [1, 2, 3]
        turn(store, [taught(1)], {1: meant(), 3: meant(1, b"3")}, {1: 0.5, 3: 0.0}, drop=True)
        [four] = store.add([happened(points=[seen(b"4", schema=meant(1, b"4"))])])
        assert [kept.point.code for kept in store.points()] == [b"", b"2", b"", b"4"]
        assert store.lease("me", ONE.time, now=ONE.time) is None
        store.forget([three.id])
        assert store.space().latents == len(b"latent") + len(b"4")
        assert whole(store, four.id).points[0].schema == meant(1, b"4")
        assert store.check() == []


def test_an_old_memory_answers_and_sleeps(tmp_path):
    config = MemoryConfig(resolution=8, channels=1)
    made_with = {"resolution": 8, "channels": 1, "vector": None, "keep": "original"}
    senses = {sense.name: fingerprint(sense) for sense in config.senses()}
    picture = bytes(range(64))
    points = [Point(sense="pixels", code=picture), Point(sense="pixels", code=picture[::-1])]
    write_format_1(
        tmp_path / "memory.sqlite",
        [happened(label="a", points=[point]) for point in points],
        {"made_with": made_with, "senses": senses},
    )
    with Memory.open(tmp_path) as memory:
        shown = memory[2].image
        assert shown.tobytes() == picture[::-1]
        assert memory.recall(image=shown).engram.id == 2
        assert memory.config == config
        memory.sleep(replays=4, epochs=1)
        assert memory.infer(image=shown).image.shape == (8, 8)
        assert memory.check() == []


@pytest.mark.parametrize(
    "alter",
    [
        "UPDATE schemas SET latent = x'00' WHERE point = {}",
        "UPDATE schemas SET residual = x'' WHERE point = {}",
        "UPDATE schemas SET residual = NULL WHERE point = {}",
        "UPDATE schemas SET student = 7 WHERE point = {}",
        "UPDATE schemas SET checksum = checksum + 1 WHERE point = {}",
    ],
)
def test_check_names_a_schema_that_was_altered(path, alter):
    with closing(SqliteStore(path)) as store:
        schema = meant(1, b"latent", b"residual")
        turn(store, [taught(1)], {1: schema, 2: schema})
        [stored] = store.add([happened(points=[seen(schema=schema)])])
        assert store.check() == []
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute(alter.format(only_point(stored)))
        assert store.check() == ["the schema of point 3 is not what was stored"]


def test_check_names_a_schema_whose_point_is_missing(path):
    with closing(SqliteStore(path)) as store:
        turn(store, [taught(1)], {1: meant()})
        with closing(sqlite3.connect(path)) as raw, raw:
            raw.execute("UPDATE schemas SET point = 77")
        assert store.check() == ["row 77 of schemas belongs to a missing row of points"]


def test_an_old_store_is_not_upgraded_by_one_who_only_reads(path):
    before = path.read_bytes()
    with pytest.raises(ReadOnlyError, match="older format; open it once to upgrade it"):
        SqliteStore(path, read_only=True)
    assert path.read_bytes() == before
    SqliteStore(path).close()
    with closing(SqliteStore(path, read_only=True)) as reader:
        assert [whole(reader, id) for id in reader.ids()] == [ONE, TWO]
        assert reader.students() == []


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(path, monkeypatch):
    before = tables(path)
    monkeypatch.setattr(
        "mnemic.store.sqlite.STEPS", (*STEPS[:1], f"{STEPS[1]} INSERT INTO nowhere VALUES (1);")
    )
    with pytest.raises(StoreError, match="nowhere"):
        SqliteStore(path)
    assert (tables(path), user_version(path)) == (before, 1)
    monkeypatch.undo()
    with closing(SqliteStore(path)) as store:
        assert [whole(store, id) for id in store.ids()] == [ONE, TWO]


def test_an_old_store_opened_by_many_at_once_is_upgraded_once(path):
    gate, failed = threading.Barrier(8), []

    def open_at_once():
        gate.wait()
        try:
            with closing(SqliteStore(path)) as store:
                assert [whole(store, id) for id in store.ids()] == [ONE, TWO]
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=open_at_once) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert failed == []
    assert user_version(path) == len(STEPS)


def test_an_earlier_mnemic_would_refuse_an_upgraded_store(path, monkeypatch):
    SqliteStore(path).close()
    monkeypatch.setattr("mnemic.store.sqlite.STEPS", STEPS[:1])
    with pytest.raises(NewerVersionError, match=f"format {len(STEPS)}, this mnemic reads up to 1"):
        SqliteStore(path)


def test_the_labels_of_an_old_store_are_concepts_of_the_new_one(tmp_path):
    path = tmp_path / "memory.sqlite"
    words = happened(7, label="b")  # a label, and no part in any sense
    given = [ONE, TWO, happened(6, label="a", points=[seen(b"3")]), words, happened(8, label="  ")]
    write_format_1(path, given)
    for _ in range(2):
        with closing(SqliteStore(path)) as store:
            a, b = store.graph.named("a"), store.graph.named("b")
            assert store.graph.names() == ["a", "b"]
            assert [(one.id, one.label, one.root) for one in store.graph.roots()] == [
                (a, "a", a),
                (b, "b", b),
            ]
            assert {(one.engram, one.point) for one in store.graph.links(a)} == {
                (1, 1),
                (1, 2),
                (3, 3),
            }
            assert [(one.engram, one.point) for one in store.graph.links(b)] == [(4, None)]
            assert store.check() == []


def test_damage_from_before_the_upgrade_is_still_told(tmp_path):
    path = tmp_path / "memory.sqlite"
    write_format_1(path)
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE points SET code = x'00' WHERE id = 1")
    with closing(SqliteStore(path)) as store:
        assert store.check() == ["engram 1 is not what was stored"]
        altered = replace(ONE.points[0], code=b"\0")
        assert whole(store, 1).points == (altered, ONE.points[1])
