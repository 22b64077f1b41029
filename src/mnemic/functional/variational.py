"""The variational autoencoder's equations: what coding costs, how to sample, what is missed.

Source: Kingma & Welling 2014, *Auto-encoding variational Bayes*; the sums and means over pixels
are those of Spens & Burgess (2022, their code).
"""

from collections.abc import Callable
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Loss = Literal["l1", "l2", "bce"]


def kl_from_standard_normal(
    mean: Float[Tensor, "batch latent"], log_variance: Float[Tensor, "batch latent"]
) -> Float[Tensor, " batch"]:
    """KL(N(mean, variance) ‖ N(0, 1)) of each row, in nats.

    ½ Σ (mean² + variance - 1 - log variance).

    >>> kl_from_standard_normal(torch.tensor([[0.0, 2.0]]), torch.zeros(1, 2))
    tensor([2.])
    """
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(dim=-1)


def reparameterise(
    mean: Float[Tensor, "batch latent"],
    log_variance: Float[Tensor, "batch latent"],
    *,
    rng: torch.Generator,
) -> Float[Tensor, "batch latent"]:
    """Draw from N(mean, variance) so that gradients reach both: mean + √variance · noise."""
    noise = torch.randn(mean.shape, generator=rng, dtype=mean.dtype, device=mean.device)
    return mean + (0.5 * log_variance).exp() * noise


def absolute_error(
    reconstruction: Float[Tensor, "*any"], features: Float[Tensor, "*any"]
) -> Float[Tensor, "*any"]:
    """|reconstruction - feature|."""
    return (reconstruction - features).abs()


def squared_error(
    reconstruction: Float[Tensor, "*any"], features: Float[Tensor, "*any"]
) -> Float[Tensor, "*any"]:
    """(reconstruction - feature)²."""
    return (reconstruction - features).square()


def cross_entropy(
    reconstruction: Float[Tensor, "*any"], features: Float[Tensor, "*any"]
) -> Float[Tensor, "*any"]:
    """-f log r - (1 - f) log(1 - r), features in 0..1; logarithms stop at -100: 0 is finite.

    Settling may leave a feature a rounding outside, which counts as the end it is at.
    """
    within = features.clamp(0.0, 1.0)
    return torch.nn.functional.binary_cross_entropy(reconstruction, within, reduction="none")


ERRORS: dict[Loss, Callable[[Tensor, Tensor], Tensor]] = {
    "l1": absolute_error,
    "l2": squared_error,
    "bce": cross_entropy,
}


def reconstruction_loss(
    reconstruction: Float[Tensor, "batch dim"],
    features: Float[Tensor, "batch dim"],
    known: Bool[Tensor, "batch dim"] | None = None,
    *,
    channels: int,
    loss: Loss = "l1",
) -> Float[Tensor, " batch"]:
    """What each row of a picture is missed by: summed over pixels, mean over channels.

    Unknown features cost nothing, whatever they hold: the likelihood is that of what was seen.

    >>> grey = torch.full((1, 4), 0.5)
    >>> reconstruction_loss(grey, torch.ones(1, 4), channels=1)
    tensor([2.])
    """
    if known is not None:
        features = torch.where(known, features, 0.0)
    errors = ERRORS[loss](reconstruction, features)
    if known is not None:
        errors = torch.where(known, errors, 0.0)
    return errors.sum(dim=-1) / channels
