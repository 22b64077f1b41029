"""A night: replay trains a new student of each sense, and all engrams are coded anew under it.

It works on a snapshot, so that remembering and recalling go on. A plan and a checkpoint after
every epoch lie in the folder ``sleep``; whoever sleeps next with the same settings goes on from
there. Nothing of the memory changes before the one transaction at the end.
"""

import json
import time
from collections.abc import Generator, Mapping
from contextlib import suppress
from dataclasses import asdict, replace
from pathlib import Path
from threading import RLock
from typing import NamedTuple

import numpy as np
import torch

from mnemic import expecting
from mnemic.collection import Collection
from mnemic.cortex import STUDENTS, Cortex
from mnemic.errors import (
    AsleepError,
    DamagedError,
    DivergedError,
    EmptyMemoryError,
)
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
from mnemic.sleeping.lease import give_back_lease, holder_name, take_lease
from mnemic.sleeping.plan import SLEEP, Plan, forget_nights, forget_old_students, make, write

RENEWED = 20.0  # seconds after which the lease is taken again
USUAL = 512  # prediction errors that say what is usual
ENOUGH = 20  # of them held out
SIDE = 8  # pixels of the smallest picture a student sees


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
        order: bool | float = False,
    ) -> None:
        self.collection = collection
        self.lock = lock
        self.kind: Kind = kind
        self.latent = latent
        self.seed = seed
        self.config = config
        self.order = order
        self.folder = collection.folder
        self.holder = holder_name()
        self._renewed = -1.0
        self._last: int | None = None  # version of the newest student when this night began

    def steps(self) -> Generator[SleepStep]:
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
            self._refuse_without_order()
            plan, resumed = self._plan()
            slept: list[Slept] = []
            for name in plan.newest:
                try:
                    slept.append((yield from self._sense(plan, name, plan.version + len(slept))))
                except DivergedError:
                    forget_nights(self.folder)  # it would diverge again
                    raise
            drifts = yield from self._turn(slept)
            if self.order is not False:
                yield from self._order(slept)
            report = self._report(slept, drifts, resumed, time.monotonic() - started)
            yield SleepStep(phase="done", sense="", done=1, total=1, report=report)
        finally:
            give_back_lease(self.collection.store, self.holder)

    def _renew(self) -> None:
        """Hold the lease, now and then again."""
        if self._renewed >= 0 and time.monotonic() - self._renewed < RENEWED:
            return
        other = take_lease(self.collection.store, self.holder)
        if other is not None:
            raise AsleepError(
                f"{other} is sleeping on {self.folder}; wait until it is done, or stop it"
            )
        if self._last is not None and self.collection.store.newest_student != self._last:
            raise AsleepError(  # this one paused for so long that its lease ran out
                f"somebody else has slept on {self.folder} meanwhile; sleep again"
            )
        self._renewed = time.monotonic()

    def _refuse_without_order(self) -> None:
        """EmptyMemoryError where order is to be learned, and nothing follows anything."""
        if self.order is not False:
            with self.lock:
                expecting.sequences(self.collection, self.order)

    def _order(self, slept: list[Slept]) -> Generator[SleepStep]:
        """Learn what follows what, in the latents that all engrams now have."""
        self._last = self.collection.store.newest_student  # it is this night's own
        for one in slept:
            name = one.student.sense
            with self.lock:
                lesson = expecting.lesson_of(self.collection, name, self.order)
            for step in expecting.learn(lesson, seed=self.seed):
                self._renew()
                yield SleepStep(
                    phase="order", sense=name, done=step.done, total=step.total, loss=step.loss
                )

    def _plan(self) -> tuple[Plan, bool]:
        """Take up an interrupted night that was to be the same, or begin one."""
        with self.lock:
            self.collection.refresh(own=True)
            self._refuse_orphans()
            self._last = self.collection.store.newest_student
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
                version=self._last + 1,
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

    def _refuse_orphans(self) -> None:
        """DamagedError where points wait for a student whose file is lost: a new one ends that."""
        named = {kept.sense: kept.file for kept in self.collection.store.students()}
        for name, points in self.collection.points.items():
            if name not in named or points.cortex is not None:
                continue
            bare = sum(not kept.point.code for kept in self.collection.store.points(sense=name))
            if bare:
                raise DamagedError(
                    f"{bare} points of {name} are kept by the student in {named[name]}, which"
                    " cannot be used, and a new one could not read them; restore that file from"
                    " a backup, or forget their engrams, before sleeping"
                )

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
        self._renew()
        make(self.folder / STUDENTS)
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
        with suppress(OSError, ValueError):  # without them it begins anew
            found = Progress.load(checkpoint)
            kept = json.loads(notes.read_text())[: found.epoch]
            ours = student.config, asdict(self.config), lesson.fingerprint
            if len(kept) == found.epoch and (found.student, found.config, found.data) == ours:
                losses, replayed, held_out = (list(column) for column in zip(*kept, strict=True))
                progress = found
        training = consolidate(student, lesson, self.config, rng=rng, progress=progress)
        epoch: list[float] = []
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
                write(notes, json.dumps([list(row) for row in columns]))
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
        return Epochs(losses, replayed, held_out)

    def _turn(self, slept: list[Slept]) -> Generator[SleepStep, None, dict[str, float | None]]:
        """Code every engram anew, and change all in one transaction; again if it came too late."""
        store, collection = self.collection.store, self.collection
        coded: dict[int, Coded] = {}
        keep, tolerance = collection.keep, collection.tolerance
        while True:
            with self.lock:
                collection.refresh(own=True)
                revision = store.revision
                if (keep, tolerance) != (collection.keep, collection.tolerance):
                    keep, tolerance = collection.keep, collection.tolerance
                    coded = {}  # what is to be kept of them is another now
                stored = [collection.points[one.student.sense].engram_of for one in slept]
                coded = {id: one for id, one in coded.items() if any(id in ids for ids in stored)}
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
                        points = collection.points[name]
                        left = [id for id in some if id in points.engram_of]
                        if left:
                            coded |= code_anew(
                                points, one.cortex, left, keep=keep, tolerance=tolerance
                            )
                    self._renew()
                    done = min(start + CODED, len(ids))
                    yield SleepStep(phase="encode", sense=name, done=done, total=len(ids))
            self._renew()
            with self.lock:
                students = [one.student for one in slept]
                night = night_of(collection, coded, students=students, keep=keep)
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
    """How much features changed, on average, where less than all of them is kept."""
    if collection.keep == "original":
        return None
    of_sense = collection.points[name].engram_of
    return float(np.mean([one.change for id, one in coded.items() if id in of_sense]))


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
