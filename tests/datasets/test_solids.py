import math

import numpy as np
import pytest
import torch

from mnemic.datasets import symmetric_solids
from mnemic.datasets.solids import ICOSAHEDRON, SOLIDS, TETRAHEDRON, random_rotations, render_solid
from mnemic.errors import ConfigError
from mnemic.randomness import generator

X, Y, Z = np.eye(3)


def turn(axis, fraction):
    """Rotation about an axis by a fraction of a full turn (Rodrigues)."""
    x, y, z = np.asarray(axis) / np.linalg.norm(axis)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    angle = 2 * math.pi * fraction
    matrix = np.eye(3) + math.sin(angle) * cross + (1 - math.cos(angle)) * cross @ cross
    return torch.tensor(matrix, dtype=torch.float32)


SYMMETRIES = [
    ("tetrahedron", turn(TETRAHEDRON[0], 1 / 3)),
    ("tetrahedron", turn(Z, 1 / 2)),
    ("cube", turn(X, 1 / 4)),
    ("cube", turn(X + Y + Z, 1 / 3)),
    ("icosahedron", turn(ICOSAHEDRON[0], 1 / 3)),
    ("icosahedron", turn([1, 0, (1 + math.sqrt(5)) / 2], 1 / 5)),
    ("cone", turn(Z, 0.123)),
    ("cylinder", turn(Z, 0.123)),
    ("cylinder", turn(X, 1 / 2)),
    ("tetX", turn(TETRAHEDRON[0], 1 / 3)),
]
BROKEN = [
    ("tetrahedron", turn(Z, 1 / 4)),
    ("cube", turn(X, 1 / 8)),
    ("icosahedron", turn(Z, 1 / 4)),
    ("cone", turn(X, 1 / 2)),
    ("tetX", turn(Z, 1 / 2)),
    ("cylO", turn(Z, 1 / 2)),
    ("cylO", turn(X, 1 / 2)),
    ("sphereX", turn(X, 1 / 4)),
]


def largest_share_changed(name, symmetry):
    shares = []
    for rotation in random_rotations(8, rng=generator(0, "views")):
        before, after = (
            render_solid(name, each, 48).int() for each in (rotation, rotation @ symmetry)
        )
        shares.append(((before - after).abs().amax(-1) > 3).double().mean().item())
    return max(shares)


@pytest.mark.parametrize(("name", "symmetry"), SYMMETRIES)
def test_a_solid_turned_by_its_own_symmetry_looks_the_same(name, symmetry):
    assert largest_share_changed(name, symmetry) < 0.002  # an edge ray may fall either side


@pytest.mark.parametrize(("name", "symmetry"), BROKEN)
def test_any_other_turn_and_any_mark_shows(name, symmetry):
    assert largest_share_changed(name, symmetry) > 0.005


@pytest.mark.parametrize("name", SOLIDS)
def test_every_solid_stays_inside_the_picture_and_fills_a_good_part(name):
    for rotation in random_rotations(12, rng=generator(1, "views")):
        seen = render_solid(name, rotation, 32).amax(-1) > 0
        assert seen[1:-1, 1:-1].sum() == seen.sum()
        assert 0.1 < seen.double().mean() < 0.7


def test_a_rotation_takes_the_solid_s_axis_to_the_camera_s():
    # the cone's tip is along its z: turned to the right, the right end of the picture is thin
    to_the_right = turn(Y, 1 / 4)
    assert np.allclose(to_the_right.numpy() @ Z, X, atol=1e-6)
    heights = (render_solid("cone", to_the_right, 64).amax(-1) > 0).sum(0)
    columns = heights.nonzero()[:, 0]
    assert heights[columns[-1]] < 5
    assert heights[columns[1]] > 25


def test_rotations_are_proper_and_uniform():
    rotations = random_rotations(20_000, rng=generator(2, "views")).double()
    assert torch.allclose(rotations @ rotations.mT, torch.eye(3).double(), atol=1e-6)
    assert torch.allclose(torch.linalg.det(rotations), torch.ones(1).double(), atol=1e-6)
    # under the uniform measure entries have mean 0 and variance 1/3, the trace 0 and 1
    assert rotations.mean(0).abs().max() < 0.02
    assert (rotations.var(0) - 1 / 3).abs().max() < 0.01
    trace = rotations.diagonal(dim1=1, dim2=2).sum(-1)
    assert abs(trace.mean()) < 0.03
    assert abs(trace.var() - 1) < 0.05


def test_classes_take_turns_and_the_seed_decides_the_rest():
    eight = symmetric_solids(8, seed=3, resolution=16)
    again = symmetric_solids(8, seed=3, resolution=16)
    other = symmetric_solids(8, seed=4, resolution=16)
    first = symmetric_solids(3, seed=3, resolution=16)
    assert eight.classes == SOLIDS
    assert eight.labels.tolist() == list(range(8))
    assert np.array_equal(eight.images, again.images)
    assert np.array_equal(eight.images[:3], first.images)
    assert not np.array_equal(eight.rotations, other.rotations)


def test_a_picture_is_the_one_its_label_and_rotation_describe():
    drawn = symmetric_solids(4, solids=["cone", "tetX"], seed=5, resolution=16)
    for image, label, rotation in zip(drawn.images, drawn.labels, drawn.rotations, strict=True):
        again = render_solid(drawn.classes[label], torch.from_numpy(rotation), 16)
        assert np.array_equal(image, again.numpy())


@pytest.mark.parametrize(
    "arguments",
    [
        {"count": -1},
        {"count": 1, "solids": ["teapot"]},
        {"count": 1, "solids": []},
        {"count": 1, "resolution": 0},
        {"count": 1, "resolution": -1},
    ],
)
def test_impossible_solids_are_refused(arguments):
    with pytest.raises(ConfigError):
        symmetric_solids(**arguments)
