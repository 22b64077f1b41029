"""Does the trace matter? Multi-query associative recall, with each part of the layer off in turn.

The published trace changes nothing in the published benchmarks. Here a sequence binds keys to
values once, and what a layer answers afterwards can only come from what it wrote meanwhile.
"""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from mnemic.nn.engram import Engram
from mnemic.nn.recorder import TraceRecorder
from mnemic.plots.sequences import recall_by_pairs, what_recall_owes
from mnemic.randomness import generator
from mnemic.reproduce.memory_tasks import NOT_ASKED, AssociativeRecall, Sequences
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.sequence_models import SequenceModel, matched_width
from mnemic.reproduce.sequence_training import (
    Budget,
    Lesson,
    accuracy,
    learned,
    log_likelihood,
)
from mnemic.reproduce.workshop import Doing, Workshop

FEATURES = 64  # of a token
HINTED, UNHINTED, ALL_KINDS = "Engram", "Engram, no starting hint", "Engram, taught all kinds"
MOST, AFTER, TWICE = "most pairs", "after fillers", "bound twice"


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A layer, what of it is off, and what it is taught."""

    layer: str = "Engram"
    settings: Mapping[str, Any] = field(default_factory=dict)
    trace: bool = True
    bank: bool = True
    all_kinds: bool = False
    part_off: bool = False  # of the whole layer, whose learning rate it then has


VARIANTS: dict[str, Variant] = {
    HINTED: Variant(),
    UNHINTED: Variant(settings={"shift": False}),
    ALL_KINDS: Variant(all_kinds=True),
    "LSTM": Variant(layer="LSTM"),
    "DeltaNet": Variant(layer="DeltaNet"),
    "Engram as published": Variant(layer="Engram as published"),
    "trace never trained": Variant(trace=False, part_off=True),
    "bank off": Variant(bank=False, part_off=True),
    "sparsity off": Variant(
        settings={"addressing": "softmax", "temperature": 0.75, "learn_temperature": False},
        part_off=True,
    ),
    "shift off": Variant(settings={"reach": 1}, part_off=True),
    "nothing replaced": Variant(settings={"rule": "hebb"}, part_off=True),
}


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is taught, what is asked, and with what."""

    pairs: tuple[int, ...] = (8, 16, 32, 64)  # each step draws one of them; all are asked
    fillers_taught: tuple[int, ...] = (32, 128)  # only where all kinds are taught
    fillers_asked: int = 1000
    symbols: int = 128  # keys, and values
    budget: Budget
    batch: int = 32
    sequences: int = 256  # of each kind asked

    @property
    def asked(self) -> dict[str, AssociativeRecall]:
        """Plain sequences by their number of pairs; the most with fillers; all but the most, twice.

        What is bound twice are as many pairs as the most in all.
        """
        return {
            **{f"{pairs} pairs": self._task(pairs) for pairs in self.pairs},
            AFTER: self._task(self.pairs[-1], fillers=self.fillers_asked),
            TWICE: self._task(self.pairs[-2], rebound=True),
        }

    def taught(self, *, all_kinds: bool) -> list[AssociativeRecall]:
        """What one of is drawn at each step."""
        plain = [self._task(pairs) for pairs in self.pairs]
        if not all_kinds:
            return plain
        filled = [
            self._task(pairs, fillers=fillers)
            for pairs in self.pairs
            for fillers in self.fillers_taught
        ]
        return [*plain, *filled, *(self._task(pairs, rebound=True) for pairs in self.pairs[:-1])]

    def _task(self, pairs: int, **others: Any) -> AssociativeRecall:
        return AssociativeRecall(pairs=pairs, keys=self.symbols, values=self.symbols, **others)


def load(config: Config, seed: int) -> dict[str, np.ndarray]:
    """The sequences asked: the same for every seed, and none of those taught."""
    arrays: dict[str, np.ndarray] = {}
    for name, task in config.asked.items():
        inputs, answers = task.draw(config.sequences, rng=generator(0, f"asked {name}"))
        arrays[f"{name}: inputs"], arrays[f"{name}: answers"] = inputs.numpy(), answers.numpy()
    return arrays


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Teach each variant, and ask each all that is asked."""
    asked = {
        name: Sequences(
            torch.from_numpy(data[f"{name}: inputs"]), torch.from_numpy(data[f"{name}: answers"])
        )
        for name in config.asked
    }
    models: Numbers = {}
    for name, variant in VARIANTS.items():
        tasks = config.taught(all_kinds=variant.all_kinds)

        def ask(model: nn.Module, variant: Variant = variant) -> Numbers:
            return _answers(model, variant, asked, config)

        rates = config.budget.rates
        if variant.part_off:
            rates = (models[HINTED]["learning rate"],)
        models[name] = yield from learned(
            name,
            _lesson(variant, tasks, config),
            replace(config.budget, rates=rates),
            ask,
            seed=seed,
            workshop=workshop,
            made_of={
                "taught": list(map(str, tasks)),
                "asked": list(map(str, config.asked.values())),
                "batch": config.batch,
                "sequences": config.sequences,
            },
        )
    hinted = models[HINTED]
    return {
        "pairs": list(config.pairs),
        "models": models,
        "owed to the trace": hinted["accuracy"][MOST] - hinted["accuracy, trace off"][MOST],
    }


def _lesson(variant: Variant, tasks: list[AssociativeRecall], config: Config) -> Lesson:
    rng = generator(0, "kept")
    kept = [task.draw(config.sequences, rng=rng) for task in tasks]

    def draw(rng: torch.Generator) -> Sequences:
        return tasks[int(torch.randint(len(tasks), (), generator=rng))].draw(config.batch, rng=rng)

    def score(model: nn.Module) -> float:
        return sum(log_likelihood(model, each) for each in kept)

    return Lesson(_maker(variant, tasks[0], config.budget.parameters), draw, score)


def _maker(
    variant: Variant, task: AssociativeRecall, parameters: int
) -> Callable[[torch.Generator], nn.Module]:
    def of_width(width: int, rng: torch.Generator) -> nn.Module:
        return SequenceModel(
            variant.layer,
            features=FEATURES,
            width=width,
            classes=task.classes,
            words=task.words,
            rng=rng,
            **variant.settings,
        )

    width = matched_width(lambda width: of_width(width, generator(0, "size")), parameters)

    def make(rng: torch.Generator) -> nn.Module:
        model = of_width(width, rng)
        if variant.layer == "Engram":
            layer = _layer(model)
            layer.use_trace = variant.trace
            if not variant.bank:
                parametrize.register_parametrization(layer.units[0], "bank", Faint())
        return model

    return make


class Faint(nn.Module):
    """A bank of next to no length: addresses, which go by its direction, stay; contents go."""

    def forward(self, bank: Tensor) -> Tensor:
        """The bank as it is used."""
        return 1e-6 * bank


def _answers(
    model: nn.Module, variant: Variant, asked: Mapping[str, Sequences], config: Config
) -> Numbers:
    found: Numbers = {"accuracy": _accuracies(model, asked, config)}
    if variant.layer == "Engram":
        layer = _layer(model)
        layer.use_trace = False
        found["accuracy, trace off"] = _accuracies(model, asked, config)
        layer.use_trace = variant.trace
        found["address entropy"] = _entropy(model, asked[f"{config.pairs[-1]} pairs"])
    return found


def _accuracies(model: nn.Module, asked: Mapping[str, Sequences], config: Config) -> Numbers:
    by_pairs = [accuracy(model, asked[f"{pairs} pairs"]) for pairs in config.pairs]
    others = {name: accuracy(model, asked[name], batch=32) for name in (AFTER, TWICE)}
    return {"by pairs": by_pairs, MOST: by_pairs[-1], **others}


@torch.no_grad()
def _entropy(model: nn.Module, sequences: Sequences) -> float:
    """Of the addresses read at, over log N: 0 for one slot, 1 for all alike."""
    with TraceRecorder(model) as recorder:
        model(sequences.inputs[:32], sequences.answers[:32] != NOT_ASKED)
    return float(recorder.records[0].sparsity.mean())


def _layer(model: nn.Module) -> Engram:
    return cast(Engram, cast(SequenceModel, model).layer)


def _must(
    what: str,
    *number: str,
    published: str | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Expected:
    return Expected(
        what=what,
        number=number,
        source="requirement",
        published=published,
        at_least=at_least,
        at_most=at_most,
    )


RESULTS = (
    Result(
        name="enn2025/recall",
        paper="Szelogowski 2025",
        figure="none: the article has no test of its trace",
        claim="An Engram layer answers from what it wrote once: after many pairs, long after them, "
        "and after a key was bound anew; without its trace it does not, nor does an LSTM.",
        expected=(
            _must(
                "64 pairs, with the starting hint",
                "models",
                HINTED,
                "accuracy",
                MOST,
                at_least=0.97,
            ),
            _must("64 pairs, without it", "models", UNHINTED, "accuracy", MOST, at_least=0.90),
            _must(
                "64 pairs, then 1,000 fillers",
                "models",
                ALL_KINDS,
                "accuracy",
                AFTER,
                at_least=0.90,
            ),
            _must(
                "32 pairs, each bound twice", "models", ALL_KINDS, "accuracy", TWICE, at_least=0.95
            ),
            _must(
                "64 pairs: how much worse without the trace",
                "owed to the trace",
                at_least=0.30,
                published="its own trace: no change",
            ),
            _must(
                "entropy of an address over log N",
                "models",
                HINTED,
                "address entropy",
                at_most=0.5,
                published=".998, as run by us",
            ),
            _must(
                "64 pairs, an LSTM of the same size",
                "models",
                "LSTM",
                "accuracy",
                MOST,
                at_most=0.5,
            ),
        ),
        scales={
            "toy": Config(
                pairs=(2, 3),
                fillers_taught=(2,),
                fillers_asked=5,
                symbols=4,
                budget=Budget(parameters=34_000, steps=2, tuning_steps=1, rates=(1e-3, 3e-3)),
                batch=4,
                sequences=4,
            ),
            "small": Config(budget=Budget(parameters=34_000, steps=700, tuning_steps=150)),
            "paper": Config(
                budget=Budget(
                    parameters=34_000,
                    steps=4000,
                    tuning_steps=1000,
                    rates=(3e-4, 1e-3, 3e-3, 1e-2),
                ),
                batch=64,
                sequences=1024,
            ),
        },
        load=load,
        compute=compute,
        figures={"pairs": recall_by_pairs, "ablation": what_recall_owes},
    ),
)
