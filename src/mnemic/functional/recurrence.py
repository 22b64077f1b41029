"""A state that keeps a share of itself and takes something in: all its steps side by side.

h_t = keep_t h_{t-1} + add_t, feature by feature, is linear in h. So a long sequence can be cut into
pieces that run at the same time from zero, and what came before is added to each piece afterwards:
about 2√T steps, each over the whole batch, instead of T. Only products of ``keep`` are formed,
which for shares within 0..1 may vanish but never overflow.
"""

import itertools
import math
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor


def linear_recurrence_reference(
    keep: Float[Tensor, "batch time dim"],
    add: Float[Tensor, "batch time dim"],
    start: Float[Tensor, "batch dim"],
) -> Float[Tensor, "batch time dim"]:
    """h_t = keep_t h_{t-1} + add_t by its definition, one step after another."""
    states, state = [], start
    for share, taken in zip(keep.unbind(dim=1), add.unbind(dim=1), strict=True):
        state = share * state + taken
        states.append(state)
    return torch.stack(states, dim=1)


def linear_recurrence(
    keep: Float[Tensor, "batch time dim"],
    add: Float[Tensor, "batch time dim"],
    start: Float[Tensor, "batch dim"],
    *,
    from_end: bool = False,
) -> Float[Tensor, "batch time dim"]:
    """The same in about 2√T steps; ``from_end``: h_t = keep_t h_{t+1} + add_t.

    >>> half = torch.full((1, 4, 1), 0.5)
    >>> linear_recurrence(half, half, torch.zeros(1, 1)).flatten()
    tensor([0.5000, 0.7500, 0.8750, 0.9375])
    """
    return _Recurrence.apply(keep, add, start, from_end)


class _Recurrence(torch.autograd.Function):
    """Its gradient is the same recurrence, the other way through time."""

    @staticmethod
    def forward(ctx: Any, keep: Tensor, add: Tensor, start: Tensor, from_end: bool) -> Tensor:
        states = _in_pieces(keep, add, start, from_end)
        ctx.save_for_backward(keep, states, start)
        ctx.from_end = from_end
        return states

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        (to_states,) = grad_outputs
        keep, states, start = ctx.saved_tensors
        nothing = torch.zeros_like(start)
        # what reaches h_t: its own gradient, and of what reaches the state after it the share kept
        if ctx.from_end:
            kept_after = torch.cat([nothing[:, None], keep[:, :-1]], dim=1)
            befores = torch.cat([states[:, 1:], start[:, None]], dim=1)
        else:
            kept_after = torch.cat([keep[:, 1:], nothing[:, None]], dim=1)
            befores = torch.cat([start[:, None], states[:, :-1]], dim=1)
        to_add = linear_recurrence(kept_after, to_states, nothing, from_end=not ctx.from_end)
        first = -1 if ctx.from_end else 0
        return to_add * befores, to_add, to_add[:, first] * keep[:, first], None


def _in_pieces(keep: Tensor, add: Tensor, start: Tensor, from_end: bool) -> Tensor:
    batch, time, dim = add.shape
    length = _length(time)
    pieces = -(-time // length)
    missing = pieces * length - time
    if missing:  # steps that change nothing
        keep = torch.cat([keep, keep.new_ones(batch, missing, dim)], dim=1)
        add = torch.cat([add, add.new_zeros(batch, missing, dim)], dim=1)
    keep, add = (each.unflatten(1, (pieces, length)) for each in (keep, add))
    order, piece_order = list(range(length)), list(range(pieces))
    if from_end:
        order.reverse()
        piece_order.reverse()
    reach = torch.empty_like(keep)  # how much of what came before a piece is left at each step
    states = torch.empty_like(add)
    reach[:, :, order[0]], states[:, :, order[0]] = keep[:, :, order[0]], add[:, :, order[0]]
    for last, step in itertools.pairwise(order):
        here = keep[:, :, step]
        torch.mul(here, reach[:, :, last], out=reach[:, :, step])
        torch.addcmul(add[:, :, step], here, states[:, :, last], out=states[:, :, step])
    before = start
    for piece in piece_order:
        states[:, piece].addcmul_(reach[:, piece], before[:, None])
        before = states[:, piece, order[-1]]
    return states.flatten(1, 2)[:, :time]


def _length(time: int) -> int:
    """Of a piece: about √T, and a divisor of T if there is one near."""
    root = max(1, math.isqrt(time))
    near = (length for length in range(root, root // 2, -1) if time % length == 0)
    return next(near, root)
