"""A memory as a whole: backup, export, check; and the demo of one."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from rich.table import Table

from mnemic.cli.terminal import (
    DEFAULT,
    NO,
    Json,
    MemoryPath,
    complain,
    complain_of,
    done,
    existing,
    print_json,
    say_it,
    say_table,
    size,
)
from mnemic.demo import run_demo


def backup(
    to: Annotated[Path, typer.Argument(help="A new folder.")],
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Copy a memory, while others may be using it."""
    with existing(memory) as opened:
        opened.backup(to)
        count = len(opened)
    done({"backup": str(to), "count": count}, f"{count} engrams copied to {to}", as_json)


def export(
    to: Annotated[Path, typer.Argument(help="A new folder.")],
    memory: MemoryPath = DEFAULT,
    as_json: Json = False,
) -> None:
    """Write everything as Parquet tables and original files, readable without mnemic."""
    with existing(memory) as opened:
        opened.export(to)
        count = len(opened)
    done({"export": str(to), "count": count}, f"{count} engrams written to {to}", as_json)


def info(memory: MemoryPath = DEFAULT, as_json: Json = False) -> None:
    """Say what a memory was made with, and how far each of its senses compresses."""
    with existing(memory) as opened:
        count, config, senses = len(opened), opened.config, opened.senses()
    if as_json:
        rows = [asdict(sense) | {"compression": sense.compression} for sense in senses]
        print_json({"count": count, "config": asdict(config), "senses": rows})
        return
    table = Table("sense", "of", "features", "parts", "given", "as features", "smaller", box=None)
    for sense in senses:
        table.add_row(
            sense.name,
            sense.modality,
            str(sense.features),
            str(sense.points),
            "" if sense.bytes_given is None else size(sense.bytes_given),
            size(sense.bytes_features),
            "" if sense.compression is None else f"{sense.compression:.1f} ×",
        )
    say_it(f"{count} engrams in {memory}, keep={config.keep!r}, student={config.student!r}\n")
    say_table(table)


def check(memory: MemoryPath = DEFAULT, as_json: Json = False) -> None:
    """Look for damage. Exits with 1 when there is any."""
    with existing(memory) as opened:
        faults, count = opened.check(), len(opened)
    if as_json:
        print_json({"count": count, "faults": faults})
    else:
        for fault in faults:
            complain_of(fault)
        say_it(f"{count} engrams, {len(faults) or 'no'} faults")
    if faults:
        raise typer.Exit(NO)


def demo(
    out: Annotated[Path, typer.Option(help="A new folder for the page and the pictures.")] = Path(
        "demo-out"
    ),
    images: Annotated[Path | None, typer.Option(help="A folder of your own pictures.")] = None,
    count: Annotated[int, typer.Option(min=2, help="Pictures to remember.")] = 5000,
    seed: Annotated[int, typer.Option()] = 0,
    as_json: Json = False,
) -> None:
    """Remember, recall, forget, sleep, infer and imagine, on real pictures, with a page to read."""
    page, numbers = None, None
    with Progress(console=complain, transient=True, disable=not complain.is_terminal) as bar:
        task = bar.add_task("starting", total=None)
        for step in run_demo(out, images=images, count=count, seed=seed):
            bar.update(task, completed=step.done, total=step.total, description=step.doing)
            page, numbers = step.page, step.numbers
    assert numbers is not None
    if as_json:
        print_json(numbers)
        return
    for sentence in numbers["left out"]:
        say_it(f"Left out here. {sentence}")
    table = Table("cue", "exact", "published rule", "remembered", box=None)
    for name, row in numbers["recall"].items():
        table.add_row(
            name,
            f"{row['exact']:.1%}",
            f"{row['exact, published rule']:.1%}",
            f"{row['remembered']:.1%}",
        )
    say_it(f"{numbers['count']} pictures ({numbers['pictures']}), one exposure each\n")
    say_table(table)
    for rule, row in numbers["replay"].items():
        say_it(
            f"replay, {rule}: {row['coverage']:.1%} covered in {row['draws']} draws,"
            f" {row['purity']:.1%} pure"
        )
    night, told, keep = numbers["sleep"], numbers["facts"], numbers["keep"]["detail"]
    say_it(
        f"asleep {night['seconds']:.0f} s: {night['replayed']} replays, {night['epochs']} epochs"
    )
    then, now = keep["bytes an engram"], keep["bytes an engram now"]
    say_it(
        f"a picture could be kept in {then:.0f} bytes instead of {now:.0f}, no pixel off by more"
        f" than {keep['greatest error']:.2f}"
    )
    if told:
        say_it(
            f"labels of held-out pictures told right: {told['right']:.1%};"
            f" with the hippocampus silenced {told['right without the hippocampus']:.1%}"
        )
    say_it(f"\nOpen {page} in a browser ({numbers['seconds']:.0f} s).")
