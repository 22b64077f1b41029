"""The points of one sense, held ready for recall, and which engram each belongs to."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mnemic.cortex import Cortex
from mnemic.errors import DamagedError, DamagedWarning, NeverSleptError, StoreError
from mnemic.hippocampus import EpisodicMemory
from mnemic.protocols import Encoded, KeptPoint, Sense
from mnemic.records import Point

LOADED = 4096  # points unpacked at a time


@dataclass
class Points:
    """A sense and its associative memory, whose pattern ids are the points' ids in the store."""

    sense: Sense
    memory: EpisodicMemory
    cortex: Cortex | None = None  # None before the first sleep
    named: int = 0  # version of the student the store names, whether or not it could be loaded
    latents: dict[int, bytes] = field(default_factory=dict[int, bytes])  # as they are stored
    engram_of: dict[int, int] = field(default_factory=dict[int, int])
    of_engram: dict[int, list[int]] = field(default_factory=dict[int, list[int]])

    def load(self, points: Iterable[KeptPoint], expected: int) -> None:
        """Take up stored points; those already here are passed over."""
        self.memory.patterns.reserve(expected)
        waiting: list[KeptPoint] = []
        for point in points:
            if point.id not in self.engram_of:
                waiting.append(point)
            if len(waiting) == LOADED:
                self._take_up(waiting)
                waiting = []
        self._take_up(waiting)

    def add(self, points: Sequence[KeptPoint], encoded: Sequence[Encoded]) -> None:
        """Take up points that were just stored."""
        if any(not kept.point.code for kept in points):
            self._take_up(points)  # as they will be found when the memory is next opened
        else:
            self._add(points, *stacked(encoded))

    def wake(self, cortex: Cortex, points: Iterable[KeptPoint]) -> None:
        """Take over what a sleep has made of the points: schemas, and features by them."""
        self.cortex = cortex
        bare: list[KeptPoint] = []
        for kept in points:
            if kept.id in self.engram_of and not self._ahead(kept):
                self._note(kept)
                if not kept.point.code:
                    bare.append(kept)
            if len(bare) == LOADED:
                self._rebuild(bare)
                bare = []
        self._rebuild(bare)

    def _rebuild(self, points: Sequence[KeptPoint]) -> None:
        if points:
            features = torch.from_numpy(self._rebuilt(points))
            self.memory.replace([kept.id for kept in points], features)

    def latents_of(self, engrams: Iterable[int]) -> Float[Tensor, "points latent"]:
        """The latents of these engrams' points; those that have none are passed over.

        Raises:
            NeverSleptError: there is no student yet.
        """
        ids = [id for engram in engrams for id in self.of_engram.get(engram, ())]
        return self.student.latents([self.latents[id] for id in ids if id in self.latents])

    @property
    def student(self) -> Cortex:
        """What was learned in sleep.

        Raises:
            NeverSleptError: nothing was, yet.
        """
        if self.cortex is None:
            raise NeverSleptError(
                f"this takes a student of {self.sense.modality}s; sleep() makes one"
            )
        return self.cortex

    def forget(self, engrams: Iterable[int]) -> None:
        """Let go of the points of these engrams."""
        gone = [id for engram in engrams for id in self.of_engram.pop(engram, [])]
        self.memory.forget(gone)
        for id in gone:
            del self.engram_of[id]
            self.latents.pop(id, None)

    def features(
        self, id: int
    ) -> tuple[Float[np.ndarray, " dim"], Bool[np.ndarray, " dim"] | None]:
        """What is stored of a point, and which of it is known."""
        patterns = self.memory.patterns
        row = patterns.row_of(id)
        known = None if patterns.known is None else patterns.known[row].cpu().numpy()
        return patterns.rows[row].cpu().numpy(), known

    def detailed(self, point: Point) -> Bool[np.ndarray, " dim"] | None:
        """Which features of a point are kept themselves, the others being its student's.

        None: all of them.
        """
        if point.code or point.schema is None or self.cortex is None:
            return None
        return self.cortex.residual(point.schema).detailed

    def unpacked(self, kept: KeptPoint) -> Float[np.ndarray, " dim"]:
        """The features of a point as the store keeps it.

        Raises:
            ValueError, DamagedError: it cannot be read.
        """
        return self._features([kept])[0]

    def decoded(self, engram: int) -> tuple[np.ndarray, ...]:
        """The parts of an engram in this sense, to look at."""
        return tuple(self.sense.decode(*self.features(id)) for id in self.of_engram.get(engram, ()))

    def _take_up(self, points: Sequence[KeptPoint]) -> None:
        try:
            codes = self._features(points)
        except (ValueError, StoreError):
            points = self._sound(points)
            codes = self._features(points)
        if not points:
            return
        features = torch.from_numpy(codes)
        known = None
        if any(kept.point.known is not None for kept in points):
            dim = self.memory.dim
            every = np.packbits(np.ones(dim, np.bool_)).tobytes()
            bits = b"".join(kept.point.known or every for kept in points)
            packed = np.frombuffer(bits, np.uint8).reshape(len(points), -1)
            known = torch.from_numpy(np.unpackbits(packed, axis=1, count=dim).astype(np.bool_))
        self._add(points, features, known)

    def _features(self, points: Sequence[KeptPoint]) -> Float[np.ndarray, "points dim"]:
        """What is kept of points: by their codes, or by the schemas in their place."""
        bare = [not kept.point.code for kept in points]
        if not any(bare):
            return self.sense.unpack([kept.point.code for kept in points])
        features = np.empty((len(points), self.memory.dim), np.float32)
        features[bare] = self._rebuilt([kept for kept in points if not kept.point.code])
        features[~np.array(bare)] = self.sense.unpack(
            [kept.point.code for kept in points if kept.point.code]
        )
        return features

    def _rebuilt(self, points: Sequence[KeptPoint]) -> Float[np.ndarray, "points dim"]:
        schemas = [kept.point.schema for kept in points]
        if self.cortex is None or None in schemas:
            raise DamagedError("it is kept as a schema, and the student of it is missing")
        return self.cortex.rebuilt([schema for schema in schemas if schema is not None])

    def _sound(self, points: Sequence[KeptPoint]) -> list[KeptPoint]:
        """Those that can be unpacked; one damaged point must not keep the others from answering."""
        sound: list[KeptPoint] = []
        for kept in points:
            try:
                self._features([kept])
                sound.append(kept)
            except (ValueError, StoreError) as error:
                if self._ahead(kept):
                    continue
                warnings.warn(
                    f"engram {kept.engram} is damaged and cannot be recalled by its"
                    f" {self.sense.modality} ({error}); see `mnemic check`",
                    DamagedWarning,
                    stacklevel=2,
                )
        return sound

    def _ahead(self, kept: KeptPoint) -> bool:
        """Whether it is of a student made a moment ago, which the next refresh will meet."""
        return kept.point.schema is not None and kept.point.schema.student > self.named

    def _add(self, points: Sequence[KeptPoint], features: Tensor, known: Tensor | None) -> None:
        self.memory.store(features, known, ids=[kept.id for kept in points])
        for kept in points:
            self.engram_of[kept.id] = kept.engram
            self.of_engram.setdefault(kept.engram, []).append(kept.id)
            self._note(kept)

    def _note(self, kept: KeptPoint) -> None:
        if kept.point.schema is not None:
            self.latents[kept.id] = kept.point.schema.latent


def stacked(
    encoded: Sequence[Encoded],
) -> tuple[Float[Tensor, "batch dim"], Bool[Tensor, "batch dim"] | None]:
    """Encoded parts as one batch."""
    features = torch.from_numpy(np.stack([one.features for one in encoded]))
    if all(one.known is None for one in encoded):
        return features, None
    every = np.ones(features.shape[-1], np.bool_)
    known = np.stack([every if one.known is None else one.known for one in encoded])
    return features, torch.from_numpy(known)
