"""What a night set out to do, and its files: plan, checkpoints, and the weights of students."""

import json
import os
import shutil
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import Any

from mnemic.cortex import STUDENTS
from mnemic.errors import (
    ConfigError,
    StoreError,
    StoreFullError,
)
from mnemic.neocortex import ConsolidationConfig
from mnemic.neocortex.student import Kind
from mnemic.protocols import Store
from mnemic.sleeping.lease import give_back_lease, holder_name, take_lease

SLEEP = "sleep"  # the folder of plan and checkpoints, within a memory
PLAN = "plan.json"


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
        make(folder / SLEEP)
        write(folder / SLEEP / PLAN, json.dumps(asdict(self)))


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
    """Remove the weights of all students but these, and what was learned of order with them."""
    for path in (folder / STUDENTS).glob("*.safetensors*"):  # half-written ones, too
        if path.name not in files and path.name.replace(".order.", ".") not in files:
            path.unlink(missing_ok=True)


def forget_traces(store: Store, folder: Path) -> bool:
    """Remove checkpoints, and weights of no current student; False where somebody is sleeping."""
    holder = holder_name()
    if take_lease(store, holder) is not None:
        return False  # a night that is under way needs them
    try:
        forget_nights(folder)
        forget_old_students(folder, {one.file for one in store.students()})
    finally:
        give_back_lease(store, holder)
    return True


def make(folder: Path) -> None:
    """Make a folder; a full disk raises StoreFullError."""
    with _writing(folder):
        folder.mkdir(exist_ok=True)


def write(path: Path, text: str) -> None:
    """Write a file that, after a crash, is either complete or as it was."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with _writing(path):
        with temporary.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


@contextmanager
def _writing(path: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        kind = StoreFullError if error.errno in (ENOSPC, EDQUOT, EFBIG) else StoreError
        raise kind(f"could not write {path}: {error.strerror or error}") from error
