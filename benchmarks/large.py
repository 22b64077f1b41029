"""A large memory: how long it takes to open, how much room it needs, how fast it recalls."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Bool

from benchmarks.data import CREATE, SENSE, Images, many, unambiguous
from benchmarks.fresh import in_fresh_process
from benchmarks.registry import Measurement, Must, Numbers
from mnemic.folder import DATABASE
from mnemic.memory import Memory
from mnemic.records import Experience
from mnemic.store import SqliteStore

BEGAN = datetime(2000, 1, 1, tzinfo=UTC)
WRITTEN = 4096  # pictures a transaction
VIEWS = ("all known", "upper half known")


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    stored: int = 100_000
    probes: int = 40
    repeats: int = 3  # of opening, each in a fresh process
    seed: int = 0


def measure(scale: Scale) -> Numbers:
    """Make the memory once, then open it and recall from it, each in a fresh process."""
    images = many(scale.stored)
    feature_bytes = images.size * np.dtype(np.float32).itemsize
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory"
        started = time.perf_counter()
        ids = written(path, images)
        seconds = time.perf_counter() - started
        opened = [
            _probe("opened", path, images, ids, "all known", scale) for _ in range(scale.repeats)
        ]
        recalled = {view: _probe("recalled", path, images, ids, view, scale) for view in VIEWS}
        on_disk = sum(file.stat().st_size for file in path.iterdir())
    return {
        "written": f"SqliteStore.add of Pixels.encode, {WRITTEN} a transaction, no surprise",
        "pictures written a second": scale.stored / seconds,
        "bytes on disk": on_disk,
        "float32 features, bytes": feature_bytes,
        "open, seconds": median(one["seconds"] for one in opened),
        "open, each time": [one["seconds"] for one in opened],
        "bytes after import": max(one["bytes after import"] for one in opened),
        "opened, peak over float32 features": max(one["bytes grown"] for one in opened)
        / feature_bytes,
        "recalled, peak over float32 features": max(one["bytes grown"] for one in recalled.values())
        / feature_bytes,
        "recall": recalled,
    }


def written(path: Path, images: Images) -> list[int]:
    """Write a memory straight through its store, which leaves out how new each picture was."""
    Memory.open(path, create=CREATE).close()
    store = SqliteStore(path / DATABASE)
    ids: list[int] = []
    try:
        for start in range(0, len(images), WRITTEN):
            added = store.add(
                [
                    Experience(
                        time=BEGAN + timedelta(seconds=start + row),
                        points=(SENSE.encode(image).point,),
                    )
                    for row, image in enumerate(images[start : start + WRITTEN])
                ]
            )
            ids += [stored.id for stored in added]
    finally:
        store.close()
    return ids


def _probe(
    what: str, path: Path, images: Images, ids: Sequence[int], view: str, scale: Scale
) -> Numbers:
    """Ask a fresh process; its cues are in a file, for what it holds counts."""
    known = _known(view)
    rows = unambiguous(images, known, scale.probes, seed=scale.seed)
    cues = path.parent / "cues.npz"
    np.savez(cues, images=images[rows], ids=[ids[row] for row in rows], known=known)
    return in_fresh_process("large_probe", what, path=str(path), cues=str(cues), stored=len(images))


def _known(view: str) -> Bool[np.ndarray, "28 28"]:
    known = np.ones(SENSE.grid[:2], np.bool_)
    if view == "upper half known":
        known[len(known) // 2 :] = False
    return known


MEASUREMENT = Measurement(
    name="large",
    claim="A memory of 100,000 pictures opens in seconds, fits in little more than its features, "
    "and recalls without a noticeable wait.",
    musts=(
        Must(
            claim="open 100,000 pictures of 28 × 28 from a warm disk",
            number=("open, seconds",),
            at_most=3.0,
            unit="s",
            source="requirement",
        ),
        Must(
            claim="peak memory of opening, over the features in float32",
            number=("opened, peak over float32 features",),
            at_most=1.5,
            source="requirement: the features once, and half as much to work in",
            beside={"after a first recall, which tunes": ("recalled, peak over float32 features",)},
        ),
        *(
            Must(
                claim=f"recall one cue, {view}, p50",
                number=("recall", view, "p50 ms"),
                at_most=60.0,
                unit="ms",
                source="requirement",
                beside={
                    "p95": ("recall", view, "p95 ms"),
                    "the first, which tunes": ("recall", view, "first ms"),
                },
            )
            for view in VIEWS
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(stored=200, probes=5, repeats=1),
)
