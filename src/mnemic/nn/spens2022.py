"""The published student, layer by layer, with the defaults it took from Keras."""

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mnemic.errors import ConfigError
from mnemic.nn.autoencoder import Autoencoder, Coded, at_least_single
from mnemic.nn.layers import convolution, dense, leaky
from mnemic.nn.upsampling import UpsampledConvolution

PUBLISHED_GRID = (64, 64, 3)
FIRST_FILTERS = 32
DECODED_CHANNELS = 256


class Spens2022Autoencoder(Autoencoder):
    """The convolutional variational autoencoder of Spens & Burgess (2022), and its family.

    Encoder: valid 4×4 convolutions of stride 2 with 32, 64, 128 … filters, as many as fit, each
    with batch normalisation and a leaky rectifier; their mean over the picture; dense mean and
    log-variance. Decoder: dense to 4×4×256; then nearest upsampling and 3×3 convolutions with
    128, 64, 32 … filters, the last with as many as the picture has channels, and a sigmoid.

    At 64×64×3 (20 latents, a fifth of the input dropped) and 128×128 (10 latents) this is what
    was published; other powers of two follow the same rule. Sides such as 28 = 7·2² are ours, in
    its spirit: they decode from 7×7×256.
    """

    def __init__(
        self,
        grid: tuple[int, int, int],
        latent_dim: int | None = None,
        *,
        rng: torch.Generator,
    ) -> None:
        published = grid == PUBLISHED_GRID
        latent_dim = (20 if published else 10) if latent_dim is None else latent_dim
        super().__init__(grid, latent_dim, dropout=0.2 if published else 0.0)
        side, channels = _side(grid), grid[2]

        layers: list[nn.Module] = []
        filters, reached, width = FIRST_FILTERS, channels, side
        while width >= 4:
            layers += [
                convolution(reached, filters, size=4, stride=2, padding=0, rng=rng),
                _normalisation(filters),
                leaky(),
            ]
            reached, filters, width = filters, 2 * filters, (width - 4) // 2 + 1
        self.encoder = nn.Sequential(*layers)
        self.mean = dense(reached, latent_dim, rng=rng)
        self.log_variance = dense(reached, latent_dim, rng=rng)

        doublings = _doublings(side)
        self.start = side >> doublings
        self.expand = dense(latent_dim, DECODED_CHANNELS * self.start**2, rng=rng)
        layers, reached = [], DECODED_CHANNELS
        for doubling in range(1, doublings):
            filters = max(DECODED_CHANNELS >> doubling, 1)
            layers += [
                UpsampledConvolution(reached, filters, rng=rng),
                _normalisation(filters),
                leaky(),
            ]
            reached = filters
        self.decoder = nn.Sequential(*layers, UpsampledConvolution(reached, channels, rng=rng))

    def encode(self, pictures: Float[Tensor, "batch channels height width"]) -> Coded:
        """The Gaussian each picture is coded as."""
        pooled = self.encoder(pictures).mean(dim=(-2, -1))
        return Coded(at_least_single(self.mean(pooled)), at_least_single(self.log_variance(pooled)))

    def decode(
        self, latents: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The picture each latent stands for."""
        # Keras lays pixels out channels last; so does the fast memory format
        start = self.expand(latents).unflatten(-1, (self.start, self.start, -1))
        return at_least_single(self.decoder(start.permute(0, 3, 1, 2))).sigmoid()


def _normalisation(channels: int) -> nn.BatchNorm2d:
    # Keras keeps .99 of the running value where torch replaces .1 of it
    return nn.BatchNorm2d(channels, eps=1e-3, momentum=0.01)


def _doublings(side: int) -> int:
    """How often a side can be halved before it is odd or below 8."""
    count = 0
    while side >= 8 and side % 2 == 0:
        side, count = side // 2, count + 1
    return count


def _side(grid: tuple[int, int, int]) -> int:
    height, width, _ = grid
    start = height >> _doublings(height)
    if height != width or height < 16 or not 4 <= start <= 7:
        raise ConfigError(
            f"the published student takes square pictures of 16, 32, 64 … pixels, or 4 to 7 times "
            f"a power of two (such as 28), not {height} by {width}; use kind='mnemic'"
        )
    return height
