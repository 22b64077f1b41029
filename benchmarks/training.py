"""How fast the student trains, beside the same network as one would write it in PyTorch."""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.registry import Measurement, Must, Numbers, WrongAnswerError
from benchmarks.statistics import over_seeds
from benchmarks.student import GRID, PUBLISHED, scenes
from mnemic.functional.variational import kl_from_standard_normal, reconstruction_loss
from mnemic.neocortex import Student, make_student
from mnemic.nn import UpsampledConvolution
from mnemic.randomness import generator

PLAIN, FAST, REDUCED = "plain PyTorch", "fast, float32", "fast, bfloat16"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    batch: int = 128
    steps: int = 6  # timed, of each form in turn, ``rounds`` times
    rounds: int = 5
    agreement_steps: int = 200


def measure(scale: Scale) -> Numbers:
    """On one thread: of each form, its speed and the loss it comes to."""
    pictures, _ = scenes(scale.batch * 10, seed=0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return speed(pictures, scale)
    finally:
        torch.set_num_threads(threads)


class Form(NamedTuple):
    """One way of computing the same training step."""

    student: Student
    step: Callable[[Tensor], float]


def speed(pictures: Tensor, scale: Scale) -> Numbers:
    """Pictures per CPU-second of training the published network, three ways of computing it."""
    forms = {PLAIN: plain(), FAST: fast("float32"), REDUCED: fast("bfloat16")}
    batches = pictures.split(scale.batch)
    first = {name: form.step(batches[0]) for name, form in forms.items()}
    if not math.isclose(first[PLAIN], first[FAST], rel_tol=1e-4):
        raise WrongAnswerError(f"the forms of one network disagree before training: {first}")
    rates: dict[str, list[float]] = {name: [] for name in forms}
    for _ in range(scale.rounds):
        for name, form in forms.items():
            started = time.process_time()
            for batch in itertools.islice(itertools.cycle(batches), scale.steps):
                form.step(batch)
            seconds = time.process_time() - started
            rates[name].append(scale.steps * scale.batch / seconds)
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
        if isinstance(layer, torch.nn.LeakyReLU):
            layer.inplace = False  # torch's default
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


MEASUREMENT = Measurement(
    name="training",
    claim="The student trains faster than the same network in plain PyTorch, to the same loss.",
    musts=(
        Must(
            claim="training speed of one network, fast form over plain, float32",
            number=("times plain", FAST),
            at_least=2.0,
            source="requirement; a prototype reached 2.4",
        ),
        Must(
            claim="training speed of one network, fast form over plain, bfloat16",
            number=("times plain", REDUCED),
            at_least=3.5,
            source="aim; a prototype reached 3.7",
        ),
        Must(
            claim="loss under bfloat16 against plain float32",
            number=("difference of losses", REDUCED),
            at_most=0.01,
            source="requirement",
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(batch=8, steps=1, rounds=1, agreement_steps=2),
)
