"""The variational equations against plain loops, and the laws they keep."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.functional.variational import (
    kl_from_standard_normal,
    reconstruction_loss,
    reparameterise,
)
from mnemic.randomness import generator

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def normal(seed, *shape):
    rng = generator(seed, f"normal {shape}")
    return torch.randn(*shape, generator=rng, dtype=torch.float64)


def uniform(seed, *shape):
    rng = generator(seed, f"uniform {shape}")
    return torch.rand(*shape, generator=rng, dtype=torch.float64)


def kl_loop(mean, log_variance):
    return [
        sum(
            (m * m + math.exp(v) - 1 - v) / 2
            for m, v in zip(means.tolist(), variances.tolist(), strict=True)
        )
        for means, variances in zip(mean, log_variance, strict=True)
    ]


def loss_loop(reconstruction, features, known, channels, loss):
    rows = []
    for r_row, f_row, k_row in zip(reconstruction, features, known, strict=True):
        pixels = 0.0
        for r, f, k in zip(r_row.tolist(), f_row.tolist(), k_row.tolist(), strict=True):
            if not k:
                continue
            if loss == "l1":
                pixels += abs(r - f)
            elif loss == "l2":
                pixels += (r - f) ** 2
            else:
                pixels -= f * math.log(r) + (1 - f) * math.log(1 - r)
        rows.append(pixels / channels)
    return rows


@given(seed=st.integers(0, 2**32 - 1))
def test_the_kl_agrees_with_the_loop(seed):
    mean, log_variance = normal(seed, 3, 4), normal(seed + 1, 3, 4)
    ours = kl_from_standard_normal(mean, log_variance)
    np.testing.assert_allclose(ours, kl_loop(mean, log_variance), rtol=1e-12)


@given(seed=st.integers(0, 2**32 - 1))
def test_the_kl_is_never_negative_and_zero_only_at_the_standard_normal(seed):
    mean, log_variance = normal(seed, 3, 4), normal(seed + 1, 3, 4)
    assert (kl_from_standard_normal(mean, log_variance) > 0).all()
    nothing = torch.zeros(1, 4, dtype=torch.float64)
    assert kl_from_standard_normal(nothing, nothing).item() == 0


def test_the_kl_is_what_sampling_measures(rng):
    mean, log_variance = torch.tensor([[0.7, -1.2]]), torch.tensor([[-0.5, 0.4]])
    ours = torch.distributions.Normal(mean, (log_variance / 2).exp())
    drawn = reparameterise(mean.expand(200_000, 2), log_variance.expand(200_000, 2), rng=rng)
    measured = (ours.log_prob(drawn) - torch.distributions.Normal(0, 1).log_prob(drawn)).sum(-1)
    assert kl_from_standard_normal(mean, log_variance).item() == pytest.approx(
        measured.mean().item(), rel=0.02
    )


def test_a_draw_has_the_mean_and_variance_it_was_asked_for(rng):
    mean = torch.tensor([[2.0, -1.0]]).expand(100_000, 2)
    log_variance = torch.tensor([[0.0, math.log(0.25)]]).expand(100_000, 2)
    drawn = reparameterise(mean, log_variance, rng=rng)
    np.testing.assert_allclose(drawn.mean(0), [2, -1], atol=0.02)
    np.testing.assert_allclose(drawn.std(0), [1, 0.5], atol=0.02)


def test_a_draw_depends_on_its_generator_alone():
    mean, log_variance = torch.zeros(2, 3), torch.zeros(2, 3)
    first = reparameterise(mean, log_variance, rng=generator(1, "draw"))
    before = torch.get_rng_state()
    again = reparameterise(mean, log_variance, rng=generator(1, "draw"))
    assert torch.equal(first, again)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("loss", ["l1", "l2", "bce"])
@pytest.mark.parametrize("channels", [1, 3])
@given(seed=st.integers(0, 2**32 - 1))
def test_the_reconstruction_loss_agrees_with_the_loop(loss, channels, seed):
    reconstruction, features = uniform(seed, 2, 6), uniform(seed + 1, 2, 6)
    known = uniform(seed + 2, 2, 6) < 0.7
    every = torch.ones_like(known)
    ours = reconstruction_loss(reconstruction, features, known, channels=channels, loss=loss)
    expected = loss_loop(reconstruction, features, known, channels, loss)
    np.testing.assert_allclose(ours, expected, rtol=1e-10)
    unmasked = reconstruction_loss(reconstruction, features, channels=channels, loss=loss)
    expected = loss_loop(reconstruction, features, every, channels, loss)
    np.testing.assert_allclose(unmasked, expected, rtol=1e-10)


@pytest.mark.parametrize("loss", ["l1", "l2", "bce"])
def test_the_equations_have_the_gradients_of_their_differences(loss):
    features, known = uniform(0, 2, 6), uniform(1, 2, 6) < 0.7

    def elbo(mean, log_variance):
        drawn = reparameterise(mean, log_variance, rng=generator(0, "fixed")).sigmoid()
        missed = reconstruction_loss(drawn, features, known, channels=3, loss=loss)
        return missed + kl_from_standard_normal(mean, log_variance)

    where = normal(2, 2, 6).requires_grad_(), normal(3, 2, 6).requires_grad_()
    assert torch.autograd.gradcheck(elbo, where)


@pytest.mark.parametrize("loss", ["l1", "l2", "bce"])
def test_an_unknown_feature_costs_nothing_whatever_it_holds(loss):
    reconstruction, features = uniform(0, 2, 6).requires_grad_(), uniform(1, 2, 6)
    known = uniform(2, 2, 6) < 0.5
    spoiled = torch.where(known, features, torch.nan)
    ours = reconstruction_loss(reconstruction, spoiled, known, channels=1, loss=loss)
    clean = reconstruction_loss(reconstruction, features, known, channels=1, loss=loss)
    torch.testing.assert_close(ours, clean, **CLOSE)
    ours.sum().backward()
    assert (reconstruction.grad[~known] == 0).all()
    assert reconstruction.grad.isfinite().all()


def test_a_cross_entropy_of_certainty_is_finite():
    loss = reconstruction_loss(torch.tensor([[0.0]]), torch.tensor([[1.0]]), channels=1, loss="bce")
    assert loss.isfinite().all()
