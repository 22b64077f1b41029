"""Figure 3 of Spens & Burgess (2022): noise reactivates memories; which ones, and how evenly."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from mnemic.hippocampus import EpisodicMemory
from mnemic.hippocampus.memory import Rule
from mnemic.plots.learning import replay_by_class, replay_by_rule
from mnemic.randomness import generator
from mnemic.reproduce.pictures import TITLES, Name, draw, features, grid_of, stand_in
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.workshop import Doing, Workshop

OURS, PUBLISHED, DRAWS = "habituated", "published", "independent draws"


@dataclass(frozen=True, kw_only=True)
class Config:
    """Whose memories, and how many; as many patterns are replayed."""

    dataset: Name
    stored: int


def load(config: Config, seed: int) -> Data:
    """The memories and their classes."""
    drawn = draw(config.dataset, config.stored, seed)
    return {"images": drawn.images, "labels": drawn.labels}


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Replay as many patterns as are stored, by both rules."""
    images, labels = data["images"], data["labels"]
    patterns = features(images)
    yield Doing("habituated replay", 0, 2)
    ours = _replayed(patterns, images, labels, seed, "masked")
    yield Doing("published replay", 1, 2)
    published = _replayed(patterns * 2 - 1, images, labels, seed, "spens2022")
    count = len(patterns)
    drawn = torch.randint(count, (count,), generator=generator(seed, "draws"))
    return {
        OURS: ours,
        PUBLISHED: published,
        DRAWS: {"coverage": len(drawn.unique()) / count},
        "stored": {"classes": _shares(labels, labels)},
    }


def _replayed(
    patterns: Tensor, images: np.ndarray, labels: np.ndarray, seed: int, rule: Rule
) -> Numbers:
    teacher = EpisodicMemory(patterns.shape[1], rule=rule, grid=grid_of(images), seed=seed)
    ids = teacher.store(patterns)
    replay = teacher.replay(len(patterns))
    row_of = {int(id): row for row, id in enumerate(ids)}
    rows = np.array([row_of[int(id)] for id in replay.ids])
    return {
        "coverage": replay.coverage,
        "purity": replay.purity,
        "entropy": replay.entropy,
        "classes": _shares(labels[rows], labels),
    }


def _shares(labels: np.ndarray, every: np.ndarray) -> list[float]:
    classes = int(every.max()) + 1
    return [float(share) for share in np.bincount(labels, minlength=classes) / len(labels)]


def _result(name: Name, file: str, *, toy: int, small: int, published: str | None) -> Result:
    return Result(
        name=f"spens2022/replay-{file}",
        paper="Spens & Burgess 2022",
        figure="figure 3",
        claim=f"Random noise reactivates memories of {TITLES[name]}: by the published rule the "
        "same few, with habituation all of them.",
        expected=(
            Expected(
                what="coverage of habituated replay, in as many draws as memories",
                number=(OURS, "coverage"),
                at_least=0.99,
                source="requirement",
                published=published,
            ),
            Expected(
                what="purity of habituated replay",
                number=(OURS, "purity"),
                at_least=0.97,
                source="requirement",
            ),
        ),
        scales={
            "toy": Config(dataset=name, stored=toy),
            "small": Config(dataset=name, stored=small),
            "paper": Config(dataset=name, stored=10_000),
        },
        load=load,
        compute=compute,
        figures={"coverage": replay_by_rule, "classes": replay_by_class},
        stands_in=stand_in(name),
    )


RESULTS = (
    _result("fashion", "fashion", toy=120, small=5000, published=".22 to .28 (published rule)"),
    _result("mnist", "mnist", toy=120, small=5000, published=None),
    _result("kmnist", "kmnist", toy=120, small=5000, published=None),
    _result("shapes3d", "shapes3d", toy=60, small=1000, published=".46 to .54 (published rule)"),
    _result("shapes3d, grey", "shapes3d-grey", toy=60, small=1000, published=None),
    _result("solids", "solids", toy=60, small=1000, published=None),
)
