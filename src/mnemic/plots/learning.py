"""Replay, and what students learn from it (Spens & Burgess 2022, figures 3 to 5)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS, STUDENTS, band, bars, blank, points
from mnemic.plots.life import latent_map


def replay_by_rule(numbers: Mapping[str, Any]) -> Figure:
    """What share of the memories each way of replaying reached, and how purely and evenly."""
    rules = ("habituated", "independent draws", "published")
    measures = ("coverage", "purity", "entropy")
    figure, axes = blank(5.6, 3.2)
    for index, rule in enumerate(rules):
        places = [place for place, name in enumerate(measures) if name in numbers[rule]]
        found = [numbers[rule][measures[place]] for place in places]
        bars(axes, places, found, index, len(rules), rule)
    axes.set_xticks(range(3), ["memories\nreached", "patterns that are\none memory", "evenness"])
    axes.set_ylabel("share")
    axes.set_ylim(0, 1.05)
    axes.legend(frameon=False, loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.18))
    return figure


def replay_by_class(numbers: Mapping[str, Any]) -> Figure:
    """How often each class is replayed, beside how often it is stored."""
    figure, axes = blank(7.2, 3.2)
    for index, rule in enumerate(("stored", "habituated", "published")):
        curve = numbers[rule]["classes"]
        found = [
            {"mean": mean, "low": low, "high": high}
            for mean, low, high in zip(curve["mean"], curve["low"], curve["high"], strict=True)
        ]
        bars(axes, range(len(found)), found, index, 3, rule)
    axes.set_xticks(range(len(numbers["stored"]["classes"]["mean"])))
    axes.set_xlabel("class")
    axes.set_ylabel("share of the replay")
    axes.legend(frameon=False)
    return figure


def learning(numbers: Mapping[str, Any]) -> Figure:
    """Error on what was stored and what was not, and decoding accuracy, by epoch and student."""
    figure = Figure(figsize=(8.4, 3.2), layout="constrained")
    errors, accuracy = figure.subplots(1, 2)
    for index, (kind, student) in enumerate(STUDENTS.items()):
        curves = numbers[kind]["by epoch"]
        for name, style in (("held-out error", "-"), ("stored error", ":")):
            label = f"{student}, {name.removesuffix(' error')}"
            band(errors, curves[name], style, label, COLOURS[index])
        band(accuracy, curves["decoding accuracy"], "-", student, COLOURS[index])
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


def map_of_latents(numbers: Mapping[str, Any], classes: Sequence[str]) -> Figure:
    """Latents of pictures never replayed, brought to two dimensions (t-SNE), of the first seed."""
    found = {name: values["by seed"][0] for name, values in numbers["mnemic"]["map"].items()}
    places = np.stack([found["x"], found["y"]], axis=1)
    return latent_map(places, [classes[int(label)] for label in found["label"]], axes_are="t-SNE")


def cost_of_the_lesson(numbers: Mapping[str, Any]) -> Figure:
    """Error on the lesson and on what was never seen, and decoding, by how it was chosen."""
    ways = [name for name, found in numbers.items() if "held-out error" in found]
    figure = Figure(figsize=(8.4, 3.0), layout="constrained")
    errors, accuracy = figure.subplots(1, 2, sharey=True)
    for index, measure in enumerate(("held-out error", "error on the lesson")):
        points(errors, [numbers[way][measure] for way in ways], index, measure)
    points(accuracy, [numbers[way]["decoding accuracy"] for way in ways], 2, "")
    errors.set_yticks(range(len(ways)), ways)
    errors.invert_yaxis()
    errors.set_xlabel("mean absolute error of a feature")
    errors.legend(frameon=False, fontsize=8)
    accuracy.set_xlabel("accuracy of a classifier, 200 examples")
    for axes in (errors, accuracy):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_xlim(left=0)
    return figure
