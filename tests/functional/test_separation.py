"""Weights of scores against plain loops, their potentials, and what strengths mean."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.errors import ConfigError
from mnemic.functional import separation
from mnemic.randomness import generator

EXACT = {"rtol": 1e-9, "atol": 1e-11}
CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # single precision
SEEDS = st.integers(0, 2**32 - 1)
SPREADS = st.floats(1e-3, 1e3)
some = settings(max_examples=max(25, settings.default.max_examples // 20))  # of many claims each
SEPARATIONS = {
    each.name: each
    for each in (
        separation.identity(),
        separation.polynomial(3),
        separation.polynomial(4),
        separation.polynomial(5),
        separation.exponential(),
        separation.softmax(),
        separation.sparsemax(),
        separation.entmax15(),
        separation.top_k(1),
        separation.top_k(3),
        separation.within(0.25),
    )
}
COPYING = ("identity", "polynomial", "exponential", "softmax", "within")  # what the docs claim


def of(names):
    return [each for name, each in SEPARATIONS.items() if name.startswith(names)]


def scores_of(seed, *shape, spread=1.0):
    rng = generator(seed, f"scores {shape}")
    return spread * torch.randn(*shape, generator=rng, dtype=torch.float64)


def strengths_of(seed, stored):
    rng = generator(seed, f"strengths {stored}")
    return 0.1 + 3 * torch.rand(stored, generator=rng, dtype=torch.float64)


# The weights again, one pattern at a time: thresholds by bisection.


def bisected(total, low, high):
    """Where a falling function of the threshold passes 1."""
    for _ in range(200):
        middle = (low + high) / 2
        low, high = (middle, high) if total(middle) > 1 else (low, middle)
    return (low + high) / 2


def loop_weights(name, scores, strengths=None):
    w = [1.0] * len(scores) if strengths is None else list(strengths)
    if name == "identity":
        return [w[i] * scores[i] for i in range(len(scores))]
    if name.startswith("polynomial"):
        n = int(name.split()[1])
        kept = [max(s, 0.0) if n % 2 else s for s in scores]
        return [w[i] * kept[i] ** (n - 1) for i in range(len(scores))]
    if name.startswith("within"):
        return [w[i] * (scores[i] >= float(name.split()[1])) for i in range(len(scores))]
    if name in ("exponential", "softmax"):
        masses = [w[i] * math.exp(scores[i] - max(scores)) for i in range(len(scores))]
        most = max(masses) if name == "exponential" else sum(masses)
        return [mass / most for mass in masses]
    biased = [scores[i] + math.log(w[i]) for i in range(len(scores))]
    top = max(biased)
    if name.startswith("top"):
        order = sorted(range(len(biased)), key=lambda i: -biased[i])[: int(name.split()[1])]
        masses = [math.exp(biased[i] - top) if i in order else 0.0 for i in range(len(biased))]
        return [mass / sum(masses) for mass in masses]

    def share(score, threshold):
        if name == "sparsemax":
            return max(score - threshold, 0.0)
        return max(score / 2 - threshold, 0.0) ** 2

    high = top if name == "sparsemax" else top / 2
    threshold = bisected(lambda tau: sum(share(s, tau) for s in biased), high - 1, high)
    return [share(s, threshold) for s in biased]


@pytest.mark.parametrize("one", SEPARATIONS.values(), ids=SEPARATIONS)
@some
@given(seed=SEEDS, stored=st.integers(1, 9), strong=st.booleans(), spread=st.floats(1e-3, 30))
def test_weights_agree_with_the_loop(one, seed, stored, strong, spread):
    scores = scores_of(seed, 2, stored, spread=spread)
    strengths = strengths_of(seed, stored) if strong else None
    ours = one.weights(scores, strengths)
    for row, weights in zip(scores.tolist(), ours, strict=True):
        expected = loop_weights(one.name, row, None if strengths is None else strengths.tolist())
        torch.testing.assert_close(weights, torch.tensor(expected, dtype=torch.float64), **EXACT)


@pytest.mark.parametrize("one", of(("sparsemax", "entmax")), ids=lambda one: one.name)
@some
@given(seed=SEEDS, spread=st.floats(0.1, 3))
def test_sparse_weights_are_the_best_of_the_simplex(one, seed, spread):
    """They maximise p·z + entropy: no point of the simplex, near or far, does better."""
    alpha = {"sparsemax": 2.0, "entmax-1.5": 1.5}[one.name]
    scores = scores_of(seed, 6, spread=spread)

    def value(share):
        entropy = (share - share**alpha).sum(dim=-1) / (alpha * (alpha - 1))
        return share @ scores + entropy

    best = one.weights(scores, None)
    others = scores_of(seed, 200, 6, spread=3.0).softmax(dim=-1)
    near = 0.99 * best + 0.01 * others
    corners = torch.eye(6, dtype=torch.float64)
    assert (value(torch.cat([others, near, corners])) <= value(best) + 1e-12).all()
    torch.testing.assert_close(one.potential(scores, None), value(best), **EXACT)


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize(
    "one", [each for each in SEPARATIONS.values() if each.potential], ids=lambda one: one.name
)
@some
@given(seed=SEEDS, spread=st.floats(1e-2, 10))
def test_weights_are_the_gradient_of_the_potential(one, strong, seed, spread):
    scores = scores_of(seed, 3, 5, spread=spread).requires_grad_()
    strengths = strengths_of(seed, 5) if strong else None
    (gradient,) = torch.autograd.grad(one.potential(scores, strengths).sum(), scores)
    weights = one.weights(scores, strengths)
    if one.name == "exponential":  # known up to a factor a cue
        weights = weights / weights.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(gradient, weights, **EXACT)


@pytest.mark.parametrize(
    "one", [each for each in SEPARATIONS.values() if each.potential], ids=lambda one: one.name
)
@some
@given(seed=SEEDS, spread=SPREADS)
def test_a_potential_is_convex(one, seed, spread):
    """It lies above its tangents."""
    here, there = scores_of(seed, 2, 4, 6, spread=spread)
    weights = one.weights(here, None)
    if one.name == "exponential":
        weights = weights / weights.sum(dim=-1, keepdim=True)
    tangent = one.potential(here, None) + (weights * (there - here)).sum(dim=-1)
    above = one.potential(there, None)
    assert (above >= tangent - 1e-10 * (above.abs() + tangent.abs() + 1)).all()


@pytest.mark.parametrize("one", SEPARATIONS.values(), ids=SEPARATIONS)
def test_the_gradient_of_the_weights_is_that_of_finite_differences(one):
    scores = scores_of(7, 2, 5).requires_grad_()
    strengths = strengths_of(7, 5).requires_grad_()
    if one.name.startswith("within"):
        assert not one.weights(scores, None).requires_grad
        return
    assert torch.autograd.gradcheck(one.weights, [scores, strengths])


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize(
    "one", [each for each in SEPARATIONS.values() if each.shares], ids=lambda one: one.name
)
@some
@given(seed=SEEDS, stored=st.integers(1, 40), spread=SPREADS)
def test_shares_are_none_below_zero_and_sum_to_one(one, strong, seed, stored, spread):
    strengths = strengths_of(seed, stored) if strong else None
    weights = one.weights(scores_of(seed, 3, stored, spread=spread), strengths)
    assert (weights >= 0).all()
    torch.testing.assert_close(weights.sum(dim=-1), torch.ones(3, dtype=torch.float64))


@pytest.mark.parametrize("one", of(COPYING), ids=lambda one: one.name)
@some
@given(
    seed=SEEDS,
    copies=st.lists(st.integers(0, 4), min_size=2, max_size=6).filter(any),
    spread=SPREADS,
)
def test_a_strength_of_w_counts_as_w_copies(one, seed, copies, spread):
    count = torch.tensor(copies)
    scores = scores_of(seed, 3, len(copies), spread=spread)
    strong = one.weights(scores, count.double())
    copied = one.weights(scores.repeat_interleave(count, dim=-1), None)
    summed = torch.zeros_like(scores).index_add_(
        -1, torch.arange(len(copies)).repeat_interleave(count), copied
    )
    if one.name == "exponential":  # the sign of the sum sees no factor
        strong, summed = (w / w.sum(dim=-1, keepdim=True) for w in (strong, summed))
    torch.testing.assert_close(strong, summed, **EXACT)


@pytest.mark.parametrize("one", of(("sparsemax", "entmax", "top")), ids=lambda one: one.name)
@some
@given(seed=SEEDS, spread=SPREADS)
def test_where_patterns_are_chosen_a_strength_is_a_bias_of_its_logarithm(one, seed, spread):
    scores, strengths = scores_of(seed, 3, 6, spread=spread), strengths_of(seed, 6)
    strengths[2] = 0.0
    weights = one.weights(scores, strengths)
    torch.testing.assert_close(weights, one.weights(scores + strengths.log(), None), **EXACT)
    assert (weights[:, 2] == 0).all()
    without = torch.tensor([0, 1, 3, 4, 5])
    alone = one.weights(scores[:, without], strengths[without])
    torch.testing.assert_close(weights[:, without], alone, **EXACT)
    stronger = strengths.clone()
    stronger[0] *= 2
    assert (one.weights(scores, stronger)[:, 0] >= weights[:, 0] - 1e-12).all()


def test_three_copies_share_otherwise_than_a_strength_of_three_in_sparsemax():
    """What the module says of sparse separations, so that nobody takes one for the other."""
    scores = torch.tensor([0.0, 0.0], dtype=torch.float64)
    copied = SEPARATIONS["sparsemax"].weights(scores[[0, 0, 0, 1]], None)
    strong = SEPARATIONS["sparsemax"].weights(scores, torch.tensor([3.0, 1.0]).double())
    assert copied[:3].sum() == pytest.approx(0.75)
    assert strong[0] == pytest.approx(1.0)


@pytest.mark.parametrize("height", [-1e30, -1e6, 1e6, 1e30])
@pytest.mark.parametrize(
    "one", of(("exponential", "softmax", "sparsemax", "entmax", "top")), ids=lambda one: one.name
)
def test_scores_of_any_height_neither_overflow_nor_vanish(one, height):
    weights = one.weights(torch.full((1, 3), height), None)
    assert (weights > 0).any()
    assert weights.isfinite().all()
    if one.shares:
        torch.testing.assert_close(weights.sum(), torch.tensor(1.0))


@pytest.mark.parametrize("one", SEPARATIONS.values(), ids=SEPARATIONS)
def test_scores_of_single_precision_stay_so(one):
    scores = scores_of(0, 2, 500).float()
    weights = one.weights(scores, None)
    assert weights.dtype == torch.float32
    torch.testing.assert_close(weights.double(), one.weights(scores.double(), None), **CLOSE)


def test_softmax_weighs_all_entmax_some_and_sparsemax_the_fewest():
    scores = scores_of(3, 100, 20)
    kept = [
        float((one.weights(scores, None) > 0).double().sum(dim=-1).mean())
        for one in of(("sparsemax", "entmax", "softmax"))
    ]
    softmax, sparse, entmax = kept  # in the order of SEPARATIONS
    assert sparse < entmax < softmax == 20


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (lambda: separation.polynomial(1), "degree of 2 or more, got 1"),
        (lambda: separation.top_k(0), "k=0"),
    ],
)
def test_a_separation_that_makes_no_sense_is_refused(made, says):
    with pytest.raises(ConfigError, match=says):
        made()
