"""The points of one sense, held ready for recall, and which engram each belongs to."""

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mnemic.errors import DamagedWarning
from mnemic.hippocampus import EpisodicMemory
from mnemic.protocols import Encoded, KeptPoint, Sense

LOADED = 4096  # points unpacked at a time


@dataclass
class Points:
    """A sense and its associative memory, whose pattern ids are the points' ids in the store."""

    sense: Sense
    memory: EpisodicMemory
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
        features, known = stacked(encoded)
        self._add(points, features, known)

    def forget(self, engrams: Iterable[int]) -> None:
        """Let go of the points of these engrams."""
        gone = [id for engram in engrams for id in self.of_engram.pop(engram, [])]
        self.memory.forget(gone)
        for id in gone:
            del self.engram_of[id]

    def features(
        self, id: int
    ) -> tuple[Float[np.ndarray, " dim"], Bool[np.ndarray, " dim"] | None]:
        """What is stored of a point, and which of it is known."""
        patterns = self.memory.patterns
        row = patterns.row_of(id)
        known = None if patterns.known is None else patterns.known[row].cpu().numpy()
        return patterns.rows[row].cpu().numpy(), known

    def decoded(self, engram: int) -> tuple[np.ndarray, ...]:
        """The parts of an engram in this sense, to look at."""
        return tuple(self.sense.decode(*self.features(id)) for id in self.of_engram.get(engram, ()))

    def _take_up(self, points: Sequence[KeptPoint]) -> None:
        try:
            codes = self.sense.unpack([kept.point.code for kept in points])
        except ValueError:
            points = self._sound(points)
            codes = self.sense.unpack([kept.point.code for kept in points])
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

    def _sound(self, points: Sequence[KeptPoint]) -> list[KeptPoint]:
        """Those that can be unpacked; one damaged point must not keep the others from answering."""
        sound: list[KeptPoint] = []
        for kept in points:
            try:
                self.sense.unpack([kept.point.code])
                sound.append(kept)
            except ValueError as error:
                warnings.warn(
                    f"engram {kept.engram} is damaged and cannot be recalled by its"
                    f" {self.sense.modality} ({error}); see `mnemic check`",
                    DamagedWarning,
                    stacklevel=2,
                )
        return sound

    def _add(self, points: Sequence[KeptPoint], features: Tensor, known: Tensor | None) -> None:
        self.memory.store(features, known, ids=[kept.id for kept in points])
        for kept in points:
            self.engram_of[kept.id] = kept.engram
            self.of_engram.setdefault(kept.engram, []).append(kept.id)


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
