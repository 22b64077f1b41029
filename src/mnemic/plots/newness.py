"""Few examples: how often a name is right by either route, and what is told as new."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS

Found = Mapping[str, Any]
STYLES = {"taught": "-", "nearest": ":"}
RULES = {"newness": True, "newness, nearest": False}  # and whether their marks are filled
RATE = 0.05  # of false joins, at most
CHANCE = 0.1


def naming(numbers: Found) -> Figure:
    """Accuracy by the number of examples, in each space, of a taught head and of the nearest."""
    figure = Figure(figsize=(8.4, 3.8), layout="constrained")
    panels = figure.subplots(1, len(numbers), sharey=True)
    for axes, (subject, found) in zip(panels, numbers.items(), strict=True):
        at: list[int] = []
        for index, (space, routes) in enumerate(found["naming"].items()):
            for route, style in STYLES.items():
                few = sorted(routes[route], key=int)
                at, curve = [int(one) for one in few], [routes[route][one] for one in few]
                label = f"{space}, {route}"
                means = [one["mean"] for one in curve]
                axes.plot(at, means, style, marker="o", ms=3, color=COLOURS[index], label=label)
                low, high = (np.clip([one[end] for one in curve], 0, 1) for end in ("low", "high"))
                axes.fill_between(at, low, high, color=COLOURS[index], alpha=0.08, lw=0)
        axes.axhline(CHANCE, color="0.3", lw=0.8, ls="--")
        axes.set_xscale("log")
        axes.set_xticks(at, [str(one) for one in at])
        axes.minorticks_off()
        axes.set_xlabel("examples of a class")
        axes.set_title(subject, fontsize=10)
        axes.set_ylim(0, 1)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("right name")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def newness_by_space(numbers: Found) -> Figure:
    """How well classes never met are told from those met, and what joins by the radius.

    Filled by what names have taught, hollow by the distance to the nearest.
    """
    figure = Figure(figsize=(9.6, 3.2), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    spaces: list[str] = []
    for index, (subject, found) in enumerate(numbers.items()):
        for rule, (told, filled) in enumerate(RULES.items()):
            spaces = list(found[told])
            at = np.arange(len(spaces)) + 0.15 * (2 * index + rule - 1.5)
            for axes, name in zip(panels, ("area", "false joins", "right joins"), strict=True):
                some = [found[told][space][name] for space in spaces]
                means = np.array([one["mean"] for one in some])
                reach = np.abs([[one["low"], one["high"]] for one in some] - means[:, None]).T
                colour = COLOURS[index]
                axes.errorbar(
                    means,
                    at,
                    xerr=reach,
                    fmt="os"[index],
                    color=colour,
                    mfc=colour if filled else "white",
                    elinewidth=1.0 if filled else 0.5,
                    label=f"{subject}, {'learned' if filled else 'nearest'}",
                )
    area, false, right = panels
    area.set_yticks(range(len(spaces)), spaces)
    area.invert_yaxis()
    area.set_xlabel("area under the ROC of newness")
    area.set_xlim(0.5, 1.02)
    false.axvline(RATE, color="0.3", lw=0.8, ls="--")
    false.set_xlabel("never met, and joins a concept")
    right.set_xlabel("met, and joins the right concept")
    for axes in (false, right):
        axes.set_xlim(left=0)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
    handles, labels = area.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=4, frameon=False, fontsize=8)
    return figure
