"""Concepts found without labels in streams of experiences, as noise and jitter grow."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS

Found = Mapping[str, Any]
INDEX = "adjusted Rand index"
PANEL = 3.4  # inches


def streams(numbers: Found) -> Figure:
    """The index by noise and by jitter, and how many units an experience is linked to.

    A row for each kind of stream.
    """
    figure = Figure(figsize=(3 * PANEL, 0.8 * PANEL * len(numbers)), layout="constrained")
    rows = figure.subplots(len(numbers), 3, squeeze=False)
    for (noise, jitter, units), (kind, found) in zip(rows, numbers.items(), strict=True):
        for index, (length, curves) in enumerate(found["noise"].items()):
            _curve(noise, curves, INDEX, COLOURS[index], f"{length} experiences")
        level = found["nearness alone"]["mean"]
        for axes in (noise, jitter):
            axes.axhline(level, color="0.3", lw=0.8, ls="--")
            axes.annotate(
                "nothing tied",
                (0, level),
                (2, 2),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                fontsize=8,
                color="0.3",
            )
            axes.set_ylim(0, 1.03)
        noise.set_ylabel(f"{kind}\n{INDEX}")
        noise.set_xlabel("share of experiences with a distractor")
        noise.legend(frameon=False, fontsize=8, loc="lower left", bbox_to_anchor=(0, 0.05))
        usual = str(found["usual"])
        _curve(jitter, found["jitter"], INDEX, COLOURS[0], "")
        jitter.axvline(found["window"]["mean"], color="0.3", lw=0.8, ls=":")
        jitter.annotate(
            "window",
            (found["window"]["mean"], 0.03),
            (3, 0),
            textcoords="offset points",
            fontsize=8,
            color="0.3",
        )
        jitter.set_xlabel("jitter, seconds at most")
        many = found["noise"][usual]
        _curve(units, many, "units linked, an experience", COLOURS[1], "an experience")
        _curve(units, many, "units linked, a thing in it", COLOURS[0], "a thing that is in it")
        units.plot(
            many["at"]["mean"],
            many["things in an experience"]["mean"],
            "--",
            color="0.3",
            lw=0.8,
            label="things in an experience",
        )
        units.set_ylabel("units linked")
        units.set_xlabel("share of experiences with a distractor")
        units.set_ylim(0.9, 2)
        units.legend(frameon=False, fontsize=8, loc="upper left")
    return figure


def _curve(axes: Axes, curves: Found, name: str, colour: str, label: str) -> None:
    """A mean over seeds along what grows, with its 95 % interval."""
    curve, at = curves[name], curves["at"]["mean"]
    axes.spines[["top", "right"]].set_visible(False)
    axes.plot(at, curve["mean"], "o-", ms=3, color=colour, label=label or None)
    axes.fill_between(at, curve["low"], curve["high"], color=colour, alpha=0.15, lw=0)
