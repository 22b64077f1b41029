"""Softmax attention as a fold: blocks of patterns in any order, any size, anywhere.

Recall is a softmax-weighted mean of stored patterns. Its numerator and denominator are sums, so
they can be taken block by block and merged: the same two functions serve a matrix in memory, a
file larger than memory, and shards on many machines, and a batch-by-stored score matrix never
exists.
"""

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Part(NamedTuple):
    """What some of the patterns contribute to a softmax-weighted sum.

    ``mass`` and ``total`` are relative to ``exp(peak)``, so nothing overflows.
    """

    peak: Float[Tensor, " batch"]  # the highest score seen; -inf where nothing was
    mass: Float[Tensor, " batch"]
    total: Float[Tensor, "batch dim"]

    @property
    def log_mass(self) -> Float[Tensor, " batch"]:
        """log Σ exp(score) over everything seen; -inf where nothing was."""
        return self.peak + self.mass.log()

    @property
    def mean(self) -> Float[Tensor, "batch dim"]:
        """The softmax-weighted mean of the values; zero where nothing was seen."""
        return self.total / self.mass.clamp_min(torch.finfo(self.mass.dtype).tiny)[:, None]


def part(
    scores: Float[Tensor, "batch block"],
    values: Float[Tensor, "block dim"] | Float[Tensor, "batch block dim"],
) -> Part:
    """Fold one block: softmax numerators of ``scores``, summed and applied to ``values``.

    ``values`` may be shared by the batch or differ from row to row.

    >>> whole = part(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0], [3.0]]))
    >>> whole.mean
    tensor([[2.]])
    """
    peak = scores.amax(dim=-1)
    weights = (scores - _finite(peak)[:, None]).exp()
    total = weights @ values if values.ndim == 2 else (weights[:, None] @ values)[:, 0]
    return Part(peak, weights.sum(dim=-1), total)


def merge(a: Part, b: Part) -> Part:
    """Join two parts, as if their blocks had been one. Associative and commutative.

    >>> one = part(torch.tensor([[1.0]]), torch.tensor([[5.0]]))
    >>> two = part(torch.tensor([[1.0]]), torch.tensor([[7.0]]))
    >>> merge(one, two).mean
    tensor([[6.]])
    """
    peak = torch.maximum(a.peak, b.peak)
    reference = _finite(peak)
    scale_a, scale_b = (a.peak - reference).exp(), (b.peak - reference).exp()
    return Part(
        peak,
        a.mass * scale_a + b.mass * scale_b,
        a.total * scale_a[:, None] + b.total * scale_b[:, None],
    )


def _finite(peak: Float[Tensor, " batch"]) -> Float[Tensor, " batch"]:
    # where every score is -inf, subtracting the peak would make nan of it
    return torch.where(peak.isinf(), 0.0, peak)
