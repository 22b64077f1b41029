"""Seeing the whole in a part: what is unknown is imagined until it agrees with what is known."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MIDDLE = 0.5  # a feature nothing is known of, before the first guess


@runtime_checkable
class Coder(Protocol):
    """What completion needs of a student."""

    def encode(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch latent"]:
        """Features to latents."""
        ...

    def decode(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch dim"]:
        """Latents to features."""
        ...


def complete(
    student: Coder,
    features: Float[Tensor, "batch dim"],
    known: Bool[Tensor, "batch dim"],
    steps: int = 8,
) -> Float[Tensor, "batch dim"]:
    """The student's picture of the whole, of which only a part is known.

    Each step fills what is unknown with the last reconstruction and reconstructs again: a chain
    of pseudo-Gibbs imputation without its noise (Rezende, Mohamed & Wierstra 2014, appendix F).
    Every feature returned is the student's, the known ones too; ``torch.where(known, features,
    …)`` keeps those. What the unknown features hold does not matter.
    """
    guess = _mean_of_known(features, known)
    for _ in range(steps):
        guess = student.decode(student.encode(torch.where(known, features, guess)))
    return guess


def _mean_of_known(
    features: Float[Tensor, "batch dim"], known: Bool[Tensor, "batch dim"]
) -> Float[Tensor, "batch dim"]:
    """The mean of what a picture shows, everywhere; the middle where it shows nothing."""
    count = known.sum(dim=-1, keepdim=True)
    total = torch.where(known, features, 0.0).sum(dim=-1, keepdim=True)
    mean = torch.where(count > 0, total / count.clamp_min(1), MIDDLE)
    return mean.expand_as(features)
