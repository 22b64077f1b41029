"""A memory of a million: recall in one call, certified, and a no to what is far from all of it."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from jaxtyping import Float

from benchmarks.attend import latents
from benchmarks.data import rng_of
from benchmarks.fresh import in_fresh_process
from benchmarks.registry import Measurement, Must, Numbers, WrongAnswerError
from mnemic.folder import DATABASE
from mnemic.memory import Memory
from mnemic.records import Experience
from mnemic.senses import Vector
from mnemic.store import SqliteStore

DIM = 64
NOISE = 0.1  # of a feature's standard deviation
BEGAN = datetime(2000, 1, 1, tzinfo=UTC)
WRITTEN = 4096  # vectors a transaction


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    stored: int = 1_000_000
    cues: int = 40
    remembered: int = 2048  # more, by ``remember_many``, at the end
    seed: int = 0


def measure(scale: Scale) -> Numbers:
    """Write the memory once, straight through its store; ask it in a fresh process."""
    vectors = latents(scale.stored, DIM, seed=scale.seed).numpy()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "memory"
        write(path, vectors)
        return in_fresh_process(
            "million",
            "asked",
            path=str(path),
            cues=scale.cues,
            more=scale.remembered,
            seed=scale.seed,
        )


def write(path: Path, vectors: Float[np.ndarray, "count dim"]) -> None:
    """Write a memory straight through its store, which leaves out how new each vector was."""
    Memory.open(path, create={"resolution": None, "vector": vectors.shape[1]}).close()
    sense, store = Vector(vectors.shape[1]), SqliteStore(path / DATABASE)
    try:
        for start in range(0, len(vectors), WRITTEN):
            store.add(
                [
                    Experience(
                        time=BEGAN + timedelta(seconds=start + row),
                        points=(sense.encode(vector).point,),
                    )
                    for row, vector in enumerate(vectors[start : start + WRITTEN])
                ]
            )
    finally:
        store.close()


def asked(*, path: str, cues: int, more: int, seed: int) -> Numbers:
    """Open, recall noisy sights of what is stored and of what never was, and remember more.

    Raises:
        WrongAnswerError: what was stored is not found, or what was not is.
    """
    rng = rng_of(seed, "cues")
    started = time.perf_counter()
    with Memory.open(path) as memory:
        opened, count = time.perf_counter() - started, len(memory)
        ids = [memory.ids()[row] for row in rng.integers(count, size=cues)]
        stored = np.stack([np.asarray(memory[id].vector) for id in ids])
        spread = stored.std(axis=0)
        noisy = stored + NOISE * spread * rng.standard_normal(stored.shape)
        far = 6 * spread.max() * rng.standard_normal(stored.shape)
        memory.recall(vector=noisy[0])  # the first finds what recall is to be set to
        seconds, found = [], []
        for cue in noisy.astype(np.float32):
            began = time.perf_counter()
            found.append(memory.recall(vector=cue))
            seconds.append(time.perf_counter() - began)
        right = np.mean([one.engram.id == id for one, id in zip(found, ids, strict=True)])
        strange = [memory.recall(vector=cue).remembered for cue in far.astype(np.float32)]
        if right < 1 or not all(one.remembered for one in found) or any(strange):
            raise WrongAnswerError(
                f"{right:.2f} of what is stored was found, {np.mean(strange):.2f} of what is far"
                " from everything was taken for remembered"
            )
        began = time.perf_counter()
        memory.remember_many(vector=list(latents(more, DIM, seed=seed + 1).numpy()))
        return {
            "stored": count,
            "open, seconds": opened,
            "recall p50, ms": 1e3 * float(np.median(seconds)),
            "recall p95, ms": 1e3 * float(np.percentile(seconds, 95)),
            "certified": float(np.mean([one.search.method == "certified" for one in found])),
            "largest bound": max(one.search.bound for one in found),
            "multiply-adds of a recall": float(
                np.mean([one.search.multiply_adds for one in found])
            ),
            "remembered a second, one call": more / (time.perf_counter() - began),
        }


MEASUREMENT = Measurement(
    name="million",
    claim="A memory of a million recalls in one call, certified, and does not take for remembered "
    "what is far from everything.",
    musts=(
        Must(
            claim="share of recalls among a million that are certified",
            number=("certified",),
            at_least=1.0,
            source="our own bound",
            beside={
                "largest bound": ("largest bound",),
                "multiply-adds of a recall": ("multiply-adds of a recall",),
            },
        ),
        Must(
            claim="recall of one noisy vector among a million, p50",
            number=("recall p50, ms",),
            at_most=100.0,
            unit="ms",
            source="our own bound: not to be noticed",
            beside={
                "p95": ("recall p95, ms",),
                "open, seconds": ("open, seconds",),
                "remembered a second, in one call": ("remembered a second, one call",),
            },
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(stored=3000, cues=5, remembered=20),
)
