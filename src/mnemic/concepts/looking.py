"""What of an experience is shown to a pretrained network.

It is the picture as it was given, where that is at hand: when it is remembered, and later
where the memory keeps originals. Else, and of a picture of which a part was said to be unknown, it
is what the memory's own sense draws of it.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from mnemic.media import ARRAY, from_npy
from mnemic.protocols import Finder, Sense
from mnemic.records import Point


class Glimpse(NamedTuple):
    """A point of a picture, with what may be at hand to show."""

    point: Point
    features: Float[np.ndarray, " dim"]
    known: Bool[np.ndarray, " dim"] | None


def sees_wholes(sense: Sense) -> bool:
    """Whether a sense takes pictures whole: the class of a picture is not that of a face in it."""
    return sense.modality == "image" and not isinstance(sense, Finder)


def picture_of(
    glimpses: Sequence[Glimpse], number: int, of: int, senses: Mapping[str, Sense]
) -> Any | None:
    """A picture of an experience, by its number, to show to a network; None where there is none.

    ``glimpses`` are the points of the experience in all senses of pictures, ``of`` is how many
    pictures it has.
    """
    given = [one for one in glimpses if one.point.original is not None]
    drawn = [one for one in glimpses if senses[one.point.sense].decodes]
    first = [one for one in drawn if one.point.sense == drawn[0].point.sense]
    if len(given) == of:
        point = given[number].point
        picture = _as_given(point)
        if not _was_masked(point, picture, senses[point.sense]):
            return picture
    if len(first) == of:
        glimpse = first[number]
        return senses[glimpse.point.sense].decode(glimpse.features, glimpse.known)
    return None


def _as_given(point: Point) -> bytes | np.ndarray:
    assert point.original is not None
    if point.media_type == ARRAY:
        return from_npy(point.original)
    return point.original


def _was_masked(point: Point, picture: bytes | np.ndarray, sense: Sense) -> bool:
    """Whether more of a picture was said to be unknown than it says itself."""
    return point.known is not None and sense.encode(picture).point.known != point.known
