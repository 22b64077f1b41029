"""Ten concepts, each seen, heard and read: what is met of them, and what a memory is asked with.

Pictures are those of MNIST or of Fashion-MNIST. Words are said by espeak-ng where they are met, and
by flite, another synthesiser, where they are asked for: voices of one synthesiser are too alike for
a test. Read names stand in phrases, others where they are met than where they are asked for.
"""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Float, Int, UInt8

from mnemic import datasets
from mnemic.datasets.loaders import CLOTHES
from mnemic.datasets.speech import ESPEAK_VOICES, FLITE_VOICES, Spoken
from mnemic.errors import DataError
from mnemic.reproduce.registry import Data

Subject = Literal["digits", "fashion"]
Heard = tuple[Float[np.ndarray, " time"], int]  # samples, and how many there are a second

WORDS = {
    "digits": ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    "fashion": CLOTHES,
}
MET = ("{}", "a {}", "this {}", "the {} again", "another {}")
ASKED = ("there is a {}!", "Which {}?")
TEMPI = (0.85, 1.2)  # of words that are asked with
EXPOSURES = 5  # of each concept in each sense, at most
COUNT = 10  # concepts


@dataclass(frozen=True, kw_only=True)
class Meeting:
    """How much is met of ten concepts, and asked."""

    subject: Subject
    unlabelled: int  # pictures that nobody names
    epochs: int  # of the night over those
    cues: int  # pictures, none of them met


class Concepts(NamedTuple):
    """What there is of ten concepts. Exposures go round: every ten of them, one of each."""

    names: tuple[str, ...]
    unlabelled: UInt8[np.ndarray, "unlabelled height width"]
    truth: Int[np.ndarray, " unlabelled"]  # of what nobody names; for measuring alone
    pictures: UInt8[np.ndarray, "exposures height width"]
    sounds: list[Heard]
    phrases: list[str]
    picture_cues: UInt8[np.ndarray, "cues height width"]
    picture_truth: Int[np.ndarray, " cues"]
    sound_cues: list[Heard]
    sound_truth: Int[np.ndarray, " heard"]
    phrase_cues: list[str]
    phrase_truth: Int[np.ndarray, " read"]

    @property
    def exposed(self) -> Int[np.ndarray, " exposures"]:
        """What each exposure is of."""
        return np.arange(len(self.pictures)) % COUNT


def load(config: Meeting, seed: int) -> Data:
    """Pictures in an order of the seed, and words in voices and tempi of it.

    Raises:
        DataError: the pictures or a synthesiser are not on this machine.
    """
    rng = np.random.default_rng(seed)
    pictures = pictures_of(config.subject)
    order = rng.permutation(len(pictures.images))
    exposures = _each_in_turn(pictures.labels[order])
    rest = np.delete(order, exposures)[: config.unlabelled + config.cues]
    voices = rng.permutation(len(ESPEAK_VOICES))[:EXPOSURES]
    met = [
        datasets.spoken(word, voice=ESPEAK_VOICES[voice])
        for voice in voices
        for word in WORDS[config.subject]
    ]
    asked = [
        datasets.spoken(word, synthesiser="flite", voice=voice, tempo=float(rng.uniform(*TEMPI)))
        for voice in FLITE_VOICES
        for word in WORDS[config.subject]
    ]
    return {
        "exposures": pictures.images[order[exposures]],
        "rest": pictures.images[rest],
        "labels": pictures.labels[rest].astype(np.int64),
        **_packed("met", met),
        **_packed("asked", asked),
    }


def pictures_of(subject: Subject) -> datasets.Pictures:
    """Digits: the 10,000 that a package carries, or else all; Fashion-MNIST's first 60,000."""
    if subject == "fashion":
        return datasets.fashion_mnist()
    try:
        return datasets.mnist(split="all")
    except DataError:
        return datasets.mnist()


def concepts_of(config: Meeting, data: Data) -> Concepts:
    """The concepts that data are of."""
    words, seen = WORDS[config.subject], config.unlabelled
    return Concepts(
        names=words,
        unlabelled=data["rest"][:seen],
        truth=data["labels"][:seen],
        pictures=data["exposures"],
        sounds=_unpacked("met", data),
        phrases=[form.format(word) for form in MET for word in words],
        picture_cues=data["rest"][seen:],
        picture_truth=data["labels"][seen:],
        sound_cues=_unpacked("asked", data),
        sound_truth=np.tile(np.arange(COUNT), len(FLITE_VOICES)),
        phrase_cues=[form.format(word) for form in ASKED for word in words],
        phrase_truth=np.tile(np.arange(COUNT), len(ASKED)),
    )


def _each_in_turn(labels: Int[np.ndarray, " count"]) -> Int[np.ndarray, " exposures"]:
    """Where the first few of each class are: one of each, and then again."""
    places = np.stack([np.flatnonzero(labels == one)[:EXPOSURES] for one in range(COUNT)])
    return places.T.reshape(-1)


def _packed(name: str, said: list[Spoken]) -> dict[str, np.ndarray]:
    longest = max(len(one.samples) for one in said)
    samples = np.zeros((len(said), longest), np.float32)
    for row, one in zip(samples, said, strict=True):
        row[: len(one.samples)] = one.samples
    return {
        f"{name} samples": samples,
        f"{name} lengths": np.array([len(one.samples) for one in said]),
        f"{name} rates": np.array([one.rate for one in said]),
    }


def _unpacked(name: str, data: Data) -> list[Heard]:
    rows = zip(data[f"{name} samples"], data[f"{name} lengths"], data[f"{name} rates"], strict=True)
    return [(samples[:length], int(rate)) for samples, length, rate in rows]
