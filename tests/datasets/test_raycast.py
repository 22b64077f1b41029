"""Exact intersections against a slow walk along each ray that only asks: am I inside yet?"""

from functools import partial

import numpy as np
import pytest
import torch

from mnemic.datasets.raycast import capsule, cone, cylinder, nearest, polyhedron, sphere

CUBE = torch.cat([torch.eye(3), -torch.eye(3)]).double()
RADIUS, HALF = 0.6, 0.8


def in_cone(x, y, z):
    return abs(z) < HALF and np.hypot(x, y) < RADIUS * (HALF - z) / (2 * HALF)


def in_capsule(x, y, z):
    beyond = max(abs(z) - HALF, 0)
    return np.sqrt(x * x + y * y + beyond * beyond) < RADIUS


SOLIDS = {
    "sphere": (partial(sphere, radius=RADIUS), lambda x, y, z: x * x + y * y + z * z < RADIUS**2),
    "cube": (
        partial(polyhedron, faces=CUBE, offset=RADIUS),
        lambda x, y, z: max(abs(x), abs(y), abs(z)) < RADIUS,
    ),
    "cylinder": (
        partial(cylinder, radius=RADIUS, half_height=HALF),
        lambda x, y, z: abs(z) < HALF and np.hypot(x, y) < RADIUS,
    ),
    "capsule": (partial(capsule, radius=RADIUS, half_height=HALF), in_capsule),
    "cone": (partial(cone, radius=RADIUS, half_height=HALF), in_cone),
}


@pytest.fixture(params=SOLIDS)
def solid(request):
    return SOLIDS[request.param]


def rays_towards_the_middle(count, seed):
    rng = np.random.default_rng(seed)
    origin = rng.normal(size=(count, 3))
    origin *= 3 / np.linalg.norm(origin, axis=1, keepdims=True)
    direction = rng.uniform(-0.9, 0.9, size=(count, 3)) - origin
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return origin, direction


def walk(inside, origin, direction, step=0.01):
    """Distance of the first step inside, refined by halving; infinite if there is none."""
    for distance in np.arange(step, 6, step):
        if inside(*(origin + distance * direction)):
            outside = distance - step
            while distance - outside > 1e-9:
                middle = (outside + distance) / 2
                if inside(*(origin + middle * direction)):
                    distance = middle
                else:
                    outside = middle
            return distance
    return np.inf


def test_hits_agree_with_a_walk_along_the_ray(solid):
    hit, inside = solid
    origin, direction = rays_towards_the_middle(150, seed=0)
    distance = hit(torch.tensor(origin), torch.tensor(direction)).distance.numpy()
    walked = np.array([walk(inside, *ray) for ray in zip(origin, direction, strict=True)])
    hits = np.isfinite(walked)
    assert 30 < hits.sum() < 150
    np.testing.assert_allclose(distance[hits], walked[hits], atol=1e-7)
    # the walk may only have stepped over a corner the ray crosses in less than a step
    for start, along, met in zip(origin[~hits], direction[~hits], distance[~hits], strict=True):
        assert np.isinf(met) or not inside(*(start + (met + 0.01) * along))


def test_normals_have_length_one_and_point_out(solid):
    hit, inside = solid
    origin, direction = rays_towards_the_middle(400, seed=1)
    distance, normal = (each.numpy() for each in hit(torch.tensor(origin), torch.tensor(direction)))
    hits = np.isfinite(distance)
    assert not normal[~hits].any()
    point, normal = (origin + np.where(hits, distance, 0)[:, None] * direction)[hits], normal[hits]
    np.testing.assert_allclose(np.linalg.norm(normal, axis=1), 1, atol=1e-12)
    assert ((normal * direction[hits]).sum(1) < 0).all()
    for there, out in zip(point, normal, strict=True):
        assert inside(*(there - 1e-6 * out))
        assert not inside(*(there + 1e-6 * out))


def test_what_lies_behind_is_not_hit(solid):
    hit, _ = solid
    origin, direction = rays_towards_the_middle(100, seed=2)
    assert hit(torch.tensor(origin), -torch.tensor(direction)).distance.isinf().all()


@pytest.mark.parametrize("axis", range(3))
def test_rays_along_an_axis_are_no_special_case(solid, axis):
    hit, inside = solid
    direction = -torch.eye(3, dtype=torch.float64)[axis]
    origin = -3 * direction + torch.tensor([0.01, 0.02, 0.03]).double() * (direction == 0)
    expected = walk(inside, origin.numpy(), direction.numpy())
    assert hit(origin, direction).distance.item() == pytest.approx(expected, abs=1e-7)


def test_the_nearest_of_two_hits_keeps_its_normal():
    origin, direction = (torch.tensor(each) for each in rays_towards_the_middle(100, seed=3))
    ball, block = sphere(origin, direction, 0.7), polyhedron(origin, direction, CUBE, 0.6)
    both = nearest(ball, block)
    for index in range(100):
        first = ball if ball.distance[index] <= block.distance[index] else block
        assert both.distance[index] == first.distance[index]
        assert torch.equal(both.normal[index], first.normal[index])
