"""What every variational autoencoder here does: picture → Gaussian → latent → picture."""

from abc import abstractmethod
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemic.functional.variational import reparameterise
from mnemic.nn.layers import drop


class Coded(NamedTuple):
    """A Gaussian over latents for each picture."""

    mean: Float[Tensor, "batch latent"]
    log_variance: Float[Tensor, "batch latent"]


class Reconstructed(NamedTuple):
    """What came back through a sampled latent, and the Gaussian it was drawn from."""

    pictures: Float[Tensor, "batch channels height width"]
    coded: Coded


class Autoencoder(nn.Module):
    """A variational autoencoder of pictures in 0..1.

    ``grid`` is (height, width, channels). While training, ``dropout`` blanks that share of the
    input; encoding alone never does.
    """

    def __init__(
        self, grid: tuple[int, int, int], latent_dim: int, *, dropout: float = 0.0
    ) -> None:
        super().__init__()
        self.grid = grid
        self.latent_dim = latent_dim
        self.dropout = dropout

    @abstractmethod
    def encode(self, pictures: Float[Tensor, "batch channels height width"]) -> Coded:
        """The Gaussian each picture is coded as, in single precision or better."""

    @abstractmethod
    def decode(
        self, latents: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The picture each latent stands for, in single precision or better."""

    def forward(
        self, pictures: Float[Tensor, "batch channels height width"], *, rng: torch.Generator
    ) -> Reconstructed:
        """Encode, draw a latent, decode: one look of training."""
        seen = drop(pictures, self.dropout, rng=rng) if self.training else pictures
        coded = self.encode(seen)
        return Reconstructed(self.decode(reparameterise(*coded, rng=rng)), coded)


def at_least_single(values: Tensor) -> Tensor:
    """Out of a reduced precision, where exponentials and sums of thousands would lose digits."""
    return values.float() if values.dtype in (torch.bfloat16, torch.float16) else values
