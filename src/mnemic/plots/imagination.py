"""Imagination, and learning from few examples (Spens & Burgess 2022, figure 6)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mnemic.plots.ink import COLOURS, bars, blank

SPACES = {
    "mnemic": "our student's latents",
    "spens2022": "published student's latents",
    "pixels": "pixels",
}

Accuracies = Mapping[int, float]  # by number of examples


def accuracy_by_examples(
    numbers: Mapping[str, Any], *, published: Mapping[str, Accuracies]
) -> Figure:
    """Accuracy against the number of labelled examples; published accuracies as marks."""
    styles = {
        ("mnemic", "SVC"): (0, "-"),
        ("mnemic", "logistic regression"): (0, "--"),
        ("mnemic", "perceptron"): (0, ":"),
        ("spens2022", "SVC"): (2, "-"),
        ("spens2022", "logistic regression"): (2, "--"),
        ("spens2022", "perceptron"): (2, ":"),
        ("pixels", "SVC"): (1, "-"),
        ("pixels", "logistic regression"): (1, "--"),
        ("pixels", "network from scratch"): (5, "-."),
    }
    figure, axes = blank(7.6, 4.2)
    examples = numbers["examples"]["mean"]
    for (of, by), (colour, style) in styles.items():
        curve = numbers[of][by]
        label = f"{by}, {SPACES[of]}"
        axes.plot(examples, curve["mean"], style, lw=1.4, label=label, color=COLOURS[colour])
        axes.fill_between(
            examples, curve["low"], curve["high"], color=COLOURS[colour], alpha=0.12, lw=0
        )
    for mark, (name, accuracies) in zip("os", published.items(), strict=False):
        axes.plot(
            list(accuracies),
            list(accuracies.values()),
            mark,
            color="black",
            mfc="none",
            ms=5,
            label=f"published: {name}",
        )
    axes.axhline(numbers["chance"]["mean"], color="0.3", lw=0.8, ls=(0, (1, 3)), label="chance")
    axes.set_xscale("log")
    axes.set_xticks(examples, [f"{count:g}" for count in examples])
    axes.minorticks_off()
    axes.set_xlabel("labelled examples")
    axes.set_ylabel("accuracy on other pictures")
    axes.set_ylim(0, 1)
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def unpacked(
    numbers: Sequence[float], height: int, width: int, channels: int
) -> UInt8[np.ndarray, "count height width channels"]:
    """Pictures from numbers that hold six levels each, the lowest digit of base 256 first."""
    whole = np.array(numbers, dtype=np.int64)[:, None]
    levels = (whole // 256 ** np.arange(6) % 256).astype(np.uint8).flatten()
    area = height * width * channels
    return levels[: len(levels) // area * area].reshape(-1, height, width, channels)


def sheet(numbers: Mapping[str, Any]) -> Figure:
    """What was imagined with the first seed: a row a way, a sum, or a handful of dreams."""
    height, width, channels = map(int, numbers["size"]["by seed"][0])
    rows = {
        name: unpacked(row["by seed"][0], height, width, channels)
        for name, row in numbers["sheet"].items()
    }
    figure = Figure(figsize=(8.2, 1.2 * len(rows)), layout="constrained")
    places = figure.subplots(len(rows), 6, width_ratios=[1.6, *[1] * 5], squeeze=False)
    for line, (name, pictures) in zip(places, rows.items(), strict=True):
        for axes in line:
            axes.set_axis_off()
        line[0].text(1, 0.5, name, ha="right", va="center", transform=line[0].transAxes)
        for axes, picture in zip(line[1:], pictures, strict=False):
            axes.imshow(
                picture if channels == 3 else picture[..., 0], cmap="gray", vmin=0, vmax=255
            )
        if "arithmetic" in name:
            for axes, part in zip(line[1:], ("this", "+", "−", "= imagined", "true"), strict=True):
                axes.set_title(part, fontsize=9)
    return figure


def ways_between(numbers: Mapping[str, Any]) -> Figure:
    """What lies on the way from one picture to another: how like the real, and how steady."""
    found = numbers["between"]
    attributes = list(found["pixels"]["steady"])
    figure = Figure(figsize=(10.5 if attributes else 7.4, 3.2), layout="constrained")
    along, halfway, *steady = figure.subplots(1, 3 if attributes else 2)
    spaces = SPACES | {"decoded pixels": "pixels, as our student decodes them"}
    for index, (name, label) in enumerate(spaces.items()):
        curve = found[name]["like the real"]
        steps = np.linspace(0, 1, len(curve["mean"]))
        along.plot(
            steps, curve["mean"], "os^D"[index] + "-", ms=3, label=label, color=COLOURS[index]
        )
        along.fill_between(steps, curve["low"], curve["high"], color=COLOURS[index], alpha=0.15)
        bars(halfway, [0, 1], _distances(found[name]), index, 4, label)
        if attributes:
            shares = [found[name]["steady"][attribute]["share"] for attribute in attributes]
            bars(steady[0], range(len(attributes)), shares, index, 4, label)
    real = numbers["sampled"]["real"]
    for axes, value in ((along, real["like the real"]), (halfway, real["distance"])):
        axes.axhline(value["mean"], color="0.3", lw=0.8, ls="--", label="real pictures, unseen")
    along.set_xlabel("way from one picture to another")
    along.set_ylabel("share that is like the real")
    along.set_ylim(0, 1.02)
    halfway.set_xticks([0, 1], ["halfway", "coded and\ndecoded"])
    halfway.set_ylabel("distance to the nearest real\n(root mean square, 0 … 1)")
    for axes in steady:
        axes.set_xticks(range(len(attributes)), attributes)
        axes.set_ylabel("share of ways on which it\nchanges steadily")
        axes.set_ylim(0, 1.02)
    _finish(figure, along)
    return figure


def changed_scenes(numbers: Mapping[str, Any]) -> Figure:
    """What lies halfway between two scenes, and what this + that − another makes."""
    found = [
        *((f"{name}\nhalfway", each) for name, each in numbers["in the middle"].items()),
        *((f"new\n{name}", each) for name, each in numbers["arithmetic"].items()),
    ]
    measures = ("shown", "rest kept", "both")
    figure = Figure(figsize=(11.5, 3.2), layout="constrained")
    for axes, (title, by_space) in zip(
        figure.subplots(1, len(found), sharey=True), found, strict=True
    ):
        for index, (name, label) in enumerate(SPACES.items()):
            bars(axes, range(3), [by_space[name][each] for each in measures], index, 3, label)
            best = [by_space[name]["itself"][each]["mean"] for each in measures]
            at = np.arange(3) + (index - 1) * 0.8 / 3
            label = "the true scene, coded and decoded" if index == 0 else None
            axes.plot(at, best, "_", color="black", ms=8, label=label)
        axes.set_xticks(range(3), [title, "rest\nkept", "both"])
        axes.set_ylim(0, 1.02)
    figure.axes[0].set_ylabel("share of imagined scenes")
    _finish(figure, figure.axes[0])
    return figure


def samples(numbers: Mapping[str, Any]) -> Figure:
    """What is drawn from a student: like the real, how much of it, and of the kind asked for."""
    drawn = numbers["sampled"]
    ways = {"real pictures, unseen": drawn["real"]} | {
        f"{title} student, {name}": drawn[kind][name]
        for kind, title in (("mnemic", "our"), ("spens2022", "published"))
        for name in ("prior", "fitted")
    }
    figure = Figure(figsize=(9.6, 3.2), layout="constrained")
    sampled, kinds = figure.subplots(1, 2, width_ratios=[3, 2])
    for index, (name, found) in enumerate(ways.items()):
        measures = [found["like the real"], found["real reached"]]
        bars(sampled, [0, 1], measures, index, len(ways), name)
    sampled.set_xticks([0, 1], ["like the real", "real that\nis reached"])
    sampled.set_ylabel("share of pictures")
    for index, (name, label) in enumerate(SPACES.items()):
        found = numbers["of a kind"][name]
        bars(kinds, [0, 1], [found["shown"], found["like the real"]], index, 3, label)
    kinds.set_xticks([0, 1], ["shows its class", "like the real"])
    for axes in (sampled, kinds):
        axes.spines[["top", "right"]].set_visible(False)
        axes.set_ylim(0, 1.02)
        axes.legend(frameon=False, fontsize=8, loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
    return figure


def _distances(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [found[of]["distance"] for of in ("halfway", "coded and decoded")]


def _finish(figure: Figure, labelled: Axes) -> None:
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    handles = labelled.get_legend_handles_labels()
    figure.legend(*handles, frameon=False, loc="outside lower center", ncols=3, fontsize=8)
