"""EpisodicMemory: one exposure, any part, and errors that say what to do."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.errors import ConfigError, CueError, EmptyMemoryError, NotStoredError, ShapeError
from mnemic.hippocampus import EpisodicMemory
from mnemic.protocols import AssociativeMemory, Teacher
from mnemic.randomness import generator


@pytest.fixture(scope="module")
def teacher(clothes_features):
    memory = EpisodicMemory(784, grid=(28, 28, 1))
    memory.store(clothes_features[:2000])
    return memory


def half(name):
    known = torch.ones(28, 28, dtype=torch.bool)
    if name == "lower half":
        known[14:] = False
    elif name == "left half":
        known[:, :14] = False
    else:
        known[5:23, 5:23] = False
    return known.reshape(1, -1)


@pytest.mark.parametrize("missing", ["lower half", "left half", "18 × 18 block"])
def test_a_picture_is_recalled_from_what_is_left_of_it(missing, teacher, clothes_features):
    cues, known = clothes_features[:500], half(missing).expand(500, -1)
    ours = teacher.recall(torch.where(known, cues, 0.0), known)
    exact = (ours.ids[:, 0] == torch.arange(1, 501)).float().mean()
    assert float(exact) >= 0.99


def test_a_picture_is_recalled_from_a_tenth_of_its_pixels(teacher, clothes_features, rng):
    known = torch.rand(500, 784, generator=rng) < 0.1
    ours = teacher.recall(clothes_features[:500], known)
    assert float((ours.ids[:, 0] == torch.arange(1, 501)).float().mean()) >= 0.99


def test_what_settles_is_the_picture_itself(teacher, clothes_features):
    known = half("lower half").expand(100, -1)
    ours = teacher.recall(clothes_features[:100], known)
    error = (ours.pattern - clothes_features[:100]).square().mean(-1).sqrt()
    assert float((error < 0.015).float().mean()) >= 0.97


def test_one_exposure_is_enough(rng):
    memory = EpisodicMemory(50)
    memory.store(torch.rand(30, 50, generator=rng))
    new = torch.rand(1, 50, generator=rng)
    id = memory.store(new)
    assert memory.recall(new, torch.arange(50)[None] < 10).ids[0, 0] == id[0]


@given(seed=st.integers(0, 2**32 - 1))
def test_recall_does_not_depend_on_the_order_of_storing(seed):
    rng = generator(seed, "order")
    rows, cue = torch.rand(12, 8, generator=rng), torch.rand(1, 8, generator=rng)
    order = torch.randperm(12, generator=rng)
    one, other = EpisodicMemory(8), EpisodicMemory(8)
    one.store(rows, ids=range(12))
    other.store(rows[order], ids=order.tolist())
    torch.testing.assert_close(
        one.recall(cue, beta=300.0).pattern,
        other.recall(cue, beta=300.0).pattern,
        atol=1e-4,
        rtol=0,
    )


def test_what_is_forgotten_is_not_recalled(rng):
    memory, rows = EpisodicMemory(20), torch.rand(10, 20, generator=rng)
    memory.store(rows)
    memory.forget([4])
    assert memory.recall(rows[[3]]).ids[0, 0] != 4
    assert len(memory) == 9
    with pytest.raises(NotStoredError, match="no pattern has id 4"):
        memory.forget([4])


def test_a_lesion_ends_with_its_block(teacher, clothes_features):
    with teacher.lesion(0.5) as silent:
        assert len(silent) == 1000
        answered = teacher.recall(clothes_features[:200]).ids[:, 0].tolist()
        assert not set(answered) & set(silent)
    after = teacher.recall(clothes_features[:200]).ids[:, 0]
    assert after.tolist() == list(range(1, 201))


def test_lesions_nest_and_grow(rng):
    memory = EpisodicMemory(5)
    memory.store(torch.rand(10, 5, generator=rng))
    with memory.lesion(0.5) as first:
        with memory.lesion(1.0) as second:
            assert not memory.answering
        assert not set(first) & set(second)
        assert len(first) + len(second) == 10
        memory.forget([first[0]])
        assert int(memory.patterns.available.sum()) == 5
    assert memory.patterns.available is None


def test_the_same_seed_lesions_the_same_whatever_was_forgotten_on_the_way(rng):
    rows = torch.rand(20, 3, generator=rng)
    one, other = EpisodicMemory(3, seed=5), EpisodicMemory(3, seed=5)
    one.store(rows[:10], ids=range(10))
    other.store(rows, ids=range(20))
    other.forget(list(range(10, 20)))
    with one.lesion(0.3) as first, other.lesion(0.3) as second:
        assert first == second


def test_it_is_a_teacher_and_an_associative_memory():
    assert isinstance(EpisodicMemory(2), Teacher)
    assert isinstance(EpisodicMemory(2), AssociativeMemory)


def test_settings_are_measured_anew_when_the_memory_has_grown_by_half(clothes_features):
    memory = EpisodicMemory(784)
    memory.store(clothes_features[:100])
    first = memory.tuning
    memory.store(clothes_features[100:140])
    assert memory.tuning is first
    memory.store(clothes_features[140:160])
    assert memory.tuning is not first


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda m: m.recall(torch.zeros(1, 3)), ShapeError, "has 3 features.*stores 4"),
        (lambda m: m.recall(torch.full((1, 4), torch.nan)), CueError, "NaN"),
        (lambda m: m.recall(torch.full((1, 4), torch.inf)), CueError, "infinity"),
        (
            lambda m: m.recall(torch.zeros(1, 4), torch.zeros(1, 4, dtype=torch.bool)),
            CueError,
            "nothing is known",
        ),
        (lambda m: m.recall(torch.zeros(1, 4), k=0), ConfigError, "k must be at least 1"),
        (lambda m: m.recall(torch.zeros(1, 4), beta=-1.0), ConfigError, "beta must be positive"),
        (lambda m: m.replay(0), ConfigError, "count must be at least 1"),
        (lambda m: m.store(torch.zeros(1, 4), ids=[1]), ConfigError, r"\[1\] are taken"),
        (lambda m: m.lesion(1.5).__enter__(), ConfigError, "fraction must be in 0..1"),
    ],
)
def test_bad_input_gets_a_clear_error_and_changes_nothing(ask, error, says):
    memory = EpisodicMemory(4)
    memory.store(torch.eye(4))
    with pytest.raises(error, match=says):
        ask(memory)
    assert len(memory) == 4
    assert memory.recall(torch.eye(4)[:1]).ids[0, 0] == 1


def test_not_a_number_may_stand_where_nothing_is_known():
    memory = EpisodicMemory(3)
    memory.store(torch.eye(3))
    cue = torch.tensor([[1.0, torch.nan, 0.0]])
    assert memory.recall(cue, ~cue.isnan()).ids[0, 0] == 1


def test_an_empty_memory_has_nothing_to_settle_into():
    with pytest.raises(EmptyMemoryError, match="nothing is stored yet"):
        EpisodicMemory(4).recall(torch.zeros(1, 4))


def test_a_memory_wholly_silenced_says_so():
    memory = EpisodicMemory(4)
    memory.store(torch.eye(4))
    with memory.lesion(1.0), pytest.raises(EmptyMemoryError, match="lesion silences"):
        memory.recall(torch.zeros(1, 4))


def test_no_cues_give_no_answers():
    memory = EpisodicMemory(4)
    memory.store(torch.eye(4))
    assert memory.recall(torch.zeros(0, 4)).pattern.shape == (0, 4)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dim": 0}, "at least one feature"),
        ({"dim": 6, "grid": (2, 2, 1)}, "holds 4 features, not 6"),
    ],
)
def test_impossible_settings_are_refused(options, says):
    with pytest.raises(ValueError, match=says):
        EpisodicMemory(**options)


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
def test_cues_of_any_precision_recall_the_same(dtype):
    memory = EpisodicMemory(4)
    memory.store(torch.eye(4, dtype=dtype))
    cue = torch.eye(4, dtype=dtype)[:2]
    assert torch.equal(memory.recall(cue).ids, memory.recall(cue.float()).ids)
    assert torch.equal(memory.novelty(cue), memory.novelty(cue.float()))
