"""Where a ray first enters a solid: exact intersections, no mesh.

Every solid is centred at the origin. A ray is ``origin + distance * direction`` with a unit
direction; it must start outside. Solids of revolution stand along z.
Source: the quadratic forms of Roth 1982, *Ray casting for modeling solids*.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

NEAREST = 1e-4
"""A hit closer than this is the surface the ray starts from."""
PARALLEL = 1e-9


class Hit(NamedTuple):
    """Where rays meet a solid.

    ``distance`` is infinite, and ``normal`` zero, for a ray that misses. The normal has length
    one and points out of the solid.
    """

    distance: Float[Tensor, "*rays"]
    normal: Float[Tensor, "*rays 3"]


def nearest(first: Hit, second: Hit) -> Hit:
    """For each ray, whichever of two hits comes first: the union of two solids."""
    closer = second.distance < first.distance
    return Hit(
        torch.minimum(first.distance, second.distance),
        torch.where(closer[..., None], second.normal, first.normal),
    )


def sphere(
    origin: Float[Tensor, "*rays 3"], direction: Float[Tensor, "*rays 3"], radius: float
) -> Hit:
    """A ball of ``radius``."""
    half = (origin * direction).sum(-1)
    discriminant = half**2 - (origin**2).sum(-1) + radius**2
    distance = -half - discriminant.clamp(min=0).sqrt()
    normal = (origin + distance[..., None] * direction) / radius
    return _hit(distance, normal, discriminant > 0)


def polyhedron(
    origin: Float[Tensor, "*rays 3"],
    direction: Float[Tensor, "*rays 3"],
    faces: Float[Tensor, "faces 3"],
    offset: float,
) -> Hit:
    """The convex solid whose faces have unit normals ``faces``, all at ``offset`` from its centre.

    A ray is inside after it has entered the last half-space and before it leaves the first.
    """
    approach = _nonzero(direction @ faces.T)
    distance = (offset - origin @ faces.T) / approach  # rays faces
    entry, face = distance.where(approach < 0, -math.inf).max(-1)
    leave = distance.where(approach > 0, math.inf).amin(-1)
    return _hit(entry, faces[face], entry < leave)


def cylinder(
    origin: Float[Tensor, "*rays 3"],
    direction: Float[Tensor, "*rays 3"],
    radius: float,
    half_height: float,
) -> Hit:
    """A cylinder with flat ends at ±``half_height``: an infinite tube cut by a slab."""
    across = _nonzero((direction[..., :2] ** 2).sum(-1))
    half = (origin[..., :2] * direction[..., :2]).sum(-1)
    discriminant = half**2 - across * ((origin[..., :2] ** 2).sum(-1) - radius**2)
    reach = discriminant.clamp(min=0).sqrt()
    into_tube, out_of_tube = (-half - reach) / across, (-half + reach) / across

    along = _nonzero(direction[..., 2])
    to_middle, to_end = -origin[..., 2] / along, half_height / along.abs()
    into_slab, out_of_slab = to_middle - to_end, to_middle + to_end

    entry = torch.maximum(into_tube, into_slab)
    leave = torch.minimum(out_of_tube, out_of_slab)
    point = origin + entry[..., None] * direction
    side = torch.stack([point[..., 0], point[..., 1], torch.zeros_like(entry)], dim=-1) / radius
    end = torch.stack([torch.zeros_like(entry)] * 2 + [-along.sign()], dim=-1)
    normal = torch.where((into_slab > into_tube)[..., None], end, side)
    return _hit(entry, normal, (entry < leave) & (discriminant > 0))


def capsule(
    origin: Float[Tensor, "*rays 3"],
    direction: Float[Tensor, "*rays 3"],
    radius: float,
    half_height: float,
) -> Hit:
    """A cylinder with a ball of the same ``radius`` at each end; ``half_height`` is the tube's."""
    tip = origin.new_tensor([0.0, 0.0, half_height])
    balls = nearest(
        sphere(origin - tip, direction, radius), sphere(origin + tip, direction, radius)
    )
    return nearest(cylinder(origin, direction, radius, half_height), balls)


def cone(
    origin: Float[Tensor, "*rays 3"],
    direction: Float[Tensor, "*rays 3"],
    radius: float,
    half_height: float,
) -> Hit:
    """A cone with its tip at +``half_height`` and a base of ``radius`` at −``half_height``."""
    # on the mantle x² + y² = slope² · (half_height − z)²
    slope = radius / (2 * half_height)
    below_tip, along = half_height - origin[..., 2], direction[..., 2]
    square = _nonzero((direction[..., :2] ** 2).sum(-1) - (slope * along) ** 2)
    half = (origin[..., :2] * direction[..., :2]).sum(-1) + slope**2 * below_tip * along
    constant = (origin[..., :2] ** 2).sum(-1) - (slope * below_tip) ** 2
    discriminant = half**2 - square * constant
    reach = discriminant.clamp(min=0).sqrt()

    mantle = torch.full_like(along, math.inf)
    for root in ((-half - reach) / square, (-half + reach) / square):
        on_cone = (origin[..., 2] + root * along).abs() <= half_height
        valid = on_cone & (discriminant > 0) & (root > NEAREST)
        mantle = torch.where(valid & (root < mantle), root, mantle)
    point = origin + mantle[..., None] * direction
    upward = slope**2 * (half_height - point[..., 2])
    normal = torch.stack([point[..., 0], point[..., 1], upward], dim=-1)
    normal = torch.nn.functional.normalize(normal, dim=-1)

    base = (-half_height - origin[..., 2]) / _nonzero(along)
    on_base = ((origin + base[..., None] * direction)[..., :2] ** 2).sum(-1) < radius**2
    down = origin.new_tensor([0.0, 0.0, -1.0]).expand_as(normal)
    return nearest(_hit(mantle, normal, mantle < math.inf), _hit(base, down, on_base))


def _hit(
    distance: Float[Tensor, "*rays"], normal: Float[Tensor, "*rays 3"], valid: Bool[Tensor, "*rays"]
) -> Hit:
    valid = valid & (distance > NEAREST)
    return Hit(distance.where(valid, math.inf), normal.where(valid[..., None], 0.0))


def _nonzero(values: Float[Tensor, "*any"]) -> Float[Tensor, "*any"]:
    """Replace values too small to divide by, so a parallel ray meets a surface far away."""
    return values.where(values.abs() > PARALLEL, PARALLEL)
