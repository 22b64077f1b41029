"""From a result to its record: every seed computed or found, numbers, verdicts, figures."""

import json
import os
import platform
import time
from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jinja2 import Environment, PackageLoader, select_autoescape

import mnemic
from mnemic import plots
from mnemic.errors import ConfigError
from mnemic.reproduce.estimates import merged
from mnemic.reproduce.registry import Expected, Numbers, Result, ScaleName, number_at
from mnemic.reproduce.workshop import Doing, Workshop, checksum, key_of, write_json

Record = dict[str, Any]


def reproduce(
    result: Result, out: Path, *, scale: ScaleName = "small", seeds: Sequence[int] = (0, 1, 2)
) -> Generator[Doing, None, Record]:
    """Compute a result, write ``NAME.json`` and its figures into ``out``, and return the record.

    Seeds that were computed before are taken from ``out/workshop``; so is what an interrupted one
    had finished. Figures are drawn from the JSON alone.

    Raises:
        ConfigError: there is no such scale, or no seeds.
        DataError: its data are not on this machine.
    """
    if scale not in result.scales:
        raise ConfigError(f"{result.name} has the scales {', '.join(result.scales)}, not {scale!r}")
    if len(seeds) == 0 or len(set(seeds)) != len(seeds):
        raise ConfigError(f"a result needs different seeds, got {list(seeds)}")
    config, workshop = result.scales[scale], Workshop(out / "workshop")
    started, found, sums = time.perf_counter(), [], []
    for seed in seeds:
        data = result.load(config, seed)
        sums.append(checksum(data))
        made_of = {"result": result.name, "config": asdict(config)}
        by = result.compute.__module__
        key = f"seed-{key_of(by, **made_of, seed=seed, data=sums[-1])}"
        numbers = workshop.read(key)
        if numbers is None:
            for doing in _of_seed(result, config, data, seed, workshop, key):
                yield doing._replace(what=f"seed {seed}: {doing.what}")
            numbers = workshop.read(key)
        found.append(numbers)
    numbers = merged(found)
    record: Record = {
        "name": result.name,
        "paper": result.paper,
        "figure": result.figure,
        "claim": result.claim,
        "stands in": result.stands_in,
        "scale": scale,
        "seeds": list(seeds),
        "config": asdict(config),
        "data": dict(zip(map(str, seeds), sums, strict=True)),
        "verdicts": [
            _verdict(expected, numbers, judged=scale != "toy") for expected in result.expected
        ],
        "numbers": numbers,
        "versions": _versions(),
        "machine": _machine(),
        "seconds": time.perf_counter() - started,
    }
    file = out / f"{file_name(result.name)}.json"
    write_json(file, record)
    draw(result, file)
    return record


def _of_seed(
    result: Result, config: Any, data: Any, seed: int, workshop: Workshop, key: str
) -> Generator[Doing, None, None]:
    numbers = yield from result.compute(config, data, seed, workshop)
    workshop.write(key, numbers)


def draw(result: Result, file: Path) -> list[Path]:
    """Draw a result's figures beside its record, from the record: PNG and SVG of each."""
    numbers = json.loads(file.read_text())["numbers"]
    drawn: list[Path] = []
    for name, figure_of in result.figures.items():
        for suffix in ("png", "svg"):
            drawn.append(file.with_name(f"{file.stem}-{name}.{suffix}"))
            plots.save(figure_of(numbers), drawn[-1])
    return drawn


def write_index(out: Path) -> Path:
    """A page of all records in a folder: claims, figures, published values, ours, verdicts."""
    records = [json.loads(file.read_text()) for file in sorted(out.glob("*.json"))]
    pages = Environment(
        loader=PackageLoader("mnemic.reproduce", "."), autoescape=select_autoescape()
    )
    figures = {
        record["name"]: sorted(file.name for file in out.glob(f"{file_name(record['name'])}-*.png"))
        for record in records
    }
    page = out / "index.html"
    page.write_text(pages.get_template("index.html").render(records=records, figures=figures))
    return page


def file_name(name: str) -> str:
    """A result's name as the name of a file."""
    return name.replace("/", "-")


def _verdict(expected: Expected, numbers: Numbers, *, judged: bool) -> Record:
    """What was found beside what was expected; a toy shows nothing, so it is not judged."""
    found = number_at(numbers, expected.number)
    value = found[expected.judged] if isinstance(found, dict) else found
    return {
        "what": expected.what,
        "expected": str(expected),
        "source": expected.source,
        "published": expected.published,
        "found": found,
        "met": expected.met(value) if judged else None,
    }


def _versions() -> Record:
    return {
        "mnemic": mnemic.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": np.__version__,
    }


def _machine() -> Record:
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
    }
