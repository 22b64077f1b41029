"""Concepts as a picture: the tree they stand in, their context, and what they look like."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage

from mnemic.plots.ink import COLOURS, blank
from mnemic.records import Branch

WIDE, HIGH = 1.15, 1.25  # inches a leaf and a level take
SIDE = 44  # points of a picture
MOST = 80  # inches, whatever there is to draw

Place = tuple[float, float]


def concept_graph(
    tree: Sequence[Branch],
    pictures: Mapping[int, UInt8[np.ndarray, "height width *channels"]],
    ties: Mapping[tuple[int, int], float],
) -> Figure:
    """A tree from the top down, a picture in each node that has one; ties as dashed arcs.

    ``pictures`` and ``ties`` (0..1) go by the ids of concepts. A concept with several parents is
    drawn below the first.
    """
    places, edges = _laid_out(tree)
    across = max((x for x, _ in places.values()), default=0.0) + 1
    down = -min((y for _, y in places.values()), default=0.0) + 1
    figure, axes = blank(min(MOST, max(3.0, WIDE * across)), min(MOST, max(1.8, HIGH * down)))
    axes.set_axis_off()
    axes.set_xlim(-0.6, across - 0.4)
    axes.set_ylim(-down + 0.3, 0.5)
    for child, parent in edges:
        (x, y), (left, top) = places[child], places[parent]
        axes.plot([x, x, left], [y, (y + top) / 2, top], color="0.75", lw=0.9, zorder=1)
    for (one, other), weight in ties.items():
        if one in places and other in places:
            axes.annotate(
                "",
                places[other],
                places[one],
                arrowprops={
                    "arrowstyle": "-",
                    "connectionstyle": "arc3,rad=-0.25",
                    "linestyle": "--",
                    "color": COLOURS[1],
                    "lw": 0.4 + 1.6 * weight,
                },
            )
    for branch in _all(tree):
        _draw_node(axes, branch, places[branch.concept.id], pictures.get(branch.concept.id))
    return figure


def _draw_node(
    axes: Axes,
    branch: Branch,
    place: Place,
    picture: UInt8[np.ndarray, "height width *channels"] | None,
) -> None:
    concept = branch.concept
    count = sum(concept.links.values())
    name = concept.label or f"concept {concept.id}"
    text = f"{name}\n{count}" if count else name
    below = -8.0
    if picture is not None:
        zoom = SIDE / max(picture.shape[:2])
        image = OffsetImage(
            picture, zoom=zoom, cmap="gray", norm=Normalize(0, 255), interpolation="nearest"
        )
        box = {"edgecolor": COLOURS[0], "boxstyle": "square,pad=0.05"}
        axes.add_artist(AnnotationBbox(image, place, bboxprops=box, pad=0.1, zorder=3))
        below = -SIDE / 2 - 4
    else:
        axes.plot(*place, "o", ms=5, color=COLOURS[0] if count else "0.6", zorder=3)
    axes.annotate(
        text,
        place,
        (0, below),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=7,
        zorder=4,
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.8},
    )


def _laid_out(tree: Sequence[Branch]) -> tuple[dict[int, Place], list[tuple[int, int]]]:
    """Leaves side by side, each parent above the middle of its children; child-parent edges."""
    places: dict[int, Place] = {}
    edges: list[tuple[int, int]] = []

    def lay(branch: Branch, depth: int, left: float) -> float:
        id = branch.concept.id
        places[id] = (left, -float(depth))  # holds the place while those below are laid out
        right = left
        mine: list[float] = []
        for child in branch.below:
            edges.append((child.concept.id, id))
            if child.concept.id not in places:
                right = lay(child, depth + 1, right)
                mine.append(places[child.concept.id][0])
        if mine:
            places[id] = ((mine[0] + mine[-1]) / 2, -float(depth))
        return max(right, left + 1) if not mine else right

    at = 0.0
    for branch in tree:
        if branch.concept.id not in places:
            at = lay(branch, 0, at)
    return places, edges


def _all(tree: Sequence[Branch]) -> list[Branch]:
    found: dict[int, Branch] = {}
    waiting = list(tree)
    while waiting:
        branch = waiting.pop()
        found.setdefault(branch.concept.id, branch)
        waiting += branch.below
    return list(found.values())
