"""Where long computations keep what they have made, each thing named by the hash of its makings."""

import hashlib
import json
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from mnemic.errors import MnemicError
from mnemic.neocortex import ConsolidationConfig, Progress, Student, consolidate, make_student
from mnemic.neocortex.student import Grid, Kind
from mnemic.randomness import generator
from mnemic.reproduce.fingerprint import code_of

Epoch = dict[str, float]


class Doing(NamedTuple):
    """Where a computation is."""

    what: str
    done: int
    total: int


class Taught(NamedTuple):
    """A student after its night, and what was measured at the end of each epoch."""

    student: Student
    epochs: list[Epoch]


class Workshop:
    """A folder of finished and half-finished work. Delete it, and it is only done again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def read(self, key: str) -> Any | None:
        """Numbers kept under this name; None if there are none, or they are cut short."""
        try:
            return json.loads((self.folder / f"{key}.json").read_text())
        except (FileNotFoundError, ValueError):
            return None

    def write(self, key: str, numbers: Any) -> None:
        """Keep numbers under this name, whole or not at all."""
        write_json(self.folder / f"{key}.json", numbers)

    def keep(self, key: str, make: Callable[[], Tensor]) -> Tensor:
        """What was made under this name; made now if it was not, or is cut short."""
        file = self.folder / f"{key}.safetensors"
        try:
            return load_file(file)["made"]
        except (FileNotFoundError, SafetensorError):
            made = make()
        half = file.with_suffix(".half")
        save_file({"made": made.contiguous()}, half)
        half.replace(file)
        return made

    def teach(
        self,
        lesson: Callable[[], Float[Tensor, "count dim"]],
        config: ConsolidationConfig,
        *,
        made_of: Mapping[str, Any],
        kind: Kind = "mnemic",
        grid: Grid,
        latent_dim: int | None = None,
        seed: int,
        each_epoch: Callable[[Student], Epoch] | None = None,
    ) -> Generator[Doing, None, Taught]:
        """A student taught a lesson: as kept, or from the last epoch that was.

        ``lesson`` makes the patterns, and is only asked to where there is something to learn.
        ``made_of`` says what from: all that is not in the code of the lesson's module.
        ``each_epoch`` measures the student when an epoch ends.
        """
        key = "student-" + key_of(
            lesson.__module__,
            config=asdict(config),
            made_of=made_of,
            student=[kind, list(grid), latent_dim],
            seed=seed,
        )
        weights, way = self.folder / f"{key}.safetensors", self.folder / f"{key}.progress"
        epochs: list[Epoch] = self.read(key) or []
        if weights.exists() and len(epochs) == config.epochs:
            return Taught(Student.load(weights), epochs)
        student = make_student(kind, grid, latent_dim, seed=seed)
        progress = _progress(way) if epochs else None
        epochs = epochs[: 0 if progress is None else progress.epoch]
        yield Doing("replay", 0, 1)
        steps = consolidate(
            student, lesson(), config, rng=generator(seed, "lesson"), progress=progress
        )
        for step in steps:
            if step.progress is not None:
                student.model.eval()
                found = {} if each_epoch is None else each_epoch(student)
                student.model.train()
                epochs.append({"loss": step.loss, "replayed": step.replayed_error or 0.0} | found)
                step.progress.save(way)
                self.write(key, epochs)
            yield Doing(f"teaching {kind}", step.done, step.total)
        student.save(weights)
        way.unlink(missing_ok=True)
        return Taught(student, epochs)


def _progress(way: Path) -> Progress | None:
    try:
        return Progress.load(way)
    except MnemicError:  # none, or half of one: begin again
        return None


def checksum(data: Mapping[str, np.ndarray]) -> str:
    """Of named arrays: their names, shapes, kinds and bytes."""
    digest = hashlib.sha256()
    for name in sorted(data):
        array = np.ascontiguousarray(data[name])
        digest.update(f"{name} {array.shape} {array.dtype}".encode())
        digest.update(array.data)
    return digest.hexdigest()


def key_of(module: str, **everything: Any) -> str:
    """A short name for everything that matters, a module's code and torch's release among it."""
    makers = {"mnemic": code_of(module), "torch": torch.__version__}
    text = json.dumps(everything | makers, sort_keys=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def write_json(file: Path, numbers: Any) -> None:
    """Write numbers, whole or not at all.

    Raises:
        ValueError: one of them is not finite.
    """
    text = json.dumps(numbers, indent=2, ensure_ascii=False, allow_nan=False)
    half = file.with_name(f".{file.name}")
    half.write_text(text + "\n")
    half.replace(file)
