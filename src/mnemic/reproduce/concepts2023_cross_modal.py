"""Seen, heard or read, a concept brings back the rest: ten concepts, met a few times each.

Marco de Lucas (2023): "The JA node simply links all these values together so that the complete
concept JA can be recovered from these connections." Ten classes of pictures, their words said and
their names read are met one, two or five times each, every sense apart, with a label. Then a
picture that was never met, the word in a voice of another synthesiser, or a phrase that was never
read is to bring the right class in both other senses.

Hearing and reading are easy; seeing is not: of five digits of each class the nearest is the right
one for two of three. What helps is what was seen without a name. Names spread through it by
locality, in the pixels or, after a night over it, in the student's latents. Here that is told to
the memory by merging concepts; a memory alone joins only what lies within its calibrated radius.
"""

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from mnemic.errors import EmptyMemoryError
from mnemic.memory import Memory
from mnemic.plots.exposures import by_exposures, sense_to_sense
from mnemic.reproduce.exposed_memory import (
    BY,
    CREATE,
    SENSES,
    Answers,
    across,
    brought,
    expose,
    spread_names,
    told,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.slept_memory import INNATE, slept_on
from mnemic.reproduce.ten_concepts import Concepts, Meeting, Subject, concepts_of, load
from mnemic.reproduce.workshop import Doing, Workshop

NEAREST = "innate, nearest exposure"
SPREAD = "innate, names spread"
SLEPT = "slept, names spread"
FACTS = "slept, facts"
TRAINED = "pretrained, nearest exposure"
WAYS = (NEAREST, SPREAD, FACTS, SLEPT, TRAINED)
MOST = 5


@dataclass(frozen=True, kw_only=True)
class Config(Meeting):
    """How often concepts are met, and how many pictures pretrained senses are asked with."""

    exposures: tuple[int, ...] = (1, 2, MOST)
    watched: int


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Meet the concepts with innate senses, after a night, and with pretrained senses."""
    concepts = concepts_of(config, data)
    watched = concepts._replace(
        picture_cues=concepts.picture_cues[: config.watched],
        picture_truth=concepts.picture_truth[: config.watched],
    )
    slept = yield from slept_on(meeting_of(config), data, seed, workshop)
    with TemporaryDirectory(prefix="mnemic-concepts-") as folder:
        place = Path(folder)
        awake = place / "awake"
        with Memory.open(awake, create=INNATE, seed=seed) as memory:
            memory.remember_many(image=concepts.unlabelled)
        ways = {NEAREST: (yield from _nearest(config, concepts, place / "innate", "innate", seed))}
        ways |= yield from _spread(config, concepts, awake, "innate", seed)
        ways |= yield from _spread(config, concepts, slept, "slept", seed)
        ways[TRAINED] = yield from _nearest(config, watched, place / "trained", "pretrained", seed)
    return {"ways": ways}


def meeting_of(config: Meeting) -> Meeting:
    """What the memory that slept depends on, and nothing else."""
    return Meeting(**{one.name: getattr(config, one.name) for one in fields(Meeting)})


def _nearest(
    config: Config, concepts: Concepts, path: Path, senses: str, seed: int
) -> Generator[Doing, None, Numbers]:
    """A memory that meets nothing but what is named, and is asked as it grows."""
    numbers: Numbers = {}
    with Memory.open(path, create=CREATE[senses], seed=seed) as memory:
        truth: dict[int, int] = {}
        met = 0
        for often in config.exposures:
            yield Doing(f"{senses}, {often} exposures", met, max(config.exposures))
            truth |= expose(memory, concepts, range(met, often))
            numbers[str(often)] = across(memory, concepts, truth, BY[senses], only=SENSES)
            met = often
    return numbers


def _spread(
    config: Config, concepts: Concepts, seen: Path, senses: str, seed: int
) -> Generator[Doing, None, Numbers]:
    """Copies of a memory that has seen pictures without names; names are told, and spread."""
    latents = senses == "slept"
    way = SLEPT if latents else SPREAD
    numbers: Numbers = {way: {}} | ({FACTS: {}} if latents else {})
    for often in config.exposures:
        yield Doing(f"{way}, {often} exposures", 0, 1)
        with copied(seen) as copy:
            with opened(copy, seed, latents=latents) as memory:
                truth = expose(memory, concepts, range(often))
                if latents:
                    numbers[FACTS][str(often)] = by_facts(memory, concepts, truth)
                rightly = spread_names(memory, concepts, truth, latents=latents)
            with opened(copy, seed, latents=latents) as memory:  # radii by all that has a name now
                found = across(memory, concepts, truth, BY[senses], only=SENSES)
            numbers[way][str(often)] = found | {"rightly named of the nameless": rightly}
    return numbers


@contextmanager
def copied(path: Path) -> Generator[Path]:
    """A copy of a memory, for as long as the block lasts."""
    with TemporaryDirectory(prefix="mnemic-concepts-") as folder:
        yield Path(shutil.copytree(path, Path(folder) / "memory"))


def opened(path: Path, seed: int, *, latents: bool) -> Memory:
    """A memory whose pictures are near one another in the student's latents, or in pixels."""
    memory = Memory.open(path, seed=seed)
    memory.concepts.choose(space="latents" if latents else "features")
    return memory


def by_facts(memory: Memory, concepts: Concepts, truth: dict[int, int]) -> Numbers:
    """Pictures named by the label that their latents make likeliest; {} of what was met once."""
    names: list[str | None] = []
    for picture in concepts.picture_cues:
        try:
            likely = memory.facts(image=picture)["label"]
        except EmptyMemoryError:  # facts come of what several engrams share
            return {}
        names.append(max(likely, key=lambda name: likely[name]))
    never = np.zeros(len(names), np.bool_)
    answers = Answers(names, never)
    return {"picture": told(concepts, "picture", answers, brought(memory, concepts, truth))}


def _result(subject: Subject, what: str) -> Result:
    source = "requirement" if subject == "digits" else "requirement, of digits"
    rows = (
        (NEAREST, "picture", 0.65, "pictures, by the nearest pixels of five exposures"),
        (SPREAD, "picture", 0.65, "pictures, names spread through what was seen, never slept on"),
        (NEAREST, "sound", 0.65, "words of another synthesiser, by an innate sense"),
        (NEAREST, "phrase", 0.65, "phrases never read before, by an innate sense"),
        (SLEPT, "picture", 0.8, "pictures, names spread through what was slept on"),
        (SLEPT, "sound", 0.8, "words of another synthesiser, by a pretrained sense"),
    )
    return Result(
        name=f"concepts2023/cross-modal-{subject}",
        paper="Marco de Lucas 2023",
        figure='"the complete concept JA can be recovered from these connections"',
        claim=f"Ten {what}, seen, heard and read five times each: what was never met brings the "
        "right one back in all other senses, whichever sense it comes in.",
        expected=tuple(
            Expected(
                what=f"the right class in both other senses: {words}",
                number=("ways", way, str(MOST), sense, "whole"),
                at_least=least,
                source=source,
            )
            for way, sense, least, words in rows
        ),
        scales={
            "toy": Config(
                subject=subject, unlabelled=60, epochs=1, cues=20, watched=2, exposures=(MOST,)
            ),
            "small": Config(subject=subject, unlabelled=3000, epochs=8, cues=200, watched=80),
            "paper": Config(subject=subject, unlabelled=8000, epochs=20, cues=1000, watched=500),
        },
        load=load,
        compute=compute,
        figures={
            "exposures": partial(by_exposures, ways=WAYS),
            "senses": partial(sense_to_sense, ways=(NEAREST, SLEPT, TRAINED), most=str(MOST)),
        },
    )


RESULTS = (_result("digits", "digits"), _result("fashion", "kinds of clothes"))
