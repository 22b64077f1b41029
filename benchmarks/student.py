"""What our student and the published one know after the same number of pictures."""

import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from benchmarks.registry import Measurement, Must, Numbers
from benchmarks.statistics import over_seeds
from mnemic.datasets import shapes3d
from mnemic.hippocampus import EpisodicMemory
from mnemic.neocortex import ConsolidationConfig, Student, complete, consolidate, make_student
from mnemic.randomness import generator

GRID = (64, 64, 3)
OURS, PUBLISHED = "mnemic", "spens2022"
EXAMPLES = 200  # labelled latents a decoder is fitted on
DISTRACTORS = 99


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    memories: int = 10_000
    unseen: int = 1_500
    completed: int = 300  # of them, from a half
    epochs: int = 5
    seeds: tuple[int, ...] = (0, 1, 2)
    replay: Literal["permutation", "habituated"] = "permutation"
    precision: Literal["float32", "bfloat16"] = "bfloat16"


def measure(scale: Scale) -> Numbers:
    """What both students know after the same pictures, on one thread each."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return learned(scale)
    finally:
        torch.set_num_threads(threads)


def scenes(count: int, seed: int) -> tuple[Tensor, np.ndarray]:
    """Features and factors of rendered scenes."""
    drawn = shapes3d(count, seed=seed)
    return torch.from_numpy(drawn.images.reshape(count, -1)).float() / 255, drawn.factors


def learned(scale: Scale) -> Numbers:
    """What both students know after the same pictures, over seeds."""
    found: dict[str, dict[str, list[float]]] = {OURS: {}, PUBLISHED: {}}
    for seed in scale.seeds:
        features, factors = scenes(scale.memories + scale.unseen, seed)
        memories, unseen = features[: scale.memories], features[scale.memories :]
        replayed = replay(memories, scale, seed)
        for kind, kept in found.items():
            started = time.process_time()
            student = taught(kind, replayed, scale, seed)
            seconds = time.process_time() - started
            numbers = {
                "held-out L1": missed(student, unseen),
                "recall from half": recall_from_half(student, unseen[: scale.completed]),
                "pictures per CPU-second": scale.memories * scale.epochs / seconds,
            } | decoding(student, unseen, factors[scale.memories :])
            for name, value in numbers.items():
                kept.setdefault(name, []).append(value)
    compared = {
        "held-out L1, ours over published": [
            ours / theirs
            for ours, theirs in zip(
                found[OURS]["held-out L1"], found[PUBLISHED]["held-out L1"], strict=True
            )
        ]
    } | {
        f"{name}, ours minus published": [
            ours - theirs
            for ours, theirs in zip(found[OURS][name], found[PUBLISHED][name], strict=True)
        ]
        for name in ("shape decoded", "mean of factors decoded")
    }
    return {
        kind: {name: over_seeds(each) for name, each in kept.items()}
        for kind, kept in found.items()
    } | {
        "compared": {
            name: over_seeds(each) | {"low": min(each), "high": max(each)}
            for name, each in compared.items()
        },
        "parameters": {
            kind: sum(
                parameter.numel() for parameter in make_student(kind, GRID).model.parameters()
            )
            for kind in found
        },
    }


def replay(memories: Tensor, scale: Scale, seed: int) -> Tensor:
    """What the teacher puts out; a permutation of what is stored is the control of replay."""
    rng = generator(seed, "replay")
    if scale.replay == "permutation":
        return memories[torch.randperm(len(memories), generator=rng)]
    teacher = EpisodicMemory(memories.shape[-1], grid=GRID, seed=seed)
    teacher.store(memories)
    return teacher.replay(len(memories), rng=rng).patterns


def taught(kind: Literal["mnemic", "spens2022"], replayed: Tensor, scale: Scale, seed: int):
    """A student after its night; each kind with its own settings, on as many pictures."""
    config = (
        ConsolidationConfig(epochs=scale.epochs, held_out=0.0)
        if kind == OURS
        else ConsolidationConfig.spens2022(epochs=scale.epochs)
    )
    config = replace(config, precision=scale.precision)
    student = make_student(kind, GRID, seed=seed)
    for _ in consolidate(student, replayed, config, rng=generator(seed, "sleep")):
        pass
    return student


def missed(student: Student, unseen: Tensor) -> float:
    """L1 of pictures never replayed: summed over pixels, mean over channels."""
    decoded = student.decode(student.encode(unseen)).numpy().astype(np.float64)
    return float(np.abs(decoded - unseen.numpy()).sum() / GRID[-1] / len(unseen))


def decoding(student: Student, unseen: Tensor, factors: np.ndarray) -> dict[str, float]:
    """Accuracy of a support vector classifier on latents, of each factor and their mean."""
    latents = student.encode(unseen).numpy()
    half = len(latents) // 2
    examples = min(EXAMPLES, half)
    accuracy: dict[str, float] = {}
    for column, name in enumerate(shapes3d(1).names):
        classifier = make_pipeline(StandardScaler(), SVC())
        classifier.fit(latents[:examples], factors[:examples, column])
        accuracy[f"{name} decoded"] = float(
            classifier.score(latents[half:], factors[half:, column])
        )
    return accuracy | {"mean of factors decoded": float(np.mean(list(accuracy.values())))}


def recall_from_half(student: Student, unseen: Tensor) -> float:
    """Share of pictures whose completion from a half is nearer them than 99 others are."""
    known = torch.zeros(len(unseen), *GRID, dtype=torch.bool)
    for row, half in enumerate(known):  # each half in turn
        (half[:32], half[32:], half[:, :32], half[:, 32:])[row % 4][...] = True
    known = known.reshape(len(unseen), -1)
    hits, groups = 0, unseen.split(DISTRACTORS + 1)
    for group, mask in zip(groups, known.split(DISTRACTORS + 1), strict=True):
        completed = complete(student, group, mask)
        nearest = torch.cdist(completed.double(), group.double()).argmin(dim=-1)
        hits += int((nearest == torch.arange(len(group))).sum())
    return hits / len(unseen)


MEASUREMENT = Measurement(
    name="student",
    claim="After as many pictures as the published student, with as many parameters, ours knows "
    "more.",
    musts=(
        Must(
            claim="held-out L1, ours over published, equal pictures",
            number=("compared", "held-out L1, ours over published"),
            at_most=0.8,
            source="requirement; aim .5",
            beside={kind: (kind, "held-out L1") for kind in (OURS, PUBLISHED)},
        ),
        Must(
            claim="shape decoded from latents, ours minus published",
            number=("compared", "shape decoded, ours minus published"),
            at_least=0.0,
            source="requirement; aim .10",
            beside={kind: (kind, "shape decoded") for kind in (OURS, PUBLISHED)},
        ),
        Must(
            claim="mean of six factors decoded from latents, ours minus published",
            number=("compared", "mean of factors decoded, ours minus published"),
            at_least=0.0,
            source="requirement; aim .10",
            beside={kind: (kind, "mean of factors decoded") for kind in (OURS, PUBLISHED)},
        ),
        Must(
            claim="completed from a half, nearer its own picture than 99 others",
            number=(OURS, "recall from half"),
            at_least=0.9,
            source="requirement; aim .98",
            beside={PUBLISHED: (PUBLISHED, "recall from half")},
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(
        memories=48,
        unseen=60,
        completed=6,
        epochs=1,
        seeds=(0,),
    ),
)
