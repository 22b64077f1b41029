"""Replay: noise falls into what is stored, and everything gets its turn."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import reference
from mnemic.errors import EmptyMemoryError
from mnemic.hippocampus import EpisodicMemory
from mnemic.hippocampus.replay import pattern_mean, settle_cosine
from mnemic.randomness import generator
from mnemic.search.patterns import Patterns


@pytest.fixture(scope="module")
def teacher(clothes_features):
    memory = EpisodicMemory(784, grid=(28, 28, 1))
    memory.store(clothes_features[:800])
    return memory


@given(seed=st.integers(0, 2**32 - 1), beta=st.floats(1, 200))
def test_settling_by_cosine_agrees_with_the_loop(seed, beta):
    rng = generator(seed, "cosine")
    rows, cues = torch.rand(7, 5, generator=rng), torch.rand(2, 5, generator=rng) * 2 - 1
    inhibition = torch.rand(7, generator=rng)
    patterns = Patterns(5)
    patterns.add(range(7), rows)
    ours = settle_cosine(cues, patterns, rows.mean(0), beta=beta, inhibition=inhibition)
    for i in range(2):
        expected = reference.settle_cosine(
            cues[i].tolist(), rows.tolist(), beta=beta, inhibition=inhibition.tolist()
        )
        assert ours.patterns[i].tolist() == pytest.approx(expected.tolist(), abs=5e-3)


def test_replay_covers_nearly_everything_once_purely_and_evenly(teacher):
    replay = teacher.replay(800)
    assert replay.coverage >= 0.99
    assert replay.purity >= 0.97
    assert replay.entropy >= 0.999


def test_the_published_replay_collapses(teacher, clothes_features):
    published = EpisodicMemory(784, rule="spens2022")
    published.store(clothes_features[:800] * 2 - 1)
    assert published.replay(800).coverage < 0.5


def test_habituation_is_what_spreads_replay(teacher):
    assert teacher.replay(800, habituation=0.0).coverage < 0.7


def test_coverage_purity_and_entropy_are_counted_from_what_came_out(teacher, clothes_features):
    replay = teacher.replay(300)
    rows = clothes_features[replay.ids - 1]
    assert replay.coverage == len(set(replay.ids.tolist())) / 800
    spread = float(clothes_features[:800].var(dim=0, correction=0).mean()) ** 0.5
    error = (replay.patterns - rows).square().mean(-1).sqrt()
    assert replay.purity == pytest.approx(float((error <= 0.05 * spread).float().mean()))
    shares = np.bincount(replay.ids.numpy())
    shares = shares[shares > 0] / 300
    assert replay.entropy == pytest.approx(-(shares * np.log(shares)).sum() / np.log(300))


def test_the_same_seed_replays_the_same(teacher):
    first = teacher.replay(50, rng=generator(3, "x"))
    again = teacher.replay(50, rng=generator(3, "x"))
    other = teacher.replay(50, rng=generator(4, "x"))
    assert torch.equal(first.ids, again.ids)
    assert not torch.equal(first.ids, other.ids)


def test_a_second_round_begins_when_all_have_had_their_turn(clothes_features):
    memory = EpisodicMemory(784)
    memory.store(clothes_features[:60])
    counts = torch.bincount(memory.replay(180).ids, minlength=61)[1:]
    assert counts.min() >= 2
    assert counts.max() <= 4


@pytest.mark.parametrize("copies", [2, 60])
def test_identical_patterns_get_their_turns_too(copies):
    memory = EpisodicMemory(16)
    memory.store(torch.full((copies, 16), 0.5))
    replay = memory.replay(copies)
    assert replay.coverage == 1.0
    assert replay.purity == 1.0


def test_one_pattern_replays_itself(rng):
    memory, row = EpisodicMemory(9), torch.rand(1, 9, generator=rng)
    memory.store(row)
    replay = memory.replay(3)
    torch.testing.assert_close(replay.patterns, row.expand(3, 9))
    assert (replay.coverage, replay.purity, replay.entropy) == (1.0, 1.0, 1.0)


def test_unknown_features_replay_as_the_mean_of_those_that_know_them(rng):
    rows, known = torch.rand(5, 4, generator=rng), torch.ones(5, 4, dtype=torch.bool)
    known[0, 3] = False
    memory = EpisodicMemory(4)
    memory.store(rows, known)
    replay = memory.replay(20, beta=3000.0)
    mine = replay.patterns[replay.ids == 1]
    assert len(mine) > 0
    torch.testing.assert_close(pattern_mean(memory.patterns)[3], rows[1:, 3].mean())
    torch.testing.assert_close(mine[:, :3], rows[0, :3].expand(len(mine), 3), atol=1e-3, rtol=0)


def test_silenced_patterns_are_not_replayed(teacher):
    with teacher.lesion(0.5) as silent:
        replay = teacher.replay(400)
    assert not set(silent) & set(replay.ids.tolist())
    assert replay.coverage >= 0.98  # of those that could answer


def test_an_empty_memory_has_nothing_to_replay():
    with pytest.raises(EmptyMemoryError, match="nothing is stored yet"):
        EpisodicMemory(3).replay(1)
