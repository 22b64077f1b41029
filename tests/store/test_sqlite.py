"""The contract of stores, and what is SQLite's own."""

import os
import random
import resource
import signal
import sqlite3
import threading
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count
from multiprocessing import get_context

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contracts.store import NOON, StoreContract, happened, seen, state

from mnemic.errors import (
    MnemicError,
    NewerVersionError,
    NotAMemoryError,
    ReadOnlyError,
    StoreBusyError,
    StoreError,
    StoreFullError,
)
from mnemic.records import Experience, Point
from mnemic.store import SqliteStore
from mnemic.store.migrations import APPLICATION_ID, STEPS

FILE = "memory.sqlite"


class Closing(SqliteStore):
    """A store for use in a ``with``."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture
def path(tmp_path):
    (tmp_path / "a #1?%20 folder").mkdir()
    return tmp_path / "a #1?%20 folder" / FILE


@pytest.fixture
def reopen(path):
    with ExitStack() as opened:
        yield lambda at=path, **options: opened.enter_context(Closing(at, **options))


@pytest.fixture
def store(reopen):
    return reopen(create={"made": "for tests"})


class TestSqliteStore(StoreContract):
    """SQLite keeps the contract of stores."""


def test_commits_are_synced_and_deletions_overwritten(store, path):
    assert store._value("PRAGMA journal_mode") == "wal"
    assert store._value("PRAGMA synchronous") == 2  # FULL
    assert store._value("PRAGMA secure_delete") == 1
    assert store._value("PRAGMA foreign_keys") == 1
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert raw.execute("PRAGMA user_version").fetchone() == (len(STEPS),)


def test_the_settings_it_was_made_with_stay(store, reopen):
    assert reopen().config == reopen(create={"made": "otherwise"}).config == {"made": "for tests"}


def test_a_reader_sees_but_does_not_write(store, reopen):
    [stored] = store.add([happened()])
    reader = reopen(read_only=True)
    assert reader.ids() == [stored.id]
    for change in (lambda: reader.add([happened()]), lambda: reader.forget([stored.id])):
        with pytest.raises(ReadOnlyError, match="read_only=True"):
            change()
    assert store.ids() == [stored.id]


def test_a_file_of_a_newer_version_is_refused(store, reopen, path):
    store.close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    with pytest.raises(NewerVersionError, match="upgrade mnemic"):
        reopen()


def foreign_database(path):
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("CREATE TABLE theirs (x)")


@pytest.mark.parametrize(
    "write",
    [
        foreign_database,
        lambda path: path.write_bytes(b"x"),
        lambda path: path.write_bytes(b"not a database " * 1000),
        lambda path: path.write_bytes(b"SQLite format 3\0" + bytes(5000)),
    ],
    ids=["another program's database", "one byte", "text", "only a header"],
)
@pytest.mark.parametrize("options", [{}, {"create": {}}, {"read_only": True}], ids=str)
def test_what_is_no_memory_is_refused_and_left_as_it_was(reopen, path, write, options):
    write(path)
    before = path.read_bytes()
    with pytest.raises(NotAMemoryError):
        reopen(**options)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_a_missing_file_is_not_made_unless_asked_for(reopen, path):
    with pytest.raises(StoreError, match=FILE):
        reopen()
    assert not path.exists()


def test_a_memory_that_was_being_made_when_killed_opens(reopen, path):
    path.touch()
    with pytest.raises(NotAMemoryError, match="create="):
        reopen()
    with closing(sqlite3.connect(path)) as raw:  # killed just before the migration
        raw.execute("PRAGMA journal_mode = WAL")
    assert reopen(create={}).add([happened()])


def test_a_memory_opened_by_many_at_once_is_made_once(reopen, path):
    gate, found = threading.Barrier(8), []

    def make(number):
        gate.wait()
        found.append(reopen(create={"made by": number}).config)

    for _ in range(5):
        found.clear()
        threads = [threading.Thread(target=make, args=[number]) for number in range(8)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        assert len(found) == 8
        assert all(config == found[0] for config in found)
        [each.unlink(missing_ok=True) for each in path.parent.iterdir()]


def secrets(number, length):
    """An experience that carries a word of its own in every place, and the word."""
    word = f"secret-{number:04}-" * length
    data = word.encode()
    point = Point(sense="s", code=data, known=data[:9], original=data * 30, media_type=word)
    experience = replace(
        happened(number * 7919 % 100), text=(word,), label=word, metadata={word: word}
    )
    return replace(experience, points=(point,)), f"secret-{number:04}-".encode()


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32 - 1))
def test_bytes_that_were_forgotten_are_in_no_file(tmp_path_factory, seed):
    rng, numbers = random.Random(seed), count()
    folder = tmp_path_factory.mktemp("secrets")
    with Closing(folder / FILE, create={}) as store:
        words = {}
        for _ in range(6):
            made = [secrets(next(numbers), rng.choice([1, 4, 20])) for _ in range(20)]
            stored = store.add([experience for experience, _ in made])
            words |= {one.id: word for one, (_, word) in zip(stored, made, strict=True)}
            store.forget(rng.sample(store.ids(), len(store) // 2))
            kept = set(store.ids())
            files = b"".join(file.read_bytes() for file in folder.iterdir())
            assert [word for id, word in words.items() if id not in kept and word in files] == []
            assert all(words[id] in files for id in kept)  # so the search does find


def test_forgetting_says_when_a_reader_keeps_the_bytes_on_disk(store, path):
    [stored] = store.add([happened()])
    store._db.execute("PRAGMA busy_timeout = 20")
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM engrams").fetchall()
        with pytest.raises(StoreBusyError, match="forgotten, but"):
            store.forget([stored.id])
        assert store.ids() == []


def test_a_memory_that_another_holds_is_busy_and_unchanged(reopen, path, monkeypatch):
    monkeypatch.setattr("mnemic.store.sqlite.WAIT", 0.05)
    store = reopen(create={})
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreBusyError, match="try again"):
            store.add([happened()])
        assert store.ids() == []
    assert store.add([happened()])


def test_a_full_file_stores_nothing_more_and_loses_nothing(store, reopen):
    store.add([happened(points=[seen()])])
    before = state(store)
    store._db.execute(f"PRAGMA max_page_count = {store._value('PRAGMA page_count') + 60}")
    with pytest.raises(StoreFullError, match="full"):
        store.add([happened(points=[seen(os.urandom(9000))] * 50)])
    assert state(store) == state(reopen()) == before
    assert store.check() == []


def write_until_the_disk_is_full(path, size, to):
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
    acknowledged = []
    try:
        store = SqliteStore(path, create={})
        for number in range(1000):
            store.add([happened(number, points=[seen(b"%d" % number * 3000)])])
            acknowledged.append(number)
        to.send((acknowledged, None))
    except StoreError as error:
        faults = store.check() if acknowledged else []
        to.send((acknowledged, (type(error).__name__, faults)))


@pytest.mark.parametrize("size", [100, 5_000, 100_000, 1_000_000])
def test_a_full_disk_is_told_and_loses_nothing(reopen, path, size):
    parent, child = get_context("fork").Pipe()
    writer = get_context("fork").Process(
        target=write_until_the_disk_is_full, args=(path, size, child)
    )
    writer.start()
    acknowledged, (error, faults) = parent.recv()
    writer.join()
    assert error in ("StoreError", "StoreFullError")
    assert faults == []
    store = reopen(create={})
    assert [kept.point for kept in store.points(originals=True)] == [
        seen(b"%d" % number * 3000) for number in acknowledged
    ]
    assert len(store) == len(acknowledged)
    assert store.check() == []
    store.add([happened(points=[seen()])])


def sound_file(path):
    with Closing(path, create={"made": "for damage"}) as store:
        for number in range(40):
            size = [10, 300, 9000][number % 3]
            point = seen(bytes([number]) * size)
            store.add([happened(number, label=f"{number % 7}", points=[point])])
        return path, state(store), store.config


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    path, kept, config = sound_file(tmp_path_factory.mktemp("sound") / FILE)
    return path.read_bytes(), kept, config


@settings(max_examples=100)
@given(seed=st.integers(0, 2**32 - 1), way=st.sampled_from(["flip", "page", "truncate"]))
def test_damage_is_found_or_did_no_harm(tmp_path_factory, sound, seed, way):
    content, kept, config = sound
    path = tmp_path_factory.mktemp("damaged") / FILE
    damaged, rng = bytearray(content), random.Random(seed)
    at = rng.randrange(len(content))
    if way == "flip":
        for place in range(at, min(at + rng.choice([1, 40]), len(content))):
            damaged[place] ^= rng.randint(1, 255)
    elif way == "page":
        at -= at % 4096
        damaged[at : at + 4096] = rng.choice([b"\0", b"\xff", b"mn"]) * 4096
    path.write_bytes(damaged[:at] if way == "truncate" else damaged[: len(content)])
    faults = []
    try:
        with Closing(path) as store:
            faults = store.check()
            read = state(store), store.config
    except MnemicError:
        return
    assert faults or read == (kept, config)


def test_check_names_an_engram_whose_bytes_have_changed(store, path):
    one, two = store.add([happened(points=[seen(b"here")]), happened(points=[seen(b"there")])])
    with closing(sqlite3.connect(path)) as raw, raw:
        raw.execute("UPDATE points SET code = ? WHERE engram = ?", [b"hare", one.id])
        raw.execute("UPDATE engrams SET label = 'new' WHERE id = ?", [two.id])
    faults = store.check()
    assert [fault.startswith(f"engram {one.id} ") for fault in faults] == [True, False]
    assert faults[1].startswith(f"engram {two.id} ")


def test_an_experience_needs_no_points(store):
    [stored] = store.add([Experience(time=NOON)])
    assert store.check() == []
    assert stored.points == ()
