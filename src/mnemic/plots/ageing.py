"""Memories that age, what lesions leave of them by age, and learning that goes on."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS

BLUE, RED, GREEN, PINK, SKY, ORANGE = COLOURS
BY_CONSTRUCTION = {"fill": False, "hatch": "////", "edgecolor": "0.45"}
Found = Mapping[str, Any]


def ageing(numbers: Found) -> Figure:
    """What is kept of an engram by age: how far off, how much in detail, and what it means."""
    figure, (error, strength, facts) = _row(3)
    _curve(error, numbers["kept"]["error"], BLUE, "")
    error.set_ylabel("mean absolute error\nof what is kept")
    _curve(strength, numbers["kept"]["strength"], BLUE, "kept in detail (strength)")
    _curve(strength, numbers["intact"]["by age"]["share invented"], RED, "drawn by the student")
    strength.set_ylabel("share of the pixels")
    strength.set_ylim(0, 1)
    _spans(facts, numbers["intact"]["facts"]["by span"], BLUE, "intact", -0.08)
    _spans(facts, _last(numbers)["facts"]["by span"], RED, "hippocampus silenced", 0.08)
    _level(facts, numbers["intact"]["facts"]["never met"], "never met")
    facts.set_ylabel("right about the name\nof what was met without one")
    facts.set_ylim(0, 1)
    for axes in (error, strength):
        axes.set_xlabel("age, nights")
    error.set_ylim(bottom=0)
    for axes in (strength, facts):
        axes.legend(frameon=False, fontsize=8)
    return figure


def amnesia(numbers: Found) -> Figure:
    """Recall of the hidden half by age, with and without a hippocampus; lesions through life."""
    figure, (end, spared, loss) = _row(3)
    last = _last(numbers)
    _curve(end, last["error, intact"], BLUE, "intact")
    _curve(end, last["error, student alone"], RED, "hippocampus silenced")
    _level(end, last["error, never met"], "never met")
    end.set_ylabel("mean absolute error\nof the hidden half")
    end.set_ylim(bottom=0)
    days = sorted(numbers["lesioned on day"], key=int)
    for index, day in enumerate(days):
        found = numbers["lesioned on day"][day]
        colour = COLOURS[index % len(COLOURS)]
        _curve(
            spared, found["spared"], colour, f"lesion on day {day}", shade=index == len(days) - 1
        )
    spared.axhline(0, color="0.3", lw=0.8, ls="--")
    spared.annotate("as if never met", (1, 0), (-2, -10), **_AT_RIGHT)
    spared.set_ylabel("spared by the lesion\n(1: recalled as before)")
    _curve(loss, last["loss"], RED, "")
    loss.set_ylabel("error that the lesion adds")
    loss.set_ylim(bottom=0)
    for axes in (end, spared, loss):
        axes.set_xlabel("age at the lesion, nights")
    for axes in (end, spared):
        axes.legend(frameon=False, fontsize=8)
    return figure


_AT_RIGHT: dict[str, Any] = {
    "xycoords": ("axes fraction", "data"),
    "textcoords": "offset points",
    "ha": "right",
    "fontsize": 8,
    "color": "0.3",
}


def lesions(numbers: Found) -> Figure:
    """Detail and facts after each lesion; what is so by construction is hatched."""
    figure, (detail, facts, graded) = _row(3, width=4.2)
    last, decoder = _last(numbers), numbers["decoder silenced"]
    silenced = numbers["engrams silenced"]
    first = silenced[min(silenced, key=lambda share: abs(float(share) - 0.5))]
    names = (
        "intact",
        "decoder\nsilenced",
        "half of\nengrams\nsilenced",
        "hippo-\ncampus\nsilenced",
    )
    errors = (
        numbers["intact"]["detail error"],
        decoder["detail error"],
        first["silenced"]["detail error"],
        last["mean error, student alone"],
    )
    _bars(detail, names, errors, (BLUE, RED, ORANGE, GREEN))
    _level(detail, last["error, never met"], "never met, by the student")
    detail.set_ylabel("mean absolute error\nof the hidden half")
    right = [found["facts"]["met"] for found in (numbers["intact"], decoder, first, last)]
    removed = first["facts where they are removed"]["met"]
    _bars(
        facts,
        (*names[:3], "half of\nengrams\nremoved", names[3]),
        (*right[:3], removed, right[3]),
        (BLUE, RED, ORANGE, PINK, GREEN),
    )
    facts.set_ylabel("right about the name")
    facts.set_ylim(0, 1)
    shares = sorted(silenced, key=float)
    at = [float(share) for share in shares]
    for name, key, colour, style in (
        ("recalled, not silenced", ("others", "recalled"), BLUE, "o-"),
        ("recalled, silenced*", ("silenced", "recalled"), "0.45", "o:"),
        ("taken for another", ("silenced", "taken for another"), ORANGE, "^-"),
        ("facts, silenced", ("facts", "met"), GREEN, "s-"),
        ("facts, removed", ("facts where they are removed", "met"), PINK, "D-"),
    ):
        found = [silenced[share][key[0]][key[1]] for share in shares]
        _whiskers(graded, at, found, style, colour, name)
    graded.set_xlabel("share of the engrams\n(*: none, by construction)")
    graded.set_ylabel("share")
    graded.set_ylim(-0.03, 1.05)
    graded.set_xlim(0, 1)
    detail.legend(frameon=False, fontsize=7, loc="lower right", bbox_to_anchor=(1, 1))
    graded.legend(frameon=False, fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def pictures_of_a_life(numbers: Found) -> Figure:
    """Engrams of the first day as they were met, and as they are kept at some ages (one seed)."""
    rows = list(numbers["pictures"].values())
    columns = ["as met", *(f"{age} nights" for age in rows[0]["by age"])]
    figure = Figure(figsize=(1.15 * len(columns), 1.3 * len(rows)), layout="constrained")
    grid = figure.subplots(len(rows), len(columns), squeeze=False)
    for axes, row in zip(grid, rows, strict=True):
        for place, picture in zip(axes, [row["as met"], *row["by age"].values()], strict=True):
            levels = np.array(picture["by seed"][0])
            side = round(len(levels) ** 0.5)
            place.imshow(levels.reshape(side, side), cmap="gray", vmin=0, vmax=1)
            place.set_axis_off()
    for place, name in zip(grid[0], columns, strict=True):
        place.set_title(name, fontsize=9)
    return figure


def going_on(numbers: Found) -> Figure:
    """Error on what is old and on what is new, while a student goes on with the new."""
    figure, panels = _row(2)
    ways = [way for way in numbers if "by epoch" in numbers[way]]
    later, whole = ways[:-1], ways[-1]
    for axes, name in zip(panels, ("old", "new"), strict=True):
        start = numbers["before"][f"{name} error"]
        for index, way in enumerate(later):
            curve = numbers[way]["by epoch"][f"{name} error"]
            joined = {key: [start[key], *curve[key]] for key in ("mean", "low", "high")}
            _curve(axes, joined, COLOURS[index], way)
        _level(axes, numbers[whole]["last"][f"{name} error"], whole)
        axes.set_xlabel("epochs after the old was learned")
        axes.set_ylabel(f"mean absolute error of a feature,\n{name} classes, held out")
        axes.set_ylim(bottom=0)
    panels[0].legend(frameon=False, fontsize=8)
    return figure


def retention(numbers: Found) -> Figure:
    """What each way of going on has kept of the old, and learned of the new."""
    figure, (kept, new) = _row(2, width=4.2)
    ways = [way for way in numbers if "kept" in numbers[way]]
    places = np.arange(len(ways))
    for index, (measure, label) in enumerate(
        (("error", "error, before / after"), ("decoding", "decoding, after / before"))
    ):
        found = [numbers[way]["kept"][measure] for way in ways]
        _rows(kept, places + 0.2 * (index - 0.5), found, COLOURS[index], "os"[index], label)
    kept.axvline(1, color="0.3", lw=0.8, ls="--")
    kept.set_xlabel("kept of the old (1: nothing is forgotten)")
    for index, name in enumerate(("old", "new")):
        found = [numbers[way]["last"][f"{name} decoding"] for way in ways]
        _rows(new, places + 0.2 * (index - 0.5), found, COLOURS[index + 2], "^D"[index], name)
    new.set_xlabel("accuracy of a classifier on latents")
    kept.set_yticks(places, ways)
    new.set_yticks(places, [])
    for axes in (kept, new):
        axes.invert_yaxis()
        axes.legend(frameon=False, fontsize=8)
    return figure


def _row(count: int, width: float = 3.5) -> tuple[Figure, Sequence[Axes]]:
    figure = Figure(figsize=(width * count, 3.1), layout="constrained")
    panels = list(figure.subplots(1, count))
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    return figure, panels


def _last(numbers: Found) -> Found:
    return numbers["lesioned on day"][max(numbers["lesioned on day"], key=int)]


def _curve(axes: Axes, curve: Found, colour: str, label: str, *, shade: bool = True) -> None:
    """A mean over seeds by age, from 0, with its 95 % interval."""
    ages = range(len(curve["mean"]))
    axes.plot(ages, curve["mean"], "-o", ms=3, color=colour, label=label or None)
    if shade:
        axes.fill_between(ages, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)


def _level(axes: Axes, found: Found, label: str) -> None:
    """A number that has no age, with its 95 % interval."""
    axes.axhline(found["mean"], color="0.3", lw=1, ls="--", label=label)
    axes.axhspan(found["low"], found["high"], color="0.3", alpha=0.12, lw=0)


def _spans(axes: Axes, spans: Found, colour: str, label: str, aside: float) -> None:
    """A mark for each span of ages, with its 95 % interval."""
    at = np.arange(len(spans)) + aside
    _whiskers(axes, at, list(spans.values()), "o", colour, label)
    axes.set_xticks(range(len(spans)), list(spans))
    axes.set_xlabel("age, nights")


def _reach(found: Sequence[Found]) -> tuple[np.ndarray, np.ndarray]:
    means = np.array([each["mean"] for each in found])
    return means, np.abs([[each["low"], each["high"]] for each in found] - means[:, None]).T


def _whiskers(
    axes: Axes,
    at: Sequence[float] | np.ndarray,
    found: Sequence[Found],
    style: str,
    colour: str,
    label: str,
) -> None:
    means, reach = _reach(found)
    axes.errorbar(at, means, yerr=reach, fmt=style, ms=4, capsize=2, color=colour, label=label)


def _rows(
    axes: Axes, at: np.ndarray, found: Sequence[Found], colour: str, mark: str, label: str
) -> None:
    means, reach = _reach(found)
    axes.errorbar(means, at, xerr=reach, fmt=mark, ms=5, capsize=2, color=colour, label=label)


def _bars(axes: Axes, names: Sequence[str], found: Sequence[Found], colours: Sequence[str]) -> None:
    means, reach = _reach(found)
    axes.bar(range(len(means)), means, yerr=reach, capsize=2, color=colours)
    axes.set_xticks(range(len(means)), names, fontsize=7)
