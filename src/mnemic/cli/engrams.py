"""Engrams in and out: remember, recall, surprise, show, forget."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
from rich.progress import track
from rich.table import Table

from mnemic.cli.terminal import (
    BAD_INPUT,
    DEFAULT,
    NO,
    STOPPED,
    InventedMap,
    Json,
    Keeping,
    MemoryPath,
    cells,
    complain,
    complain_of,
    engram_json,
    existing,
    print_json,
    say_it,
    say_table,
    waiting,
    write,
    write_sheet,
)
from mnemic.datasets import folder
from mnemic.errors import CueError, DataError, MediaError
from mnemic.folder import DATABASE
from mnemic.media import to_png
from mnemic.media_sound import SOUND_SUFFIXES
from mnemic.memory import Memory
from mnemic.records import Engram, Recall
from mnemic.senses import PRETRAINED

T = TypeVar("T")

SENSES_HELP = (
    "A further sense, chosen when the memory is made; may be given again: text, sound, or of the"
    " extra mnemic[senses] " + ", ".join(PRETRAINED) + "."
)


def remember(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Pictures and sounds, or folders of them.")
    ] = None,
    memory: MemoryPath = DEFAULT,
    label: Annotated[
        str | None, typer.Option(help="One label for all; subfolders name theirs otherwise.")
    ] = None,
    text: Annotated[
        str | None, typer.Option(help="What to remember with them; or alone, without a path.")
    ] = None,
    sense: Annotated[list[str] | None, typer.Option(help=SENSES_HELP, show_default=False)] = None,
    resolution: Annotated[
        int | None, typer.Option(help="Pixels a side, chosen when the memory is made.")
    ] = None,
    grey: Annotated[bool, typer.Option("--grey", help="Grey; chosen when it is made.")] = False,
    keep: Annotated[
        Keeping | None,
        typer.Option(help="What is kept of each once it has slept; chosen when it is made."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Store pictures, sounds or a text, one exposure each. The memory is made when missing."""
    create: dict[str, Any] = {} if resolution is None else {"resolution": resolution}
    if grey:
        create["channels"] = 1
    if keep is not None:
        create["keep"] = keep.value
    files = [pair for path in paths or [] for pair in _files_in(path)]
    if not files and text is None:
        raise typer.BadParameter("Missing argument: give a path, or --text")
    senses = set(sense or ())
    if not (memory / DATABASE).exists() and any(_is_sound(file) for file, _ in files):
        senses.add("sound")
    create |= {name: True for name in ("text", "sound") if name in senses}
    if pretrained := [name for name in sense or () if name not in ("text", "sound")]:
        create["pretrained"] = pretrained
    stored: list[Engram] = []
    refused: list[str] = []
    with Memory.open(memory, create=create) as opened:
        for file, own_label in _progress(files, "remembering", quiet=as_json):
            try:
                engram = opened.remember(
                    **_part(file),
                    label=label or own_label,
                    text=text,
                    time=file.stat().st_mtime if file.exists() else None,
                    metadata={"path": str(file)},
                )
                stored.append(engram)
            except (MediaError, CueError) as error:
                refused.append(_named(error, file))
        if not files:
            stored.append(opened.remember(text=text, label=label))
    if as_json:
        print_json({"stored": [engram_json(engram) for engram in stored], "refused": refused})
    else:
        for sentence in refused:
            complain_of(f"left out: {sentence}")
        say_it(f"{len(stored)} {_kinds(files)} stored in {memory}")
    if refused:
        raise typer.Exit(BAD_INPUT)


def recall(
    cue: Annotated[
        Path | None,
        typer.Argument(help="A picture, whose transparent pixels are unknown, or a sound."),
    ] = None,
    memory: MemoryPath = DEFAULT,
    text: Annotated[str | None, typer.Option(help="A text, besides or instead.")] = None,
    by: Annotated[
        list[str] | None, typer.Option(help="Only by this sense; may be given again.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the recalled picture here (PNG).")] = None,
    original: Annotated[
        Path | None, typer.Option(help="Write the original here, byte for byte as it was given.")
    ] = None,
    invented: InventedMap = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many engrams to name.")] = 3,
    as_json: Json = False,
) -> None:
    """Bring back the whole from a fragment. Exits with 1 when it was never seen."""
    asked = _cue(cue, text)
    with existing(memory) as opened:
        found = opened.recall(**asked, by=by or None, k=k)
    if out is not None and found.image is not None:
        write(out, to_png(found.image))
    if original is not None and found.original is not None:
        write(original, found.original)
    if invented is not None and found.invented is not None:
        write(invented, to_png(found.invented * np.uint8(255)))
    if as_json:
        print_json(_recalled_json(found))
    else:
        _print_recall(found, memory)
    if not found.remembered:
        raise typer.Exit(NO)


def surprise(
    cue: Annotated[Path | None, typer.Argument(help="A picture or a sound.")] = None,
    memory: MemoryPath = DEFAULT,
    text: Annotated[str | None, typer.Option(help="A text, besides or instead.")] = None,
    as_json: Json = False,
) -> None:
    """Say how new a picture, a sound or a text is, 0 to 1, without storing it."""
    asked = _cue(cue, text)
    with existing(memory) as opened:
        value = opened.surprise(**asked)
    print_json({"surprise": value}) if as_json else say_it(f"{value:.3f}")


def show(
    ids: Annotated[list[int] | None, typer.Argument(help="Engrams; all when none.")] = None,
    memory: MemoryPath = DEFAULT,
    label: Annotated[str | None, typer.Option(help="Only those with this label.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 60,
    out: Annotated[Path | None, typer.Option(help="Write a contact sheet here (PNG).")] = None,
    as_json: Json = False,
) -> None:
    """List engrams, and draw them on a contact sheet."""
    with existing(memory) as opened:
        count = len(opened)
        chosen = [opened[id] for id in ids] if ids else list(opened.where(label=label))[-limit:]
    if out is not None:
        write_sheet(out, [engram.image for engram in chosen if engram.image is not None])
    if as_json:
        print_json({"count": count, "engrams": [engram_json(engram) for engram in chosen]})
        return
    table = Table("id", "time", "label", "text", "surprise", box=None)
    for engram in chosen:
        table.add_row(*cells(engram))
    say_table(table)
    say_it(f"{len(chosen)} of {count} engrams in {memory}")


def forget(
    ids: Annotated[list[int], typer.Argument(help="Engrams to forget for good.")],
    memory: MemoryPath = DEFAULT,
    retrain: Annotated[
        bool, typer.Option("--retrain", help="Sleep anew on what is left, as the last time.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Remove engrams and overwrite their bytes. There is no way back."""
    doing = "forgetting and sleeping" if retrain else "forgetting"
    with existing(memory, read_only=False) as opened, waiting(doing, quiet=as_json):
        try:
            forgotten = opened.forget(*ids, retrain=retrain)
        except KeyboardInterrupt:
            gone = not any(id in opened for id in ids)
            complain_of(
                "stopped: forgotten, but not slept anew; `mnemic sleep` does that"
                if gone
                else "stopped: nothing was forgotten"
            )
            raise typer.Exit(STOPPED) from None
        left = len(opened)
    if as_json:
        print_json(
            {
                "forgotten": list(forgotten.ids),
                "left": left,
                "student_may_retain": forgotten.student_may_retain,
                "sentence": forgotten.sentence,
            }
        )
        return
    say_it(f"forgotten: {', '.join(map(str, forgotten.ids))}; {left} engrams left")
    if forgotten.student_may_retain:
        say_it(forgotten.sentence)
        say_it("on the command line: `mnemic sleep` now, or --retrain the next time")


def _cue(path: Path | None, text: str | None) -> dict[str, Any]:
    if path is None and text is None:
        raise typer.BadParameter("Missing argument: give a picture or a sound, or --text")
    return ({} if path is None else _part(path)) | ({} if text is None else {"text": text})


def _part(file: Path) -> dict[str, Path]:
    return {"sound" if _is_sound(file) else "image": file}


def _is_sound(file: Path) -> bool:
    return file.suffix.lower() in SOUND_SUFFIXES


def _named(error: Exception, file: Path) -> str:
    return str(error) if str(file) in str(error) else f"{file}: {error}"


def _kinds(files: list[tuple[Path, str | None]]) -> str:
    sounds = sum(_is_sound(file) for file, _ in files)
    if not files:
        return "text"
    return "pictures" if not sounds else "sounds" if sounds == len(files) else "files"


def _files_in(path: Path) -> list[tuple[Path, str | None]]:
    """The pictures and sounds of a folder, each with the label its subfolder gives."""
    if not path.is_dir():
        return [(path, None)]
    inside = (each.relative_to(path) for each in path.rglob("*") if _is_sound(each))
    sounds = sorted(
        (each for each in inside if not any(part.startswith(".") for part in each.parts)),
        key=lambda each: each.parts,
    )
    heard = [(path / each, each.parts[0] if len(each.parts) > 1 else None) for each in sounds]
    try:
        files = folder(path)
    except DataError:
        if heard:
            return heard
        raise
    if files.labels is None:
        return [*((file, None) for file in files.paths), *heard]
    labels = [files.classes[label] for label in files.labels]
    return [*zip(files.paths, labels, strict=True), *heard]


def _progress(items: list[T], doing: str, *, quiet: bool) -> Iterable[T]:
    return track(
        items, doing, console=complain, transient=True, disable=quiet or not complain.is_terminal
    )


def _print_recall(found: Recall, memory: Path) -> None:
    if found.engram is None:
        say_it(f"never seen: {memory} is empty")
        return
    verdict = "remembered" if found.remembered else "never seen; the nearest engram is"
    rate = (
        "too little is stored for a stated rate"
        if found.false_accepts is None
        else f"false accepts at most {found.false_accepts:.0%}"
    )
    say_it(f"{verdict} (confidence {found.confidence:.3f}; {rate})")
    invented = _share(found)
    share = f" ({invented:.1%} of the picture is invented)" if invented else ""
    say_it(f"source: {found.source}{share}")
    search = found.search
    bound = f", off by {search.bound:.0e} at most" if search.bound else ""
    say_it(f"search: {search.method}{bound}; {search.multiply_adds / 1e6:.1f} M multiply-adds")
    table = Table("id", "time", "label", "text", "surprise", "weight", box=None)
    table.add_row(*cells(found.engram), f"{found.weight:.3f}")
    for other in found.runners_up:
        table.add_row(*cells(other.engram), f"{other.weight:.3f}")
    say_table(table)


def _share(found: Recall) -> float | None:
    return None if found.invented is None else float(found.invented.mean())


def _recalled_json(found: Recall) -> dict[str, Any]:
    return {
        "remembered": found.remembered,
        "confidence": found.confidence,
        "false_accepts": found.false_accepts,
        "engram": None if found.engram is None else engram_json(found.engram),
        "weight": found.weight,
        "source": found.source,
        "invented": _share(found),
        "energy": found.energy if found.engram is not None else None,
        "steps": found.steps,
        "search": asdict(found.search),
        "runners_up": [
            {"engram": engram_json(one.engram), "weight": one.weight, "distance": one.distance}
            for one in found.runners_up
        ],
    }
