"""The space of one sense that locality is measured in: features, or the student's latents."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mnemic.concepts.likeness import Learned, fit
from mnemic.concepts.locality import (
    AIM,
    ENOUGH,
    UNCALIBRATED,
    UNKNOWN,
    Radius,
    calibrated,
    groups_by_gap,
    nearest_other,
    nearest_own,
)
from mnemic.functional.similarity import masked_distance
from mnemic.points import Points, stacked
from mnemic.protocols import Encoded
from mnemic.randomness import generator
from mnemic.records import Point
from mnemic.search.dense import best
from mnemic.search.patterns import Block, Patterns
from mnemic.store.concepts import ConceptRows

Kind = Literal["features", "latents"]
Rule = Literal["learned", "nearest"]
Near = list[tuple[int, float]]  # points, and their mean squared distances, rising, or fits

NEAR = 16  # points that are asked for their concept
SAMPLE = 512  # points that stand for something new, one at a time
LOOKED_AT = 4096  # points among which those with a name are sought
AROUND = 64  # neighbours, to find one of another concept
AGAIN = 0.5  # of the least distance between things of two concepts: no more than the same again
AT_ONCE = 64  # points whose neighbours are sought in one pass


class Space:
    """Where the points of one sense lie, and how near is near there."""

    def __init__(
        self, place: Points, graph: ConceptRows, *, kind: Kind, rule: Rule, seed: int
    ) -> None:
        self.place = place
        self.kind: Kind = kind
        self.rule: Rule = rule
        self.seed = seed
        self._graph = graph
        self._latents: Patterns | None = None  # of the student of ``_version``
        self._version = 0
        self._followed = -1  # changes of the features when latents were last taken up
        self._radius: Radius | None = None
        self._learned: Learned | None = None  # measured with the radius
        self._measured = 0  # points when it was
        self._measured_in = (0, "")

    @property
    def in_latents(self) -> bool:
        """Whether latents are what is asked for, and there is a student that has them."""
        return self.kind == "latents" and self.place.cortex is not None

    @property
    def patterns(self) -> Patterns:
        """All points of this sense, as they lie here."""
        cortex = self.place.cortex
        if self.kind != "latents" or cortex is None:
            return self.place.memory.patterns
        if self._latents is None or self._version != cortex.version:
            self._latents = Patterns(cortex.student.latent_dim)
            self._version, self._followed = cortex.version, -1
        there, mine = self.place.latents, self._latents
        if self._followed == self.place.memory.patterns.changes:
            return mine
        self._followed = self.place.memory.patterns.changes
        mine.remove([id for id in mine.ids.tolist() if id not in there])
        new = [id for id in there if id not in mine]
        if new:
            mine.add(new, cortex.latents([there[id] for id in new]))
        return mine

    def vectors(
        self, encoded: Sequence[Encoded], points: Sequence[Point] | None = None
    ) -> tuple[Float[Tensor, "batch dim"], Bool[Tensor, "batch dim"] | None]:
        """Where parts lie here, and what is known of them.

        ``points`` are what is kept of them, where that is known already.
        """
        features, known = stacked(encoded)
        cortex = self.place.cortex
        if not self.in_latents or cortex is None:
            return features, known
        schemas = [None if point.schema is None else point.schema for point in points or ()]
        if schemas and all(one is not None and one.student == cortex.version for one in schemas):
            return cortex.latents([one.latent for one in schemas if one is not None]), None
        return cortex.explain(features, known), None

    def nearest(
        self,
        vectors: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None,
        *,
        k: int = NEAR,
    ) -> list[Near]:
        """The nearest points to each vector."""
        patterns = self.patterns
        if len(patterns) == 0:
            return [[] for _ in vectors]
        ids = patterns.ids
        found: list[Near] = []
        for start in range(0, len(vectors), AT_ONCE):
            some = slice(start, start + AT_ONCE)
            distances, rows = self._scan(vectors[some], None if known is None else known[some], k)
            for row, distance in zip(rows, distances, strict=True):
                there = distance.isfinite()
                pairs = zip(ids[row[there]].tolist(), distance[there].tolist(), strict=True)
                found.append([(id, max(0.0, far)) for id, far in pairs])
        return found

    def _scan(
        self, vectors: Tensor, known: Tensor | None, k: int
    ) -> tuple[Float[Tensor, "batch near"], Tensor]:
        patterns, cost = self.patterns, self._unknown_cost
        plain = known is None and patterns.known is None and patterns.available is None
        if plain and len(vectors) == 1:  # one experience at a time
            if (few := patterns.nearest(vectors[0], k)) is not None:
                return few[0][None], few[1][None]
            # a product and no blocks
            far = (patterns.rows @ vectors[0]).mul_(-2).add_(patterns.squared_norm)
            least = far.add_(vectors[0].square().sum()).div_(patterns.dim)
            nearest = least.topk(min(k, len(least)), largest=False)
            return nearest.values[None], nearest.indices[None]

        def scores(block: Block) -> Float[Tensor, "batch block"]:
            return -masked_distance(
                vectors,
                block.rows,
                known,
                block.known,
                unknown_cost=cost,
                squared_norm=block.squared_norm,
            )

        seen = best(patterns, scores, batch=len(vectors), k=k)
        return -seen.scores, seen.rows

    @property
    def _unknown_cost(self) -> float:
        """What a feature costs that one knows and the other does not."""
        if self.in_latents or self.place.memory.patterns.known is None:
            return 0.0
        return self.place.memory.tuning.variance

    def among(
        self, vectors: Float[Tensor, "batch dim"], known: Bool[Tensor, "batch dim"] | None
    ) -> Float[Tensor, "batch batch"]:
        """Distances between vectors that are not stored yet."""
        return masked_distance(vectors, vectors, known, known, unknown_cost=self._unknown_cost)

    @property
    def radius(self) -> Radius:
        """How near something must come to be of a concept; measured anew as the memory grows."""
        count = len(self.patterns)
        space = (self._version, self.kind) if self.in_latents else (0, "features")
        grown = not self._measured <= 1.5 * count <= 2.25 * self._measured
        if self._radius is None or grown or space != self._measured_in:
            self._learned = None
            self._radius = self._measure() if count >= ENOUGH else UNKNOWN
            self._measured, self._measured_in = count, space
        return self._radius

    def forget_radius(self) -> None:
        """Measure anew when next asked."""
        self._radius = None

    def fits(
        self,
        near: Sequence[Near],
        vectors: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None,
    ) -> list[Near]:
        """How well each vector belongs to each of what is near: 1 on it, .5 at the radius.

        What it does not belong to is left out. With too little known for a rate, near is a tenth
        of the vector's own variance. Where names have taught what is of a concept, they decide of
        what has that name; but what is met again fits by itself, if it comes ``AGAIN`` as near as
        anything of another concept ever has.
        """
        radius, learned = self.radius, self._learned
        limits = [radius.distance] * len(vectors)
        if radius.false_joins is None:
            limits = (UNCALIBRATED * vectors.var(dim=-1, correction=0)).tolist()
        judged: list[dict[int, float]] = [{} for _ in vectors]
        roots: dict[int, int] = {}
        if learned is not None:
            whole = [at for at in range(len(vectors)) if known is None or bool(known[at].all())]
            for at, found in zip(whole, learned.fits(vectors[whole].double().numpy()), strict=True):
                judged[at] = found
            roots = self._graph.named_roots_of_points({id for some in near for id, _ in some})
        fitting: list[Near] = []
        for some, limit, mine in zip(near, limits, judged, strict=True):
            fitting.append([])
            for point, distance in some:
                taught = mine.get(roots.get(point, -1))
                reach = limit if taught is None else min(limit, AGAIN * float(radius.usual[0]))
                if best_fit := max(taught or 0.0, fit(distance, reach)):
                    fitting[-1].append((point, best_fit))
        return fitting

    def _measure(self) -> Radius:
        """By what has a name; where too little has, by how the points lie."""
        ids = self.patterns.ids
        rng = generator(self.seed, f"radius {self.place.sense.name}")
        order = torch.randperm(len(ids), generator=rng)[:LOOKED_AT]
        looked_at: list[int] = ids.sort().values[order].tolist()  # rows move; the choice must not
        named = self._graph.named_roots_of_points(looked_at)
        chosen = [id for id in looked_at if id in named][:SAMPLE]
        if len(chosen) >= ENOUGH and len({named[id] for id in chosen}) > 1:
            if self.rule == "learned":
                self._learned = self._taught(chosen, named)
            return self._by_names(chosen, named)
        return self._by_gap(looked_at[:SAMPLE])

    def _taught(self, chosen: list[int], named: dict[int, int]) -> Learned | None:
        vectors, known = self._stored(chosen)
        whole = torch.ones(len(chosen), dtype=torch.bool) if known is None else known.all(dim=-1)
        roots = np.array([named[id] for id in chosen])[whole.numpy()]
        return Learned.of(vectors[whole].double().numpy(), roots, Counter(named.values()))

    def _by_names(self, chosen: list[int], named: dict[int, int]) -> Radius:
        vectors, known = self._stored(chosen)
        near = self.nearest(vectors, known, k=AROUND)
        roots = self._graph.named_roots_of_points({id for some in near for id, _ in some})
        distances, theirs = _padded(near, roots)
        own = np.array([named[id] for id in chosen])
        return calibrated(
            nearest_other(distances, own, theirs),
            nearest_own(distances, own, theirs),
            own.tolist(),
        )

    def _by_gap(self, chosen: list[int]) -> Radius:
        vectors, known = self._stored(chosen)
        between = self.among(vectors, known).clamp_min(0).double().numpy()
        between = (between + between.T) / 2
        np.fill_diagonal(between, 0.0)
        groups = groups_by_gap(between)
        if len(set(groups.tolist())) < len(groups):
            same = groups[:, None] == groups
            far = np.where(same, math.inf, between).min(axis=1)
            np.fill_diagonal(same, False)
            return calibrated(far.tolist(), np.where(same, between, math.inf).min(axis=1).tolist())
        own = np.array(chosen)
        near = self.nearest(vectors, known, k=2)
        distances, theirs = _padded(near, {id: id for some in near for id, _ in some})
        return calibrated(nearest_other(distances, own, theirs))

    def _stored(self, ids: list[int]) -> tuple[Tensor, Tensor | None]:
        patterns = self.patterns
        rows = patterns.rows_of(ids)
        return patterns.rows[rows], None if patterns.known is None else patterns.known[rows]


def _padded(
    near: Sequence[Near], groups: dict[int, int]
) -> tuple[Float[np.ndarray, "batch near"], np.ndarray]:
    width = max((len(some) for some in near), default=0)
    distances = np.full((len(near), width), math.inf)
    theirs = np.full((len(near), width), -1)
    for row, some in enumerate(near):
        distances[row, : len(some)] = [distance for _, distance in some]
        theirs[row, : len(some)] = [groups.get(id, -1) for id, _ in some]
    return distances, theirs


__all__ = ["AIM", "Near", "Space"]
