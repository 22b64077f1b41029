"""What every store must do, whatever it is made of."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.errors import NotStoredError, StoreError
from mnemic.records import Experience, Point

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
MISSING = 10**9

words = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
texts = st.text(st.characters(), max_size=12) | st.sampled_from(
    ["\0", "a\0b", "\ud800", "👩‍👩‍👧", "ﬁ"]
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
zones = st.sampled_from([UTC, timezone(timedelta(hours=-11, minutes=-30))])
moments = st.datetimes(timezones=zones, min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1))


# built in the tests: the type checker may not draw lots inside a strategy
points = st.fixed_dictionaries(
    {"sense": words, "code": st.binary(max_size=300), "known": st.none() | st.binary(max_size=20)},
    optional={"original": st.binary(max_size=6000)},
)
experiences = st.fixed_dictionaries(
    {
        "time": moments,
        "points": st.lists(points, max_size=3),
        "text": st.lists(texts, max_size=3).map(tuple),
        "label": st.none() | words,
        "metadata": st.dictionaries(texts, documents, max_size=3),
        "surprise": st.none() | st.floats(0, 1),
        "strength": st.floats(0, 10),
    }
)


def built(fields):
    """An experience with these fields."""
    points = []
    for point in fields["points"]:
        media_type = "a/b" if "original" in point else None
        points.append(Point(**point, media_type=media_type))
    return Experience(**{**fields, "points": tuple(points)})


def happened(minutes=0, *, label=None, points=()):
    """An experience some minutes after noon."""
    return Experience(
        time=NOON + timedelta(minutes=minutes), label=label, points=tuple(points), text=("seen",)
    )


def seen(code=b"code", sense="sight"):
    return Point(sense=sense, code=code, known=b"\xf0", original=b"as given", media_type="a/b")


def spoilt(record, **fields):
    """A record with values it was never meant to hold."""
    record = replace(record)
    for name, value in fields.items():
        object.__setattr__(record, name, value)
    return record


def whole(store, id):
    """An experience with its points, as it was before it was stored."""
    [kept] = store.get([id])
    points = tuple(kept.point for kept in store.points([id], originals=True))
    return replace(kept.experience, points=points)


def state(store):
    """Everything that can be read of a store."""
    return store.ids(), [whole(store, id) for id in store.ids()], list(store.points())


class StoreContract:
    """Tests of any store, given a new ``store`` and ``reopen()``, another one on the same data."""

    @given(given=st.lists(experiences, max_size=4))
    def test_what_is_read_is_what_was_stored(self, store, reopen, given):
        experiences = [built(fields) for fields in given]
        ids = [stored.id for stored in store.add(experiences)]
        assert [whole(store, id) for id in ids] == experiences
        with reopen() as other:
            assert [whole(other, id) for id in ids] == experiences

    def test_times_come_back_in_utc_to_the_microsecond(self, store):
        odd = datetime(1969, 12, 31, 23, 59, 59, 999_999, timezone(timedelta(hours=-5)))
        [stored] = store.add([replace(happened(), time=odd)])
        [kept] = store.get([stored.id])
        assert kept.experience.time == odd
        assert kept.experience.time.tzinfo is UTC

    def test_ids_are_never_used_again(self, store, reopen):
        first = store.add([happened(points=[seen()]), happened(points=[seen()])])
        store.forget([stored.id for stored in first])
        second = [*store.add([happened(points=[seen()])]), *reopen().add([happened()])]
        assert {stored.id for stored in first}.isdisjoint(stored.id for stored in second)
        before = {point.id for stored in first for point in stored.points}
        assert before.isdisjoint(point.id for stored in second for point in stored.points)

    def test_ids_are_in_order_of_time_and_then_of_storing(self, store):
        late, early, twin = (stored.id for stored in store.add([*map(happened, (5, -5, 5))]))
        assert store.ids() == [early, late, twin]

    def test_bounds_of_time_are_exclusive(self, store):
        before, at, after = (stored.id for stored in store.add([*map(happened, (-1, 0, 1))]))
        assert store.ids(after=NOON) == [after]
        assert store.ids(before=NOON) == [before]
        near = timedelta(microseconds=1)
        assert store.ids(after=NOON - near, before=NOON + near) == [at]

    def test_a_label_is_matched_whole(self, store):
        labels = ["cat", "cat", "Cat", "cats", "", None, "c%t", "cat\0"]
        ids = [stored.id for stored in store.add([happened(label=label) for label in labels])]
        assert store.ids(label="cat") == ids[:2]
        assert store.ids(label="") == [ids[4]]
        assert store.ids(label="c%t") == [ids[6]]
        assert store.ids(label="dog") == []

    def test_engrams_come_in_the_order_asked_for(self, store):
        one, two = (stored.id for stored in store.add([happened(1), happened(2)]))
        assert [kept.id for kept in store.get([two, one, two])] == [two, one, two]

    def test_points_come_oldest_first_and_only_those_asked_for(self, store):
        first, second = store.add(
            [happened(9, points=[seen(b"1"), seen(b"2", "sound")]), happened(points=[seen(b"3")])]
        )
        assert [kept.point.code for kept in store.points()] == [b"1", b"2", b"3"]
        assert [kept.engram for kept in store.points()] == [first.id, first.id, second.id]
        assert [kept.point.code for kept in store.points(sense="sight")] == [b"1", b"3"]
        assert [kept.point.code for kept in store.points([first.id], "sound")] == [b"2"]
        assert list(store.points([])) == []
        assert all(kept.point.original is None for kept in store.points())

    def test_many_points_are_read_once_each(self, store):
        store.add([happened(points=[seen(b"%d" % n)]) for n in range(4500)])
        codes = [b"%d" % n for n in range(4500)]
        assert [kept.point.code for kept in store.points()] == codes
        assert [kept.point.code for kept in store.points(store.ids())] == codes

    @pytest.mark.parametrize(
        "broken",
        [
            replace(happened(), metadata={"deep": object()}),
            happened(points=[seen(), spoilt(seen(), code="no bytes")]),
            happened(points=[spoilt(seen(), original="no bytes")]),
            happened(label="\ud800"),
            replace(happened(), time=datetime(2024, 1, 1)),
            spoilt(happened(), strength=None),
            happened(points=[seen(), seen(sense="\ud800")]),
        ],
        ids=["metadata", "code", "original", "label", "time", "strength", "sense"],
    )
    def test_a_failed_batch_leaves_nothing_behind(self, store, reopen, broken):
        [before] = store.add([happened(points=[seen()])])
        kept, revision = state(store), store.revision
        with pytest.raises((TypeError, ValueError, StoreError)):
            store.add([happened(points=[seen()]), broken, happened(points=[seen()])])
        assert state(store) == state(reopen()) == kept
        assert store.revision == revision
        [after] = store.add([happened(points=[seen()])])
        assert after.id > before.id

    def test_what_is_missing_is_named(self, store):
        [stored] = store.add([happened()])
        with pytest.raises(NotStoredError, match=str(MISSING)):
            store.get([stored.id, MISSING])

    def test_forgetting_a_missing_engram_forgets_none(self, store):
        [stored] = store.add([happened(points=[seen()])])
        before, revision = state(store), store.revision
        with pytest.raises(NotStoredError, match=str(MISSING)):
            store.forget([stored.id, MISSING])
        assert state(store) == before
        assert store.revision == revision

    def test_the_forgotten_are_gone_and_the_others_are_not(self, store, reopen):
        gone, stays = store.add([happened(points=[seen()]), happened(1, points=[seen(b"stays")])])
        store.forget([gone.id, gone.id])
        for each in (store, reopen()):
            assert (each.ids(), len(each)) == ([stays.id], 1)
            assert each.present([gone.id, stays.id, MISSING]) == {stays.id}
            assert list(each.points([gone.id])) == []
            assert [kept.point.code for kept in each.points()] == [b"stays"]
            with pytest.raises(NotStoredError):
                each.get([gone.id])

    def test_nothing_changed_unless_somebody_else_changed_it(self, store, reopen):
        other = reopen()
        store.changes(store.revision)
        other.changes(other.revision)
        since = store.revision
        [stored] = store.add([happened()])
        assert store.changes(since) is None
        assert store.changes(since, own=True).stored == [stored.id]
        assert other.changes(since).stored == [stored.id]
        assert other.changes(since) is None

    def test_changes_tell_what_others_stored_and_forgot(self, store, reopen):
        other = reopen()
        old, kept = store.add([happened(), happened()])
        since = store.revision
        assert other.changes(since) is not None
        new, brief = store.add([happened(), happened()])
        store.forget([brief.id])
        store.forget([old.id])
        changes = other.changes(since)
        assert (changes.stored, changes.forgotten) == ([new.id], [old.id, brief.id])
        assert changes.revision == store.revision > since
        assert kept.id in other.present([kept.id])
        assert store.changes(changes.revision, own=True).stored == []

    @settings(max_examples=40)  # each adds to the same store
    @given(steps=st.lists(st.booleans(), max_size=12))
    def test_following_the_changes_leads_to_the_truth(self, store, reopen, steps):
        with reopen() as other:
            since = other.revision
            other.changes(since)
            known = set(other.ids())
            for storing in steps:
                if storing or not store.ids():
                    store.add([happened(), happened()])
                else:
                    store.forget(store.ids()[-1:])
                if (changes := other.changes(since)) is not None:
                    known = (known - set(changes.forgotten)) | set(changes.stored)
                    since = changes.revision
                assert known == set(store.ids())

    def test_a_backup_opens_with_all_that_was_stored(self, store, reopen, tmp_path):
        store.add([happened(n, points=[seen(b"%d" % n)]) for n in range(20)])
        store.forget(store.ids()[:3])
        store.backup(tmp_path / "backup")
        before = state(store)
        store.add([happened()])
        copy = reopen(tmp_path / "backup")
        assert state(copy) == before
        assert copy.config == store.config
        assert copy.check() == []
        assert copy.add([happened()])[0].id > max(before[0])

    def test_a_backup_made_while_others_write_is_consistent(self, store, reopen, tmp_path):
        other, stop = reopen(), threading.Event()

        def write():
            while not stop.is_set():
                other.add([happened(points=[seen()])] * 2)

        with ThreadPoolExecutor(1) as pool:
            writing = pool.submit(write)
            for n in range(5):
                store.backup(tmp_path / f"backup{n}")
            stop.set()
            writing.result()
        for n in range(5):
            copy = reopen(tmp_path / f"backup{n}")
            assert copy.check() == []
            assert len(copy) % 2 == 0  # no half of a transaction
            assert len(list(copy.points())) == len(copy) == copy.revision

    def test_a_sound_store_has_no_faults(self, store, reopen):
        store.add([happened(n, label=f"{n % 3}", points=[seen()]) for n in range(50)])
        store.forget(store.ids()[::2])
        assert store.check() == []
        assert reopen().check() == []

    def test_several_threads_may_use_one_store(self, store):
        def live(thread):
            mine = []
            for n in range(20):
                [stored] = store.add([happened(n, label=f"{thread}", points=[seen(b"%d" % n)])])
                mine.append(stored.id)
                assert whole(store, stored.id).points == (seen(b"%d" % n),)
                assert set(mine) <= set(store.ids())
            store.forget(mine[:5])
            return mine[5:]

        with ThreadPoolExecutor(4) as pool:
            lived = list(pool.map(live, range(4)))
        assert len(store) == 4 * 15
        for thread, mine in enumerate(lived):
            assert set(store.ids(label=f"{thread}")) == set(mine)
        assert store.check() == []

    def test_reading_does_not_keep_from_writing(self, store, reopen):
        store.add([happened(points=[seen()]) for _ in range(3000)])
        reading = store.points()
        next(reading)
        reopen().add([happened(points=[seen()])])
        store.add([happened(points=[seen()])])
        store.forget([store.ids()[-1]])
        assert len(list(reading)) == 3000
