"""Run every section, and write pictures, numbers and one self-contained page."""

import base64
import json
import platform
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jinja2
import torch

import mnemic
from mnemic.demo import nights, scenes, sections
from mnemic.demo.world import default_world, folder_world
from mnemic.errors import ConfigError
from mnemic.memory import Memory

SECTIONS = (
    ("remember", sections.remember),
    ("recall", sections.recall),
    ("replay", sections.replay),
    ("verdict", sections.verdict),
    ("lesion", sections.lesion),
    ("forget", sections.forget),
    ("sleep", nights.sleep),
    ("understand", nights.understand),
    ("surprise", nights.surprise),
    ("imagine", nights.imagine),
    ("facts", nights.facts),
    ("keep", nights.keep),
    ("latents", nights.latents),
    ("scenes", scenes.scenes),
)
Section = Callable[[sections.Demo], dict[str, Any] | Generator[str, None, dict[str, Any]]]


class Step(NamedTuple):
    """How far the demo has come."""

    done: int
    total: int
    doing: str
    page: Path | None = None  # in the last step
    numbers: dict[str, Any] | None = None


def run_demo(
    out: Path,
    *,
    images: Path | None = None,
    count: int = 5000,
    probes: int = 500,
    rooms: int = 1000,
    seed: int = 0,
) -> Iterator[Step]:
    """Remember ``count`` pictures and show what a memory can do with them.

    Then it sleeps, and shows what the student knows; and the same of ``rooms`` rendered in colour
    (0: none). Writes ``index.html``, ``numbers.json``, the pictures as PNG and the memories
    themselves into ``out``. ``images`` takes a folder of a person's own pictures instead of a
    data set.

    Raises:
        ConfigError: ``out`` exists and is not empty, or a count is below 2.
        DataError, MediaError: ``images`` is no folder with two readable pictures.
    """
    if count < 2 or probes < 2:
        raise ConfigError(f"the demo needs at least 2 pictures, got {count} and {probes}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"{out} is not an empty folder; name a new one with --out")
    total = len(SECTIONS) + 1
    yield Step(0, total, "reading pictures")
    started = time.perf_counter()
    world = default_world(count, probes) if images is None else folder_world(images)
    out.mkdir(parents=True, exist_ok=True)
    numbers: dict[str, Any] = {
        "pictures": world.name,
        "left out": list(world.left_out),
        "count": len(world.stored),
        "held out": len(world.held_out),
        "seed": seed,
        "machine": {
            "processor": platform.machine(),
            "threads": torch.get_num_threads(),
            "python": platform.python_version(),
            "torch": torch.__version__,
            "mnemic": mnemic.__version__,
        },
    }
    with Memory.open(out / "demo.mnemic", create=world.create, seed=seed) as memory:
        demo = sections.Demo(
            world=world, memory=memory, out=out, seed=seed, probes=probes, scenes=rooms
        )
        for done, (name, section) in enumerate(SECTIONS, 1):
            yield Step(done, total, name)
            numbers[name] = yield from _done(section, demo, done, total)
    numbers["seconds"] = time.perf_counter() - started
    (out / "numbers.json").write_text(json.dumps(numbers, indent=2, ensure_ascii=False))
    page = out / "index.html"
    page.write_text(_page(numbers, out))
    yield Step(total, total, "done", page, numbers)


def _done(
    section: Section, demo: sections.Demo, done: int, total: int
) -> Generator[Step, None, dict[str, Any]]:
    """The numbers of a section; a long one says on the way what it is doing."""
    outcome = section(demo)
    if isinstance(outcome, dict):
        return outcome
    while True:
        try:
            yield Step(done, total, next(outcome))
        except StopIteration as end:
            return end.value


def _page(numbers: dict[str, Any], out: Path) -> str:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("mnemic.demo", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["percent"] = "{:.1%}".format
    pictures = {
        file.stem: "data:image/png;base64," + base64.b64encode(file.read_bytes()).decode()
        for file in out.glob("*.png")
    }
    return environment.get_template("page.html").render(n=numbers, pictures=pictures)
