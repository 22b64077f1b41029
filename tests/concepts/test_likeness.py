"""Likeness: what is of a concept, learned from what has a name, at a stated rate of error."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics import roc_auc_score

from mnemic import Memory
from mnemic.concepts.likeness import DOUBT, Learned, Likeness, fit
from mnemic.concepts.locality import ENOUGH, FALSE_JOINS

NAMES = (3, 5, 9)


def kinds(rng, *, each=20, dim=6, of=NAMES, spread=0.3):
    centres = np.random.default_rng(0).normal(size=(10, dim))
    roots = np.repeat(np.array(of), each)
    return centres[roots] + spread * rng.normal(size=(len(roots), dim)), roots


def test_what_is_lacking_is_what_a_gaussian_process_of_the_field_s_library_expects():
    rng = np.random.default_rng(1)
    places, roots = kinds(rng)
    cues, _ = kinds(rng, each=5, of=(3, 9, 1))
    taught = Likeness.of(places, roots)
    length = np.sqrt(taught.width * places.shape[1] / 2)
    for column, root in enumerate(NAMES):
        process = GaussianProcessRegressor(RBF(length, "fixed"), alpha=DOUBT, optimizer=None)
        mean, deviation = process.fit(places, roots == root).predict(cues, return_std=True)
        expected = (1 - mean) ** 2 + deviation**2
        assert taught.lacking(cues)[:, column] == pytest.approx(expected, abs=1e-8)


def test_what_an_example_lacks_alone_is_what_it_lacks_when_it_is_left_out():
    places, roots = kinds(np.random.default_rng(2), each=7)
    taught = Likeness.of(places, roots)
    for left in (0, 8, 20):
        rest = np.arange(len(roots)) != left
        process = GaussianProcessRegressor(
            RBF(np.sqrt(taught.width * places.shape[1] / 2), "fixed"), alpha=DOUBT, optimizer=None
        ).fit(places[rest], roots[rest] == roots[left])
        [mean], [deviation] = process.predict(places[left : left + 1], return_std=True)
        expected = (1 - mean) ** 2 + deviation**2
        assert taught.lacking_alone()[left] == pytest.approx(expected, abs=1e-8)


def test_what_something_lacks_when_new_is_told_by_those_that_never_met_its_concept():
    places, roots = kinds(np.random.default_rng(3))
    found = Likeness.of(places, roots).lacking_when_new()
    for root in NAMES:
        out = roots == root
        others = Likeness.of(places[~out], roots[~out]).lacking(places[out]).min(axis=1)
        assert found[out] == pytest.approx(others, abs=1e-12)


def test_what_tells_concepts_apart_tells_the_new_though_noise_is_wider_than_they_are_apart():
    rng = np.random.default_rng(4)
    tell, noise = np.eye(6)[:, :6] * 3, 30

    def seen(of, each):
        roots = np.repeat(of, each)
        return np.hstack(
            [
                tell[roots] + rng.normal(size=(len(roots), 6)) * 0.3,
                rng.normal(size=(len(roots), noise)) * 0.8,
            ]
        ), roots

    places, roots = seen([0, 1, 2], 50)
    cues, of = seen([0, 1, 2, 3, 4, 5], 50)
    nearest = ((cues[:, None] - places[None]) ** 2).sum(axis=-1).min(axis=1)
    lacking = Likeness.of(places, roots).lacking(cues).min(axis=1)
    assert roc_auc_score(of > 2, lacking) > roc_auc_score(of > 2, nearest)


def test_something_new_joins_no_more_often_than_is_stated():
    joined, right = [], []
    for seed in range(8):
        rng = np.random.default_rng(seed)
        centres = rng.normal(size=(30, 6))
        of = np.repeat(np.arange(30), 12)
        places = centres[of] + 0.5 * rng.normal(size=(len(of), 6))
        known, shown = of < 20, np.arange(len(of)) % 2 == 0
        told = Learned.of(places[known & shown], of[known & shown], dict.fromkeys(range(20), 6))
        fits = told.fits(places[~known])
        joined += [any(one.values()) for one in fits]
        asked = known & ~shown
        right += [
            one[root] > 0 for one, root in zip(told.fits(places[asked]), of[asked], strict=True)
        ]
    assert np.mean(joined) <= FALSE_JOINS
    assert np.mean(right) > np.mean(joined)


def test_a_concept_of_which_little_was_shown_is_not_judged():
    places, roots = kinds(np.random.default_rng(5), each=ENOUGH)
    few = (roots != 5) | (np.cumsum(roots == 5) <= 4)
    told = Learned.of(places[few], roots[few], {3: 900, 5: 900, 9: ENOUGH})
    assert told.judged == {3, 9}
    assert Learned.of(places[few], roots[few], {3: 900, 5: 4, 9: ENOUGH}).judged == {3, 5, 9}


def test_where_nothing_can_be_learned_nothing_is():
    places, roots = kinds(np.random.default_rng(6), each=2)
    assert Likeness.of(np.zeros((6, 3)), roots) is None
    assert Likeness.of(places, np.arange(6)) is None
    assert Learned.of(places, roots, dict.fromkeys(NAMES, 2)) is None
    many, one = kinds(np.random.default_rng(6), each=30, of=(3,))
    assert Learned.of(many, one, {3: 30}) is None


def test_a_fit_is_one_on_it_and_half_at_the_limit():
    assert fit(0.0, 2.0) == 1.0
    assert fit(1.999999, 2.0) == pytest.approx(0.5, abs=1e-6)
    assert fit(2.0, 2.0) == 0.0
    assert fit(0.0, 0.0) == 1.0


@pytest.fixture
def named(tmp_path):
    places, roots = kinds(np.random.default_rng(7))
    with Memory.open(tmp_path / "life", create={"resolution": None, "vector": 6}) as memory:
        memory.concepts.choose(locality="learned")
        memory.remember_many(
            vector=places.astype(np.float32), label=[f"kind {root}" for root in roots]
        )
        yield memory


def labels(memory, cues):
    found = memory.recall_many(vector=cues.astype(np.float32))
    return [None if one.concept is None else one.concept.label for one in found]


def test_new_sights_of_the_named_join_it_more_often_than_by_the_nearest_and_strangers_hardly(
    tmp_path,
):
    rng = np.random.default_rng(8)
    of = np.repeat(np.arange(30), 20)
    places = rng.normal(size=(30, 6))[of] + 0.4 * rng.normal(size=(len(of), 6))
    known, shown = of < 20, np.arange(len(of)) % 2 == 0
    right, new = {}, {}
    with Memory.open(tmp_path / "life", create={"resolution": None, "vector": 6}) as memory:
        met = known & shown
        memory.remember_many(
            vector=places[met].astype(np.float32), label=[f"kind {root}" for root in of[met]]
        )
        for rule in ("nearest", "learned"):
            memory.concepts.choose(locality=rule)
            new[rule] = np.mean([one is not None for one in labels(memory, places[~known])])
            found = labels(memory, places[known & ~shown])
            right[rule] = np.mean(
                [f"kind {root}" == one for root, one in zip(of[known & ~shown], found, strict=True)]
            )
    assert max(new.values()) <= FALSE_JOINS
    assert right["learned"] > right["nearest"]


def test_what_is_remembered_joins_its_own_and_what_is_partly_known_goes_by_the_nearest(named):
    space = named.concepts._association.space("vector")
    ids = space.patterns.ids.tolist()
    vectors, near = space.patterns.rows, space.nearest(space.patterns.rows, None)
    roots = named._all.store.graph.named_roots_of_points(ids)
    for id, some in zip(ids, space.fits(near, vectors, None), strict=True):
        assert roots[some[0][0]] == roots[id]
    known = vectors.bool() | True
    known[:, 0] = False
    named.concepts.choose(locality="nearest")
    plain = named.concepts._association.space("vector")
    assert space.fits(near, vectors, known) == plain.fits(near, vectors, known)
    assert space.fits(near, vectors, None) != plain.fits(near, vectors, None)
