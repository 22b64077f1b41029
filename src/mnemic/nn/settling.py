"""Association as an equation: each state settles among keys, then reads their values.

This is the modern Hopfield network in the space its layers project to; one step is attention.
"""

import math
from collections.abc import Callable, Mapping
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from mnemic.functional.separation import entmax15, softmax, sparsemax
from mnemic.nn.autoencoder import at_least_single

SeparationName = Literal["softmax", "sparsemax", "entmax15"]

SEPARATIONS: Mapping[str, Callable[[Tensor, Tensor | None], Tensor]] = {
    "softmax": softmax().weights,
    "sparsemax": sparsemax().weights,
    "entmax15": entmax15().weights,
}
"""How scores become weights that sum to 1, by name."""


class Read(NamedTuple):
    """What each state read, by which weights, in how many steps; the reading is the last one."""

    values: Float[Tensor, "batch heads states value_dim"]
    weights: Float[Tensor, "batch heads states stored"]
    steps: Int[Tensor, "batch heads states"]


def read(
    state: Float[Tensor, "batch heads states dim"],
    keys: Float[Tensor, "batch heads stored dim"],
    values: Float[Tensor, "batch heads stored value_dim"],
    allowed: Bool[Tensor, "#batch 1 #states stored"] | None = None,
    *,
    beta: Float[Tensor, "#heads 1 1"] | float | None = None,
    steps: int = 1,
    tolerance: float = 1e-4,
    separation: SeparationName = "softmax",
) -> Read:
    """Settle each state among the keys, then read the values where it came to rest.

    Up to ``steps - 1`` moves ``ξ ← K sep(β Kᵀξ)``, then one reading ``V sep(β Kᵀξ)``
    (Ramsauer et al. 2020, eq. 3 and 10), with β = 1/√dim unless given. A state that moved no
    further than ``tolerance`` stays put. ``allowed`` is True where a key may take part. A state
    that none may take part for reads zeros, by weights of zero, in no step.

    >>> eye = torch.eye(3)[None, None]
    >>> read(torch.tensor([[[[0.9, 0.1, 0.0]]]]), eye, eye, beta=20.0, steps=3).values.round()
    tensor([[[[1., 0., 0.]]]])
    """
    scale = keys.shape[-1] ** -0.5 if beta is None else beta
    separate = SEPARATIONS[separation]
    some, allowed = _somewhere(allowed)

    def weigh(state: Tensor) -> Tensor:
        scores = at_least_single(scale * state @ keys.mT)
        if keys.shape[-2] == 0:
            return scores.to(keys.dtype)
        if allowed is not None:
            scores = scores.masked_fill(~allowed, -math.inf)
        return separate(scores, None).to(keys.dtype)

    state, moves = _settle(
        state, lambda state: weigh(state) @ keys, moves=steps - 1, tolerance=tolerance
    )
    weights, made = weigh(state), moves + 1
    if some is not None:
        weights, made = torch.where(some, weights, 0.0), torch.where(some[..., 0], made, 0)
    return Read(weights @ values, weights, made)


def read_values(
    state: Float[Tensor, "batch heads states dim"],
    keys: Float[Tensor, "batch heads stored dim"],
    values: Float[Tensor, "batch heads stored value_dim"],
    allowed: Bool[Tensor, "#batch 1 #states stored"] | None = None,
    *,
    beta: Float[Tensor, "#heads 1 1"] | float | None = None,
    steps: int = 1,
    tolerance: float = 1e-4,
) -> Float[Tensor, "batch heads states value_dim"]:
    """The values of ``read`` by softmax, without ever holding the weights: faster, and smaller."""
    scale = keys.shape[-1] ** -0.5 if beta is None else beta
    some, allowed = _somewhere(allowed)

    def look(state: Tensor, at: Tensor) -> Tensor:
        return scaled_dot_product_attention(scale * state, keys, at, attn_mask=allowed, scale=1.0)

    state, _ = _settle(state, lambda state: look(state, keys), moves=steps - 1, tolerance=tolerance)
    found = look(state, values)
    return found if some is None else torch.where(some, found, 0.0)


def _somewhere(
    allowed: Bool[Tensor, "#batch 1 #states stored"] | None,
) -> tuple[
    Bool[Tensor, "#batch 1 #states 1"] | None, Bool[Tensor, "#batch 1 #states stored"] | None
]:
    """Where any key may take part; and the mask with the other rows opened, lest they give nan."""
    if allowed is None:
        return None, None
    some = allowed.any(dim=-1, keepdim=True)
    return some, allowed | ~some


def _settle(
    state: Float[Tensor, "batch heads states dim"],
    move: Callable[[Tensor], Tensor],
    *,
    moves: int,
    tolerance: float,
) -> tuple[Float[Tensor, "batch heads states dim"], Int[Tensor, "batch heads states"]]:
    """Move every state that has not come to rest; also how often each one moved.

    All ``moves`` are computed: stopping early would ask for a value in the middle of a graph,
    which neither ``torch.export`` nor an accelerator's queue can answer.
    """
    moving = torch.ones(state.shape[:-1], dtype=torch.bool, device=state.device)
    made = torch.zeros_like(moving, dtype=torch.long)
    for _ in range(moves):
        # a settled row stays put, so no row depends on its batch neighbours
        updated = torch.where(moving[..., None], move(state), state)
        made = made + moving
        distance = at_least_single((updated - state).detach()).norm(dim=-1)
        moving = moving & (distance > tolerance)
        state = updated
    return state, made
