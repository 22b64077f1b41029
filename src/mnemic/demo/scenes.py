"""Rendered rooms in colour: a second memory of the demo, whose every factor is known."""

from collections.abc import Generator
from typing import Any

import numpy as np

from mnemic import datasets, plots
from mnemic.datasets.scenes import SIZES
from mnemic.demo.nights import night, slept
from mnemic.demo.sections import SHOWN, Demo
from mnemic.memory import Memory

SIDE = 64
EPOCHS = 8
HELD_OUT = 60
CHANGED = ("object hue", "wall hue", "shape")
HUES = ("floor hue", "wall hue", "object hue")
ANALOGIES = 6


def scenes(demo: Demo) -> Generator[str, None, dict[str, Any]]:
    """Remember rooms, sleep, and ask for their factors with and without the hippocampus."""
    count = demo.scenes
    if not count:
        return {}
    yield "scenes: rendering"
    drawn = datasets.shapes3d(count + HELD_OUT, seed=demo.seed)
    described = [
        {name: f"{value}" for name, value in zip(drawn.names, row, strict=True)}
        for row in drawn.factors
    ]
    create = {"resolution": SIDE, "channels": 3}
    with Memory.open(demo.out / "scenes.mnemic", create=create, seed=demo.seed) as memory:
        memory.remember_many(image=list(drawn.images[:count]), metadata=described[:count])
        report = yield from slept(memory, count, EPOCHS)
        numbers = night(demo, memory, report, "scenes")
        yield "scenes: asking"
        unseen, truth = drawn.images[count:], described[count:]
        numbers["facts"] = _facts(memory, unseen, truth, drawn.names)
        numbers["inferred"] = _inferred(demo, memory, unseen)
        numbers["arithmetic"] = _arithmetic(demo, memory)
    return numbers


def _facts(
    memory: Memory, unseen: np.ndarray, truth: list[dict[str, str]], names: tuple[str, ...]
) -> dict[str, dict[str, float]]:
    """Share of held-out rooms whose factors are told right, by factor."""

    def told() -> dict[str, float]:
        found = [memory.facts(image=pixels) for pixels in unseen]
        right = {
            name: [_top(one[name]) == real[name] for one, real in zip(found, truth, strict=True)]
            for name in names
        }
        return {name: float(np.mean(each)) for name, each in right.items()}

    whole = told()
    with memory.lesion("hippocampus"):
        without = told()
    return {"right": whole, "right without the hippocampus": without}


def _inferred(demo: Demo, memory: Memory, unseen: np.ndarray) -> dict[str, Any]:
    """Rooms of which one half is shown: recalled after the night, and inferred by the student."""
    known = np.ones((SIDE, SIDE), np.bool_)
    known[:, : SIDE // 2] = False
    rows = unseen[:SHOWN]
    found = [memory.infer(image=pixels, known=known) for pixels in rows]
    plots.contact_sheet(
        [
            [plots.show_unknown(pixels, known) for pixels in rows],
            [one.image for one in found],
            list(rows),
        ],
        ["never seen", "inferred", "truth"],
    ).save(demo.out / "scenes inferred.png")
    errors = [
        np.abs(one.image.astype(float) - pixels)[~known].mean() / 255
        for one, pixels in zip(found, rows, strict=True)
    ]
    return {"error of what was unknown": float(np.mean(errors)), "pictures": len(errors)}


def _arithmetic(demo: Demo, memory: Memory) -> dict[str, Any]:
    """a + b - c, where b is c but for one factor: does a change in that factor, and no other?"""
    rng = demo.rng("arithmetic")
    names = datasets.shapes3d(1).names
    changed: dict[str, list[bool]] = {factor: [] for factor in CHANGED}
    spared: list[bool] = []
    rows: list[list[Any]] = []
    captions: list[str] = []
    for factor in CHANGED:
        column = names.index(factor)
        for turn in range(ANALOGIES):
            a, c = datasets.shapes3d(2, seed=int(rng.integers(2**31))).factors
            b = c.copy()
            a[column] = c[column]
            size = SIZES[column]
            b[column] = (c[column] + rng.integers(1, size)) % size
            pictures = datasets.shapes3d(factors=np.stack([a, b, c])).images
            made = memory.imagine(like=pictures[0], plus=pictures[1], minus=pictures[2])
            told = memory.facts(image=made.images[0])
            changed[factor].append(_top(told[factor]) == str(b[column]))
            spared += [
                _top(told[name]) == str(a[other])
                for other, name in enumerate(names)
                if name in HUES and name != factor
            ]
            if turn < 2:
                rows.append([*pictures, made.images[0]])
                captions.append(f"{factor}: a, b, c, a + b - c")
    plots.contact_sheet(rows, captions).save(demo.out / "scenes arithmetic.png")
    ends = datasets.shapes3d(2, seed=demo.seed + 1).images
    plots.contact_sheet(
        [
            list(memory.imagine(between=(ends[0], ends[1]), steps=SHOWN)),
            list(memory.imagine(SHOWN, seed=demo.seed)),
        ],
        ["between two", "dreamt"],
    ).save(demo.out / "scenes imagined.png")
    return {
        "changed as meant": {factor: float(np.mean(each)) for factor, each in changed.items()},
        "other colours left as they were": float(np.mean(spared)),
        "analogies of each": ANALOGIES,
    }


def _top(probabilities: dict[str, float]) -> str:
    return max(probabilities, key=lambda value: probabilities[value])
