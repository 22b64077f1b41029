"""How often a torn picture is recalled exactly, by our rule and by the published one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.data import CREATE, SENSE, Images, drawn, rng_of
from benchmarks.registry import Measurement, Must, Numbers
from benchmarks.statistics import share
from mnemic.demo.cues import SPOILINGS, Cue
from mnemic.hippocampus import EpisodicMemory
from mnemic.memory import Memory
from mnemic.points import stacked

TORN = ("lower half missing", "left half missing", "a block missing", "90 % missing")
RULES = ("mnemic", "published rule")
ENGRAM, PICTURE = "right engram", "same picture"
SOURCES = {
    ENGRAM: "requirement; a prototype of masked distance reached .999",
    PICTURE: "stricter than the requirement: no pixel is off by one level of 256",
}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    stored: int = 5000
    probes: int = 1000
    seeds: tuple[int, ...] = (0, 1, 2)


def measure(scale: Scale) -> Numbers:
    """Of each way to tear: how many cues found their engram, and its picture pixel for pixel."""
    hits: dict[tuple[str, ...], list[int]] = {}
    for seed in scale.seeds:
        stored, _ = drawn(scale.stored, 0, seed=seed)
        chosen = rng_of(seed, "probes").choice(scale.stored, scale.probes, replace=False)
        truth = stored.images[chosen]
        published = _published(stored.images, seed)
        with (
            TemporaryDirectory() as folder,
            Memory.open(Path(folder) / "memory", create=CREATE, seed=seed) as memory,
        ):
            memory.remember_many(image=stored.images)
            for torn in TORN:
                cues = _torn(truth, torn, seed)
                for rule, (ids, pictures) in (
                    ("mnemic", _ours(memory, cues)),
                    ("published rule", _theirs(published, cues)),
                ):
                    # both number what they store from 1
                    right = int((np.array(ids) == chosen + 1).sum())
                    same = sum(map(np.array_equal, pictures, truth))
                    hits.setdefault((torn, rule, ENGRAM), []).append(right)
                    hits.setdefault((torn, rule, PICTURE), []).append(same)
    return {
        torn: {
            rule: {what: share(hits[torn, rule, what], scale.probes) for what in (ENGRAM, PICTURE)}
            for rule in RULES
        }
        for torn in TORN
    }


def _torn(pictures: Images, torn: str, seed: int) -> list[Cue]:
    spoil = next(spoiling.spoil for spoiling in SPOILINGS if spoiling.name == torn)
    rng = rng_of(seed, torn)
    return [spoil(picture, rng) for picture in pictures]


def _published(pictures: Images, seed: int) -> EpisodicMemory:
    """The published network, which wants its patterns in -1..1."""
    features, _ = stacked([SENSE.encode(picture) for picture in pictures])
    memory = EpisodicMemory(features.shape[-1], rule="spens2022", grid=SENSE.grid, seed=seed)
    memory.store(2 * features - 1)
    return memory


def _ours(memory: Memory, cues: Sequence[Cue]) -> tuple[list[int], list[np.ndarray]]:
    known = {"image": [cue.known for cue in cues]}
    answers = memory.recall_many(image=[cue.pixels for cue in cues], known=known)
    return [answer.engram.id for answer in answers], [answer.image for answer in answers]


def _theirs(memory: EpisodicMemory, cues: Sequence[Cue]) -> tuple[list[int], list[np.ndarray]]:
    features, known = stacked([SENSE.encode(cue.pixels, cue.known) for cue in cues])
    settled = memory.recall(2 * features - 1, known, k=1)
    pictures = [SENSE.decode(pattern, None) for pattern in ((settled.pattern + 1) / 2).numpy()]
    return settled.ids[:, 0].tolist(), pictures


MEASUREMENT = Measurement(
    name="recall_exact",
    claim="A picture seen once is recalled exactly from any part of it, "
    "where the published rule finds fewer than half.",
    musts=tuple(
        Must(
            claim=f"{torn}: {what}",
            number=(torn, "mnemic", what),
            at_least=0.99,
            source=SOURCES[what],
            beside={"published rule": (torn, "published rule", what)},
        )
        for torn in TORN
        for what in (ENGRAM, PICTURE)
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(stored=100, probes=20, seeds=(0, 1)),
)
