"""Synchrony without labels: what is seen and heard at one time becomes one concept.

Marco de Lucas (2023, section 3) would have pictures, sounds and other signals tied where they come
together, with nobody to name them. A stream of experiences is stored as it comes, a picture and a
sound (or two vectors) each, and no label. In some, the sound is that of another thing: noise, of
which truth knows. Or the sound comes a moment earlier or later than the picture, an experience of
its own: jitter, which a window on what counts as one time has to bear. What is found is held
against what is true, point by point, by the adjusted Rand index (Hubert & Arabie 1985).
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from sklearn.metrics import adjusted_rand_score

from mnemic.errors import ConfigError
from mnemic.memory import Memory
from mnemic.plots.synchrony import streams
from mnemic.randomness import generator
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.streams import (
    WORDS,
    WORLDS,
    Moment,
    pictures_and_words,
    stream_of,
    things_in,
)
from mnemic.reproduce.workshop import Doing, Workshop, checksum, key_of

BEGINNING = datetime(2023, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Config:
    """Streams: how long, with how much noise, and how much jitter."""

    lengths: tuple[int, ...]
    noise: tuple[float, ...]  # shares of the experiences whose sound is of another thing
    jitter: tuple[float, ...]  # seconds a sound is off by, at most
    usual: int  # length where jitter grows, and where the claim is judged
    judged: float = 0.3  # noise there
    window: float = 2.0  # seconds
    spacing: float = 3.0  # seconds between pictures

    def __post_init__(self) -> None:
        if self.judged not in self.noise or self.usual not in self.lengths:
            raise ConfigError("the noise and the length that are judged must be among the others")


def load(config: Config, seed: int) -> Data:
    """The pictures and words of a seed; the rest is drawn as it is met."""
    del config
    return pictures_and_words(seed)


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Live through every stream in a memory of its own."""
    numbers: Numbers = {}
    for kind in WORLDS:
        found: dict[str, Any] = {
            "usual": f"{config.usual}",
            "window": config.window,
            "nearness alone": nearness_alone(len(WORDS)),
            "noise": {},
        }
        for length in config.lengths:
            found["noise"][str(length)] = yield from _along(
                kind, config, data, seed, workshop, length=length, noise=config.noise
            )
        found["jitter"] = yield from _along(
            kind, config, data, seed, workshop, length=config.usual, jitter=config.jitter
        )
        at = config.noise.index(config.judged)
        judged = found["noise"][str(config.usual)]
        found["judged"] = {name: values[at] for name, values in judged.items()}
        numbers[kind] = found
    return numbers


def _along(
    kind: str,
    config: Config,
    data: Data,
    seed: int,
    workshop: Workshop,
    *,
    length: int,
    noise: Sequence[float] = (),
    jitter: Sequence[float] = (),
) -> Generator[Doing, None, Numbers]:
    """Curves along growing noise, or growing jitter."""
    streams = [(share, None) for share in noise] + [(0.0, most) for most in jitter]
    curves: dict[str, list[float]] = {}
    for done, (share, most) in enumerate(streams):
        yield Doing(f"{kind}, {length} long", done, len(streams))
        key = "stream-" + key_of(
            __name__,
            kind=kind,
            length=length,
            noise=share,
            jitter=most,
            window=config.window,
            spacing=config.spacing,
            data=checksum(data),
            seed=seed,
        )
        found = workshop.read(key)
        if found is None:
            rng = np.random.default_rng(generator(seed, f"synchrony {kind}").initial_seed())
            world = WORLDS[kind](data, rng)
            stream = stream_of(world, length, rng, noise=share, jitter=most, spacing=config.spacing)
            found = lived(world.create, stream, window=0.0 if most is None else config.window)
            workshop.write(key, found)
        for name, value in found.items():
            curves.setdefault(name, []).append(value)
    return curves | {"at": [*noise, *jitter]}


def lived(create: Mapping[str, Any], stream: Sequence[Moment], *, window: float) -> Numbers:
    """What a memory that lives through a stream takes for one thing, against what is true."""
    true: dict[tuple[int, str], int] = {}
    with (
        TemporaryDirectory() as folder,
        Memory.open(Path(folder) / "stream", create=create) as memory,
    ):
        memory.concepts.choose(window=window)
        engrams: list[int] = []
        for moment in stream:
            engram = memory.remember(
                **{part.modality: part.content for part in moment.parts},
                time=BEGINNING + timedelta(seconds=moment.time),
            )
            engrams.append(engram.id)
            true |= {(engram.id, part.modality): part.thing for part in moment.parts}
        found = concepts_of(memory)
        cues = [{part.modality: part.content for part in moment.parts} for moment in stream]
        names = sorted({name for cue in cues for name in cue})
        columns: dict[str, Any] = {name: [cue.get(name) for cue in cues] for name in names}
        recalls = memory.recall_many(**columns)
    keys = sorted(true)
    linked = [
        (len({found[id, part.modality] for part in moment.parts}), things_in(moment))
        for id, moment in zip(engrams, stream, strict=True)
    ]
    owners: dict[int, list[int]] = {}
    for key in keys:
        owners.setdefault(found[key], []).append(true[key])
    usual = {concept: max(set(things), key=things.count) for concept, things in owners.items()}
    return {
        "adjusted Rand index": float(
            adjusted_rand_score([true[key] for key in keys], [found[key] for key in keys])
        ),
        "concepts": float(len(owners)),
        "units linked, an experience": float(np.mean([units for units, _ in linked])),
        "units linked, a thing in it": float(np.mean([units / there for units, there in linked])),
        "things in an experience": float(np.mean([there for _, there in linked])),
        "units that fire": float(np.mean([one.concept is not None for one in recalls])),
        "what fires is there": float(
            np.mean(
                [
                    one.concept is not None
                    and usual.get(one.concept.id) in {part.thing for part in moment.parts}
                    for one, moment in zip(recalls, stream, strict=True)
                ]
            )
        ),
    }


def concepts_of(memory: Memory) -> dict[tuple[int, str], int]:
    """The concept of each part, by its engram and modality."""
    modality = {use.name: use.modality for use in memory.senses()}
    return {
        (link.engram, modality[link.sense]): branch.concept.id
        for branch in memory.concepts.tree()
        for link in memory.concepts.links(branch.concept)
        if link.sense is not None
    }


def nearness_alone(things: int) -> float:
    """The index of one concept a thing and sense: the best there is where nothing is tied."""
    pairs = [(thing, sense) for thing in range(things) for sense in range(2)] * 20
    return float(
        adjusted_rand_score([thing for thing, _ in pairs], [2 * t + sense for t, sense in pairs])
    )


def _expected(
    kind: str,
    what: str,
    name: str,
    source: str,
    *,
    at_least: float | None = None,
    at_most: float | None = None,
) -> Expected:
    return Expected(
        what=f"{kind}: {what}",
        number=(kind, "judged", name),
        source=source,
        at_least=at_least,
        at_most=at_most,
    )


RESULTS = (
    Result(
        name="concepts2023/synchrony",
        paper="Marco de Lucas 2023",
        figure='section 3: "the initial association … could be triggered by synchronicity"',
        claim="What is seen and heard at one time becomes one concept without any label, though in"
        " three of ten experiences what is heard is of another thing.",
        expected=tuple(
            one
            for kind in WORLDS
            for one in (
                _expected(
                    kind,
                    "adjusted Rand index, three of ten sounds of another thing",
                    "adjusted Rand index",
                    "requirement; aim .95",
                    at_least=0.8,
                ),
                _expected(
                    kind,
                    "units linked to an experience, a thing that is in it",
                    "units linked, a thing in it",
                    "one unit a thing; requirement",
                    at_most=1.2,
                ),
                _expected(
                    kind,
                    "share of experiences where what fires is of a thing that is there",
                    "what fires is there",
                    "one unit fires, the others are inhibited",
                    at_least=0.95,
                ),
            )
        ),
        scales={
            "toy": Config(lengths=(24,), noise=(0.0, 0.3), jitter=(0.0,), usual=24),
            "small": Config(
                lengths=(60, 200, 500),
                noise=(0.0, 0.15, 0.3, 0.45, 0.6),
                jitter=(0.0, 2.0, 4.0, 6.0),
                usual=200,
            ),
            "paper": Config(
                lengths=(60, 200, 500, 1000),
                noise=(0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
                jitter=(0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0),
                usual=200,
            ),
        },
        load=load,
        compute=compute,
        figures={"streams": streams},
        stands_in="each digit is one handwritten picture, in noise; each word is one synthetic"
        " voice, at three tempi, in noise",
    ),
)
