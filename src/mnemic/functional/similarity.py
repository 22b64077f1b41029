"""How alike a cue and a pattern are, as equations on blocks of patterns.

The masked distance recalls a pattern from any part of it; the others serve replay, the published
teacher of Spens & Burgess (2022), and the family of ``hopfield``.
"""

import math

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

ALONGSIDE = 1024  # patterns compared with one cue at a time: their differences stay in the cache


def masked_distance(
    cues: Float[Tensor, "batch dim"],
    patterns: Float[Tensor, "stored dim"],
    known: Bool[Tensor, "batch dim"] | None = None,
    stored_known: Bool[Tensor, "stored dim"] | None = None,
    *,
    unknown_cost: float = 0.0,
    squared_norm: Float[Tensor, " stored"] | None = None,
) -> Float[Tensor, "batch stored"]:
    """Mean squared difference over the features the cue knows.

    Two matrix products and a constant, Σm(c - x)² = X²·m - 2X·(m∘c) + Σm∘c², so it folds over
    blocks like any other score. A feature the cue knows and a pattern does not counts
    ``unknown_cost``, lest a pattern that shares a single feature with the cue match it best.
    ``squared_norm`` (of the patterns' known features) saves a product when the whole cue is known.
    Rounding leaves an absolute error near 1e-6 for features in 0..1; ``pairwise_distance`` has
    none of it. A cue must know something: 0 of 0 is nan.

    >>> masked_distance(torch.tensor([[1.0, 9.0]]), torch.tensor([[0.0, 0.0]]),
    ...                 known=torch.tensor([[True, False]]))
    tensor([[1.]])
    """
    if stored_known is not None:
        patterns = torch.where(stored_known, patterns, 0.0)
    elif known is not None and len(cues) == 1 and bool(known.any()):  # one product, not two
        seen = known[0].nonzero()[:, 0]
        span = slice(int(seen[0]), int(seen[-1]) + 1)  # a torn half need not be read
        mask = known[0, span].to(cues.dtype)
        cue = torch.where(known[0, span], cues[0, span], 0.0)
        parts = patterns[:, span].split(ALONGSIDE)
        return (torch.cat([(part - cue).square_() @ mask for part in parts]) / mask.sum())[None]
    if known is None:
        mask = None
        if squared_norm is None:
            squared_norm = patterns.square().sum(dim=-1)
        pattern_energy = squared_norm.expand(len(cues), -1)
        share = cues.shape[-1]
    else:
        cues = torch.where(known, cues, 0.0)
        mask = known.to(cues.dtype)
        pattern_energy = mask @ patterns.square().T
        share = mask.sum(dim=-1, keepdim=True)
    if stored_known is None:
        cue_energy = cues.square().sum(dim=-1, keepdim=True)
    else:
        cost = cues.square() - unknown_cost
        if mask is not None:
            cost = cost * mask
        cue_energy = cost @ stored_known.to(cues.dtype).T + unknown_cost * share
    distance = products(cues, patterns).mul_(-2).add_(pattern_energy).add_(cue_energy)
    return distance.clamp_min_(0.0).div_(share)


def products(
    cues: Float[Tensor, "batch dim"], patterns: Float[Tensor, "stored dim"]
) -> Float[Tensor, "batch stored"]:
    """Every cue times every pattern, by the fastest product there is for that many cues."""
    if len(cues) != 1:
        return cues @ patterns.T
    if patterns.device.type == "cpu" and not (cues.requires_grad or patterns.requires_grad):
        # matrix times vector is bound by memory, and NumPy's BLAS reads twice as fast here
        with np.errstate(all="ignore"):  # some BLAS raise flags for lanes they do not use
            return torch.from_numpy(patterns.numpy() @ cues[0].numpy())[None]
    return (patterns @ cues[0])[None]


def pairwise_distance(
    cues: Float[Tensor, "batch dim"],
    candidates: Float[Tensor, "batch near dim"],
    known: Bool[Tensor, "batch dim"] | None = None,
    candidates_known: Bool[Tensor, "batch near dim"] | None = None,
    *,
    unknown_cost: float = 0.0,
) -> Float[Tensor, "batch near"]:
    """``masked_distance`` of each cue to candidates of its own, by plain subtraction.

    Exact to rounding of the difference itself: a stored pattern is at distance 0 from itself.
    """
    squared = (cues[:, None] - candidates).square_()
    if candidates_known is not None:
        squared = torch.where(candidates_known, squared, unknown_cost)
    if known is None:
        return squared.mean(dim=-1)
    return torch.where(known[:, None], squared, 0.0).sum(dim=-1) / known.sum(dim=-1, keepdim=True)


def masked_scores(
    distance: Float[Tensor, "batch stored"], *, beta: float
) -> Float[Tensor, "batch stored"]:
    """Log-weights of a mean-shift: -β d/2. Their log-sum-exp is minus β times the energy."""
    return -0.5 * beta * distance


def masked_energy(
    distance: Float[Tensor, "batch stored"], *, beta: float
) -> Float[Tensor, " batch"]:
    """-β⁻¹ log Σ exp(-β d/2): low next to a stored pattern; never rises while settling.

    The logarithm is concave in the distances, so the softmax-weighted mean of the patterns,
    which minimises the weighted distance, cannot raise it (a majorise-minimise step).
    """
    return -masked_scores(distance, beta=beta).logsumexp(dim=-1) / beta


def hamming_distance(
    states: Float[Tensor, "batch dim"],
    patterns: Float[Tensor, "stored dim"],
    known: Bool[Tensor, "batch dim"] | None = None,
) -> Float[Tensor, "batch stored"]:
    """How many features of -1 and 1 differ, of those a cue knows.

    >>> hamming_distance(torch.tensor([[1.0, -1.0, 1.0]]), torch.tensor([[1.0, 1.0, -1.0]]))
    tensor([[2.]])
    """
    seen = states if known is None else torch.where(known, states, 0.0)
    compared = states.shape[-1] if known is None else known.sum(dim=-1, keepdim=True)
    return (compared - seen @ patterns.T) / 2


def cosine_scores(
    state: Float[Tensor, "batch dim"],
    patterns: Float[Tensor, "stored dim"],
    mean: Float[Tensor, " dim"],
    stored_known: Bool[Tensor, "stored dim"] | None = None,
    *,
    beta: float,
) -> Float[Tensor, "batch stored"]:
    """β cos(state, pattern - mean): centred, normalised keys.

    ``state`` is a direction in the centred space; its length does not matter. An unknown feature
    is taken for the mean: its key is 0. A pattern equal to the mean has no direction and scores 0.
    """
    keys = patterns - mean
    if stored_known is not None:
        keys = torch.where(stored_known, keys, 0.0)
    normalize = torch.nn.functional.normalize
    return beta * normalize(state, dim=-1) @ normalize(keys, dim=-1).T


def spens2022_scores(
    state: Float[Tensor, "batch dim"], patterns: Float[Tensor, "stored dim"], *, beta: float
) -> Float[Tensor, "batch stored"]:
    """β Ξᵀx / √d: the scores of the published teacher (Spens & Burgess 2022, their code).

    The paper keeps patterns in [-1, 1], sets β = 10 and takes at most 10 steps.
    """
    return beta / math.sqrt(patterns.shape[-1]) * (state @ patterns.T)
