"""Vectors as they are, in single precision."""

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mnemic.errors import ConfigError, CueError, ShapeError
from mnemic.protocols import Sense
from mnemic.senses import Vector

FIVE = Vector(5)
MASK = np.array([True, False, True, True, False])

finite = st.floats(allow_nan=False, allow_infinity=False, width=32)


def test_a_vector_is_a_sense():
    assert isinstance(FIVE, Sense)
    assert FIVE.grid == (5, 1, 1)
    assert FIVE.config != Vector(6).config


def test_a_vector_has_at_least_one_number():
    with pytest.raises(ConfigError, match="dim=0"):
        Vector(0)


@given(vector=arrays.arrays(np.float32, 5, elements=finite))
def test_single_precision_comes_back_exactly(vector):
    encoded = FIVE.encode(vector)
    features = FIVE.unpack([encoded.point.code, encoded.point.code])
    assert np.array_equal(features, [vector, vector])
    assert np.array_equal(encoded.features, vector)
    assert encoded.known is None
    assert np.array_equal(FIVE.decode(features[1], None), vector)


@pytest.mark.parametrize("dtype", ["<f8", ">f8", ">f4", "<f2", "|i1", "<u8", "|b1"])
def test_numbers_of_any_type_are_kept_as_given(dtype):
    given = np.array([0, 1, 1, 0, 1]).astype(dtype)
    encoded = FIVE.encode(given)
    assert encoded.features.dtype == np.float32
    assert np.array_equal(encoded.features, given)
    original = np.load(io.BytesIO(encoded.point.original))
    assert original.dtype == given.dtype
    assert np.array_equal(original, given)


def test_a_strided_vector_is_read_in_its_order():
    given = np.arange(10.0)[::-2]
    encoded = FIVE.encode(given)
    assert np.array_equal(FIVE.unpack([encoded.point.code])[0], given)
    assert np.array_equal(np.load(io.BytesIO(encoded.point.original)), given)


@pytest.mark.parametrize("shape", [(4,), (6,), (0,), (1, 5), (5, 1), ()])
def test_a_vector_of_another_shape_is_refused_with_both(shape):
    with pytest.raises(ShapeError, match="vectors of 5 numbers") as refused:
        FIVE.encode(np.zeros(shape))
    assert str(shape) in str(refused.value)


@pytest.mark.parametrize("dtype", [object, complex, "U3", "datetime64[s]"])
def test_what_is_no_number_is_refused(dtype):
    with pytest.raises(ShapeError, match="vectors of 5 numbers"):
        FIVE.encode(np.zeros(5, dtype))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e300, -1e39])
def test_a_known_number_that_is_not_finite_is_refused(value):
    vector = np.array([0, 1, 2, 3, value])
    with pytest.raises(CueError, match="mark such numbers unknown"):
        FIVE.encode(vector)
    with pytest.raises(CueError, match="mark such numbers unknown"):
        FIVE.encode(vector, ~MASK)
    assert np.array_equal(FIVE.encode(vector, MASK).features, [0, 0, 2, 3, 0])


def test_unknown_numbers_come_back_as_nan():
    encoded = FIVE.encode(np.arange(5.0), MASK)
    features = FIVE.unpack([encoded.point.code])[0]
    assert np.array_equal(encoded.known, MASK)
    assert encoded.point.known == np.packbits(MASK).tobytes()
    expected = [0, np.nan, 2, 3, np.nan]
    assert np.array_equal(FIVE.decode(features, encoded.known), expected, equal_nan=True)


def test_a_mask_that_knows_all_is_no_mask():
    assert FIVE.encode(np.arange(5.0), np.ones(5, bool)).known is None


def test_a_vector_of_which_nothing_is_known_is_refused():
    with pytest.raises(CueError, match="nothing of the vector is known"):
        FIVE.encode(np.arange(5.0), np.zeros(5, bool))


@pytest.mark.parametrize("shape", [(4,), (1, 5), ()])
def test_a_mask_of_another_shape_is_refused_with_both(shape):
    with pytest.raises(ShapeError) as refused:
        FIVE.encode(np.arange(5.0), np.ones(shape, bool))
    assert all(size in str(refused.value) for size in (str(shape), "(5,)"))
