"""A night: replay trains a new student of each sense, and all engrams are coded anew under it.

It works on a snapshot, so that remembering and recalling go on. A plan and a checkpoint after
every epoch lie in the folder ``sleep``; whoever sleeps next with the same settings goes on from
there. Nothing of the memory changes before the one transaction at the end.
"""

import json
import os
import re
import shutil
import socket
import time
import uuid
from collections.abc import Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import RLock
from typing import Any, NamedTuple

import numpy as np
import torch

from mnemic.collection import Collection
from mnemic.cortex import STUDENTS, Cortex
from mnemic.errors import AsleepError, ConfigError, DamagedError, DivergedError, EmptyMemoryError
from mnemic.hippocampus import EpisodicMemory
from mnemic.keeping import CODED, Coded, code_anew, night_of, space
from mnemic.neocortex import ConsolidationConfig, Progress, Student, consolidate, make_student
from mnemic.neocortex.lesson import Lesson, prepare
from mnemic.neocortex.student import Kind
from mnemic.neocortex.surprise import prediction_error
from mnemic.points import Points
from mnemic.protocols import KeptStudent
from mnemic.randomness import generator
from mnemic.records import Replay, SenseReport, SleepReport, SleepStep

SLEEP = "sleep"  # the folder of plan and checkpoints, within a memory
PLAN = "plan.json"
LEASE = timedelta(minutes=5)
RENEWED = 20.0  # seconds after which the lease is taken again
USUAL = 512  # prediction errors that say what is usual
ENOUGH = 20  # of them held out
SIDE = 8  # pixels of the smallest picture a student sees


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a night set out to do."""

    version: int  # of the first student it makes
    newest: Mapping[str, int]  # by sense, the last point that takes part
    kind: Kind
    latent: int | None
    seed: int
    config: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Plan | None":
        """The plan of an interrupted night, if there is one."""
        try:
            return cls(**json.loads((folder / SLEEP / PLAN).read_text()))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, folder: Path) -> None:
        """Lay the plan down, where those before it are done with."""
        forget_nights(folder)
        (folder / SLEEP).mkdir()
        (folder / SLEEP / PLAN).write_text(json.dumps(asdict(self)))


class Epochs(NamedTuple):
    """How training went, one number an epoch."""

    losses: list[float]
    replayed_errors: list[float]
    held_out_errors: list[float | None]


class Slept(NamedTuple):
    """What came of one sense."""

    student: KeptStudent
    cortex: Cortex
    report: SenseReport


def consolidation(
    replays: int, epochs: int, changes: Mapping[str, Any], *, student: Kind
) -> ConsolidationConfig:
    """The settings of a night; each kind of student has its own training.

    Raises:
        ConfigError: a setting is out of range, or there is none of that name.
    """
    names = {field.name for field in fields(ConsolidationConfig)}
    for name in changes:
        if name not in names:
            raise ConfigError(
                f"a sleep has no setting {name!r}; there are {', '.join(sorted(names))}"
            )
    make = ConsolidationConfig.spens2022 if student == "spens2022" else ConsolidationConfig
    settings: dict[str, Any] = {"replayed": replays, "epochs": epochs}
    settings["held_out"] = ConsolidationConfig.held_out  # says what prediction errors are usual
    return make(**settings | dict(changes))


def forget_nights(folder: Path) -> None:
    """Remove the plan and checkpoints of an interrupted night."""
    shutil.rmtree(folder / SLEEP, ignore_errors=True)


def forget_old_students(folder: Path, files: set[str]) -> None:
    """Remove the weights of all students but these."""
    for path in (folder / STUDENTS).glob("*.safetensors"):
        if path.name not in files:
            path.unlink(missing_ok=True)


class Sleeper:
    """One night of a memory. Iterate over ``steps``; stop early, and it can be taken up again."""

    def __init__(
        self,
        collection: Collection,
        lock: RLock,
        *,
        kind: Kind,
        latent: int | None,
        seed: int,
        config: ConsolidationConfig,
    ) -> None:
        self.collection = collection
        self.lock = lock
        self.kind: Kind = kind
        self.latent = latent
        self.seed = seed
        self.config = config
        self.folder = collection.folder
        self.holder = f"process {os.getpid()} on {socket.gethostname()} ({uuid.uuid4().hex[:8]})"
        self._renewed = -1.0

    def steps(self) -> Iterator[SleepStep]:
        """Every step of the night; the last one carries the report.

        Raises:
            EmptyMemoryError: there is nothing to replay.
            AsleepError: somebody else is sleeping.
            DivergedError: the training failed; the old student stays.
            StoreError: a checkpoint, the student or the outcome could not be written.
        """
        started = time.monotonic()
        self._renew()
        try:
            plan, resumed = self._plan()
            slept: list[Slept] = []
            for name in plan.newest:
                try:
                    slept.append((yield from self._sense(plan, name, plan.version + len(slept))))
                except DivergedError:
                    forget_nights(self.folder)  # it would diverge again
                    raise
            drifts = yield from self._turn(slept)
            report = self._report(slept, drifts, resumed, time.monotonic() - started)
            yield SleepStep(phase="done", sense="", done=1, total=1, report=report)
        finally:
            self.collection.store.release(self.holder)

    def _renew(self) -> None:
        """Hold the lease, now and then again."""
        if self._renewed >= 0 and time.monotonic() - self._renewed < RENEWED:
            return
        while True:
            now = datetime.now(UTC)
            other = self.collection.store.lease(self.holder, now + LEASE, now=now)
            if other is None:
                self._renewed = time.monotonic()
                return
            if not _is_gone(other):
                raise AsleepError(
                    f"{other} is sleeping on {self.folder}; wait until it is done, or stop it"
                )
            self.collection.store.release(other)

    def _plan(self) -> tuple[Plan, bool]:
        """Take up an interrupted night that was to be the same, or begin one."""
        with self.lock:
            self.collection.refresh(own=True)
            able = {
                name: max(points.engram_of)
                for name, points in self.collection.points.items()
                if points.engram_of and can_sleep(points) is None
            }
            if not able:
                raise EmptyMemoryError(
                    "there is nothing to replay; remember some pictures before sleeping"
                )
            plan = Plan(
                version=self.collection.store.newest_student + 1,
                newest=able,
                kind=self.kind,
                latent=self.latent,
                seed=self.seed,
                config=asdict(self.config),
            )
            before = Plan.read(self.folder)
            if before is not None and asdict(plan) | {"newest": before.newest} == asdict(before):
                return before, True
            plan.write(self.folder)
            return plan, False

    def _sense(self, plan: Plan, name: str, version: int) -> Generator[SleepStep, None, Slept]:
        """Replay, train and keep one student."""
        with self.lock:
            points = self.collection.points[name]
            teacher = snapshot(points, plan.newest[name], seed=plan.seed)
        rng = generator(plan.seed, f"sleep {version}")
        replay = yield from self._replay(teacher, name, rng)
        student = make_student(plan.kind, points.sense.grid, plan.latent, seed=plan.seed)
        checkpoint = self.folder / SLEEP / f"{name}.safetensors"
        file = f"{name}-{version}.safetensors"
        lesson = prepare(
            replay,
            dim=student.dim,
            replayed=self.config.replayed,
            share=self.config.held_out,
            rng=rng,
        )
        losses, replayed, held_out = yield from self._train(student, lesson, checkpoint, name, rng)
        (self.folder / STUDENTS).mkdir(exist_ok=True)
        student.save(self.folder / STUDENTS / file)
        usual = usual_errors(student, lesson)
        report = SenseReport(
            student=version,
            engrams=len(teacher),
            replayed=len(replay.ids),
            coverage=replay.coverage,
            purity=replay.purity,
            entropy=replay.entropy,
            losses=tuple(losses),
            replayed_errors=tuple(replayed),
            held_out_errors=tuple(held_out),
            drift=None,
        )
        kept = KeptStudent(
            version,
            name,
            file,
            {
                "usual errors": usual,
                "config": dict(plan.config),
                "seed": plan.seed,
                "report": asdict(report),
            },
        )
        return Slept(kept, Cortex(points.sense, student, version, usual), report)

    def _replay(
        self, teacher: EpisodicMemory, name: str, rng: torch.Generator
    ) -> Generator[SleepStep, None, Replay]:
        count, seen = 0, torch.zeros(len(teacher), dtype=torch.bool)
        waves = []
        for wave in teacher.replay_in_waves(self.config.replayed, rng=rng):
            waves.append(wave)
            seen[wave.rows.cpu()] = True
            count += len(wave.rows)
            self._renew()
            yield SleepStep(
                phase="replay",
                sense=name,
                done=count,
                total=self.config.replayed,
                coverage=float(seen.float().mean()),
            )
        return teacher.described(waves)

    def _train(
        self, student: Student, lesson: Lesson, checkpoint: Path, name: str, rng: torch.Generator
    ) -> Generator[SleepStep, None, Epochs]:
        """Train, from the last checkpoint where there is one; leave one after every epoch."""
        losses: list[float] = []
        replayed: list[float] = []
        held_out: list[float | None] = []
        notes = checkpoint.with_suffix(".json")
        progress = None
        with suppress(OSError, ValueError, DamagedError):  # without them it begins anew
            progress = Progress.load(checkpoint)
            kept = json.loads(notes.read_text())[: progress.epoch]
            losses, replayed, held_out = (list(column) for column in zip(*kept, strict=True))
        training = consolidate(student, lesson, self.config, rng=rng, progress=progress)
        epoch: list[float] = []
        try:
            for step in training:
                epoch.append(step.loss)
                self._renew()
                if step.progress is not None:
                    assert step.replayed_error is not None
                    losses.append(float(np.mean(epoch)))
                    replayed.append(step.replayed_error)
                    held_out.append(step.held_out_error)
                    epoch = []
                    columns = zip(losses, replayed, held_out, strict=True)
                    notes.write_text(json.dumps([list(row) for row in columns]))
                    step.progress.save(checkpoint)
                yield SleepStep(
                    phase="train",
                    sense=name,
                    done=step.done,
                    total=step.total,
                    epoch=step.epoch,
                    loss=step.loss,
                    replayed_error=step.replayed_error,
                    held_out_error=step.held_out_error,
                )
        except ConfigError as error:
            if progress is None:
                raise
            raise DamagedError(f"{checkpoint} does not fit this night: {error}") from error
        return Epochs(losses, replayed, held_out)

    def _turn(self, slept: list[Slept]) -> Generator[SleepStep, None, dict[str, float | None]]:
        """Code every engram anew, and change all in one transaction; again if it came too late."""
        store, collection = self.collection.store, self.collection
        coded: dict[int, Coded] = {}
        while True:
            with self.lock:
                collection.refresh(own=True)
                revision = store.revision
                waiting = {
                    one.student.sense: [
                        id
                        for id in collection.points[one.student.sense].engram_of
                        if id not in coded
                    ]
                    for one in slept
                }
            for one in slept:
                name = one.student.sense
                ids = waiting[name]
                for start in range(0, len(ids), CODED):
                    some = ids[start : start + CODED]
                    with self.lock:
                        coded |= code_anew(
                            collection.points[name],
                            one.cortex,
                            some,
                            keep=collection.keep,
                            tolerance=collection.tolerance,
                        )
                    self._renew()
                    done = min(start + CODED, len(ids))
                    yield SleepStep(phase="encode", sense=name, done=done, total=len(ids))
            with self.lock:
                students = [one.student for one in slept]
                night = night_of(collection, coded, students=students, keep=collection.keep)
                if store.turn(night, revision=revision):
                    forget_nights(self.folder)
                    collection.refresh(own=True)
                    forget_old_students(self.folder, {one.file for one in store.students()})
                    return {one.sense: _drift(collection, one.sense, coded) for one in students}

    def _report(
        self,
        slept: list[Slept],
        drifts: Mapping[str, float | None],
        resumed: bool,
        seconds: float,
    ) -> SleepReport:
        with self.lock:
            return SleepReport(
                senses={
                    one.student.sense: replace(one.report, drift=drifts[one.student.sense])
                    for one in slept
                },
                not_slept={
                    name: reason
                    for name, points in self.collection.points.items()
                    if (reason := can_sleep(points)) is not None
                },
                space=space(self.collection),
                strength=self.collection.mean_strength(),
                resumed=resumed,
                seconds=seconds,
                seed=self.seed,
            )


def _drift(collection: Collection, name: str, coded: Mapping[int, Coded]) -> float | None:
    """How much the features changed, on average, of what is kept as schema alone."""
    if collection.keep != "schema":
        return None
    of_sense = collection.points[name].engram_of
    return float(np.mean([one.change for id, one in coded.items() if id in of_sense]))


def _is_gone(holder: str) -> bool:
    """Whether a holder of the lease was a process of this machine that is no more."""
    named = re.match(r"process (\d+) on (.*) \(", holder)
    if named is None or named[2] != socket.gethostname():
        return False
    try:
        os.kill(int(named[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def can_sleep(points: Points) -> str | None:
    """Why a sense has no student; None where it can have one."""
    height, width, channels = points.sense.grid
    if min(height, width) < SIDE or channels not in (1, 3):
        return "students see pictures; vectors stay as they are, and novelty is their surprise"
    return None


def snapshot(points: Points, newest: int, *, seed: int) -> EpisodicMemory:
    """A teacher that holds a copy of the points up to one, in the order they came."""
    ids = sorted(id for id in points.engram_of if id <= newest)
    if not ids:
        raise EmptyMemoryError("all that was to be replayed has been forgotten")
    patterns = points.memory.patterns
    rows = patterns.rows_of(ids)
    teacher = EpisodicMemory(
        points.memory.dim, grid=points.memory.grid, seed=seed, device=patterns.device
    )
    known = None if patterns.known is None else patterns.known[rows]
    teacher.store(patterns.rows[rows], known, ids=ids)
    return teacher


def usual_errors(student: Student, lesson: Lesson) -> list[float]:
    """Prediction errors of what was held out of training, in rising order.

    Where too little was held out, of what was learned from too: better than nothing.
    """
    features, known = lesson.held_out, lesson.held_out_known
    if len(features) < ENOUGH:
        features = torch.cat([features, lesson.patterns])
        if lesson.known is not None:
            known = lesson.known if known is None else torch.cat([known, lesson.known])
    features, known = features[:USUAL], None if known is None else known[:USUAL]
    predicted = student.decode(student.encode(features).half().float())
    errors = prediction_error(features, predicted, known, grid=student.grid)
    return sorted(errors.tolist())
