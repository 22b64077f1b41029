"""The verdict: was this seen before? With a false-accept rate one can state.

Distance alone cannot tell a noisy sight of a stored picture from a similar new one; the ratio of
the best to the second-best distance can, for a new picture has no reason to lie much nearer to
one stored picture than to the next. A cue is accepted on distance **or** margin. What is usual
for the never-seen is learned by leave-one-out: how near would a stored picture be to the rest,
had it not been stored?
"""

from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mnemic.functional.similarity import pairwise_distance
from mnemic.hippocampus.settling import Known, Near, in_chunks, nearest
from mnemic.search.patterns import Patterns

SAMPLE = 512  # engrams left out, one at a time
ENOUGH = 20  # fewer cannot show a rate of one in twenty
FALSE_ACCEPTS = 0.05  # at most
AIM = 0.03  # the threshold is found on a sample: aim lower to stay below
NEAR = 16  # candidates looked at, to find one that is no near-duplicate
DUPLICATE = 0.01  # of the data's variance: closer patterns are the same thing twice
IDENTICAL = 1e-9  # mean squared difference
UNCALIBRATED = 0.25  # of the distance to a blank, and to anything else


class Judged(NamedTuple):
    """Whether each cue was seen before, and how sure that is."""

    remembered: Bool[Tensor, " batch"]
    confidence: Float[Tensor, " batch"]  # 1 - the share of never-seen cues that look as familiar
    false_accepts: float | None  # the rate aimed at; None where too little is stored to calibrate


@dataclass(frozen=True)
class Usual:
    """How the never-seen look: their distances and margins, each sorted.

    ``familiarity`` combines the two: the smaller of a cue's two ranks, itself ranked.
    """

    distances: Float[Tensor, " sample"]
    margins: Float[Tensor, " sample"]
    familiarity: Float[Tensor, " sample"]

    @property
    def enough(self) -> bool:
        """Whether the sample can carry a verdict."""
        return len(self.distances) >= ENOUGH


NOTHING_USUAL = Usual(torch.empty(0), torch.empty(0), torch.empty(0))


def leave_one_out(
    patterns: Patterns,
    known: Bool[Tensor, " dim"] | None,
    *,
    unknown_cost: float,
    variance: float,
    rng: torch.Generator,
) -> Usual:
    """Cue with stored patterns as if each had never been stored, seen through the mask ``known``.

    A pattern's near-duplicates are left out with it: to the rest, it would not be new.
    """
    chosen = torch.randperm(len(patterns), generator=rng)[:SAMPLE].to(patterns.device)
    parts = [
        _as_if_new(chosen[chunk], patterns, known, unknown_cost=unknown_cost, variance=variance)
        for chunk in in_chunks(len(chosen), patterns.dim, NEAR + 1)
    ]
    distance, margin = (torch.cat(column) for column in zip(*parts, strict=True))
    if len(distance) == 0:
        return NOTHING_USUAL
    distances, margins = distance.sort().values, margin.sort().values
    combined = torch.minimum(rank(distance, distances), rank(margin, margins))
    return Usual(distances, margins, combined.sort().values)


def _as_if_new(
    chosen: Int[Tensor, " sample"],
    patterns: Patterns,
    known: Bool[Tensor, " dim"] | None,
    *,
    unknown_cost: float,
    variance: float,
) -> tuple[Float[Tensor, " usable"], Float[Tensor, " usable"]]:
    """Distance and margin of stored patterns to all that are something else."""
    cues = patterns.rows[chosen]
    seen_through = (
        torch.ones_like(cues, dtype=torch.bool) if known is None else known.expand_as(cues)
    )
    if patterns.known is not None:
        seen_through = seen_through & patterns.known[chosen]
    something = seen_through.any(dim=-1)
    chosen, cues, seen_through = chosen[something], cues[something], seen_through[something]
    if len(chosen) == 0:
        return cues.new_empty(0), cues.new_empty(0)
    mask = None if bool(seen_through.all()) else seen_through
    near = nearest(cues, mask, patterns, k=min(NEAR + 1, len(patterns)), unknown_cost=unknown_cost)
    between = near.distances
    if mask is not None:  # duplicates are alike as a whole, not only in what is seen
        whole = None if patterns.known is None else patterns.known[chosen]
        between = pairwise_distance(
            cues, near.patterns, whole, near.known, unknown_cost=unknown_cost
        )
    left_out = (near.rows == chosen[:, None]) | (between <= DUPLICATE * variance)
    near = near._replace(found=near.found & ~left_out)
    distance, margin = distance_and_margin(near, mask, variance=variance, unknown_cost=unknown_cost)
    usable = distance.isfinite()
    return distance[usable], margin[usable]


def distance_and_margin(
    near: Near, known: Known, *, variance: float, unknown_cost: float
) -> tuple[Float[Tensor, " batch"], Float[Tensor, " batch"]]:
    """Distance to the best found, and how far the cue has strayed from it towards another.

    The second is the largest of 1 - (dⱼ - d₁) / d₁ⱼ over the others found: twice the way from the
    best towards pattern j at which the cue stands. It is 0 for a stored picture and 1 half-way to
    another. Noise adds the same to every distance and cancels in their difference, as it does
    not in their ratio. Others that cannot be told from the best by what is known do not count;
    where none is left, it is infinite. A cue that is no nearer to its best than stored patterns
    are to one another has strayed all the way: far from everything, whichever is nearest is so by
    a wide margin.
    """
    distances = near.distances.masked_fill(~near.found, torch.inf)
    best, which = distances.min(dim=-1)
    pick = which[:, None, None].expand(-1, 1, near.patterns.shape[-1])
    winner = near.patterns.gather(1, pick)[:, 0]
    apart = pairwise_distance(winner, near.patterns, known, near.known, unknown_cost=unknown_cost)
    another = near.found & (apart > DUPLICATE * variance)
    strayed = 1 - (distances - best[:, None]) / apart
    strayed = strayed.masked_fill(~another, -torch.inf).amax(dim=-1)
    strayed = torch.where((best > 2 * variance) & strayed.isfinite(), 1.0, strayed)
    return best, torch.where(strayed.isfinite(), strayed.clamp_min(0.0), torch.inf)


def rank(
    values: Float[Tensor, " batch"], usual: Float[Tensor, " sample"]
) -> Float[Tensor, " batch"]:
    """Share of the usual at or below each value; below the least of them, in proportion to it.

    The proportion keeps the order of values more extreme than any in the sample.
    """
    below = torch.searchsorted(usual, values.contiguous(), right=True).float()
    least = usual[0].clamp_min(torch.finfo(usual.dtype).tiny)
    within = (values / least).clamp(0.0, 1.0)
    return torch.where(below > 0, below + 1, within) / (len(usual) + 1)


def judge(
    cues: Float[Tensor, "batch dim"],
    known: Known,
    near: Near,
    usual: Usual,
    *,
    variance: float,
    unknown_cost: float,
) -> Judged:
    """Compare cues with how the never-seen look.

    Where fewer than ENOUGH could be left out, a cue is accepted when it is four times nearer to
    its best than to a blank and to anything else: plausible, but of no stated rate.
    """
    distance, margin = distance_and_margin(
        near, known, variance=variance, unknown_cost=unknown_cost
    )
    if usual.enough:
        familiarity = torch.minimum(rank(distance, usual.distances), rank(margin, usual.margins))
        unfamiliar = rank(familiarity, usual.familiarity).clamp_max(1.0)
        return Judged(unfamiliar <= AIM, 1 - unfamiliar, FALSE_ACCEPTS)
    blank = distance / _blank_distance(cues, known)
    unlike = torch.where(margin.isfinite(), torch.maximum(margin, blank), blank).clamp_max(1.0)
    unlike = torch.where(distance <= IDENTICAL, 0.0, unlike)
    return Judged(unlike <= UNCALIBRATED, 1 - unlike, None)


def novelty(
    cues: Float[Tensor, "batch dim"], known: Known, distance: Float[Tensor, " batch"], usual: Usual
) -> Float[Tensor, " batch"]:
    """0..1: the share of what is stored that is nearer to the rest than this is to all of it."""
    if usual.enough:
        return rank(distance, usual.distances).clamp_max(1.0)
    relative = distance / _blank_distance(cues, known)
    return torch.where(distance <= IDENTICAL, 0.0, relative.clamp_max(1.0))


def _blank_distance(cues: Float[Tensor, "batch dim"], known: Known) -> Float[Tensor, " batch"]:
    """Distance of each cue to the best-fitting blank: its variance over what it knows."""
    mask = torch.ones_like(cues) if known is None else known.to(cues.dtype)
    count = mask.sum(dim=-1, keepdim=True)
    mean = (mask * cues).sum(dim=-1, keepdim=True) / count
    return ((mask * (cues - mean).square()).sum(dim=-1) / count[:, 0]).clamp_min(IDENTICAL)
