"""Streams of experiences, of things that are seen and heard and never named."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from mnemic.datasets import mnist, spoken
from mnemic.randomness import generator
from mnemic.reproduce.registry import Data

WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
TEMPI = (0.9, 1.0, 1.1)
SEEN_NOISE = 25.0  # standard deviation of a pixel of 0..255, from one sight of a thing to the next
HEARD_NOISE = 0.05  # of the standard deviation of what is said
DIM, SIDE = 16, 12  # of the numbers and textures
SPREAD = 0.05  # of the numbers of one thing, where those of all things are even in 0..1
DIGITS, NUMBERS = "digits and words", "textures and numbers"


class Part(NamedTuple):
    """What one sense gets, and what thing it truly is of."""

    modality: str
    content: Any
    thing: int


class Moment(NamedTuple):
    """One experience."""

    time: float  # seconds
    parts: tuple[Part, ...]


class World(NamedTuple):
    """Ten things, each a little different each time it is met, and what a memory of them takes."""

    create: Mapping[str, Any]
    first: str  # modality
    show: Callable[[int], Any]
    second: str
    tell: Callable[[int], Any]


def pictures_and_words(seed: int) -> Data:
    """One handwritten picture of each digit, and each word said at a few tempi."""
    rng = np.random.default_rng(generator(seed, "synchrony digits").initial_seed())
    pictures = mnist("all")
    chosen = [rng.choice(np.flatnonzero(pictures.labels == digit)) for digit in range(len(WORDS))]
    said = [spoken(word, tempo=tempo) for word in WORDS for tempo in TEMPI]
    samples = np.zeros((len(said), max(len(one.samples) for one in said)), np.float32)
    for row, one in zip(samples, said, strict=True):
        row[: len(one.samples)] = one.samples
    return {
        "images": pictures.images[chosen],
        "samples": samples,
        "lengths": np.array([len(one.samples) for one in said]),
        "rate": np.array(said[0].rate),
    }


def digits_of(data: Data, rng: np.random.Generator) -> World:
    """A digit as somebody once wrote it, in another light each time; its word, at some tempo."""

    def seen(thing: int) -> Any:
        lit = data["images"][thing] + rng.normal(0, SEEN_NOISE, data["images"][thing].shape)
        return lit.clip(0, 255).astype(np.uint8)

    def heard(thing: int) -> Any:
        row = thing * len(TEMPI) + int(rng.integers(len(TEMPI)))
        samples = data["samples"][row, : data["lengths"][row]]
        louder = samples + HEARD_NOISE * samples.std() * rng.standard_normal(len(samples))
        return louder.astype(np.float32), int(data["rate"])

    side = data["images"].shape[1]
    create = {"resolution": side, "channels": 1, "sound": True}
    return World(create, "image", seen, "sound", heard)


def numbers_of(data: Data, rng: np.random.Generator) -> World:
    """Numbers and textures: things that differ as much as things can."""
    del data
    numbers = rng.random((len(WORDS), DIM))
    textures = 255 * rng.random((len(WORDS), SIDE, SIDE))

    def felt(thing: int) -> Any:
        return (numbers[thing] + SPREAD * rng.standard_normal(DIM)).astype(np.float32)

    def seen(thing: int) -> Any:
        lit = textures[thing] + 255 * SPREAD * rng.standard_normal((SIDE, SIDE))
        return lit.clip(0, 255).astype(np.uint8)

    create = {"resolution": SIDE, "channels": 1, "vector": DIM}
    return World(create, "image", seen, "vector", felt)


WORLDS: Mapping[str, Callable[[Data, np.random.Generator], World]] = {
    DIGITS: digits_of,
    NUMBERS: numbers_of,
}


def stream_of(
    world: World,
    length: int,
    rng: np.random.Generator,
    *,
    noise: float,
    jitter: float | None,
    spacing: float,
) -> list[Moment]:
    """Things at random, one after another: each moment is one experience.

    With ``jitter`` the second part is a moment of its own, at most so many seconds off.
    """
    moments: list[Moment] = []
    for number in range(length):
        one = other = int(rng.integers(len(WORDS)))
        if rng.random() < noise:
            other = int((one + rng.integers(1, len(WORDS))) % len(WORDS))
        at = spacing * number
        first = Part(world.first, world.show(one), one)
        second = Part(world.second, world.tell(other), other)
        if jitter is None:
            moments.append(Moment(at, (first, second)))
        else:
            moments += [
                Moment(at, (first,)),
                Moment(at + float(rng.uniform(-jitter, jitter)), (second,)),
            ]
    return sorted(moments, key=lambda moment: moment.time)


def things_in(moment: Moment) -> int:
    """How many things there truly are in a moment."""
    return len({part.thing for part in moment.parts})
