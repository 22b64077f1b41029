"""Seeing memories form in an ``Engram`` layer, from the numbers of ``nn.traces``."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS

FEW = 48  # steps whose names can be read along an axis


def trace_maps(numbers: Mapping[str, Any]) -> Figure:
    """The trace a sequence began with, the one it ended with, and what came between."""
    first, last = (np.array(numbers[f"{which} trace"]) for which in ("first", "last"))
    figure = Figure(figsize=(9.6, 3.4), layout="constrained")
    panels = figure.subplots(1, 3, sharey=True)
    reach = max(float(np.abs([first, last, last - first]).max()), 1e-9)
    shown = {"before the first step": first, "before the last": last, "difference": last - first}
    scale = Normalize(-reach, reach)
    for axes, (title, trace) in zip(panels, shown.items(), strict=True):
        axes.imshow(trace, cmap="RdBu_r", norm=scale, aspect="auto", interpolation="nearest")
        axes.set_title(title, fontsize=10)
        axes.set_xlabel("feature")
    panels[0].set_ylabel("slot")
    colours = ScalarMappable(scale, "RdBu_r")
    figure.colorbar(colours, ax=list(panels), label="trace", shrink=0.85)
    return figure


def address_rasters(numbers: Mapping[str, Any]) -> Figure:
    """Where every step wrote, how strongly, and where it read."""
    steps = len(numbers["read"])
    figure = Figure(figsize=(max(6.0, 0.13 * steps + 2.2), 5.6), layout="constrained")
    wrote, read = figure.subplots(2, 1, sharex=True)
    _raster(wrote, numbers["wrote"], "wrote at")
    _raster(read, numbers["read"], "read at")
    if 0 < len(numbers["steps"]) <= FEW:
        read.set_xticks(range(steps), numbers["steps"], rotation=90, fontsize=7)
    read.set_xlabel("step")
    return figure


def statistics_over_training(numbers: Mapping[str, Any]) -> Figure:
    """How sparse, how strong and how much in use a layer's memory was, from call to call."""
    labels = {
        "sparsity": "entropy of addresses / log N",
        "write": "write gate, mean",
        "trace": "trace, root mean square",
        "used": "share of slots in use",
    }
    figure = Figure(figsize=(8.4, 4.4), layout="constrained")
    for axes, (name, label) in zip(figure.subplots(2, 2).flat, labels.items(), strict=True):
        for index, (layer, found) in enumerate(numbers.items()):
            if name in found:
                colour = COLOURS[index % len(COLOURS)]
                axes.plot(found["call"], found[name], lw=1.2, label=layer, color=colour)
        axes.set_title(label, fontsize=10)
        axes.set_xlabel("call")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
    if len(numbers) > 1:
        figure.axes[0].legend(frameon=False, fontsize=8)
    return figure


def which_memory_answered(numbers: Mapping[str, Any]) -> Figure:
    """The slots that one step read from, and the inputs that had written what it found there."""
    figure = Figure(figsize=(8.4, 2.8), layout="constrained")
    slots, inputs = figure.subplots(1, 2)
    _bars(slots, list(numbers["slots"].items()), "slot", "share of the address")
    _bars(inputs, numbers["inputs"], "step: input", "share of what the trace answered")
    figure.suptitle(f"asked: {numbers['asked']}", fontsize=10)
    return figure


def _raster(axes: Axes, addresses: Sequence[Any], title: str) -> None:
    axes.imshow(
        np.array(addresses).T,
        cmap="Greys",
        vmin=0.0,
        vmax=1.0,
        aspect="auto",
        interpolation="nearest",
    )
    axes.set_title(title, fontsize=10)
    axes.set_ylabel("slot")


def _bars(axes: Axes, found: Sequence[Any], label: str, measure: str) -> None:
    axes.barh(range(len(found)), [share for _, share in found], color=COLOURS[0])
    axes.set_yticks(range(len(found)), [str(name) for name, _ in found])
    axes.invert_yaxis()
    axes.axvline(0, color="0.3", lw=0.8)
    axes.set_ylabel(label)
    axes.set_xlabel(measure)
    axes.spines[["top", "right"]].set_visible(False)
