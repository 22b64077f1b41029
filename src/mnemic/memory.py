"""Memory: remember a thing once, recall it from a fragment, know what was never seen."""

import math
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import torch

from mnemic.cues import (
    Columns,
    Part,
    Time,
    columns_of,
    encode_parts,
    experience,
    mask_column,
    masks_by_modality,
    utc,
)
from mnemic.errors import ConfigError, CueError, MnemicError, NotStoredError
from mnemic.export import export
from mnemic.folder import DATABASE, MemoryConfig, open_folder
from mnemic.hippocampus import EpisodicMemory
from mnemic.points import Points, stacked
from mnemic.protocols import Sense
from mnemic.randomness import generator
from mnemic.recollection import Answer, recollect
from mnemic.records import Engram, Experience, Point, Recall, RunnerUp
from mnemic.store import SqliteStore

WRITTEN = 1024  # experiences a transaction of remember_many holds at most


class Memory:
    """A memory in a folder: remembers in one exposure, recalls from any part.

    Open one with ``Memory.open``. It may be used from several threads, and by several processes
    at once; each sees what the others stored and forgot at its next call.
    """

    def __init__(
        self, path: Path, store: SqliteStore, config: MemoryConfig, *, seed: int, device: str
    ) -> None:
        self.path = path
        self.config = config
        self.seed = seed
        self._store = store
        self._lock = threading.RLock()
        self._revision = -1
        self._points = {
            sense.name: Points(sense, _empty_memory(sense, seed=seed, device=device))
            for sense in config.senses()
        }
        self._load()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        create: Mapping[str, Any] | None = None,
        read_only: bool = False,
        seed: int = 0,
        device: str = "cpu",
    ) -> "Memory":
        """Open the memory in a folder; make it, with the settings ``create``, when missing.

        Settings are those of ``MemoryConfig``. All that is random in recall and lesions follows
        from ``seed``.

        Raises:
            NotAMemoryError: the folder holds something else.
            ConfigError: the memory was made with other settings.
            NewerVersionError, DamagedError, StoreError: as the store finds.
        """
        path = Path(path)
        store, config = open_folder(path, create=create, read_only=read_only)
        try:
            return cls(path, store, config, seed=seed, device=device)
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Let go of the files."""
        with self._lock:
            self._store.close()

    def __enter__(self) -> "Memory":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def remember(
        self,
        *,
        image: Any = None,
        vector: Any = None,
        text: str | Sequence[str] | None = None,
        label: str | None = None,
        time: Time | None = None,
        metadata: Mapping[str, Any] | None = None,
        known: Any = None,
    ) -> Engram:
        """Store one experience; it is on disk when this returns.

        Parts may be lists of several. ``known`` is a mask of the one part, or a mapping from
        modality to masks. ``time`` is now unless given; one without a zone is taken for UTC.

        Raises:
            CueError: no part, or one this memory has no sense for.
            MediaError, ShapeError, ConfigError: a part, or a mask, cannot be used as it is.
            StoreFullError, StoreBusyError, StoreError: nothing was stored.
        """
        masks = masks_by_modality(known, _given(image=image, vector=vector))
        return self._remember(
            _alone(image=image, vector=vector),
            {modality: [mask] for modality, mask in masks.items()},
            [experience(text, label, time, metadata)],
        )[0]

    def remember_many(
        self,
        *,
        image: Sequence[Any] | np.ndarray | None = None,
        vector: Sequence[Any] | np.ndarray | None = None,
        text: Sequence[str | Sequence[str] | None] | None = None,
        label: Sequence[str | None] | None = None,
        time: Sequence[Time | None] | None = None,
        metadata: Sequence[Mapping[str, Any] | None] | None = None,
        known: Any = None,
    ) -> list[Engram]:
        """Store many experiences, in order, each as ``remember`` would; far faster.

        Every column has an entry an experience. All parts are read before the first is stored,
        so that bad input stores none. Should the disk fill on the way, the error says how many
        were stored.
        """
        parts, _ = columns_of({"image": image, "vector": vector})
        columns, rows = columns_of(
            {**parts, "text": text, "label": label, "time": time, "metadata": metadata}
        )
        masks = self._mask_columns(known, list(parts), rows)
        empty = [None] * rows
        experiences = [
            experience(*row)
            for row in zip(
                *(columns.get(name, empty) for name in ("text", "label", "time", "metadata")),
                strict=True,
            )
        ]
        return self._remember(parts, masks, experiences)

    def recall(
        self, *, image: Any = None, vector: Any = None, known: Any = None, k: int = 1
    ) -> Recall:
        """Bring back the whole from a part, and say whether it was ever seen.

        ``known`` is True where the cue is to be believed (transparent pixels are unknown
        anyway): one mask, or ``{"image": mask, …}`` for a cue in several modalities. ``k`` asks
        for that many engrams in all; all but the first are ``runners_up``.

        Raises:
            CueError: no cue, nothing known in it, or no sense for it.
            MediaError, ShapeError: the cue cannot be read, or the mask does not fit it.
        """
        masks = masks_by_modality(known, _given(image=image, vector=vector))
        columns = _alone(image=image, vector=vector)
        return self._recall(columns, {name: [mask] for name, mask in masks.items()}, 1, k)[0]

    def recall_many(
        self,
        *,
        image: Sequence[Any] | np.ndarray | None = None,
        vector: Sequence[Any] | np.ndarray | None = None,
        known: Any = None,
        k: int = 1,
    ) -> list[Recall]:
        """Recall from many cues, each as ``recall`` would; far faster.

        ``known`` is one mask for all, or one for each.
        """
        columns, rows = columns_of({"image": image, "vector": vector})
        return self._recall(columns, self._mask_columns(known, list(columns), rows), rows, k)

    def surprise(self, *, image: Any = None, vector: Any = None, known: Any = None) -> float:
        """0..1: how new this is, as ``remember`` would record it. Nothing is stored.

        Before the first sleep: the share of what is stored that is less unlike the rest than
        this is unlike all of it. Of several parts, the most surprising counts.
        """
        masks = masks_by_modality(known, _given(image=image, vector=vector))
        with self._lock:
            parts = encode_parts(
                _alone(image=image, vector=vector),
                {name: [mask] for name, mask in masks.items()},
                self._senses,
            )
            self._refresh()
            surprise = self._surprises([parts])[0]
        if surprise is None:
            raise CueError("nothing was given to be surprised at; give image= or vector=")
        return surprise

    @contextmanager
    def lesion(self, what: Literal["engrams"], fraction: float = 1.0) -> Generator[list[int]]:
        """Silence a random share of the engrams until the block ends; yields their ids.

        Nothing on disk changes. The choice follows from the memory's seed.
        """
        if what != "engrams":
            raise ConfigError(f"only 'engrams' can be lesioned before a first sleep, got {what!r}")
        if not 0 <= fraction <= 1:
            raise ConfigError(f"fraction must be in 0..1, got {fraction}")
        with self._lock:
            ids = sorted(self.ids())
            order = torch.randperm(len(ids), generator=generator(self.seed, "lesion")).tolist()
            chosen = sorted(ids[index] for index in order[: round(fraction * len(ids))])
            silenced = ExitStack()
            for points in self._points.values():
                mine = [point for engram in chosen for point in points.of_engram.get(engram, ())]
                silenced.enter_context(points.memory.silenced(mine))
        with silenced:
            yield chosen

    def forget(self, *ids: int) -> None:
        """Remove engrams for good: their bytes are overwritten, on disk and in memory.

        Raises:
            NotStoredError: an id is not stored; nothing is forgotten.
            StoreBusyError: forgotten, but a reader keeps the write-ahead log from being emptied.
        """
        with self._lock:
            try:
                self._store.forget(ids)
            finally:
                self._refresh(own=True)

    def __getitem__(self, id: int) -> Engram:
        with self._lock:
            self._refresh()
            return self._engrams([id])[0]

    def __contains__(self, id: int) -> bool:
        return bool(self._store.present([id]))

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[Engram]:
        return self._browse(self.ids())

    def ids(self) -> list[int]:
        """The ids of all engrams, oldest experience first."""
        return self._store.ids()

    def where(
        self,
        *,
        label: str | None = None,
        after: Time | None = None,
        before: Time | None = None,
    ) -> Iterator[Engram]:
        """The engrams that answer, oldest experience first; bounds are exclusive."""
        ids = self._store.ids(
            label=label,
            after=None if after is None else utc(after),
            before=None if before is None else utc(before),
        )
        return self._browse(ids)

    def originals(self, id: int) -> list[tuple[bytes, str]]:
        """The bytes of each part as given, with their media types."""
        with self._lock:
            self._engrams([id])
            return [
                (kept.point.original, kept.point.media_type or "")
                for kept in self._store.points([id], originals=True)
                if kept.point.original is not None
            ]

    def backup(self, path: str | Path) -> None:
        """Copy the memory into a new folder, consistent even while others write.

        Raises:
            ConfigError: the folder exists and is not empty.
        """
        folder = Path(path)
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigError(f"{folder} is not an empty folder; back up to a new one")
        folder.mkdir(parents=True, exist_ok=True)
        self._store.backup(folder / DATABASE)

    def export(self, path: str | Path) -> None:
        """Write everything as Parquet tables and original files, readable without mnemic.

        Raises:
            ConfigError: the folder exists and is not empty.
        """
        export(self._store, {sense.name: sense for sense in self._senses}, Path(path))

    def check(self) -> list[str]:
        """Faults found on disk, in words; empty when the memory is sound."""
        faults = self._store.check()
        for name, points in self._points.items():
            for kept in self._store.points(sense=name):
                try:
                    features = points.sense.unpack([kept.point.code])
                    points.sense.decode(features[0], None)
                except ValueError as error:
                    faults.append(f"point {kept.id} of engram {kept.engram} is damaged: {error}")
        return faults

    @property
    def _senses(self) -> list[Sense]:
        return [points.sense for points in self._points.values()]

    def _mask_columns(self, known: Any, modalities: list[str], rows: int) -> Columns:
        axes = {sense.modality: 1 if sense.grid[1:] == (1, 1) else 2 for sense in self._senses}
        return {
            modality: mask_column(masks, rows, axes.get(modality, 1))
            for modality, masks in masks_by_modality(known, modalities).items()
        }

    def _remember(
        self, columns: Columns, masks: Columns, experiences: list[Experience]
    ) -> list[Engram]:
        with self._lock:
            parts: list[list[Part]] = [[] for _ in experiences]
            for part in encode_parts(columns, masks, self._senses):
                parts[part.row].append(part)
            for one, mine in zip(experiences, parts, strict=True):
                if not mine and not one.text:
                    raise CueError("an experience needs a part; give image=, vector= or text=")
            self._refresh()
            engrams: list[Engram] = []
            while len(engrams) < len(experiences):
                # small at first: what is usual is learned as the memory grows
                size = min(WRITTEN, max(64, len(self) // 2))
                chunk = slice(len(engrams), len(engrams) + size)
                try:
                    engrams += self._write(parts[chunk], experiences[chunk])
                except MnemicError as error:
                    if engrams:
                        error.add_note(f"{len(engrams)} of {len(experiences)} were stored before")
                    raise
            return engrams

    def _write(self, parts: list[list[Part]], experiences: list[Experience]) -> list[Engram]:
        surprises = self._surprises(parts)
        added = self._store.add(
            [
                replace(one, points=tuple(part.encoded.point for part in mine), surprise=surprise)
                for one, mine, surprise in zip(experiences, parts, surprises, strict=True)
            ]
        )
        for name, points in self._points.items():
            pairs = [
                (kept, part.encoded)
                for stored, mine in zip(added, parts, strict=True)
                for kept, part in zip(stored.points, mine, strict=True)
                if part.sense == name
            ]
            if pairs:
                points.add([kept for kept, _ in pairs], [encoded for _, encoded in pairs])
        return self._engrams([stored.id for stored in added])

    def _surprises(self, parts: Sequence[Sequence[Part]]) -> list[float | None]:
        """Of each experience, the novelty of its newest part, after those before it."""
        surprises: list[float | None] = [None] * len(parts)
        for name, points in self._points.items():
            rows = [row for row, mine in enumerate(parts) for part in mine if part.sense == name]
            if not rows:
                continue
            mine = [part.encoded for some in parts for part in some if part.sense == name]
            for row, value in zip(
                rows, points.memory.novelty_in_turn(*stacked(mine)).tolist(), strict=True
            ):
                surprises[row] = max(value, surprises[row] or 0.0)
        return surprises

    def _recall(self, columns: Columns, masks: Columns, rows: int, k: int) -> list[Recall]:
        if k < 1:
            raise ConfigError(f"k must be at least 1, got {k}")
        with self._lock:
            parts = encode_parts(columns, masks, self._senses)
            if not columns or len({part.row for part in parts}) < rows:
                raise CueError("there is nothing to recall from; give image= or vector=")
            self._refresh()
            while True:
                answers = recollect(parts, self._points, rows)
                try:
                    return self._recalled(answers, k)
                except NotStoredError:  # another process forgot it a moment ago
                    self._refresh(own=True)

    def _recalled(self, answers: list[Answer], k: int) -> list[Recall]:
        wanted = {one.engram for answer in answers for one in answer.candidates[:k]}
        engrams = {engram.id: engram for engram in self._engrams(sorted(wanted))}
        winners = {answer.candidates[0].engram for answer in answers if answer.candidates}
        originals: dict[int, dict[int, Point]] = {}
        for kept in self._store.points(sorted(winners), originals=True):
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
            points = self._points[sense]
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

    def _engrams(self, ids: Sequence[int]) -> list[Engram]:
        return [
            Engram(
                id=kept.id,
                time=kept.experience.time,
                label=kept.experience.label,
                texts=kept.experience.text,
                metadata=kept.experience.metadata,
                surprise=kept.experience.surprise,
                strength=kept.experience.strength,
                parts={
                    points.sense.modality: points.decoded(kept.id)
                    for points in self._points.values()
                },
            )
            for kept in self._store.get(ids)
        ]

    def _browse(self, ids: Sequence[int]) -> Iterator[Engram]:
        for start in range(0, len(ids), WRITTEN):
            with self._lock:
                self._refresh()
                some = ids[start : start + WRITTEN]
                present = self._store.present(some)
                engrams = self._engrams([id for id in some if id in present])
            yield from engrams

    def _load(self) -> None:
        """Take up all that is stored."""
        self._revision = self._store.revision
        self._store.changes(self._revision)
        for name, points in self._points.items():
            points.load(self._store.points(sense=name), expected=len(self._store))

    def _refresh(self, *, own: bool = False) -> None:
        """Take up what was stored and forgotten since the last call, by other processes or all."""
        changes = self._store.changes(self._revision, own=own)
        if changes is None:
            return
        for name, points in self._points.items():
            points.forget(changes.forgotten)
            new = [id for id in changes.stored if id not in points.of_engram]
            points.load(self._store.points(new, name), expected=len(points.engram_of) + len(new))
        self._revision = changes.revision


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


def _empty_memory(sense: Sense, *, seed: int, device: str) -> EpisodicMemory:
    return EpisodicMemory(math.prod(sense.grid), grid=sense.grid, seed=seed, device=device)


def _given(**parts: Any) -> list[str]:
    return [modality for modality, part in parts.items() if part is not None]


def _alone(**parts: Any) -> dict[str, Sequence[Any]]:
    return {modality: [part] for modality, part in parts.items() if part is not None}
