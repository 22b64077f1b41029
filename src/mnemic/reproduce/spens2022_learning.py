"""Figures 4 and 5 of Spens & Burgess (2022): what a student learns from replay, epoch by epoch.

Error on what was replayed and on what never was; how well a label is decoded from 200 examples;
how latents cluster; and recall of the whole from a half.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.manifold import TSNE
from sklearn.metrics import silhouette_score
from torch import Tensor

from mnemic.neocortex import Student, complete
from mnemic.neocortex.student import Grid, Kind
from mnemic.plots.learning import learning, map_of_latents
from mnemic.reproduce.pictures import (
    CLASSES,
    TITLES,
    Experiment,
    Name,
    features,
    grid_of,
    sizes,
    stand_in,
    stored_and_unseen,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.teaching import (
    EXAMPLES,
    decoded,
    masks,
    nearest_its_own,
    taught_by_replay,
)
from mnemic.reproduce.workshop import Doing, Workshop

KINDS: tuple[Kind, ...] = ("mnemic", "spens2022")
MASKS = ("pixels", "block", "halves")


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """How many of the unseen are asked what costs more."""

    completed: int
    mapped: int  # latents brought to two dimensions


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Teach both kinds of student the same replay, and ask both the same."""
    grid, pictures = grid_of(data["images"]), features(data["images"])
    unseen = pictures[config.stored :]
    labels = data["labels"][config.stored :]
    numbers: Numbers = {
        "pixels": {
            "decoding accuracy": decoded(unseen.numpy(), labels, EXAMPLES),
            "silhouette": float(silhouette_score(unseen.numpy(), labels)),
        }
    }
    for kind in KINDS:
        taught = yield from taught_by_replay(config, data, seed, workshop, kind)
        curves = {name: [epoch[name] for epoch in taught.epochs] for name in taught.epochs[0]}
        yield Doing(f"asking {kind}", 1, 1)
        latents = taught.student.encode(unseen).numpy()
        numbers[kind] = {
            "by epoch": curves,
            "last": {name: curve[-1] for name, curve in curves.items()},
            "silhouette": float(silhouette_score(latents, labels)),
            "from a part": _from_a_part(taught.student, unseen[: config.completed], grid, seed),
            "map": _map(latents[: config.mapped], labels[: config.mapped], seed),
        }
    return numbers


def _from_a_part(student: Student, pictures: Tensor, grid: Grid, seed: int) -> Numbers:
    return {
        kind: nearest_its_own(
            lambda some, known: complete(student, some, known),
            pictures,
            masks(kind, len(pictures), grid, seed),
        )
        for kind in MASKS
    }


def _map(latents: np.ndarray, labels: np.ndarray, seed: int) -> Numbers:
    perplexity = min(30.0, len(latents) / 4)
    places = TSNE(random_state=seed, perplexity=perplexity).fit_transform(latents)
    x, y = places.T.astype(float).tolist()
    return {"x": x, "y": y, "label": labels.tolist()}


def _result(name: Name, file: str, *decoding: tuple[float, str | None]) -> Result:
    return Result(
        name=f"spens2022/learning-{file}",
        paper="Spens & Burgess 2022",
        figure="figures 4 and 5",
        claim=f"Taught by replay alone, a student of {TITLES[name]} comes to reconstruct what it "
        "never saw, its latents come to tell classes, and it completes a picture from half of it.",
        expected=(
            *(
                Expected(
                    what="decoding accuracy of the label, 200 examples, our student",
                    number=("mnemic", "last", "decoding accuracy"),
                    at_least=least,
                    source="requirement",
                    published=published,
                )
                for least, published in decoding
            ),
            *(
                Expected(
                    what=f"completed from {what}, nearer its own picture than 99 others",
                    number=("mnemic", "from a part", kind),
                    at_least=0.9,
                    source="requirement",
                )
                for kind, what in (
                    ("pixels", "every other pixel"),
                    ("block", "around a block"),
                    ("halves", "a half"),
                )
            ),
        ),
        scales={
            "toy": Config(**sizes(name, "toy"), completed=4, mapped=32),
            "small": Config(**sizes(name, "small"), completed=300, mapped=500),
            "paper": Config(**sizes(name, "paper"), completed=1000, mapped=1000),
        },
        load=stored_and_unseen,
        compute=compute,
        figures={"learning": learning, "map": partial(map_of_latents, classes=CLASSES[name])},
        stands_in=stand_in(name),
    )


RESULTS = (
    _result("fashion", "fashion", (0.70, None)),
    _result("mnist", "mnist", (0.85, None)),
    _result("kmnist", "kmnist"),
    _result("shapes3d", "shapes3d", (0.85, ".832 (2024)")),
    _result("shapes3d, grey", "shapes3d-grey"),
    _result("solids", "solids"),
)
