"""The sense of plain vectors: internal signals, or features somebody else computed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped

from mnemic.errors import ConfigError, CueError, ShapeError
from mnemic.media import ARRAY, to_npy
from mnemic.protocols import Encoded
from mnemic.records import Point


@dataclass(frozen=True)
class Vector:
    """Vectors of ``dim`` numbers, as they are, in single precision."""

    dim: int

    name = "vector"
    modality = "vector"
    decodes = True

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ConfigError(f"a vector has at least one number, got dim={self.dim}")

    @property
    def grid(self) -> tuple[int, int, int]:
        """The numbers in a row."""
        return self.dim, 1, 1

    @property
    def config(self) -> dict[str, Any]:
        """All that determines the features."""
        return {"code": "vector/1", "dim": self.dim}

    def encode(
        self, part: Shaped[np.ndarray, "..."], known: Shaped[np.ndarray, "..."] | None = None
    ) -> Encoded:
        """Check a vector.

        Raises:
            ShapeError: it, or ``known``, has another length.
            CueError: a known number is NaN or infinite, or nothing is known.
        """
        vector = np.asarray(part)
        if vector.shape != (self.dim,) or vector.dtype.kind not in "fiub":
            raise ShapeError(
                f"this memory stores vectors of {self.dim} numbers,"
                f" got an array of {vector.dtype} {vector.shape}"
            )
        with np.errstate(over="ignore"):  # too large for single precision shows as infinity below
            features = vector.astype(np.float32)
        seen = None if known is None else np.asarray(known).astype(np.bool_)
        if seen is not None:
            if seen.shape != (self.dim,):
                raise ShapeError(f"known has shape {seen.shape}; it must be {(self.dim,)}")
            if not seen.any():
                raise CueError("nothing of the vector is known; its mask is False everywhere")
            features = np.where(seen, features, np.float32(0))
            seen = None if seen.all() else seen
        if not np.isfinite(features).all():
            raise CueError("a vector holds NaN or infinity; mark such numbers unknown")
        point = Point(
            sense=self.name,
            code=features.astype("<f4").tobytes(),
            known=None if seen is None else np.packbits(seen).tobytes(),
            original=to_npy(vector),
            media_type=ARRAY,
        )
        return Encoded(features, seen, point)

    def decode(
        self, features: Float[np.ndarray, " dim"], known: Bool[np.ndarray, " dim"] | None
    ) -> Float[np.ndarray, " dim"]:
        """The vector; NaN where it was unknown."""
        vector = features.astype(np.float32)
        return vector if known is None else np.where(known, vector, np.float32(np.nan))

    def unpack(self, codes: Sequence[bytes]) -> Float[np.ndarray, "batch dim"]:
        """Stored codes to features."""
        packed = np.frombuffer(b"".join(codes), "<f4").reshape(len(codes), self.dim)
        return packed.astype(np.float32)
