"""Seeing the whole in a part: the latent that explains what is known also says what is not."""

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

MIDDLE = 0.5  # a feature nothing is known of, before the first guess
GUESSES = 8  # imputations that find a place to start from
STEPS = 150
RATE = 0.1
PRIOR = 1.0  # what a nat of the latent costs beside the reconstruction loss


@runtime_checkable
class Coder(Protocol):
    """What completion needs of a student."""

    @property
    def grid(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        ...

    def encode(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch latent"]:
        """Features to latents."""
        ...

    def decode(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch dim"]:
        """Latents to features."""
        ...

    def rendered(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch dim"]:
        """``decode`` that gradients pass through."""
        ...


def explain(
    student: Coder,
    features: Float[Tensor, "batch dim"],
    known: Bool[Tensor, "batch dim"],
    steps: int = STEPS,
) -> Float[Tensor, "batch latent"]:
    """The most probable latent, given what is known and the student's prior.

    Minimises Σ over known |feature - decoded| / channels + ½|latent|², which is what training
    minimised over whole pictures, by ``steps`` of Adam. It starts from a chain of imputations
    (see ``impute``), which alone stays near its first guess. What the unknown features hold does
    not matter.
    """
    seen = torch.where(known, features, 0.0)
    latents = impute(student, seen, known).requires_grad_()
    optimiser = torch.optim.Adam([latents], lr=RATE)
    channels = student.grid[-1]
    for step in range(steps):
        optimiser.param_groups[0]["lr"] = RATE * (1 - step / steps)  # to rest in a kink
        with torch.enable_grad():
            missed = (student.rendered(latents) - seen).abs() * known
            cost = missed.sum() / channels + PRIOR * 0.5 * latents.square().sum()
        (latents.grad,) = torch.autograd.grad(cost, [latents])
        optimiser.step()
    return latents.detach()


def impute(
    student: Coder,
    features: Float[Tensor, "batch dim"],
    known: Bool[Tensor, "batch dim"],
    guesses: int = GUESSES,
) -> Float[Tensor, "batch latent"]:
    """A latent of what is partly known, quickly.

    What is unknown is filled with the last reconstruction and reconstructed again: pseudo-Gibbs
    without noise (Rezende, Mohamed & Wierstra 2014, appendix F).
    """
    seen = torch.where(known, features, 0.0)
    guess = _mean_of_known(seen, known)
    for _ in range(guesses):
        guess = student.decode(student.encode(torch.where(known, seen, guess)))
    return student.encode(torch.where(known, seen, guess))


def complete(
    student: Coder,
    features: Float[Tensor, "batch dim"],
    known: Bool[Tensor, "batch dim"],
    steps: int = STEPS,
) -> Float[Tensor, "batch dim"]:
    """The student's picture of the whole, of which only a part is known.

    Every feature returned is the student's, the known ones too; ``torch.where(known, features,
    …)`` keeps those.
    """
    return student.decode(explain(student, features, known, steps))


def _mean_of_known(
    features: Float[Tensor, "batch dim"], known: Bool[Tensor, "batch dim"]
) -> Float[Tensor, "batch dim"]:
    """The mean of what a picture shows, everywhere; the middle where it shows nothing."""
    count = known.sum(dim=-1, keepdim=True)
    total = torch.where(known, features, 0.0).sum(dim=-1, keepdim=True)
    mean = torch.where(count > 0, total / count.clamp_min(1), MIDDLE)
    return mean.expand_as(features)
