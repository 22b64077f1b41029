"""Imagination: lines, arithmetic and draws in the latent space."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.errors import ConfigError, EmptyMemoryError
from mnemic.neocortex.imagination import analogous, between, dreamt, resembling
from mnemic.randomness import generator


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(2, 20))
def test_a_line_begins_and_ends_where_it_should_and_goes_evenly(seed, steps):
    start, end = torch.randn(2, 6, generator=generator(seed, "ends"), dtype=torch.float64)
    line = between(start, end, steps)
    torch.testing.assert_close(line[0], start)
    torch.testing.assert_close(line[-1], end)
    even = ((end - start) / (steps - 1)).expand(steps - 1, 6)
    torch.testing.assert_close(line.diff(dim=0), even)


def test_arithmetic_adds_what_differs(rng):
    like, plus, minus = torch.randn(3, 4, generator=rng)
    torch.testing.assert_close(analogous(like, plus, plus), like)
    torch.testing.assert_close(analogous(minus, plus, minus), plus)


def test_dreams_are_standard_normal_and_follow_their_seed():
    dreams = dreamt(20_000, 3, rng=generator(0, "dream"))
    assert torch.allclose(dreams.mean(0), torch.zeros(3), atol=0.03)
    assert torch.allclose(dreams.std(0), torch.ones(3), atol=0.03)
    assert torch.equal(dreams, dreamt(20_000, 3, rng=generator(0, "dream")))


def test_what_resembles_a_kind_has_its_mean_and_spread(rng):
    known = torch.tensor([3.0, -1.0]) + torch.tensor([0.5, 2.0]) * torch.randn(
        500, 2, generator=rng
    )
    drawn = resembling(known, 20_000, rng=rng)
    torch.testing.assert_close(drawn.mean(0), known.mean(0), atol=0.05, rtol=0)
    torch.testing.assert_close(drawn.std(0), known.std(0), atol=0.05, rtol=0)


def test_one_of_a_kind_is_repeated(rng):
    assert torch.equal(resembling(torch.ones(1, 3), 2, rng=rng), torch.ones(2, 3))


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda rng: dreamt(0, 3, rng=rng), ConfigError, "count must be"),
        (lambda rng: resembling(torch.ones(0, 3), 1, rng=rng), EmptyMemoryError, "nothing of this"),
        (lambda rng: between(torch.ones(2), torch.ones(2), 1), ConfigError, "the two ends"),
    ],
)
def test_what_cannot_be_imagined_is_said(ask, error, says, rng):
    with pytest.raises(error, match=says):
        ask(rng)
