"""What all commands share: exit codes, options, and how things are said, drawn and written."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from jaxtyping import UInt8
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from mnemic import plots
from mnemic.errors import ConfigError
from mnemic.folder import DATABASE
from mnemic.media import to_png
from mnemic.memory import Memory
from mnemic.records import Engram

NO, USAGE, BAD_INPUT, STORE, STOPPED = 1, 2, 3, 4, 130  # exit codes; 0 is yes
IN_A_ROW = 10  # pictures of a contact sheet

say, complain = Console(highlight=False), Console(stderr=True, highlight=False)

MemoryPath = Annotated[
    Path, typer.Option("--memory", "-m", envvar="MNEMIC_MEMORY", help="The memory's folder.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
InventedMap = Annotated[
    Path | None,
    typer.Option("--map", help="Write here which pixels are invented, in white (PNG)."),
]
DEFAULT = Path("memory.mnemic")


class Less(StrEnum):
    """What can be kept instead of the original, once there is a student."""

    DETAIL = "detail"
    SCHEMA = "schema"


class Keeping(StrEnum):
    """What is kept of each engram."""

    ORIGINAL = "original"
    DETAIL = "detail"
    SCHEMA = "schema"


def existing(path: Path, *, read_only: bool = True) -> Memory:
    """Open a memory; ConfigError where there is none, rather than make one."""
    if not (path / DATABASE).exists():
        raise ConfigError(
            f"there is no memory at {path}; make one with `mnemic remember`,"
            " or name another with --memory"
        )
    return Memory.open(path, read_only=read_only)


def say_it(sentence: str) -> None:
    """A sentence for people, as it stands."""
    say.print(sentence, markup=False, soft_wrap=True)


def say_table(table: Table) -> None:
    """A table, its cells as they stand."""
    say.print(table, markup=False)


def complain_of(sentence: str) -> None:
    """A sentence beside the answer, as it stands."""
    complain.print(sentence, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """An answer for machines."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def done(numbers: dict[str, Any], sentence: str, as_json: bool) -> None:
    """An answer, for machines or for people."""
    print_json(numbers) if as_json else say_it(sentence)


def bars(*, quiet: bool) -> Progress:
    """Progress bars beside the answer, where somebody watches; each task has a ``note``."""
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
        console=complain,
        transient=True,
        disable=quiet or not complain.is_terminal,
    )


def waiting(doing: str, *, quiet: bool) -> Progress:
    """A bar for what does not tell how far it is."""
    bar = bars(quiet=quiet)
    bar.add_task(doing, total=None, note="")
    return bar


def write(path: Path, data: bytes) -> None:
    """Write a file; ConfigError where that is impossible."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(f"{path} cannot be written: {error.strerror}") from error


def write_sheet(path: Path, pictures: Sequence[UInt8[np.ndarray, "..."]]) -> None:
    """Write a contact sheet."""
    rows = [pictures[start : start + IN_A_ROW] for start in range(0, len(pictures), IN_A_ROW)]
    write(path, to_png(np.asarray(plots.contact_sheet(rows))))


def cells(engram: Engram) -> tuple[str, ...]:
    """An engram in a table: id, time, label, text, surprise."""
    return (
        str(engram.id),
        f"{engram.time.astimezone(UTC):%Y-%m-%d %H:%M}",
        engram.label or "",
        engram.text or "",
        "" if engram.surprise is None else f"{engram.surprise:.2f}",
    )


def engram_json(engram: Engram) -> dict[str, Any]:
    """An engram but for its parts."""
    return {
        "id": engram.id,
        "time": _iso(engram.time),
        "label": engram.label,
        "text": list(engram.texts),
        "metadata": dict(engram.metadata),
        "surprise": engram.surprise,
        "strength": engram.strength,
    }


def size(count: int) -> str:
    """Bytes, in units that can be read.

    >>> size(2_000), size(5_000_000)
    ('2.0 KiB', '4.8 MiB')
    """
    return f"{count / 2**10:.1f} KiB" if count < 2**20 else f"{count / 2**20:.1f} MiB"


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
