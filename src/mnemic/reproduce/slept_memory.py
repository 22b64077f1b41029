"""A memory that has seen many pictures nobody named, and slept on them: where concepts begin."""

import shutil
from collections.abc import Generator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mnemic.cortex import STUDENTS
from mnemic.memory import Memory
from mnemic.neocortex import Student
from mnemic.reproduce.registry import Data
from mnemic.reproduce.ten_concepts import Meeting
from mnemic.reproduce.workshop import Doing, Workshop, checksum, key_of

INNATE: dict[str, Any] = {"resolution": 28, "channels": 1, "text": True, "sound": True}
SLEPT: dict[str, Any] = {**INNATE, "pretrained": ["said"]}


def slept_on(
    config: Meeting, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Path]:
    """A memory that has seen pictures nobody named and slept once; copy it before use.

    Made once for every result that asks for it.
    """
    made_of = {"config": asdict(config), "data": checksum({"rest": data["rest"]}), "seed": seed}
    path = workshop.folder / f"slept-{key_of(__name__, **made_of)}"
    if path.exists():
        return path
    half = path.with_suffix(".half")
    shutil.rmtree(half, ignore_errors=True)
    with Memory.open(half, create=SLEPT, seed=seed) as memory:
        memory.remember_many(image=data["rest"][: config.unlabelled])
        steps = memory.sleep_steps(config.unlabelled, config.epochs, precision="bfloat16")
        with closing(steps):
            for step in steps:
                yield Doing(f"night: {step.phase}", step.done, step.total)
    half.replace(path)
    return path


def student_of(memory: Path) -> Student:
    """What a memory in a folder has learned in its only night."""
    (weights,) = (memory / STUDENTS).glob("*.safetensors")
    return Student.load(weights)
