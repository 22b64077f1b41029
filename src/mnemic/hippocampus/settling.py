"""Recall: move a cue downhill until it rests on what is stored.

One pass over all patterns usually settles the matter. It finds the few nearest, and a triangle
inequality bounds what all the others could still contribute; while that is negligible the rest
of the descent happens among the few, in exact arithmetic. Where it is not, every step is a pass.
"""

import math
from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mnemic.functional.similarity import (
    masked_distance,
    masked_scores,
    pairwise_distance,
    spens2022_scores,
)
from mnemic.records import Settled
from mnemic.search.certified import most_alike
from mnemic.search.dense import Folded, Scores, best, fold, mean_of_known
from mnemic.search.patterns import Block, Patterns
from mnemic.search.similarity import Masked

MAX_STEPS = 10
TOLERANCE = 1e-4  # root mean square change of a feature; a pixel's steps are 4e-3
NEAR = 32  # patterns the descent continues among
OMITTED = 1e-6  # share of the softmax that may be left out
LEAST = 1e-12  # a share worth stating
SCREENING = 64  # cues, and as many patterns for each, for which looking twice is the faster
GATHERED = 2**21  # floats gathered at a time: they stay in the cache

Known = Bool[Tensor, "batch dim"] | None


class Near(NamedTuple):
    """The stored patterns nearest to each cue, best first."""

    rows: Int[Tensor, "batch near"]
    found: Bool[Tensor, "batch near"]  # False pads the row where fewer are stored
    patterns: Float[Tensor, "batch near dim"]
    known: Bool[Tensor, "batch near dim"] | None
    distances: Float[Tensor, "batch near"]  # exact; inf where not found

    def of(self, cues: Bool[Tensor, " batch"]) -> "Near":
        """The same for some of the cues."""
        known = None if self.known is None else self.known[cues]
        return Near(
            self.rows[cues], self.found[cues], self.patterns[cues], known, self.distances[cues]
        )


def nearest(
    cues: Float[Tensor, "batch dim"],
    known: Known,
    patterns: Patterns,
    *,
    k: int,
    unknown_cost: float,
) -> Near:
    """The ``k`` patterns at the smallest masked distance: one pass, then exact distances."""

    def scores(block: Block) -> Float[Tensor, "batch block"]:
        return -_block_distance(cues, known, block, unknown_cost)

    seen = best(patterns, scores, batch=len(cues), k=k)
    rows, found = seen.rows, seen.scores.isfinite()
    candidates, candidates_known = _gather(patterns, rows)
    distances = pairwise_distance(
        cues, candidates, known, candidates_known, unknown_cost=unknown_cost
    ).masked_fill(~found, math.inf)
    distances, order = distances.sort(dim=-1, stable=True)
    if bool((order.diff(dim=-1) == 1).all()):  # rounding seldom changes who is nearer
        return Near(rows, found, candidates, candidates_known, distances)
    wide = order[..., None].expand_as(candidates)
    return Near(
        rows.gather(-1, order),
        found.gather(-1, order),
        candidates.gather(1, wide),
        None if candidates_known is None else candidates_known.gather(1, wide),
        distances,
    )


def least_distance(
    cues: Float[Tensor, "batch dim"], known: Known, patterns: Patterns, *, unknown_cost: float
) -> Float[Tensor, " batch"]:
    """The masked distance to the nearest pattern; what ``nearest`` finds first, and faster.

    Raises:
        IndexError: nothing is stored.
    """
    rows = _least(cues, known, patterns, unknown_cost=unknown_cost)
    candidates, candidates_known = _gather(patterns, rows.clamp_min(0)[:, None])
    exact = pairwise_distance(cues, candidates, known, candidates_known, unknown_cost=unknown_cost)
    return torch.where(rows >= 0, exact[:, 0], math.inf)


def _least(
    cues: Float[Tensor, "batch dim"], known: Known, patterns: Patterns, *, unknown_cost: float
) -> Int[Tensor, " batch"]:
    """The row nearest to each cue; -1 where none may answer."""
    simple = known is None and patterns.known is None and patterns.available is None
    if simple and cues.device.type == "cpu" and min(len(cues), len(patterns) // 64) >= SCREENING:
        return most_alike(Masked(cues, torch.ones(len(cues))), patterns)
    if simple and len(cues) == 1 and (one := patterns.nearest(cues[0], 1)) is not None:
        return one[1]
    best = cues.new_full((len(cues),), math.inf)
    rows = torch.full((len(cues),), -1, device=cues.device)
    for block in patterns.blocks():
        distances = _block_distance(cues, known, block, unknown_cost)
        if block.available is not None:
            distances = distances.masked_fill(~block.available, math.inf)
        least, row = distances.min(dim=-1)
        rows = torch.where(least < best, row + block.start, rows)
        best = torch.minimum(least, best)
    return rows


def in_chunks(count: int, dim: int, width: int = NEAR) -> Iterator[slice]:
    """Slices of a batch, so that gathering ``width`` patterns for each cue stays small."""
    size = max(1, GATHERED // (width * dim))
    return (slice(start, min(start + size, count)) for start in range(0, count, size))


def settle_masked(
    near: Near,
    cues: Float[Tensor, "batch dim"],
    known: Known,
    patterns: Patterns,
    *,
    beta: float,
    unknown_cost: float,
    k: int,
) -> Settled:
    """Mean-shift on the mean squared distance over what each cue knows.

    Each step replaces the state by the softmax(-β d/2)-weighted mean of the patterns, feature by
    feature over the patterns that know it; the energy never rises. A feature that no pattern
    knows keeps the cue's value. ``near`` is what ``nearest`` found for these cues.
    """

    def scores_of(state: Tensor, mask: Known) -> Scores:
        return lambda block: masked_scores(
            _block_distance(state, mask, block, unknown_cost), beta=beta
        )

    settled, certain = settle_among(
        near, cues, known, patterns, beta=beta, unknown_cost=unknown_cost, k=k
    )
    if not bool(certain.all()):
        far = ~certain
        far_known = None if known is None else known[far]
        slow = _settle_over_all(
            cues[far], far_known, patterns, scores_of, beta=beta, unknown_cost=unknown_cost, k=k
        )
        for whole, part in zip(settled, slow, strict=True):
            whole[far] = part
    return settled


def settle_spens2022(
    cues: Float[Tensor, "batch dim"], known: Known, patterns: Patterns, *, beta: float, k: int
) -> Settled:
    """The published network: x ← Ξ softmax(β Ξᵀx / √d), at most 10 steps.

    Spens & Burgess (2022), after Ramsauer et al. (2020), eq. 3. It takes a missing feature for a
    feature of value 0: ``known`` only blacks the cue out.
    """
    if known is not None:
        cues = torch.where(known, cues, 0.0)

    def scores_of(state: Tensor, mask: Known) -> Scores:
        return lambda block: spens2022_scores(state, block.rows, beta=beta)

    return _settle_over_all(cues, None, patterns, scores_of, beta=beta, unknown_cost=0.0, k=k)


def settle_among(
    near: Near,
    cues: Float[Tensor, "batch dim"],
    known: Known,
    patterns: Patterns,
    *,
    beta: float,
    unknown_cost: float,
    k: int,
) -> tuple[Settled, Bool[Tensor, " batch"]]:
    """Settle among the nearest alone, and tell which cues may: all others weigh ≤ OMITTED.

    A pattern at root mean square distance r from the cue is at least r - |state - cue| from the
    state, and no other pattern is nearer to the cue than the last of the nearest.
    """
    others = len(patterns) - near.rows.shape[-1]
    radius = near.distances[:, -1].sqrt()
    state, distances = cues, near.distances
    steps = torch.zeros(len(cues), dtype=torch.long, device=cues.device)
    moving = torch.ones(len(cues), dtype=torch.bool, device=cues.device)
    certain = torch.ones(len(cues), dtype=torch.bool, device=cues.device)
    bound = torch.zeros_like(radius)
    weights = torch.zeros_like(distances)
    log_mass = torch.zeros_like(radius)
    for step in range(MAX_STEPS + 1):
        scores = masked_scores(distances, beta=beta)
        log_mass = scores.logsumexp(dim=-1)
        weights = (scores - log_mass[:, None]).exp()
        if others > 0:
            closest = (radius - _rms(state - cues, known)).clamp_min(0.0)
            rest = math.log(others) + masked_scores(closest.square()[:, None], beta=beta)[:, 0]
            bound = torch.maximum(bound, (rest - log_mass).exp().clamp_min(LEAST))
            certain &= bound <= OMITTED
        if step == MAX_STEPS or not bool((moving & certain).any()):
            break
        total = weights[:, None] @ near.patterns
        if near.known is None:
            updated = total[:, 0]
        else:
            weight = (weights[:, None] @ near.known.float())[:, 0]
            updated = mean_of_known(total[:, 0], weight, state)
        updated = torch.where(moving[:, None], updated, state)
        steps = steps + moving
        moving = moving & (_rms(updated - state, known) > TOLERANCE)
        state = updated
        distances = pairwise_distance(
            state, near.patterns, known, near.known, unknown_cost=unknown_cost
        ).masked_fill(~near.found, math.inf)
    rows, found, weights, cue_distances = _heaviest(near.rows, near.found, weights, near.distances)
    first, each = _products(patterns, known), 2 * near.patterns.shape[1] * near.patterns.shape[2]
    return Settled(
        state.clone(),
        -log_mass / beta,
        steps,
        ~moving,
        _names(patterns, rows, found)[:, :k],
        weights[:, :k],
        cue_distances[:, :k],
        bound,
        (first + each * (steps + 1)).float(),
    ), certain


def _settle_over_all(
    cues: Float[Tensor, "batch dim"],
    known: Known,
    patterns: Patterns,
    scores_of: Callable[[Tensor, Known], Scores],
    *,
    beta: float,
    unknown_cost: float,
    k: int,
) -> Settled:
    """Settle with one pass over every pattern a step."""

    def look(rows: Bool[Tensor, " batch"], width: int) -> Folded:
        mask = None if known is None else known[rows]
        return fold(patterns, scores_of(state[rows], mask), state[rows], width)

    everyone = torch.ones(len(cues), dtype=torch.bool, device=cues.device)
    state, moving = cues.clone(), everyone.clone()
    steps = torch.zeros(len(cues), dtype=torch.long, device=cues.device)
    for _ in range(MAX_STEPS):
        updated = look(moving, 1).mean
        moved = _rms(updated - state[moving], None if known is None else known[moving])
        state[moving] = updated
        steps[moving] += 1
        moving[moving.clone()] = moved > TOLERANCE
        if not bool(moving.any()):
            break
    last = look(everyone, k)
    rows, found = last.best.rows, last.best.scores.isfinite()
    candidates, candidates_known = _gather(patterns, rows)
    distances = pairwise_distance(
        cues, candidates, known, candidates_known, unknown_cost=unknown_cost
    ).masked_fill(~found, math.inf)
    weights = (last.best.scores - last.log_mass[:, None]).exp()
    rows, found, weights, distances = _heaviest(rows, found, weights, distances)
    names = _names(patterns, rows, found)
    each = _products(patterns, known) + patterns.rows.numel()
    work = (each * (steps + 2)).float()  # to find the nearest, and to look once more at the end
    nothing = torch.zeros_like(last.log_mass)
    return Settled(
        state, -last.log_mass / beta, steps, ~moving, names, weights, distances, nothing, work
    )


def _products(patterns: Patterns, known: Known) -> int:
    """Multiply-adds of comparing one cue with everything."""
    return patterns.rows.numel() * (1 if known is None else 2)


def _block_distance(
    cues: Tensor, known: Known, block: Block, unknown_cost: float
) -> Float[Tensor, "batch block"]:
    return masked_distance(
        cues,
        block.rows,
        known,
        block.known,
        unknown_cost=unknown_cost,
        squared_norm=block.squared_norm,
    )


def _gather(
    patterns: Patterns, rows: Int[Tensor, "batch near"]
) -> tuple[Float[Tensor, "batch near dim"], Bool[Tensor, "batch near dim"] | None]:
    return patterns.rows[rows], None if patterns.known is None else patterns.known[rows]


def _heaviest(
    rows: Tensor, found: Tensor, weights: Tensor, distances: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Order by weight, and what weighs nothing by its distance to the cue."""
    by_distance = distances.argsort(dim=-1, stable=True)
    rounded = weights.gather(-1, by_distance).mul(1e6).round()
    order = by_distance.gather(-1, rounded.argsort(dim=-1, descending=True, stable=True))
    return (
        rows.gather(-1, order),
        found.gather(-1, order),
        weights.gather(-1, order),
        distances.gather(-1, order),
    )


def _names(patterns: Patterns, rows: Tensor, found: Tensor) -> Int[Tensor, "batch near"]:
    return torch.where(found.cpu(), patterns.ids[rows.cpu()], -1)


def _rms(difference: Float[Tensor, "batch dim"], known: Known) -> Float[Tensor, " batch"]:
    if known is None:
        return difference.square().mean(dim=-1).sqrt()
    inside = torch.where(known, difference, 0.0).square().sum(dim=-1)
    return (inside / known.sum(dim=-1)).sqrt()
