"""A life of weeks on one ``Memory``: what is met, kept, recalled and known, by age.

Ages are counted in nights; a life is looked at in the evening, so what is of age 0 was never slept
on. Errors are mean absolute differences of pixels in 0..1.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8

from mnemic.memory import Memory
from mnemic.records import Recall
from mnemic.reproduce.registry import Numbers

FIRST_DAY = datetime(2022, 1, 1, 8, tzinfo=UTC)
MINUTES = 10  # between one picture and the next
WEEK = 7
FOLLOWED = 2  # engrams whose pictures are shown
SOURCES = ("detail", "mixed", "schema")


class Life(NamedTuple):
    """What is met, on which day, by what name, and what never is."""

    pictures: UInt8[np.ndarray, "count height width"]
    names: list[str]
    day: Int[np.ndarray, " count"]  # from 0
    unseen: UInt8[np.ndarray, "unseen height width"]
    unseen_names: list[str]

    @property
    def age(self) -> Int[np.ndarray, " count"]:
        """Nights that have been slept on each, on the last evening."""
        return self.day.max() - self.day

    @property
    def named(self) -> Bool[np.ndarray, " count"]:
        """Which are met with their names: every other one."""
        return np.arange(len(self.names)) % 2 == 1

    @property
    def upper(self) -> Bool[np.ndarray, "height width"]:
        """The half of a picture that a cue shows."""
        height, width = self.unseen.shape[1:]
        return np.repeat(np.arange(height)[:, None] < height // 2, width, axis=1)

    def until(self, day: int) -> "Life":
        """The same life, as far as a day."""
        met = int((self.day <= day).sum())
        return self._replace(
            pictures=self.pictures[:met], names=self.names[:met], day=self.day[:met]
        )


class Kept(NamedTuple):
    """What is kept, on one evening, of all that was met until then, in order."""

    errors: Float[np.ndarray, " met"]
    strengths: Float[np.ndarray, " met"]
    followed: UInt8[np.ndarray, "followed height width"]


class Recalled(NamedTuple):
    """What came of asking for everything that was met, in order."""

    errors: Float[np.ndarray, " met"]  # of the hidden half
    own: Bool[np.ndarray, " met"]  # the engram that answers is the picture's own
    remembered: Bool[np.ndarray, " met"]  # the verdict, whichever engram answers
    invented: Float[np.ndarray, " met"]  # share of the pixels
    sources: list[str | None]


def live(memory: Memory, life: Life, day: int) -> None:
    """Meet the pictures of a day."""
    rows, morning = np.flatnonzero(life.day == day), FIRST_DAY + timedelta(days=day)
    memory.remember_many(
        image=life.pictures[rows],
        label=[life.names[row] if life.named[row] else None for row in rows],
        time=[morning + timedelta(minutes=MINUTES * place) for place in range(len(rows))],
    )


def kept(memory: Memory, life: Life) -> Kept:
    """What is kept of each engram, against what was met."""
    engrams = list(memory)  # the oldest first, as they were met
    shown = np.stack([engram.parts["image"][0] for engram in engrams])
    errors = np.abs(shown / 255 - life.pictures[: len(shown)] / 255).mean(axis=(1, 2))
    return Kept(errors, np.array([engram.strength for engram in engrams]), shown[:FOLLOWED])


def kept_by_age(evenings: Sequence[Kept], life: Life) -> Numbers:
    """Error and strength of engrams by age: the mean over every evening they were of that age.

    The first evening is left out: before there is a student, all is kept as it came.
    """
    later = list(enumerate(evenings))[1:]
    age = np.concatenate([day - life.day[: len(found.errors)] for day, found in later])
    return {
        "error": by_age(np.concatenate([found.errors for _, found in later]), age),
        "strength": by_age(np.concatenate([found.strengths for _, found in later]), age),
    }


def by_age(
    values: Float[np.ndarray, " count"] | Bool[np.ndarray, " count"],
    age: Int[np.ndarray, " count"],
) -> list[float]:
    """The mean of each age, from 0 to the oldest.

    >>> by_age(np.array([1.0, 2.0, 4.0]), np.array([1, 0, 0]))
    [3.0, 1.0]
    """
    return [float(values[age == one].mean()) for one in range(age.max() + 1)]


def asked(memory: Memory, life: Life) -> Numbers:
    """Recall and facts of everything, by age."""
    found = recalled(memory, life)
    sources = {word: np.array([source == word for source in found.sources]) for word in SOURCES}
    return {
        "detail error": float(found.errors.mean()),
        "own engram": float(found.own.mean()),
        "remembered": float(found.remembered.mean()),
        "facts": facts(memory, life),
        "by age": {
            "detail error": by_age(found.errors, life.age),
            "own engram": by_age(found.own, life.age),
            "remembered": by_age(found.remembered, life.age),
            "share invented": by_age(found.invented, life.age),
            "source": {word: by_age(are, life.age) for word, are in sources.items()},
        },
    }


def recalled(memory: Memory, life: Life) -> Recalled:
    """Recall of everything that was met, from its upper half."""
    found = memory.recall_many(image=life.pictures, known=life.upper)
    own = [
        one.engram is not None and one.engram.id == id
        for one, id in zip(found, memory.ids(), strict=True)
    ]
    return Recalled(
        hidden_error(shown_by(found), life.pictures, life.upper),
        np.array(own),
        np.array([one.remembered for one in found]),
        np.array([0.0 if one.invented is None else one.invented.mean() for one in found]),
        [one.source for one in found],
    )


def shown_by(found: Sequence[Recall]) -> Float[np.ndarray, "met height width"]:
    """The pictures that were recalled, in 0..1."""
    return np.stack([one.image for one in found if one.image is not None]) / 255


def hidden_error(
    shown: Float[np.ndarray, "count height width"],
    pictures: UInt8[np.ndarray, "count height width"],
    cue: Bool[np.ndarray, "height width"],
) -> Float[np.ndarray, " count"]:
    """Mean absolute error of the pixels that a cue hides."""
    return np.abs(shown - pictures / 255)[:, ~cue].mean(axis=1)


def facts(memory: Memory, life: Life) -> Numbers:
    """How often the likeliest name of a whole picture is right, by its latent.

    Asked of what was met without a name and of what was never met: names are learned from others.
    """
    nameless = np.flatnonzero(~life.named)
    right = np.array([named(memory, life.pictures[row]) == life.names[row] for row in nameless])
    unseen = [
        named(memory, picture) == name
        for picture, name in zip(life.unseen, life.unseen_names, strict=True)
    ]
    return {
        "met": float(right.mean()),
        "never met": float(np.mean(unseen)),
        "by span": {
            name: float(right[np.isin(life.age[nameless], ages)].mean())
            for name, ages in spans(int(life.age.max())).items()
        },
    }


def spans(oldest: int) -> dict[str, range]:
    """Ages in nights: none, and week by week.

    >>> spans(9)
    {'0': range(0, 1), '1–7': range(1, 8), '8–9': range(8, 10)}
    """
    found = {"0": range(1)}
    for first in range(1, oldest + 1, WEEK):
        last = min(first + WEEK - 1, oldest)
        name = f"{first}" if first == last else f"{first}–{last}"
        found[name] = range(first, last + 1)
    return found


def named(memory: Memory, picture: UInt8[np.ndarray, "height width"]) -> str:
    """The likeliest name of a picture."""
    names = memory.facts(image=picture)["label"]
    return max(names, key=lambda name: names[name])
