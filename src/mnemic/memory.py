"""Memory: remember a thing once, recall it from a fragment, know what was never seen."""

import shutil
import threading
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import Float

from mnemic import thoughts
from mnemic.answers import inferred, refuse_lesioned
from mnemic.collection import Collection
from mnemic.concepts import Association, Concepts
from mnemic.cortex import STUDENTS, Keep
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
from mnemic.errors import ConfigError, CueError, MnemicError, StoreError
from mnemic.expecting import Expecting, Prediction, learned
from mnemic.export import export
from mnemic.folder import DATABASE, MemoryConfig, open_folder
from mnemic.inventory import SenseUse, uses
from mnemic.joint import by_concept, completed
from mnemic.keeping import lower
from mnemic.lesions import Lesion, lesioned
from mnemic.meanings import Meanings
from mnemic.neocortex import imagination
from mnemic.protocols import Sense
from mnemic.randomness import generator
from mnemic.records import (
    Engram,
    Experience,
    Forgotten,
    Imagined,
    Inferred,
    KeepReport,
    Recall,
    SleepReport,
    SleepStep,
)
from mnemic.sleeping import Sleeper, can_sleep, consolidation, forget_old_students, forget_traces
from mnemic.store import SqliteStore
from mnemic.thoughts import Thing

MAY_RETAIN = (
    "the engrams are gone, but the student learned from them too and may retain something of what"
    " they share with others; the next sleep makes a new one without them"
)

WRITTEN = 1024  # experiences a transaction of remember_many holds at most


class Memory:
    """A memory in a folder: remembers in one exposure, recalls from any part.

    Open one with ``Memory.open``. It may be used from several threads, and by several processes
    at once; each sees what the others stored and forgot at its next call.
    """

    def __init__(
        self,
        path: Path,
        store: SqliteStore,
        config: MemoryConfig,
        senses: Sequence[Sense],
        *,
        seed: int,
        device: str,
    ) -> None:
        self.path = path
        self.seed = seed
        self._made_with = config
        self._store = store
        self._lock = threading.RLock()
        self._all = Collection(
            store,
            senses,
            folder=path,
            keep=config.keep,
            tolerance=config.tolerance,
            seed=seed,
            device=device,
        )
        self._meanings = Meanings(self._all, seed=seed)
        self._expecting = Expecting(self._all)
        self._all.association = Association(store, self._all.points, seed=seed)
        self.concepts = Concepts(self._all.association, self._lock, self._all.refresh)

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        create: Mapping[str, Any] | None = None,
        senses: Sequence[Sense] = (),
        read_only: bool = False,
        seed: int = 0,
        device: str = "cpu",
    ) -> "Memory":
        """Open the memory in a folder; make it, with the settings ``create``, when missing.

        Settings are those of ``MemoryConfig``. ``senses`` are your own, such as
        ``senses.FromCallable``: the same ones each time. All that is random in recall and lesions
        follows from ``seed``.

        Raises:
            NotAMemoryError: the folder holds something else.
            ConfigError: the memory was made with other settings or senses, or one of them encodes
                differently now.
            MissingExtraError: a pretrained sense takes ``pip install 'mnemic[senses]'``.
            NewerVersionError, DamagedError, StoreError: as the store finds.
        """
        path = Path(path)
        store, config, able = open_folder(path, create=create, read_only=read_only, others=senses)
        try:
            return cls(path, store, config, able, seed=seed, device=device)
        except BaseException:
            store.close()
            raise

    @property
    def config(self) -> MemoryConfig:
        """What the memory was made with, and what ``keep`` has made of it since."""
        return replace(self._made_with, keep=self._all.keep, tolerance=self._all.tolerance)

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
        sound: Any = None,
        vector: Any = None,
        text: str | Sequence[str] | None = None,
        label: str | None = None,
        time: Time | None = None,
        metadata: Mapping[str, Any] | None = None,
        known: Any = None,
    ) -> Engram:
        """Store one experience; it is on disk when this returns.

        Parts may be lists of several. Texts are kept as they are, and encoded too where the memory
        has a sense of text. A sound is a file, its bytes, or (samples, rate). ``known`` is a mask
        of the one part, or a mapping from modality to masks. ``time`` is now unless given; one
        without a zone is taken for UTC.

        Raises:
            CueError: no part, or one this memory has no sense for.
            MediaError, ShapeError, ConfigError: a part, or a mask, cannot be used as it is.
            StoreFullError, StoreBusyError, StoreError: nothing was stored.
        """
        masks = masks_by_modality(known, _given(image=image, sound=sound, vector=vector))
        return self._remember(
            _alone(image=image, sound=sound, vector=vector),
            {modality: [mask] for modality, mask in masks.items()},
            [experience(text, label, time, metadata)],
        )[0]

    def remember_many(
        self,
        *,
        image: Sequence[Any] | np.ndarray | None = None,
        sound: Sequence[Any] | None = None,
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
        parts, _ = columns_of({"image": image, "sound": sound, "vector": vector})
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
        self,
        *,
        image: Any = None,
        text: str | Sequence[str] | None = None,
        sound: Any = None,
        vector: Any = None,
        known: Any = None,
        label: str | None = None,
        by: str | Sequence[str] | None = None,
        k: int = 1,
    ) -> Recall:
        """Bring back the whole from a part, and say whether it was ever seen.

        What the engram has no part of, its concept brings; ``label`` alone brings all that the
        concept of this name ties together.

        ``known`` is True where the cue is to be believed (transparent pixels are unknown
        anyway): one mask, or ``{"image": mask, …}`` for a cue in several modalities. ``by`` names
        the senses that are to answer, all of them unless given. ``k`` asks for that many engrams
        in all; all but the first are ``runners_up``.

        Raises:
            CueError: no cue, nothing known in it, or no sense for it.
            MediaError, ShapeError: the cue cannot be read, or the mask does not fit it.
            ConfigError: ``by`` names a sense that the memory does not have.
        """
        columns = _alone(image=image, text=text, sound=sound, vector=vector)
        masks = masks_by_modality(known, list(columns))
        with self._lock:
            graph = self._store.graph
            if label is None:
                masked = {name: [mask] for name, mask in masks.items()}
                return completed(self._all, graph, self._recall(columns, masked, 1, k, by)[0])
            if columns or k < 1:
                raise CueError("a label is a cue of its own; give it alone, and k of at least 1")
            self._all.refresh()
            return by_concept(self._all, graph, self.concepts.known(label), k)

    def recall_many(
        self,
        *,
        image: Sequence[Any] | np.ndarray | None = None,
        text: Sequence[Any] | None = None,
        sound: Sequence[Any] | None = None,
        vector: Sequence[Any] | np.ndarray | None = None,
        known: Any = None,
        by: str | Sequence[str] | None = None,
        k: int = 1,
    ) -> list[Recall]:
        """Recall from many cues, each as ``recall`` would; far faster.

        ``known`` is one mask for all, or one for each.
        """
        columns, rows = columns_of({"image": image, "text": text, "sound": sound, "vector": vector})
        return self._recall(columns, self._mask_columns(known, list(columns), rows), rows, k, by)

    def surprise(
        self,
        *,
        image: Any = None,
        text: str | Sequence[str] | None = None,
        sound: Any = None,
        vector: Any = None,
        known: Any = None,
        by: str | Sequence[str] | None = None,
    ) -> float:
        """0..1: how new this is, as ``remember`` would record it. Nothing is stored.

        The student's prediction error of it, as the share of usual errors that are smaller.
        Before the first sleep: the share of what is stored that is less unlike the rest than
        this is unlike all of it. Of several parts, the most surprising counts.
        """
        columns = _alone(image=image, text=text, sound=sound, vector=vector)
        masks = masks_by_modality(known, list(columns))
        with self._lock:
            parts = encode_parts(
                columns, {name: [mask] for name, mask in masks.items()}, self._senses(by)
            )
            self._all.refresh()
            surprise = self._all.surprises([parts])[0]
        if surprise is None:
            raise CueError(f"nothing was given to be surprised at; give {self._keywords}")
        return surprise

    def sleep(
        self,
        replays: int = 10_000,
        epochs: int = 10,
        *,
        order: bool | float = False,
        **changes: Any,
    ) -> SleepReport:
        """Replay what is stored until a new student has learned the world it comes from.

        Noise settles into ``replays`` engrams, with habituation; the student sees them ``epochs``
        times, and nothing else. ``changes`` are other settings of ``ConsolidationConfig``. Then
        every engram is coded anew, and what ``keep`` says is let go. Remembering and recalling
        go on meanwhile, from other threads and processes. Where an earlier sleep of the same
        settings was interrupted, this goes on from its last whole epoch.

        With ``order`` the night also learns what follows what, for ``predict``: experiences follow
        one another by their times, up to a pause ten times the usual one, or of ``order`` seconds.

        Raises:
            EmptyMemoryError: nothing is stored, or order was asked for and nothing follows.
            ConfigError: a setting is out of range.
            AsleepError: somebody else is sleeping on this memory; the message says who.
            DivergedError: the loss became infinite; the old student stays.
            StoreFullError, StoreError: as the store finds; the old student stays.
        """
        report = None
        for step in self.sleep_steps(replays, epochs, order=order, **changes):
            report = step.report
        assert report is not None
        return report

    def sleep_steps(
        self,
        replays: int = 10_000,
        epochs: int = 10,
        *,
        order: bool | float = False,
        **changes: Any,
    ) -> Generator[SleepStep]:
        """``sleep``, step by step: the last step has the report.

        Stop early, and nothing changes; close the generator then (``contextlib.closing``), or
        nobody else can sleep for some minutes.

        Raises:
            As ``sleep``, when the first step is asked for.
        """
        config = consolidation(replays, epochs, changes, student=self.config.student)
        return Sleeper(
            self._all,
            self._lock,
            kind=self.config.student,
            latent=self.config.latent,
            seed=self.seed,
            config=config,
            order=order,
        ).steps()

    def predict(
        self, after: int | Engram | Sequence[int | Engram] | None = None, *, image: Any = None
    ) -> Prediction:
        """What comes next, by the order learned in sleep.

        Args:
            after: an engram: what led up to it is taken along; or several, one after the other.
            image: instead, a picture, or a list of them in their order; none need be stored.

        Raises:
            ConfigError: neither or both are given.
            NeverSleptError: no sleep yet, or the last one learned no order.
            NotStoredError: an id is not stored.
            CueError: nothing given has a picture.
            LesionedError: the decoder is silenced, or the hippocampus that brings engrams.
        """
        with self._lock:
            self._all.refresh()
            return self._expecting.predict(thoughts.sight(self._all), after, image)

    def infer(self, *, image: Any, known: Any = None) -> Inferred:
        """Fill what is unknown of a picture by what was learned in sleep, without any engram.

        Raises:
            NeverSleptError: there is no student yet.
            LesionedError: the decoder is silenced.
            CueError, MediaError, ShapeError: as ``recall``.
        """
        with self._lock:
            self._all.refresh()
            refuse_lesioned(self._all.lesioned, "decoder")
            part = thoughts.seen(self._all, image, known)
            return inferred(part, self._all.points[part.sense])

    def facts(self, *, image: Any, known: Any = None) -> dict[str, dict[str, float]]:
        """How probable each value of each attribute is: {"label": {"sandal": .9, …}, …}.

        Attributes are the labels engrams were remembered with, and plain values in their
        metadata. They are read off the picture's latent; no engram is recalled. Nothing is decoded
        either, unless a part of the picture is unknown: that part follows from the rest.

        Raises:
            NeverSleptError: there is no student yet.
            LesionedError: a part is unknown, and the decoder silenced.
            EmptyMemoryError: no two engrams share a label or such a value.
            CueError, MediaError, ShapeError: as ``recall``.
        """
        with self._lock:
            self._all.refresh()
            part = thoughts.seen(self._all, image, known)
            return self._meanings.facts(part.sense, thoughts.latent_of(self._all, part))

    def latents(self, ids: Sequence[int]) -> Float[np.ndarray, "points latent"]:
        """What engrams mean to the student: the latent of each picture of each of them.

        Raises:
            NeverSleptError: there is no student yet.
        """
        with self._lock:
            self._all.refresh()
            return thoughts.sight(self._all).latents_of(ids).numpy()

    def imagine(
        self,
        count: int = 8,
        *,
        label: str | None = None,
        between: tuple[Thing, Thing] | None = None,
        steps: int = 8,
        like: Thing | None = None,
        plus: Thing | None = None,
        minus: Thing | None = None,
        seed: int | None = None,
    ) -> Imagined:
        """Pictures of what never was.

        ``count`` of anything at all, or of a ``label``; ``steps`` on the way ``between`` two
        things; or one ``like`` a thing, changed as ``plus`` differs from ``minus``. A thing is an
        engram, its id, or a picture.

        Raises:
            NeverSleptError: there is no student yet.
            LesionedError: the decoder is silenced, or the hippocampus that would bring the
                engrams.
            EmptyMemoryError: nothing with that label is stored.
            ConfigError: a wish that is none of these, or a number too small.
        """
        thoughts.one_way(label, between, like, plus, minus)
        seed = self.seed if seed is None else seed
        with self._lock:
            self._all.refresh()
            refuse_lesioned(self._all.lesioned, "decoder")
            if between is not None:
                ends = [thoughts.thought(self._all, thing) for thing in between]
                latents = imagination.between(ends[0], ends[1], steps)
            elif like is not None:
                latents = thoughts.analogous(self._all, like, plus, minus)
            else:
                rng = generator(seed, "imagine")
                latents = thoughts.dreamt(self._all, count, label, rng=rng)
            return thoughts.drawn(self._all, latents, seed)

    def keep(
        self, keep: Keep, *, tolerance: float | None = None, apply: bool = False
    ) -> KeepReport:
        """Keep less of every engram; without ``apply``, only say what that would mean.

        ``"detail"`` keeps a latent, and of the features those the student misses by more than
        ``tolerance``; ``"schema"`` keeps the latent alone. What is let go cannot come back.

        Raises:
            ConfigError: more was asked for than is kept now.
            NeverSleptError: there is no student yet to predict anything.
        """
        with self._lock:
            self._all.refresh()
            tolerance = self._all.tolerance if tolerance is None else tolerance
            MemoryConfig(keep=keep, tolerance=tolerance)  # checks both
            return lower(self._all, keep, tolerance=tolerance, apply=apply, seed=self.seed)

    def lesion(self, what: Lesion, fraction: float = 1.0) -> AbstractContextManager[list[int]]:
        """Silence a part of the memory until the block ends; nothing on disk changes.

        ``"engrams"``: a random share of them, chosen by the memory's seed; yields their ids.
        ``"hippocampus"``: all recall of engrams; what the students alone make of a cue is left.
        ``"decoder"``: all that students draw; what is kept in detail, and facts, are left.

        Raises:
            ConfigError: when the block begins; there is no such part, or it is silenced already.
        """
        return lesioned(self._all, self._lock, what, fraction, seed=self.seed)

    def forget(self, *ids: int, retrain: bool = False) -> Forgotten:
        """Remove engrams for good: their bytes are overwritten, on disk and in memory.

        With them go the checkpoints of interrupted sleep. The current student was trained while
        they were stored and may retain something of them, as may that of a sleep under way;
        ``retrain`` sleeps anew, on what is left, with the settings of the last sleep.

        Raises:
            NotStoredError: an id is not stored; nothing is forgotten.
            AsleepError: forgotten, but not retrained, since somebody is sleeping.
            StoreBusyError: forgotten, but a reader keeps the write-ahead log from being emptied.
        """
        with self._lock:
            asleep = False
            try:
                self._store.forget(ids)
            finally:
                self._all.refresh(own=True)
                if not self._store.present(ids):  # even where a reader keeps the log from going
                    self._meanings.forget()
                    asleep = not forget_traces(self._store, self.path)
            students = self._store.students()
        retained = bool(students) or asleep
        if retrain and students:
            settings = dict(students[0].report["config"])
            places = self._all.points.values()
            left = any(one.engram_of and can_sleep(one) is None for one in places)
            if asleep or left:
                replays, epochs = settings.pop("replayed"), settings.pop("epochs")
                order = learned(self._all)
                self.sleep(replays, epochs, order=order, **settings)
            else:
                self._store.forget_students()
                self._all.refresh(own=True)
                forget_old_students(self.path, set())
            # where features are the last student's drawings, the next one learns from those
            retained = left and self._all.keep != "original"
        return Forgotten(
            ids=ids,
            student_may_retain=retained,
            sentence=MAY_RETAIN if retained else "nothing of what was forgotten is left",
        )

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

    def senses(self) -> list[SenseUse]:
        """The senses there are, and how far each compresses what it was given."""
        with self._lock:
            self._all.refresh()
            return uses(self._all)

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
        with self._lock:
            while True:
                newest = self._store.newest_student
                self._store.backup(folder / DATABASE)
                for one in self._store.students():
                    (folder / STUDENTS).mkdir(exist_ok=True)
                    # its weights, and what was learned of order with it
                    for file in (self.path / STUDENTS).glob(f"{Path(one.file).stem}.*"):
                        with suppress(FileNotFoundError):  # lost here, and so in the copy
                            shutil.copy2(file, folder / STUDENTS / file.name)
                if self._store.newest_student == newest:
                    return
                shutil.rmtree(folder)  # a night has ended meanwhile, and taken the old student
                folder.mkdir()

    def export(self, path: str | Path) -> None:
        """Write everything as Parquet tables and original files, readable without mnemic.

        Raises:
            ConfigError: the folder exists and is not empty.
        """
        with self._lock:
            self._all.refresh()
            export(self._store, self._all.points, Path(path))

    def check(self) -> list[str]:
        """Faults found on disk, in words; empty when the memory is sound."""
        with self._lock:
            self._all.refresh(own=True)  # another process may have slept
        faults = self._store.check()
        for name, points in self._all.points.items():
            for kept in self._store.points(sense=name):
                try:
                    points.sense.decode(points.unpacked(kept), None)
                except (ValueError, StoreError) as error:
                    faults.append(f"point {kept.id} of engram {kept.engram} is damaged: {error}")
        return faults

    def _mask_columns(self, known: Any, modalities: list[str], rows: int) -> Columns:
        return {
            modality: mask_column(masks, rows, 2 if modality == "image" else 1)
            for modality, masks in masks_by_modality(known, modalities).items()
        }

    def _remember(
        self, columns: Columns, masks: Columns, experiences: list[Experience]
    ) -> list[Engram]:
        with self._lock:
            parts: list[list[Part]] = [[] for _ in experiences]
            if any(sense.modality == "text" for sense in self._all.senses):
                words = [[text for text in one.text if text.strip()] for one in experiences]
                columns = {**columns, "text": words}
            for part in encode_parts(columns, masks, self._all.senses):
                parts[part.row].append(part)
            for one, mine in zip(experiences, parts, strict=True):
                if not mine and not one.text:
                    raise CueError(f"an experience needs a part; give {self._keywords}")
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

    def _recall(
        self,
        columns: Columns,
        masks: Columns,
        rows: int,
        k: int,
        by: str | Sequence[str] | None,
    ) -> list[Recall]:
        if k < 1:
            raise ConfigError(f"k must be at least 1, got {k}")
        with self._lock:
            parts = encode_parts(columns, masks, self._senses(by))
            if not columns or len({part.row for part in parts}) < rows:
                raise CueError(f"there is nothing to recall from; give {self._keywords}")
            self._all.refresh()
            return self._all.recall(parts, rows, k)

    @property
    def _keywords(self) -> str:
        """What parts come under, in words."""
        modalities = dict.fromkeys([*(sense.modality for sense in self._all.senses), "text"])
        return " or ".join(f"{modality}=" for modality in modalities)

    def _senses(self, by: str | Sequence[str] | None) -> list[Sense]:
        """The senses of these names, or all."""
        if by is None:
            return self._all.senses
        names = [by] if isinstance(by, str) else by
        if unknown := [name for name in names if name not in self._all.points]:
            raise ConfigError(
                f"by= names a sense {unknown[0]!r}; this memory has"
                f" {', '.join(map(repr, self._all.points))}"
            )
        return [self._all.points[name].sense for name in names]

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
