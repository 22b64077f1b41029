"""False memories of words that were never told (Spens & Burgess 2024)."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS, blank

LENGTHS = (3, 6, 9, 12, 15)
PEOPLE = (0.03, 0.11, 0.19, 0.27, 0.31)  # Robinson & Roediger 1997, experiment 1
PUBLISHED = ((3, 0.0), (4, 0.0), (5, 0.0), (6, 0.015), (9, 0.0825), (12, 0.23), (14, 0.29))


def false_memories(numbers: Mapping[str, Any]) -> Figure:
    """Lures recalled by how many words were told: people, the published model, ours, controls."""
    figure = Figure(figsize=(9.0, 3.6), layout="constrained")
    main, beside = figure.subplots(1, 2, sharey=True)
    main.plot(LENGTHS, PEOPLE, "k-s", ms=4, label="people")
    main.plot(*zip(*PUBLISHED, strict=True), "--", color="0.5", marker="v", ms=4, label="published")
    curve(main, numbers["lists"]["lure"], "-o", "ours", 0)
    curve(main, numbers["shuffled lists"]["lure"], ":^", "words of other lists", 1)
    curve(main, numbers["lists"]["unrelated lures"], "-.D", "other lists' lures", 3)
    curve(main, numbers["teacher alone"]["lure"], "--x", "no student", 2)
    main.set_xlabel("associates told")
    beside.plot(LENGTHS, PEOPLE, "k-s", ms=4, label="people, nothing else told")
    curve(beside, numbers["lists"]["lure"], "-o", "ours, nothing else told", 0)
    curve(beside, numbers["with fillers"]["lure"], "--^", "ours, 15 words with unrelated ones", 5)
    published = numbers["lists"]["lure, published threshold"]
    curve(beside, published, "-.D", "ours, published threshold", 3)
    curve(beside, numbers["nothing missed"]["lure"], ":v", "ours, no word missed", 4)
    beside.set_xlabel("associates told")
    main.set_ylabel("share of lures recalled")
    for axes in (main, beside):
        axes.set_xticks(LENGTHS)
        axes.set_ylim(-0.02, 0.5)
        axes.legend(frameon=False, fontsize=8, loc="upper left")
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def lists_one_by_one(numbers: Mapping[str, Any]) -> Figure:
    """How often each list of 15 words brings its lure."""
    found = numbers["lists"]["one by one"]
    order = sorted(found, key=lambda lure: -found[lure]["mean"])
    figure, axes = blank(9.0, 3.0)
    means = [found[lure]["mean"] for lure in order]
    reach = [
        [max(0.0, found[lure]["mean"] - found[lure]["low"]) for lure in order],
        [max(0.0, found[lure]["high"] - found[lure]["mean"]) for lure in order],
    ]
    most = [numbers["fools people most"][lure] for lure in order]
    for fools, colour, label in (
        (True, COLOURS[1], "the 18 lists that fool people most"),
        (False, COLOURS[4], "the 18 others"),
    ):
        places = [place for place, each in enumerate(most) if each == fools]
        axes.bar(places, [means[place] for place in places], color=colour, label=label)
    axes.errorbar(range(len(order)), means, yerr=reach, fmt="none", ecolor="0.4", capsize=1.5, lw=1)
    axes.legend(frameon=False)
    axes.set_xticks(range(len(order)), order, rotation=60, ha="right", fontsize=8)
    axes.set_xlim(-0.7, len(order) - 0.3)
    axes.set_ylim(0, 1)
    axes.set_ylabel("share of people\nwho recall the lure")
    return figure


def curve(
    axes: Axes, found: Mapping[str, Sequence[float]], style: str, label: str, at: int
) -> None:
    """A mean over seeds by length, with its 95 % interval."""
    axes.plot(LENGTHS, found["mean"], style, ms=4, label=label, color=COLOURS[at])
    axes.fill_between(
        LENGTHS, found["low"], found["high"], color=COLOURS[at], alpha=0.15, linewidth=0
    )
