"""Experiences and points as rows, and the checksum that tells whether one was altered."""

import json
import zlib
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from mnemic.errors import DamagedError
from mnemic.protocols import KeptPoint
from mnemic.records import Experience, Point, Schema

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
    _refuse_other_types((time, document, strength), (int, str, float))
    _refuse_other_types((label, surprise), (str, float), missing=True)
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
    content: list[bytes] = []
    for value in values:
        data = value if isinstance(value, bytes) else repr(value).encode()
        content += b"%d:" % len(data), data
    return zlib.crc32(b"".join(content), checksum)


def microseconds(time: datetime) -> int:
    """Since 1970; exact, which seconds as a float are not."""
    return (time - EPOCH) // timedelta(microseconds=1)


def schema_row(schema: Schema) -> list[Any]:
    """Version, latent, residual and checksum, as the columns hold them."""
    row = [schema.student, schema.latent, schema.residual]
    return [*row, checksum_of(0, row)]


def kept_point(row: Sequence[Any]) -> KeptPoint:
    """The point a row holds, with its original where it was asked for."""
    id, engram, sense, code, known, student, latent, residual, *original = row
    media_type, data = original or (None, None)
    _refuse_other_types((id, engram, sense, code), (int, int, str, bytes))
    _refuse_other_types((known, media_type, data), (bytes, str, bytes), missing=True)
    schema = None
    if student is not None:
        _refuse_other_types((student, latent), (int, bytes))
        _refuse_other_types((residual,), (bytes,), missing=True)
        schema = Schema(student=student, latent=latent, residual=residual)
    point = Point(
        sense=sense, code=code, schema=schema, known=known, original=data, media_type=media_type
    )
    return KeptPoint(id, engram, point)


def _refuse_other_types(
    values: Sequence[Any], types: Sequence[type], *, missing: bool = False
) -> None:
    """The schema is strict, but a damaged file need not be."""
    for value, type_ in zip(values, types, strict=True):
        if not isinstance(value, type_) and not (missing and value is None):
            raise DamagedError(
                f"a row holds {type(value).__name__} where {type_.__name__} belongs;"
                " the file is damaged: restore a backup"
            )
