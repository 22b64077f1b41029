"""Bytes, files and arrays become pictures, or are refused with the reason."""

import io
import os
import random
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image

from mnemic import media
from mnemic.errors import MediaError
from mnemic.media import from_npy, read_picture, to_npy, to_png

COLOURS = np.random.default_rng(0).integers(256, size=(40, 60, 3), dtype=np.uint8)
ORIENTATION = 0x112


def encoded(picture, format="PNG", **options):
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    return buffer.getvalue()


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width, height, *chunks, colour=2):
    """A PNG put together by hand, so that its header can lie."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + b"".join(chunks) + chunk(b"IEND", b"")


def oriented(orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return exif


@pytest.mark.parametrize("give", [bytes, str, lambda path: path], ids=["bytes", "str", "Path"])
def test_a_file_is_read_and_kept_as_it_is(tmp_path, give):
    path = tmp_path / "picture.png"
    path.write_bytes(encoded(COLOURS))
    picture = read_picture(path.read_bytes() if give is bytes else give(path))
    assert np.array_equal(picture.pixels, COLOURS)
    assert picture[1:] == (None, path.read_bytes(), "image/png")


@pytest.mark.parametrize(
    ("format", "media_type"), [("PNG", "image/png"), ("JPEG", "image/jpeg"), ("WEBP", "image/webp")]
)
def test_each_format_is_named(format, media_type):
    assert read_picture(encoded(COLOURS, format)).media_type == media_type


def test_a_camera_s_file_of_several_pictures_is_read_as_its_first():
    first, second = Image.new("RGB", (8, 8), "red"), Image.new("RGB", (8, 8), "blue")
    data = encoded(first, "MPO", save_all=True, append_images=[second])
    picture = read_picture(data)
    assert picture.media_type == "image/jpeg"
    assert np.allclose(picture.pixels, [255, 0, 0], atol=3)


@pytest.mark.parametrize("format", ["WEBP", "PNG"])
def test_of_an_animation_the_first_picture_is_read(format):
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "lime", "blue")]
    data = encoded(frames[0], format, save_all=True, append_images=frames[1:], lossless=True)
    assert (read_picture(data).pixels == [255, 0, 0]).all()


@pytest.mark.parametrize("picture", ["file", "array", "PIL"])
def test_more_than_25_megapixels_are_refused_before_decoding(picture, monkeypatch):
    monkeypatch.setattr(media, "_plain", None)  # so that decoding would fail otherwise
    given = {
        "file": png(5001, 5000),
        "array": np.broadcast_to(np.uint8(0), (5000, 5001)),
        "PIL": Image.new("1", (5001, 5000)),
    }
    with pytest.raises(MediaError, match=r"5001 × 5000; pictures may have 25 megapixels"):
        read_picture(given[picture])


def test_a_decompression_bomb_is_refused():
    with pytest.raises(MediaError, match="more than 25 megapixels"):
        read_picture(png(60_000, 60_000, chunk(b"IDAT", zlib.compress(bytes(10_000)))))
    text = chunk(b"zTXt", b"comment\0\0" + zlib.compress(bytes(3 * 2**20)))
    with pytest.raises(MediaError, match="too large"):
        read_picture(png(1, 1, text, chunk(b"IDAT", zlib.compress(bytes(4)))))


def test_a_header_that_promises_too_much_is_refused():
    with pytest.raises(MediaError, match="damaged"):
        read_picture(png(40, 40, chunk(b"IDAT", zlib.compress(bytes(500)))))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_a_truncated_picture_is_refused_wherever_it_ends(format):
    data = encoded(COLOURS, format)
    for end in range(0, len(data) - 20, max(1, len(data) // 60)):
        with pytest.raises(MediaError):
            read_picture(data[:end])


def test_a_truncated_pil_image_is_refused():
    with pytest.raises(MediaError, match="truncated"):
        read_picture(Image.open(io.BytesIO(encoded(COLOURS)[:5000])))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@given(seed=st.integers(0, 2**32 - 1))
def test_damage_is_refused_or_decoded_but_never_surprises(format, seed):
    rng = random.Random(seed)
    data = bytearray(encoded(COLOURS[:8, :8], format, exif=oriented(6)))
    for _ in range(rng.choice([1, 3, 20])):
        data[rng.randrange(len(data))] = rng.randrange(256)
    try:
        picture = read_picture(bytes(data))
    except MediaError:
        return
    assert picture.pixels.dtype == np.uint8


@pytest.mark.parametrize(
    ("data", "complaint"),
    [(b"", "0 bytes is not a PNG"), (b"GIF89a" + bytes(50), "not a PNG, JPEG or WebP")],
)
def test_what_is_no_picture_is_refused(data, complaint):
    with pytest.raises(MediaError, match=complaint):
        read_picture(data)


def test_a_path_without_a_picture_is_refused_by_name(tmp_path):
    (tmp_path / "note.txt").write_text("not a picture")
    os.mkfifo(tmp_path / "pipe")
    for name, complaint in {
        "missing.png": "No such file",
        "": "not a file",
        "pipe": "not a file",
        "note.txt": "not a PNG, JPEG or WebP",
    }.items():
        with pytest.raises(MediaError, match=complaint) as refused:
            read_picture(tmp_path / name)
        assert str(tmp_path / name) in str(refused.value)
    with pytest.raises(MediaError, match="null byte"):
        read_picture("a\0b")


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    with (tmp_path / "large.png").open("wb") as file:
        file.truncate(media.MOST_BYTES + 1)
    with pytest.raises(MediaError, match="pictures may have 64"):
        read_picture(tmp_path / "large.png")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, (0, 0)),
        (2, (0, 1)),
        (3, (1, 1)),
        (4, (1, 0)),
        (5, (0, 0)),
        (6, (0, 1)),
        (7, (1, 1)),
        (8, (1, 0)),
    ],
)
def test_a_picture_is_turned_as_its_camera_says(format, orientation, corner):
    stored = np.zeros((16, 32, 3), np.uint8)
    stored[:8, :16] = 255  # the first corner of what is stored
    picture = read_picture(encoded(stored, format, exif=oriented(orientation))).pixels
    height, width = (32, 16) if orientation > 4 else (16, 32)
    assert picture.shape == (height, width, 3)
    centres = picture[height // 4 :: height // 2, width // 4 :: width // 2, 0] > 128
    assert np.argwhere(centres).tolist() == [list(corner)]


def test_the_kept_bytes_of_a_pil_image_are_the_picture_that_was_read():
    turned = Image.open(io.BytesIO(encoded(COLOURS, exif=oriented(6))))
    palette = Image.fromarray(COLOURS).quantize(8)
    for image in (turned, palette, Image.fromarray(COLOURS).convert("CMYK")):
        picture = read_picture(image)
        again = read_picture(picture.original)
        assert np.array_equal(picture.pixels, again.pixels)
    assert read_picture(turned).pixels.shape == (60, 40, 3)


def test_sixteen_bits_are_read_as_their_upper_eight():
    levels = np.arange(0, 65536, 16, dtype=np.uint16).reshape(64, 64)
    for source in (encoded(levels), Image.fromarray(levels)):
        assert np.array_equal(read_picture(source).pixels[..., 0], levels >> 8)
    clear = read_picture(encoded(levels, transparency=4096))
    assert np.array_equal(clear.known, levels != 4096)


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_without_a_white_are_refused_with_what_to_do(mode):
    with pytest.raises(MediaError, match="convert it to 'L'"):
        read_picture(Image.new(mode, (8, 8)))


def test_transparent_pixels_are_unknown():
    grey = np.full((4, 6), 200, np.uint8)
    alpha = np.tile(np.array([0, 127, 128, 255, 255, 0], np.uint8), (4, 1))
    expected = alpha >= 128
    both = Image.merge("LA", [Image.fromarray(grey), Image.fromarray(alpha)])
    colour = np.dstack([grey, grey, grey, alpha])
    for source in (encoded(both), both, encoded(colour), colour, colour / 255):
        picture = read_picture(source)
        assert np.array_equal(picture.known, expected)
        assert (picture.pixels[expected] == 200).all()
    palette = Image.fromarray(expected.astype(np.uint8)).convert("P")
    assert np.array_equal(read_picture(encoded(palette, transparency=0)).known, expected)


def test_opaque_pictures_know_every_pixel():
    assert (
        read_picture(encoded(np.dstack([COLOURS, np.full((40, 60), 255, np.uint8)]))).known is None
    )


def test_one_bit_is_black_and_white():
    bits = COLOURS[..., 0] > 100
    for source in (encoded(bits), bits):
        assert np.array_equal(read_picture(source).pixels[..., 0], bits * 255)


def test_a_cmyk_photograph_is_read_in_its_colours():
    blue = Image.new("RGB", (16, 16), (30, 60, 200)).convert("CMYK")
    picture = read_picture(encoded(blue, "JPEG", quality=95))
    assert np.allclose(picture.pixels, [30, 60, 200], atol=6)


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (np.full((4, 4), np.nan), "NaN or infinity; mark such pixels unknown"),
        (np.full((4, 4), np.inf), "NaN or infinity; mark such pixels unknown"),
        (np.full((4, 4), 255.0), r"0\.\.1, found 255 to 255; divide by 255"),
        (np.full((4, 4), -0.5), "-0.5"),
        (np.zeros((4, 4), np.int64), "not int64; convert them"),
        (np.zeros((4, 4), np.uint16), "not uint16; convert them"),
        (np.zeros((4, 4), np.complex64), "not complex64"),
        (np.zeros((4, 4), object), "not object"),
        (np.zeros((4, 4, 2), np.uint8), r"\(4, 4, 2\)"),
        (np.zeros((0, 4), np.uint8), r"\(0, 4\)"),
        (np.zeros(16, np.uint8), r"\(16,\)"),
        (np.zeros((1, 4, 4, 3), np.uint8), r"\(1, 4, 4, 3\)"),
    ],
)
def test_an_array_that_is_no_picture_is_refused_with_what_to_do(array, complaint):
    with pytest.raises(MediaError, match=complaint):
        read_picture(array)


def test_floats_are_read_to_the_nearest_level():
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    for dtype in (np.float64, np.float32, ">f4"):
        assert np.array_equal(read_picture((levels / 255).astype(dtype)).pixels[..., 0], levels)


any_array = arrays.arrays(
    st.sampled_from(["|u1", "|b1", "<f4", ">f4", ">f8", "<i2", ">u4"]),
    arrays.array_shapes(min_dims=1, max_dims=3, max_side=5),
)


@given(array=any_array, layout=st.sampled_from(["C", "Fortran", "reversed", "every second"]))
def test_an_array_comes_back_from_its_bytes_as_it_was(array, layout):
    array = {
        "C": array,
        "Fortran": np.asfortranarray(array),
        "reversed": array[::-1, ...],
        "every second": np.repeat(array, 2, axis=-1)[..., ::2],
    }[layout]
    for again in (np.load(io.BytesIO(to_npy(array))), from_npy(to_npy(array))):
        assert again.dtype == array.dtype
        assert again.shape == array.shape
        assert again.tobytes() == array.tobytes()  # NaN too


def test_the_kept_bytes_of_an_array_are_the_array():
    array = np.asfortranarray(COLOURS.astype(">f4") / 255)[::2, ::-1]
    picture = read_picture(array)
    assert picture.media_type == "application/x-npy"
    assert np.array_equal(np.load(io.BytesIO(picture.original)), array)


@given(pixels=arrays.arrays(np.uint8, st.sampled_from([(3, 5), (3, 5, 1), (3, 5, 3)])))
def test_png_loses_nothing(pixels):
    assert np.array_equal(read_picture(to_png(pixels)).pixels.reshape(pixels.shape), pixels)
