"""Symmetric solids, rendered: five that look the same from several sides, three that are marked.

The classes are those of Murphy et al. 2021, *Implicit-PDF: Non-parametric representation of
probability distributions on the rotation manifold* (SYMSOL I and II); the pictures are our own.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from torch import Tensor

from mnemic.datasets.camera import check_resolution, pixel_rays, pixels, unit
from mnemic.datasets.raycast import Hit, cone, cylinder, polyhedron, sphere
from mnemic.datasets.results import Solids
from mnemic.errors import ConfigError
from mnemic.randomness import generator

SOLIDS = ("tetrahedron", "cube", "icosahedron", "cone", "cylinder", "tetX", "cylO", "sphereX")

EYE_DISTANCE = 3.6
FIELD_OF_VIEW = 35.0
"""The unit sphere just fits, and each solid fits into the unit sphere."""
LIGHT = unit(torch.tensor([0.5, 0.7, 0.9]))
AMBIENT = 0.25
WHITE = torch.tensor([0.85, 0.85, 0.85])
RED = torch.tensor([0.85, 0.12, 0.1])

GOLDEN = (1 + math.sqrt(5)) / 2
TETRAHEDRON = unit(torch.tensor([[-1.0, -1, -1], [-1, 1, 1], [1, -1, 1], [1, 1, -1]]))
CUBE = torch.cat([torch.eye(3), -torch.eye(3)])
ICOSAHEDRON = unit(
    torch.tensor(
        [[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]
        + [
            corner
            for a in (-1 / GOLDEN, 1 / GOLDEN)
            for b in (-GOLDEN, GOLDEN)
            for corner in ([0, a, b], [a, b, 0], [b, 0, a])
        ]
    )
)
"""Outward normals of the faces: of an icosahedron, the corners of a dodecahedron."""
ICOSAHEDRON_OFFSET = math.sqrt((5 + 2 * math.sqrt(5)) / 15)
"""From the centre to a face, if the corners lie on the unit sphere."""

DOT_ON_CYLINDER = (0.55, 0.0, 0.3)
DOT_ON_SPHERE = (0.6, 0.8, 0.0)
DOT_RADIUS = 0.16


def symmetric_solids(
    count: int,
    *,
    solids: Sequence[str] = SOLIDS,
    seed: int = 0,
    resolution: int = 64,
) -> Solids:
    """Pictures of solids, each turned at random, with the class and the rotation of each.

    The classes take turns, so any two differ by at most one picture; rotations are uniform
    over SO(3). ``tetX`` has one red face, ``cylO`` a red dot off its middle, ``sphereX`` a red
    cross and a red dot. Pictures are ``resolution`` pixels square, in colour on black.
    The same arguments give the same pictures, and a smaller ``count`` gives the first of them.

    Raises ``ConfigError`` for a negative ``count``, a ``resolution`` below 1 or an unknown solid.

    >>> symmetric_solids(3, solids=["cube", "cone"], resolution=32).labels
    array([0, 1, 0])
    """
    if count < 0:
        raise ConfigError(f"count must not be negative, got {count}")
    if not solids or not set(solids) <= set(SOLIDS):
        raise ConfigError(f"solids must be some of {', '.join(SOLIDS)}, got {list(solids)}")
    check_resolution(resolution)
    labels = np.arange(count, dtype=np.int64) % len(solids)
    rotations = random_rotations(count, rng=generator(seed, "symmetric_solids"))
    images = np.empty((count, resolution, resolution, 3), dtype=np.uint8)
    for image, label, rotation in zip(images, labels.tolist(), rotations, strict=True):
        image[...] = render_solid(solids[label], rotation, resolution).numpy()
    return Solids(images, labels, tuple(solids), rotations.numpy())


def random_rotations(count: int, *, rng: torch.Generator) -> Float[Tensor, "count 3 3"]:
    """Rotation matrices, uniform over SO(3).

    A unit quaternion with uniform direction (Shoemake 1992, *Uniform random rotations*).
    """
    share, first, second = torch.rand(count, 3, generator=rng).unbind(-1)
    first, second = 2 * math.pi * first, 2 * math.pi * second
    x, y = (1 - share).sqrt() * first.sin(), (1 - share).sqrt() * first.cos()
    z, w = share.sqrt() * second.sin(), share.sqrt() * second.cos()
    entries = torch.stack(
        [
            *(1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)),
            *(2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)),
            *(2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)),
        ],
        dim=-1,
    )
    return rearrange(entries, "count (row column) -> count row column", row=3)


def render_solid(
    name: str, rotation: Float[Tensor, "3 3"], resolution: int
) -> UInt8[Tensor, "height width 3"]:
    """One of ``SOLIDS`` on black; ``rotation`` takes its own frame to the camera's."""
    # turn the rays into the solid's frame: rows times R are columns times its inverse
    direction = pixel_rays(resolution, FIELD_OF_VIEW) @ rotation
    origin = (torch.tensor([0.0, 0.0, EYE_DISTANCE]) @ rotation).expand_as(direction)
    hit = solid_hit(name, origin, direction)
    point = origin + hit.distance[:, None] * direction
    facing = (hit.normal @ (LIGHT @ rotation)).clamp(min=0)
    colour = torch.where(is_marked(name, point, hit.normal)[:, None], RED, WHITE)
    shaded = colour * (AMBIENT + (1 - AMBIENT) * facing)[:, None]
    seen = shaded.where(hit.distance.isfinite()[:, None], 0.0)
    return (255 * pixels(seen, resolution)).round().to(torch.uint8)


def solid_hit(
    name: str, origin: Float[Tensor, "rays 3"], direction: Float[Tensor, "rays 3"]
) -> Hit:
    """Where rays enter a solid, in the solid's own frame."""
    match name:
        case "tetrahedron" | "tetX":
            return polyhedron(origin, direction, TETRAHEDRON, 1 / 3)
        case "cube":
            return polyhedron(origin, direction, CUBE, 1 / math.sqrt(3))
        case "icosahedron":
            return polyhedron(origin, direction, ICOSAHEDRON, ICOSAHEDRON_OFFSET)
        case "cone":
            return cone(origin, direction, 0.65, 0.75)
        case "cylinder" | "cylO":
            return cylinder(origin, direction, 0.55, 0.75)
        case _:
            return sphere(origin, direction, 0.85)


def is_marked(
    name: str, point: Float[Tensor, "rays 3"], normal: Float[Tensor, "rays 3"]
) -> Bool[Tensor, " rays"]:
    """Which points of a solid's surface are red."""
    match name:
        case "tetX":
            return normal @ TETRAHEDRON[0] > 0.99
        case "cylO":
            return (point - torch.tensor(DOT_ON_CYLINDER)).norm(dim=-1) < DOT_RADIUS
        case "sphereX":
            across, up = normal[:, 1], normal[:, 2]
            arms = torch.minimum((across - up).abs(), (across + up).abs()) < 0.1
            cross = arms & (torch.maximum(across.abs(), up.abs()) < 0.3) & (normal[:, 0] > 0)
            dot = (normal - torch.tensor(DOT_ON_SPHERE)).norm(dim=-1) < DOT_RADIUS
            return cross | dot
        case _:
            return torch.zeros(len(point), dtype=torch.bool)
