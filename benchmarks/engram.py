"""How long a training step of the Engram layers takes, beside a plain loop and their peers."""

import os
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import cast

import torch
from torch import Tensor, nn

from benchmarks.registry import Measurement, Must, Numbers, WrongAnswerError
from benchmarks.statistics import over_seeds
from mnemic.functional.engram import engram_reference
from mnemic.functional.engram_published import PublishedRun, run_reference
from mnemic.functional.engram_published_fast import run
from mnemic.nn import Engram
from mnemic.nn.engram_published import PublishedEngram
from mnemic.nn.engram_unit import EngramUnit
from mnemic.nn.recurrent_peers import DeltaNet, GatedLinearAttention, MinGRU
from mnemic.randomness import generator

OURS, LOOP, LSTM = "Engram", "plain loop", "LSTM"
FAITHFUL, LONG = "as published, ours", "long sequences"
AGREEING = 16  # steps on which answers are compared; over many, rounding grows
KERAS = Path(__file__).parent.parent / "scripts" / "keras_engram.py"
KERAS_PYTHON = "KERAS_ENGRAM_PYTHON"  # names the interpreter of an environment that has it


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Of a batch of sequences, and of the layer that reads them."""

    batch: int = 32
    time: int = 128
    features: int = 256
    dim: int = 256
    slots: int = 64


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    shape: Shape = Shape()
    published: Mapping[str, Shape] = field(
        default_factory=lambda: {
            LONG: Shape(),
            "rows of pictures": Shape(batch=64, time=28, features=28, dim=128),
        }
    )
    threads: tuple[int, ...] = (1, 2)
    rounds: int = 9  # each form in turn


def measure(scale: Scale) -> Numbers:
    """Every form in turn, so that what else the machine does meets all of them alike."""
    before = torch.get_num_threads()
    numbers: Numbers = {}
    try:
        for threads in scale.threads:
            torch.set_num_threads(threads)
            clock = time.process_time if threads == 1 else time.perf_counter
            numbers["1 thread" if threads == 1 else f"{threads} threads"] = {
                "layers": layers(scale, clock),
                "as published": {
                    name: faithful(shape, scale.rounds, clock)
                    for name, shape in scale.published.items()
                },
            }
    finally:
        torch.set_num_threads(before)
    return numbers | {"tensorflow-engram, milliseconds": keras(scale)}


def layers(scale: Scale, clock: Callable[[], float]) -> Numbers:
    """Layers of one width, each called as ``nn.LSTM`` is."""
    shape = scale.shape
    inputs = _inputs(shape)
    of = partial(generator, 0, "weights")
    sizes = (shape.features, shape.dim)
    forms: dict[str, nn.Module] = {
        LSTM: nn.LSTM(*sizes, batch_first=True),
        "GRU": nn.GRU(*sizes, batch_first=True),
        "minGRU": MinGRU(*sizes, rng=of()),
        "gated linear attention": GatedLinearAttention(*sizes, rng=of()),
        "DeltaNet": DeltaNet(*sizes, rng=of()),
        OURS: Engram(*sizes, shape.slots, rng=of()),
        "Engram, Hebb's rule": Engram(*sizes, shape.slots, rule="hebb", rng=of()),
        "Engram, sequential": Engram(*sizes, shape.slots, recurrence="gru", rng=of()),
    }
    refuse_unlike_definition(forms[OURS], inputs[:, :AGREEING])
    steps = {
        name: partial(_step, layer, lambda layer=layer: layer(inputs)[0])
        for name, layer in forms.items()
    }
    return timed(steps, scale.rounds, clock, LSTM)


def faithful(shape: Shape, rounds: int, clock: Callable[[], float]) -> Numbers:
    """The published cell as a plain loop of its equations, and as we compute it."""
    layer = PublishedEngram(shape.features, shape.dim, shape.slots, rng=generator(0, "weights"))
    inputs, cell = _inputs(shape), layer.cell
    state = cell.first_state(shape.batch)
    lstm = nn.LSTM(shape.features, shape.dim, batch_first=True)

    def computed(form: Callable[..., PublishedRun], seen: Tensor) -> None:
        _step(layer, lambda: form(seen, *state, cell.weights, cell.settings).outputs)

    found: list[list[Tensor]] = []
    for form in (run_reference, run):
        computed(form, inputs[:, :AGREEING])
        found.append([each.grad.clone() for each in layer.parameters() if each.grad is not None])
    for readable, fast in zip(*found, strict=True):
        _refuse_unless_close(fast, readable, "a gradient of the published cell")
    steps = {
        LOOP: partial(computed, run_reference, inputs),
        FAITHFUL: partial(computed, run, inputs),
        LSTM: partial(_step, lstm, lambda: lstm(inputs)[0]),
    }
    return timed(steps, rounds, clock, LOOP)


def refuse_unlike_definition(layer: nn.Module, inputs: Tensor) -> None:
    """WrongAnswerError unless a layer gives what its definition gives."""
    assert isinstance(layer, Engram)
    unit, settings = cast(EngramUnit, layer.units[0]), layer.settings
    with torch.no_grad():
        expected, _ = engram_reference(
            inputs,
            unit.first_state(len(inputs)),
            unit.weights,
            addressing=settings.addressing,
            k=settings.k,
            rule=settings.rule,
            stretch=settings.stretch,
        )
        _refuse_unless_close(layer(inputs)[0], expected, "an output of the layer")


def timed(
    steps: Mapping[str, Callable[[], None]], rounds: int, clock: Callable[[], float], base: str
) -> Numbers:
    """Milliseconds of each step, and how they compare: medians, of rounds of one each."""
    for step in steps.values():
        step()
    taken: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds):
        for name, step in steps.items():
            began = clock()
            step()
            taken[name].append(1e3 * (clock() - began))
    middle = {name: median(each) for name, each in taken.items()}
    return {
        "milliseconds": {name: over_seeds(each) for name, each in taken.items()},
        f"times {base}": {name: middle[name] / middle[base] for name in steps if name != base},
    }


def keras(scale: Scale) -> Numbers | str:
    """The package itself, on one thread, where an environment is named that has it."""
    python = os.environ.get(KERAS_PYTHON)
    if python is None:
        return f"not measured: it takes an environment of its own, named by {KERAS_PYTHON}"
    found: Numbers = {}
    for name, shape in scale.published.items():
        sizes = (shape.batch, shape.time, shape.features, shape.dim, shape.slots)
        done = subprocess.run(
            [python, str(KERAS), "time", *map(str, sizes)],
            capture_output=True,
            text=True,
            check=True,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        found[name] = float(done.stdout.splitlines()[-1])
    return found


def _step(layer: nn.Module, forward: Callable[[], Tensor]) -> None:
    """Forward and backward, of a loss that a final layer norm does not make constant."""
    layer.zero_grad(set_to_none=True)
    outputs = forward()
    direction = torch.linspace(-1, 1, outputs.shape[-1])
    (outputs @ direction).square().mean().backward()


def _inputs(shape: Shape) -> Tensor:
    rng = generator(0, "inputs")
    return torch.randn(shape.batch, shape.time, shape.features, generator=rng)


def _refuse_unless_close(found: Tensor, expected: Tensor, what: str) -> None:
    off = float((found - expected).abs().max() / expected.abs().max())
    if not off < 1e-3:
        raise WrongAnswerError(f"{what} is off by {off:.1e} of the largest")


MEASUREMENT = Measurement(
    name="engram",
    claim="The Engram layers train about as fast as an LSTM, and the published cell about twice as "
    "fast as a plain loop of its equations.",
    musts=(
        Must(
            claim="a training step of the published cell, ours over a plain loop",
            number=("1 thread", "as published", LONG, f"times {LOOP}", FAITHFUL),
            at_most=0.55,
            source="requirement; aim .45",
        ),
        Must(
            claim="a training step of the Engram layer over that of an LSTM",
            number=("1 thread", "layers", f"times {LSTM}", OURS),
            at_most=1.7,
            source="requirement; aim 1",
            beside={
                name: ("1 thread", "layers", f"times {LSTM}", name)
                for name in ("GRU", "minGRU", "gated linear attention", "DeltaNet")
            },
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(
        shape=Shape(batch=2, time=6, features=4, dim=8, slots=4),
        published={LONG: Shape(batch=2, time=3, features=4, dim=4, slots=4)},
        threads=(1,),
        rounds=1,
    ),
)
