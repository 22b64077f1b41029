"""Synchrony as an equation: bounded, and an estimate of how often two things go together."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mnemic.concepts.hebbian import SLOWEST, rate, strengthened, updated

firings = st.lists(st.booleans(), max_size=60)


def tied(firings):
    weight = 0.0
    for chances, together in enumerate(firings):
        weight = updated(weight, chances, together=together)
    return weight


@given(firings=firings)
def test_a_tie_stays_between_0_and_1_and_counts_what_went_together(firings):
    weight = tied(firings)
    assert 0 <= weight < 1
    if len(firings) <= 1 / SLOWEST - 1:
        assert np.isclose(weight, sum(firings) / (len(firings) + 1))


@given(firings=firings)
def test_firing_together_strengthens_a_tie_and_firing_alone_weakens_it(firings):
    weight, chances = tied(firings), len(firings)
    assert updated(weight, chances, together=True) > weight
    assert updated(weight, chances, together=False) <= weight


def test_a_tie_follows_what_has_changed():
    weight = tied([True] * 1000)
    assert weight > 0.99
    for chances in range(1000, 1200):
        weight = updated(weight, chances, together=False)
    assert weight < 0.02
    assert rate(10**6) == SLOWEST


@given(weight=st.floats(0, 1))
def test_a_link_that_is_used_grows_towards_1_and_not_beyond(weight):
    assert weight <= strengthened(weight) <= 1
