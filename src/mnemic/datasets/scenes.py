"""3D Shapes, rendered: 480,000 pictures from 480 geometries and thirty colours.

The factors and their sizes are those of Burgess and Kim 2018, *3D Shapes Dataset*; the pictures
are our own rendering, not copies of theirs.
"""

import colorsys
import math
from functools import lru_cache

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from numpy.typing import ArrayLike
from torch import Tensor

from mnemic.datasets.camera import check_resolution
from mnemic.datasets.results import Scenes
from mnemic.datasets.room import SHAPES, colour_weights
from mnemic.errors import ConfigError, ShapeError
from mnemic.randomness import generator

NAMES = ("floor hue", "wall hue", "object hue", "scale", "shape", "orientation")
SIZES = (10, 10, 10, 8, 4, 15)
LUMA = (0.299, 0.587, 0.114)
"""Grey from red, green and blue (ITU-R BT.601)."""
PALETTE = torch.tensor([colorsys.hsv_to_rgb(hue / 10, 1.0, 1.0) for hue in range(10)])


def shapes3d(
    count: int | None = None,
    *,
    factors: ArrayLike | None = None,
    seed: int = 0,
    grey: bool = False,
    resolution: int = 64,
) -> Scenes:
    """Pictures of a coloured object in a coloured room, labelled with all six factors.

    Give either ``count``, to draw that many different scenes of the 480,000 with ``seed``, or
    ``factors``, whole numbers of shape (count, 6) in the order of ``NAMES`` and below ``SIZES``.
    Pictures are ``resolution`` pixels square with three channels, or none if ``grey``.
    The same arguments give the same pictures, and a smaller ``count`` gives the first of them.

    A geometry is cast when first asked for (a few milliseconds at 64 pixels) and kept for the
    rest of the process (all 480 at 64 pixels: 31 MB); after that a picture is one product of its
    pixels' four weights with a 4×3 matrix of colours.

    Raises ``ConfigError`` if a number is out of range and ``ShapeError`` if ``factors`` does not
    have six columns.

    >>> shapes3d(factors=[[0, 6, 3, 7, 2, 14]]).images.shape
    (1, 64, 64, 3)
    """
    if (count is None) == (factors is None):
        raise ConfigError("give either count= or factors=, and not both")
    check_resolution(resolution)
    chosen = draw_factors(count, seed) if count is not None else _checked(factors)
    shape = (len(chosen), resolution, resolution) + (() if grey else (3,))
    images = np.empty(shape, dtype=np.uint8)
    for image, row in zip(images, chosen.tolist(), strict=True):
        image[...] = _picture(row, grey, resolution).numpy()
    return Scenes(images, chosen, NAMES, SIZES)


def draw_factors(count: int, seed: int) -> Int64[np.ndarray, "count 6"]:
    """Factors of ``count`` different scenes, each equally likely.

    Raises ``ConfigError`` if there are not so many.
    """
    total = math.prod(SIZES)
    if not 0 <= count <= total:
        raise ConfigError(f"count must be 0 to {total}, the number of scenes, got {count}")
    scenes = torch.randperm(total, generator=generator(seed, "shapes3d"))[:count]
    return np.stack(np.unravel_index(scenes.numpy(), SIZES), axis=-1).astype(np.int64)


def _checked(factors: ArrayLike | None) -> Int64[np.ndarray, "count 6"]:
    given = np.asarray(factors)
    if given.ndim != 2 or given.shape[1] != len(SIZES):
        raise ShapeError(f"factors must have the shape (count, 6), got {given.shape}")
    if not np.issubdtype(given.dtype, np.integer):
        raise ConfigError(f"factors must be whole numbers, got {given.dtype}")
    for column, name, size in zip(given.T, NAMES, SIZES, strict=True):
        if wrong := column[(column < 0) | (column >= size)].tolist():
            raise ConfigError(f"{name} must be 0 to {size - 1}, got {wrong[0]}")
    return given.astype(np.int64)


def _picture(row: list[int], grey: bool, resolution: int) -> UInt8[Tensor, "height width *rgb"]:
    *hues, scale, shape, orientation = row
    colours = torch.cat([PALETTE[hues], torch.ones(1, 3)])
    weights = _weights(scale, shape, orientation, resolution)
    image = (weights @ colours).clamp(max=1)
    if grey:
        image = image @ torch.tensor(LUMA)
    return (255 * image).round().to(torch.uint8)


@lru_cache(maxsize=math.prod(SIZES[3:]))
def _weights(
    scale: int, shape: int, orientation: int, resolution: int
) -> Float[Tensor, "height width 4"]:
    size = 0.75 + 0.5 * scale / (SIZES[3] - 1)
    degrees = -30 + 60 * orientation / (SIZES[5] - 1)
    return colour_weights(size, SHAPES[shape], degrees, resolution)
