"""Merging, splitting, renaming, placing: each kept as an event, each taken back to the byte."""

import random
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.concepts.conftest import NOON, image, known

from mnemic.concepts.changes import Changes
from mnemic.errors import ConfigError, NotStoredError
from mnemic.store import SqliteStore


def test_a_merged_concept_has_the_points_and_the_names_of_both(store, changes):
    ja, aniston = known(store, "JA"), known(store, "Jennifer Aniston", 2)
    assert changes.merge(aniston, ja, now=NOON) == aniston
    assert {one.engram for one in store.graph.links(aniston)} == {1, 2, 3, 4, 5}
    assert store.graph.names_of(aniston) == ["JA", "Jennifer Aniston"]
    assert changes.root(ja).id == aniston
    assert store.check() == []


def test_what_is_remembered_by_a_merged_label_goes_back_with_it(store, changes):
    ja, aniston = known(store, "JA"), known(store, "Jennifer Aniston", 2)
    changes.merge(aniston, ja, now=NOON)
    known(store, "JA", 1)
    assert len(store.graph.links(aniston)) == 6
    changes.undo(None)
    assert (len(store.graph.links(ja)), len(store.graph.links(aniston))) == (4, 2)


def test_merges_are_undone_in_any_order(store, changes):
    a, b, c = known(store, "a"), known(store, "b"), known(store, "c")
    before = image(store)
    changes.merge(a, b, now=NOON)
    changes.merge(c, a, now=NOON)
    assert changes.root(b).id == c
    changes.undo(1)
    assert (changes.root(b).id, changes.root(a).id) == (b, c)
    changes.undo(2)
    assert image(store) == before
    assert [event.undone for event in store.events.all()] == [True, True]


def test_split_points_are_a_concept_of_their_own_and_come_back(store, changes):
    dogs = known(store, "dogs", 4)
    before = image(store)
    rex = changes.split(dogs, [2, 3], label="Rex", now=NOON)
    assert {one.point for one in store.graph.links(rex)} == {2, 3}
    assert {one.point for one in store.graph.links(dogs)} == {1, 4}
    assert store.graph.named("Rex") == rex
    changes.undo(None)
    assert image(store) == before


def test_what_came_to_a_split_concept_since_goes_where_it_was_split_from(store, changes):
    dogs = known(store, "dogs", 4)
    changes.split(dogs, [2, 3], label="Rex", now=NOON)
    known(store, "Rex", 2)
    changes.undo(None)
    assert len(store.graph.links(dogs)) == 6
    assert store.graph.named("Rex") == dogs  # the same label, the same node, still
    assert store.check() == []


def test_a_split_that_others_build_on_says_which_to_undo_first(store, changes):
    dogs, cats = known(store, "dogs", 4), known(store, "cats")
    rex = changes.split(dogs, [2, 3], label="Rex", now=NOON)
    changes.merge(rex, cats, now=NOON)
    changes.rename(rex, "T. rex", now=NOON)
    with pytest.raises(ConfigError, match="undo event 3, then event 2 first"):
        changes.undo(1)
    for event in (3, 2, 1):
        changes.undo(event)
    with pytest.raises(ConfigError, match=r"event 1 \(split\) was undone already"):
        changes.undo(1)
    with pytest.raises(NotStoredError, match="nothing to undo"):
        changes.undo(None)


def test_a_renamed_concept_is_found_by_both_names(store, changes):
    node = known(store, "Jeniffer")
    before = image(store)
    changes.rename(node, "Jennifer", now=NOON)
    assert store.graph.named("Jeniffer") == store.graph.named("Jennifer") == node
    changes.rename(node, "Jeniffer", now=NOON)
    with pytest.raises(ConfigError, match="undo event 2 first"):
        changes.undo(1)
    changes.undo(2)
    changes.undo(1)
    assert image(store) == before


def test_a_placed_concept_is_below_its_new_parents_alone(store, changes):
    dog, pet, animal = (known(store, label) for label in ("dog", "pet", "animal"))
    before = image(store)
    changes.place(dog, [pet, animal], now=NOON)
    changes.place(pet, [animal], now=NOON)
    changes.place(dog, [pet], now=NOON)
    assert store.graph.parents_of(dog) == [pet]
    assert [node.id for node, _ in store.graph.above(dog)] == [dog, pet, animal]
    with pytest.raises(ConfigError, match="undo event 3 first"):
        changes.undo(1)
    for event in (3, 2, 1):
        changes.undo(event)
    assert image(store) == before


@pytest.mark.parametrize(
    ("do", "error", "says"),
    [
        (lambda c: c.merge(1, 1, now=NOON), ConfigError, r"concept 1 \('a'\) cannot be merged"),
        (lambda c: c.merge(1, 99, now=NOON), NotStoredError, "no concept has id 99"),
        (lambda c: c.split(1, [], label=None, now=NOON), ConfigError, "3 points, and 0 were"),
        (lambda c: c.split(1, [1, 2, 3], label=None, now=NOON), ConfigError, "leave some"),
        (lambda c: c.split(1, [4], label=None, now=NOON), ConfigError, "point 4 is not of"),
        (lambda c: c.split(1, [77], label=None, now=NOON), ConfigError, "point 77 is not of"),
        (lambda c: c.split(1, [1], label="b", now=NOON), ConfigError, "'b' is a name of concept 2"),
        (lambda c: c.rename(1, "b", now=NOON), ConfigError, "or merge the two"),
        (lambda c: c.rename(1, "  ", now=NOON), ConfigError, "a name is one line"),
        (lambda c: c.rename(1, "a\nb", now=NOON), ConfigError, "a name is one line"),
        (lambda c: c.rename(1, "a", now=NOON), ConfigError, "has that label already"),
        (lambda c: c.add("", now=NOON), ConfigError, "a name is one line"),
        (lambda c: c.add("c", now=NOON), ConfigError, "'c' is a name of concept 3"),
        (lambda c: c.place(1, [1], now=NOON), ConfigError, "below itself"),
        (lambda c: c.place(3, [1], now=NOON), ConfigError, r"concept 1 \('a'\) would be above"),
        (lambda c: c.place(1, [99], now=NOON), NotStoredError, "no concept has id 99"),
        (lambda c: c.merge(3, 1, now=NOON), ConfigError, r"concept 2 \('b'\) would be above"),
        (lambda c: c.undo(55), NotStoredError, "no event has id 55"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_lost(store, changes, do, error, says):
    a, b, c = known(store, "a"), known(store, "b"), known(store, "c")
    changes.place(a, [b], now=NOON)
    changes.place(b, [c], now=NOON)
    before, events = image(store), store.events.all()
    with pytest.raises(error, match=says):
        do(changes)
    assert image(store) == before
    assert store.events.all() == events
    assert store.check() == []


def test_undoing_a_placement_that_would_close_a_circle_names_the_later_one(store, changes):
    a, b = known(store, "a"), known(store, "b")
    changes.place(a, [b], now=NOON)
    changes.place(a, [], now=NOON)
    changes.place(b, [a], now=NOON)
    with pytest.raises(ConfigError, match="undo one of 3 first"):
        changes.undo(2)
    changes.undo(3)
    changes.undo(2)
    assert store.graph.parents_of(a) == [b]


def something(store, changes, rng):
    """One change, of what is there; None where it was refused."""
    roots = [node.id for node in store.graph.roots()]
    kind = rng.choice(["merge", "merge", "split", "split", "rename", "place", "add"])
    try:
        if kind == "merge":
            changes.merge(*rng.sample(roots, 2), now=NOON)
        elif kind == "split":
            concept = rng.choice(roots)
            points = [one.point for one in store.graph.links(concept)]
            some = rng.sample(points, rng.randint(1, max(1, len(points) - 1)))
            label = rng.choice([None, f"split {rng.random()}"])
            changes.split(concept, some, label=label, now=NOON)
        elif kind == "rename":
            changes.rename(rng.choice(roots), f"name {rng.randrange(12)}", now=NOON)
        elif kind == "place":
            count = rng.randrange(3)
            changes.place(rng.choice(roots), rng.sample(roots, count), now=NOON)
        else:
            changes.add(f"added {rng.random()}", now=NOON)
    except (ConfigError, ValueError):  # a sample of nothing
        return


def undo_all(changes, rng):
    """In a random order, that of their dependence where it matters."""
    while left := [event.id for event in changes.events.all() if not event.undone]:
        done = 0
        for event in rng.sample(left, len(left)):
            with suppress(ConfigError):  # others are built on it
                changes.undo(event)
                done += 1
        assert done, "every event waits for another"


def there_and_back(path, seed, count):
    rng = random.Random(seed)
    store = SqliteStore(path, create={})
    try:
        store._db.execute("PRAGMA synchronous = OFF")  # no disk is tested here
        changes = Changes(store)
        for label in "abcdefgh":
            known(store, label, rng.randint(1, 6))
        before = image(store)
        for _ in range(count):
            something(store, changes, rng)
            if count < 100:
                assert store.check() == []
        assert image(store) != before or not store.events.all()
        assert store.check() == []
        undo_all(changes, rng)
        assert image(store) == before
        assert store.check() == []
    finally:
        store.close()


@settings(max_examples=8)
@given(seed=st.integers(0, 2**32 - 1))
def test_changes_undone_leave_the_graph_as_it_was_to_the_byte(tmp_path_factory, seed):
    there_and_back(tmp_path_factory.mktemp("graph") / "memory.sqlite", seed, 25)


@pytest.mark.long
def test_a_thousand_changes_undone_leave_the_graph_as_it_was_to_the_byte(tmp_path):
    there_and_back(tmp_path / "memory.sqlite", 0, 1000)


def test_a_merge_is_not_undone_into_a_place_above_itself(store, changes):
    """A class that a told place hid would count again, below what was placed below it since."""
    rex, dog, tabby = known(store, "Rex"), known(store, "dog"), known(store, "tabby")
    pet = known(store, "pet")
    with store.changing():
        store.graph.put_edge(rex, tabby, "class")
        store.graph.put_edge(dog, pet, "thesaurus")
    changes.merge(rex, dog, now=NOON)
    assert store.graph.parents_of(rex) == [pet]
    changes.place(tabby, [rex], now=NOON)
    assert store.check() == []
    with pytest.raises(ConfigError, match=r"event 1 \(merge\) cannot be undone now.*one of 2"):
        changes.undo(1)
    assert store.check() == []
    changes.undo(2)
    changes.undo(1)
    assert store.graph.parents_of(rex) == [tabby]
