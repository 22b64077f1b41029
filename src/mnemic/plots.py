"""Numbers and pictures to figures. Nothing is computed here but where to put the ink."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

UNKNOWN = (150, 180, 215)  # what is unknown is pale blue, in no data set's palette
PAPER, INK = (255, 255, 255), (40, 40, 40)
# Okabe & Ito: colour-blind safe
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00")
GAP = 3


def contact_sheet(
    rows: Sequence[Sequence[UInt8[np.ndarray, "..."]]],
    captions: Sequence[str] = (),
    *,
    size: int = 84,
) -> Image.Image:
    """Pictures in rows, each fitted into a square of ``size`` pixels, with captions on the left."""
    font = ImageFont.load_default(13)
    margin = max((int(font.getlength(text)) for text in captions), default=-10) + 10
    columns = max((len(row) for row in rows), default=0)
    step = size + GAP
    sheet = Image.new("RGB", (max(1, margin + columns * step), max(1, len(rows) * step)), PAPER)
    draw = ImageDraw.Draw(sheet)
    for top, row in enumerate(rows):
        if captions:
            draw.text((0, top * step + size // 2), captions[top], INK, font, anchor="lm")
        for left, pixels in enumerate(row):
            tile = _fitted(pixels, size)
            corner = (
                margin + left * step + (size - tile.width) // 2,
                top * step + (size - tile.height) // 2,
            )
            sheet.paste(tile, corner)
    return sheet


def show_unknown(
    pixels: UInt8[np.ndarray, "height width *channels"], known: Bool[np.ndarray, "height width"]
) -> UInt8[np.ndarray, "height width 3"]:
    """A picture with what is unknown in pale blue."""
    colour = np.repeat(pixels[..., None], 3, axis=-1) if pixels.ndim == 2 else pixels
    return np.where(known[..., None], colour, np.array(UNKNOWN, np.uint8))


def histogram_by_class(
    counts: Mapping[str, Sequence[int]], classes: Sequence[str], *, even: float
) -> Figure:
    """How often each class was replayed, by rule, against an even share."""
    figure, axes = _figure(7.2, 2.9)
    width = 0.8 / len(counts)
    for index, (rule, values) in enumerate(counts.items()):
        at = np.arange(len(classes)) + (index - (len(counts) - 1) / 2) * width
        axes.bar(at, values, width, label=rule, color=COLOURS[index])
    axes.axhline(even, color="0.3", lw=0.8, ls="--", label="as stored, on average")
    axes.set_xticks(range(len(classes)), classes, rotation=30, ha="right")
    axes.set_ylabel("replays")
    axes.legend(frameon=False)
    return figure


def cumulative(
    groups: Mapping[str, Sequence[float]], *, measure: str, threshold: float | None = None
) -> Figure:
    """Values of each group as cumulative shares; what is remembered lies beyond a threshold."""
    figure, axes = _figure(5.2, 2.9)
    for index, (name, values) in enumerate(groups.items()):
        if values:
            axes.ecdf(values, label=name, color=COLOURS[index % len(COLOURS)])
    if threshold is not None:
        axes.axvline(threshold, color="0.3", lw=0.8, ls="--", label="remembered from here on")
    axes.set_xlabel(measure)
    axes.set_ylabel("share of pictures")
    axes.legend(frameon=False, loc="upper left")
    return figure


def lesion_curve(
    fractions: Sequence[float], shares: Mapping[str, Sequence[float]], *, cues: str
) -> Figure:
    """What survives a graded lesion."""
    figure, axes = _figure(5.2, 2.9)
    for index, (name, values) in enumerate(shares.items()):
        axes.plot(fractions, values, "o-", ms=4, label=name, color=COLOURS[index])
    axes.plot(fractions, [1 - f for f in fractions], "--", color="0.3", lw=0.8, label="1 - lesion")
    axes.set_xlabel("share of the engrams silenced")
    axes.set_ylabel(f"share of {cues}")
    axes.legend(frameon=False)
    return figure


def training_curves(curves: Mapping[str, Sequence[float]], *, of: str) -> Figure:
    """Errors after each epoch of a sleep."""
    figure, axes = _figure(5.2, 2.9)
    for index, (name, values) in enumerate(curves.items()):
        axes.plot(range(1, len(values) + 1), values, "o-", ms=4, label=name, color=COLOURS[index])
    axes.set_xlabel("epoch")
    axes.set_ylabel(of)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)
    return figure


def latent_map(
    places: Float[np.ndarray, "points 2"], labels: Sequence[str | None], *, axes_are: str
) -> Figure:
    """Points of a latent space brought to two dimensions, one colour and mark a label."""
    figure, axes = _figure(6.4, 4.6)
    names = sorted({label for label in labels if label is not None})
    marks = "osv^D*PX<>"
    for index, name in enumerate(names[: len(marks)] or [None]):
        mine = np.array([label == name for label in labels])
        axes.scatter(
            *places[mine].T,
            s=14,
            lw=0,
            alpha=0.8,
            marker=marks[index],
            color=COLOURS[index % len(COLOURS)],
            label=name,
        )
    axes.set_xlabel(axes_are)
    axes.set_xticks([])
    axes.set_yticks([])
    if names:
        axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5), markerscale=1.6)
    return figure


def replay_by_rule(numbers: Mapping[str, Any]) -> Figure:
    """What share of the memories each way of replaying reached, and how purely and evenly."""
    rules = ("habituated", "independent draws", "published")
    measures = ("coverage", "purity", "entropy")
    figure, axes = _figure(5.6, 3.2)
    for index, rule in enumerate(rules):
        places = [place for place, name in enumerate(measures) if name in numbers[rule]]
        found = [numbers[rule][measures[place]] for place in places]
        _bars(axes, places, found, index, len(rules), rule)
    axes.set_xticks(range(3), ["memories\nreached", "patterns that are\none memory", "evenness"])
    axes.set_ylabel("share")
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False, loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.18))
    return figure


def replay_by_class(numbers: Mapping[str, Any]) -> Figure:
    """How often each class is replayed, beside how often it is stored."""
    figure, axes = _figure(7.2, 3.2)
    for index, rule in enumerate(("stored", "habituated", "published")):
        curve = numbers[rule]["classes"]
        found = [
            {"mean": mean, "low": low, "high": high}
            for mean, low, high in zip(curve["mean"], curve["low"], curve["high"], strict=True)
        ]
        _bars(axes, range(len(found)), found, index, 3, rule)
    axes.set_xticks(range(len(numbers["stored"]["classes"]["mean"])))
    axes.set_xlabel("class")
    axes.set_ylabel("share of the replay")
    axes.legend(frameon=False)
    return figure


def learning(numbers: Mapping[str, Any]) -> Figure:
    """Error on what was stored and what was not, and decoding accuracy, by epoch and student."""
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    errors, accuracy = figure.subplots(1, 2)
    for index, kind in enumerate(("mnemic", "spens2022")):
        curves = numbers[kind]["by epoch"]
        for name, style in (("held-out error", "-"), ("stored error", ":")):
            label = f"{kind}, {name.removesuffix(' error')}"
            _band(errors, curves[name], style, label, COLOURS[index])
        _band(accuracy, curves["decoding accuracy"], "-", kind, COLOURS[index])
    accuracy.axhline(
        numbers["pixels"]["decoding accuracy"]["mean"], color="0.3", lw=0.8, ls="--", label="pixels"
    )
    errors.set_ylabel("mean absolute error of a feature")
    accuracy.set_ylabel("accuracy of a classifier,\n200 examples")
    for axes in (errors, accuracy):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlabel("epoch")
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, fontsize=8)
    return figure


def cost_of_the_lesson(numbers: Mapping[str, Any]) -> Figure:
    """Error on the lesson and on what was never seen, and decoding, by how it was chosen."""
    ways = [name for name, found in numbers.items() if "held-out error" in found]
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    errors, accuracy = figure.subplots(1, 2, sharey=True)
    for index, measure in enumerate(("held-out error", "error on the lesson")):
        _points(errors, [numbers[way][measure] for way in ways], index, measure)
    _points(accuracy, [numbers[way]["decoding accuracy"] for way in ways], 2, "")
    errors.set_yticks(range(len(ways)), ways)
    errors.invert_yaxis()
    errors.set_xlabel("mean absolute error of a feature")
    errors.legend(frameon=False, fontsize=8)
    accuracy.set_xlabel("accuracy of a classifier, 200 examples")
    for axes in (errors, accuracy):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(left=0)
    return figure


def _points(axes: Axes, found: Sequence[Mapping[str, Any]], index: int, label: str) -> None:
    """A mark a row, with its 95 % interval."""
    means = np.array([each["mean"] for each in found])
    reach = np.abs([[each["low"], each["high"]] for each in found] - means[:, None]).T
    places = np.arange(len(found))
    axes.errorbar(means, places, xerr=reach, fmt="os^"[index], label=label, color=COLOURS[index])


def map_of_latents(numbers: Mapping[str, Any]) -> Figure:
    """Latents of pictures never replayed, brought to two dimensions (t-SNE), of the first seed."""
    found = {name: values["by seed"][0] for name, values in numbers["mnemic"]["map"].items()}
    places = np.stack([found["x"], found["y"]], axis=1)
    return latent_map(places, [f"{label:g}" for label in found["label"]], axes_are="t-SNE")


def _band(axes: Axes, curve: Mapping[str, Any], style: str, label: str, colour: str) -> None:
    """A mean over seeds by epoch, with its 95 % interval."""
    epochs = range(1, len(curve["mean"]) + 1)
    axes.plot(epochs, curve["mean"], style, marker="o", ms=3, label=label, color=colour)
    axes.fill_between(epochs, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)


def _bars(
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


def capacity_curves(numbers: Mapping[str, Mapping[str, Any]]) -> Figure:
    """How many patterns each network holds against their features, with 95 % bands, and theory.

    ``numbers`` are those of ``benchmarks/capacity.py``.
    """
    figure, axes = _figure(7.2, 4.6)
    for index, (name, found) in enumerate(numbers.items()):
        dims = [int(dim) for dim in found["patterns"]]
        held = list(found["patterns"].values())
        colour, mark = COLOURS[index % len(COLOURS)], "osD^vP"[index % 6]
        low = [max(1.0, each["low"]) for each in held]  # a logarithm has no 0
        axes.fill_between(dims, low, [each["high"] for each in held], color=colour, alpha=0.2, lw=0)
        means = [each["mean"] for each in held]
        axes.plot(dims, means, mark + "-", ms=4.5, lw=1.2, color=colour, label=name)
        axes.plot(dims, list(found["theory"].values()), "--", lw=1, color=colour)
    axes.plot([], [], "--", lw=1, color="0.3", label="theory, same colour")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set_xlabel("features")
    axes.set_ylabel("random patterns held")
    axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def recall_by_size(by_size: Mapping[str, Mapping[str, Mapping[str, float]]]) -> Figure:
    """Time and extra memory of recalling 64 cues, by way and by how many patterns are stored."""
    sizes = [int(size) for size in by_size]
    ways = list(next(iter(by_size.values())))
    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    time, memory = figure.subplots(1, 2)
    for index, way in enumerate(way for way in ways if way != "reading once"):
        ours = way.startswith("mnemic")
        style = {
            "color": COLOURS[index % len(COLOURS)],
            "marker": "os^"[index % 3],
            "ms": 4,
            "lw": 2 if ours else 1,
            "ls": "-" if ours else "--",
            "label": way,
        }
        time.plot(sizes, [by_size[str(size)][way]["ms"] for size in sizes], **style)
        grown = [max(by_size[str(size)][way]["MiB"], 0.1) for size in sizes]
        memory.plot(sizes, grown, **style)
    read = [by_size[str(size)]["reading once"]["ms"] for size in sizes]
    time.plot(sizes, read, color="0.3", lw=0.8, label="reading the patterns once")
    time.set_ylabel("64 cues (ms)")
    memory.set_ylabel("peak memory beyond what is held\n(MiB, at least .1)")
    for axes in (time, memory):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlabel("patterns stored, 64 features each")
    figure.legend(*time.get_legend_handles_labels(), frameon=False, loc="outside right center")
    return figure


def save(figure: Figure, path: Path) -> None:
    """Write a figure as the name says: PNG, 150 dots an inch, or SVG, the same each time."""
    with rc_context({"svg.hashsalt": path.stem}):
        figure.savefig(path, dpi=150, metadata={"Date": None} if path.suffix == ".svg" else None)


def _figure(width: float, height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _fitted(pixels: UInt8[np.ndarray, "height width *channels"], size: int) -> Image.Image:
    image = Image.fromarray(pixels).convert("RGB")
    scale = size / max(image.size)
    kernel = Image.Resampling.NEAREST if scale >= 1 else Image.Resampling.LANCZOS
    fitted = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(fitted, kernel)
