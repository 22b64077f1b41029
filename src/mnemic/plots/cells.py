"""Units as detectors: what each concept's unit answers in each sense, and encoders beside them."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS

Found = Mapping[str, Any]
TITLES = {"picture": "seen", "sound": "heard", "phrase": "read"}


def responses_of_cells(numbers: Found) -> Figure:
    """The mean activation of each unit for each class, sense by sense."""
    figure = Figure(figsize=(10.2, 3.9), layout="constrained")
    panels = figure.subplots(1, len(TITLES), sharey=True)
    drawn = None
    for axes, (sense, title) in zip(panels, TITLES.items(), strict=True):
        found = numbers["responses"][sense]
        names = list(found)
        drawn = axes.imshow([found[name]["mean"] for name in names], vmin=0, vmax=1, cmap="magma")
        axes.set_xticks(range(len(names)), names, rotation=60, ha="right", fontsize=8)
        axes.set_yticks(range(len(names)), names, fontsize=8)
        area = numbers["cells"]["roc area"][sense]["mean"]
        axes.set_title(f"{title} (area under the ROC {area:.2f})", fontsize=10)
        axes.set_xlabel("unit of")
    panels[0].set_ylabel("cue of")
    assert drawn is not None
    figure.colorbar(drawn, ax=panels, label="activation", shrink=0.8)
    return figure


def layers(numbers: Found, *, cells: str) -> Figure:
    """Concept units beside the units of encoders: how well they tell, and how many are active."""
    encoders = numbers["encoders"]
    names = [cells, *encoders]
    areas = [numbers["cells"]["roc area"]["all senses"]]
    areas += [encoders[name]["roc area"]["units"] for name in encoders]
    best = [numbers["cells"]["roc area"]["all senses"]]
    best += [encoders[name]["roc area"]["best unit of a class"] for name in encoders]
    selective = [numbers["cells"]["selectivity"], *(encoders[n]["selectivity"] for n in encoders)]
    count = [numbers["cells"]["active"]["all senses"], *(encoders[n]["active"] for n in encoders)]
    figure = Figure(figsize=(10.2, 2.9), layout="constrained")
    roc, depth, sparse = figure.subplots(1, 3, sharey=True)
    _rows(roc, best, COLOURS[0], "the best unit of each class")
    _rows(roc, areas, COLOURS[1], "all units, mean")
    roc.axvline(0.5, color="0.3", lw=0.8, ls="--")
    roc.set_xlabel("area under the ROC")
    roc.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    _rows(depth, selective, COLOURS[1], "")
    depth.set_xlabel("selectivity (1: one class alone)")
    depth.set_xlim(0, 1.04)
    _rows(sparse, count, COLOURS[1], "")
    sparse.set_xscale("log")
    sparse.set_xlabel("units active in an experience")
    roc.set_yticks(range(len(names)), names)
    roc.invert_yaxis()
    for axes in (roc, depth, sparse):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _rows(axes: Any, found: list[Found], colour: str, label: str) -> None:
    means = np.array([one["mean"] for one in found])
    reach = np.abs([[one["low"], one["high"]] for one in found] - means[:, None]).T
    axes.errorbar(means, range(len(found)), xerr=reach, fmt="o", color=colour, label=label)
