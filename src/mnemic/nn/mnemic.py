"""Our own student: colours pass straight through, and nothing depends on the batch."""

from itertools import pairwise

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate, pad

from mnemic.nn.autoencoder import Autoencoder, Coded, at_least_single
from mnemic.nn.layers import convolution, dense, keep_variance
from mnemic.nn.upsampling import UpsampledConvolution

LATENTS = 20
ENCODED = (32, 64, 128, 128)
"""Channels from the largest picture down; beyond these the last is used again."""
DECODED = (48, 96, 200, 200)
"""Channels from the largest picture down, likewise."""


class MnemicAutoencoder(Autoencoder):
    """A convolutional variational autoencoder of pictures of any size from 8 by 8.

    It differs from the published one in three things, each of which a night of few pictures
    rewards:

    - Places are kept. The latent is read from every place of the smallest features, not from
      their mean, so it knows where things are and which way they point.
    - Colours pass straight through. Each level of the encoder also sees the picture itself at its
      size, and each level of the decoder adds a picture of its own to the coarser one (a pyramid:
      Burt & Adelson 1983; as generators use it, Karras et al. 2020): large surfaces are learned
      in the first steps, details later.
    - No batch normalisation. It tells a picture about its batch neighbours, and the noise of a
      batch hides what a picture's own colours are; weights that keep the variance (He et al.
      2015), a smooth rectifier and a bound on the gradient's length do its work.

    A picture whose sides do not halve evenly is padded, and its reconstruction cut to size.
    """

    def __init__(
        self,
        grid: tuple[int, int, int],
        latent_dim: int | None = None,
        *,
        rng: torch.Generator,
    ) -> None:
        latent_dim = LATENTS if latent_dim is None else latent_dim
        super().__init__(grid, latent_dim)
        height, width, channels = grid
        levels = (min(height, width) // 4).bit_length() - 1
        self.start = -(-height >> levels), -(-width >> levels)
        area = self.start[0] * self.start[1]

        encoded = [ENCODED[min(level, len(ENCODED) - 1)] for level in range(levels)]
        self.encoder = nn.ModuleList(
            nn.Sequential(_halving(before + channels, after, rng), nn.SiLU())
            for before, after in pairwise([0, *encoded])
        )
        self.mean = dense((encoded[-1] + channels) * area, latent_dim, rng=rng)
        self.log_variance = dense((encoded[-1] + channels) * area, latent_dim, rng=rng)

        decoded = [DECODED[min(level, len(DECODED) - 1)] for level in reversed(range(levels))]
        self.expand = dense(latent_dim, decoded[0] * area, rng=rng)
        self.coarsest = dense(latent_dim, channels * area, rng=rng)
        self.decoder = nn.ModuleList(
            nn.Sequential(_doubling(before, after, rng), nn.SiLU())
            for before, after in pairwise(decoded)
        )
        self.shown = nn.ModuleList(
            convolution(each, channels, size=1, stride=1, padding=0, rng=rng)
            for each in decoded[1:]
        )
        self.finest = _doubling(decoded[-1], channels, rng)

    def encode(self, pictures: Float[Tensor, "batch channels height width"]) -> Coded:
        """The Gaussian each picture is coded as."""
        height, width, _ = self.grid
        levels = len(self.encoder)
        below = (self.start[0] << levels) - height
        right = (self.start[1] << levels) - width
        seen = features = pad(pictures, (0, right, 0, below)) if below or right else pictures
        for level in self.encoder:
            seen = avg_pool2d(seen, 2)
            features = torch.cat([level(features), seen], dim=1)
        places = rearrange(features, "b c h w -> b (h w c)")
        return Coded(at_least_single(self.mean(places)), at_least_single(self.log_variance(places)))

    def decode(
        self, latents: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The picture each latent stands for."""
        height, width, _ = self.grid
        features = self._laid_out(self.expand(latents))
        shown = self._laid_out(self.coarsest(latents))
        for level, show in zip(self.decoder, self.shown, strict=True):
            features = level(features)
            shown = interpolate(shown, scale_factor=2, mode="nearest") + show(features)
        shown = interpolate(shown, scale_factor=2, mode="nearest") + self.finest(features)
        return at_least_single(shown[..., :height, :width]).sigmoid()

    def _laid_out(self, values: Tensor) -> Tensor:
        h, w = self.start
        return rearrange(values, "b (h w c) -> b c h w", h=h, w=w)


def _halving(channels: int, filters: int, rng: torch.Generator) -> nn.Conv2d:
    layer = convolution(channels, filters, size=4, stride=2, padding=1, rng=rng)
    keep_variance(layer.weight, rng=rng)
    return layer


def _doubling(channels: int, filters: int, rng: torch.Generator) -> UpsampledConvolution:
    layer = UpsampledConvolution(channels, filters, rng=rng)
    keep_variance(layer.weight, rng=rng)
    return layer
