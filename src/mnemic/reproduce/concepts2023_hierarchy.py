"""What a sneaker and a boot are serves a sandal: naming the parent of what was never named.

Marco de Lucas (2023): "The structure of the latent space could be extended in this way to support
hierarchical conceptualisation, providing a kind of generalisation". Kinds of clothes are met with
their names, all but one; WordNet places the names in a memory. A picture of the kind left out is
then shown. The concept nearest to it is the wrong one, but what that stands below may be right.

Beside it: a memory that was told the parent in place of each name, so that there is no tree and
less was told; and chance, the share of all that was met that has the right parent. A name of one of
the classes met, the answer where classes are flat, is never right.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from mnemic.errors import DataError
from mnemic.memory import Memory
from mnemic.plots.parents import parents
from mnemic.reproduce.exposed_memory import named
from mnemic.reproduce.pictures import features
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.ten_concepts import COUNT, WORDS
from mnemic.reproduce.watched_pictures import pool, watched
from mnemic.reproduce.workshop import Doing, Workshop

NAMES = tuple("boot" if word == "ankle boot" else word for word in WORDS["fashion"])
"""As WordNet knows them."""
PARENTS = dict.fromkeys(NAMES, "clothing") | {
    "sandal": "footwear",
    "sneaker": "footwear",
    "boot": "footwear",
    "bag": "container",
}
FAMILIES = ("footwear", "clothing")  # of which there is more than one kind
PIXELS, TRAINED = "pixels", "EfficientNet"

Places = Float[np.ndarray, "count dim"]


@dataclass(frozen=True, kw_only=True)
class Config:
    """How often each kind is met, and asked for."""

    met: int
    cues: int


def load(config: Config, seed: int) -> Data:
    """Pictures of clothes: the same for all seeds, in an order of the seed."""
    found = pool("fashion", config.met + config.cues, 1, seed)
    turns = np.random.default_rng(seed).permutation(config.met + config.cues)
    return {"pictures": found.pictures, "labels": found.labels, "turns": turns}


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Leave out one kind after the other, in pixels and in pretrained features."""
    seen = yield from watched(data["pictures"], workshop)
    order = (data["turns"][:, None] * COUNT + np.arange(COUNT)).reshape(-1)
    labels, pictures = data["labels"][order], features(data["pictures"]).numpy()
    numbers: Numbers = {}
    for space, places in {PIXELS: pictures, TRAINED: seen}.items():
        kinds: Numbers = {}
        for out in range(COUNT):
            if PARENTS[NAMES[out]] in FAMILIES:
                yield Doing(f"{space} without {NAMES[out]}", out, COUNT)
                kinds[NAMES[out]] = without(out, places[order], labels, config, seed)
        numbers[space] = {"kinds": kinds} | {
            way: _by_family(kinds, way) for way in ("tree", "flat", "chance")
        }
    return numbers


def without(
    out: int, places: Places, labels: Int[np.ndarray, " count"], config: Config, seed: int
) -> Numbers:
    """Of a kind that was never met: how often its parent is named."""
    turns = np.arange(len(labels)) // COUNT
    met = (turns < config.met) & (labels != out)
    cues = (turns >= config.met) & (labels == out)
    told, parent = [NAMES[one] for one in labels[met]], PARENTS[NAMES[out]]
    by_tree = parents_of(places[met], told, places[cues], seed)
    flat = parents_of(places[met], [PARENTS[name] for name in told], places[cues], seed)
    return {
        "tree": float(np.mean([found == parent for found in by_tree])),
        "flat": float(np.mean([found == parent for found in flat])),
        "chance": float(np.mean([PARENTS[name] == parent for name in told])),
    }


def parents_of(
    met: Float[np.ndarray, "met dim"],
    names: Sequence[str],
    cues: Float[np.ndarray, "cues dim"],
    seed: int,
) -> list[str | None]:
    """The parent of what each cue is taken for, by what its concept stands below.

    Raises:
        DataError: WordNet is not on this machine.
    """
    create: dict[str, Any] = {"resolution": None, "vector": met.shape[1]}
    with (
        TemporaryDirectory(prefix="mnemic-concepts-") as folder,
        Memory.open(Path(folder) / "memory", create=create, seed=seed) as memory,
    ):
        memory.remember_many(vector=met.astype(np.float32), label=list(names))
        note = memory.concepts.organise().note
        if note is not None:
            raise DataError(note)
        recalls = memory.recall_many(vector=cues.astype(np.float32))
        taken = [named(memory, one) for one in recalls]
        above = {
            name: [name, *(one.label for one in memory.concepts.above(name))] for name in set(names)
        }
    wanted = set(PARENTS.values())
    return [
        next((one for one in above.get(name or "", ()) if one in wanted), None) for name in taken
    ]


def _by_family(kinds: Numbers, way: str) -> Numbers:
    found = {
        family: float(np.mean([one[way] for name, one in kinds.items() if PARENTS[name] == family]))
        for family in FAMILIES
    }
    return found | {"both": float(np.mean(list(found.values())))}


RESULTS = (
    Result(
        name="concepts2023/hierarchy",
        paper="Marco de Lucas 2023",
        figure='"hierarchical conceptualisation, providing a kind of generalisation"',
        claim="Of a kind of clothes that was never named, the parent can be named: what is known "
        "of sneakers and boots makes a sandal footwear.",
        expected=(
            Expected(
                what="the parent is right, of footwear and of clothing alike, EfficientNet",
                number=(TRAINED, "tree", "both"),
                at_least=0.8,
                source="requirement",
            ),
            Expected(
                what="the parent is right, of footwear and of clothing alike, pixels",
                number=(PIXELS, "tree", "both"),
                at_least=0.8,
                source="requirement",
            ),
            Expected(
                what="the parent is right, of footwear, EfficientNet",
                number=(TRAINED, "tree", "footwear"),
                at_least=0.8,
                source="requirement",
            ),
        ),
        scales={
            "toy": Config(met=2, cues=1),
            "small": Config(met=20, cues=50),
            "paper": Config(met=50, cues=200),
        },
        load=load,
        compute=compute,
        figures={"parents": parents},
    ),
)
