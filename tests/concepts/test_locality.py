"""Locality: groups found without names, radii with a stated rate of error."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from sklearn.metrics import adjusted_rand_score, roc_auc_score

from mnemic.concepts.locality import (
    ENOUGH,
    FALSE_JOINS,
    UNKNOWN,
    calibrated,
    conformal_radius,
    groups_by_gap,
    nearest_other,
    nearest_own,
)


def clusters(rng, groups=20, each=10, dim=24, spread=0.08):
    centres = rng.random((groups, dim))
    of = np.repeat(np.arange(groups), each)
    return centres[of] + spread * rng.standard_normal((len(of), dim)), of


def distances(a, b):
    return cdist(a, b, "sqeuclidean") / a.shape[1]


@given(st.lists(st.floats(0, 10), min_size=1, max_size=200), st.floats(0.001, 0.5))
def test_no_more_than_the_rate_falls_within_the_radius(sample, rate):
    radius = conformal_radius(sample, rate=rate)
    assert sum(one < radius for one in sample) <= rate * (len(sample) + 1)


def test_something_new_joins_no_more_often_than_is_stated():
    rng = np.random.default_rng(0)
    joined = []
    for _ in range(40):  # worlds: what is stored is new, too
        points, of = clusters(rng, groups=40, spread=0.25)
        known, new = of < 30, of >= 30
        between = distances(points[known], points[known])
        far = np.where(of[known][:, None] == of[known], np.inf, between).min(axis=1)
        radius = calibrated(far.tolist())
        joined.append((distances(points[new], points[known]).min(axis=1) < radius.distance).mean())
    assert radius.false_joins == FALSE_JOINS
    assert np.mean(joined) <= FALSE_JOINS


def test_newness_tells_strangers_from_new_sights_of_the_known():
    rng = np.random.default_rng(1)
    points, of = clusters(rng, groups=40, spread=0.12)
    order = rng.permutation(len(points))
    points, of = points[order], of[order]
    known = of < 30
    seen = known & (np.arange(len(of)) < 300)
    between = distances(points[seen], points[seen])
    far = np.where(of[seen][:, None] == of[seen], np.inf, between).min(axis=1)
    radius = calibrated(far.tolist())
    asked = ~seen
    newness = [radius.newness(d) for d in distances(points[asked], points[seen]).min(axis=1)]
    assert roc_auc_score(~known[asked], newness) >= 0.85
    assert all(0 < value <= 1 for value in newness)


@pytest.mark.parametrize("spread", [0.02, 0.1, 0.15])
def test_groups_that_lie_apart_are_found_without_names(spread):
    points, of = clusters(np.random.default_rng(2), spread=spread)
    assert adjusted_rand_score(of, groups_by_gap(distances(points, points))) > 0.95


def test_where_nothing_lies_apart_every_point_is_a_group_of_its_own():
    points = np.random.default_rng(3).random((100, 30))
    assert len(set(groups_by_gap(distances(points, points)).tolist())) == 100


def test_too_little_has_no_rate():
    assert calibrated([0.5] * (ENOUGH - 1)) is UNKNOWN
    assert UNKNOWN.newness(0.1) is None
    assert len(groups_by_gap(np.zeros((2, 2)))) == 2


def test_a_few_concepts_far_apart_do_not_stretch_the_radius_to_what_lies_between():
    far, own = [0.2] * 30, [0.001] * 30
    assert calibrated(far, own).distance == pytest.approx(0.002)
    assert calibrated(far).distance == 0.2


def test_a_kind_that_comes_near_to_others_keeps_the_radius_small():
    far, near = list(np.linspace(1, 2, 900)), list(np.linspace(0.1, 0.2, 100))
    kinds = [i % 9 for i in range(900)] + [9] * 100
    assert calibrated(far + near).distance > 0.12  # lets in a quarter of the near kind
    joined = np.array(near) < calibrated(far + near, groups=kinds).distance
    assert joined.mean() <= FALSE_JOINS
    assert calibrated(far + near, groups=[0] * 1000).distance > 0.12


def test_the_nearest_of_another_and_of_the_own_group_are_what_a_loop_finds():
    rng = np.random.default_rng(4)
    points, of = clusters(rng, groups=5, each=6, spread=0.3)
    between = distances(points, points)
    order = between.argsort(axis=1, kind="stable")
    near = np.take_along_axis(between, order, axis=1)
    others = nearest_other(near, of, of[order])
    own = nearest_own(near, of, of[order])
    for row, (other, mine) in enumerate(zip(others, own, strict=True)):
        assert other == min(between[row][of != of[row]])
        assert mine == min(d for j, d in enumerate(between[row]) if of[j] == of[row] and j != row)
    alone = nearest_other(near[:1, :3], of[:1], np.array([[of[0], of[0], -1]]))
    assert alone == [near[0, 2]]  # no nearer than the farthest that was looked at
