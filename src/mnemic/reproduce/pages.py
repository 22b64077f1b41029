"""Pages of the documentation, one a result, written from the records alone.

``python -m mnemic.reproduce.pages RECORDS PAGES`` reads what ``mnemic reproduce … --out RECORDS``
wrote. Records and figures are copied beside the pages, so that a page stands on nothing else.
"""

import json
import re
import sys
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from shutil import copyfile
from typing import Any

from mnemic.errors import DataError

Record = Mapping[str, Any]
VERDICTS = {True: "as expected", False: "**not as expected**", None: "not judged: toy size"}
MARKS = re.compile(r"([\\`*_\[\]|])")  # what Markdown would take for its own


def write_pages(records: Path, docs: Path) -> list[Path]:
    """Write a page for every record in a folder, and an index of them; the index comes first.

    Raises:
        DataError: there is no such folder, or a file in it is no record.
    """
    if not records.is_dir():
        raise DataError(f"there is no folder {records}; `mnemic reproduce all --out` makes one")
    found = {file.stem: read(file) for file in sorted(records.glob("*.json"))}
    docs.mkdir(parents=True, exist_ok=True)
    written = [docs / "index.md"]
    for stem, record in found.items():
        figures = figures_of(stem, records, found)
        for name in (f"{stem}.json", *figures):
            if records.resolve() != docs.resolve():
                copyfile(records / name, docs / name)
        written.append(docs / f"{stem}.md")
        written[-1].write_text(page(record, stem, figures))
    written[0].write_text(index(found))
    return written


def read(file: Path) -> Record:
    """A record.

    Raises:
        DataError: the file is none.
    """
    try:
        record = json.loads(file.read_text())
        if {"name", "claim", "verdicts", "scale", "seeds", "versions"} <= set(record):
            return record
    except (ValueError, TypeError):
        pass
    raise DataError(f"{file} is not the record of a result; keep other files out of its folder")


def figures_of(stem: str, folder: Path, others: Mapping[str, Record]) -> list[str]:
    """The files of a record's figures, and not those of one whose name goes on from there."""
    longer = tuple(f"{other}-" for other in others if other.startswith(f"{stem}-"))
    files = [file.name for suffix in ("png", "svg") for file in folder.glob(f"{stem}-*.{suffix}")]
    return sorted(name for name in files if not name.startswith(longer))


def page(record: Record, stem: str, figures: Sequence[str]) -> str:
    """The page of one record."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    machine = record["machine"]
    lines = [
        f"# {_plain(record['name'])}",
        "",
        _plain(record["claim"]),
        "",
        f"*{_plain(record['paper'])}, {_plain(record['figure'])}.*",
        "",
    ]
    if record["scale"] == "toy":
        lines += ["**Toy size: it shows that this runs, and nothing else.**", ""]
    if record["stands in"]:
        lines += [f"What stands in for the data: {_plain(record['stands in'])}", ""]
    lines += [
        "| what | expected | published | found | verdict | where the bound comes from |",
        "|---|---|---|---|---|---|",
        *(_row(verdict) for verdict in record["verdicts"]),
        "",
        f"Found: {_seeds(record)}",
        "",
    ]
    for name in (name for name in figures if name.endswith(".png")):
        title = Path(name).stem.removeprefix(f"{stem}-").replace("-", " ")
        lines += [f"![{title}: {_plain(record['claim'])}]({name})", ""]
        if (vector := f"{Path(name).stem}.svg") in figures:
            lines += [f"[{title}, as SVG]({vector})", ""]
    config = ", ".join(f"{name} {value}" for name, value in record["config"].items())
    lines += [
        "## How it was computed",
        "",
        f"- scale: {record['scale']} ({_plain(config)})",
        f"- seeds: {', '.join(map(str, record['seeds']))}",
        f"- versions: {_plain(versions)}",
        f"- machine: {_plain(machine['system'])}, {machine['threads']} of {machine['cores']} cores",
        f"- every number, by seed, and checksums of the data: [{stem}.json]({stem}.json)",
        "",
        "```",
        _command(record),
        "```",
    ]
    return "\n".join(lines) + "\n"


def index(found: Mapping[str, Record]) -> str:
    """The list of all results: claims, verdicts, and what did not come out."""
    judged = [
        (stem, record, verdict)
        for stem, record in found.items()
        for verdict in record["verdicts"]
        if verdict["met"] is not None
    ]
    missed = [each for each in judged if not each[2]["met"]]
    lines = [
        "# Published results, computed anew",
        "",
        f"{len(found)} results; {len(judged) - len(missed)} of {len(judged)} numbers are as"
        " expected. What was expected was written down beforehand, with where it comes from. A"
        " number is a mean over seeds, with its 95 % interval in brackets, and is judged by the"
        " mean unless an end of that is named. `mnemic reproduce all` computes everything anew.",
        "",
        "| result | published in | claim | scale | as expected |",
        "|---|---|---|---|---|",
        *(_listed(stem, record) for stem, record in found.items()),
    ]
    if missed:
        lines += ["", "## Not as expected", ""]
        lines += [
            f"- [{_plain(record['name'])}]({stem}.md): {_plain(verdict['what'])} is"
            f" {_shown(verdict['found'])}, expected {_plain(verdict['expected'])}"
            for stem, record, verdict in missed
        ]
    return "\n".join(lines) + "\n"


def _listed(stem: str, record: Record) -> str:
    met = [verdict["met"] for verdict in record["verdicts"]]
    count = f"{met.count(True)} of {len(met)}"
    shown = VERDICTS[None] if None in met else count if all(met) else f"**{count}**"
    cells = (
        f"[{_plain(record['name'])}]({stem}.md)",
        f"{_plain(record['paper'])}, {_plain(record['figure'])}",
        _plain(record["claim"]),
        record["scale"],
        shown,
    )
    return f"| {' | '.join(cells)} |"


def _row(verdict: Mapping[str, Any]) -> str:
    published = verdict["published"]
    cells = (
        _plain(verdict["what"]),
        _plain(verdict["expected"]),
        "" if published is None else _plain(str(published)),
        _shown(verdict["found"]),
        VERDICTS[verdict["met"]],
        _plain(verdict["source"]),
    )
    return f"| {' | '.join(cells)} |"


def _seeds(record: Record) -> str:
    count = len(record["seeds"])
    if count == 1:
        return "one seed, so there is no interval."
    return f"the mean over {count} seeds, in brackets its 95 % interval (Student's t)."


def _shown(found: Any) -> str:
    """Three digits, and the interval where there is one."""
    if not isinstance(found, Mapping):
        return f"{found:.3g}"
    mean = f"{found['mean']:.3g}"
    if len(found["by seed"]) < 2:
        return mean
    return rf"{mean} \[{found['low']:.3g}, {found['high']:.3g}\]"


def _command(record: Record) -> str:
    command = f"mnemic reproduce {record['name']} --scale {record['scale']}"
    seeds = len(record["seeds"])
    return command if list(record["seeds"]) != list(range(seeds)) else f"{command} --seeds {seeds}"


def _plain(text: str) -> str:
    """Text that Markdown shows as it is, on one line."""
    return MARKS.sub(r"\\\1", escape(" ".join(text.split()), quote=False))


if __name__ == "__main__":
    for file in write_pages(*map(Path, sys.argv[1:3])):
        print(f"written to {file}")
