"""How every figure looks: colours, axes, and marks with their 95 % intervals."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

STUDENTS = {"mnemic": "our student", "spens2022": "published student"}
# Okabe & Ito: colour-blind safe
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")


def blank(width: float, height: float) -> tuple[Figure, Axes]:
    """An empty figure of this many inches, without the frame that says nothing."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def band(axes: Axes, curve: Mapping[str, Any], style: str, label: str, colour: str) -> None:
    """A mean over seeds by epoch, with its 95 % interval."""
    epochs = range(1, len(curve["mean"]) + 1)
    axes.plot(epochs, curve["mean"], style, marker="o", ms=3, label=label, color=colour)
    axes.fill_between(epochs, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)


def bars(
    axes: Axes,
    places: Sequence[int],
    found: Sequence[Mapping[str, Any]],
    index: int,
    of: int,
    label: str,
) -> None:
    """One of several bars side by side, with its 95 % interval."""
    width = 0.8 / of
    at = np.array(places) + (index - (of - 1) / 2) * width
    means = np.array([each["mean"] for each in found])
    reach = np.abs([[each["low"], each["high"]] for each in found] - means[:, None]).T
    axes.bar(at, means, width, yerr=reach, label=label, color=COLOURS[index], capsize=2)


def points(axes: Axes, found: Sequence[Mapping[str, Any]], index: int, label: str) -> None:
    """A mark a row, with its 95 % interval."""
    means = np.array([each["mean"] for each in found])
    reach = np.abs([[each["low"], each["high"]] for each in found] - means[:, None]).T
    places = np.arange(len(found))
    axes.errorbar(means, places, xerr=reach, fmt="os^"[index], label=label, color=COLOURS[index])


def save(figure: Figure, path: Path) -> None:
    """Write a figure as the name says: PNG, 150 dots an inch, or SVG, the same each time."""
    with rc_context({"svg.hashsalt": path.stem}):
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)
