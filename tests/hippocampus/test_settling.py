"""Settling: the quick way, the slow way and plain loops end in the same place."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import reference
from mnemic.functional.similarity import masked_distance, masked_energy
from mnemic.hippocampus import EpisodicMemory, settling
from mnemic.hippocampus.settling import OMITTED, nearest, settle_masked, settle_spens2022
from mnemic.randomness import generator
from mnemic.search.patterns import Patterns


def made(rows, known=None):
    patterns = Patterns(rows.shape[-1])
    patterns.add(range(1, len(rows) + 1), rows, known)
    return patterns


def settled(cues, known, patterns, *, beta, k=4, unknown_cost=0.1, near=8):
    found = nearest(cues, known, patterns, k=near, unknown_cost=unknown_cost)
    return settle_masked(found, cues, known, patterns, beta=beta, unknown_cost=unknown_cost, k=k)


@given(seed=st.integers(0, 2**32 - 1), beta=st.floats(0.5, 3000))
def test_settling_agrees_with_the_loop_at_any_beta(seed, beta):
    rng = generator(seed, "settle")
    rows, cues = torch.rand(12, 6, generator=rng), torch.rand(2, 6, generator=rng)
    known = torch.rand(2, 6, generator=rng) < 0.7
    known[:, 0] = True
    ours = settled(cues, known, made(rows), beta=beta)
    for i in range(2):
        state, weights = reference.settle(
            cues[i].tolist(), rows.tolist(), beta=beta, known=known[i].tolist()
        )
        assert ours.pattern[i].tolist() == pytest.approx(state.tolist(), abs=2e-3)
        assert float(ours.weights[i, 0]) == pytest.approx(max(weights), abs=2e-2)


def test_the_quick_way_and_the_slow_way_agree(clothes_features, rng):
    patterns = made(clothes_features[:600])
    cues = clothes_features[:40] + 0.1 * torch.randn(40, 784, generator=rng)
    quick = settled(cues, None, patterns, beta=2000.0, near=32)
    slow = settling._settle_over_all(
        cues,
        None,
        patterns,
        lambda state, mask: lambda block: -1000.0 * masked_distance(state, block.rows, mask),
        beta=2000.0,
        unknown_cost=0.1,
        k=4,
    )
    torch.testing.assert_close(quick.pattern, slow.pattern, atol=1e-3, rtol=0)
    torch.testing.assert_close(quick.energy, slow.energy, atol=1e-5, rtol=0)
    assert torch.equal(quick.ids[:, 0], slow.ids[:, 0])


def test_a_low_beta_is_refused_the_quick_way(clothes_features):
    """Blending many patterns, the nearest few must not pass for all of them."""
    rows = clothes_features[:300]
    ours = settled(rows[:3], None, made(rows), beta=20.0, near=8)
    for i in range(3):
        weights = (-10 * masked_distance(ours.pattern[[i]], rows)).softmax(-1)
        torch.testing.assert_close(weights[0] @ rows, ours.pattern[i], atol=1e-3, rtol=0)


@given(seed=st.integers(0, 2**32 - 1), beta=st.floats(1, 1e4))
def test_energy_falls_from_the_cue_to_where_it_settles(seed, beta):
    rng = generator(seed, "energy")
    rows, cues = torch.rand(9, 5, generator=rng), torch.rand(3, 5, generator=rng)
    ours = settled(cues, None, made(rows), beta=beta)
    before = masked_energy(masked_distance(cues, rows), beta=beta)
    assert (ours.energy <= before + 1e-5).all()


@pytest.mark.parametrize("batch", [1, 7, 64])
def test_a_cue_ignores_its_batch_neighbours(batch, clothes_features, rng):
    patterns = made(clothes_features[:400])
    cues = clothes_features[:64] + 0.2 * torch.randn(64, 784, generator=rng)
    for beta in (200.0, 3000.0):
        alone = torch.cat(
            [settled(cues[i : i + 1], None, patterns, beta=beta, near=32).pattern for i in range(8)]
        )
        together = settled(cues[:batch], None, patterns, beta=beta, near=32).pattern[:8]
        torch.testing.assert_close(together, alone[:batch], atol=1e-5, rtol=0)


def test_the_nearest_are_the_nearest_and_exactly_measured(clothes_features, unseen_features):
    rows, cues = clothes_features[:500], unseen_features[:6]
    near = nearest(cues, None, made(rows), k=5, unknown_cost=0.0)
    exact = (cues[:, None].double() - rows.double()).square().mean(-1)
    torch.testing.assert_close(near.distances.double(), exact.sort(-1).values[:, :5])
    assert torch.equal(near.rows, exact.sort(-1).indices[:, :5])


def test_features_a_pattern_does_not_know_come_from_those_that_do():
    rows = torch.tensor([[0.2, 0.9, 0.0], [0.2, 0.9, 0.7], [0.9, 0.1, 0.1]])
    known = torch.tensor([[True, True, False], [True, True, True], [True, True, True]])
    cue = torch.tensor([[0.2, 0.9, 0.0]])
    only_two = torch.tensor([[True, True, False]])
    ours = settled(cue, only_two, made(rows, known), beta=5000.0)
    assert ours.pattern[0].tolist() == pytest.approx([0.2, 0.9, 0.7], abs=1e-4)


def test_a_pattern_with_one_matching_feature_does_not_win():
    rows = torch.tensor([[0.5, 0.0, 0.0, 0.0], [0.5, 0.45, 0.35, 0.55]])
    known = torch.tensor([[True, False, False, False], [True, True, True, True]])
    cue = torch.tensor([[0.5, 0.5, 0.4, 0.5]])
    ours = settled(cue, None, made(rows, known), beta=3000.0, unknown_cost=0.05)
    assert int(ours.ids[0, 0]) == 2


def test_fewer_stored_than_asked_for_are_padded():
    ours = settled(torch.zeros(1, 2), None, made(torch.eye(2)), beta=10.0, k=5)
    assert sorted(ours.ids[0].tolist()) == [-1, -1, -1, 1, 2]
    assert float(ours.weights.sum()) == pytest.approx(1)
    assert ours.weights[ours.ids == -1].tolist() == [0, 0, 0]


@given(seed=st.integers(0, 2**32 - 1))
def test_the_published_network_agrees_with_the_loop(seed):
    rng = generator(seed, "published")
    rows = torch.rand(6, 5, generator=rng) * 2 - 1
    cues = torch.rand(2, 5, generator=rng) * 2 - 1
    ours = settle_spens2022(cues, None, made(rows), beta=10.0, k=2)
    for i in range(2):
        expected = reference.settle_spens2022(cues[i].tolist(), rows.tolist(), beta=10.0)
        assert ours.pattern[i].tolist() == pytest.approx(expected.tolist(), abs=1e-3)


def test_the_published_network_takes_a_missing_feature_for_zero(rng):
    rows = torch.rand(4, 6, generator=rng) * 2 - 1
    known = torch.tensor([[True, True, True, False, False, False]])
    masked = settle_spens2022(rows[:1], known, made(rows), beta=10.0, k=1)
    zeroed = settle_spens2022(rows[:1] * known, None, made(rows), beta=10.0, k=1)
    assert torch.equal(masked.pattern, zeroed.pattern)


@pytest.mark.parametrize("masked", [False, True])
def test_patterns_left_out_weigh_no_more_than_the_bound_says(masked, rng):
    patterns = torch.rand(400, 24, generator=rng)
    memory = EpisodicMemory(24)
    memory.store(patterns)
    cues = patterns[:20] + 0.05 * torch.randn(20, 24, generator=rng)
    known = torch.rand(20, 24, generator=rng) < 0.7 if masked else None
    beta = 4000.0
    settled = memory.recall(cues, known, k=32, beta=beta)
    assert ((settled.bound > 0) & (settled.bound <= OMITTED)).all()
    mask = torch.ones(20, 24) if known is None else known.float()
    for state in (cues, settled.pattern):
        squared = (state[:, None].double() - patterns.double()).square() * mask[:, None]
        weights = (-beta / 2 * squared.sum(-1) / mask.sum(-1, keepdim=True)).softmax(-1)
        near = torch.zeros(20, 400, dtype=torch.bool).scatter(1, settled.ids - 1, True)
        assert (weights.masked_fill(near, 0.0).sum(-1) <= settled.bound).all()


def test_where_everything_weighs_something_everything_is_weighed(rng):
    memory = EpisodicMemory(8)
    memory.store(torch.rand(100, 8, generator=rng))
    blended = memory.recall(torch.rand(3, 8, generator=rng), beta=1.0)
    sharp = memory.recall(memory.patterns.rows[:3].clone(), beta=1e6)
    assert (blended.bound == 0).all()
    assert (blended.multiply_adds > sharp.multiply_adds).all()
