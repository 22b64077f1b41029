"""What a person is told: a settled cue as a ``Recall``, with what of it is the student's."""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8

from mnemic.cues import Part
from mnemic.errors import LesionedError, MediaError
from mnemic.media_sound import read_sound
from mnemic.points import Points, stacked
from mnemic.recollection import Answer
from mnemic.records import Engram, Inferred, Point, Recall, RunnerUp, Search, Sound, Source

NOTHING_RECALLED = Recall(
    remembered=False,
    confidence=0.0,
    false_accepts=None,
    engram=None,
    image=None,
    invented=None,
    vector=None,
    sound=None,
    original=None,
    media_type=None,
    source=None,
    weight=0.0,
    energy=math.inf,
    steps=0,
    converged=True,
    search=Search(method="dense", bound=0.0, multiply_adds=0),
    runners_up=(),
)


def recalled(
    answer: Answer,
    engrams: Mapping[int, Engram],
    kept: Mapping[int, Mapping[int, Point]],
    places: Mapping[str, Points],
    *,
    k: int,
    lesioned: Collection[str],
) -> Recall:
    """What an answer brings back: the settled patterns, and the winner's parts beside them.

    ``engrams`` are those the answer names, ``kept`` the points of the winners as stored.
    """
    if not answer.candidates:
        return NOTHING_RECALLED
    winner = answer.candidates[0]
    engram = engrams[winner.engram]
    own = kept[engram.id]
    parts = {name: each[0] for name, each in engram.parts.items() if each}
    original = _original(own, [places[name].sense.modality for name in answer.settled], places)
    shown = {point.sense: id for id, point in reversed(list(own.items()))}
    for name, (id, pattern) in reversed(list(answer.settled.items())):
        shown[name] = id
        place = places[name]
        if not place.sense.decodes:
            continue
        if own[id].original is not None:
            original = own[id]
        _, known = place.features(id)  # padding is no part of the picture
        if known is not None:  # nor is what the cue or another engram shows in its holes
            pattern = np.where(known, pattern, np.float32(0))
        parts[place.sense.modality] = place.sense.decode(pattern, known)
    if "decoder" in lesioned:
        for name, id in shown.items():
            place = places[name]
            detailed = place.detailed(own[id])
            if detailed is not None:
                _, pattern = answer.settled.get(name, (id, place.features(id)[0]))
                bare = np.where(detailed, pattern, np.float32(0))
                parts[place.sense.modality] = place.sense.decode(bare, place.features(id)[1])
    invented, source = _origin({id: own[id] for id in shown.values()}, places, lesioned)
    return Recall(
        remembered=answer.remembered,
        confidence=answer.confidence,
        false_accepts=answer.false_accepts,
        engram=engram,
        image=parts.get("image"),
        invented=invented,
        vector=parts.get("vector"),
        sound=_sound(own),
        original=None if original is None else original.original,
        media_type=None if original is None else original.media_type,
        source=source,
        weight=winner.weight,
        energy=answer.energy,
        steps=answer.steps,
        converged=answer.converged,
        search=answer.search,
        runners_up=tuple(
            RunnerUp(engrams[one.engram], one.weight, one.distance)
            for one in answer.candidates[1:k]
        ),
    )


def _origin(
    shown: Mapping[int, Point], places: Mapping[str, Points], lesioned: Collection[str]
) -> tuple[Bool[np.ndarray, "height width"] | None, Source | None]:
    """The pixels of the picture shown that are the student's, and where everything came from."""
    invented, of_student, of_memory = None, 0, 0
    for id, point in shown.items():
        place = places[point.sense]
        features, known = place.features(id)
        there = np.ones(len(features), np.bool_) if known is None else known
        detailed = place.detailed(point)
        detail = there if detailed is None else there & detailed
        filled = np.zeros_like(there) if "decoder" in lesioned else there & ~detail
        of_student, of_memory = of_student + int(filled.sum()), of_memory + int(detail.sum())
        if place.sense.modality == "image" and place.sense.decodes and invented is None:
            invented = _any_channel(place.sense.decode(filled.astype(np.float32), known))
    if of_student:
        return invented, "mixed" if of_memory else "schema"
    return invented, "detail" if of_memory else None


def _original(
    own: Mapping[int, Point], modalities: Sequence[str], places: Mapping[str, Points]
) -> Point | None:
    """The first point whose bytes were kept, rather one of the modality that was asked by."""
    kept = [point for point in own.values() if point.original is not None]
    asked = [point for point in kept if places[point.sense].sense.modality in modalities]
    return next(iter([*asked, *kept]), None)


def _sound(own: Mapping[int, Point]) -> Sound | None:
    """The first sound among the originals."""
    for point in own.values():
        if point.original is not None and (point.media_type or "").startswith("audio/"):
            try:
                return read_sound(point.original).sound
            except MediaError:  # damaged on disk, as ``check`` says; the rest answers
                return None
    return None


def inferred(part: Part, place: Points) -> Inferred:
    """What the student alone makes of a part.

    Raises:
        NeverSleptError: its sense has no student.
    """
    cortex = place.student
    features, known = stacked([part.encoded])
    latent = cortex.explain(features, known)
    completed = cortex.student.decode(latent)
    whole = features if known is None else torch.where(known, features, completed)
    filled = torch.zeros_like(features) if known is None else (~known).float()
    return Inferred(
        image=_picture(place, whole[0].numpy()),
        invented=_any_channel(_picture(place, filled[0].numpy())),
        latent=latent[0].numpy(),
        surprise=cortex.surprise(cortex.perceive(features, known).errors)[0],
    )


def without_hippocampus(part: Part, place: Points, *, lesioned: Collection[str]) -> Recall:
    """What is left of recall when no engram can answer."""
    if place.cortex is None or place.sense.modality != "image" or "decoder" in lesioned:
        return NOTHING_RECALLED
    alone = inferred(part, place)
    return replace(NOTHING_RECALLED, image=alone.image, invented=alone.invented, source="schema")


def refuse_lesioned(lesioned: Collection[str], *parts: str) -> None:
    """LesionedError where one of the parts is silenced."""
    for part in parts:
        if part in lesioned:
            raise LesionedError(f"a lesion silences the {part}, which this takes")


def _picture(
    place: Points, features: Float[np.ndarray, " dim"]
) -> UInt8[np.ndarray, "height width *channels"]:
    return place.sense.decode(features, None)


def _any_channel(
    picture: UInt8[np.ndarray, "height width *channels"],
) -> Bool[np.ndarray, "height width"]:
    """Where a picture is not black."""
    return np.asarray(picture.reshape(*picture.shape[:2], -1).max(axis=-1) > 0)
