"""Whether noise alone brings back everything that is stored, evenly and unblended."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Int64

from benchmarks.data import SENSE, Clothes, drawn, rng_of
from benchmarks.registry import Measurement, Must, Numbers, WrongAnswerError
from benchmarks.statistics import over_seeds
from mnemic.hippocampus import EpisodicMemory

OURS, PLAIN, PUBLISHED = "mnemic", "mnemic without habituation", "published rule"
UNIFORM, PERMUTED = "independent uniform draws", "a random permutation"


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure; as many draws as pictures."""

    stored: int = 4000
    seeds: tuple[int, ...] = (0, 1, 2)


class Drawn(NamedTuple):
    """Which pictures a rule replayed, by their row; of what settled, the share that is one."""

    rows: Int64[np.ndarray, " draws"]
    purity: float


def measure(scale: Scale) -> Numbers:
    """Of each rule: coverage, evenness, purity, and how the classes come out."""
    values: dict[str, dict[str, list[float]]] = {}
    histograms: dict[str, np.ndarray] = {}
    classes: tuple[str, ...] = ()
    for seed in scale.seeds:
        stored, _ = drawn(scale.stored, 0, seed=seed)
        classes = stored.classes
        for rule, (rows, purity) in _draws(stored, seed).items():
            counts = np.bincount(rows, minlength=scale.stored)
            replayed = np.bincount(stored.labels[rows], minlength=len(classes))
            there = np.bincount(stored.labels, minlength=len(classes))
            numbers = {
                "coverage": float((counts > 0).mean()),
                "purity": purity,
                "entropy": _evenness(counts),
                "distance between class histograms": float(
                    np.abs(replayed / replayed.sum() - there / there.sum()).sum() / 2
                ),
            }
            for name, value in numbers.items():
                values.setdefault(rule, {}).setdefault(name, []).append(value)
            histograms[rule] = histograms.get(rule, 0) + replayed
    return {
        rule: {name: over_seeds(each, most=1.0) for name, each in named.items()}
        | {"draws by class": dict(zip(classes, histograms[rule].tolist(), strict=True))}
        for rule, named in values.items()
    }


def _draws(stored: Clothes, seed: int) -> dict[str, Drawn]:
    """As many draws as there are pictures, by each rule."""
    count = len(stored.images)
    features = torch.from_numpy(SENSE.unpack([image.tobytes() for image in stored.images]))
    ours = EpisodicMemory(features.shape[-1], grid=SENSE.grid, seed=seed)
    ours.store(features)
    published = EpisodicMemory(features.shape[-1], rule="spens2022", grid=SENSE.grid, seed=seed)
    published.store(2 * features - 1)
    rng = rng_of(seed, "controls")
    return {
        OURS: _replayed(ours),
        PLAIN: _replayed(ours, habituation=0.0),
        PUBLISHED: _replayed(published),
        UNIFORM: Drawn(rng.integers(count, size=count), 1.0),
        PERMUTED: Drawn(rng.permutation(count), 1.0),
    }


def _replayed(memory: EpisodicMemory, **options: float) -> Drawn:
    replayed = memory.replay(len(memory), **options)
    rows = replayed.ids.numpy() - 1  # ids count up from 1
    covered = len(np.unique(rows)) / len(memory)
    if len(rows) != len(memory) or abs(covered - replayed.coverage) > 1e-9:
        raise WrongAnswerError(
            f"replay gave {len(rows)} of {len(memory)} draws that cover {covered:.4f}, "
            f"and says they cover {replayed.coverage:.4f}"
        )
    return Drawn(rows, replayed.purity)


def _evenness(counts: np.ndarray) -> float:
    """Entropy of the draws over its maximum."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log(shares)).sum() / np.log(min(len(counts), counts.sum())))


CONTROLS = (PLAIN, PUBLISHED, UNIFORM, PERMUTED)

MEASUREMENT = Measurement(
    name="replay",
    claim="N draws from noise bring back nearly all N pictures, one at a time and unblended; "
    "the published rule keeps to a few.",
    musts=(
        Must(
            claim="pictures replayed at least once, in N draws",
            number=(OURS, "coverage"),
            at_least=0.99,
            source="requirement; a prototype reached .999",
            beside={rule: (rule, "coverage") for rule in CONTROLS},
        ),
        Must(
            claim="draws that are one picture, not a blend",
            number=(OURS, "purity"),
            at_least=0.97,
            source="requirement; what the memory sets beta by",
            beside={rule: (rule, "purity") for rule in (PLAIN, PUBLISHED)},
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(stored=100, seeds=(0, 1)),
)
