"""Likeness: how surely a thing is of each concept, learned from what has a name.

A distance to the nearest example takes no notice of what tells concepts apart, nor of how much of
a space has been seen. So for each concept c there is a function over the space that is 1 on its
examples and 0 on those of others, a Gaussian process (Rasmussen & Williams 2006, section 2.2):

    μ(x) = k(x)ᵀ (K + λI)⁻¹ Y,  v(x) = 1 - k(x)ᵀ (K + λI)⁻¹ k(x),  k(x, y) = exp(-d(x, y) / s),

where d is the mean squared distance and s half its median between two examples of one concept.
What something lacks to be of c is how far the function is expected to be from 1 there:

    e_c(x) = E[(1 - f_c(x))²] = (1 - μ_c(x))² + v(x).

It grows where x is like another concept (μ), and where nothing like x was ever seen (v: one-class
classification with Gaussian processes, Kemmler et al. 2013).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from mnemic.concepts.locality import ENOUGH, Radius, calibrated

DOUBT = 0.03  # λ: so much of an example's variance is taken for chance
NARROW = 0.5  # of the median distance within a concept: tells left-out known concepts best
FOLDS = 10  # concepts are left out in so many turns at most


@dataclass(frozen=True, eq=False)
class Likeness:
    """What examples of concepts have taught.

    >>> taught = Likeness.of(np.array([[0.0], [0.1], [1.0], [1.1]]), np.array([7, 7, 8, 8]))
    >>> taught.lacking(np.array([[0.05], [9.0]])).round(1)
    array([[0.4, 1.4],
           [2. , 2. ]])
    """

    concepts: Int[np.ndarray, " concepts"]  # rising
    examples: Float[np.ndarray, "examples dim"]
    of_which: Int[np.ndarray, " examples"]  # places in ``concepts``
    width: float  # s
    precision: Float[np.ndarray, "examples examples"]  # (K + λI)⁻¹
    weights: Float[np.ndarray, "examples concepts"]  # (K + λI)⁻¹ Y

    @classmethod
    def of(
        cls,
        examples: Float[np.ndarray, "examples dim"],
        roots: Int[np.ndarray, " examples"],
    ) -> "Likeness | None":
        """Learn from examples and their concepts; None where no two of one concept differ."""
        concepts, of_which = np.unique(roots, return_inverse=True)
        distances = _distances(examples, examples)
        same = of_which[:, None] == of_which[None, :]
        np.fill_diagonal(same, False)
        width = NARROW * float(np.median(distances[same])) if same.any() else 0.0
        if not width > 0:
            return None
        kernel = np.exp(-distances / width) + DOUBT * np.eye(len(examples))
        precision = cho_solve(cho_factor(kernel), np.eye(len(examples)))
        weights = precision @ (of_which[:, None] == np.arange(len(concepts)))
        return cls(concepts, examples, of_which, width, precision, weights)

    def lacking(
        self, places: Float[np.ndarray, "batch dim"]
    ) -> Float[np.ndarray, "batch concepts"]:
        """What each place lacks to be of each concept: 0 nothing, 1 to 2 everything."""
        near = np.exp(-_distances(places, self.examples) / self.width)
        spread = 1 - np.einsum("be,be->b", near @ self.precision, near)
        return (1 - near @ self.weights) ** 2 + np.maximum(spread, 0.0)[:, None]

    def lacking_alone(self) -> Float[np.ndarray, " examples"]:
        """What each example lacks to be of its own concept, had it not been one.

        In closed form: with P the precision, μ = y - (P y)ᵢ / Pᵢᵢ and v = 1 / Pᵢᵢ - λ (Rasmussen &
        Williams 2006, equation 5.12).
        """
        own = 1 / np.diag(self.precision)
        here = np.arange(len(self.examples))
        missed = self.weights[here, self.of_which] * own  # 1 - μ of its own
        return missed**2 + np.maximum(own - DOUBT, 0.0)

    def lacking_when_new(self) -> Float[np.ndarray, " examples"]:
        """What each example lacks to be of any other concept, had its own never been met.

        Many concepts are left out some at a time, those of each turn as far apart as may be in the
        order of ``concepts``.
        """
        found = np.full(len(self.examples), np.inf)
        turns = min(FOLDS, len(self.concepts))
        for turn in range(turns):
            out = self.of_which % turns == turn
            others = Likeness.of(self.examples[~out], self.concepts[self.of_which[~out]])
            if others is not None:
                found[out] = others.lacking(self.examples[out]).min(axis=1)
        return found


@dataclass(frozen=True, eq=False)
class Learned:
    """How little something may lack to be of a concept, at a stated rate of false joins."""

    likeness: Likeness
    radius: Radius  # of what is lacking, as others are of distances
    judged: frozenset[int]  # concepts of which enough was shown to judge by

    @classmethod
    def of(
        cls,
        examples: Float[np.ndarray, "examples dim"],
        roots: Int[np.ndarray, " examples"],
        there: Mapping[int, int],
    ) -> "Learned | None":
        """Learn, and calibrate by leaving concepts out; None where too little is known for either.

        ``there`` says how many points each concept has, of which these are examples: one with more
        is judged where ``ENOUGH`` of them are examples.
        """
        likeness = Likeness.of(examples, roots) if len(examples) >= ENOUGH else None
        if likeness is None or len(likeness.concepts) < 2:
            return None
        radius = calibrated(
            likeness.lacking_when_new().tolist(), likeness.lacking_alone().tolist(), roots.tolist()
        )
        if radius.false_joins is None:
            return None
        shown = zip(*np.unique(roots, return_counts=True), strict=True)
        judged = {int(one) for one, count in shown if count >= min(ENOUGH, there[int(one)])}
        return cls(likeness, radius, frozenset(judged))

    def fits(self, places: Float[np.ndarray, "batch dim"]) -> list[dict[int, float]]:
        """How well each place belongs to each concept that is judged: see ``fit``."""
        limit = self.radius.distance
        found = self.likeness.lacking(places)
        mine = [(int(one), at) for at, one in enumerate(self.likeness.concepts)]
        return [
            {one: fit(float(row[at]), limit) for one, at in mine if one in self.judged}
            for row in found
        ]


def fit(distance: float, limit: float) -> float:
    """1 where there is no distance, .5 at the limit, 0 from there on."""
    if distance < limit:
        return 1.0 - 0.5 * distance / limit
    return 1.0 if distance == limit == 0.0 else 0.0


def _distances(
    some: Float[np.ndarray, "batch dim"], others: Float[np.ndarray, "examples dim"]
) -> Float[np.ndarray, "batch examples"]:
    return cdist(some, others, "sqeuclidean") / some.shape[1]
