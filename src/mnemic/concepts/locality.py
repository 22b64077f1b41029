"""Locality: how near a point must lie to a concept to be one of it, at a stated rate of error.

The rate is conformal (Vovk et al. 2005): let every point that is known be, in turn, something new,
by leaving its own concept out, and see how near it comes to another. A radius that the share α of
these falls within lets a new thing join a concept it is not of with probability α at most, if it
is as the ones before were. The same bound holds for joining the wrong one of two concepts.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

FALSE_JOINS = 0.05  # at most
AIM = 0.03  # the radius is found on a sample: aim lower to stay below
REACH = 2.0
NEARLY_ALL = 0.99
NEARLY_NONE = 0.1
MANY = 34  # points of one concept: from so many on, AIM can be shown of it alone
ENOUGH = 20  # points; fewer cannot show a rate of one in twenty
GAP = 1.5  # between distances within groups and between them: less is no grouping
UNCALIBRATED = 0.1  # of the variance of what is seen, for want of any experience


class Radius(NamedTuple):
    """How near is near, and how often that lets something new join at most."""

    distance: float
    false_joins: float | None  # None: too little is known to tell
    usual: Float[np.ndarray, " sample"]  # how near something new comes, rising

    def newness(self, distance: float) -> float | None:
        """The share of what belongs to no known concept that comes nearer than this, 0..1.

        None: too little is known to tell.
        """
        if self.false_joins is None:
            return None
        return float((np.searchsorted(self.usual, distance, side="right") + 1) / (len(self) + 1))

    def __len__(self) -> int:
        return len(self.usual)


UNKNOWN = Radius(0.0, None, np.empty(0))


def conformal_radius(nearest_others: Sequence[float], *, rate: float = AIM) -> float:
    """The distance that the share ``rate`` of what is something else falls short of, at most.

    Joining takes a smaller distance than this. With n distances it is the k-th smallest,
    k = ⌊rate (n + 1)⌋: of n + 1 alike things, one taken at random is among the k - 1 least with
    probability below ``rate``. 0 where n is too small.

    >>> conformal_radius([0.4, 0.1, 0.3, 0.2], rate=0.4)
    0.2
    """
    k = math.floor(rate * (len(nearest_others) + 1))
    return float(np.sort(np.asarray(nearest_others))[k - 1]) if k else 0.0


def calibrated(
    nearest_others: Sequence[float],
    nearest_own: Sequence[float] = (),
    groups: Sequence[int] = (),
) -> Radius:
    """A radius from how near known things come to concepts they are not of.

    ``groups`` are the concepts of these things, if they are known. What is new comes in kinds, and
    some kinds come nearer to others than most: so the radius is no more than what would do for
    nearly every concept, had it been the new one.

    Where few concepts are known, the next may well lie between them: so the radius is no more
    than REACH times what takes in nearly all of how near things come to their own.
    """
    finite = np.sort([one for one in nearest_others if math.isfinite(one)])
    if len(finite) < ENOUGH:
        return UNKNOWN
    # few cannot show the rate aimed at, but can still show the one that is stated
    rate = AIM if math.floor(AIM * (len(finite) + 1)) else FALSE_JOINS
    distance = conformal_radius(finite.tolist(), rate=rate)
    by_group: dict[int, list[float]] = {}
    for group, one in zip(groups, nearest_others, strict=False):
        if math.isfinite(one):
            by_group.setdefault(group, []).append(one)
    each = [conformal_radius(some, rate=rate) for some in by_group.values() if len(some) >= MANY]
    if each:
        distance = min(distance, float(np.quantile(each, NEARLY_NONE, method="lower")))
    own = [one for one in nearest_own if math.isfinite(one)]
    if own:
        distance = min(distance, REACH * float(np.quantile(own, NEARLY_ALL)))
    return Radius(distance, FALSE_JOINS, finite)


def groups_by_gap(
    distances: Float[np.ndarray, "sample sample"], *, gap: float = GAP
) -> Int[np.ndarray, " sample"]:
    """Groups that lie apart: cut where the distances of mergers jump most, if they jump by much.

    Average linkage; the cut leaves two groups at least, and joins a quarter of the points at
    least. Where no distance is ``gap`` times the one before, each point is a group alone.
    """
    count = len(distances)
    if count < 3:
        return np.arange(count)
    tree = linkage(squareform(distances, checks=False), method="average")
    heights = np.maximum(tree[:, 2], np.finfo(float).tiny)
    jumps = heights[1:] / heights[:-1]
    first = math.ceil(count / 4) - 1  # mergers before the cut, less one
    at = first + int(np.argmax(jumps[first:]))
    if jumps[at] < gap:
        return np.arange(count)
    return fcluster(tree, (heights[at] * heights[at + 1]) ** 0.5, criterion="distance")


def nearest_other(
    distances: Float[np.ndarray, "sample near"],
    own: Int[np.ndarray, " sample"],
    theirs: Int[np.ndarray, "sample near"],
) -> list[float]:
    """Of each point, the distance to the nearest that is of another group; -1 is of none known.

    ``distances`` rise along a row. Where all neighbours are its own, the farthest of them stands
    in: others are no nearer than that.
    """
    found: list[float] = []
    for row, mine, groups in zip(distances, own, theirs, strict=True):
        there = np.isfinite(row)
        others = row[there & (groups != mine) & (groups >= 0)]
        if len(others):
            found.append(float(others[0]))
        elif there.any():
            found.append(float(row[there][-1]))
    return found


def nearest_own(
    distances: Float[np.ndarray, "sample near"],
    own: Int[np.ndarray, " sample"],
    theirs: Int[np.ndarray, "sample near"],
) -> list[float]:
    """Of each point, the distance to the nearest other of its group; inf where there is none.

    The first of a row is the point itself.
    """
    found: list[float] = []
    for row, mine, groups in zip(distances, own, theirs, strict=True):
        others = row[1:][groups[1:] == mine]
        found.append(float(others[0]) if len(others) else math.inf)
    return found
