"""The softmax over the few patterns that matter, with a bound on what the others could add.

All patterns are screened at low precision; those that could weigh anything are scored again in
double precision. What is left out weighs at most a share τ of the softmax, so the output is off
by τ times the distance between two means of values: at most τ times their diameter.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemic.search.patterns import Stored
from mnemic.search.reduced import DOUBLE_DIGIT, GROUP, SINGLE_DIGIT, Scored, Screened, screen
from mnemic.search.similarity import Similarity

NUMBERS = 2**21  # of patterns scored again, or of values summed, at a time: 16 MiB
READ = 2**14  # patterns read at a time
FEW = 4  # cues for which every score is kept
SCREENED = 3 * 2**22  # numbers of two bytes a screening may leave behind: 24 MiB
NOTHING = 1e-9  # a weight, over that of the best, that is only counted; or less, to keep a bound


class Weighed(NamedTuple):
    """Patterns that matter to each cue, cue by cue."""

    cues: Int[Tensor, " pairs"]  # ascending
    rows: Int[Tensor, " pairs"]
    scores: Float[Tensor, " pairs"]  # logits, in double precision
    log_mass: Float[Tensor, " batch"]
    omitted: Float[Tensor, " batch"]  # share of the softmax left out or misjudged, at most


def weigh(similarity: Similarity, patterns: Stored, *, error: float, most: float) -> Weighed | None:
    """All patterns but a share ``error`` of the softmax; None if that takes more than ``most``.

    ``most`` counts pairs of a cue and a pattern that would be scored in double precision.
    """
    rounding = torch.expm1(2 * similarity.rounding(patterns.longest, DOUBLE_DIGIT))
    if len(similarity) == 0 or not bool((rounding <= error / 8).all()):
        return None
    seen = (
        _score_all(similarity, patterns) if len(similarity) < FEW else _screen(similarity, patterns)
    )
    best = _best_scores(seen, similarity, patterns)
    if not bool(best.isfinite().all()):  # the best of all may not answer
        return None
    # all that are below this, together, weigh less than half of what may be left out; groups too
    # light to look at share a quarter, members too light to keep and rounding an eighth each
    group, cue, above = seen.above(best + math.log(error / 2) - math.log(len(patterns)))
    if len(group) * seen.group > 8 * most:
        return None
    if int(torch.bincount(cue, minlength=len(best)).min()) == 0:  # too large for single precision
        return None
    left, left_out = _all_but_lightest(seen.group, cue, above - best[cue], error / 4, len(best))
    group, cue = group[left], cue[left]
    if len(group) * seen.group > most:
        return None
    nothing = min(NOTHING, error / 8 / len(patterns))
    left_out = left_out + error / 2
    weighed = _score(seen.group, group, cue, similarity, patterns, best, left_out, nothing)
    return weighed._replace(omitted=weighed.omitted + rounding)


def most_alike(similarity: Similarity, patterns: Stored) -> Int[Tensor, " batch"]:
    """The row that scores highest for each cue, for certain; -1 if none that may answer is found.

    Only what at low precision could be the best is scored in full.
    """
    rows = torch.full((len(similarity),), -1)
    for part in torch.arange(len(similarity)).split(at_once(len(patterns))):
        some = similarity.of(part)
        seen = _screen(some, patterns)
        group, cue, _ = seen.above(_best_scores(seen, some, patterns))
        logits, member = _in_full(seen.group, group, cue, some, patterns).max(dim=-1)
        order = logits.argsort(stable=True)  # the best of a cue is written last
        best = torch.full((len(part),), -1)
        best[cue[order]] = order
        found = best >= 0
        found[found.clone()] = logits[best[found]].isfinite()
        rows[part[found]] = group[best[found]] * seen.group + member[best[found]]
    return rows


def at_once(patterns: int) -> int:
    """How many cues to screen so many patterns for, at a time."""
    return max(1, SCREENED * GROUP // max(1, patterns))


def _screen(similarity: Similarity, patterns: Stored) -> Screened:
    reduced = patterns.reduced(similarity.kind, similarity.features)
    return screen(similarity.linear(patterns.longest), reduced)


def _score_all(similarity: Similarity, patterns: Stored) -> Scored:
    """One cue reads faster than it multiplies: nothing is gained by fewer digits."""
    scores = [similarity.over(block) for block in patterns.blocks(READ)]
    return Scored(torch.cat(scores, dim=-1), similarity.rounding(patterns.longest, SINGLE_DIGIT))


def _best_scores(
    seen: Screened | Scored, similarity: Similarity, patterns: Stored
) -> Float[Tensor, " batch"]:
    """The best true score within the group that looks best: no cue's best of all is below it."""
    every = torch.arange(len(similarity))
    return _in_full(seen.group, seen.best(), every, similarity, patterns).amax(dim=-1)


def _all_but_lightest(
    size: int, cue: Tensor, above: Tensor, share: float, batch: int
) -> tuple[Int[Tensor, " kept"], Float[Tensor, " batch"]]:
    """Leave out, of each cue's groups, the lightest that weigh ``share`` together at most.

    Returns which are kept, cue by cue, and what the others of each cue weigh. Weights are over
    that of the best score, which is in the softmax: its mass is 1 or more.
    """
    order = above.argsort()
    order = order[cue[order].argsort(stable=True)]
    weight, cue = size * above[order].exp(), cue[order]
    weight = weight.clamp_max(share)  # too heavy is too heavy: sums stay small, and exact enough
    running = weight.cumsum(dim=0)
    first = torch.searchsorted(cue, torch.arange(batch))
    light = running - (running - weight)[first][cue] <= share * (1 - 1e-4)
    left_out = torch.zeros(batch, dtype=torch.double)
    left_out.index_add_(0, cue[light], weight[light])
    return order[~light], left_out


def _score(
    size: int,
    group: Tensor,
    cue: Tensor,
    similarity: Similarity,
    patterns: Stored,
    best: Float[Tensor, " batch"],
    left_out: Float[Tensor, " batch"],
    nothing: float,
) -> Weighed:
    """Score the members of the groups that are left, and keep those that weigh anything."""
    logits = _in_full(size, group, cue, similarity, patterns)
    # what looked best at low precision need not be: no weight may pass 1
    best = best.scatter_reduce(0, cue, logits.amax(dim=-1), "amax")
    weights = (logits - best[cue, None]).exp()
    matter = weights > nothing
    mass, dropped = torch.zeros(2, len(best), dtype=torch.double)
    mass.index_add_(0, cue, torch.where(matter, weights, 0.0).sum(dim=-1))
    dropped.index_add_(0, cue, torch.where(matter, 0.0, weights).sum(dim=-1))
    rest = left_out + dropped
    return Weighed(
        cue[:, None].expand_as(matter)[matter],
        _members(group, size, patterns)[matter],
        logits[matter],
        best + mass.log(),
        rest / (mass + rest),
    )


def _in_full(
    size: int, group: Tensor, cue: Tensor, similarity: Similarity, patterns: Stored
) -> Float[Tensor, "some members"]:
    """The logits of the members of each group to its cue, in double precision."""
    at_once = max(1, NUMBERS // (size * patterns.rows.shape[-1]))
    logits = torch.empty(len(group), size, dtype=torch.double)
    for part in torch.arange(len(group)).split(at_once):
        members = _members(group[part], size, patterns)
        logits[part] = similarity.among(cue[part], members, patterns)
    return logits


def _members(
    groups: Int[Tensor, " some"], size: int, patterns: Stored
) -> Int[Tensor, "some members"]:
    """The rows of each group; past the last one, -1."""
    rows = groups[:, None] * size + torch.arange(size)
    return torch.where(rows < len(patterns), rows, -1)
