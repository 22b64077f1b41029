"""One room with one object, as seen by a camera: how much of each colour reaches each pixel.

Light adds up, so a picture is a sum: floor colour × its weight + wall colour × its weight +
object colour × its weight + white × the highlight. The weights depend on size, shape and
orientation only, which is why 480 of them make all 480,000 pictures of ``shapes3d``.

World: z up, the floor at z = 0, the object standing in the middle, lengths in units of the
object's half-size at scale 1.
"""

import math
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mnemic.datasets.camera import looking_at, pixel_rays, pixels, unit
from mnemic.datasets.raycast import Hit, capsule, cylinder, nearest, polyhedron, sphere

SHAPES = ("cube", "cylinder", "sphere", "capsule")

ROOM = 4.2
"""Half the side of the square floor. The walls nearest to the camera are left open."""
EYE_DISTANCE = 6.6
EYE_ELEVATION = math.radians(20.0)
EYE_AZIMUTH = math.radians(45.0)
"""At orientation 0 the camera looks into a corner."""
TARGET_HEIGHT = 1.1
FIELD_OF_VIEW = 45.0
LIGHT = (-2.5, 5.0, 0.0)
"""The lamp, from the camera: to its left and above it."""

AMBIENT = 0.4
DIFFUSE = 0.6
SHADOW = 0.25
"""What is left of the lamp's diffuse light in the object's shadow."""
HIGHLIGHT = 0.35
SHININESS = 40

CUBE = torch.cat([torch.eye(3), -torch.eye(3)])


class Light(NamedTuple):
    """What a surface sends to the camera: ``diffuse`` takes its colour, ``highlight`` is white."""

    diffuse: Float[Tensor, " rays"]
    highlight: Float[Tensor, " rays"]


def colour_weights(
    size: float, shape: str, orientation: float, resolution: int
) -> Float[Tensor, "height width 4"]:
    """How much floor, wall and object colour, and how much white, each pixel receives.

    ``size`` is the object's half-size (0.75 to 1.25 in 3D Shapes), ``shape`` one of ``SHAPES`` and
    ``orientation`` the turn of the camera about the object in degrees (−30 to 30).
    """
    azimuth = EYE_AZIMUTH + math.radians(orientation)
    ground, height = EYE_DISTANCE * math.cos(EYE_ELEVATION), EYE_DISTANCE * math.sin(EYE_ELEVATION)
    eye = torch.tensor(
        [ground * math.sin(azimuth), -ground * math.cos(azimuth), TARGET_HEIGHT + height]
    )
    axes = looking_at(eye, torch.tensor([0.0, 0.0, TARGET_HEIGHT]))
    lamp = eye + torch.tensor(LIGHT) @ axes

    direction = pixel_rays(resolution, FIELD_OF_VIEW) @ axes
    origin = eye.expand_as(direction)
    room, thing = room_hit(origin, direction), object_hit(origin, direction, size, shape)
    seen = nearest(room, thing)
    point = origin + seen.distance[:, None] * direction

    is_object = thing.distance < room.distance
    is_floor = ~is_object & (seen.normal[:, 2] > 0.5)
    material = torch.stack([is_floor, ~is_object & ~is_floor, is_object], dim=-1)

    to_lamp = unit(lamp - point)
    off_surface = point + 1e-3 * seen.normal
    lit = object_hit(off_surface, to_lamp, size, shape).distance.isinf()
    light = shade(seen.normal, direction, to_lamp, lit)
    weights = torch.cat(
        [material * light.diffuse[:, None], (is_object * light.highlight)[:, None]], dim=-1
    )
    return pixels(weights, resolution)


def room_hit(origin: Float[Tensor, "rays 3"], direction: Float[Tensor, "rays 3"]) -> Hit:
    """Where rays reach the floor or a wall, through the open front where the camera is outside."""
    low, high = torch.tensor([-ROOM, -ROOM, 0.0]), torch.tensor([ROOM, ROOM, math.inf])
    distance, axis = ((torch.where(direction > 0, high, low) - origin) / direction).min(-1)
    normal = torch.nn.functional.one_hot(axis, 3) * -direction.sign()
    return Hit(distance, normal)


def object_hit(
    origin: Float[Tensor, "rays 3"], direction: Float[Tensor, "rays 3"], size: float, shape: str
) -> Hit:
    """Where rays enter the object that stands on the floor in the middle of the room."""
    if shape == "capsule":
        return _lying_capsule(origin, direction, size)
    centred = origin - torch.tensor([0.0, 0.0, size])
    if shape == "cube":
        return polyhedron(centred, direction, CUBE, size)
    if shape == "cylinder":
        return cylinder(centred, direction, size, size)
    return sphere(centred, direction, size)


def shade(
    normal: Float[Tensor, "rays 3"],
    direction: Float[Tensor, "rays 3"],
    to_lamp: Float[Tensor, "rays 3"],
    lit: Bool[Tensor, " rays"],
) -> Light:
    """Ambient and diffuse light, and apart from them a highlight where no shadow falls.

    Source: Blinn 1977, *Models of light reflection for computer synthesized pictures*.
    """
    facing = (normal * to_lamp).sum(-1).clamp(min=0)
    halfway = unit(to_lamp - direction)
    gloss = (normal * halfway).sum(-1).clamp(min=0) ** SHININESS
    return Light(
        AMBIENT + DIFFUSE * facing * torch.where(lit, 1.0, SHADOW),
        HIGHLIGHT * gloss * (lit & (facing > 0)),
    )


def _lying_capsule(
    origin: Float[Tensor, "rays 3"], direction: Float[Tensor, "rays 3"], size: float
) -> Hit:
    radius = 0.62 * size
    centred = origin - torch.tensor([0.0, 0.0, radius])
    # capsules stand along z: rename the axes so that it lies along x
    hit = capsule(centred.roll(-1, -1), direction.roll(-1, -1), radius, 0.6 * size)
    return Hit(hit.distance, hit.normal.roll(1, -1))
