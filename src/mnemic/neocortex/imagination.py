"""Imagination: walk the latent space and decode what lies there (Spens & Burgess 2022, fig. 6)."""

import torch
from jaxtyping import Float
from torch import Tensor

from mnemic.errors import ConfigError, EmptyMemoryError


def dreamt(count: int, latent_dim: int, *, rng: torch.Generator) -> Float[Tensor, "count latent"]:
    """Latents from the prior, a standard normal: things that never were.

    Raises:
        ConfigError: ``count`` is below 1.
    """
    if count < 1:
        raise ConfigError(f"count must be at least 1, got {count}")
    return torch.randn(count, latent_dim, generator=rng)


def resembling(
    latents: Float[Tensor, "known latent"], count: int, *, rng: torch.Generator
) -> Float[Tensor, "count latent"]:
    """New latents of the kind of some known ones: from the Gaussian that fits them.

    Each dimension varies on its own, which a prior that is independent asks for. One known latent
    has no spread, and is repeated.

    Raises:
        EmptyMemoryError: none is known.
        ConfigError: ``count`` is below 1.
    """
    if len(latents) == 0:
        raise EmptyMemoryError("nothing of this kind is stored to imagine more of")
    spread = latents.std(dim=0, correction=0)
    return latents.mean(dim=0) + spread * dreamt(count, latents.shape[-1], rng=rng)


def between(
    start: Float[Tensor, " latent"], end: Float[Tensor, " latent"], steps: int
) -> Float[Tensor, "steps latent"]:
    """Points on the line from one latent to another, both ends included.

    >>> between(torch.zeros(1), torch.ones(1), 3).flatten()
    tensor([0.0000, 0.5000, 1.0000])

    Raises:
        ConfigError: fewer than 2 steps.
    """
    if steps < 2:
        raise ConfigError(f"steps must be at least 2, the two ends, got {steps}")
    way = torch.linspace(0, 1, steps, dtype=start.dtype, device=start.device)[:, None]
    return (1 - way) * start + way * end


def analogous(
    like: Float[Tensor, " latent"],
    plus: Float[Tensor, " latent"],
    minus: Float[Tensor, " latent"],
) -> Float[Tensor, " latent"]:
    """Vector arithmetic: ``like``, changed as ``plus`` differs from ``minus``."""
    return like + plus - minus
