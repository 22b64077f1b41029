"""Residuals: what a student gets wrong comes back to a tolerance; what it gets right is free."""

import struct
import tracemalloc
import zlib
from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mnemic.errors import DamagedError
from mnemic.neocortex.residual import Residual, pack_residual, residual_of, unpack_residual

ROUNDING = 1e-6  # of features in single precision
DIM = 24

shares = st.floats(0, 1, width=32)
pictures = arrays.arrays(np.float32, DIM, elements=shares)
masks = st.none() | arrays.arrays(np.bool_, DIM)
tolerances = st.floats(0.002, 1)


def kept(residual):
    """A residual as it comes back from a store."""
    return unpack_residual(pack_residual(residual), DIM)


def among(known):
    return np.ones(DIM, np.bool_) if known is None else known


@given(features=pictures, schema=pictures, known=masks, tolerance=tolerances)
def test_no_known_feature_comes_back_further_off_than_the_tolerance(
    features, schema, known, tolerance
):
    residual = kept(residual_of(features, schema, known, tolerance=tolerance))
    missed = np.abs(schema + residual.difference - features)
    assert missed[among(known)].max(initial=0) <= tolerance + ROUNDING


@given(features=pictures, schema=pictures, known=masks, tolerance=tolerances)
def test_what_is_missed_by_more_than_the_tolerance_is_kept_and_nothing_else(
    features, schema, known, tolerance
):
    residual = kept(residual_of(features, schema, known, tolerance=tolerance))
    missed = np.abs(features.astype(float) - schema)
    assert residual.detailed[among(known) & (missed > tolerance + ROUNDING)].all()
    assert not residual.detailed[missed < tolerance - ROUNDING].any()
    assert not residual.difference[~residual.detailed].any()


@given(
    features=pictures,
    schema=pictures,
    known=arrays.arrays(np.bool_, DIM),
    anything=arrays.arrays(np.float32, DIM, elements=st.floats(width=32)),
    tolerance=tolerances,
)
def test_unknown_features_are_never_kept_whatever_they_hold(
    features, schema, known, anything, tolerance
):
    expected = residual_of(features, schema, known, tolerance=tolerance)
    residual = residual_of(np.where(known, features, anything), schema, known, tolerance=tolerance)
    assert not residual.detailed[~known].any()
    assert np.array_equal(residual.steps, expected.steps)


@pytest.mark.parametrize(
    ("most", "width"),
    [
        (1, 1),
        (127, 1),
        (128, 2),
        (2**15 - 1, 2),
        (2**15, 4),
        (2**31 - 1, 4),
        (2**31, 8),
        (2**62, 8),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_numbers_of_any_size_come_back_in_no_more_bytes_than_they_need(most, width, sign):
    steps = sign * np.arange(DIM) * (most // (DIM - 1))
    steps[-1] = sign * most
    packed = pack_residual(Residual(steps, 0.1))
    assert packed[struct.calcsize("<d")] == width
    assert np.array_equal(unpack_residual(packed, DIM).steps, steps)


@given(
    bits=st.integers(1, 62),
    seed=st.integers(0, 2**32 - 1),
    step=st.floats(0.004, 2),
)
def test_a_residual_comes_back_as_it_was_packed(bits, seed, step):
    steps = np.random.default_rng(seed).integers(-(2**bits), 2**bits, DIM)
    residual = kept(Residual(steps, step))
    assert np.array_equal(residual.steps, steps)
    if steps.any():
        assert residual.step == step  # to the last bit


def test_few_details_take_few_bytes():
    dim = 64 * 64 * 3
    steps = np.zeros(dim, np.int64)
    steps[::1000] = 3
    assert len(pack_residual(Residual(steps, 0.1))) < dim / 50


@given(features=pictures, off=arrays.arrays(np.float32, DIM, elements=shares))
def test_a_prediction_within_the_tolerance_takes_no_bytes(features, off):
    residual = residual_of(features, features + off * np.float32(0.049), None, tolerance=0.05)
    assert pack_residual(residual) == b""
    assert not kept(residual).difference.any()
    assert kept(residual).detailed.shape == (DIM,)


def test_nothing_is_kept_of_what_nothing_is_known_of():
    residual = residual_of(np.zeros(4), np.ones(4), np.zeros(4, np.bool_), tolerance=0.01)
    assert pack_residual(residual) == b""


@pytest.fixture
def packed():
    rng = np.random.default_rng(0)
    return pack_residual(Residual(rng.integers(-300, 300, DIM), 0.1))


@given(steps=arrays.arrays(np.int64, DIM, elements=st.integers(-300, 300)))
def test_a_residual_cut_short_is_damaged_wherever_it_is_cut(steps):
    packed = pack_residual(Residual(steps, 0.1))
    for length in range(1, len(packed)):
        with pytest.raises(DamagedError, match="restore a backup"):
            unpack_residual(packed[:length], DIM)


def test_a_residual_with_more_behind_it_is_damaged(packed):
    with pytest.raises(DamagedError, match="restore a backup"):
        unpack_residual(packed + b"\0", DIM)


@pytest.mark.parametrize("dim", [1, DIM - 1, DIM + 1, 2 * DIM, DIM // 2])
def test_a_residual_of_another_dimension_is_damaged(packed, dim):
    with pytest.raises(DamagedError, match="restore a backup"):
        unpack_residual(packed, dim)


@given(
    seed=st.integers(0, 2**32 - 1),
    bits=st.integers(1, 62),
    damage=st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 255)), min_size=1, max_size=8),
)
def test_altered_bytes_are_damaged_or_still_a_residual(seed, bits, damage):
    """The store's checksum tells of the rest."""
    steps = np.random.default_rng(seed).integers(-(2**bits), 2**bits, DIM)
    altered = bytearray(pack_residual(Residual(steps, 0.1)))
    for place, change in damage[: len(altered)]:
        altered[place % len(altered)] ^= change
    with suppress(DamagedError):
        residual = unpack_residual(bytes(altered), DIM)
        assert residual.difference.shape == (DIM,)
        assert np.isfinite(residual.difference).all()


@given(junk=st.binary(min_size=1, max_size=200))
def test_any_other_bytes_are_damaged_or_a_residual(junk):
    with suppress(DamagedError):
        assert np.isfinite(unpack_residual(junk, DIM).difference).all()


@pytest.mark.parametrize("step", [np.nan, np.inf, -0.1, 0.0, 1e300, 1.7e308])
def test_a_step_no_tolerance_has_is_damaged(packed, step):
    with pytest.raises(DamagedError, match="restore a backup"):
        unpack_residual(struct.pack("<d", step) + packed[8:], DIM)


@pytest.mark.parametrize("width", [1, 2, 8, 255])
def test_bytes_that_would_unpack_to_a_flood_are_refused_in_little_memory(width):
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    flood = packer.compress(bytes(2**25)) + packer.flush()
    bomb = struct.pack("<dB", 0.1, width) + flood
    tracemalloc.start()
    try:
        with pytest.raises(DamagedError, match="restore a backup"):
            unpack_residual(bomb, 100)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20
