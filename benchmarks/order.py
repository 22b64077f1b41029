"""What comes next: whether a memory predicts scenes that change step by step, and numbers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.data import rng_of
from benchmarks.registry import Measurement, Must, Numbers
from benchmarks.statistics import over_seeds
from mnemic import datasets
from mnemic.datasets import mnist, shapes3d
from mnemic.errors import DataError
from mnemic.memory import Memory

START = datetime(2024, 5, 1, tzinfo=UTC)
SCENES, DIGITS = "scenes", "numbers"
NEAREST, SAME, LEAST, AUROC, CLOSE, SURE = (
    "nearest of the others, of 99",
    "nearest of its own sequence",
    "least surprising of its own sequence",
    "AUROC, a picture of another sequence",
    "AUROC, another picture of the same sequence",
    "sure",
)

Sequences = list[np.ndarray]  # each time × height × width (× channels)


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    remembered: int = 60  # sequences of each kind of change
    unseen: int = 20
    counted: int = 120  # sequences of numbers
    length: int = 10  # of them
    resolution: int = 32
    replays: int = 3000
    epochs: int = 15
    shown: tuple[int, ...] = (2, 4, 6)  # pictures before the one that is predicted
    seeds: tuple[int, ...] = field(default=(0,))


class World(NamedTuple):
    """Sequences to remember, sequences never seen, and the memory that fits them."""

    remembered: Sequences
    unseen: Sequences
    create: dict[str, int]


def measure(scale: Scale) -> Numbers:
    """Of each world: how near predictions are, and how surprising what does not follow."""
    numbers: Numbers = {}
    for name, world_of in ((SCENES, scenes), (DIGITS, counting)):
        found: dict[str, list[float]] = {}
        for seed in scale.seeds:
            for measured, value in predicted(world_of(scale, seed), scale, seed).items():
                found.setdefault(measured, []).append(value)
        numbers[name] = {each: over_seeds(values, most=1.0) for each, values in found.items()}
    return numbers


def scenes(scale: Scale, seed: int) -> World:
    """A camera that turns, and an object that grows, in rooms of random colours and shapes."""
    rng = rng_of(seed, "scenes")
    sequences: Sequences = []
    for _ in range(scale.remembered + scale.unseen):
        fixed = [int(rng.integers(10)) for _ in range(3)]
        size, shape, angle = (int(rng.integers(most)) for most in (8, 4, 15))
        turning = [[*fixed, size, shape, step] for step in range(0, 15, 2)]
        growing = [[*fixed, step, shape, angle] for step in range(8)]
        for factors in (turning, growing):
            sequences.append(shapes3d(factors=factors, resolution=scale.resolution).images)
    cut = 2 * scale.remembered
    return World(sequences[:cut], sequences[cut:], {"resolution": scale.resolution, "channels": 3})


def counting(scale: Scale, seed: int) -> World:
    """Handwritten digits that count on, from any of them, and begin again after nine.

    MNIST's where they are here, else scikit-learn's.
    """
    try:
        digits = mnist("all")
    except DataError:
        digits = datasets.digits()
    rng = rng_of(seed, "counting")
    split = rng.permutation(len(digits.images))
    aside, learned = split[: len(split) // 5], split[len(split) // 5 :]

    def drawn(count: int, rows: np.ndarray) -> Sequences:
        of = [rows[digits.labels[rows] == digit] for digit in range(10)]
        starts = rng.integers(10, size=count)
        return [
            np.stack([digits.images[rng.choice(of[(start + i) % 10])] for i in range(scale.length)])
            for start in starts
        ]

    create = {"resolution": digits.images.shape[1], "channels": 1}
    return World(drawn(scale.counted, learned), drawn(2 * scale.unseen, aside), create)


def predicted(world: World, scale: Scale, seed: int) -> dict[str, float]:
    """What a memory that slept on the remembered sequences says of those it never saw."""
    with (
        TemporaryDirectory() as folder,
        Memory.open(Path(folder) / "memory", create=world.create, seed=seed) as memory,
    ):
        for row, pictures in enumerate(world.remembered):
            times = [START + timedelta(hours=row, seconds=i) for i in range(len(pictures))]
            memory.remember_many(image=pictures, time=times)
        memory.sleep(scale.replays, scale.epochs, order=True)
        return asked(memory, world.unseen, scale, rng_of(seed, "asked"))


def asked(
    memory: Memory, unseen: Sequences, scale: Scale, rng: np.random.Generator
) -> dict[str, float]:
    """Of sequences never seen: what is expected after some pictures, and what came instead."""
    nearest: list[bool] = []
    of_own: list[bool] = []
    least: list[bool] = []
    sure: list[float] = []
    told: dict[str, list[float]] = {"right": [], "other": [], "same": []}
    for row, pictures in enumerate(unseen):
        for shown in scale.shown:
            if shown >= len(pictures):
                continue
            prediction = memory.predict(image=list(pictures[:shown]))
            others = _others(unseen, row, rng)
            nearest.append(_nearest(prediction.image, [pictures[shown], *others]) == 0)
            of_own.append(_nearest(prediction.image, list(pictures)) == shown)
            surprises = [prediction.surprise(image=picture) for picture in pictures]
            least.append(int(np.argmin(surprises)) == shown)
            sure.append(prediction.sure)
            wrong = rng.choice([i for i in range(len(pictures)) if i != shown])
            told["right"].append(surprises[shown])
            told["same"].append(surprises[wrong])
            told["other"].append(prediction.surprise(image=others[0]))

    def area(wrong: str) -> float:
        truth = [0] * len(told["right"]) + [1] * len(told[wrong])
        return float(roc_auc_score(truth, told["right"] + told[wrong]))

    return {
        NEAREST: float(np.mean(nearest)),
        SAME: float(np.mean(of_own)),
        LEAST: float(np.mean(least)),
        AUROC: area("other"),
        CLOSE: area("same"),
        SURE: float(np.mean(sure)),
    }


def _others(unseen: Sequences, row: int, rng: np.random.Generator) -> list[np.ndarray]:
    """Pictures of other sequences."""
    rows = [int(i) for i in rng.integers(len(unseen) - 1, size=99)]
    chosen = [unseen[i + (i >= row)] for i in rows]
    return [pictures[rng.integers(len(pictures))] for pictures in chosen]


def _nearest(picture: np.ndarray, among: Sequence[np.ndarray]) -> int:
    far = [np.square(picture.astype(float) - one).mean() for one in among]
    return int(np.argmin(far))


MEASUREMENT = Measurement(
    name="order",
    claim="A memory that slept on sequences predicts what comes next in others, and what does not "
    "follow surprises it more.",
    musts=(
        Must(
            claim="scenes: the predicted picture is nearer to the true next one than to 99 others",
            number=(SCENES, NEAREST),
            at_least=0.9,
            source="aim",
            beside={
                "of its own sequence": (SCENES, SAME),
                "least surprising of it": (SCENES, LEAST),
            },
        ),
        Must(
            claim="scenes: surprise at a wrong successor above that at the right one, AUROC",
            number=(SCENES, AUROC),
            at_least=0.9,
            source="aim",
            beside={"wrong ones of the same sequence": (SCENES, CLOSE)},
        ),
        Must(
            claim="numbers: of ten handwritten ones in turn, the true next one surprises least",
            number=(DIGITS, LEAST),
            at_least=0.8,
            source="aim; by chance one in ten",
            beside={"nearest to the predicted picture": (DIGITS, SAME)},
        ),
        Must(
            claim="numbers: surprise at another number above that at the right one, AUROC",
            number=(DIGITS, CLOSE),
            at_least=0.8,
            source="aim",
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(
        remembered=3,
        unseen=2,
        counted=6,
        length=8,
        resolution=16,
        replays=30,
        epochs=1,
        shown=(2,),
    ),
)
