"""Concepts met a few times: how right what they bring is, by exposures and from sense to sense."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS

Found = Mapping[str, Any]
CHANCE = 0.1
STYLES = ("-", "--", ":", "-", "--")  # some ways hear and read alike: neither hides the other
TITLES = {"picture": "seen", "sound": "heard", "phrase": "read"}


def by_exposures(numbers: Found, *, ways: Sequence[str]) -> Figure:
    """How often a cue of each sense brings the right class in both others, by exposures."""
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    panels = figure.subplots(1, len(TITLES), sharey=True)
    for axes, (sense, title) in zip(panels, TITLES.items(), strict=True):
        for index, way in enumerate(ways):
            found = {
                often: of[sense]["whole"]
                for often, of in numbers["ways"][way].items()
                if sense in of
            }
            if found:
                _curve(axes, found, COLOURS[index], STYLES[index], way)
        axes.axhline(CHANCE, color="0.3", lw=0.8, ls="--")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("exposures of a concept in each sense")
        axes.set_ylim(0, 1.02)
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("right in both other senses")
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    return figure


def sense_to_sense(numbers: Found, *, ways: Sequence[str], most: str) -> Figure:
    """From which sense the right class comes in which other, with most exposures."""
    figure = Figure(figsize=(9.6, 3.0), layout="constrained")
    panels = figure.subplots(1, len(ways), sharey=True)
    senses = list(TITLES)
    for axes, way in zip(panels, ways, strict=True):
        shares = np.full((len(senses), len(senses)), np.nan)
        for row, sense in enumerate(senses):
            for other, share in numbers["ways"][way][most][sense]["brings"].items():
                shares[row, senses.index(other)] = share["mean"]
        axes.imshow(shares, vmin=0, vmax=1, cmap="Blues")
        for (row, column), share in np.ndenumerate(shares):
            if np.isfinite(share):
                ink = "white" if share > 0.6 else "black"
                axes.text(column, row, f"{share:.2f}", ha="center", va="center", color=ink)
        axes.set_xticks(range(len(senses)), list(TITLES.values()))
        axes.set_yticks(range(len(senses)), list(TITLES.values()))
        axes.set_xlabel("comes back")
        axes.set_title(way, fontsize=9)
    panels[0].set_ylabel("cue")
    return figure


def _curve(axes: Axes, found: Mapping[str, Found], colour: str, style: str, label: str) -> None:
    """A mean over seeds by exposures, with its 95 % interval."""
    often = sorted(found, key=int)
    at = [int(one) for one in often]
    means = [found[one]["mean"] for one in often]
    axes.plot(at, means, style, marker="o", ms=3, color=colour, label=label)
    low, high = (np.clip([found[one][end] for one in often], 0, 1) for end in ("low", "high"))
    axes.fill_between(at, low, high, color=colour, alpha=0.1, lw=0)
    axes.set_xticks(at)
