"""What a fresh process does with a large memory. It imports little: what it holds is measured."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.fresh import peak_memory
from mnemic import Memory


def opened(*, path: str, cues: str, stored: int) -> dict[str, Any]:
    """Seconds to open, and the memory that took."""
    imported = peak_memory()
    started = time.perf_counter()
    with Memory.open(path) as memory:
        seconds = time.perf_counter() - started
        grown = peak_memory() - imported
        images, ids, _ = _cues(cues)
        kept = [memory[id].image for id in ids]
        if len(memory) != stored or not np.array_equal(kept, images):
            raise ValueError("the memory that was opened does not hold what was stored")
    return {"seconds": seconds, "bytes after import": imported, "bytes grown": grown}


def recalled(*, path: str, cues: str, stored: int) -> dict[str, Any]:
    """Milliseconds of the first recall and of those after it, one cue at a time."""
    imported = peak_memory()
    images, ids, known = _cues(cues)
    mask = None if known.all() else known
    with Memory.open(path) as memory:
        first = _recall(memory, images[:1], ids[:1], mask)[0]
        _recall(memory, images, ids, mask)  # every answer is right before any is timed
        seconds = _recall(memory, images, ids, mask)
        grown = peak_memory() - imported
    p50, p95 = np.percentile(seconds, [50, 95])
    return {
        "first ms": 1e3 * first,
        "p50 ms": 1e3 * float(p50),
        "p95 ms": 1e3 * float(p95),
        "count": len(seconds),
        "bytes grown": grown,
    }


def _recall(
    memory: Memory, images: np.ndarray, ids: Sequence[int], known: np.ndarray | None
) -> list[float]:
    seconds: list[float] = []
    for image, id in zip(images, ids, strict=True):
        started = time.perf_counter()
        found = memory.recall(image=image, known=known)
        seconds.append(time.perf_counter() - started)
        if found.engram is None or found.engram.id != id or not np.array_equal(found.image, image):
            raise ValueError(f"engram {id} was not recalled: {found.engram and found.engram.id}")
    return seconds


def _cues(path: str) -> tuple[np.ndarray, list[int], np.ndarray]:
    with np.load(path) as file:
        return file["images"], file["ids"].tolist(), file["known"]
