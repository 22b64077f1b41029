"""Numbers and pictures to figures. Nothing is computed here but where to put the ink."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image, ImageDraw, ImageFont

UNKNOWN = (150, 180, 215)  # what is unknown is pale blue, in no data set's palette
PAPER, INK = (255, 255, 255), (40, 40, 40)
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9")  # Okabe & Ito: colour-blind safe
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


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, 150 dots an inch."""
    figure.savefig(path, dpi=150)


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
