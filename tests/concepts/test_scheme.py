"""What a picture is, of the classes a network knows and of what those are kinds of."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.concepts.scheme import BROADEST, SURE, Scheme
from mnemic.concepts.thesaurus import Thesaurus
from mnemic.senses.seeing import imagenet_synsets

THESAURUS = Thesaurus()
SCHEME = Scheme(THESAURUS)
CLASSES = [int(name[1:]) for name in imagenet_synsets()]


def taken(shares, **choices):
    """The kind of a picture of these shares, by word; the rest is spread over all."""
    probabilities = np.full(1000, (1 - sum(shares.values())) / 1000, np.float32)
    for word, share in shares.items():
        [place] = {CLASSES.index(one) for one in THESAURUS.meanings(word) if one in CLASSES}
        probabilities[place] += share
    kind = SCHEME.kind(probabilities, **choices)
    return None if kind is None else THESAURUS.synset(kind.synset).words[0]


def all_above(offset):
    return {offset}.union(*(all_above(one.offset) for one in THESAURUS.above(offset)))


ABOVE = [all_above(offset) for offset in CLASSES]


def test_a_likely_class_is_the_answer_and_an_unlikely_one_gives_way_to_what_it_is_a_kind_of():
    assert taken({"Egyptian cat": 0.8}) == "egyptian cat"
    assert taken({"Egyptian cat": 0.5, "tabby": 0.4}) == "domestic cat"
    assert taken({"moped": 0.4, "motor scooter": 0.4}) == "wheeled vehicle"
    assert taken({"beagle": 0.3, "pug": 0.3, "dalmatian": 0.3}) == "dog"


def test_what_is_as_likely_of_two_ends_of_the_thesaurus_is_not_answered():
    assert taken({"Egyptian cat": 0.5, "espresso": 0.5}) is None
    assert taken({}) is None
    assert taken({"Egyptian cat": 0.5, "espresso": 0.4}, sure=0.5) == "egyptian cat"


def test_a_class_goes_before_what_only_it_is_a_kind_of():
    assert taken({"tripod": 0.9}) == "tripod"  # the one rack among the classes


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), sharpness=st.floats(0.002, 0.05), sure=st.floats(0.51, 0.95))
def test_the_kind_is_the_smallest_that_is_likely_enough(seed, sharpness, sure):
    likely = np.random.default_rng(seed).dirichlet(np.full(1000, sharpness)).astype(np.float32)
    sizes, sums = {}, {}
    for share, above in zip(likely, ABOVE, strict=True):
        for synset in above:
            sizes[synset] = sizes.get(synset, 0) + 1
            sums[synset] = sums.get(synset, 0.0) + float(share)
    clear = [one for one in sums if abs(sums[one] - sure) > 1e-5]
    able = [one for one in clear if sums[one] >= sure and sizes[one] <= BROADEST * 1000]
    kind = SCHEME.kind(likely, sure=sure)
    if len(clear) < len(sums):
        return  # on the very edge, where rounding decides
    if not able:
        assert kind is None
        return
    assert sizes[kind.synset] == min(sizes[one] for one in able)
    assert kind.probability == pytest.approx(sums[kind.synset], abs=1e-5)
    best = max(sums[one] for one in able if sizes[one] == sizes[kind.synset])
    assert kind.probability == pytest.approx(best, abs=1e-5)


def test_an_answer_is_right_more_often_than_not_by_its_own_account():
    assert 0.5 < SURE < 1
