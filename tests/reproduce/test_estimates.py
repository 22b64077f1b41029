import pytest

from mnemic.reproduce.estimates import merged, over_seeds


def test_an_interval_is_students():
    found = over_seeds([1.0, 2.0, 3.0])
    # t of two degrees of freedom at .975 is 4.302653; the standard error is 1/√3
    assert found["mean"] == 2.0
    assert found["high"] - found["mean"] == pytest.approx(4.302653 / 3**0.5, rel=1e-6)
    assert found["mean"] - found["low"] == pytest.approx(4.302653 / 3**0.5, rel=1e-6)


def test_one_seed_has_no_interval_but_itself():
    assert over_seeds([0.5]) == {"mean": 0.5, "low": 0.5, "high": 0.5, "by seed": [0.5]}


def test_a_curve_is_estimated_point_by_point():
    found = merged([{"curve": [0.0, 1.0]}, {"curve": [2.0, 1.0]}])["curve"]
    assert found["mean"] == [1.0, 1.0]
    assert found["low"][1] == found["high"][1] == 1.0
    assert found["by seed"] == [[0.0, 1.0], [2.0, 1.0]]


def test_words_stay_words_where_seeds_agree():
    assert merged([{"rule": "a"}, {"rule": "a"}]) == {"rule": "a"}
    with pytest.raises(ValueError, match="disagree"):
        merged([{"rule": "a"}, {"rule": "b"}])


def test_seeds_that_measured_different_things_are_refused():
    with pytest.raises(ValueError, match="not every seed"):
        merged([{"a": 1.0}, {"b": 1.0}])


def test_curves_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="zip"):
        merged([{"a": [1.0]}, {"a": [1.0, 2.0]}])
