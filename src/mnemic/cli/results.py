"""Published results, computed anew: ``mnemic reproduce``."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Column, Table

from mnemic.cli.terminal import NO, Json, bars, print_json, say_it, say_table
from mnemic.errors import ConfigError, DataError
from mnemic.reproduce import Result, results, write_index
from mnemic.reproduce import reproduce as computed
from mnemic.reproduce.registry import ScaleName

VERDICTS = {True: "as expected", False: "not as expected", None: "not judged: toy size"}


def reproduce(
    name: Annotated[str, typer.Argument(help="A result; `all` of them; or `list` them.")] = "list",
    scale: Annotated[
        str, typer.Option(help="toy: seconds. small: minutes. paper: the published size.")
    ] = "small",
    seeds: Annotated[int, typer.Option(min=1, help="How many; numbers are over all.")] = 3,
    out: Annotated[Path, typer.Option(help="JSON, figures and index.html go here.")] = Path(
        "results"
    ),
    as_json: Json = False,
) -> None:
    """Compute published results anew: numbers with intervals, figures, and what was expected.

    Exits with 1 where something is not as expected. What was interrupted goes on where it was.
    Of `all`, those whose data are not on this machine are left out, and it is said which.
    """
    found = results()
    if name == "list":
        _list(list(found.values()), as_json=as_json)
        return
    if name != "all" and name not in found:
        raise ConfigError(f"there is no result {name!r}; `mnemic reproduce list` names them")
    if scale not in ("toy", "small", "paper"):
        raise ConfigError(f"scale must be toy, small or paper, got {scale!r}")
    chosen = list(found.values()) if name == "all" else [found[name]]
    records, left_out = [], []
    for result in chosen:
        try:
            records.append(_compute(result, out, scale, seeds, quiet=as_json))
        except DataError as error:
            if name != "all":
                raise
            left_out.append(f"left out {result.name}: {error}")
    page = write_index(out)
    if as_json:
        print_json(records)
    else:
        for record in records:
            _print(record)
        for line in left_out:
            say_it(line)
        say_it(f"open {page}")
    if any(verdict["met"] is False for record in records for verdict in record["verdicts"]):
        raise typer.Exit(NO)


def _compute(
    result: Result, out: Path, scale: ScaleName, seeds: int, *, quiet: bool
) -> dict[str, Any]:
    steps = computed(result, out, scale=scale, seeds=range(seeds))
    with bars(quiet=quiet) as bar:
        task = bar.add_task(result.name, total=None, note="")
        while True:
            try:
                doing = next(steps)
            except StopIteration as ended:
                return ended.value
            bar.update(task, completed=doing.done, total=doing.total, note=doing.what)


def _print(record: dict[str, Any]) -> None:
    say_it(f"{record['name']}: {record['claim']} ({record['paper']}, {record['figure']})")
    table = Table("what", "published", "expected", "found", "", box=None)
    for verdict in record["verdicts"]:
        value = verdict["found"]
        table.add_row(
            verdict["what"],
            str(verdict["published"] or ""),
            verdict["expected"],
            f"{value['mean']:.3g} [{value['low']:.3g}, {value['high']:.3g}]",
            VERDICTS[verdict["met"]],
        )
    say_table(table)


def _list(found: list[Result], *, as_json: bool) -> None:
    if as_json:
        fields = ("name", "paper", "figure", "claim")
        print_json([{field: getattr(result, field) for field in fields} for result in found])
        return
    names = max(len(result.name) for result in found)  # to be typed again: whole, in any terminal
    table = Table(Column("result", min_width=names), "claim", box=None)
    for result in found:
        table.add_row(result.name, f"{result.claim} ({result.paper}, {result.figure})")
    say_table(table)
