"""What sleep is for: sleep, facts, infer, imagine, keep."""

from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.progress import TaskID
from rich.table import Table

from mnemic.cli.terminal import (
    DEFAULT,
    STOPPED,
    InventedMap,
    Json,
    Less,
    MemoryPath,
    bars,
    complain_of,
    done,
    existing,
    print_json,
    say_it,
    say_table,
    size,
    waiting,
    write,
    write_sheet,
)
from mnemic.media import to_png
from mnemic.memory import Memory
from mnemic.records import SleepReport, SleepStep

BEST = 3  # values of an attribute worth a line


def sleep(
    replays: Annotated[int, typer.Option(min=1, help="Patterns to replay.")] = 10_000,
    epochs: Annotated[int, typer.Option(min=1, help="Times the student sees them.")] = 10,
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Replay what is stored until a student has learned it; then code every engram anew.

    Ctrl-C stops it and changes nothing; the same command goes on from the last whole epoch.
    """
    with existing(memory, read_only=False) as opened:
        try:
            report = _slept(opened, replays, epochs, quiet=as_json)
        except KeyboardInterrupt:
            complain_of(
                f"stopped: {memory} is as it was; the same command goes on from the last whole"
                " epoch"
            )
            raise typer.Exit(STOPPED) from None
    if as_json:
        print_json(asdict(report))
    else:
        _print_report(report)


def facts(
    picture: Annotated[Path, typer.Argument(help="Its transparent pixels are unknown.")],
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Say what a picture is likely to be: the values of what engrams were labelled with."""
    with existing(memory) as opened:
        found = opened.facts(image=picture)
    if as_json:
        print_json(found)
        return
    table = Table("attribute", "value", "probability", box=None)
    for attribute, values in found.items():
        best = sorted(values, key=lambda value: values[value], reverse=True)[:BEST]
        for row, value in enumerate(best):
            table.add_row("" if row else attribute, value, f"{values[value]:.3f}")
    say_table(table)


def infer(
    picture: Annotated[Path, typer.Argument(help="Its transparent pixels are to be filled.")],
    out: Annotated[Path, typer.Option(help="Write the filled picture here (PNG).")],
    memory: MemoryPath = DEFAULT,
    invented: InventedMap = None,
    as_json: Json = False,
) -> None:
    """Fill what is unknown of a picture by what was learned in sleep, without any engram."""
    with existing(memory) as opened:
        found = opened.infer(image=picture)
    write(out, to_png(found.image))
    if invented is not None:
        write(invented, to_png(found.invented * np.uint8(255)))
    share = float(found.invented.mean())
    done(
        {
            "surprise": found.surprise,
            "invented": share,
            "path": str(out),
            "latent": found.latent.tolist(),
        },
        f"{out}: {share:.1%} of the picture is invented; what was known of it has a surprise of"
        f" {found.surprise:.3f}, on a scale of 0 to 1",
        as_json,
    )


def imagine(
    out: Annotated[Path, typer.Option(help="Write the contact sheet here (PNG).")],
    count: Annotated[int, typer.Option(min=1, help="How many.")] = 8,
    label: Annotated[str | None, typer.Option(help="Only of this label's kind.")] = None,
    between: Annotated[
        tuple[str, str] | None, typer.Option(metavar="A B", help="On the way from A to B …")
    ] = None,
    steps: Annotated[int, typer.Option(min=2, help="… in so many steps, both included.")] = 8,
    like: Annotated[str | None, typer.Option(metavar="X", help="One like X …")] = None,
    plus: Annotated[str | None, typer.Option(metavar="Y", help="… changed as Y differs …")] = None,
    minus: Annotated[str | None, typer.Option(metavar="Z", help="… from Z.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed imagines others.")] = None,
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Draw what never was. A, B, X, Y and Z are ids of engrams, or picture files."""
    if sum(wish is not None for wish in (label, between, like)) > 1:
        raise typer.BadParameter("--label, --between and --like are three wishes; give one")
    if (plus is None) != (minus is None) or (plus is not None and like is None):
        raise typer.BadParameter("--plus and --minus go together, and with --like")
    with existing(memory) as opened:
        found = opened.imagine(
            count,
            label=label,
            between=None if between is None else (_thing(between[0]), _thing(between[1])),
            steps=steps,
            like=_thing(like),
            plus=_thing(plus),
            minus=_thing(minus),
            seed=seed,
        )
    write_sheet(out, list(found))
    done(
        {
            "seed": found.seed,
            "count": len(found),
            "path": str(out),
            "latents": found.latents.tolist(),
        },
        f"{out}: {len(found)} imagined, with seed {found.seed}",
        as_json,
    )


def keep(
    less: Annotated[
        Less,
        typer.Argument(
            metavar="detail|schema",
            help="A latent and what the student misses, or the latent alone.",
        ),
    ],
    tolerance: Annotated[
        float | None,
        typer.Option(help="What detail may miss, of the range of a feature; the memory's if none."),
    ] = None,
    apply: Annotated[bool, typer.Option("--apply", help="Do it, and not only say.")] = False,
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Keep less of every engram. Without --apply, only say what that takes and costs."""
    doing = "coding anew" if apply else "weighing"
    with existing(memory, read_only=not apply) as opened, waiting(doing, quiet=as_json):
        report = opened.keep(less.value, tolerance=tolerance, apply=apply)
    if as_json:
        print_json(asdict(report))
        return
    within = f", within {report.tolerance:g}" if less is Less.DETAIL else ""
    about = "" if report.applied else "about "
    say_it(
        f"{report.points} pictures as {less.value}{within}: {about}{size(report.bytes_after)}"
        f" instead of {size(report.bytes_before)}"
    )
    say_it(
        f"a feature is missed by {report.mean_error:.3f} of its range on average,"
        f" by {report.greatest_error:.3f} at most"
    )
    if report.applied:
        say_it("done; what was let go cannot come back")
    else:
        say_it("nothing was changed; --apply does it, and what is let go cannot come back")


def _slept(memory: Memory, replays: int, epochs: int, *, quiet: bool) -> SleepReport:
    """Sleep, with a bar for each phase; let go of the memory wherever it is stopped."""
    steps = memory.sleep_steps(replays, epochs)
    report, missed = None, ""
    with bars(quiet=quiet) as bar, closing(steps):
        tasks: dict[tuple[str, str], TaskID] = {}
        for step in steps:
            report = step.report
            if step.phase == "done":
                continue
            if step.replayed_error is not None:
                missed = f", error {_number(step.replayed_error)} replayed"
                missed += f", {_number(step.held_out_error)} held out"
            key = step.phase, step.sense
            if key not in tasks:
                tasks[key] = bar.add_task(step.phase, note="")
            bar.update(tasks[key], completed=step.done, total=step.total, note=_note(step, missed))
    assert report is not None
    return report


def _note(step: SleepStep, missed: str) -> str:
    if step.phase == "replay":
        return f"{step.coverage:.1%} covered"
    if step.phase == "train":
        return f"epoch {step.epoch}, loss {_number(step.loss)}{missed}"
    return ""


def _print_report(report: SleepReport) -> None:
    table = Table("", *report.senses, box=None)
    slept = report.senses.values()
    table.add_row("replayed", *(f"{one.replayed} patterns of {one.engrams}" for one in slept))
    table.add_row("coverage", *(f"{one.coverage:.1%}" for one in slept))
    table.add_row("purity", *(f"{one.purity:.1%}" for one in slept))
    table.add_row("error a picture, replayed", *(_number(one.replayed_errors[-1]) for one in slept))
    table.add_row("error a picture, held out", *(_number(one.held_out_errors[-1]) for one in slept))
    if any(one.drift is not None for one in slept):
        table.add_row("drift", *("" if one.drift is None else f"{one.drift:.4f}" for one in slept))
    table.add_row("mean strength", f"{report.strength:.3f}")
    for rank, (kept, count) in enumerate(report.space.items()):
        table.add_row(f"as {kept}", f"would take {size(count)}" if rank else size(count))
    table.add_row("seconds", f"{report.seconds:.1f}")
    say_table(table)
    for sense, reason in report.not_slept.items():
        say_it(f"no student of {sense}: {reason}")
    if report.resumed:
        say_it("it went on from where an interrupted sleep had stopped")


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _thing(word: str | None) -> int | Path | None:
    """An engram's id, or a picture file."""
    if word is None:
        return None
    return int(word) if word.isdecimal() else Path(word)
