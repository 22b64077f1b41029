"""How fast pictures become durable, beside a bare SQLite insert of the same bytes."""

import sqlite3
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.data import CREATE, SENSE, Images, drawn
from benchmarks.fresh import in_fresh_process
from benchmarks.registry import Measurement, Must, Numbers, WrongAnswerError
from benchmarks.statistics import times
from mnemic.memory import WRITTEN, Memory


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    stored: int = 5000
    singles: int = 400
    repeats: int = 3  # of storing many, each in a new folder
    seed: int = 0


def measure(scale: Scale) -> Numbers:
    """Time both in a fresh process."""
    return in_fresh_process("remember", "timed", **asdict(scale))


def timed(*, stored: int, singles: int, repeats: int, seed: int) -> Numbers:
    """Pictures a second in bulk, then milliseconds for each of some more."""
    many, more = (one.images for one in drawn(stored, singles, seed=seed))
    ours: list[float] = []
    bare: list[float] = []
    one_by_one: Numbers = {}
    for repeat in range(repeats):
        with TemporaryDirectory() as folder, Bare(Path(folder) / "bare.sqlite") as reference:
            path = Path(folder) / "memory"
            with Memory.open(path, create=CREATE, seed=seed) as memory:
                started = time.perf_counter()
                engrams = memory.remember_many(image=many)
                ours.append(stored / (time.perf_counter() - started))
                bare.append(stored / reference.add_many(_bytes(many)))
                ids = [engram.id for engram in engrams]
                _check(memory, many, ids)
                if repeat == repeats - 1:
                    one_by_one, more_ids = _one_by_one(memory, reference, more)
                    _check(memory, more, more_ids)
            with Memory.open(path, seed=seed) as memory:  # what is on disk
                _check(memory, many, ids)
    return {
        "remember": one_by_one["ours"],
        "bare insert": one_by_one["bare"],
        "remember, times a bare insert": one_by_one["ours"]["p50 ms"]
        / one_by_one["bare"]["p50 ms"],
        "remember_many, pictures a second": median(ours),
        "remember_many, each time": ours,
        "bare insert in bulk, pictures a second": median(bare),
        "bare insert in bulk, times remember_many": median(bare) / median(ours),
    }


def _one_by_one(
    memory: Memory, reference: "Bare", pictures: Images
) -> tuple[dict[str, Numbers], list[int]]:
    """Ours and the reference in turn, so that what disturbs one disturbs the other."""
    ours: list[float] = []
    bare: list[float] = []
    ids: list[int] = []
    for picture, row in zip(pictures, _bytes(pictures), strict=True):
        started = time.perf_counter()
        engram = memory.remember(image=picture)
        ours.append(time.perf_counter() - started)
        ids.append(engram.id)
        bare.append(reference.add_many([row]))
    return {"ours": times(ours), "bare": times(bare)}, ids


def _check(memory: Memory, pictures: Images, ids: Sequence[int]) -> None:
    """Refuse times of a memory that does not hold what it was given."""
    for row in np.linspace(0, len(pictures) - 1, min(64, len(pictures))).astype(int):
        kept = memory[ids[row]].image
        found = memory.recall(image=pictures[row]).engram
        if found is None or found.id != ids[row] or not np.array_equal(kept, pictures[row]):
            raise WrongAnswerError(f"picture {row} was not remembered as it is")


def _bytes(pictures: Images) -> list[tuple[bytes, bytes]]:
    """What a memory keeps of each picture: the features and the original."""
    points = [SENSE.encode(picture).point for picture in pictures]
    return [(point.code, point.original or b"") for point in points]


class Bare:
    """One SQLite table with the durability of a memory's, and nothing else."""

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)

    def __enter__(self) -> "Bare":
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("CREATE TABLE pictures (id INTEGER PRIMARY KEY, code BLOB, original BLOB)")
        return self

    def __exit__(self, *_: Any) -> None:
        self._db.close()

    def add_many(self, rows: Sequence[tuple[bytes, bytes]]) -> float:
        """Insert rows, as many a transaction as a memory would; the seconds it took."""
        started = time.perf_counter()
        for start in range(0, len(rows), WRITTEN):
            self._db.execute("BEGIN IMMEDIATE")
            self._db.executemany(
                "INSERT INTO pictures (code, original) VALUES (?, ?)", rows[start : start + WRITTEN]
            )
            self._db.execute("COMMIT")
        return time.perf_counter() - started


MEASUREMENT = Measurement(
    name="remember",
    claim="A picture is on disk for good within milliseconds, and thousands within a second.",
    musts=(
        Must(
            claim="remember one 28 × 28 picture with 5,000 stored, p50",
            number=("remember", "p50 ms"),
            at_most=3.0,
            unit="ms",
            source="requirement",
            beside={
                "p95": ("remember", "p95 ms"),
                "bare SQLite insert": ("bare insert", "p50 ms"),
                "ratio": ("remember, times a bare insert",),
            },
        ),
        Must(
            claim="remember_many of 5,000 pictures",
            number=("remember_many, pictures a second",),
            at_least=5000,
            unit="pictures/s",
            source="requirement",
            beside={
                "bare SQLite insert": ("bare insert in bulk, pictures a second",),
                "ratio": ("bare insert in bulk, times remember_many",),
            },
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(stored=100, singles=10, repeats=1),
)
