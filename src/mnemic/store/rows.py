"""Experiences and points as rows, and the checksum that tells whether one was altered."""

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mnemic.protocols import KeptPoint
from mnemic.records import Experience, Point

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def experience_row(experience: Experience) -> list[Any]:
    """Time, label, document, checksum, surprise and strength, as the columns hold them."""
    document = {"text": list(experience.text), "metadata": dict(experience.metadata)}
    row = [microseconds(experience.time), experience.label, json.dumps(document)]
    checksum = checksum_of(0, row)
    for point in experience.points:
        checksum = checksum_of(checksum, point_content(point))
    return [*row, checksum, experience.surprise, experience.strength]


def experience_of(
    time: int, label: str | None, document: str, surprise: float | None, strength: float
) -> Experience:
    """The experience a row holds, without its points."""
    content = json.loads(document)
    return Experience(
        time=EPOCH + timedelta(microseconds=time),
        label=label,
        text=tuple(content["text"]),
        metadata=content["metadata"],
        surprise=surprise,
        strength=strength,
    )


def point_content(point: Point) -> list[Any]:
    """What of a point the checksum covers."""
    return [point.sense, point.code, point.known, point.media_type, point.original]


def checksum_of(checksum: int, values: Iterable[Any]) -> int:
    """Carry a checksum on over values, each with its length."""
    for value in values:
        data = value if isinstance(value, bytes) else repr(value).encode()
        checksum = zlib.crc32(data, zlib.crc32(b"%d:" % len(data), checksum))
    return checksum


def microseconds(time: datetime) -> int:
    """Since 1970; exact, which seconds as a float are not."""
    return (time - EPOCH) // timedelta(microseconds=1)


def kept_point(row: Sequence[Any]) -> KeptPoint:
    """The point a row holds, with its original where it was asked for."""
    id, engram, sense, code, known, *original = row
    media_type, data = original or (None, None)
    point = Point(sense=sense, code=code, known=known, original=data, media_type=media_type)
    return KeptPoint(id, engram, point)
