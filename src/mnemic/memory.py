"""Memory: remember a thing once, recall it from a fragment, know what was never seen."""

import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

import numpy as np
import torch

from mnemic.collection import Collection
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
from mnemic.errors import ConfigError, CueError, MnemicError
from mnemic.export import export
from mnemic.folder import DATABASE, MemoryConfig, open_folder
from mnemic.randomness import generator
from mnemic.records import Engram, Experience, Recall
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
        self._all = Collection(store, config.senses(), seed=seed, device=device)

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
                self._all.senses,
            )
            self._all.refresh()
            surprise = self._all.surprises([parts])[0]
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
            for points in self._all.points.values():
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
                self._all.refresh(own=True)

    def __getitem__(self, id: int) -> Engram:
        with self._lock:
            self._all.refresh()
            return self._all.engrams([id])[0]

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
            self._all.engrams([id])
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
        export(self._store, {sense.name: sense for sense in self._all.senses}, Path(path))

    def check(self) -> list[str]:
        """Faults found on disk, in words; empty when the memory is sound."""
        faults = self._store.check()
        for name, points in self._all.points.items():
            for kept in self._store.points(sense=name):
                try:
                    features = points.sense.unpack([kept.point.code])
                    points.sense.decode(features[0], None)
                except ValueError as error:
                    faults.append(f"point {kept.id} of engram {kept.engram} is damaged: {error}")
        return faults

    def _mask_columns(self, known: Any, modalities: list[str], rows: int) -> Columns:
        axes = {sense.modality: 1 if sense.grid[1:] == (1, 1) else 2 for sense in self._all.senses}
        return {
            modality: mask_column(masks, rows, axes.get(modality, 1))
            for modality, masks in masks_by_modality(known, modalities).items()
        }

    def _remember(
        self, columns: Columns, masks: Columns, experiences: list[Experience]
    ) -> list[Engram]:
        with self._lock:
            parts: list[list[Part]] = [[] for _ in experiences]
            for part in encode_parts(columns, masks, self._all.senses):
                parts[part.row].append(part)
            for one, mine in zip(experiences, parts, strict=True):
                if not mine and not one.text:
                    raise CueError("an experience needs a part; give image=, vector= or text=")
            self._all.refresh()
            engrams: list[Engram] = []
            while len(engrams) < len(experiences):
                # small at first: what is usual is learned as the memory grows
                size = min(WRITTEN, max(64, len(self) // 2))
                chunk = slice(len(engrams), len(engrams) + size)
                try:
                    engrams += self._all.add(parts[chunk], experiences[chunk])
                except MnemicError as error:
                    if engrams:
                        error.add_note(f"{len(engrams)} of {len(experiences)} were stored before")
                    raise
            return engrams

    def _recall(self, columns: Columns, masks: Columns, rows: int, k: int) -> list[Recall]:
        if k < 1:
            raise ConfigError(f"k must be at least 1, got {k}")
        with self._lock:
            parts = encode_parts(columns, masks, self._all.senses)
            if not columns or len({part.row for part in parts}) < rows:
                raise CueError("there is nothing to recall from; give image= or vector=")
            self._all.refresh()
            return self._all.recall(parts, rows, k)

    def _browse(self, ids: Sequence[int]) -> Iterator[Engram]:
        for start in range(0, len(ids), WRITTEN):
            with self._lock:
                self._all.refresh()
                some = ids[start : start + WRITTEN]
                present = self._store.present(some)
                engrams = self._all.engrams([id for id in some if id in present])
            yield from engrams


def _given(**parts: Any) -> list[str]:
    return [modality for modality, part in parts.items() if part is not None]


def _alone(**parts: Any) -> dict[str, Sequence[Any]]:
    return {modality: [part] for modality, part in parts.items() if part is not None}
