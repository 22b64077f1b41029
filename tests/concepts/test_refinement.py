"""Labels learned from few examples, against the label of the nearest one."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from mnemic.concepts.refinement import Refinement, nearest_label
from mnemic.errors import ConfigError, CueError, ShapeError

KINDS = ("cat", "dog", "owl")


def code(count, rng, *, relevant=3.0, irrelevant=4.0):
    """A code that tells the kinds apart in three directions, and differs far more in others."""
    which = rng.integers(len(KINDS), size=count)
    features = rng.standard_normal((count, 20)) * irrelevant
    features[:, :3] = rng.standard_normal((count, 3)) * 0.3 + relevant * np.eye(3)[which]
    return features.astype(np.float32), [KINDS[index] for index in which]


def right(named, labels):
    return np.mean([one == other for one, other in zip(named, labels, strict=True)])


def test_what_matters_is_found_where_the_nearest_example_is_led_astray():
    rng = np.random.default_rng(0)
    examples, labels = code(60, rng)
    held_out, truth = code(300, rng)
    assert right(nearest_label(held_out, examples, labels), truth) < 0.6
    assert right(Refinement.fit(examples, labels).predict(held_out), truth) > 0.85


def test_of_real_digits_both_routes_name_most_from_ten_examples_each():
    digits = load_digits()
    pictures, labels = digits.data.astype(np.float32) / 16, [str(one) for one in digits.target]
    rng = np.random.default_rng(0)
    chosen = np.concatenate(
        [rng.permutation(np.flatnonzero(digits.target == digit))[:10] for digit in range(10)]
    )
    rest = np.setdiff1d(np.arange(len(labels)), chosen)
    few, names = pictures[chosen], [labels[index] for index in chosen]
    truth = [labels[index] for index in rest]
    head = right(Refinement.fit(few, names).predict(pictures[rest]), truth)
    local = right(nearest_label(pictures[rest], few, names), truth)
    assert head > 0.85
    assert local > 0.85


@pytest.mark.parametrize("kinds", [2, 3])
def test_probabilities_are_those_of_the_library_s_own_head(kinds):
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    features, _ = code(90, rng)
    labels = [KINDS[index % kinds] for index in range(90)]
    ours = Refinement.fit(features, labels).probabilities(features)
    centred = features - features.mean(axis=0)
    scaled = centred / np.sqrt((centred**2).sum(axis=1).mean())
    head = LogisticRegression(C=100.0, class_weight="balanced", max_iter=1000).fit(scaled, labels)
    assert np.allclose(ours, head.predict_proba(scaled), atol=1e-5)
    assert np.allclose(ours.sum(axis=1), 1)


def test_a_rare_label_is_not_drowned_by_a_frequent_one():
    rng = np.random.default_rng(0)
    many = rng.standard_normal((200, 5)).astype(np.float32)
    few = (rng.standard_normal((4, 5)) + 3).astype(np.float32)
    head = Refinement.fit(np.concatenate([many, few]), ["usual"] * 200 + ["rare"] * 4)
    new = (rng.standard_normal((50, 5)) + 3).astype(np.float32)
    assert right(head.predict(new), ["rare"] * 50) > 0.8


def test_what_cannot_be_learned_from_is_refused():
    two = np.eye(2, dtype=np.float32)
    for features, labels, error, complaint in (
        (two, ["a"], ShapeError, "2 examples have 1 labels"),
        (two, ["a", "a"], ConfigError, "two or more"),
        (np.full((2, 2), np.nan, np.float32), ["a", "b"], CueError, "NaN"),
    ):
        with pytest.raises(error, match=complaint):
            Refinement.fit(features, labels)
    with pytest.raises(ConfigError, match="strength"):
        Refinement.fit(two, ["a", "b"], strength=0.0)
    with pytest.raises(ShapeError, match="learned from 2 features, got 3"):
        Refinement.fit(two, ["a", "b"]).predict(np.eye(3, dtype=np.float32))
    with pytest.raises(ShapeError, match="0 examples"):
        nearest_label(two, two[:0], [])
