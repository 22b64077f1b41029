import math

import numpy as np
import pytest
import torch
from einops import reduce

from mnemic.datasets import room, shapes3d
from mnemic.datasets.camera import looking_at, pixel_rays
from mnemic.datasets.scenes import SIZES, draw_factors
from mnemic.errors import ConfigError, ShapeError

MIDDLE = [3, 6, 0, 5, 0, 5]


def painted_at_once(factors, resolution):
    """The picture with each ray given its colour before shading, and no weights kept."""
    floor, wall, thing, scale, shape, orientation = factors
    size, name = 0.75 + 0.5 * scale / 7, room.SHAPES[shape]
    azimuth = math.radians(45 - 30 + 60 * orientation / 14)
    ground = room.EYE_DISTANCE * math.cos(room.EYE_ELEVATION)
    eye = torch.tensor([ground * math.sin(azimuth), -ground * math.cos(azimuth), 0.0])
    eye[2] = room.TARGET_HEIGHT + room.EYE_DISTANCE * math.sin(room.EYE_ELEVATION)
    axes = looking_at(eye, torch.tensor([0, 0, room.TARGET_HEIGHT]))
    lamp = eye + torch.tensor(room.LIGHT) @ axes
    direction = pixel_rays(resolution, room.FIELD_OF_VIEW) @ axes
    origin = eye.expand_as(direction)
    behind = room.room_hit(origin, direction)
    front = room.object_hit(origin, direction, size, name)
    picture = []
    for ray in range(len(direction)):
        is_thing = front.distance[ray] < behind.distance[ray]
        distance, normal = (each[ray] for each in (front if is_thing else behind))
        point = eye + distance * direction[ray]
        to_lamp = (lamp - point) / (lamp - point).norm()
        start = (point + 1e-3 * normal)[None]
        shadowed = room.object_hit(start, to_lamp[None], size, name).distance.isfinite().item()
        hue = thing if is_thing else floor if normal[2] > 0.5 else wall
        facing = max(float(normal @ to_lamp), 0.0)
        light = room.AMBIENT + room.DIFFUSE * facing * (room.SHADOW if shadowed else 1)
        level = light * hue_to_rgb(hue / 10)
        if is_thing and not shadowed and facing > 0:
            halfway = (to_lamp - direction[ray]) / (to_lamp - direction[ray]).norm()
            level = level + room.HIGHLIGHT * max(float(normal @ halfway), 0.0) ** room.SHININESS
        picture.append(level)
    mean = reduce(
        np.array(picture), "(h dh w dw) c -> h w c", "mean", h=resolution, w=resolution, dh=2, dw=2
    )
    return 255 * mean.clip(0, 1)


def hue_to_rgb(hue):
    """Full saturation and value: a primary fades within a third of the circle from its own hue."""
    away = np.abs((hue - np.array([0, 1 / 3, 2 / 3]) + 0.5) % 1 - 0.5)
    return (2 - 6 * away).clip(0, 1)


@pytest.mark.parametrize(
    "factors", [[0, 3, 8, 7, 0, 0], [9, 2, 1, 0, 1, 14], [5, 5, 6, 4, 2, 7], [1, 7, 4, 6, 3, 10]]
)
def test_a_composed_picture_is_the_one_painted_at_once(factors):
    composed = shapes3d(factors=[factors], resolution=16).images[0]
    assert np.abs(composed - painted_at_once(factors, 16)).max() <= 1


@pytest.mark.parametrize("factor", range(6))
@pytest.mark.parametrize("shape", [0, 3])
def test_every_value_of_every_factor_changes_the_picture(factor, shape):
    size = shapes3d(factors=[MIDDLE]).sizes[factor]
    rows = np.tile(MIDDLE, (size, 1))
    rows[:, 4] = shape
    rows[:, factor] = np.arange(size)
    images = shapes3d(factors=rows).images.astype(int)
    for first in range(size):
        for second in range(first):
            assert (np.abs(images[first] - images[second]).max(-1) > 20).sum() > 20


@pytest.mark.parametrize("factor", range(3))
def test_a_hue_colours_only_what_it_names(factor):
    rows = np.tile(MIDDLE, (2, 1))
    rows[:, factor] = 2, 8
    one, other = shapes3d(factors=rows).images.astype(int)
    changed = np.abs(one - other).max(-1) > 0
    corner, below, centre = changed[2, 32], changed[61, 32], changed[34, 32]
    assert [bool(below), bool(corner), bool(centre)] == [factor == each for each in range(3)]


def test_the_object_grows_with_scale():
    areas = []
    for scale in range(8):
        rows = np.array([[3, 6, 0, scale, 2, 7], [3, 6, 5, scale, 2, 7]])
        one, other = shapes3d(factors=rows).images.astype(int)
        areas.append((np.abs(one - other).max(-1) > 20).sum())
    assert (np.diff(areas) > 0).all()
    assert areas[-1] / areas[0] == pytest.approx((1.25 / 0.75) ** 2, rel=0.15)


@pytest.mark.parametrize("shape", room.SHAPES)
def test_the_object_throws_a_shadow_to_its_right(shape):
    weights = room.colour_weights(1.0, shape, 0.0, 64)
    dark = (weights[..., 1:] == 0).all(-1) & (weights[..., 0] < 0.7)  # nothing but floor
    assert dark[:, 32:].sum() > 15
    assert dark[:, 32:].sum() > 5 * dark[:, :20].sum()


def test_only_the_object_shines():
    weights = room.colour_weights(1.25, "sphere", 0.0, 64)
    assert weights[..., 3].max() > 0.3
    assert not weights[..., 3][weights[..., 2] == 0].any()


def test_scenes_are_drawn_without_replacement_and_evenly():
    drawn = draw_factors(100_000, seed=0)
    assert len(np.unique(drawn, axis=0)) == 100_000
    for column, size in zip(drawn.T, SIZES, strict=True):
        share = np.bincount(column, minlength=size) / 100_000
        assert np.abs(share - 1 / size).max() < 0.005


def test_the_same_seed_gives_the_same_scenes_and_another_seed_others():
    one, again, other = shapes3d(20, seed=1), shapes3d(20, seed=1), shapes3d(20, seed=2)
    assert np.array_equal(one.images, again.images)
    assert np.array_equal(one.factors, again.factors)
    assert not np.array_equal(one.factors, other.factors)
    assert np.array_equal(one.factors[:7], shapes3d(7, seed=1).factors)


def test_drawn_factors_give_back_their_pictures():
    drawn = shapes3d(10, seed=4)
    assert np.array_equal(shapes3d(factors=drawn.factors).images, drawn.images)


def test_grey_pictures_are_the_luma_of_coloured_ones():
    colour, grey = shapes3d(10, seed=5).images, shapes3d(10, seed=5, grey=True).images
    assert grey.shape == (10, 64, 64)
    assert np.abs(colour @ [0.299, 0.587, 0.114] - grey).max() <= 1


def test_no_scenes_are_an_empty_batch():
    assert shapes3d(0).images.shape == (0, 64, 64, 3)


@pytest.mark.parametrize(
    ("arguments", "error", "complaint"),
    [
        ({}, ConfigError, "either count= or factors="),
        ({"count": 1, "factors": [MIDDLE]}, ConfigError, "either count= or factors="),
        ({"count": 480_001}, ConfigError, "480000"),
        ({"count": -1}, ConfigError, "got -1"),
        ({"count": 1, "resolution": 0}, ConfigError, "resolution"),
        ({"count": 1, "resolution": -1}, ConfigError, "resolution"),
        ({"factors": MIDDLE}, ShapeError, r"\(count, 6\)"),
        ({"factors": [[0, 0, 0, 8, 0, 0]]}, ConfigError, "scale must be 0 to 7, got 8"),
        ({"factors": [[0.5] * 6]}, ConfigError, "whole numbers"),
    ],
)
def test_impossible_scenes_are_refused(arguments, error, complaint):
    with pytest.raises(error, match=complaint):
        shapes3d(**arguments)
