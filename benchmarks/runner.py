"""Run measurements and write what they found: JSON for each, one table for all."""

import json
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.machine import commit, machine, versions
from benchmarks.registry import Measurement, Must, Numbers, number_at

Record = dict[str, Any]


def run(chosen: Iterable[Measurement], out: Path, *, quick: bool) -> Iterator[Record]:
    """Measure each, write its JSON and the index so far, and yield its record.

    A measurement that raises, or refuses, is recorded as not met; the others still run.
    """
    out.mkdir(parents=True, exist_ok=True)
    for measurement in chosen:
        record = measured(measurement, quick=quick)
        text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False)
        (out / f"{measurement.name}.json").write_text(text + "\n")
        (out / "index.md").write_text(index(records(out)))
        yield record


def measured(measurement: Measurement, *, quick: bool) -> Record:
    """Numbers with all one needs to judge and to repeat them."""
    scale = measurement.quick if quick else measurement.full
    on, of, started = machine(), commit(), time.perf_counter()
    numbers: Numbers = {}
    error = None
    try:
        numbers = measurement.measure(scale)
        json.dumps(numbers, allow_nan=False)  # a number that is none is an error of its own
    except Exception as raised:
        traceback.print_exc(file=sys.stderr)
        numbers, error = {}, f"{type(raised).__name__}: {raised}"
    return {
        "name": measurement.name,
        "claim": measurement.claim,
        "size": "toy" if quick else "full",
        "error": error,
        "musts": [_judged(must, numbers) for must in measurement.musts],
        "numbers": numbers,
        "config": asdict(scale),
        "machine": on,
        "versions": versions(),
        "commit": of,
        "seconds": time.perf_counter() - started,
    }


def _judged(must: Must, numbers: Numbers) -> Record:
    record = {"claim": must.claim, "must": str(must), "source": must.source, "unit": must.unit}
    if not numbers:
        return record | {"measured": None, "met": False, "beside": {}}
    value = number_at(numbers, must.number)
    return record | {
        "measured": value,
        "met": must.met(value["mean"] if isinstance(value, dict) else value),
        "beside": {name: number_at(numbers, path) for name, path in must.beside.items()},
    }


def records(out: Path) -> list[Record]:
    """All that was ever measured into this folder."""
    return [json.loads(file.read_text()) for file in sorted(out.glob("*.json"))]


def index(found: Sequence[Record]) -> str:
    """One table of every must, met or not."""
    every = [(record, must) for record in found for must in record["musts"]]
    met = sum(must["met"] for _, must in every)
    lines = [
        "# Benchmarks",
        "",
        f"{met} of {len(every)} bounds are met. Brackets hold 95 % intervals; a bound is met by the"
        " mean. `make bench` measures everything anew.",
        "",
    ]
    if any(record["size"] == "toy" for record in found):
        lines += ["**Some of this was measured at toy size, which shows nothing.**", ""]
    lines += [
        "| measurement | claim | must | measured | met | beside it | where the bound comes from |",
        "|---|---|---|---|---|---|---|",
    ]
    lines += [_row(record, must) for record, must in every]
    lines += ["", "## What was measured", ""]
    lines += [_described(record) for record in found]
    return "\n".join(lines) + "\n"


def _row(record: Record, must: Mapping[str, Any]) -> str:
    value = must["measured"]
    shown = "nothing" if value is None else f"{_shown(value)} {must['unit']}".rstrip()
    if record["size"] == "toy":
        shown += " (toy size)"
    beside = "; ".join(f"{name} {_shown(other)}" for name, other in must["beside"].items())
    cells = (
        f"[{record['name']}]({record['name']}.json)",
        must["claim"],
        must["must"],
        shown,
        "met" if must["met"] else "**not met**",
        beside,
        must["source"],
    )
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _described(record: Record) -> str:
    config = ", ".join(f"{name} {value}" for name, value in record["config"].items())
    on = record["machine"]
    where = f"{on['processor'] or on['system']}, {on['cores']} cores, load {on['load before']}"
    if record["commit"] is not None:
        where += f", commit {record['commit']}"
    text = (
        f"- **{record['name']}**: {record['claim']} ({config}; {record['seconds']:.0f} s; {where})"
    )
    if record["error"] is not None:
        text += f" **Failed: {record['error']}**"
    return text


def _shown(value: Any) -> str:
    """Four digits, and the interval where there is one."""
    if isinstance(value, dict):
        return f"{_digits(value['mean'])} [{_digits(value['low'])}, {_digits(value['high'])}]"
    return _digits(value)


def _digits(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
