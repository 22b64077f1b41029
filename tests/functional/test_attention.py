"""The fold: blocks in any order and size are one softmax."""

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.functional.attention import merge, part
from mnemic.randomness import generator

EXACT = {"rtol": 1e-10, "atol": 1e-12}


def folded(scores, values, cuts):
    """Fold the columns between the cuts as separate blocks."""
    edges = sorted({0, scores.shape[-1], *cuts})
    whole = None
    for start, stop in pairwise(edges):
        here = part(scores[:, start:stop], values[start:stop])
        whole = here if whole is None else merge(whole, here)
    return whole


@given(
    seed=st.integers(0, 2**32 - 1),
    spread=st.floats(1e-3, 1e3),
    cuts=st.lists(st.integers(1, 29), max_size=6),
)
def test_any_blocks_give_the_softmax_of_the_whole(seed, spread, cuts):
    rng = generator(seed, "fold")
    scores = spread * torch.randn(4, 30, generator=rng, dtype=torch.float64)
    values = torch.randn(30, 5, generator=rng, dtype=torch.float64)
    whole = folded(scores, values, cuts)
    torch.testing.assert_close(whole.mean, scores.softmax(-1) @ values, **EXACT)
    torch.testing.assert_close(whole.log_mass, scores.logsumexp(-1), **EXACT)


@given(seed=st.integers(0, 2**32 - 1))
def test_merging_is_associative_and_commutative(seed):
    rng = generator(seed, "merge")
    a, b, c = (
        part(
            torch.randn(3, 4, generator=rng, dtype=torch.float64) * 50,
            torch.randn(4, 2, generator=rng, dtype=torch.float64),
        )
        for _ in range(3)
    )
    for one, other in (
        (merge(merge(a, b), c), merge(a, merge(b, c))),
        (merge(a, b), merge(b, a)),
    ):
        torch.testing.assert_close(one.mean, other.mean, **EXACT)
        torch.testing.assert_close(one.log_mass, other.log_mass, **EXACT)


def test_the_gradient_of_the_fold_is_that_of_the_softmax(rng):
    scores = torch.randn(3, 12, generator=rng, dtype=torch.float64, requires_grad=True)
    values = torch.randn(12, 4, generator=rng, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(3, 4, generator=rng, dtype=torch.float64)
    (folded(scores, values, [5, 9]).mean * weights).sum().backward()
    ours = scores.grad.clone(), values.grad.clone()
    scores.grad = values.grad = None
    ((scores.softmax(-1) @ values) * weights).sum().backward()
    torch.testing.assert_close(ours[0], scores.grad, **EXACT)
    torch.testing.assert_close(ours[1], values.grad, **EXACT)


@pytest.mark.parametrize("height", [-1e30, -1e4, 0.0, 1e4, 1e30])
def test_scores_of_any_height_neither_overflow_nor_vanish(height):
    scores = torch.full((1, 3), height)
    torch.testing.assert_close(part(scores, torch.eye(3)).mean, torch.full((1, 3), 1 / 3))


def test_a_silent_block_adds_nothing():
    silent = part(torch.full((2, 3), -torch.inf), torch.ones(3, 1) * 9)
    heard = part(torch.zeros(2, 2), torch.ones(2, 1))
    assert (merge(silent, heard).mean == 1).all()
    assert (merge(heard, silent).mean == 1).all()
    assert silent.log_mass.tolist() == [-torch.inf, -torch.inf]
    assert (silent.mean == 0).all()


def test_values_may_differ_from_row_to_row(rng):
    scores, values = torch.randn(3, 5, generator=rng), torch.randn(3, 5, 2, generator=rng)
    apart = torch.cat([part(scores[[i]], values[i]).mean for i in range(3)])
    torch.testing.assert_close(part(scores, values).mean, apart)
