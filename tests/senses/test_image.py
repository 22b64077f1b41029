"""Pictures at the memory's resolution: what is known of them, and that they come back."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from mnemic.errors import ConfigError, CueError, ShapeError
from mnemic.protocols import Sense
from mnemic.senses import Pixels

GREY, COLOUR = Pixels(16, 1), Pixels(16, 3)

senses = st.builds(Pixels, st.integers(8, 20), st.sampled_from([1, 3]))
sides = st.integers(1, 45)
seeds = st.integers(0, 2**32 - 1)


def noise(seed, *shape):
    return np.random.default_rng(seed).integers(256, size=shape, dtype=np.uint8)


def laid_out(sense, encoded):
    """Features and mask on the sense's grid."""
    known = np.ones(sense.grid, bool) if encoded.known is None else encoded.known
    return encoded.features.reshape(sense.grid), known.reshape(sense.grid)


def test_sight_is_a_sense():
    assert isinstance(GREY, Sense)


@pytest.mark.parametrize("made", [(7, 1), (257, 3), (16, 2), (16, 4)])
def test_impossible_settings_are_refused(made):
    with pytest.raises(ConfigError, match=r"resolution|channels"):
        Pixels(*made)


def test_all_that_determines_the_features_is_in_the_config():
    configs = [sense.config for sense in (GREY, COLOUR, Pixels(17, 1))]
    assert all(configs[a] != configs[b] for a in range(3) for b in range(a))


@given(sense=senses, seed=seeds)
def test_a_picture_at_the_memory_s_resolution_comes_back_exactly(sense, seed):
    pixels = noise(seed, *sense.grid)
    encoded = sense.encode(pixels)
    features = sense.unpack([encoded.point.code])[0]
    assert np.array_equal(features, encoded.features)  # to the last bit: recall must not change
    assert features.dtype == np.float32
    assert encoded.known is None
    assert encoded.point.known is None
    assert np.array_equal(sense.decode(features, None).reshape(sense.grid), pixels)


def test_many_codes_unpack_in_order():
    codes = [GREY.encode(noise(seed, 16, 16)).point.code for seed in range(3)]
    unpacked = GREY.unpack(codes)
    assert np.array_equal(unpacked, np.stack([GREY.unpack([code])[0] for code in codes]))


def test_the_kept_mask_is_the_mask_of_the_features():
    encoded = COLOUR.encode(noise(0, 16, 7, 3))
    bits = np.unpackbits(np.frombuffer(encoded.point.known, np.uint8), count=16 * 16 * 3)
    assert np.array_equal(bits.astype(bool), encoded.known)


@given(sense=senses, height=sides, width=sides, level=st.integers(0, 255))
def test_the_aspect_is_kept_and_the_padding_unknown(sense, height, width, level):
    side = sense.resolution
    features, known = laid_out(sense, sense.encode(np.full((height, width), level, np.uint8)))
    rows = max(1, round(height * side / max(height, width)))
    columns = max(1, round(width * side / max(height, width)))
    top, left = (side - rows) // 2, (side - columns) // 2
    expected = np.zeros(sense.grid, bool)
    expected[top : top + rows, left : left + columns] = True
    assert np.array_equal(known, expected)
    assert np.array_equal(np.rint(features * 255), expected * level)


@given(sense=senses, height=sides, width=sides, seed=seeds)
def test_decoding_leaves_the_padding_out(sense, height, width, seed):
    encoded = sense.encode(noise(seed, height, width))
    decoded = sense.decode(encoded.features, encoded.known)
    side = sense.resolution
    expected = [max(1, round(length * side / max(height, width))) for length in (height, width)]
    assert list(decoded.shape[:2]) == expected
    assert decoded.shape[2:] == ((3,) if sense.channels == 3 else ())


@given(
    sense=senses,
    height=sides,
    width=sides,
    seed=seeds,
    share=st.sampled_from([0.002, 0.05, 0.5]),
    values=st.sampled_from([0, 255]),
)
def test_what_an_unknown_pixel_holds_never_matters(sense, height, width, seed, share, values):
    height, width = height * 4, width * 4  # large ones round a single pixel away
    unknown = np.random.default_rng(seed).random((height, width)) < share
    unknown[0, 0], unknown[-1, -1] = True, False
    first = noise(seed, height, width, 3)
    second = np.where(unknown[..., None], np.uint8(values), first)
    transparent = np.dstack([second, ~unknown * np.uint8(255)])
    try:
        one = sense.encode(first, ~unknown)
    except CueError:
        for again in ((second, ~unknown), (transparent, None)):
            with pytest.raises(CueError):
                sense.encode(*again)
        return
    for again in ((second, ~unknown), (transparent, None)):
        other = sense.encode(*again)
        assert np.array_equal(one.known, other.known)
        assert np.array_equal(one.features, other.features)


@given(height=st.integers(8, 60), width=st.integers(8, 60), seed=seeds)
def test_known_pixels_come_from_known_pixels(height, width, seed):
    """Where all that is known is white, whatever is known of the result is white."""
    known = np.zeros((height, width), bool)
    top, left = np.random.default_rng(seed).integers(0, [height // 2, width // 2])
    known[top : top + height // 2, left : left + width // 2] = True
    picture = np.where(known, np.uint8(255), np.uint8(0))
    try:
        encoded = GREY.encode(picture, known)
    except CueError:  # so small a part that no pixel is made of it alone
        return
    assert (encoded.features[encoded.known] == 1).all()


def test_colour_becomes_grey_by_its_luminance():
    picture = np.zeros((16, 16, 3), np.uint8)
    picture[..., 0], picture[..., 1], picture[..., 2] = 200, 100, 50
    luminance = 0.299 * 200 + 0.587 * 100 + 0.114 * 50
    assert np.allclose(GREY.encode(picture).features * 255, luminance, atol=1)


def test_grey_becomes_three_equal_channels():
    picture = noise(0, 16, 16)
    features, _ = laid_out(COLOUR, COLOUR.encode(picture))
    assert np.array_equal(np.rint(features * 255), np.repeat(picture[..., None], 3, axis=-1))


@given(seed=seeds)
def test_a_mask_counts_at_the_picture_s_resolution_and_at_the_memory_s(seed):
    picture, mask = noise(seed, 32, 32), np.random.default_rng(seed).random((16, 16)) < 0.5
    mask[0, 0] = True
    large = mask.repeat(2, axis=0).repeat(2, axis=1)
    at_memory_s, at_picture_s = GREY.encode(picture, mask), GREY.encode(picture, large)
    for encoded in (at_memory_s, at_picture_s):
        assert np.array_equal(encoded.known, mask.reshape(-1))
        assert (encoded.features[~encoded.known] == 0).all()
    assert np.array_equal(at_memory_s.features, at_picture_s.features)


def test_a_mask_at_the_memory_s_resolution_leaves_the_padding_unknown():
    encoded = GREY.encode(noise(0, 16, 8), np.ones((16, 16), bool))
    assert encoded.known.reshape(16, 16).sum(axis=1).tolist() == [8] * 16


@pytest.mark.parametrize("shape", [(31, 32), (16, 17), (32, 32, 1), (32,)])
def test_a_mask_of_another_size_is_refused_with_both_sizes(shape):
    with pytest.raises(ShapeError) as refused:
        GREY.encode(noise(0, 40, 32), np.ones(shape, bool))
    assert all(size in str(refused.value) for size in (str(shape), "(40, 32)", "(16, 16)"))


@pytest.mark.parametrize("side", [16, 32, 5])
def test_a_picture_of_which_nothing_is_known_is_refused(side):
    picture = noise(0, side, side)
    with pytest.raises(CueError, match="no pixel of the picture is known"):
        GREY.encode(picture, np.zeros((side, side), bool))
    with pytest.raises(CueError, match="no pixel of the picture is known"):
        GREY.encode(np.dstack([picture] * 3 + [np.zeros_like(picture)]))


@given(features=arrays.arrays(np.float32, 256, elements=st.floats(-2, 3, width=32)))
def test_any_pattern_can_be_looked_at(features):
    decoded = GREY.decode(features, None)
    assert decoded.dtype == np.uint8
    expected = [round(min(max(float(value), 0), 1) * 255) for value in features]
    assert np.abs(decoded.reshape(-1).astype(int) - expected).max() <= 1


def test_the_picture_given_is_kept_as_it_was():
    picture = noise(0, 40, 30, 3)
    before = picture.copy()
    encoded = GREY.encode(picture, np.eye(40, 30, dtype=bool) | (picture[..., 0] > 3))
    assert np.array_equal(picture, before)
    assert encoded.point.original.endswith(picture.tobytes())
