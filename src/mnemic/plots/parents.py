"""The parent of what was never named, kind by kind."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS

WAYS = {"tree": "names, and the tree above them", "flat": "parents told, no tree"}


def parents(numbers: Mapping[str, Any]) -> Figure:
    """How often the parent of each kind left out is named, by the tree, without one, by chance."""
    figure = Figure(figsize=(8.4, 3.6), layout="constrained")
    panels = figure.subplots(1, len(numbers), sharey=True)
    for axes, (space, found) in zip(panels, numbers.items(), strict=True):
        kinds = found["kinds"]
        for index, (way, label) in enumerate(WAYS.items()):
            at = np.arange(len(kinds)) + 0.2 * (index - 0.5)
            some = [kinds[kind][way] for kind in kinds]
            means = np.array([one["mean"] for one in some])
            reach = np.abs([[one["low"], one["high"]] for one in some] - means[:, None]).T
            reach = np.minimum(reach, np.stack([means, 1 - means]))  # a share stays within 0..1
            axes.errorbar(means, at, xerr=reach, fmt="os"[index], color=COLOURS[index], label=label)
        chance = [kinds[kind]["chance"]["mean"] for kind in kinds]
        axes.plot(chance, range(len(kinds)), "|", ms=14, color="0.3", label="chance")
        axes.set_yticks(range(len(kinds)), list(kinds))
        axes.set_xlim(-0.02, 1.02)
        axes.set_xlabel("parent right")
        axes.set_title(space, fontsize=10)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].invert_yaxis()
    panels[0].set_ylabel("kind never met")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure
