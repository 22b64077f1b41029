"""Names spread by nearness: to what is like the named, in many steps, and back again by undoing."""

import numpy as np
import pytest

from mnemic import Memory
from mnemic.errors import ConfigError

POINTS = 40


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "life", create={"vector": 8}) as memory:
        yield memory


def chain(start, rng):
    """Points that lie along an arc, each near to the next and the last far from the first."""
    turn = np.linspace(0, np.pi, POINTS)[:, None]
    way = np.zeros((POINTS, 8))
    way[:, start : start + 2] = np.hstack([np.cos(turn), np.sin(turn)])
    way[:, start + 2] = 2
    return (way + rng.normal(0, 0.01, way.shape)).astype(np.float32)


@pytest.fixture
def chains():
    rng = np.random.default_rng(0)
    return {"near": chain(0, rng), "far": chain(4, rng)}


def test_a_name_reaches_the_far_end_of_a_chain_and_no_other_chain(memory, chains):
    ids = {}
    for name, points in chains.items():
        memory.remember(vector=points[0], label=name)
        ids[name] = [memory.remember(vector=point).id for point in points[1:]]
    last = {name: memory.concepts.of(some[-1])[0].label for name, some in ids.items()}
    assert last == {"near": None, "far": None}
    assert memory.concepts.spread() > 0
    for name, some in ids.items():
        assert {memory.concepts.of(id)[0].label for id in some} == {name}
    assert memory.recall(vector=chains["far"][-1]).concept.label == "far"


def test_what_spread_is_taken_back_by_undoing(memory, chains):
    for name, points in chains.items():
        memory.remember(vector=points[0], label=name)
        memory.remember_many(vector=points[1:])
    before = len(memory.concepts)
    for _ in range(memory.concepts.spread()):
        memory.concepts.undo()
    assert len(memory.concepts) == before


def test_two_parts_of_one_experience_do_not_both_take_a_name(memory, chains):
    points = chains["near"]
    memory.remember(vector=points[0], label="near")
    memory.remember_many(vector=[*points[1:20], *points[22:]])
    both = memory.remember(vector=[points[20], points[21]])
    memory.concepts.spread()
    labels = [concept.label for concept in memory.concepts.of(both.id)]
    assert sorted(labels, key=str) == [None, "near"]


def test_nothing_spreads_where_nothing_has_a_name_or_everything_has(memory, chains):
    memory.remember_many(vector=chains["near"])
    assert memory.concepts.spread() == 0
    for branch in memory.concepts.tree():
        memory.concepts.rename(branch.concept, f"name {branch.concept.id}")
    assert memory.concepts.spread() == 0


def test_a_sense_that_is_not_there_is_refused_with_those_that_are(memory):
    with pytest.raises(ConfigError, match="no sense 'smell'; there are pixels, vector"):
        memory.concepts.spread("smell")
