"""Whether a spoken word is known again: said by another synthesiser, faster, and in noise."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from benchmarks.data import rng_of
from benchmarks.registry import Measurement, Must, Numbers
from benchmarks.statistics import over_seeds
from mnemic.datasets import spoken
from mnemic.datasets.speech import ESPEAK_VOICES, FLITE_VOICES
from mnemic.memory import Memory
from mnemic.reproduce.exposed_memory import named
from mnemic.reproduce.ten_concepts import WORDS

INNATE, TRAINED = "log-mel", "said"  # senses of sound
PLAIN, FASTER, NOISY = "as it is", "tempo 1.3", "noise .3 of the signal's sd"
WAYS: dict[str, dict[str, float]] = {PLAIN: {}, FASTER: {"tempo": 1.3}, NOISY: {"noise": 0.3}}


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    words: int = 10  # digits, from zero
    voices: int = 5  # of one synthesiser, in which each word is met
    asked: int = 4  # of another
    seeds: tuple[int, ...] = (0, 1, 2)  # which voices, and what noise


def measure(scale: Scale) -> Numbers:
    """Of each sense and each way of saying a word, how often it is named rightly."""
    found: dict[str, dict[str, list[float]]] = {
        sense: {way: [] for way in WAYS} for sense in (INNATE, TRAINED)
    }
    for seed in scale.seeds:
        with TemporaryDirectory() as folder:
            create: dict[str, Any] = {"resolution": None, "sound": True, "pretrained": [TRAINED]}
            with Memory.open(Path(folder) / "memory", create=create, seed=seed) as memory:
                _meet(memory, scale, seed)
                for way in WAYS:
                    for sense, share in _named(memory, scale, way, seed).items():
                        found[sense][way].append(share)
    return {
        sense: {way: over_seeds(shares, most=1.0) for way, shares in ways.items()}
        for sense, ways in found.items()
    }


def _meet(memory: Memory, scale: Scale, seed: int) -> None:
    words = WORDS["digits"][: scale.words]
    for voice in rng_of(seed, "voices").permutation(len(ESPEAK_VOICES))[: scale.voices]:
        said = [spoken(word, voice=ESPEAK_VOICES[voice]) for word in words]
        memory.remember_many(sound=[(one.samples, one.rate) for one in said], label=list(words))


def _named(memory: Memory, scale: Scale, way: str, seed: int) -> dict[str, float]:
    """By each sense, the share of words named rightly."""
    rng, words = rng_of(seed, way), WORDS["digits"][: scale.words]
    cues = [
        (word, spoken(word, synthesiser="flite", voice=voice, rng=rng, **WAYS[way]))
        for voice in FLITE_VOICES[: scale.asked]
        for word in words
    ]
    sounds = [(one.samples, one.rate) for _, one in cues]
    shares: dict[str, float] = {}
    for sense in (INNATE, TRAINED):
        recalls = memory.recall_many(sound=sounds, by=sense)
        right = [named(memory, one) == word for (word, _), one in zip(cues, recalls, strict=True)]
        shares[sense] = float(np.mean(right))
    return shares


def _must(way: str, least: float, aim: float, before: str) -> Must:
    return Must(
        claim=f"a word met in five voices is named from another synthesiser's, {way}",
        number=(TRAINED, way),
        at_least=least,
        source=f"requirement; aim {aim}; log-mel nearest neighbour before: {before}",
        beside={"by the innate sense": (INNATE, way), "said as it is": (TRAINED, PLAIN)},
    )


MEASUREMENT = Measurement(
    name="spoken",
    claim="A word is known again in a voice of another synthesiser, said faster, and in noise.",
    musts=(_must(FASTER, 0.85, 0.95, ".83"), _must(NOISY, 0.6, 0.85, ".40")),
    measure=measure,
    full=Scale(),
    quick=Scale(words=2, voices=1, asked=1, seeds=(0,)),
)
