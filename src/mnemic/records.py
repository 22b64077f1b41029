"""What goes in and what comes out: frozen values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int, UInt8
from torch import Tensor

Source = Literal["detail", "schema", "mixed"]
Bond = Literal["told", "synchrony", "locality"]  # how a point came to its concept
Maker = Literal["label", "locality", "person", "thesaurus", "cluster"]  # of a concept


class Settled(NamedTuple):
    """Where each cue settled, and the engrams it settled among.

    ``ids`` are the nearest engrams, the heaviest first, and those too light to tell apart in
    order of their distance to the cue; -1 where fewer are stored.
    """

    pattern: Float[Tensor, "batch dim"]
    energy: Float[Tensor, " batch"]
    steps: Int[Tensor, " batch"]
    converged: Bool[Tensor, " batch"]
    ids: Int[Tensor, "batch near"]
    weights: Float[Tensor, "batch near"]  # softmax weights in the settled state
    distances: Float[Tensor, "batch near"]  # from the cue, mean squared over what it knows
    bound: Float[Tensor, " batch"]  # share of the softmax no step looked at, at most
    multiply_adds: Float[Tensor, " batch"]  # spent on comparing and summing


Method = Literal["dense", "certified"]


@dataclass(frozen=True, kw_only=True)
class Search:
    """How an answer was found among everything stored, and what that took.

    "dense" weighs every pattern at every step. "certified" weighs the nearest alone, where all
    others together have no more than ``bound`` of the softmax.
    """

    method: Method
    bound: float  # the answer's L2 error over the diameter of what is stored, at most
    multiply_adds: int


class Replay(NamedTuple):
    """Patterns recalled from random cues, and how well they stand for the whole memory."""

    patterns: Float[Tensor, "count dim"]
    ids: Int[Tensor, " count"]  # the engram that weighed most in each
    coverage: float  # share of the engrams replayed at least once
    purity: float  # share of the patterns that are one engram, not a blend
    entropy: float  # of the replay counts, over its maximum: 1 is perfectly even
    beta: float
    known: Bool[Tensor, "count dim"] | None = None  # by the engrams; None: all of it


@dataclass(frozen=True, kw_only=True)
class Schema:
    """What a point means to a student, and what that student gets wrong of it."""

    student: int  # the version
    latent: bytes  # half precision
    residual: bytes | None = None  # None: the features are kept, or nothing but the schema


@dataclass(frozen=True, kw_only=True)
class Point:
    """One part of one experience in one sense, as it is kept."""

    sense: str
    code: bytes  # the features as the sense packs them; empty: the schema gives them
    schema: Schema | None = None  # None before the first sleep
    known: bytes | None = None  # one bit a feature; None when all are known
    original: bytes | None = None
    media_type: str | None = None


@dataclass(frozen=True, kw_only=True)
class Experience:
    """What happened at one time, encoded and ready to be stored."""

    time: datetime
    points: tuple[Point, ...] = ()
    text: tuple[str, ...] = ()
    label: str | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict[str, Any])
    surprise: float | None = None
    strength: float = 1.0


@dataclass(frozen=True, kw_only=True, eq=False)  # arrays have no single truth
class Engram:
    """One stored experience.

    ``parts`` holds what each sense keeps of it, decoded, by modality. ``surprise`` is how new it
    was when it came, 0..1, or None when no sense could tell. ``time`` is aware, in UTC, to the
    microsecond.
    """

    id: int
    time: datetime
    label: str | None
    texts: tuple[str, ...]
    metadata: Mapping[str, Any]
    surprise: float | None
    strength: float
    parts: Mapping[str, tuple[np.ndarray, ...]]

    @property
    def text(self) -> str | None:
        """The first text, or None."""
        return self.texts[0] if self.texts else None

    @property
    def image(self) -> UInt8[np.ndarray, "height width *channels"] | None:
        """The first picture at the memory's resolution, or None."""
        pictures = self.parts.get("image", ())
        return pictures[0] if pictures else None

    @property
    def vector(self) -> Float[np.ndarray, " dim"] | None:
        """The first vector, or None."""
        vectors = self.parts.get("vector", ())
        return vectors[0] if vectors else None


class Sound(NamedTuple):
    """Samples in -1..1, one channel or several side by side, and how many there are a second."""

    samples: Float[np.ndarray, "time *channels"]
    rate: int


class RunnerUp(NamedTuple):
    """An engram a cue might have meant instead."""

    engram: Engram
    weight: float  # in the settled state
    distance: float  # from the cue, mean squared over what it knows


class Link(NamedTuple):
    """What ties a point to its concept."""

    engram: int
    point: int | None  # None: the words of an engram that has no part in any sense
    sense: str | None
    weight: float  # 0..1; 1 for all where links are binary
    made_by: Bond


@dataclass(frozen=True, kw_only=True)
class Concept:
    """What points in any sense have in common, as it stands.

    ``label`` is None while nobody has named it. ``links`` counts its points in each sense, words
    of engrams without parts under "words".
    """

    id: int
    label: str | None
    names: tuple[str, ...]  # all that lead to it
    made_by: Maker
    links: Mapping[str, int]
    parents: tuple[int, ...]
    children: tuple[int, ...]
    document: Mapping[str, Any]  # a definition, where a thesaurus has one


class Classed(NamedTuple):
    """A concept that was placed by what a pretrained network sees in its pictures."""

    concept: Concept
    under: Concept  # of the thesaurus
    probability: float  # that it is of this kind, by the network


class Neighbour(NamedTuple):
    """A concept of the wider context of another."""

    concept: Concept
    weight: float  # how often it fires when the other does, 0..1


@dataclass(frozen=True, kw_only=True)
class Branch:
    """A concept and all below it."""

    concept: Concept
    below: tuple["Branch", ...]


@dataclass(frozen=True, kw_only=True)
class ConceptEvent:
    """What was done to concepts, and whether it was taken back.

    A person did it, but for "class": a pretrained network that was chosen placed a concept.
    """

    id: int
    time: datetime
    kind: Literal["add", "merge", "split", "rename", "place", "class"]
    concepts: tuple[int, ...]  # that it changed
    undone: bool


class Fired(NamedTuple):
    """A concept that a cue might have meant instead."""

    id: int
    label: str | None
    activation: float


@dataclass(frozen=True, kw_only=True)
class ActiveConcept:
    """The one concept that fires for a cue; the others are inhibited.

    ``activation`` is its share of the excitation, 0..1.
    """

    id: int
    label: str | None
    activation: float
    runners_up: tuple[Fired, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Recall:
    """What a cue brought back, how sure that is, and where it came from.

    What the engram has no part of, its concept brings, if it has one: ``brought`` says from which
    engram. A cue that was never seen may still be of a known concept.

    ``engram`` is the best match even when the verdict is that the cue was never seen; it is None
    only when nothing is stored that could answer.
    """

    remembered: bool
    confidence: float  # 1 - the share of never-seen cues that would look as familiar
    false_accepts: float | None  # the verdict's rate, at most; None: too little stored to tell
    engram: Engram | None
    image: UInt8[np.ndarray, "height width *channels"] | None
    invented: Bool[np.ndarray, "height width"] | None  # pixels that are the student's
    vector: Float[np.ndarray, " dim"] | None
    sound: Sound | None  # of the recalled engram, if its original was kept
    original: bytes | None  # the bytes as given, if kept
    media_type: str | None
    source: Source | None
    weight: float  # of the engram in the settled state
    energy: float
    steps: int
    converged: bool
    search: Search
    runners_up: tuple[RunnerUp, ...]
    concept: ActiveConcept | None = None  # that fires; None: the cue is near none
    brought: Mapping[str, int] = field(default_factory=dict[str, int])  # modality -> engram
    notes: tuple[str, ...] = ()  # all texts of the concept

    @property
    def text(self) -> str | None:
        """The recalled engram's text."""
        return None if self.engram is None else self.engram.text

    @property
    def label(self) -> str | None:
        """The recalled engram's label."""
        return None if self.engram is None else self.engram.label


@dataclass(frozen=True, kw_only=True, eq=False)
class Inferred:
    """What a student makes of a part: the known as given, the rest as it would expect it."""

    image: UInt8[np.ndarray, "height width *channels"]
    invented: Bool[np.ndarray, "height width"]  # pixels that are the student's
    latent: Float[np.ndarray, " latent"]
    surprise: float  # at what is known


@dataclass(frozen=True, kw_only=True, eq=False)
class Imagined:
    """Pictures of what never was, decoded from latents."""

    images: UInt8[np.ndarray, "count height width *channels"]
    latents: Float[np.ndarray, "count latent"]
    seed: int

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[UInt8[np.ndarray, "height width *channels"]]:
        return iter(self.images)


@dataclass(frozen=True, kw_only=True)
class SenseReport:
    """How one sense slept."""

    student: int  # the version that was made
    engrams: int  # points replay could draw on
    replayed: int
    coverage: float  # of the points, by the replay
    purity: float
    entropy: float
    losses: tuple[float, ...]  # mean of each epoch, KL and all
    replayed_errors: tuple[float, ...]  # reconstruction loss a picture, after each epoch
    held_out_errors: tuple[float | None, ...]  # the same of what was never learned from
    drift: float | None  # mean change of features this night; None: they are kept themselves


@dataclass(frozen=True, kw_only=True)
class SleepReport:
    """What a night did."""

    senses: Mapping[str, SenseReport]
    not_slept: Mapping[str, str]  # senses left out, and why
    space: Mapping[str, int]  # bytes each ``keep`` takes, or would take
    strength: float  # mean over all engrams: the share still held in detail
    resumed: bool  # from where an earlier sleep was interrupted
    seconds: float
    seed: int


@dataclass(frozen=True, kw_only=True)
class SleepStep:
    """One step of a night. The last one carries the report."""

    phase: Literal["replay", "train", "encode", "order", "done"]
    sense: str
    done: int  # of ``total`` in this phase
    total: int
    coverage: float | None = None  # of the stored, by the replay so far
    epoch: int | None = None
    loss: float | None = None
    replayed_error: float | None = None  # at the end of an epoch
    held_out_error: float | None = None
    report: SleepReport | None = None


@dataclass(frozen=True, kw_only=True)
class KeepReport:
    """What keeping less takes, and what it costs."""

    keep: str
    tolerance: float
    points: int
    bytes_before: int  # codes, originals, latents and residuals
    bytes_after: int
    mean_error: float  # of a feature that is known, in 0..1
    greatest_error: float
    applied: bool  # False: nothing was changed


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """What was forgotten, and what may remain of it."""

    ids: tuple[int, ...]
    student_may_retain: bool  # the current student was trained while they were stored
    sentence: str
