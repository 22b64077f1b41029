"""Surprise: prediction errors, and how rare each is among the usual ones."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests import reference

from mnemic.neocortex.surprise import prediction_error, surprise

GRIDS = [(8, 8, 1), (5, 9, 3), (9, 4, 1), (3, 3, 3), (2, 7, 1), (6, 2, 3), (1, 1, 1), (7, 1, 1)]

grids = st.sampled_from(GRIDS)
seeds = st.integers(0, 2**32 - 1)
errors = st.floats(0, 1e30)
usual = st.lists(st.floats(0, 1e3), min_size=1, max_size=60).map(sorted)


def drawn(seed, grid, count=3):
    """Pictures, predictions of them, and which of their pixels are known."""
    rng = np.random.default_rng(seed)
    shape = count, math.prod(grid)
    features, predicted = (torch.from_numpy(rng.random(shape, dtype=np.float32)) for _ in range(2))
    return features, predicted, torch.from_numpy(rng.random(shape) < rng.random())


def told(found, usual):
    """How surprising each error is."""
    return surprise(torch.tensor(found, dtype=torch.float64), usual)


@given(seed=seeds, grid=grids, partly=st.booleans())
def test_prediction_errors_agree_with_the_numpy_loop(seed, grid, partly):
    features, predicted, known = drawn(seed, grid)
    known = known if partly else None
    expected = [
        reference.prediction_error(
            one.numpy(), other.numpy(), None if known is None else known[row].numpy(), grid=grid
        )
        for row, (one, other) in enumerate(zip(features, predicted, strict=True))
    ]
    found = prediction_error(features, predicted, known, grid=grid)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-8)


@given(seed=seeds, grid=grids, anything=st.floats(width=32))
def test_what_is_unknown_does_not_matter(seed, grid, anything):
    features, predicted, known = drawn(seed, grid)
    altered = torch.where(known, features, anything)
    expected = prediction_error(features, predicted, known, grid=grid)
    assert torch.equal(prediction_error(altered, predicted, known, grid=grid), expected)


@given(seed=seeds, grid=grids)
def test_a_mask_that_knows_everything_changes_nothing(seed, grid):
    features, predicted, known = drawn(seed, grid)
    every = torch.ones_like(known)
    torch.testing.assert_close(
        prediction_error(features, predicted, every, grid=grid),
        prediction_error(features, predicted, None, grid=grid),
    )


@given(seed=seeds, grid=grids)
def test_a_picture_ignores_its_batch_neighbours(seed, grid):
    features, predicted, known = drawn(seed, grid)
    together = prediction_error(features, predicted, known, grid=grid)
    for row in range(3):
        alone = slice(row, row + 1)
        found = prediction_error(features[alone], predicted[alone], known[alone], grid=grid)
        torch.testing.assert_close(found, together[alone])


def test_a_texture_is_less_of_an_error_than_a_shape_of_as_many_pixels():
    texture = torch.zeros(8, 8)
    texture[::2, ::2] = 1
    shape = torch.zeros(8, 8)
    shape[:4, :4] = 1
    pictures = torch.stack([texture, shape]).reshape(2, 64)
    smooth, sharp = prediction_error(pictures, torch.zeros(2, 64), None, grid=(8, 8, 1)).tolist()
    assert pictures.sum(dim=-1).tolist() == [16, 16]
    assert smooth < sharp / 2


def test_nothing_known_and_nothing_missed_are_no_error():
    features, predicted, known = drawn(0, (8, 8, 1))
    nothing = torch.zeros_like(known)
    assert prediction_error(features, predicted, nothing, grid=(8, 8, 1)).tolist() == [0] * 3
    assert prediction_error(features, features, None, grid=(8, 8, 1)).tolist() == [0] * 3


@given(usual=usual, found=st.lists(errors, min_size=1, max_size=30).map(sorted))
def test_surprise_is_a_share_that_never_falls_as_the_error_grows(usual, found):
    surprises = told(found, usual)
    assert ((surprises >= 0) & (surprises <= 1)).all()
    assert (np.diff(surprises) >= 0).all()


@given(usual=usual, seed=seeds)
def test_an_error_ignores_those_told_beside_it(usual, seed):
    found = np.random.default_rng(seed).exponential(size=20) * (usual[-1] + 1)
    alone = [float(told([one], usual)[0]) for one in found]
    assert told(found, usual).tolist() == alone


@given(usual=st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=60, unique=True).map(sorted))
def test_usual_errors_are_spread_evenly(usual):
    expected = np.arange(len(usual)) / (len(usual) + 1)
    np.testing.assert_allclose(told(usual, usual), expected)


SHARES = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
DISTRIBUTIONS = {
    "exponential": lambda rng, count: rng.exponential(0.01, count),
    "log-normal": lambda rng, count: rng.lognormal(-4, 1, count),
    "uniform": lambda rng, count: rng.random(count),
    "heavy": lambda rng, count: rng.pareto(1.5, count),
}


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("count", [100, 512])
def test_a_share_p_of_what_is_usual_is_more_surprising_than_1_minus_p(name, count):
    rng, repeats = np.random.default_rng(0), 100
    above = np.zeros(len(SHARES))
    for _ in range(repeats):
        usual = np.sort(DISTRIBUTIONS[name](rng, count)).tolist()
        surprises = told(DISTRIBUTIONS[name](rng, 1000), usual)
        above += [(surprises > 1 - p).mean() / repeats for p in SHARES]
    for p, found in zip(SHARES, above, strict=True):
        sampling = math.sqrt(p * (1 - p) / count / repeats)  # the usual are a sample, too
        assert abs(found - p) < 1 / (count + 1) + 4 * sampling, p


@given(seed=seeds, count=st.integers(1, 512), spread=st.floats(0.3, 1.5))
def test_errors_beyond_all_that_is_usual_have_an_order_until_they_are_certain(seed, count, spread):
    usual = np.sort(np.random.default_rng(seed).lognormal(0, spread, count))
    surprises = told(usual[-1] * 1.2 ** np.arange(1, 40), usual.tolist())
    rises = np.diff(surprises) > 0
    assert surprises[0] >= count / (count + 1) > told([usual[-1]], usual.tolist())[0]
    assert rises[(surprises[:-1] > count / (count + 1)) & (surprises[1:] < 1 - 1e-12)].all()


def test_a_larger_error_than_any_usual_one_says_how_much_larger():
    usual = np.sort(np.random.default_rng(0).exponential(0.01, 512))
    surprises = told(usual[-1] * np.array([1, 1.5, 2, 3, 5]), usual.tolist())
    rarer = 1 - surprises
    assert (rarer[1:] < rarer[:-1] / 1.5).all()
    assert rarer[-1] > 1e-9


@given(value=errors, count=st.integers(1, 40), times=st.floats(1.5, 1e6))
def test_equal_usual_errors_part_the_smaller_from_the_larger(value, count, times):
    usual = [value] * count
    smaller, same, larger = told([value / times, value, (value + 1e-9) * times], usual)
    assert smaller == same == 0
    assert larger >= count / (count + 1)


@given(value=st.floats(1e-9, 1e9))
def test_one_usual_error_is_enough_for_an_order(value):
    surprises = told([0, value / 2, value, value * 3, value * 100, value * 1e6], [value])
    assert surprises[:3].tolist() == [0, 0, 0]
    assert surprises[3] >= 0.5
    assert (np.diff(surprises[2:]) > 0).all()


def test_perfect_predictions_are_no_surprise_and_anything_else_is_one():
    assert told([0.0, 0.0], [0.0] * 30).tolist() == [0, 0]
    assert told([1e-6], [0.0] * 30)[0] > 0.99
    assert told([0.0], [0.0, 0.0, 0.1])[0] == 0


def test_no_error_is_too_large():
    surprises = told([1e300, math.inf], [1.0, 2.0, 3.0])
    assert surprises[1] == 1
    assert 0.75 <= surprises[0] <= 1


def test_no_errors_are_no_surprises():
    assert told([], [1.0]).shape == (0,)
