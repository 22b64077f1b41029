"""One thin command per verb."""

import json
import sys
import warnings
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer
from rich.console import Console
from rich.progress import Progress, track
from rich.table import Table

from mnemic import plots
from mnemic.datasets import folder
from mnemic.demo import run_demo
from mnemic.errors import ConfigError, MediaError, MnemicError, StoreError
from mnemic.folder import DATABASE
from mnemic.media import to_png
from mnemic.memory import Memory
from mnemic.records import Engram, Recall

NO, USAGE, BAD_INPUT, STORE = 1, 2, 3, 4  # exit codes; 0 is yes

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    help="A memory for pictures: store once, recall from a fragment, know what was never seen.\n\n"
    "Exit codes: 0 yes or done, 1 no (never seen, faults found), 2 wrong usage,"
    " 3 input that cannot be used, 4 trouble with the memory on disk.",
)
say, complain = Console(highlight=False), Console(stderr=True, highlight=False)

T = TypeVar("T")
MemoryPath = Annotated[
    Path, typer.Option("--memory", "-m", envvar="MNEMIC_MEMORY", help="The memory's folder.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON and nothing else.")]
DEFAULT = Path("memory.mnemic")


@app.command()
def remember(
    paths: Annotated[list[Path], typer.Argument(help="Pictures, or folders of them.")],
    memory: MemoryPath = DEFAULT,
    label: Annotated[
        str | None, typer.Option(help="One label for all; subfolders name theirs otherwise.")
    ] = None,
    text: Annotated[str | None, typer.Option(help="What to remember with them.")] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Pixels a side, chosen when the memory is made.")
    ] = None,
    grey: Annotated[bool, typer.Option("--grey", help="Grey; chosen when it is made.")] = False,
    as_json: Json = False,
) -> None:
    """Store pictures, one exposure each. The memory is made when missing."""
    create: dict[str, Any] = {} if resolution is None else {"resolution": resolution}
    if grey:
        create["channels"] = 1
    files = [pair for path in paths for pair in _pictures_in(path)]
    stored: list[Engram] = []
    refused: list[str] = []
    with Memory.open(memory, create=create) as opened:
        for file, own_label in _progress(files, "remembering", quiet=as_json):
            try:
                engram = opened.remember(
                    image=file,
                    label=label or own_label,
                    text=text,
                    time=file.stat().st_mtime if file.exists() else None,
                    metadata={"path": str(file)},
                )
                stored.append(engram)
            except MediaError as error:
                refused.append(str(error))
    if as_json:
        _print_json({"stored": [_as_json(engram) for engram in stored], "refused": refused})
    else:
        for sentence in refused:
            complain.print(f"left out: {sentence}", markup=False, soft_wrap=True)
        say.print(f"{len(stored)} pictures stored in {memory}")
    if refused:
        raise typer.Exit(BAD_INPUT)


@app.command()
def recall(
    cue: Annotated[Path, typer.Argument(help="A picture; its transparent pixels are unknown.")],
    memory: MemoryPath = DEFAULT,
    out: Annotated[Path | None, typer.Option(help="Write the recalled picture here (PNG).")] = None,
    original: Annotated[
        Path | None, typer.Option(help="Write the original here, byte for byte as it was given.")
    ] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many engrams to name.")] = 3,
    as_json: Json = False,
) -> None:
    """Bring back the whole from a fragment. Exits with 1 when it was never seen."""
    with _existing(memory) as opened:
        found = opened.recall(image=cue, k=k)
    if out is not None and found.image is not None:
        out.write_bytes(to_png(found.image))
    if original is not None and found.original is not None:
        original.write_bytes(found.original)
    if as_json:
        _print_json(_recalled_json(found))
    else:
        _print_recall(found, memory)
    if not found.remembered:
        raise typer.Exit(NO)


@app.command()
def surprise(
    picture: Annotated[Path, typer.Argument()], memory: MemoryPath = DEFAULT, as_json: Json = False
) -> None:
    """Say how new a picture is, 0 to 1, without storing it."""
    with _existing(memory) as opened:
        value = opened.surprise(image=picture)
    _print_json({"surprise": value}) if as_json else say.print(f"{value:.3f}")


@app.command()
def show(
    ids: Annotated[list[int] | None, typer.Argument(help="Engrams; all when none.")] = None,
    memory: MemoryPath = DEFAULT,
    label: Annotated[str | None, typer.Option(help="Only those with this label.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 60,
    out: Annotated[Path | None, typer.Option(help="Write a contact sheet here (PNG).")] = None,
    as_json: Json = False,
) -> None:
    """List engrams, and draw them on a contact sheet."""
    with _existing(memory) as opened:
        count = len(opened)
        chosen = [opened[id] for id in ids] if ids else list(opened.where(label=label))[-limit:]
    if out is not None:
        pictures = [engram.image for engram in chosen if engram.image is not None]
        rows = [pictures[start : start + 10] for start in range(0, len(pictures), 10)]
        plots.contact_sheet(rows).save(out, "PNG")
    if as_json:
        _print_json({"count": count, "engrams": [_as_json(engram) for engram in chosen]})
        return
    table = Table("id", "time", "label", "text", "surprise", box=None)
    for engram in chosen:
        table.add_row(*_cells(engram))
    say.print(table)
    say.print(f"{len(chosen)} of {count} engrams in {memory}")


@app.command()
def forget(
    ids: Annotated[list[int], typer.Argument(help="Engrams to forget for good.")],
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Remove engrams and overwrite their bytes. There is no way back."""
    with _existing(memory, read_only=False) as opened:
        opened.forget(*ids)
        left = len(opened)
    if as_json:
        _print_json({"forgotten": ids, "left": left})
    else:
        say.print(f"forgotten: {', '.join(map(str, ids))}; {left} engrams left")


@app.command()
def backup(
    to: Annotated[Path, typer.Argument(help="A new folder.")],
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Copy a memory, while others may be using it."""
    with _existing(memory) as opened:
        opened.backup(to)
        count = len(opened)
    _done({"backup": str(to), "count": count}, f"{count} engrams copied to {to}", as_json)


@app.command()
def export(
    to: Annotated[Path, typer.Argument(help="A new folder.")],
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Write everything as Parquet tables and original files, readable without mnemic."""
    with _existing(memory) as opened:
        opened.export(to)
        count = len(opened)
    _done({"export": str(to), "count": count}, f"{count} engrams written to {to}", as_json)


@app.command()
def check(memory: MemoryPath = DEFAULT, as_json: Json = False) -> None:
    """Look for damage. Exits with 1 when there is any."""
    with _existing(memory) as opened:
        faults, count = opened.check(), len(opened)
    if as_json:
        _print_json({"count": count, "faults": faults})
    else:
        for fault in faults:
            complain.print(fault, markup=False, soft_wrap=True)
        say.print(f"{count} engrams, {len(faults) or 'no'} faults")
    if faults:
        raise typer.Exit(NO)


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="A new folder for the page and the pictures.")] = Path(
        "demo-out"
    ),
    images: Annotated[Path | None, typer.Option(help="A folder of your own pictures.")] = None,
    count: Annotated[int, typer.Option(min=2, help="Pictures to remember.")] = 5000,
    seed: Annotated[int, typer.Option()] = 0,
    as_json: Json = False,
) -> None:
    """Remember, recall, replay, judge, lesion and forget, on real pictures, with a page to read."""
    page, numbers = None, None
    with Progress(console=complain, transient=True, disable=not complain.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        for step in run_demo(out, images=images, count=count, seed=seed):
            bar.update(task, completed=step.done, total=step.total, description=step.doing)
            page, numbers = step.page, step.numbers
    assert numbers is not None
    if as_json:
        _print_json(numbers)
        return
    for sentence in numbers["left out"]:
        say.print(f"Left out here. {sentence}", markup=False, soft_wrap=True)
    table = Table("cue", "exact", "published rule", "remembered", box=None)
    for name, row in numbers["recall"].items():
        table.add_row(
            name,
            f"{row['exact']:.1%}",
            f"{row['exact, published rule']:.1%}",
            f"{row['remembered']:.1%}",
        )
    say.print(f"{numbers['count']} pictures ({numbers['pictures']}), one exposure each\n")
    say.print(table)
    for rule, row in numbers["replay"].items():
        say.print(
            f"replay, {rule}: {row['coverage']:.1%} covered in {row['draws']} draws,"
            f" {row['purity']:.1%} pure"
        )
    say.print(f"\nOpen {page} in a browser ({numbers['seconds']:.0f} s).")


def run() -> None:
    """Run a command; errors come out as sentences, with an exit code that means something."""
    warnings.showwarning = _say_warning
    try:
        app()
    except MnemicError as error:
        complain.print(f"mnemic: {error}", markup=False, soft_wrap=True)
        for note in getattr(error, "__notes__", ()):
            complain.print(note, markup=False, soft_wrap=True)
        sys.exit(STORE if isinstance(error, StoreError) else BAD_INPUT)


def _say_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    complain.print(f"mnemic: {message}", markup=False, soft_wrap=True)


def _existing(path: Path, *, read_only: bool = True) -> Memory:
    if not (path / DATABASE).exists():
        raise ConfigError(
            f"there is no memory at {path}; make one with `mnemic remember`,"
            " or name another with --memory"
        )
    return Memory.open(path, read_only=read_only)


def _pictures_in(path: Path) -> list[tuple[Path, str | None]]:
    if not path.is_dir():
        return [(path, None)]
    files = folder(path)
    if files.labels is None:
        return [(file, None) for file in files.paths]
    return [
        (file, files.classes[label]) for file, label in zip(files.paths, files.labels, strict=True)
    ]


def _progress(items: list[T], doing: str, *, quiet: bool) -> Iterable[T]:
    return track(
        items, doing, console=complain, transient=True, disable=quiet or not complain.is_terminal
    )


def _done(numbers: dict[str, Any], sentence: str, as_json: bool) -> None:
    _print_json(numbers) if as_json else say.print(sentence, markup=False, soft_wrap=True)


def _print_json(value: Any) -> None:
    print(json.dumps(value, indent=2, ensure_ascii=False))


def _print_recall(found: Recall, memory: Path) -> None:
    if found.engram is None:
        say.print(f"never seen: {memory} is empty")
        return
    verdict = "remembered" if found.remembered else "never seen; the nearest engram is"
    rate = (
        "too little is stored for a stated rate"
        if found.false_accepts is None
        else f"false accepts at most {found.false_accepts:.0%}"
    )
    say.print(
        f"{verdict} (confidence {found.confidence:.3f}; {rate})", markup=False, soft_wrap=True
    )
    table = Table("id", "time", "label", "text", "surprise", "weight", box=None)
    table.add_row(*_cells(found.engram), f"{found.weight:.3f}")
    for other in found.runners_up:
        table.add_row(*_cells(other.engram), f"{other.weight:.3f}")
    say.print(table)


def _cells(engram: Engram) -> tuple[str, ...]:
    return (
        str(engram.id),
        f"{engram.time.astimezone(UTC):%Y-%m-%d %H:%M}",
        engram.label or "",
        engram.text or "",
        "" if engram.surprise is None else f"{engram.surprise:.2f}",
    )


def _as_json(engram: Engram) -> dict[str, Any]:
    return {
        "id": engram.id,
        "time": _iso(engram.time),
        "label": engram.label,
        "text": list(engram.texts),
        "metadata": dict(engram.metadata),
        "surprise": engram.surprise,
        "strength": engram.strength,
    }


def _recalled_json(found: Recall) -> dict[str, Any]:
    return {
        "remembered": found.remembered,
        "confidence": found.confidence,
        "false_accepts": found.false_accepts,
        "engram": None if found.engram is None else _as_json(found.engram),
        "weight": found.weight,
        "source": found.source,
        "energy": found.energy if found.engram is not None else None,
        "steps": found.steps,
        "runners_up": [
            {"engram": _as_json(one.engram), "weight": one.weight, "distance": one.distance}
            for one in found.runners_up
        ],
    }


def _iso(time: datetime) -> str:
    return time.isoformat().replace("+00:00", "Z")
