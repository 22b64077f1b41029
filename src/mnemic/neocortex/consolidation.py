"""Sleep: the student learns from what the teacher replays, and from nothing else."""

import math
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Any, Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mnemic.errors import ConfigError, DivergedError
from mnemic.functional.variational import Loss, kl_from_standard_normal, reconstruction_loss
from mnemic.neocortex.lesson import Lesson, prepare
from mnemic.neocortex.progress import Progress
from mnemic.neocortex.student import Student
from mnemic.protocols import Teacher
from mnemic.records import Replay

Schedule = Literal["constant", "cosine"]
Precision = Literal["float32", "bfloat16"]

ROUNDING = 1e-3  # how far outside 0..1 settling may leave a feature of a picture


@dataclass(frozen=True, kw_only=True)
class ConsolidationConfig:
    """How a student is trained.

    ``replayed`` patterns are asked of a teacher, once, and seen ``epochs`` times. ``held_out`` of
    them are kept aside to be told from memorising. ``loss`` is summed over pixels, and
    ``kl_weight`` is what a nat of the latent costs beside it. ``schedule="cosine"`` lets the
    learning rate fall to zero along half a wave, ``warm_up`` is the share of all steps over which
    it first rises; ``longest_gradient`` (None: any) is the length
    above which a step's gradient is shortened. ``precision="bfloat16"`` halves the digits of
    the convolutions, not of the weights or the loss: faster on processors that have it.
    """

    epochs: int = 10
    replayed: int = 10_000
    batch: int = 16
    learning_rate: float = 2e-3
    warm_up: float = 0.05
    epsilon: float = 1e-7
    longest_gradient: float | None = 100.0
    kl_weight: float = 0.1
    schedule: Schedule = "cosine"
    loss: Loss = "l1"
    precision: Precision = "float32"
    held_out: float = 0.05

    def __post_init__(self) -> None:
        for name in ("epochs", "replayed", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("learning_rate", "epsilon"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be positive, got {getattr(self, name)}")
        if self.longest_gradient is not None and not self.longest_gradient > 0:
            raise ConfigError(f"longest_gradient must be positive, got {self.longest_gradient}")
        if not 0 <= self.kl_weight < math.inf:
            raise ConfigError(f"kl_weight must be 0 or more, got {self.kl_weight}")
        for name in ("held_out", "warm_up"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"{name} is a share from 0 to below 1, got {getattr(self, name)}")
        for name, choices in (("schedule", Schedule), ("loss", Loss), ("precision", Precision)):
            if getattr(self, name) not in get_args(choices):
                known = ", ".join(get_args(choices))
                raise ConfigError(f"{name} must be one of {known}, got {getattr(self, name)!r}")

    @classmethod
    def spens2022(cls, **changes: Any) -> "ConsolidationConfig":
        """The published training: 50 epochs of Adam at 1e-3, batches of 32, the full KL."""
        published: dict[str, Any] = {
            "epochs": 50,
            "batch": 32,
            "learning_rate": 1e-3,
            "warm_up": 0.0,
            "epsilon": 1e-7,
            "longest_gradient": None,
            "kl_weight": 1.0,
            "schedule": "constant",
            "loss": "l1",
            "held_out": 0.0,
        }
        return cls(**(published | changes))


class ConsolidationStep(NamedTuple):
    """One step of the optimiser.

    The last step of an epoch also tells how the student, no longer sampling, reconstructs what
    it was trained on and what was held out, and where to resume from.
    """

    epoch: int  # from 1
    done: int  # steps, of ``total``
    total: int
    loss: float  # of this batch, KL and all
    replayed_error: float | None = None  # reconstruction loss per picture
    held_out_error: float | None = None
    progress: Progress | None = None


def consolidate(
    student: Student,
    source: Teacher | Replay | Lesson | Float[Tensor, "count dim"],
    config: ConsolidationConfig,
    *,
    rng: torch.Generator,
    held_out: Float[Tensor, "unseen dim"] | None = None,
    known: Bool[Tensor, "count dim"] | None = None,
    progress: Progress | None = None,
) -> Iterator[ConsolidationStep]:
    """Train a student, in place, on what its teacher replays; each step is yielded.

    ``source`` is the teacher, what it has already replayed, or a lesson prepared from that.
    Features where ``known`` is
    False cost nothing; the student sees their mean over the others. ``held_out`` patterns are
    only looked at; without them, ``config.held_out`` of the replayed ones take their place. The
    weights change until the iterator ends; stop early, and they stay as they are.

    ``progress`` resumes an interrupted run: with the same ``source`` and an ``rng`` seeded
    alike, it ends in exactly the student an uninterrupted one ends in.

    Raises:
        ShapeError: the patterns are not the student's.
        EmptyMemoryError: there is nothing to learn from.
        ConfigError: ``progress`` belongs to another student, configuration or replay; or the
            features are outside 0..1, where cross-entropy is not defined.
        DivergedError: the loss is no longer finite; the student is as after the last good epoch.
    """
    if isinstance(source, Lesson):
        lesson = source
    else:
        lesson = prepare(
            source,
            known,
            held_out,
            dim=student.dim,
            replayed=config.replayed,
            share=config.held_out,
            rng=rng,
        )
    if config.loss == "bce":
        _refuse_outside(lesson.patterns)
    training = Training(student, lesson, config, rng)
    if progress is not None:
        training.resume(progress)
    good = training.progress()
    per_epoch = -(-len(lesson.patterns) // config.batch)
    total = config.epochs * per_epoch
    while training.epoch < config.epochs:
        epoch, loss = training.epoch + 1, math.nan
        order = torch.randperm(len(lesson.patterns), generator=rng)
        for rows in order.split(config.batch):
            loss = training.step(rows, learning_rate(training.done, total, config))
            if not math.isfinite(loss):
                raise training.diverged(good, f"the loss became {loss}")
            if training.done < epoch * per_epoch:
                yield ConsolidationStep(epoch, training.done, total, loss)
        replayed_error, held_out_error = training.errors()
        if not math.isfinite(replayed_error):  # the last step can spoil what its loss did not see
            raise training.diverged(good, f"the error became {replayed_error}")
        training.epoch = epoch
        good = training.progress()
        yield ConsolidationStep(
            epoch, training.done, total, loss, replayed_error, held_out_error, good
        )


LOOK = 512  # replayed patterns looked at again at the end of an epoch


def learning_rate(done: int, total: int, config: ConsolidationConfig) -> float:
    """The rate of the step after ``done`` of ``total``."""
    rising = min(1.0, (done + 1) / (config.warm_up * total + 1))
    falling = 0.5 * (1 + math.cos(math.pi * done / total)) if config.schedule == "cosine" else 1.0
    return config.learning_rate * rising * falling


def reconstruction_error(
    student: Student,
    features: Float[Tensor, "batch dim"],
    known: Bool[Tensor, "batch dim"] | None = None,
    *,
    loss: Loss = "l1",
) -> float:
    """What pictures are missed by on average, when the student codes and decodes them."""
    channels = student.grid[-1]
    decoded = student.decode(student.encode(features))
    return float(reconstruction_loss(decoded, features, known, channels=channels, loss=loss).mean())


class Training:
    """What changes while a student is trained: weights, optimiser, random state, place."""

    def __init__(
        self, student: Student, lesson: Lesson, config: ConsolidationConfig, rng: torch.Generator
    ) -> None:
        self.student = student
        self.lesson = lesson
        self.config = config
        self.rng = rng
        self.epoch = 0
        self.done = 0
        self.parameters = list(student.model.parameters())
        self.optimiser = torch.optim.Adam(
            self.parameters, lr=config.learning_rate, eps=config.epsilon, fused=True
        )

    def step(self, rows: Int[Tensor, " batch"], rate: float) -> float:
        """Learn from some patterns; the loss, and no change where that is not finite."""
        if len(rows) == 1:
            rows = rows.repeat(2)  # one picture alone has no variance to normalise by
        features = self.lesson.patterns[rows]
        known = None if self.lesson.known is None else self.lesson.known[rows]
        model = self.student.model.train()
        with reduced(self.config.precision):
            reconstructed = model(self.student.pictures(features), rng=self.rng)
        missed = reconstruction_loss(
            self.student.features(reconstructed.pictures),
            features,
            known,
            channels=self.student.grid[-1],
            loss=self.config.loss,
        )
        code = kl_from_standard_normal(*reconstructed.coded)
        loss = (missed + self.config.kl_weight * code).mean()
        value = float(loss.detach())
        if math.isfinite(value):
            self.optimiser.zero_grad()
            loss.backward()
            if self.config.longest_gradient is not None:
                torch.nn.utils.clip_grad_norm_(self.parameters, self.config.longest_gradient)
            for group in self.optimiser.param_groups:
                group["lr"] = rate
            self.optimiser.step()
        self.done += 1
        model.eval()
        return value

    def errors(self) -> tuple[float, float | None]:
        """Of a sample of what was replayed, and of what was held out."""
        known, loss = self.lesson.known, self.config.loss
        replayed = reconstruction_error(
            self.student,
            self.lesson.patterns[:LOOK],
            None if known is None else known[:LOOK],
            loss=loss,
        )
        if len(self.lesson.held_out) == 0:
            return replayed, None
        return replayed, reconstruction_error(
            self.student, self.lesson.held_out, self.lesson.held_out_known, loss=loss
        )

    def progress(self) -> Progress:
        """A copy of the state."""
        state = {
            f"{index}/{name}": value.clone()
            for index, parameter in enumerate(self.parameters)
            for name, value in self.optimiser.state[parameter].items()
        }
        return Progress(
            epoch=self.epoch,
            done=self.done,
            model={name: value.clone() for name, value in self.student.model.state_dict().items()},
            optimiser=state,
            rng=self.rng.get_state(),
            student=self.student.config,
            config=asdict(self.config),
            data=self.lesson.fingerprint,
        )

    def diverged(self, good: Progress, what: str) -> DivergedError:
        """Go back to the last good epoch; the error to raise."""
        self.student.model.load_state_dict(dict(good.model))
        return DivergedError(
            f"{what} in epoch {self.epoch + 1}; the student is as it was after epoch "
            f"{good.epoch}. Lower learning_rate, which is {self.config.learning_rate}"
        )

    def resume(self, progress: Progress) -> None:
        """Go back to a state; ConfigError where it belongs to another training."""
        for what, theirs, ours in (
            ("student", dict(progress.student), self.student.config),
            ("configuration", dict(progress.config), asdict(self.config)),
            ("replay", progress.data, self.lesson.fingerprint),
        ):
            if theirs != ours:
                raise ConfigError(
                    f"this progress is that of another {what} ({theirs}, not {ours}); "
                    "resume it with the same, or start anew without it"
                )
        self.student.model.load_state_dict(dict(progress.model))
        for name, value in progress.optimiser.items():
            index, _, key = name.partition("/")
            parameter = self.parameters[int(index)]
            # the fused optimiser wants moments laid out as their parameter is
            kept = torch.empty_like(parameter) if value.ndim else torch.empty_like(value)
            self.optimiser.state[parameter][key] = kept.copy_(value)
        self.rng.set_state(progress.rng)
        self.epoch, self.done = progress.epoch, progress.done


def reduced(precision: Precision) -> AbstractContextManager[object]:
    """Where convolutions and products may use fewer digits."""
    return torch.autocast("cpu", torch.bfloat16) if precision == "bfloat16" else nullcontext()


def _refuse_outside(patterns: Float[Tensor, "count dim"]) -> None:
    least, most = float(patterns.min()), float(patterns.max())
    if least < -ROUNDING or most > 1 + ROUNDING:
        raise ConfigError(
            f"cross-entropy asks for features within 0..1; these reach from {least:g} to {most:g}: "
            'scale them, or teach with loss="l1" or "l2"'
        )
