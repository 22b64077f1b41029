"""Layers whose first weights come from a generator that is handed in.

``torch.nn`` draws them from the global generator; here nothing does.
"""

from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils import skip_init

SLOPE = 0.3
"""Of the leaky rectifier below zero: the default of Keras."""


def convolution(
    channels: int, filters: int, *, size: int, stride: int, padding: int, rng: torch.Generator
) -> nn.Conv2d:
    """A convolution with Glorot weights and a zero bias."""
    layer = skip_init(nn.Conv2d, channels, filters, size, stride, padding)
    _glorot(layer, rng)
    return cast(nn.Conv2d, layer)


def dense(features: int, units: int, *, rng: torch.Generator) -> nn.Linear:
    """A dense layer with Glorot weights and a zero bias."""
    layer = skip_init(nn.Linear, features, units)
    _glorot(layer, rng)
    return cast(nn.Linear, layer)


def keep_variance(weight: Tensor, *, rng: torch.Generator) -> None:
    """Draw weights so that outputs behind a rectifier vary as inputs do (He et al. 2015)."""
    nn.init.kaiming_normal_(weight, SLOPE, generator=rng)


def leaky() -> nn.LeakyReLU:
    """The published rectifier; it overwrites its input, which nothing else reads."""
    return nn.LeakyReLU(SLOPE, inplace=True)


def drop(
    pictures: Float[Tensor, "batch channels height width"], share: float, *, rng: torch.Generator
) -> Float[Tensor, "batch channels height width"]:
    """Blank a random share of the features and scale up the others, so that the mean stays."""
    if share == 0:
        return pictures
    batch, channels, height, width = pictures.shape
    # drawn channels last, whatever the layout, so that a faster one changes no result
    noise = _sixteen_bits(batch * height * width * channels, rng=rng)
    noise = noise.view(batch, height, width, channels).permute(0, 3, 1, 2)
    kept = noise >= round(share * 2**16) - 2**15
    return pictures * kept.to(pictures.dtype).div_(1 - share)


def _sixteen_bits(count: int, *, rng: torch.Generator) -> Tensor:
    """Random numbers in -2¹⁵ … 2¹⁵ - 1, four of each one drawn: a generator is slow at drawing."""
    drawn = torch.empty(-(-count // 4), dtype=torch.int64)
    # from the lowest of all, as the default draws no negative ones
    return drawn.random_(-(2**63), None, generator=rng).view(torch.int16)[:count]


def _glorot(layer: nn.Module, rng: torch.Generator) -> None:
    for name, parameter in layer.named_parameters():
        if name == "weight":
            nn.init.xavier_uniform_(parameter, generator=rng)
        else:
            nn.init.zeros_(parameter)
