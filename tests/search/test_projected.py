"""The nearest rows by their codes: the same as by reading everything."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.hippocampus.settling import least_distance
from mnemic.randomness import generator
from mnemic.search.patterns import Patterns
from mnemic.search.projected import AXES, FEWEST, LATER, principal_axes

DIM = 4 * AXES


def in_groups(count, seed=0, *, spread=0.05, dim=DIM):
    rng = np.random.default_rng(seed)
    centres = rng.random((40, dim))
    rows = centres[rng.integers(40, size=count)] + spread * rng.standard_normal((count, dim))
    return torch.from_numpy(rows.astype(np.float32))


def by_reading_all(vector, rows, k):
    """Mean squared distances and their rows, by NumPy in double precision."""
    squared = ((rows.double().numpy() - vector.double().numpy()) ** 2).mean(axis=1)
    order = np.argsort(squared, kind="stable")[:k]
    return squared[order], order


def holding(rows, start=0):
    patterns = Patterns(rows.shape[-1])
    patterns.add(range(start, start + len(rows)), rows)
    return patterns


@given(
    seed=st.integers(0, 10**6),
    k=st.sampled_from([1, 7, 16]),
    scale=st.sampled_from([1e-3, 1.0, 1e4]),
    offset=st.sampled_from([0.0, 3.0]),
)
def test_the_nearest_are_those_that_reading_all_finds(seed, k, scale, offset):
    rows = scale * (in_groups(FEWEST + 300, seed) + offset)
    patterns = holding(rows[:-1])
    found = patterns.nearest(rows[-1], k)
    assert found is not None
    distances, nearest = by_reading_all(rows[-1], rows[:-1], k)
    np.testing.assert_allclose(found[0], distances, rtol=1e-4)
    assert found[1].tolist() == nearest.tolist()


def test_what_is_added_replaced_or_removed_is_found_as_it_is():
    rows = in_groups(3 * FEWEST)
    patterns = holding(rows[:FEWEST])
    sought = rows[-1]
    patterns.nearest(sought, 16)
    patterns.add(range(FEWEST, 2 * FEWEST), rows[FEWEST : 2 * FEWEST])
    patterns.nearest(sought, 16)
    [near] = patterns.ids[patterns.nearest(sought, 1)[1]].tolist()
    patterns.remove([near])
    patterns.replace([5 if near != 5 else 6], sought[None])
    distances, nearest = by_reading_all(sought, patterns.rows, 16)
    found = patterns.nearest(sought, 16)
    assert distances[0] == 0.0
    np.testing.assert_allclose(found[0], distances, rtol=1e-4)
    assert found[1].tolist() == nearest.tolist()


def test_a_few_rows_added_last_are_found_before_they_are_coded():
    rows = in_groups(FEWEST + LATER)
    patterns = holding(rows[:FEWEST])
    patterns.nearest(rows[0], 1)
    patterns.add(range(FEWEST, FEWEST + LATER - 1), rows[FEWEST:-1])
    distances, nearest = by_reading_all(rows[-1], rows[:-1], 16)
    found = patterns.nearest(rows[-1], 16)
    np.testing.assert_allclose(found[0], distances, rtol=1e-4)
    assert found[1].tolist() == nearest.tolist()
    assert patterns.nearest(rows[-2], 1)[1].tolist() == [FEWEST + LATER - 2]


def test_rows_all_alike_are_all_nearest():
    patterns = holding(torch.ones(FEWEST, DIM))
    assert patterns.nearest(torch.ones(DIM), 16) is None  # every one of them could be it


def test_where_nothing_can_be_ruled_out_all_is_read(rng):
    patterns = holding(torch.rand(FEWEST, DIM, generator=rng))
    assert patterns.nearest(torch.rand(DIM, generator=rng), 16) is None


@pytest.mark.parametrize("why", ["few", "narrow", "partly known", "silent"])
def test_other_memories_are_read_whole(why):
    rows = in_groups(FEWEST - (why == "few"), dim=DIM - (why == "narrow"))
    patterns = Patterns(rows.shape[-1])
    known = torch.ones_like(rows, dtype=torch.bool)
    known[3, 4] = False
    patterns.add(range(len(rows)), rows, known if why == "partly known" else None)
    if why == "silent":
        patterns.silence([3])
    assert patterns.nearest(rows[0], 3) is None


def test_the_least_distance_is_that_of_a_memory_too_small_to_have_axes():
    rows = in_groups(FEWEST + 1)
    whole, half = holding(rows[:-1]), [rows[: FEWEST // 2], rows[FEWEST // 2 : -1]]
    assert whole.nearest(rows[-1], 1) is not None
    least = min(
        float(least_distance(rows[-1:], None, holding(some), unknown_cost=0.0)) for some in half
    )
    assert float(least_distance(rows[-1:], None, whole, unknown_cost=0.0)) == pytest.approx(least)


def test_axes_are_orthonormal_and_lie_where_rows_vary():
    rng = generator(0, "test")
    flat = torch.randn(600, AXES, generator=rng) @ torch.randn(AXES, DIM, generator=rng) + 2.0
    centre, axes = principal_axes(flat)
    torch.testing.assert_close(axes.T @ axes, torch.eye(AXES, dtype=torch.double))
    left = flat.double() - centre
    assert float((left - left @ axes @ axes.T).abs().max()) < 1e-4
