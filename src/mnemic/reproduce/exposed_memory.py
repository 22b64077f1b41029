"""A memory that meets ten concepts: what it is shown of them, by what it names them, and how well.

Each sense is met apart: a picture with its label, a spoken word with its label, a phrase with its
label. So nothing but the concept leads from one sense to another.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Int

from mnemic.concepts.spreading import most_frequent, spread
from mnemic.memory import Memory
from mnemic.records import Recall
from mnemic.reproduce.registry import Numbers
from mnemic.reproduce.slept_memory import INNATE, SLEPT
from mnemic.reproduce.ten_concepts import COUNT, Concepts

SENSES = ("picture", "sound", "phrase")
CREATE: dict[str, dict[str, Any]] = {
    "innate": INNATE,
    "slept": SLEPT,
    "pretrained": {**INNATE, "pretrained": ["efficientnet", "said"]},
}
Asked = dict[str, str]  # the sense that answers cues of a modality, where not all are to

BY: dict[str, Asked] = {
    "innate": {"picture": "pixels", "sound": "log-mel", "phrase": "letters"},
    "slept": {"picture": "pixels", "sound": "said", "phrase": "letters"},
    "pretrained": {"picture": "efficientnet", "sound": "said", "phrase": "letters"},
}


class Answers(NamedTuple):
    """What cues of one sense were named, and whether a concept fired."""

    names: list[str | None]
    fired: Bool[np.ndarray, " cues"]
    recalls: Sequence[Recall] = ()


def expose(memory: Memory, concepts: Concepts, exposures: range) -> dict[int, int]:
    """Meet each concept so often in each sense; what each new engram is of, by id."""
    rows = [row for turn in exposures for row in range(COUNT * turn, COUNT * (turn + 1))]
    labels = [concepts.names[row % COUNT] for row in rows]
    engrams = [
        *memory.remember_many(image=concepts.pictures[rows], label=labels),
        *memory.remember_many(sound=[concepts.sounds[row] for row in rows], label=labels),
        *memory.remember_many(text=[concepts.phrases[row] for row in rows], label=labels),
    ]
    return dict(zip((one.id for one in engrams), [row % COUNT for row in rows] * 3, strict=True))


def spread_names(
    memory: Memory, concepts: Concepts, truth: dict[int, int], *, latents: bool
) -> float:
    """Let names spread through the pictures nobody named; the share of those named rightly.

    ``truth`` has what labelled engrams are of. Pictures lie as their pixels, or as their latents.
    """
    seen = {engram.id: engram.image for engram in memory if engram.image is not None}
    ids = list(seen)
    pictures = np.stack(list(seen.values())).reshape(len(ids), -1) / 255
    places = memory.latents(ids) if latents else pictures
    found = spread(places, np.array([truth.get(id, -1) for id in ids]))
    reached = {
        id: concepts.names[name]
        for id, name in zip(ids, found.tolist(), strict=True)
        if name >= 0 and id not in truth
    }
    tell(memory, reached)
    hidden = dict(zip(sorted(set(ids) - set(truth)), concepts.truth.tolist(), strict=True))
    return float(np.mean([reached.get(id) == concepts.names[hidden[id]] for id in hidden]))


def tell(memory: Memory, names: Mapping[int, str]) -> int:
    """Tell a memory the names of engrams, by id: concepts of no name become one with theirs.

    A concept goes by the name that most of its engrams have. How many got one.
    """
    found: dict[int, list[str]] = {}
    for engram, name in names.items():
        for concept in memory.concepts.of(engram):
            if concept.label is None:
                found.setdefault(concept.id, []).append(name)
    for concept, some in found.items():
        memory.concepts.merge(most_frequent(some), concept)
    return len(found)


def ask(memory: Memory, concepts: Concepts, sense: str, by: Asked, *, k: int = 1) -> Answers:
    """Name all cues of a sense: by the concept that fires, or else that of the engram recalled."""
    cues: dict[str, Any] = {
        "picture": {"image": concepts.picture_cues},
        "sound": {"sound": concepts.sound_cues},
        "phrase": {"text": concepts.phrase_cues},
    }[sense]
    recalls = memory.recall_many(**cues, by=by[sense], k=k)
    fired = [one.concept is not None and one.concept.label is not None for one in recalls]
    return Answers([named(memory, one) for one in recalls], np.array(fired), recalls)


def truth_of(concepts: Concepts, sense: str) -> Int[np.ndarray, " cues"]:
    """What the cues of a sense are of."""
    return {
        "picture": concepts.picture_truth,
        "sound": concepts.sound_truth,
        "phrase": concepts.phrase_truth,
    }[sense]


def named(memory: Memory, found: Recall) -> str | None:
    """The name of the concept that fires, or else of the engram that lies nearest."""
    if found.concept is not None and found.concept.label is not None:
        return found.concept.label
    return None if found.engram is None else name_of_engram(memory, found.engram.id)


def name_of_engram(memory: Memory, engram: int) -> str | None:
    """The name of the concept an engram is of."""
    labels = [concept.label for concept in memory.concepts.of(engram) if concept.label]
    return labels[0] if labels else None


def brought(memory: Memory, concepts: Concepts, truth: dict[int, int]) -> dict[str, dict[str, int]]:
    """Of each name, what the memory brings by it in each sense is of; -1: nothing comes.

    ``truth`` has what labelled engrams are of.
    """
    of_phrase = dict(zip(concepts.phrases, concepts.exposed.tolist(), strict=True))
    found: dict[str, dict[str, int]] = {}
    for name in concepts.names:
        whole = memory.recall(label=name)
        own = -1 if whole.engram is None else truth.get(whole.engram.id, -1)
        found[name] = {
            "picture": -1
            if whole.image is None
            else truth.get(whole.brought.get("image", -1), own),
            "sound": -1 if whole.sound is None else truth.get(whole.brought.get("sound", -1), own),
            "phrase": of_phrase.get(whole.notes[0], -1) if whole.notes else -1,
        }
    return found


def across(
    memory: Memory, concepts: Concepts, truth: dict[int, int], by: Asked, *, only: Sequence[str]
) -> Numbers:
    """Of cues in some senses: how often the right concept comes in each other sense.

    ``whole`` is how often it does so in all others at once, ``fired`` how often a concept was near
    enough to fire, ``right where fired`` how often it was the right one then.
    """
    comes = brought(memory, concepts, truth)
    return {sense: told(concepts, sense, ask(memory, concepts, sense, by), comes) for sense in only}


def told(
    concepts: Concepts, sense: str, answers: Answers, comes: dict[str, dict[str, int]]
) -> Numbers:
    """How right the answers to the cues of a sense are, and what comes by them in the others."""
    of, others = truth_of(concepts, sense), [other for other in SENSES if other != sense]
    came = np.array(
        [
            [comes[name][other] if name in comes else -1 for other in others]
            for name in answers.names
        ]
    )
    right = came == of[:, None]
    names = np.array(
        [name == concepts.names[one] for name, one in zip(answers.names, of, strict=True)]
    )
    return {
        "brings": dict(zip(others, right.mean(axis=0).tolist(), strict=True)),
        "whole": float(right.all(axis=1).mean()),
        "named": float(names.mean()),
        "fired": float(answers.fired.mean()),
        "right where fired": float(names[answers.fired].mean()) if answers.fired.any() else 0.0,
    }
