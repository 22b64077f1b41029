"""Where siblings meet: small enough to fake in a test."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mnemic.records import Experience, Maker, Point, Replay, Schema, Settled


class Encoded(NamedTuple):
    """One part as a sense sees it."""

    features: Float[np.ndarray, " dim"]
    known: Bool[np.ndarray, " dim"] | None  # None: every feature is known
    point: Point


@runtime_checkable
class Sense(Protocol):
    """A fixed encoder of one modality. It never changes once a memory uses it."""

    @property
    def name(self) -> str:
        """Unique within a memory."""
        ...

    @property
    def modality(self) -> str:
        """The keyword its parts come under: ``image``, ``text``, ``sound``, ``vector``."""
        ...

    @property
    def decodes(self) -> bool:
        """Whether ``decode`` gives back what was encoded; else its original is the way back."""
        ...

    @property
    def grid(self) -> tuple[int, int, int]:
        """How its features lie: height, width, channels; their product is the dimension."""
        ...

    @property
    def config(self) -> dict[str, Any]:
        """All that determines its features, as JSON; hashed into its fingerprint."""
        ...

    def encode(self, part: Any, known: Any = None) -> Encoded:
        """Raw input to features, with what is kept of it."""
        ...

    def decode(
        self, features: Float[np.ndarray, " dim"], known: Bool[np.ndarray, " dim"] | None
    ) -> np.ndarray:
        """Features back to what a person can look at; as they are where it does not decode."""
        ...

    def unpack(self, codes: Sequence[bytes]) -> Float[np.ndarray, "batch dim"]:
        """Stored codes to features."""
        ...


@runtime_checkable
class Finder(Sense, Protocol):
    """A sense that finds any number of things in a part: the faces in a photograph."""

    def find(self, part: Any, known: Any = None) -> list[Encoded]:
        """Each thing found; an empty list where there is none."""
        ...


@runtime_checkable
class AssociativeMemory(Protocol):
    """Stores in one exposure and recalls from a part."""

    def store(
        self, patterns: Float[Tensor, "batch dim"], known: Bool[Tensor, "batch dim"] | None = None
    ) -> Tensor:
        """Store each pattern and return its id."""
        ...

    def recall(
        self,
        cues: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None = None,
        k: int = 8,
    ) -> Settled:
        """Settle each cue into what is stored."""
        ...


@runtime_checkable
class Teacher(Protocol):
    """Puts out replayed patterns; all a student ever sees."""

    def replay(self, count: int, *, rng: torch.Generator | None = None) -> Replay:
        """Recall ``count`` patterns from noise."""
        ...


class Kept(NamedTuple):
    """An experience as the store returns it, without its points."""

    id: int
    experience: Experience


class KeptPoint(NamedTuple):
    """A point as the store returns it."""

    id: int
    engram: int
    point: Point


class Stored(NamedTuple):
    """An experience that was just stored."""

    id: int
    points: tuple[KeptPoint, ...]


class Node(NamedTuple):
    """A node of the concept graph. Nodes that follow one another are one concept, their root."""

    id: int
    root: int
    label: str | None
    made_by: Maker
    sense: str | None  # of all its points; None: of any
    synset: int | None  # its place in the thesaurus
    partner: int | None  # the node it goes with, by synchrony
    merged: int | None  # the node it was told to follow
    follows: int | None  # either, or none
    document: Mapping[str, Any]


class Tie(NamedTuple):
    """How often another node fired when this one did and the other could have."""

    other: Node
    weight: float
    chances: int  # how often the other could have
    apart: bool  # seen side by side in one sense: two things


class Changes(NamedTuple):
    """What happened in a store since a revision."""

    revision: int
    stored: list[int]  # engrams stored since and still there
    forgotten: list[int]
    slept: bool = False  # whether students and schemas are others now


class KeptStudent(NamedTuple):
    """The student of a sense, as the store knows it."""

    version: int
    sense: str
    file: str  # its weights, beside the store
    report: Mapping[str, Any]  # plain JSON: how it was trained, and what is usual for it


class Space(NamedTuple):
    """Bytes of what is kept of parts."""

    codes: int
    originals: int
    latents: int
    residuals: int


class Night(NamedTuple):
    """All that a sleep changes; it happens in one transaction."""

    students: Sequence[KeptStudent]  # each in the place of its sense's last one
    schemas: Mapping[int, Schema]  # of every point that has a student, by its id
    strengths: Mapping[int, float]  # of engrams
    config: Mapping[str, Any] | None = None  # of the memory, where that changed
    drop: bool = False  # codes and originals of points that have a schema now


@runtime_checkable
class Store(Protocol):
    """Where engrams are kept. Each call is one transaction: all of it happens, or none."""

    def add(
        self,
        experiences: Sequence[Experience],
        bind: Callable[[Sequence[Stored]], None] | None = None,
    ) -> list[Stored]:
        """Store experiences durably; their ids, and those of their points.

        ``bind`` is called before they are durable: where it fails, nothing is stored.
        """
        ...

    def get(self, ids: Sequence[int]) -> list[Kept]:
        """Engrams without their points, in the order asked; NotStoredError if one is missing."""
        ...

    def points(
        self, ids: Iterable[int] | None = None, sense: str | None = None, originals: bool = False
    ) -> Iterator[KeptPoint]:
        """Points of these engrams, or of all, oldest first; originals only when asked."""
        ...

    def ids(
        self,
        *,
        label: str | None = None,
        after: datetime | None = None,
        before: datetime | None = None,
    ) -> list[int]:
        """Engrams that answer, oldest first. ``after`` and ``before`` exclude their bounds."""
        ...

    def __len__(self) -> int:
        """How many engrams are stored."""
        ...

    def forget(self, ids: Sequence[int]) -> None:
        """Remove engrams and their bytes; NotStoredError, and none removed, if one is missing."""
        ...

    def students(self) -> list[KeptStudent]:
        """The students there are, one a sense."""
        ...

    def space(self, sense: str | None = None) -> Space:
        """Bytes of what is kept of the parts in a sense, or in all."""
        ...

    @property
    def newest_student(self) -> int:
        """The last version any student had; 0 when there never was one."""
        ...

    def turn(self, night: Night, *, revision: int) -> bool:
        """Change what a sleep changes, unless something has happened since ``revision``."""
        ...

    def forget_students(self) -> None:
        """Let go of every student and schema; refused while a point is nothing but a schema."""
        ...

    def lease(self, holder: str, until: datetime, *, now: datetime) -> str | None:
        """Hold, or go on holding, the right to sleep; the name of who holds it instead."""
        ...

    def release(self, holder: str) -> None:
        """Give the right to sleep back."""
        ...

    @property
    def revision(self) -> int:
        """The number of the newest change; 0 when there was none."""
        ...

    def changes(self, since: int, *, own: bool = False) -> Changes | None:
        """What happened after a revision; None when nobody else changed anything.

        ``own`` asks even when only this store may have changed something.
        """
        ...

    def present(self, ids: Sequence[int]) -> set[int]:
        """Those of the ids that are stored."""
        ...

    @property
    def config(self) -> dict[str, Any]:
        """What the memory was made with."""
        ...

    def backup(self, path: Path) -> None:
        """Write a consistent copy while others may be writing."""
        ...

    def check(self) -> list[str]:
        """Faults found; empty when sound."""
        ...

    def close(self) -> None:
        """Let go of all files."""
        ...
