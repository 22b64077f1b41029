"""Front ends that were never trained beside those that were: naming by exposures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS

TITLES = {"picture": "seen", "sound": "heard"}
CHANCE = 0.1


def front_ends(numbers: Mapping[str, Any]) -> Figure:
    """How often the nearest exposure has the right name, by front end and exposures."""
    found = numbers["named"]
    figure = Figure(figsize=(9.6, 5.2), layout="constrained")
    panels = figure.subplots(len(found), len(TITLES), sharey=True, sharex=True)
    for row, (subject, senses) in zip(panels, found.items(), strict=True):
        for axes, (sense, title) in zip(row, TITLES.items(), strict=True):
            for name, curve in senses[sense].items():
                often = sorted(curve, key=int)
                at = [int(one) for one in often]
                colour = _colour(name)
                style = ":" if name.startswith("untrained") else "-"
                means = [curve[one]["mean"] for one in often]
                axes.plot(at, means, style, marker="o", ms=3, color=colour, label=name)
                low, high = (
                    np.clip([curve[one][end] for one in often], 0, 1) for end in ("low", "high")
                )
                axes.fill_between(at, low, high, color=colour, alpha=0.12, lw=0)
                axes.set_xticks(at)
            axes.axhline(CHANCE, color="0.3", lw=0.8, ls="--")
            axes.set_ylim(0, 1.02)
            axes.set_title(f"{subject}, {title}", fontsize=10)
            axes.spines[["top", "right"]].set_visible(False)
            axes.legend(frameon=False, fontsize=7, loc="best")
        row[0].set_ylabel("right name")
    for axes in panels[-1]:
        axes.set_xlabel("exposures of a concept")
    return figure


def _colour(name: str) -> str:
    kinds = ("random", "innate", "pretrained", "untrained")
    return COLOURS[next(index for index, kind in enumerate(kinds) if name.startswith(kind))]
