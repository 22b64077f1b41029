"""Scores and distances against plain loops, and the laws they keep."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import reference
from mnemic.functional.similarity import (
    cosine_scores,
    masked_distance,
    masked_energy,
    masked_scores,
    pairwise_distance,
    spens2022_scores,
)
from mnemic.randomness import generator

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def drawn(seed, *shape):
    return torch.rand(*shape, generator=generator(seed, str(shape)), dtype=torch.float64)


def masks(seed, *shape):
    known = torch.rand(*shape, generator=generator(seed, f"mask {shape}")) < 0.6
    known[..., 0] = True  # a cue knows something
    return known


@pytest.mark.parametrize("cue_masked", [False, True])
@pytest.mark.parametrize("pattern_masked", [False, True])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_distance_agrees_with_the_loop(cue_masked, pattern_masked, seed):
    cues, patterns = drawn(seed, 3, 7), drawn(seed + 1, 4, 7)
    known = masks(seed, 3, 7) if cue_masked else None
    stored_known = masks(seed + 1, 4, 7) if pattern_masked else None
    folded = masked_distance(cues, patterns, known, stored_known, unknown_cost=0.3)
    paired = pairwise_distance(
        cues,
        patterns.expand(3, 4, 7),
        known,
        None if stored_known is None else stored_known.expand(3, 4, 7),
        unknown_cost=0.3,
    )
    expected = [
        [
            reference.masked_distance(
                cues[i],
                patterns[j],
                None if known is None else known[i],
                None if stored_known is None else stored_known[j],
                0.3,
            )
            for j in range(4)
        ]
        for i in range(3)
    ]
    torch.testing.assert_close(folded, torch.tensor(expected, dtype=torch.float64), **CLOSE)
    torch.testing.assert_close(paired, torch.tensor(expected, dtype=torch.float64), **CLOSE)


def test_the_norms_given_are_the_norms_used():
    cues, patterns = drawn(0, 2, 6), drawn(1, 3, 6)
    given_norms = masked_distance(cues, patterns, squared_norm=patterns.square().sum(-1))
    torch.testing.assert_close(given_norms, masked_distance(cues, patterns), **CLOSE)


def test_distances_have_the_gradient_of_the_plain_form():
    cues = drawn(0, 2, 5).requires_grad_()
    patterns, known = drawn(1, 3, 5), masks(2, 2, 5)
    masked_distance(cues, patterns, known).square().sum().backward()
    folded, cues.grad = cues.grad.clone(), None
    difference = (cues[:, None] - patterns) * known[:, None]
    (difference.square().sum(-1) / known.sum(-1, keepdim=True)).square().sum().backward()
    torch.testing.assert_close(folded, cues.grad, **CLOSE)


def test_a_missing_feature_is_unknown_whatever_it_holds():
    cues, patterns, known = drawn(0, 2, 6), drawn(1, 3, 6), masks(3, 2, 6)
    spoiled = torch.where(known, cues, 1e6)
    torch.testing.assert_close(
        masked_distance(spoiled, patterns, known), masked_distance(cues, patterns, known)
    )


def test_a_stored_pattern_is_at_distance_zero_from_itself_in_single_precision():
    patterns = drawn(0, 5, 784).float()
    distances = pairwise_distance(patterns, patterns.expand(5, 5, 784))
    assert (distances.diagonal() == 0).all()


@given(seed=st.integers(0, 2**32 - 1), beta=st.floats(0.01, 1e4))
def test_the_energy_agrees_with_the_loop(seed, beta):
    cues, patterns = drawn(seed, 2, 6), drawn(seed + 1, 5, 6)
    ours = masked_energy(masked_distance(cues, patterns), beta=beta)
    expected = [reference.energy(cue, patterns, beta=beta) for cue in cues]
    np.testing.assert_allclose(ours.numpy(), expected, rtol=1e-9, atol=1e-9)


@given(seed=st.integers(0, 2**32 - 1), beta=st.floats(0.1, 1e5))
def test_the_energy_never_rises_in_a_mean_shift(seed, beta):
    state, patterns, known = drawn(seed, 4, 8), drawn(seed + 1, 6, 8), masks(seed, 4, 8)
    for _ in range(5):
        distance = masked_distance(state, patterns, known)
        before = masked_energy(distance, beta=beta)
        state = masked_scores(distance, beta=beta).softmax(-1) @ patterns
        after = masked_energy(masked_distance(state, patterns, known), beta=beta)
        assert (after <= before + 1e-9).all()


def test_cosine_scores_are_cosines_of_centred_patterns():
    state, patterns = drawn(0, 2, 6) - 0.5, drawn(1, 4, 6)
    mean = patterns.mean(0)
    ours = cosine_scores(state, patterns, mean, beta=3.0)
    for i in range(2):
        for j in range(4):
            key = (patterns[j] - mean).numpy()
            cosine = key @ state[i].numpy() / np.linalg.norm(key) / np.linalg.norm(state[i])
            assert float(ours[i, j]) == pytest.approx(3 * cosine)


def test_a_pattern_that_is_the_mean_scores_nothing():
    patterns = torch.full((2, 3), 0.4)
    assert (cosine_scores(torch.ones(1, 3), patterns, patterns[0], beta=9.0) == 0).all()


def test_the_published_scores_are_a_scaled_dot_product():
    state, patterns = drawn(0, 2, 9), drawn(1, 4, 9)
    expected = 10 * (state.numpy() @ patterns.numpy().T) / 3
    np.testing.assert_allclose(spens2022_scores(state, patterns, beta=10.0), expected)
