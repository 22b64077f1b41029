"""Whether the verdict tells stored pictures from others of the same kind, under the same noise."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score

from benchmarks.data import CREATE, Images, digits, drawn, rng_of
from benchmarks.registry import Measurement, Must, Numbers
from benchmarks.statistics import over_seeds
from mnemic.demo.cues import SPOILINGS, Cue, noisy
from mnemic.memory import Memory
from mnemic.records import Recall


class View(NamedTuple):
    """Noise laid over every cue, and then what of it is torn away."""

    name: str
    deviation: float
    torn: str | None


VIEWS = (
    View("all known", 0.1, None),
    View("upper half known", 0.1, "lower half missing"),
    View("90 % missing", 0.1, "90 % missing"),
    View("all known, no noise", 0.0, None),
    View("upper half known, no noise", 0.0, "lower half missing"),
    View("90 % missing, no noise", 0.0, "90 % missing"),
)
AUROC, TRUE, FALSE, DIGITS = "AUROC", "true accepts", "false accepts", "digits accepted"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    stored: int = 5000
    probes: int = 1000  # stored, held out and digits: so many of each
    seeds: tuple[int, ...] = (0, 1, 2)


def measure(scale: Scale) -> Numbers:
    """Of each view: how well stored and held-out pictures are told apart, and the rates."""
    values: dict[str, dict[str, list[float]]] = {view.name: {} for view in VIEWS}
    for seed in scale.seeds:
        stored, held_out = drawn(scale.stored, scale.probes, seed=seed)
        probes = rng_of(seed, "probes").choice(scale.stored, scale.probes, replace=False)
        groups = {TRUE: stored.images[probes], FALSE: held_out.images}
        others = digits(scale.probes, seed=seed)
        if others is not None:
            groups[DIGITS] = others
        with (
            TemporaryDirectory() as folder,
            Memory.open(Path(folder) / "memory", create=CREATE, seed=seed) as memory,
        ):
            memory.remember_many(image=stored.images)
            for view in VIEWS:
                for name, value in _judged(memory, view, groups, seed).items():
                    values[view.name].setdefault(name, []).append(value)
    return {
        view: {name: over_seeds(each, most=1.0) for name, each in named.items()}
        for view, named in values.items()
    }


def _judged(memory: Memory, view: View, groups: dict[str, Images], seed: int) -> dict[str, float]:
    numbers: dict[str, float] = {}
    confidences: dict[str, list[float]] = {}
    for name, pictures in groups.items():
        answers = _answers(memory, _seen(pictures, view, rng_of(seed, view.name + name)))
        confidences[name] = [answer.confidence for answer in answers]
        numbers[name] = sum(answer.remembered for answer in answers) / len(answers)
    truth = [1] * len(confidences[TRUE]) + [0] * len(confidences[FALSE])
    numbers[AUROC] = float(roc_auc_score(truth, confidences[TRUE] + confidences[FALSE]))
    return numbers


def _seen(pictures: Images, view: View, rng: np.random.Generator) -> list[Cue]:
    blur = noisy(view.deviation)
    cues = [blur(picture, rng) for picture in pictures]
    for spoiling in SPOILINGS:
        if spoiling.name == view.torn:
            cues = [spoiling.spoil(cue.pixels, rng) for cue in cues]
    return cues


def _answers(memory: Memory, cues: Sequence[Cue]) -> list[Recall]:
    known = None if cues[0].known is None else {"image": [cue.known for cue in cues]}
    return memory.recall_many(image=[cue.pixels for cue in cues], known=known)


def _must(view: str, what: str, source: str, **bound: float) -> Must:
    return Must(
        claim=f"noise sd .1, {view}: {what}",
        number=(view, what),
        source=source,
        beside={"without noise": (f"{view}, no noise", what)},
        **bound,
    )


MEASUREMENT = Measurement(
    name="verdict",
    claim="It can be told whether a noisy or torn picture was ever stored, "
    "against pictures of the same kind that were not.",
    musts=tuple(
        must
        for view, auroc in (("all known", 0.98), ("upper half known", 0.97))
        for must in (
            _must(view, AUROC, "requirement; a prototype reached .998", at_least=auroc),
            _must(view, FALSE, "the rate every verdict states", at_most=0.05),
            _must(view, TRUE, "requirement", at_least=0.85),
        )
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(stored=120, probes=20, seeds=(0, 1)),
)
