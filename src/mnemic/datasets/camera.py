"""A pinhole camera: the rays through every pixel, several to a pixel, and their average."""

import math

import torch
from einops import rearrange, reduce
from jaxtyping import Float
from torch import Tensor

from mnemic.errors import ConfigError

RAYS_A_SIDE = 2
"""Each pixel is the mean of 2×2 rays, so edges are smooth."""


def check_resolution(resolution: int) -> None:
    """Raise ``ConfigError`` for a picture without a pixel."""
    if resolution < 1:
        raise ConfigError(f"resolution must be at least 1 pixel, got {resolution}")


def pixel_rays(resolution: int, field_of_view: float) -> Float[Tensor, "rays 3"]:
    """Unit directions through a square picture, row by row from the top left.

    The camera looks along −z with x to the right and y up; ``field_of_view`` is the full angle in
    degrees. There are ``(resolution * RAYS_A_SIDE)²`` rays.
    """
    side = resolution * RAYS_A_SIDE
    offset = ((torch.arange(side) + 0.5) / side * 2 - 1) * math.tan(math.radians(field_of_view) / 2)
    y, x = torch.meshgrid(-offset, offset, indexing="ij")
    rays = torch.stack([x, y, -torch.ones_like(x)], dim=-1)
    return unit(rearrange(rays, "rows columns xyz -> (rows columns) xyz"))


def pixels(
    rays: Float[Tensor, "rays channels"], resolution: int
) -> Float[Tensor, "height width channels"]:
    """Average what the rays of each pixel saw."""
    return reduce(
        rays,
        "(height down width across) channels -> height width channels",
        "mean",
        height=resolution,
        width=resolution,
        down=RAYS_A_SIDE,
    )


def looking_at(eye: Float[Tensor, " 3"], target: Float[Tensor, " 3"]) -> Float[Tensor, "3 3"]:
    """Axes of a camera at ``eye`` as rows: right, up and backwards, with z up in the world."""
    backward = unit(eye - target)
    right = unit(torch.linalg.cross(torch.tensor([0.0, 0.0, 1.0]), backward))
    return torch.stack([right, torch.linalg.cross(backward, right), backward])


def unit(vectors: Float[Tensor, "*batch 3"]) -> Float[Tensor, "*batch 3"]:
    """The same directions with length one."""
    return torch.nn.functional.normalize(vectors, dim=-1)
