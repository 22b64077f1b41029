"""Hopfield layers with one side learned: states that pool a set, patterns that are a memory."""

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from mnemic.errors import ConfigError, ShapeError
from mnemic.nn.hopfield import Associated, Hopfield
from mnemic.nn.settling import SeparationName


class HopfieldPooling(nn.Module):
    """Pools a set of any size: learned states retrieve from what the set holds.

    It can look for one member among many, which a mean dilutes by all the others.

    Args:
        dim: features of a state, and of the output.
        states: how many learned states pool the set, or the states to start from.
        rng: draws the first weights.

    The other arguments are those of ``Hopfield``.

    >>> rng = torch.Generator().manual_seed(0)
    >>> pool = HopfieldPooling(8, states=2, rng=rng)
    >>> pool(torch.ones(5, 20, 8)).shape
    torch.Size([5, 2, 8])
    """

    def __init__(
        self,
        dim: int,
        *,
        states: int | Float[Tensor, "states dim"] = 1,
        heads: int = 1,
        stored_dim: int | None = None,
        value_dim: int | None = None,
        head_dim: int | None = None,
        beta: float | Literal["learned"] | None = None,
        steps: int = 1,
        tolerance: float = 1e-4,
        separation: SeparationName = "softmax",
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        self.hopfield = Hopfield(
            dim,
            heads=heads,
            stored_dim=stored_dim,
            value_dim=value_dim,
            head_dim=head_dim,
            beta=beta,
            steps=steps,
            tolerance=tolerance,
            separation=separation,
            rng=rng,
        )
        self.states = _learned("states", states, dim, rng)

    def forward(
        self,
        stored: Float[Tensor, "batch stored stored_dim"],
        values: Float[Tensor, "values_batch stored_values value_dim"] | None = None,
        *,
        known: Bool[Tensor, "known_batch known"] | None = None,
    ) -> Float[Tensor, "batch states dim"]:
        """What the learned states retrieve from each set; zeros from an empty one.

        Args:
            stored: the members of each set, padded to the longest.
            values: what to retrieve for each of them; the members themselves unless given.
            known: True for a member, False for padding.

        Raises:
            ShapeError: the tensors do not fit the layer or each other.
        """
        return self.hopfield(self.states[None], stored, values, known=known)

    def associate(
        self,
        stored: Float[Tensor, "batch stored stored_dim"],
        values: Float[Tensor, "values_batch stored_values value_dim"] | None = None,
        *,
        known: Bool[Tensor, "known_batch known"] | None = None,
    ) -> Associated:
        """``forward`` with the weights: which members of the set each state retrieved."""
        return self.hopfield.associate(self.states[None], stored, values, known=known)


class HopfieldLayer(nn.Module):
    """A trainable memory: states retrieve from learned patterns.

    Args:
        dim: features of a state, and of the output.
        patterns: how many patterns to learn, or those to start from: prototypes, say, or a whole
            training set. ``layer.patterns.requires_grad_(False)`` keeps them as they are.
        stored_dim: features of a pattern; ``dim`` unless given.
        rng: draws the first weights.

    The other arguments are those of ``Hopfield``.

    >>> rng = torch.Generator().manual_seed(0)
    >>> layer = HopfieldLayer(8, patterns=100, rng=rng)
    >>> layer(torch.ones(5, 3, 8)).shape
    torch.Size([5, 3, 8])
    """

    def __init__(
        self,
        dim: int,
        *,
        patterns: int | Float[Tensor, "stored stored_dim"],
        heads: int = 1,
        stored_dim: int | None = None,
        head_dim: int | None = None,
        beta: float | Literal["learned"] | None = None,
        steps: int = 1,
        tolerance: float = 1e-4,
        separation: SeparationName = "softmax",
        rng: torch.Generator,
    ) -> None:
        super().__init__()
        self.hopfield = Hopfield(
            dim,
            heads=heads,
            stored_dim=stored_dim,
            head_dim=head_dim,
            beta=beta,
            steps=steps,
            tolerance=tolerance,
            separation=separation,
            rng=rng,
        )
        self.patterns = _learned("patterns", patterns, self.hopfield.stored_dim, rng)

    def forward(
        self, state: Float[Tensor, "batch states dim"]
    ) -> Float[Tensor, "batch states dim"]:
        """What each state retrieves from the learned patterns.

        Raises:
            ShapeError: the states do not have ``dim`` features.
        """
        return self.hopfield(state, self.patterns[None])

    def associate(self, state: Float[Tensor, "batch states dim"]) -> Associated:
        """``forward`` with the weights: which patterns each state retrieved."""
        return self.hopfield.associate(state, self.patterns[None])


def _learned(name: str, given: int | Tensor, dim: int, rng: torch.Generator) -> nn.Parameter:
    """Vectors of unit variance, or a copy of those given."""
    if isinstance(given, Tensor):
        if given.ndim != 2 or given.shape[1] != dim or not len(given):
            sizes = " × ".join(map(str, given.shape))
            raise ShapeError(f"{name} to start from must be count × {dim}, got {sizes}")
        return nn.Parameter(given.detach().clone(memory_format=torch.contiguous_format))
    if given < 1:
        raise ConfigError(f"{name} must be at least 1, or a tensor to start from; got {given}")
    return nn.Parameter(torch.randn(given, dim, generator=rng))
