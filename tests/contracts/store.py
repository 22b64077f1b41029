"""What every store must do, whatever it is made of."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.errors import ConfigError, NotStoredError, OutdatedError, StoreError
from mnemic.protocols import KeptStudent, Night
from mnemic.records import Experience, Point, Schema

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
schemas = st.fixed_dictionaries(
    {"latent": st.binary(max_size=80), "residual": st.none() | st.binary(max_size=300)}
)
understood = st.tuples(points, st.none() | schemas)
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
    return Experience(**{**fields, "points": tuple(map(built_point, fields["points"]))})


def built_point(fields, schema=None):
    media_type = "a/b" if "original" in fields else None
    return Point(**fields, media_type=media_type, schema=schema)


def happened(minutes=0, *, label=None, points=()):
    """An experience some minutes after noon."""
    return Experience(
        time=NOON + timedelta(minutes=minutes), label=label, points=tuple(points), text=("seen",)
    )


def seen(code=b"code", sense="sight", schema=None):
    return Point(
        sense=sense, code=code, schema=schema, known=b"\xf0", original=b"as given", media_type="a/b"
    )


def meant(student=1, latent=b"latent", residual=None):
    return Schema(student=student, latent=latent, residual=residual)


def taught(version=1, sense="sight", **report):
    """A student, as the store knows it."""
    return KeptStudent(version, sense, f"{sense}-{version}.safetensors", report)


def night(students=(), schemas=(), strengths=(), **changes):
    return Night(students, dict(schemas), dict(strengths), **changes)


def turn(store, *given, **changes):
    """A night that comes in time."""
    assert store.turn(night(*given, **changes), revision=store.revision)


def only_point(stored):
    [point] = stored.points
    return point.id


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
    return (
        store.ids(),
        [whole(store, id) for id in store.ids()],
        list(store.points()),
        store.students(),
        store.newest_student,
        store.space(),
        store.config,
    )


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

    @given(given=st.lists(understood, min_size=1, max_size=4))
    def test_schemas_are_read_as_they_were_stored(self, store, reopen, given):
        version = store.newest_student + 1
        turn(store, [taught(version)])
        given = [built_point(point, schema and meant(version, **schema)) for point, schema in given]
        [stored] = store.add([happened(points=given)])
        assert [kept.point for kept in stored.points] == given
        with reopen() as other:
            for each in (store, other):
                assert whole(each, stored.id).points == tuple(given)
                assert [kept.point.schema for kept in each.points([stored.id])] == [
                    point.schema for point in given
                ]

    def test_a_store_that_never_slept_has_no_students(self, store):
        store.add([happened(points=[seen()])])
        assert (store.students(), store.newest_student) == ([], 0)

    def test_a_night_replaces_the_student_of_its_sense_and_no_other(self, store, reopen):
        report = {"usual errors": [0.1, 1e-300, 2.0], "config": {"loss": "l1", "none": None}}
        turn(store, [taught(1, "sight", **report), taught(2, "ß\0und")])
        turn(store, [taught(3, "sight", new=True)])
        turn(store, [])
        for each in (store, reopen()):
            assert each.students() == [taught(2, "ß\0und"), taught(3, "sight", new=True)]
            assert each.newest_student == 3
        turn(store, [taught(7, "ß\0und", **report)])
        assert store.students() == [taught(3, "sight", new=True), taught(7, "ß\0und", **report)]

    def test_the_version_of_a_student_is_never_used_again(self, store, reopen):
        turn(store, [taught(1), taught(2, "sound")])
        turn(store, [taught(3)])
        store.forget_students()
        before = state(store)
        assert store.newest_student == reopen().newest_student == 3
        for version in (1, 2, 3):
            with pytest.raises(OutdatedError, match="slept"):
                store.turn(night([taught(version)]), revision=store.revision)
        assert state(store) == state(reopen()) == before

    def test_a_night_changes_schemas_strengths_and_settings(self, store, reopen):
        stored = store.add([happened(n, points=[seen(b"%d" % n)]) for n in range(4)])
        one, two, three, four = (only_point(one) for one in stored)
        turn(store, [taught(1)], {one: meant(), two: meant(1, b"2", b"more"), three: meant(1, b"")})
        turn(
            store,
            [taught(2)],
            {one: meant(2, b"new"), two: meant(2)},
            {stored[0].id: 0.25, stored[3].id: 2.0},
            config={"made": "anew"},
        )
        for each in (store, reopen()):
            found = {kept.id: kept.point.schema for kept in each.points()}
            assert found == {
                one: meant(2, b"new"),
                two: meant(2),  # the residual went with the schema it belonged to
                three: meant(1, b""),
                four: None,
            }
            strengths = [kept.experience.strength for kept in each.get(each.ids())]
            assert strengths == [0.25, 1.0, 1.0, 2.0]
            assert each.config == {"made": "anew"}
            assert [kept.point.code for kept in each.points()] == [b"0", b"1", b"2", b"3"]
            assert whole(each, stored[0].id).points[0].original == b"as given"
            assert each.check() == []

    @pytest.mark.parametrize("whole_engrams", [True, False])
    def test_a_night_may_leave_nothing_but_schemas(self, store, reopen, whole_engrams):
        stored = store.add(
            [happened(n, points=[seen(b"%d" % n), seen(b"?", "sound")]) for n in range(6)]
        )
        coded = {one.points[0].id: meant(1, b"%d" % one.id) for one in stored[:4]}
        strengths = {one.id: 0.5 for one in stored[:4]} if whole_engrams else {}
        turn(store, [taught(1)], coded, strengths, drop=True)
        for each in (store, reopen()):
            for kept in each.points(originals=True):
                bare = kept.id in coded
                assert (kept.point.code == b"") == bare
                assert (kept.point.original is None) == (kept.point.media_type is None) == bare
                assert kept.point.schema == coded.get(kept.id)
                assert kept.point.known == b"\xf0"
            assert each.check() == []
        assert store.get([stored[0].id])[0].experience.text == ("seen",)

    def test_a_night_that_comes_too_late_changes_nothing(self, store, reopen):
        [stored] = store.add([happened(points=[seen()])])
        turn(store, [taught(1)], {only_point(stored): meant()})
        since = store.revision
        late = night(
            [taught(2)],
            {only_point(stored): meant(2)},
            {stored.id: 0.5},
            config={"made": "anew"},
            drop=True,
        )
        for happens in (
            lambda: store.add([happened()]),
            lambda: reopen().add([happened()]),
            lambda: store.forget([store.ids()[-1]]),
            lambda: turn(store, []),
            lambda: turn(reopen(), []),
        ):
            happens()
            before, revision = state(store), store.revision
            assert not store.turn(late, revision=since)
            assert state(store) == state(reopen()) == before
            assert store.revision == since + 1 == revision
            since = revision
        assert store.turn(late, revision=store.revision)

    @pytest.mark.parametrize(
        "broken",
        [
            {"students": [taught(2, "sound"), taught(3, new=object())]},
            {"students": [taught(2, "sound"), taught(2, "sight")]},
            {"students": [taught(2, "\ud800")]},
            {"schemas": {1: meant(2, b"other"), MISSING: meant(2)}},
            {"schemas": {1: meant(2, b"other"), 2: spoilt(meant(2), latent=None)}},
            {"schemas": {1: spoilt(meant(2), residual="no bytes")}},
            {"strengths": {1: 0.5, 2: None}},
            {"config": {"made": object()}},
        ],
        ids=["report", "version", "sense", "point", "latent", "residual", "strength", "config"],
    )
    @pytest.mark.parametrize("drop", [False, True])
    def test_a_failed_night_leaves_nothing_behind(self, store, reopen, broken, drop):
        store.add([happened(n, points=[seen(b"%d" % n)]) for n in range(2)])
        turn(store, [taught(1)], {1: meant()})
        before, revision = state(store), store.revision
        fields = {"students": [taught(2)], "schemas": {2: meant(2)}, "strengths": {2: 0.5}}
        with pytest.raises((TypeError, ValueError, StoreError)):
            store.turn(night(**(fields | broken), drop=drop), revision=revision)
        assert state(store) == state(reopen()) == before
        assert store.revision == revision
        turn(store, [taught(2)], {2: meant(2)}, {2: 0.5}, drop=drop)
        assert store.check() == []

    def test_changes_tell_that_others_slept(self, store, reopen):
        other = reopen()
        [stored] = store.add([happened(points=[seen()])])
        since = store.revision
        for each in (store, other):
            each.changes(since)
        turn(store, [taught(1)], {only_point(stored): meant()})
        [new] = store.add([happened()])
        changes = other.changes(since)
        assert (changes.slept, changes.stored, changes.forgotten) == (True, [new.id], [])
        assert store.changes(since) is None
        assert store.changes(since, own=True).slept
        assert not store.changes(changes.revision, own=True).slept
        store.add([happened()])
        assert not other.changes(changes.revision).slept
        store.forget_students()
        assert other.changes(changes.revision).slept

    def test_what_is_of_a_student_that_is_no_more_is_refused(self, store, reopen):
        turn(store, [taught(1), taught(2, "sound")])
        now = happened(points=[seen(schema=meant(1)), seen(sense="sound", schema=meant(2))])
        store.add([now])
        turn(reopen(), [taught(3)])
        before, revision = state(store), store.revision
        for stale in (now, happened(points=[seen(schema=meant(4))])):
            with pytest.raises(OutdatedError, match="slept"):
                store.add([happened(points=[seen()]), stale, happened()])
        assert state(store) == before
        assert store.revision == revision
        new = seen(schema=meant(3))
        [stored] = store.add([happened(points=[new, now.points[1]])])
        assert whole(store, stored.id).points == (new, now.points[1])

    def test_a_schema_is_forgotten_with_its_engram(self, store, reopen):
        turn(store, [taught(1)])
        schema = meant(1, b"l" * 10, b"r" * 100)
        gone, stays = store.add([happened(n, points=[seen(schema=schema)]) for n in range(2)])
        store.forget([gone.id])
        for each in (store, reopen()):
            assert each.space()[2:] == (10, 100)
            assert [kept.point.schema for kept in each.points()] == [schema]
            assert each.check() == []
        store.forget([stays.id])
        assert store.space() == (0, 0, 0, 0)
        assert store.students() == [taught(1)]  # what it learned, nobody can take out of it

    @settings(max_examples=20)  # each adds to the same store
    @given(given=st.lists(understood, max_size=4))
    def test_space_is_the_sum_of_what_is_kept(self, store, given):
        version = store.newest_student + 1
        turn(store, [taught(version)])
        store.add(
            [
                happened(points=[built_point(point, schema and meant(version, **schema))])
                for point, schema in given
            ]
        )
        points = [kept.point for kept in store.points(originals=True)]
        for sense in (None, "nobody has it", *{point.sense for point in points}):
            mine = [point for point in points if sense in (None, point.sense)]
            of_mine = [point.schema for point in mine if point.schema is not None]
            assert store.space(sense) == (
                sum(len(point.code) for point in mine),
                sum(len(point.original or b"") for point in mine),
                sum(len(schema.latent) for schema in of_mine),
                sum(len(schema.residual or b"") for schema in of_mine),
            )

    def test_students_are_not_forgotten_while_a_point_is_nothing_but_a_schema(self, store, reopen):
        empty = Point(sense="sound", code=b"")  # to its sense, that may be all there is
        bare, full = store.add([happened(points=[seen()]), happened(points=[seen(), empty])])
        turn(store, [taught(1)], {full.points[0].id: meant()}, {})
        turn(store, [taught(2)], {only_point(bare): meant(2)}, {bare.id: 0.0}, drop=True)
        before, revision = state(store), store.revision
        with pytest.raises(ConfigError, match=r"1 points .* would be lost"):
            store.forget_students()
        assert state(store) == state(reopen()) == before
        assert store.revision == revision
        store.forget([bare.id])
        store.forget_students()
        for each in (store, reopen()):
            assert each.students() == []
            assert each.newest_student == 2
            assert [kept.point.schema for kept in each.points()] == [None, None]
            assert each.space()[2:] == (0, 0)
            assert each.check() == []

    def test_one_alone_may_sleep_until_it_is_done_or_its_time_is_over(self, store, reopen):
        other, soon, later = reopen(), NOON + timedelta(minutes=5), NOON + timedelta(minutes=10)
        assert store.lease("one", soon, now=NOON) is None
        for each in (store, other):
            assert each.lease("two", soon, now=NOON) == "one"
        assert store.lease("one", later, now=NOON) is None  # the same may go on
        assert other.lease("two", later, now=soon) == "one"
        other.release("two")  # nobody gives back what another holds
        assert other.lease("two", later, now=soon) == "one"
        store.release("one")
        assert other.lease("two", soon, now=NOON) is None
        near = timedelta(microseconds=1)
        assert store.lease("one", later, now=soon - near) == "two"
        assert store.lease("one", later, now=soon) is None
        assert other.lease("two", later, now=soon) == "one"  # its time was over

    def test_a_lease_is_no_change(self, store, reopen):
        before, revision = state(store), store.revision
        store.lease("one", NOON, now=NOON)
        assert reopen().lease("two", NOON, now=NOON - timedelta(1)) == "one"
        assert (state(store), store.revision) == (before, revision)
        assert store.check() == []

    def test_of_many_who_want_to_sleep_one_may(self, store, reopen):
        stores = [store, *(reopen() for _ in range(3))]

        def ask(number):
            until = NOON + timedelta(minutes=1)
            return stores[number % 4].lease(f"{number}", until, now=NOON)

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, range(40)))
        [holder] = [number for number, answer in enumerate(answers) if answer is None]
        assert set(answers) == {None, f"{holder}"}

    @settings(max_examples=12)  # each adds to the same store
    @given(steps=st.lists(st.sampled_from(["add", "sleep", "drop", "forget", "lose"]), max_size=8))
    def test_whatever_happens_a_store_stays_sound(self, store, reopen, steps):
        with reopen() as other:
            for step in steps:
                version = store.newest_student
                if step == "add":
                    fresh = {one.version for one in other.students()} & {version}
                    point = seen(schema=meant(version) if fresh else None)
                    other.add([happened(points=[point, seen(sense="sound")])] * 2)
                elif step in ("sleep", "drop"):
                    points = list(other.points(sense="sight"))
                    schemas = {kept.id: meant(version + 1) for kept in points}
                    strengths = {kept.engram: 0.5 for kept in points}
                    turn(other, [taught(version + 1)], schemas, strengths, drop=step == "drop")
                elif step == "forget":
                    store.forget(store.ids()[1::2])
                elif any(not kept.point.code for kept in store.points()):
                    with pytest.raises(ConfigError):
                        store.forget_students()
                else:
                    store.forget_students()
                assert store.check() == other.check() == []
                assert state(store) == state(other)
                current = {one.version for one in store.students()}
                schemas = [kept.point.schema for kept in store.points()]
                assert {schema.student for schema in schemas if schema is not None} <= current
