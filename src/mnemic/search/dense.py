"""The fold over every stored pattern: exact, in blocks, keeping only the best few scores."""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemic.functional.attention import Part, merge, part
from mnemic.search.patterns import BLOCK, Block, Stored

Scores = Callable[[Block], Float[Tensor, "batch block"]]


class Best(NamedTuple):
    """The highest scores and whose they are."""

    scores: Float[Tensor, "batch near"]  # best first; -inf where fewer patterns were available
    rows: Int[Tensor, "batch near"]


class Folded(NamedTuple):
    """One pass over the patterns."""

    mean: Float[Tensor, "batch dim"]  # softmax-weighted, feature by feature where known
    log_mass: Float[Tensor, " batch"]  # log Σ exp(score)
    best: Best


def best(patterns: Stored, scores: Scores, *, batch: int, k: int) -> Best:
    """The ``k`` best-scoring patterns for each of ``batch`` cues."""
    found = _none_yet(batch, k, torch.zeros((), device=patterns.device))
    for block in patterns.blocks():
        found = _better(found, _available(scores, block), block.start)
    return found


def fold(
    patterns: Stored,
    scores: Scores,
    otherwise: Float[Tensor, "batch dim"],
    k: int,
    *,
    values: Float[Tensor, "stored dim"] | None = None,
    size: int = BLOCK,
) -> Folded:
    """The softmax-weighted mean of the patterns, or of ``values``, and the ``k`` best, in one pass.

    A feature that no pattern with any weight knows is taken from ``otherwise``, which also says
    in what precision to compute. Peak memory is one block of scores and the best so far, whatever
    the number stored.
    """
    batch, dim = otherwise.shape
    width = dim if patterns.known is None else 2 * dim
    whole = Part(
        otherwise.new_full((batch,), -torch.inf),
        otherwise.new_zeros(batch),
        otherwise.new_zeros(batch, width),
    )
    found = _none_yet(batch, k, otherwise)
    for block in patterns.blocks(size):
        if otherwise.dtype != block.rows.dtype:
            block = block._replace(rows=block.rows.to(otherwise.dtype), squared_norm=None)
        score = _available(scores, block)
        carried = _values(block) if values is None else values[block.start :][: len(block.rows)]
        whole = merge(whole, part(score, carried.to(score.dtype)))
        found = _better(found, score, block.start)
    if patterns.known is None:
        return Folded(whole.mean, whole.log_mass, found)
    mean = mean_of_known(whole.total[:, :dim], whole.total[:, dim:], otherwise)
    return Folded(mean, whole.log_mass, found)


def mean_of_known(
    total: Float[Tensor, "batch dim"],
    weight: Float[Tensor, "batch dim"],
    otherwise: Float[Tensor, "batch dim"],
) -> Float[Tensor, "batch dim"]:
    """A weighted sum over its weight, feature by feature; ``otherwise`` where there is none."""
    return torch.where(weight > 0, total / weight.clamp_min(1e-30), otherwise)


def _values(block: Block) -> Float[Tensor, "block _"]:
    # unknown features are stored as 0: the second half says how much weight each one really has
    return block.rows if block.known is None else torch.cat([block.rows, block.known.float()], 1)


def _available(scores: Scores, block: Block) -> Float[Tensor, "batch block"]:
    found = scores(block)
    return found if block.available is None else torch.where(block.available, found, -torch.inf)


def _none_yet(batch: int, k: int, like: Tensor) -> Best:
    nothing = like.new_full((batch, k), -torch.inf)
    return Best(nothing, torch.zeros(batch, k, dtype=torch.long, device=like.device))


def _better(so_far: Best, scores: Float[Tensor, "batch block"], start: int) -> Best:
    k = so_far.scores.shape[-1]
    # few blocks hold one of the best: to see that they do not is cheaper than to sort them
    better = (scores.amax(dim=-1) > so_far.scores[:, -1]).nonzero()[:, 0]
    if len(better) == 0:
        return so_far
    some = slice(None) if len(better) == len(scores) else better
    top = scores[some].topk(min(k, scores.shape[-1]), dim=-1)
    best, order = torch.cat([so_far.scores[some], top.values], dim=-1).topk(k, dim=-1)
    rows = torch.cat([so_far.rows[some], top.indices + start], dim=-1).gather(-1, order)
    so_far.scores[some], so_far.rows[some] = best, rows
    return so_far
