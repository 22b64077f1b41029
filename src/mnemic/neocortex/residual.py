"""What a student gets wrong of a thing, to a tolerance: the detail that is worth keeping.

An engram is its schema (what the student decodes from its latent) and its residual: the features
that the schema misses by more than the tolerance, with by how much (Spens & Burgess 2024, the
extended model; there a threshold alone, here also a step of twice the tolerance, so that no
feature comes back further off than that). What is well predicted is not stored twice.
"""

import struct
import zlib
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Integer

from mnemic.errors import DamagedError

HEADER = struct.Struct("<dB")  # the step, and the bytes of a number of steps
RAW = -15  # zlib without its own header and checksum: the store has one
GREATEST = float(np.finfo(np.float32).max)
WIDTHS = {1: np.int8, 2: np.int16, 4: np.int32, 8: np.int64}


class Residual(NamedTuple):
    """By how many steps of ``step`` each feature differs from its schema."""

    steps: Integer[np.ndarray, " dim"]
    step: float

    @property
    def detailed(self) -> Bool[np.ndarray, " dim"]:
        """Features kept in detail; all others are the student's."""
        return self.steps != 0

    @property
    def difference(self) -> Float[np.ndarray, " dim"]:
        """What is to be added to the schema."""
        return (self.steps * self.step).astype(np.float32)


def residual_of(
    features: Float[np.ndarray, " dim"],
    schema: Float[np.ndarray, " dim"],
    known: Bool[np.ndarray, " dim"] | None,
    *,
    tolerance: float,
) -> Residual:
    """The known features that a schema misses by more than ``tolerance``.

    >>> residual_of(np.array([0.5, 0.9]), np.array([0.52, 0.2]), None, tolerance=0.05).steps
    array([0, 7])
    """
    step = 2 * tolerance
    missed = features.astype(np.float64) - schema
    if known is not None:
        missed = np.where(known, missed, 0.0)
    return Residual(np.rint(missed / step).astype(np.int64), step)


def pack_residual(residual: Residual) -> bytes:
    """A residual in few bytes; none at all where everything is predicted."""
    if not residual.detailed.any():
        return b""
    most = int(np.abs(residual.steps).max())
    width = next(width for width in WIDTHS if most < 2 ** (8 * width - 1))
    packer = zlib.compressobj(9, zlib.DEFLATED, RAW)
    numbers = residual.steps.astype(f"<i{width}").tobytes()
    return HEADER.pack(residual.step, width) + packer.compress(numbers) + packer.flush()


def unpack_residual(packed: bytes, dim: int) -> Residual:
    """What ``pack_residual`` packed.

    Raises:
        DamagedError: it is not that, or of another number of features.
    """
    if not packed:
        return Residual(np.zeros(dim, np.int8), 0.0)
    try:
        step, width = HEADER.unpack_from(packed)
        opened = zlib.decompressobj(RAW)
        numbers = opened.decompress(packed[HEADER.size :], dim * width + 1)
        steps = np.frombuffer(numbers, WIDTHS[width]).copy()
    except (struct.error, zlib.error, KeyError, ValueError) as error:
        raise DamagedError(f"a residual cannot be read: {error}; restore a backup") from error
    if len(steps) != dim or not opened.eof or opened.unused_data:
        raise DamagedError(f"a residual is not of {dim} features; restore a backup")
    if not 0 < step * float(np.abs(steps.astype(np.float64)).max()) < GREATEST:
        raise DamagedError(f"a residual cannot have steps of {step}; restore a backup")
    return Residual(steps, step)
