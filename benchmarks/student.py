"""How fast the student trains, and what it knows after the same number of pictures.

By itself: ``python -m benchmarks.student --out FILE.json [--seeds 3] [--quick]``.
"""

import argparse
import itertools
import json
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from benchmarks.registry import Measurement, Must, Numbers, WrongAnswerError
from benchmarks.runner import measured
from benchmarks.statistics import over_seeds
from mnemic.datasets import shapes3d
from mnemic.functional.variational import kl_from_standard_normal, reconstruction_loss
from mnemic.hippocampus import EpisodicMemory
from mnemic.neocortex import ConsolidationConfig, Student, complete, consolidate, make_student
from mnemic.nn import UpsampledConvolution
from mnemic.randomness import generator

GRID = (64, 64, 3)
OURS, PUBLISHED = "mnemic", "spens2022"
PLAIN, FAST, REDUCED = "plain PyTorch", "fast, float32", "fast, bfloat16"
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
    speed_batch: int = 128
    speed_steps: int = 6  # timed, of each form in turn, ``speed_rounds`` times
    speed_rounds: int = 5
    agreement_steps: int = 200


def measure(scale: Scale) -> Numbers:
    """Speed on one set of pictures; what was learned, over seeds."""
    pictures, _ = scenes(scale.speed_batch * 10, seed=0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {"speed": speed(pictures, scale)} | learned(scale)
    finally:
        torch.set_num_threads(threads)


def scenes(count: int, seed: int) -> tuple[Tensor, np.ndarray]:
    """Features and factors of rendered scenes."""
    drawn = shapes3d(count, seed=seed)
    return torch.from_numpy(drawn.images.reshape(count, -1)).float() / 255, drawn.factors


class Form(NamedTuple):
    """One way of computing the same training step."""

    student: Student
    step: Callable[[Tensor], float]


def speed(pictures: Tensor, scale: Scale) -> Numbers:
    """Pictures per CPU-second of training the published network, three ways of computing it."""
    forms = {PLAIN: plain(), FAST: fast("float32"), REDUCED: fast("bfloat16")}
    batches = pictures.split(scale.speed_batch)
    first = {name: form.step(batches[0]) for name, form in forms.items()}
    if not math.isclose(first[PLAIN], first[FAST], rel_tol=1e-4):
        raise WrongAnswerError(f"the forms of one network disagree before training: {first}")
    rates: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(scale.speed_rounds):
        for name, form in forms.items():
            started = time.process_time()
            for batch in itertools.islice(itertools.cycle(batches), scale.speed_steps):
                form.step(batch)
            seconds = time.process_time() - started
            rates[name].append(scale.speed_steps * scale.speed_batch / seconds)
    best = {name: max(each) for name, each in rates.items()}
    losses = agreement(pictures, scale)
    return {
        "pictures per CPU-second": {name: over_seeds(each) for name, each in rates.items()},
        "times plain": {name: best[name] / best[PLAIN] for name in (FAST, REDUCED)},
        "loss after training": losses,
        "difference of losses": {
            name: abs(losses[name] / losses[PLAIN] - 1) for name in (FAST, REDUCED)
        },
    }


def agreement(pictures: Tensor, scale: Scale) -> dict[str, float]:
    """The loss of each form over the last quarter of the same training."""
    forms = {PLAIN: plain(), FAST: fast("float32"), REDUCED: fast("bfloat16")}
    losses: dict[str, float] = {}
    for name, form in forms.items():
        batches = itertools.cycle(pictures.split(32))
        each = [form.step(batch) for batch in itertools.islice(batches, scale.agreement_steps)]
        losses[name] = float(np.mean(each[-max(1, len(each) // 4) :]))
    return losses


def plain() -> Form:
    """The published network as one would write it: upsample, convolve, default layout."""
    student = make_student(PUBLISHED, GRID, seed=0)
    model = student.model.to(memory_format=torch.contiguous_format)
    for layer in model.modules():
        if isinstance(layer, UpsampledConvolution):
            layer.folded = False
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-7)
    return _form(student, optimiser, lambda features: student.pictures(features).contiguous())


def fast(precision: str) -> Form:
    """The same network as consolidation computes it."""
    student = make_student(PUBLISHED, GRID, seed=0)
    optimiser = torch.optim.Adam(student.model.parameters(), lr=1e-3, eps=1e-7, fused=True)
    return _form(student, optimiser, student.pictures, reduced=precision == "bfloat16")


def _form(
    student: Student,
    optimiser: torch.optim.Optimizer,
    laid_out: Callable[[Tensor], Tensor],
    *,
    reduced: bool = False,
) -> Form:
    rng = generator(0, "speed")

    def step(features: Tensor) -> float:
        model = student.model.train()
        with torch.autocast("cpu", torch.bfloat16, enabled=reduced):
            reconstructed = model(laid_out(features), rng=rng)
        missed = reconstruction_loss(
            student.features(reconstructed.pictures), features, channels=GRID[-1]
        )
        loss = (missed + kl_from_standard_normal(*reconstructed.coded)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return float(loss.detach())

    return Form(student, step)


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
    claim="The student trains faster than plain PyTorch, and after as many pictures as the "
    "published one, with as many parameters, it knows more.",
    musts=(
        Must(
            claim="training speed of one network, fast form over plain, float32",
            number=("speed", "times plain", FAST),
            at_least=2.0,
            source="requirement; a prototype reached 2.4",
        ),
        Must(
            claim="training speed of one network, fast form over plain, bfloat16",
            number=("speed", "times plain", REDUCED),
            at_least=3.5,
            source="aim; a prototype reached 3.7",
        ),
        Must(
            claim="loss under bfloat16 against plain float32",
            number=("speed", "difference of losses", REDUCED),
            at_most=0.01,
            source="requirement",
        ),
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
        epochs=1,
        seeds=(0,),
        speed_batch=8,
        speed_steps=1,
        speed_rounds=1,
        agreement_steps=2,
    ),
)


def main() -> None:
    """Measure and write one JSON file."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.student", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--seeds", type=int, default=None)
    parser.add_argument("--quick", action="store_true", help="toy size: shows only that it runs")
    asked = parser.parse_args()
    scale = MEASUREMENT.quick if asked.quick else MEASUREMENT.full
    if asked.seeds is not None:
        scale = replace(scale, seeds=tuple(range(asked.seeds)))
    record = measured(replace(MEASUREMENT, full=scale, quick=scale), quick=asked.quick)
    asked.out.write_text(json.dumps(record, indent=2, ensure_ascii=False) + "\n")
    for must in record["musts"]:
        print(f"{'met' if must['met'] else 'NOT met'}: {must['claim']}, must be {must['must']}")


if __name__ == "__main__":
    main()
