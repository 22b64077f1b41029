"""The IDX format of the MNIST family: a header of big-endian sizes, then unsigned bytes.

Source of the format: LeCun, Cortes and Burges, *The MNIST database of handwritten digits*.
"""

import gzip
import io
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mnemic.errors import MediaError

UNSIGNED_BYTE = 0x08
MOST_BYTES = 2**30
"""A header that promises more than this is damaged: the largest known file holds 47 MB."""


def read_idx(path: Path, dimensions: int) -> UInt8[np.ndarray, "..."]:
    """The array in an IDX file of unsigned bytes, gzipped if its name ends in ``.gz``.

    ``dimensions`` is what the caller expects: 3 for pictures (count, height, width), 1 for labels.

    Raises ``MediaError`` if the file is not IDX, holds something else than was expected, or has
    fewer or more bytes than its header says.
    """
    try:
        with _opened(path) as file:
            shape = _shape(file.read(4 + 4 * dimensions), dimensions, path)
            expected = math.prod(shape)
            if expected > MOST_BYTES:
                raise MediaError(f"{path} says it holds {shape} bytes; its header is damaged")
            data = file.read(expected + 1)  # one more, to notice a file that goes on
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise MediaError(
            f"{path} is not a whole gzip file ({error}); delete it and fetch it again"
        ) from error
    if len(data) != expected:
        found = f"only {len(data)}" if len(data) < expected else "more"
        raise MediaError(
            f"{path} says it holds {shape}, {expected} bytes, but has {found}; "
            "delete it and fetch it again"
        )
    return np.frombuffer(data, dtype=np.uint8).reshape(shape).copy()  # a copy can be written to


def _opened(path: Path) -> gzip.GzipFile | io.BufferedReader:
    if path.suffix == ".gz":
        return gzip.open(path)
    return path.open("rb")


def _shape(header: bytes, dimensions: int, path: Path) -> tuple[int, ...]:
    magic = bytes([0, 0, UNSIGNED_BYTE, dimensions])
    if header[:4] != magic:
        raise MediaError(
            f"{path} begins with {header[:4].hex(' ') or 'nothing'}, but an IDX file of bytes "
            f"with {dimensions} dimension(s) begins with {magic.hex(' ')}"
        )
    if len(header) < 4 + 4 * dimensions:
        raise MediaError(f"{path} ends inside its header; delete it and fetch it again")
    return struct.unpack(f">{dimensions}I", header[4:])
