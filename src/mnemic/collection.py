"""All engrams at once on disk and in memory, kept in step."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from mnemic.cues import Part
from mnemic.errors import NotStoredError
from mnemic.hippocampus import EpisodicMemory
from mnemic.points import Points, stacked
from mnemic.protocols import Kept, Sense, Store
from mnemic.recollection import Answer, recollect
from mnemic.records import Engram, Experience, Point, Recall, RunnerUp

NOTHING_RECALLED = Recall(
    remembered=False,
    confidence=0.0,
    false_accepts=None,
    engram=None,
    image=None,
    invented=None,
    vector=None,
    original=None,
    media_type=None,
    source=None,
    weight=0.0,
    energy=math.inf,
    steps=0,
    converged=True,
    runners_up=(),
)


class Collection:
    """The store, which is the truth, and each sense's points, ready for recall."""

    def __init__(self, store: Store, senses: Sequence[Sense], *, seed: int, device: str) -> None:
        self.store = store
        self.points = {
            sense.name: Points(
                sense,
                EpisodicMemory(math.prod(sense.grid), grid=sense.grid, seed=seed, device=device),
            )
            for sense in senses
        }
        self._revision = store.revision
        store.changes(self._revision)
        for name, points in self.points.items():
            points.load(store.points(sense=name), expected=len(store))

    @property
    def senses(self) -> list[Sense]:
        """The senses there are."""
        return [points.sense for points in self.points.values()]

    def refresh(self, *, own: bool = False) -> None:
        """Take up what was stored and forgotten since the last call, by other processes or all."""
        changes = self.store.changes(self._revision, own=own)
        if changes is None:
            return
        for name, points in self.points.items():
            points.forget(changes.forgotten)
            new = [id for id in changes.stored if id not in points.of_engram]
            points.load(self.store.points(new, name), expected=len(points.engram_of) + len(new))
        self._revision = changes.revision

    def add(self, parts: list[list[Part]], experiences: list[Experience]) -> list[Engram]:
        """Store experiences, on disk first; what they were of surprise is measured on the way."""
        surprises = self.surprises(parts)
        experiences = [
            replace(one, points=tuple(part.encoded.point for part in mine), surprise=surprise)
            for one, mine, surprise in zip(experiences, parts, surprises, strict=True)
        ]
        added = self.store.add(experiences)
        for name, points in self.points.items():
            pairs = [
                (kept, part.encoded)
                for stored, mine in zip(added, parts, strict=True)
                for kept, part in zip(stored.points, mine, strict=True)
                if part.sense == name
            ]
            if pairs:
                points.add([kept for kept, _ in pairs], [encoded for _, encoded in pairs])
        return [
            self._engram(Kept(stored.id, one), self._seen(mine))
            for stored, one, mine in zip(added, experiences, parts, strict=True)
        ]

    def _seen(self, parts: Sequence[Part]) -> dict[str, tuple[np.ndarray, ...]]:
        """Parts that were just encoded, as what is kept of them decodes."""
        return {
            points.sense.modality: tuple(
                points.sense.decode(part.encoded.features, part.encoded.known)
                for part in parts
                if part.sense == name
            )
            for name, points in self.points.items()
        }

    def _kept(self, engram: int) -> dict[str, tuple[np.ndarray, ...]]:
        return {points.sense.modality: points.decoded(engram) for points in self.points.values()}

    def surprises(self, parts: Sequence[Sequence[Part]]) -> list[float | None]:
        """Of each experience, the novelty of its newest part, after those before it."""
        surprises: list[float | None] = [None] * len(parts)
        for name, points in self.points.items():
            rows = [row for row, mine in enumerate(parts) for part in mine if part.sense == name]
            if not rows:
                continue
            mine = [part.encoded for some in parts for part in some if part.sense == name]
            for row, value in zip(
                rows, points.memory.novelty_in_turn(*stacked(mine)).tolist(), strict=True
            ):
                surprises[row] = max(value, surprises[row] or 0.0)
        return surprises

    def recall(self, parts: Sequence[Part], rows: int, k: int) -> list[Recall]:
        """What each cue brings back, with ``k`` engrams in all."""
        while True:
            answers = recollect(parts, self.points, rows)
            try:
                return self._recalled(answers, k)
            except NotStoredError:  # another process forgot it a moment ago
                self.refresh(own=True)

    def engrams(self, ids: Sequence[int]) -> list[Engram]:
        """These engrams, decoded, in the order asked; NotStoredError if one is missing."""
        return [self._engram(kept, self._kept(kept.id)) for kept in self.store.get(ids)]

    def _engram(self, kept: Kept, parts: Mapping[str, tuple[np.ndarray, ...]]) -> Engram:
        return Engram(
            id=kept.id,
            time=kept.experience.time,
            label=kept.experience.label,
            texts=kept.experience.text,
            metadata=kept.experience.metadata,
            surprise=kept.experience.surprise,
            strength=kept.experience.strength,
            parts=parts,
        )

    def _recalled(self, answers: list[Answer], k: int) -> list[Recall]:
        wanted = {one.engram for answer in answers for one in answer.candidates[:k]}
        engrams = {engram.id: engram for engram in self.engrams(sorted(wanted))}
        winners = {answer.candidates[0].engram for answer in answers if answer.candidates}
        originals: dict[int, dict[int, Point]] = {}
        for kept in self.store.points(sorted(winners), originals=True):
            originals.setdefault(kept.engram, {})[kept.id] = kept.point
        return [self._found(answer, k, engrams, originals) for answer in answers]

    def _found(
        self,
        answer: Answer,
        k: int,
        engrams: Mapping[int, Engram],
        originals: Mapping[int, Mapping[int, Point]],
    ) -> Recall:
        if not answer.candidates:
            return NOTHING_RECALLED
        winner = answer.candidates[0]
        engram = engrams[winner.engram]
        parts = {name: own[0] for name, own in engram.parts.items() if own}
        own = originals[engram.id]
        original = next(iter(own.values()))
        for sense, (point, pattern) in reversed(list(answer.settled.items())):
            points = self.points[sense]
            _, known = points.features(point)  # padding is no part of the picture
            parts[points.sense.modality] = points.sense.decode(pattern, known)
            original = own[point]
        image = parts.get("image")
        return Recall(
            remembered=answer.remembered,
            confidence=answer.confidence,
            false_accepts=answer.false_accepts,
            engram=engram,
            image=image,
            invented=None if image is None else np.zeros(image.shape[:2], np.bool_),
            vector=parts.get("vector"),
            original=original.original,
            media_type=original.media_type,
            source="detail",
            weight=winner.weight,
            energy=answer.energy,
            steps=answer.steps,
            converged=answer.converged,
            runners_up=tuple(
                RunnerUp(engrams[one.engram], one.weight, one.distance)
                for one in answer.candidates[1:k]
            ),
        )
