"""Bytes, files and arrays to pictures, with limits checked before anything is decoded."""

import io
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Shaped, UInt8
from PIL import Image, ImageOps, UnidentifiedImageError

from mnemic.errors import MediaError

PICTURE_FORMATS = {"PNG": "image/png", "JPEG": "image/jpeg", "WEBP": "image/webp"}
PICTURE_SUFFIXES = (".png", ".jpg", ".jpeg", ".webp")
MOST_PIXELS = 25_000_000
MOST_BYTES = 64 * 2**20
ARRAY = "application/x-npy"

PictureSource = Shaped[np.ndarray, "..."] | Image.Image | str | Path | bytes


class Picture(NamedTuple):
    """A decoded picture. Transparent pixels are unknown, not black."""

    pixels: UInt8[np.ndarray, "height width channels"]  # one channel, or red, green, blue
    known: Bool[np.ndarray, "height width"] | None
    original: bytes  # as given; arrays as .npy, PIL images as PNG
    media_type: str


def read_picture(source: PictureSource) -> Picture:
    """Read a picture from a path, encoded bytes, a PIL image or an array.

    Arrays are height × width, or × channels with 1 (grey), 3 (colour) or 4 (colour and alpha);
    uint8, booleans, or floats in 0..1, which are read to the nearest of 256 levels. Files may be
    PNG, JPEG or WebP of at most 25 megapixels; their EXIF orientation is applied.

    Raises:
        MediaError: none of these, too large, damaged, or holding values out of range.
    """
    if isinstance(source, np.ndarray):
        return _from_array(source)
    if isinstance(source, Image.Image):
        buffer = io.BytesIO()
        _refuse_large(source.size, "the picture")
        with _decoding("the picture"):
            plain = _plain(ImageOps.exif_transpose(source))
            plain.save(buffer, "PNG")
        return _from_plain(plain, buffer.getvalue(), "image/png")
    if isinstance(source, bytes):
        return _from_bytes(source, f"{len(source)} bytes")
    if isinstance(source, (str, Path)):  # pyright: ignore[reportUnnecessaryIsInstance]
        return _from_bytes(read_file(Path(source), MOST_BYTES, "pictures"), str(source))
    raise MediaError(
        f"a picture is an array, a PIL image, a path or encoded bytes, not {type(source).__name__}"
    )


def to_png(pixels: UInt8[np.ndarray, "height width *channels"]) -> bytes:
    """Encode pixels without loss."""
    buffer = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2:] == (1,) else pixels).save(buffer, "PNG")
    return buffer.getvalue()


def to_npy(array: np.ndarray) -> bytes:
    """An array as it is, with its type and shape."""
    return _npy_header(array.dtype.str, array.shape) + array.tobytes()


@lru_cache(maxsize=64)
def _npy_header(descr: str, shape: tuple[int, ...]) -> bytes:
    buffer = io.BytesIO()
    header = {"descr": descr, "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, header)
    return buffer.getvalue()


def from_npy(data: bytes) -> np.ndarray:
    """The array that ``to_npy`` wrote."""
    return np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)


def read_file(path: Path, most: int, things: str) -> bytes:
    """A whole file of at most ``most`` bytes; MediaError says what else it is."""
    try:
        found = path.stat()
        if S_ISREG(found.st_mode) and found.st_size <= most:
            return path.read_bytes()
    except OSError as error:
        raise MediaError(f"{path} cannot be read: {error.strerror}") from error
    except ValueError as error:  # a NUL in the name
        raise MediaError(f"{str(path)!r} cannot be read: {error}") from error
    if not S_ISREG(found.st_mode):
        raise MediaError(f"{path} cannot be read: it is not a file")
    raise MediaError(
        f"{path} has {found.st_size / 2**20:.0f} MiB; {things} may have {most // 2**20}"
    )


def _from_bytes(data: bytes, name: str) -> Picture:
    with _decoding(name), Image.open(io.BytesIO(data), formats=list(PICTURE_FORMATS)) as image:
        _refuse_large(image.size, name)
        # MPO, several pictures in one JPEG, is what many cameras write
        media_type = PICTURE_FORMATS.get(image.format or "", "image/jpeg")
        return _from_plain(_plain(ImageOps.exif_transpose(image)), data, media_type)


@contextmanager
def _decoding(name: str) -> Generator[None]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the size is checked; damage raises
            yield
    except (MediaError, MemoryError):
        raise
    except UnidentifiedImageError as error:
        raise MediaError(f"{name} is not a PNG, JPEG or WebP picture") from error
    except Image.DecompressionBombError as error:
        raise MediaError(f"{name} claims more than {MOST_PIXELS // 10**6} megapixels") from error
    except Exception as error:  # damage can surface as nearly anything in a decoder
        raise MediaError(f"{name} is damaged and cannot be decoded: {error}") from error


def _from_plain(image: Image.Image, original: bytes, media_type: str) -> Picture:
    array = np.asarray(image)
    if array.ndim == 2:
        return Picture(array[..., None], None, original, media_type)
    if array.shape[-1] == 3:
        return Picture(array, None, original, media_type)
    pixels, alpha = array[..., :-1], array[..., -1]
    return Picture(pixels, _opaque(alpha), original, media_type)


def _from_array(array: np.ndarray) -> Picture:
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or 0 in array.shape:
        raise MediaError(
            f"a picture array is height × width, or × 1, 3 or 4 channels; got {array.shape}"
        )
    _refuse_large((array.shape[1], array.shape[0]), "the array")
    pixels = _to_levels(array).reshape(*array.shape[:2], channels)
    known = _opaque(pixels[..., 3]) if channels == 4 else None
    return Picture(pixels[..., :3], known, to_npy(array), ARRAY)


def _to_levels(array: np.ndarray) -> UInt8[np.ndarray, "..."]:
    if array.dtype == np.uint8:
        return array
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * 255
    if not np.issubdtype(array.dtype, np.floating):
        raise MediaError(
            f"pixels are uint8, booleans or floats in 0..1, not {array.dtype}; convert them"
        )
    if not np.isfinite(array).all():
        raise MediaError("a picture holds NaN or infinity; mark such pixels unknown and set them 0")
    low, high = float(array.min()), float(array.max())
    if low < 0 or high > 1:
        raise MediaError(
            f"floating-point pixels lie in 0..1, found {low:.3g} to {high:.3g};"
            " divide by 255, or clip"
        )
    return np.rint(array * 255).astype(np.uint8)


def _plain(image: Image.Image) -> Image.Image:
    """Without palettes, profiles or more than 8 bits: in mode L, RGB, LA or RGBA."""
    if image.mode.startswith("I;16"):  # Pillow would clip at 255
        levels = np.asarray(image)
        plain = Image.fromarray((levels >> 8).astype(np.uint8))
        if (clear := image.info.get("transparency")) is not None:
            plain.putalpha(Image.fromarray((levels != clear) * np.uint8(255)))
        return plain
    if image.mode in ("I", "F"):
        raise MediaError(
            f"a picture of mode {image.mode!r} has no fixed black and white;"
            " convert it to 'L', or give an array of floats in 0..1"
        )
    grey = image.mode in ("1", "L", "LA", "La")
    if image.has_transparency_data:
        return image.convert("LA" if grey else "RGBA")
    return image.convert("L" if grey else "RGB")


def _opaque(alpha: UInt8[np.ndarray, "height width"]) -> Bool[np.ndarray, "height width"] | None:
    known = alpha >= 128
    return None if known.all() else known


def _refuse_large(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise MediaError(
            f"{name} is {width} × {height}; pictures may have {MOST_PIXELS // 10**6} megapixels."
            " Make it smaller first"
        )
