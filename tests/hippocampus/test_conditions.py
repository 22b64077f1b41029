"""The three conditions of a teacher: which associative memories meet them, measured."""

import pytest
import torch

from contracts.teacher import TeacherContract
from mnemic.errors import ConfigError
from mnemic.functional import hopfield
from mnemic.functional.hopfield import PRESETS, sparse_distributed, write
from mnemic.hippocampus import EpisodicMemory
from mnemic.hippocampus.conditions import Conditions, conditions, of_memory, of_network

YES, NO = True, False
ALL_HOLD = Conditions(YES, YES, YES, 1.0, 1.0, 1.0, 1.0)

# 64 features; columns: i) capacity, ii) noise, iii) one shot; recalled, pure, covered, once
TABLE = {
    "classical": Conditions(NO, NO, YES, 0.0, 0.26, 0.98, 1.0),  # holds 9 of 64; blends, negatives
    "dense 3": Conditions(YES, NO, YES, 1.0, 0.90, 1.0, 1.0),  # noise may settle on a blend
    "dense 4": Conditions(YES, NO, YES, 1.0, 0.48, 1.0, 1.0),  # half of noise is a negative
    "exponential": ALL_HOLD,
    "modern": ALL_HOLD,
    "sparse modern": ALL_HOLD,
    "sparse modern, entmax-1.5": ALL_HOLD,
    # a radius of 4 does not reach from a cue with 6 signs flipped
    "sparse distributed": Conditions(NO, NO, NO, 0.0, 0.0, 0.0, 0.0),
    "sparse distributed, 2000 hard addresses": Conditions(NO, NO, YES, 0.2, 1.0, 0.63, 1.0),
    "masked": ALL_HOLD,
    "EpisodicMemory": ALL_HOLD,
    "EpisodicMemory, spens2022": ALL_HOLD,
}


def of_hard_addresses(patterns, cues, *, count=2000, radius=24.0):
    """A sparse distributed memory, as Kanerva has it: written to and read five times."""
    rng = torch.Generator().manual_seed(5)
    addresses = torch.where(torch.rand(count, 64, generator=rng) < 0.5, -1.0, 1.0)
    counters = write(addresses, patterns, patterns, radius=radius)
    for _ in range(5):
        cues = sparse_distributed(radius).update(cues, addresses, counters)
    return cues


def of_rule(rule):
    return of_memory(lambda: EpisodicMemory(64, rule=rule))


TEACHERS = {name: of_network(made()) for name, made in PRESETS.items()} | {
    "sparse distributed, 2000 hard addresses": of_hard_addresses,
    "EpisodicMemory": of_rule("masked"),
    "EpisodicMemory, spens2022": of_rule("spens2022"),
}


@pytest.mark.parametrize("name", TEACHERS)
class TestTeacher(TeacherContract):
    @pytest.fixture
    def recall(self, name):
        return TEACHERS[name]

    @pytest.fixture
    def outcome(self, name):
        return TABLE[name]


def test_every_teacher_has_its_row():
    assert set(TABLE) == set(TEACHERS)


def test_a_memory_that_forgets_what_came_before_is_not_one_shot(rng):
    def only_the_newest(patterns, cues):
        return patterns[-1:].expand(len(cues), -1)

    found = conditions(only_the_newest, rng=rng)
    assert not found.one_shot
    assert found.once == pytest.approx(5 / 8)  # each of 4 right away, and 1 of 4 at the end
    assert found.pure == 1
    assert found.covered == pytest.approx(1 / 4)  # noise brings back but one
    assert not found.from_noise


def test_what_returns_its_cue_meets_no_condition(rng):
    found = conditions(lambda patterns, cues: cues, rng=rng)
    assert found == Conditions(NO, NO, NO, 0.0, 0.0, 0.0, 0.0)


def test_conditions_depend_on_the_generator_alone():
    recall = of_network(hopfield.dense(3))
    once, again = (conditions(recall, rng=torch.Generator().manual_seed(3)) for _ in range(2))
    assert once == again


def test_too_few_features_to_tell_are_refused(rng):
    with pytest.raises(ConfigError, match="32 features or more, got dim=16"):
        conditions(of_network(hopfield.classical()), dim=16, rng=rng)
