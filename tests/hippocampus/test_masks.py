"""Kinds of mask: cues torn alike share a calibration."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.hippocampus.masks import MaskKind, kind_of, typical_mask
from mnemic.randomness import generator

GRID = (16, 16, 1)


def mask(**known):
    rows, columns = known.get("rows", slice(None)), known.get("columns", slice(None))
    mask = torch.zeros(16, 16, dtype=torch.bool)
    mask[rows, columns] = True
    return mask.reshape(-1)


@pytest.mark.parametrize(
    ("known", "shape"),
    [
        (mask(), "all"),
        (mask(rows=slice(8)), "top"),
        (mask(rows=slice(10, 16)), "bottom"),
        (mask(columns=slice(5)), "left"),
        (mask(columns=slice(9, 16)), "right"),
        (mask(rows=slice(4, 9), columns=slice(3, 8)), "window"),
        (mask(rows=slice(4, 12)), "window"),
        (~mask(rows=slice(4, 9), columns=slice(3, 8)), "hole"),
        (~mask(rows=slice(0, 9), columns=slice(0, 8)), "hole"),
        (torch.arange(256) % 3 == 0, "scattered"),
    ],
)
def test_the_shape_of_a_mask_is_told(known, shape):
    assert kind_of(known, GRID).shape == shape


def test_channels_that_differ_are_scattered():
    known = torch.ones(4, 4, 3, dtype=torch.bool)
    known[..., 2] = False
    assert kind_of(known.reshape(-1), (4, 4, 3)).shape == "scattered"


@given(
    shape=st.sampled_from(["scattered", "window", "hole", "top", "bottom", "left", "right"]),
    share=st.floats(0.1, 0.9),
)
def test_a_typical_mask_is_of_its_kind(shape, share):
    kind = MaskKind(shape, share)
    known = typical_mask(kind, (28, 28, 1), rng=generator(0, "mask"))
    assert kind_of(known, (28, 28, 1)).shape == shape
    assert float(known.float().mean()) == pytest.approx(share, abs=0.05)


def test_shares_within_a_tenth_are_one_kind():
    assert kind_of(mask(rows=slice(8)), GRID) == MaskKind("top", 0.5)
    one = torch.zeros(1000, dtype=torch.bool)
    one[::10] = True
    other = one.clone()
    other[1] = True
    assert kind_of(one, (1000, 1, 1)) == kind_of(other, (1000, 1, 1))


def test_the_typical_mask_does_not_depend_on_who_came_first():
    kind = MaskKind("scattered", 0.3)
    first = typical_mask(kind, GRID, rng=generator(7, "verdict"))
    assert torch.equal(first, typical_mask(kind, GRID, rng=generator(7, "verdict")))
