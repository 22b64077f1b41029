"""All engrams at once on disk and in memory, kept in step."""

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from mnemic.answers import NOTHING_RECALLED, recalled, without_hippocampus
from mnemic.concepts.association import Association
from mnemic.cortex import Cortex, Keep, KeptPart
from mnemic.cues import Part
from mnemic.errors import DamagedWarning, NotStoredError, OutdatedError, StoreError
from mnemic.hippocampus import EpisodicMemory
from mnemic.points import Points, stacked
from mnemic.protocols import Kept, Sense, Store
from mnemic.recollection import NOTHING, Answer, Candidate, recollect
from mnemic.records import Engram, Experience, Point, Recall


class Expected(NamedTuple):
    """What a student makes of a part."""

    kept: KeptPart
    surprise: float


class Collection:
    """The store, which is the truth, and each sense's points, ready for recall."""

    def __init__(
        self,
        store: Store,
        senses: Sequence[Sense],
        *,
        folder: Path,
        keep: Keep,
        tolerance: float,
        seed: int,
        device: str,
    ) -> None:
        self.store = store
        self.folder = folder
        self.keep: Keep = keep
        self.tolerance: float = tolerance
        self.association: Association | None = None  # None: experiences are bound to no concept
        self.lesioned: set[str] = set()
        self.forgettings = 0  # what was learned of engrams before the last is to be forgotten too
        self.points = {
            sense.name: Points(
                sense,
                EpisodicMemory(math.prod(sense.grid), grid=sense.grid, seed=seed, device=device),
            )
            for sense in senses
        }
        self._revision = store.revision
        store.changes(self._revision)
        self._meet_students()
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
        self.forgettings += bool(changes.forgotten)
        if changes.slept:  # before what was stored under its students is read
            self._meet_students()
        for name, points in self.points.items():
            points.forget(changes.forgotten)
            new = [id for id in changes.stored if id not in points.of_engram]
            points.load(self.store.points(new, name), expected=len(points.engram_of) + len(new))
            if changes.slept and points.cortex is not None:
                points.wake(points.cortex, self.store.points(sense=name))
                points.load(self.store.points(sense=name), expected=len(points.engram_of))
        self._revision = changes.revision

    def _meet_students(self) -> None:
        """Load the students the store names; without a file the rest of the memory answers."""
        made_with = self.store.config["made_with"]
        self.keep = made_with.get("keep", self.keep)
        self.tolerance = made_with.get("tolerance", self.tolerance)
        students = {kept.sense: kept for kept in self.store.students()}
        for name, points in self.points.items():
            points.cortex, points.named = None, 0
            if name in students:
                points.named = students[name].version
                try:
                    points.cortex = Cortex.load(self.folder, points.sense, students[name])
                except StoreError as error:
                    if self.store.students() != list(students.values()):
                        self._meet_students()  # another process has slept a moment ago
                        return
                    warnings.warn(
                        f"the student of {name} cannot be used ({error}); what it knew is lost"
                        " until the next sleep",
                        DamagedWarning,
                        stacklevel=2,
                    )

    def add(self, parts: list[list[Part]], experiences: list[Experience]) -> list[Engram]:
        """Store experiences, on disk first; what they were of surprise is measured on the way."""
        while True:
            ready = self._ready(parts, experiences)
            try:
                one = self.association
                bind = None if one is None else one.binding(parts, ready)
                added = self.store.add(ready, bind)
                break
            except OutdatedError:  # another process has slept a moment ago
                self.refresh(own=True)
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
            self._engram(
                Kept(stored.id, one),
                self._seen(mine)
                if all(point.code for point in one.points)
                else self._kept(stored.id),
            )
            for stored, one, mine in zip(added, ready, parts, strict=True)
        ]

    def _ready(
        self, parts: Sequence[Sequence[Part]], experiences: Sequence[Experience]
    ) -> list[Experience]:
        """Experiences as they are to be kept: with their surprise, schemas and strength."""
        perceived = self._perceived(parts)
        surprises = self.surprises(parts, perceived)
        ready: list[Experience] = []
        for row, (one, mine) in enumerate(zip(experiences, parts, strict=True)):
            points: list[Point] = []
            strengths: list[float] = []
            for index, part in enumerate(mine):
                point = part.encoded.point
                if self.keep != "original" and self.points[part.sense].sense.decodes:
                    point = replace(point, original=None, media_type=None)
                if (row, index) in perceived:
                    schema, strength = perceived[row, index].kept
                    strengths.append(strength)
                    code = point.code if self.keep == "original" else b""
                    point = replace(point, code=code, schema=schema)
                points.append(point)
            strength = float(np.mean(strengths)) if strengths else one.strength
            ready.append(
                replace(one, points=tuple(points), surprise=surprises[row], strength=strength)
            )
        return ready

    def _perceived(self, parts: Sequence[Sequence[Part]]) -> dict[tuple[int, int], "Expected"]:
        """What the students make of parts, by experience and place in it."""
        found: dict[tuple[int, int], Expected] = {}
        for name, points in self.points.items():
            where = [
                (row, index)
                for row, mine in enumerate(parts)
                for index, part in enumerate(mine)
                if part.sense == name
            ]
            if points.cortex is None or not where:
                continue
            features, known = stacked([parts[row][index].encoded for row, index in where])
            perceived = points.cortex.perceive(features, known)
            kept = points.cortex.kept(
                perceived, features, known, keep=self.keep, tolerance=self.tolerance
            )
            surprises = points.cortex.surprise(perceived.errors)
            for place, one, surprise in zip(where, kept, surprises, strict=True):
                found[place] = Expected(one, surprise)
        return found

    def _seen(self, parts: Sequence[Part]) -> dict[str, tuple[np.ndarray, ...]]:
        """Parts that were just encoded, as what is kept of them decodes."""
        return _by_modality(
            {
                name: tuple(
                    points.sense.decode(part.encoded.features, part.encoded.known)
                    for part in parts
                    if part.sense == name
                )
                for name, points in self._decoding.items()
            },
            self._decoding,
        )

    def _kept(self, engram: int) -> dict[str, tuple[np.ndarray, ...]]:
        decoded = {name: points.decoded(engram) for name, points in self._decoding.items()}
        return _by_modality(decoded, self._decoding)

    @property
    def _decoding(self) -> dict[str, Points]:
        """Those whose features can be turned back into parts to look at."""
        return {name: points for name, points in self.points.items() if points.sense.decodes}

    def surprises(
        self,
        parts: Sequence[Sequence[Part]],
        perceived: Mapping[tuple[int, int], "Expected"] | None = None,
    ) -> list[float | None]:
        """Of each experience, how surprising its most surprising part is.

        By the student's prediction error where the sense has one; else by its novelty against
        what is stored, and against the experiences before it.
        """
        perceived = self._perceived(parts) if perceived is None else perceived
        surprises: list[float | None] = [None] * len(parts)
        for (row, _), expected in perceived.items():
            surprises[row] = max(expected.surprise, surprises[row] or 0.0)
        for name, points in self.points.items():
            rows = [row for row, mine in enumerate(parts) for part in mine if part.sense == name]
            if not rows or points.cortex is not None:
                continue
            mine = [part.encoded for some in parts for part in some if part.sense == name]
            for row, value in zip(
                rows, points.memory.novelty_in_turn(*stacked(mine)).tolist(), strict=True
            ):
                surprises[row] = max(value, surprises[row] or 0.0)
        return surprises

    def recall(self, parts: Sequence[Part], rows: int, k: int) -> list[Recall]:
        """What each cue brings back, with ``k`` engrams in all."""
        if "hippocampus" in self.lesioned:
            found = [NOTHING_RECALLED] * rows
            for part in parts:
                if found[part.row] is NOTHING_RECALLED:
                    place = self.points[part.sense]
                    found[part.row] = without_hippocampus(part, place, lesioned=self.lesioned)
            return found
        while True:
            answers = recollect(parts, self.points, rows)
            try:
                return self._conceived(parts, answers, self._recalled(answers, k))
            except NotStoredError:  # another process forgot it a moment ago
                self.refresh(own=True)

    def bring(self, weights: Mapping[int, float]) -> Recall:
        """Engrams as if a cue had recalled them, the first the best."""
        candidates = [Candidate(engram=id, weight=w, distance=0.0) for id, w in weights.items()]
        told = replace(NOTHING, candidates=tuple(candidates), remembered=True, confidence=1.0)
        return self._recalled([told], len(weights))[0]

    def _conceived(
        self, parts: Sequence[Part], answers: Sequence[Answer], found: list[Recall]
    ) -> list[Recall]:
        """Recalls with the concept that fires for each cue."""
        if self.association is None:
            return found
        near = {
            name: [some for answer in answers for some in answer.near.get(name, ())]
            for name in self.points
        }
        sure = [
            {one.engram.id: one.confidence} if one.remembered and one.engram is not None else {}
            for one in found
        ]
        fired = self.association.fired(parts, near, sure)
        return [replace(one, concept=concept) for one, concept in zip(found, fired, strict=True)]

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
        kept: dict[int, dict[int, Point]] = {}
        for one in self.store.points(sorted(winners), originals=True):
            kept.setdefault(one.engram, {})[one.id] = one.point
        return [
            recalled(answer, engrams, kept, self.points, k=k, lesioned=self.lesioned)
            for answer in answers
        ]

    def mean_strength(self) -> float:
        """Of all engrams: the share still held in detail; 1 when nothing is stored."""
        kept = self.store.get(self.store.ids())
        return float(np.mean([one.experience.strength for one in kept])) if kept else 1.0


def _by_modality(
    decoded: Mapping[str, tuple[np.ndarray, ...]], points: Mapping[str, Points]
) -> dict[str, tuple[np.ndarray, ...]]:
    """Parts by their modality: of several senses of one, as the first sees them."""
    parts: dict[str, tuple[np.ndarray, ...]] = {}
    for name, seen in decoded.items():
        parts.setdefault(points[name].sense.modality, seen)
    return parts
