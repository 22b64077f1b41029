"""How memories are distorted (Spens & Burgess 2024): detail, prototypes, boundaries, labels."""

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS, STUDENTS, bars

LEVELS, A_NUMBER = 32, 9
NETWORKS = STUDENTS | {"digits network": "published network for digits"}


def unpacked(
    numbers: Sequence[float], grid: tuple[int, int, int]
) -> Float[np.ndarray, "height width channels"]:
    """A picture, in 0..1, from numbers that hold nine of its features each, at 32 levels."""
    height, width, channels = grid
    powers = LEVELS ** np.arange(A_NUMBER, dtype=np.int64)
    levels = np.asarray(numbers, np.int64)[:, None] // powers % LEVELS
    flat = levels.ravel()[: height * width * channels] / (LEVELS - 1)
    return flat.reshape(height, width, channels)


def trade_off(
    numbers: Mapping[str, Any],
    *,
    thresholds: Sequence[float],
    published: Mapping[str, Sequence[float]] | None,
) -> Figure:
    """What is lost and what is stored by threshold, and one against the other."""
    figure = Figure(figsize=(10.2, 3.4), layout="constrained")
    lost, stored, both = figure.subplots(1, 3)
    measures = ("squared error", "features stored")
    for axes, measure in ((lost, measures[0]), (stored, measures[1])):
        for index, (kind, name) in enumerate(STUDENTS.items()):
            colour = COLOURS[index]
            _band(axes, thresholds, numbers[kind]["mask"][measure], "o-", name, colour)
            label = f"{name}, published rule"
            _band(axes, thresholds, numbers[kind]["published rule"][measure], "s:", label, colour)
        if published is not None:
            axes.plot(thresholds, published[measure], "D--", ms=4, color="0.3", label="published")
        axes.set_xlabel("threshold of prediction error")
        axes.set_xlim(left=0)
    for index, kind in enumerate(STUDENTS):
        for rule, style in (("mask", "o-"), ("published rule", "s:")):
            found = [numbers[kind][rule][measure]["mean"] for measure in reversed(measures)]
            both.plot(*found, style, ms=4, color=COLOURS[index])
        alone = numbers[kind]["schema alone"]["mean"]
        both.axhline(alone, color=COLOURS[index], lw=0.8, ls="-.")
        across = both.get_yaxis_transform()
        both.text(1, alone, "schema alone", transform=across, ha="right", va="bottom", fontsize=7)
    if published is not None:
        both.plot(*(published[measure] for measure in reversed(measures)), "D--", ms=4, color="0.3")
    lost.set_ylabel("squared error, summed over a picture")
    stored.set_ylabel("features stored of a picture")
    both.set_xlabel("features stored of a picture")
    both.set_ylabel("squared error, summed over a picture")
    for axes in (lost, stored, both):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(bottom=0)
    handles = lost.get_legend_handles_labels()
    figure.legend(*handles, frameon=False, fontsize=8, loc="outside lower center", ncols=5)
    return figure


def stages_of_recall(numbers: Mapping[str, Any], *, grid: tuple[int, int, int]) -> Figure:
    """One picture of the first seed: seen, predicted, stored and recalled at two thresholds."""
    shown = numbers["pictures"]
    figure = Figure(figsize=(1.55 * len(shown), 1.9), layout="constrained")
    for axes, (name, found) in zip(figure.subplots(1, len(shown)), shown.items(), strict=True):
        _picture(axes, unpacked(found["by seed"][0], grid), name)
    return figure


def variance_by_class(numbers: Mapping[str, Any]) -> Figure:
    """Pixel variance within each class: as seen, and as recalled by each student."""
    classes = list(numbers["seen"])
    figure = Figure(figsize=(9.4, 3.4), layout="constrained")
    variance, ratio = figure.subplots(1, 2, width_ratios=(2.2, 1))
    rows = {"seen": numbers["seen"]} | {
        NETWORKS[kind]: numbers[kind]["recalled"] for kind in NETWORKS
    }
    for index, (name, found) in enumerate(rows.items()):
        each = [found[label] for label in classes]
        bars(variance, range(len(classes)), each, index, len(rows), name)
    for index, kind in enumerate(NETWORKS):
        found = [numbers[kind]["all classes"], numbers[kind]["between classes"]]
        bars(ratio, range(2), found, index + 1, len(rows), NETWORKS[kind])
    variance.set_xticks(range(len(classes)), classes, **_slanted(classes))
    variance.set_ylabel("variance of a pixel within the class")
    variance.legend(frameon=False, fontsize=8, ncols=2)
    variance.set_ylim(top=1.25 * variance.get_ylim()[1])
    ratio.axhline(1, color="0.3", lw=0.8, ls="--")
    ratio.set_xticks(range(2), ["within\nclasses", "between\nclasses"])
    ratio.set_ylabel("variance recalled over seen")
    for axes in (variance, ratio):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def examples_by_class(numbers: Mapping[str, Any], *, grid: tuple[int, int, int]) -> Figure:
    """One picture a class of the first seed, as seen and as recalled by each student."""
    shown = numbers["pictures"]
    rows = {"seen": "seen"} | NETWORKS
    figure = Figure(figsize=(0.85 * len(shown) + 1, 0.95 * len(rows)), layout="constrained")
    grid_of_axes = figure.subplots(len(rows), len(shown), squeeze=False)
    for across, (row, title) in zip(grid_of_axes, rows.items(), strict=True):
        for axes, (name, of_class) in zip(across, shown.items(), strict=True):
            _picture(axes, unpacked(of_class[row]["by seed"][0], grid), name * (row == "seen"))
        across[0].set_ylabel(fill(title, width=12), fontsize=8)
    return figure


def size_by_zoom(
    numbers: Mapping[str, Any], *, zooms: Sequence[float], published: Sequence[float]
) -> Figure:
    """How the object, and the view most like what came back, change with how near it was seen."""
    figure = Figure(figsize=(9.2, 3.6), layout="constrained")
    size, view = figure.subplots(1, 2, sharey=True)
    places = [100 * zoom for zoom in zooms]
    for index, (kind, name) in enumerate(STUDENTS.items()):
        colour = COLOURS[index]
        _band(size, places, numbers[kind]["size"], "o-", name, colour)
        _band(size, places, numbers[kind]["size, with detail"], "s:", f"{name} and detail", colour)
        _band(view, places, numbers[kind]["view"], "o-", name, colour)
    size.plot(places, published, "D--", ms=4, color="0.3", label="published")
    usual = [1 / zoom - 1 for zoom in zooms]
    for axes in (size, view):
        axes.plot(places, usual, color="0.6", lw=0.8, label="wholly back to the usual")
        axes.axhline(0, color="0.3", lw=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("zoom of the view seen (%)")
        axes.invert_xaxis()
    size.set_ylabel("median change")
    size.set_title("size of the object", fontsize=9)
    view.set_title("view most like what came back", fontsize=9)
    handles = size.get_legend_handles_labels()
    figure.legend(*handles, frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    return figure


def views(numbers: Mapping[str, Any]) -> Figure:
    """A scene of the first seed from near, as usual and from far; what came back below."""
    shown = {name: found["by seed"][0] for name, found in numbers["pictures"].items()}
    figure = Figure(figsize=(5.0, 3.6), layout="constrained")
    places = figure.subplots(2, len(shown) // 2).ravel()
    for axes, (name, found) in zip(places, shown.items(), strict=True):
        _picture(axes, unpacked(found, (64, 64, 3)), name)
    return figure


def bent_by_label(numbers: Mapping[str, Any], *, weights: Sequence[float]) -> Figure:
    """What a classifier takes the recalled for, by label and by how much of it was stored."""
    figure = Figure(figsize=(7.4, 3.2), layout="constrained")
    both = figure.subplots(1, 2, sharey=True)
    for axes, (kind, name) in zip(both, STUDENTS.items(), strict=True):
        for index, (label, curve) in enumerate(numbers[kind]["leaning"].items()):
            _band(axes, weights, curve, "o-", label, COLOURS[index])
        axes.axhline(0.5, color="0.3", lw=0.8, ls="--", label="as seen")
        axes.set_title(name, fontsize=9)
        axes.set_xlabel("weight of the label in the latent stored")
        axes.set_ylim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
    both[0].set_ylabel("probability of the first class,\nof the two, when recalled")
    handles = both[0].get_legend_handles_labels()
    figure.legend(*handles, frameon=False, fontsize=8, loc="outside lower center", ncols=3)
    return figure


def labelled(numbers: Mapping[str, Any], *, grid: tuple[int, int, int]) -> Figure:
    """Stimuli of the first seed, and what was recalled of them under either label and none."""
    shown = numbers["pictures"]
    columns = list(next(iter(shown.values())))
    figure = Figure(figsize=(1.5 * len(columns), 1.6 * len(shown)), layout="constrained")
    for across, found in zip(
        figure.subplots(len(shown), len(columns), squeeze=False), shown.values(), strict=True
    ):
        for axes, name in zip(across, columns, strict=True):
            _picture(axes, unpacked(found[name]["by seed"][0], grid), name)
    return figure


def _slanted(names: Sequence[str]) -> dict[str, Any]:
    """How to write names under an axis where they are too long to lie side by side."""
    return {"rotation": 30, "ha": "right"} if max(map(len, names)) > 2 else {}


def _picture(axes: Axes, picture: Float[np.ndarray, "height width channels"], title: str) -> None:
    axes.imshow(picture.squeeze(), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    axes.set_title(title, fontsize=8)
    axes.set_xticks([])
    axes.set_yticks([])


def _band(
    axes: Axes,
    places: Sequence[float],
    curve: Mapping[str, Any],
    style: str,
    label: str,
    colour: str,
) -> None:
    """A mean over seeds by place, with its 95 % interval."""
    axes.plot(places, curve["mean"], style, ms=4, label=label, color=colour)
    axes.fill_between(places, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)
