"""A memory as open files: Parquet tables and the pictures, readable without mnemic."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from mnemic.errors import ConfigError
from mnemic.media import ARRAY, from_npy, to_png
from mnemic.points import Points
from mnemic.protocols import KeptPoint, Sense, Store

ROWS = 1024  # written at a time
SUFFIXES = {
    "image/png": ".png",
    "image/jpeg": ".jpg",
    "image/webp": ".webp",
    "audio/wav": ".wav",
    "audio/flac": ".flac",
    "audio/ogg": ".ogg",
    ARRAY: ".npy",
}

ENGRAMS = pa.schema(
    [
        ("id", pa.int64()),
        ("time", pa.timestamp("us", tz="UTC")),
        ("label", pa.string()),
        ("text", pa.list_(pa.string())),
        ("metadata", pa.string()),
        ("surprise", pa.float64()),
        ("strength", pa.float64()),
    ]
)
POINTS = pa.schema(
    [
        ("id", pa.int64()),
        ("engram", pa.int64()),
        ("sense", pa.string()),
        ("features", pa.list_(pa.float32())),
        ("known", pa.list_(pa.bool_())),
        ("original", pa.string()),
    ]
)


def export(store: Store, places: Mapping[str, Points], folder: Path) -> None:
    """Write ``engrams.parquet``, ``points.parquet`` and each original under ``originals/``.

    Originals are written as they were given; a picture given as an array of bytes as PNG. Null
    in ``known`` means that every feature is known.

    Raises:
        ConfigError: the folder exists and is not empty.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(f"{folder} is not an empty folder; export to a new one")
    (folder / "originals").mkdir(parents=True, exist_ok=True)
    ids = store.ids()
    with (
        pq.ParquetWriter(folder / "engrams.parquet", ENGRAMS) as engrams,
        pq.ParquetWriter(folder / "points.parquet", POINTS) as points,
    ):
        for start in range(0, len(ids), ROWS):
            some = ids[start : start + ROWS]
            engrams.write_table(pa.Table.from_pylist(list(_engram_rows(store, some)), ENGRAMS))
            rows = [
                _point_row(kept, places[kept.point.sense], folder)
                for kept in store.points(some, originals=True)
            ]
            points.write_table(pa.Table.from_pylist(rows, POINTS))


def _engram_rows(store: Store, ids: list[int]) -> Iterator[dict[str, Any]]:
    for kept in store.get(ids):
        one = kept.experience
        yield {
            "id": kept.id,
            "time": one.time,
            "label": one.label,
            "text": list(one.text),
            "metadata": json.dumps(one.metadata, ensure_ascii=False),
            "surprise": one.surprise,
            "strength": one.strength,
        }


def _point_row(kept: KeptPoint, place: Points, folder: Path) -> dict[str, Any]:
    features = place.unpacked(kept)
    known = kept.point.known
    return {
        "id": kept.id,
        "engram": kept.engram,
        "sense": kept.point.sense,
        "features": features,
        "known": None if known is None else unpack_bits(known, len(features)),
        "original": _write_original(kept, place.sense, folder),
    }


def _write_original(kept: KeptPoint, sense: Sense, folder: Path) -> str | None:
    data, media_type = kept.point.original, kept.point.media_type
    if data is None or media_type is None:
        return None
    suffix = SUFFIXES[media_type]
    if media_type == ARRAY and sense.modality == "image":
        array = from_npy(data)
        if array.dtype == np.uint8:
            data, suffix = to_png(array), ".png"
    path = Path("originals") / f"{kept.engram}-{kept.id}{suffix}"
    (folder / path).write_bytes(data)
    return path.as_posix()


def unpack_bits(known: bytes, dim: int) -> np.ndarray:
    """The mask that was packed one bit a feature."""
    return np.unpackbits(np.frombuffer(known, np.uint8), count=dim).astype(np.bool_)
