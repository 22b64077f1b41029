"""Features that are compared by their direction: of length 1, kept in half precision."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from mnemic.errors import CueError, ShapeError
from mnemic.protocols import Encoded
from mnemic.records import Point


def encoded_direction(
    sense: str,
    features: Float[np.ndarray, " dim"],
    *,
    original: bytes | None = None,
    media_type: str | None = None,
) -> Encoded:
    """A part whose features are scaled to length 1.

    Raises:
        CueError: they are all zero, or one is not a finite number.
    """
    length = float(np.linalg.norm(features.astype(np.float64)))
    if not 0 < length < np.inf:
        raise CueError(
            f"the sense {sense!r} finds nothing in this part (its features are {length:g})"
        )
    code = (features / length).astype("<f2").tobytes()
    point = Point(sense=sense, code=code, original=original, media_type=media_type)
    return Encoded(unpacked_directions([code], len(features))[0], None, point)


def unpacked_directions(codes: Sequence[bytes], dim: int) -> Float[np.ndarray, "batch dim"]:
    """Stored codes to features.

    Raises:
        ShapeError: a code has another number of features.
    """
    packed = np.frombuffer(b"".join(codes), "<f2")
    if packed.size != len(codes) * dim:
        raise ShapeError(f"{len(codes)} codes hold {packed.size} features, not {dim} each")
    return packed.reshape(len(codes), dim).astype(np.float32)
