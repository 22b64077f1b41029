"""Engrams in and out: remember, recall, surprise, show, forget."""

from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import typer
from rich.progress import track
from rich.table import Table

from mnemic.cli.folders import Found, found_in, is_sound
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
from mnemic.errors import CueError, MediaError
from mnemic.folder import DATABASE
from mnemic.media import to_png
from mnemic.memory import Memory
from mnemic.records import ActiveConcept, Engram, Fired, Recall
from mnemic.senses import PRETRAINED

T = TypeVar("T")

NOTES, LONG = 5, 200  # that are printed, and of how many characters

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
    """Store pictures, sounds or a text, one exposure each. The memory is made when missing.

    A picture and a sound of one name, side by side in a folder, are one experience; a text file
    (.txt) of the same name beside either is its caption.
    """
    create: dict[str, Any] = {} if resolution is None else {"resolution": resolution}
    if grey:
        create["channels"] = 1
    if keep is not None:
        create["keep"] = keep.value
    files = [one for path in paths or [] for one in found_in(path)]
    if not files and text is None:
        raise typer.BadParameter("Missing argument: give a path, or --text")
    senses = set(sense or ())
    if not (memory / DATABASE).exists() and any(one.sound for one in files):
        senses.add("sound")
    create |= {name: True for name in ("text", "sound") if name in senses}
    if pretrained := [name for name in sense or () if name not in ("text", "sound")]:
        create["pretrained"] = pretrained
    stored: list[Engram] = []
    refused: list[str] = []
    with Memory.open(memory, create=create) as opened:
        for one in _progress(files, "remembering", quiet=as_json):
            try:
                words = [said for said in (text, one.caption()) if said is not None]
                engram = opened.remember(
                    **one.parts,
                    label=label or one.label,
                    text=words or None,
                    time=one.file.stat().st_mtime if one.file.exists() else None,
                    metadata=one.metadata,
                )
                stored.append(engram)
            except (MediaError, CueError) as error:
                refused.append(_named(error, one.file))
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
    label: Annotated[
        str | None, typer.Option(help="All that goes by this name; a cue of its own.")
    ] = None,
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
    asked = {} if label is not None and cue is None and text is None else _cue(cue, text)
    with existing(memory) as opened:
        if label is not None:
            opened.concepts.find(label)  # says what is spelt alike
        found = opened.recall(**asked, label=label, by=by or None, k=k)
    if out is not None and found.image is not None:
        write(out, to_png(found.image))
    if original is not None and found.original is not None:
        write(original, found.original)
    if invented is not None and found.invented is not None:
        write(invented, to_png(found.invented * np.uint8(255)))
    if as_json:
        print_json(_recalled_json(found))
    else:
        _print_recall(found, memory, by_words=cue is None)
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
    return {"sound" if is_sound(file) else "image": file}


def _named(error: Exception, file: Path) -> str:
    return str(error) if str(file) in str(error) else f"{file}: {error}"


def _kinds(files: list[Found]) -> str:
    kinds = {tuple(one.parts) for one in files}
    if ("image", "sound") in kinds:
        return "experiences"
    return {0: "text", 1: f"{'picture' if ('image',) in kinds else 'sound'}s"}.get(
        len(kinds), "files"
    )


def _progress(items: list[T], doing: str, *, quiet: bool) -> Iterable[T]:
    return track(
        items, doing, console=complain, transient=True, disable=quiet or not complain.is_terminal
    )


def _print_recall(found: Recall, memory: Path, *, by_words: bool) -> None:
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
    _print_concept(found, by_words=by_words)
    search = found.search
    bound = f", off by {search.bound:.0e} at most" if search.bound else ""
    say_it(f"search: {search.method}{bound}; {search.multiply_adds / 1e6:.1f} M multiply-adds")
    table = Table("id", "time", "label", "text", "surprise", "weight", box=None)
    table.add_row(*cells(found.engram), f"{found.weight:.3f}")
    for other in found.runners_up:
        table.add_row(*cells(other.engram), f"{other.weight:.3f}")
    say_table(table)
    if "path" in found.engram.metadata:
        say_it(f"file: {found.engram.metadata['path']}")


def _print_concept(found: Recall, *, by_words: bool) -> None:
    """What it is of, and what goes with that: the other senses and the words."""
    one = found.concept
    if one is None:
        if not found.remembered and not by_words:  # words are no key
            say_it("concept: none is near; this is of something, or someone, new")
        return
    others = ", ".join(f"{_called(each)} {each.activation:.2f}" for each in one.runners_up)
    say_it(f"concept: {_called(one)} ({one.activation:.2f}{f'; or {others}' if others else ''})")
    for modality, engram in found.brought.items():
        say_it(f"with it: the {modality} of engram {engram}")
    for note in found.notes[:NOTES]:
        say_it(f"note: {note if len(note) <= LONG else note[:LONG] + '…'}")
    if len(found.notes) > NOTES:
        say_it(f"and {len(found.notes) - NOTES} notes more (--json has all)")


def _fired_json(one: ActiveConcept | Fired) -> dict[str, Any]:
    return {"id": one.id, "label": one.label, "activation": one.activation}


def _called(one: ActiveConcept | Fired) -> str:
    return one.label or f"concept {one.id}, not named yet"


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
        "concept": None
        if found.concept is None
        else {
            **_fired_json(found.concept),
            "runners_up": [_fired_json(one) for one in found.concept.runners_up],
        },
        "brought": dict(found.brought),
        "notes": list(found.notes),
        "runners_up": [
            {"engram": engram_json(one.engram), "weight": one.weight, "distance": one.distance}
            for one in found.runners_up
        ],
    }
