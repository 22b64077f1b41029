"""How scores become weights: the step that decides between one memory and a blend of many.

Each separation is the gradient of a convex function of the scores, its potential, wherever it
has one; from that every energy of the family follows (see ``hopfield``).

Strengths are prior odds. For powers, exponentials, softmax and ``within`` a pattern of strength w
counts as w copies of it. Sparsemax, entmax and top-k choose who carries any weight: there log w is
added to the score, so a strength of 0 is no pattern and a greater one never weighs less, but it is
not as many copies.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mnemic.errors import ConfigError

Scores = Float[Tensor, "*batch stored"]
Strengths = Float[Tensor, " stored"] | None


class Separation(NamedTuple):
    """Weights of scores, and the convex potential they are the gradient of (None: there is none).

    ``shares`` says that the weights of a cue are 0 or more and sum to 1. Others are multiplied by
    the inverse temperature where the state is their sum.
    """

    name: str
    weights: Callable[[Tensor, Tensor | None], Tensor]
    potential: Callable[[Tensor, Tensor | None], Tensor] | None
    shares: bool


def identity() -> Separation:
    """Weights are the scores: a linear associative memory (Hopfield 1982)."""
    return polynomial(2)._replace(name="identity")


def polynomial(n: int) -> Separation:
    """Weights are scores to the power n - 1, potential to the power n, over n.

    Dense associative memory (Krotov & Hopfield 2016). An odd power is rectified: negative scores
    count as 0, without which it would not be convex.

    Raises:
        ConfigError: n is below 2.
    """
    if n < 2:
        raise ConfigError(f"a polynomial separation needs a degree of 2 or more, got {n}")

    def rectified(scores: Tensor) -> Tensor:
        return scores.clamp_min(0.0) if n % 2 else scores

    def weights(scores: Tensor, strengths: Tensor | None) -> Tensor:
        return _times(rectified(scores) ** (n - 1), strengths)

    def potential(scores: Tensor, strengths: Tensor | None) -> Tensor:
        return _times(rectified(scores) ** n, strengths).sum(dim=-1) / n

    return Separation(f"polynomial {n}", weights, potential, shares=False)


def exponential() -> Separation:
    """Weights exp(score - highest): the exponential network of Demircigil et al. (2017).

    A cue's weights are all scaled alike, which no sign sees and nothing overflows; the potential
    is the logarithm of theirs, which falls when theirs falls.
    """

    def weights(scores: Tensor, strengths: Tensor | None) -> Tensor:
        scores = _plus_log(scores, strengths)
        return (scores - _finite(scores.amax(dim=-1, keepdim=True))).exp()

    return Separation("exponential", weights, _log_sum_exp, shares=False)


def softmax() -> Separation:
    """Weights exp(score) over their sum (Ramsauer et al. 2020); potential log Σ exp."""

    def weights(scores: Tensor, strengths: Tensor | None) -> Tensor:
        return _plus_log(scores, strengths).softmax(dim=-1)

    return Separation("softmax", weights, _log_sum_exp, shares=True)


def sparsemax() -> Separation:
    """The point of the simplex nearest to the scores: most weights are 0 (Martins & Astudillo
    2016; as an energy, Hu et al. 2023).
    """
    return Separation("sparsemax", _sparsemax, _tsallis(2.0, _sparsemax), shares=True)


def entmax15() -> Separation:
    """Between softmax and sparsemax: weights (score/2 - τ)₊² (Peters et al. 2019, α = 1.5)."""
    return Separation("entmax-1.5", _entmax15, _tsallis(1.5, _entmax15), shares=True)


def top_k(k: int) -> Separation:
    """Softmax over the k highest scores alone.

    Its potential, log Σ exp over those k, is the highest over all choices of k: convex too.

    Raises:
        ConfigError: k is below 1.
    """
    if k < 1:
        raise ConfigError(f"top-k needs at least one pattern, got k={k}")

    def highest(scores: Tensor, strengths: Tensor | None) -> Tensor:
        scores = _plus_log(scores, strengths)
        rank = scores.argsort(dim=-1, descending=True, stable=True).argsort(dim=-1)
        return scores.masked_fill(rank >= k, -torch.inf)

    def weights(scores: Tensor, strengths: Tensor | None) -> Tensor:
        return highest(scores, strengths).softmax(dim=-1)

    def potential(scores: Tensor, strengths: Tensor | None) -> Tensor:
        return highest(scores, strengths).logsumexp(dim=-1)

    return Separation(f"top {k}", weights, potential, shares=True)


def within(least: float) -> Separation:
    """Weight 1 from a score of ``least`` on, else 0: what a sparse distributed memory reads
    (Kanerva 1988). A step is the gradient of no useful potential: there is no energy.
    """

    def weights(scores: Tensor, strengths: Tensor | None) -> Tensor:
        return _times((scores >= least).to(scores.dtype), strengths)

    return Separation(f"within {least:g}", weights, None, shares=False)


def _sparsemax(scores: Tensor, strengths: Tensor | None) -> Tensor:
    scores = _plus_log(scores, strengths)
    # below the highest by 2 none carries weight, and -inf would spoil the sums
    scores = (scores - scores.detach().amax(dim=-1, keepdim=True)).clamp_min(-2.0)
    ordered = scores.sort(dim=-1, descending=True).values
    count = _counts(ordered)
    running = ordered.cumsum(dim=-1)
    inside = 1 + count * ordered > running  # the k best carry weight, if the k-th does
    size = inside.sum(dim=-1, keepdim=True)
    threshold = (running.gather(-1, size - 1) - 1) / size
    return (scores - threshold).clamp_min(0.0)


def _entmax15(scores: Tensor, strengths: Tensor | None) -> Tensor:
    scores = _plus_log(scores, strengths)
    scores = ((scores - scores.detach().amax(dim=-1, keepdim=True)) / 2).clamp_min(-2.0)
    ordered = scores.sort(dim=-1, descending=True).values
    count = _counts(ordered)
    # of the k best: Σ (score - τ)² = 1, solved for τ
    mean = ordered.cumsum(dim=-1) / count
    spread = count * (ordered.square().cumsum(dim=-1) / count - mean.square())
    root = torch.where(spread < 1, (1 - spread) / count, 0.0)
    threshold = mean - torch.where(root > 0, root.clamp_min(1e-30).sqrt(), 0.0)
    size = (threshold <= ordered).sum(dim=-1, keepdim=True)
    return (scores - threshold.gather(-1, size - 1)).clamp_min(0.0).square()


def _tsallis(
    alpha: float, weights: Callable[[Tensor, Tensor | None], Tensor]
) -> Callable[[Tensor, Tensor | None], Tensor]:
    """The conjugate of Tsallis' negative entropy, whose gradient α-entmax is (Blondel et al. 2020).

    max over p of p·z + Σ (p - p^α) / (α (α - 1)).
    """

    def potential(scores: Tensor, strengths: Tensor | None) -> Tensor:
        share = weights(scores, strengths)
        inside = torch.where(share > 0, _plus_log(scores, strengths), 0.0)  # 0 times -inf is 0
        entropy = (share - share**alpha).sum(dim=-1) / (alpha * (alpha - 1))
        return (share * inside).sum(dim=-1) + entropy

    return potential


def _log_sum_exp(scores: Tensor, strengths: Tensor | None) -> Tensor:
    return _plus_log(scores, strengths).logsumexp(dim=-1)


def _plus_log(scores: Tensor, strengths: Tensor | None) -> Tensor:
    return scores if strengths is None else scores + strengths.log()


def _times(weights: Tensor, strengths: Tensor | None) -> Tensor:
    return weights if strengths is None else weights * strengths


def _finite(values: Tensor) -> Tensor:
    return torch.where(values == -math.inf, 0.0, values)


def _counts(ordered: Tensor) -> Tensor:
    return torch.arange(1, ordered.shape[-1] + 1, dtype=ordered.dtype, device=ordered.device)
