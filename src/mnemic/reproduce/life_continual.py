"""Learning that goes on: new memories after old ones, and what becomes of the old.

Spens & Burgess (2022) leave open "how the system might achieve continual representation
learning". A student that has learned some classes from replay goes on with others; what differs
is what it is shown of the old ones: nothing; their replay by the teacher; their schemas, where
``keep="schema"`` has let go of all else; or its own dreams, where nothing is left of them but the
student itself (pseudo-rehearsal: Robins 1995; generative replay: Shin et al. 2017, van de Ven et
al. 2020). ``Memory.sleep`` goes the last way of those here: it learns everything anew, each night.
"""

from collections.abc import Generator
from copy import deepcopy
from dataclasses import asdict, dataclass
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemic.neocortex import Student, consolidate, imagination
from mnemic.neocortex.student import Grid
from mnemic.plots.ageing import going_on, retention
from mnemic.randomness import generator
from mnemic.reproduce.pictures import (
    TITLES,
    Experiment,
    Name,
    features,
    grid_of,
    stand_in,
    stored_and_unseen,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.teaching import config_of, decoded, missed, replayed
from mnemic.reproduce.workshop import Doing, Epoch, Workshop, checksum, key_of

NEW, DREAMT, SCHEMAS, REPLAYED, ALL = (
    "new alone",
    "new, and old dreamt",
    "new, and old from schemas",
    "new, and old replayed",
    "everything at once",
)
LATER = (NEW, DREAMT, SCHEMAS, REPLAYED)
EXAMPLES = 1000  # a decoder is fitted on: with fewer, which they are says more than the student
PASSES = 2  # of a dream through the student, before it is learned from


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """Which classes come first; both halves are learned for ``epochs``."""

    first: tuple[int, ...]


class Part(NamedTuple):
    """The old or the new: what is stored of it, and what is not."""

    memories: Float[Tensor, "count dim"]
    unseen: Float[Tensor, "unseen dim"]
    labels: Int[np.ndarray, " unseen"]


def parts_of(config: Config, data: Data) -> tuple[Part, Part]:
    """The old and the new."""
    pictures, labels = features(data["images"]), data["labels"]
    stored = np.arange(len(labels)) < config.stored
    early = np.isin(labels, config.first)

    def part(mine: np.ndarray) -> Part:
        kept, unseen = np.flatnonzero(mine & stored), np.flatnonzero(mine & ~stored)
        return Part(pictures[kept], pictures[unseen], labels[unseen])

    return part(early), part(~early)


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Learn the old, go on with the new in every way, and learn everything at once."""
    grid, (old, new) = grid_of(data["images"]), parts_of(config, data)
    made_of = {"first": config.first, "stored": config.stored, "data": checksum(data)}

    def measured(student: Student) -> Epoch:
        return asked(student, "old", old) | asked(student, "new", new)

    taught = yield from workshop.teach(
        lambda: replayed(old.memories, grid, seed),
        config_of("mnemic", config.epochs),
        made_of=made_of | {"lesson": "old"},
        grid=grid,
        seed=seed,
    )
    before = measured(taught.student)
    numbers: Numbers = {"before": before}
    for way in LATER:
        key = "later-" + key_of(
            __name__, way=way, config=asdict(config), made_of=made_of, seed=seed
        )
        epochs = workshop.read(key)
        if epochs is None:
            yield Doing(f"{way}: choosing", 0, 1)
            student, epochs = deepcopy(taught.student), []
            lesson = lesson_of(way, taught.student, old.memories, new.memories, grid, seed)
            steps = consolidate(
                student,
                lesson,
                config_of("mnemic", config.epochs),
                rng=generator(seed, f"later {way}"),
            )
            for step in steps:
                if step.progress is not None:
                    epochs.append(measured(student))
                yield Doing(way, step.done, step.total)
            workshop.write(key, epochs)
        numbers[way] = after(before, epochs)
    together = torch.cat([old.memories, new.memories])
    whole = yield from workshop.teach(
        lambda: replayed(together, grid, seed),
        config_of("mnemic", 2 * config.epochs),
        made_of=made_of | {"lesson": ALL},
        grid=grid,
        seed=seed,
    )
    return numbers | {ALL: after(before, [measured(whole.student)])}


def asked(student: Student, name: str, part: Part) -> Epoch:
    """What a student makes of pictures it never learned from."""
    latents = student.encode(part.unseen).numpy()
    return {
        f"{name} error": missed(student, part.unseen),
        f"{name} decoding": decoded(latents, part.labels, EXAMPLES),
    }


def after(before: Epoch, epochs: list[Epoch]) -> Numbers:
    """How each measure went, how it ended, and what of the old was kept: 1 is no forgetting."""
    last = epochs[-1]
    return {
        "by epoch": {name: [epoch[name] for epoch in epochs] for name in last},
        "last": last,
        "kept": {
            "error": before["old error"] / last["old error"],
            "decoding": last["old decoding"] / before["old decoding"],
        },
    }


def lesson_of(
    way: str,
    student: Student,
    old: Float[Tensor, "old dim"],
    new: Float[Tensor, "new dim"],
    grid: Grid,
    seed: int,
) -> Float[Tensor, "count dim"]:
    """What a student that knows the old is shown next; of the old as much as there was."""
    if way == REPLAYED:
        return replayed(torch.cat([old, new]), grid, seed)
    rehearsed = {
        NEW: lambda: old[:0],
        DREAMT: lambda: dreams(student, len(old), rng=generator(seed, "dreams")),
        SCHEMAS: lambda: student.decode(student.encode(old)),
    }
    return torch.cat([replayed(new, grid, seed), rehearsed[way]()])


def dreams(student: Student, count: int, *, rng: torch.Generator) -> Float[Tensor, "count dim"]:
    """Pictures a student draws from its prior, seen and drawn again ``PASSES`` times.

    Each pass brings a dream nearer to what was learned: a step of the pseudo-Gibbs chain of
    Rezende, Mohamed & Wierstra (2014), without noise.
    """
    drawn = student.decode(imagination.dreamt(count, student.latent_dim, rng=rng))
    for _ in range(PASSES):
        drawn = student.decode(student.encode(drawn))
    return drawn


def _result(name: Name, file: str, *, first: tuple[int, ...], small: int) -> Result:
    return Result(
        name=f"life/continual{file}",
        paper="Spens & Burgess 2022",
        figure='discussion: "how the system might achieve continual representation learning"',
        claim=f"A student of {TITLES[name]} that goes on with new classes alone forgets the old; "
        "where the teacher replays the old beside the new, it does not.",
        expected=(
            Expected(
                what="kept of the old, replayed beside the new: decoding, after over before",
                number=(REPLAYED, "kept", "decoding"),
                at_least=0.95,
                source="requirement",
            ),
            Expected(
                what="kept of the old, replayed beside the new: error, before over after",
                number=(REPLAYED, "kept", "error"),
                at_least=0.95,
                source="requirement",
            ),
            Expected(
                what="kept of the old, the new learned alone: error, before over after",
                number=(NEW, "kept", "error"),
                at_most=0.8,
                source="catastrophic forgetting, which there must be something of to prevent",
            ),
        ),
        scales={
            "toy": Config(dataset=name, stored=32, unseen=64, epochs=1, first=first),
            "small": Config(dataset=name, stored=small, unseen=2500, epochs=16, first=first),
            "paper": Config(dataset=name, stored=10_000, unseen=3000, epochs=25, first=first),
        },
        load=stored_and_unseen,
        compute=compute,
        figures={"going-on": going_on, "retention": retention},
        stands_in=stand_in(name),
    )


CLOTHES = (0, 1, 2, 3, 4, 6)  # of Fashion-MNIST; the others are shoes and bags

RESULTS = (_result("fashion", "", first=CLOTHES, small=2400),)
