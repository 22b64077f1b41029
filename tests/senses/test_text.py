"""The innate sense of text: runs of letters."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnemic.errors import ConfigError, CueError
from mnemic.senses import Letters

SENSE = Letters()


def features(text, sense=SENSE):
    return sense.encode(text).features


def closeness(one, other):
    return float(features(one) @ features(other))


@given(text=st.text(min_size=1).filter(lambda text: text.strip()))
def test_the_same_text_has_the_same_features_of_length_one(text):
    try:
        once = SENSE.encode(text)
    except CueError:  # blanks of some other kind
        return
    assert np.array_equal(once.features, features(text))
    assert np.linalg.norm(once.features) == pytest.approx(1, abs=2e-3)
    assert np.array_equal(SENSE.unpack([once.point.code])[0], once.features)


@pytest.mark.parametrize(
    ("one", "other"),
    [("Straße", "STRASSE"), ("Jose\u0301", "JOSÉ"), ("ﬁne", "fine"), (" a\n b ", "a b")],
)
def test_ways_of_writing_the_same_make_no_difference(one, other):
    assert np.array_equal(features(one), features(other))


def test_what_is_spelt_alike_is_close_and_the_rest_is_not():
    assert closeness("Jennifer Aniston", "Jenifer Anniston") > 0.75
    assert closeness("Jennifer Aniston", "a red bicycle") < 0.2
    assert closeness("my note about the boat trip", "note about a boat trip") > 0.7


def test_features_are_what_counting_runs_by_hand_gives():
    """Runs that hash alike share a feature: with as many features as this, none does."""
    wide = Letters(dim=1 << 20)
    counts = np.sort(np.abs(features("aaab", wide)[features("aaab", wide) != 0]))
    padded = " aaab "
    runs = [padded[i : i + n] for n in range(1, 5) for i in range(len(padded) - n + 1)]
    expected = np.sqrt([runs.count(run) for run in set(runs)])
    assert np.allclose(counts, np.sort(expected / np.linalg.norm(expected)), rtol=2e-3)


def test_a_run_across_the_seam_of_two_chunks_is_counted(monkeypatch):
    whole = features("the quick brown fox")
    monkeypatch.setattr("mnemic.senses.text.CHUNK", 5)
    assert np.array_equal(features("the quick brown fox"), whole)


def test_ten_megabytes_are_read_to_their_end():
    long = "all work and no play " * 500_000
    assert len(long) > 10**7
    one, other = features(long), features(long + "zebra " * 20_000)
    assert 0.5 < one @ other < 0.999


@pytest.mark.parametrize("text", ["", " \n\t", None, 7, b"bytes"])
def test_what_is_empty_or_no_text_is_refused(text):
    with pytest.raises(CueError, match=r"empty|is a string"):
        SENSE.encode(text)


def test_a_mask_and_a_sense_without_features_are_refused():
    with pytest.raises(CueError, match="no mask"):
        SENSE.encode("a", known=[True])
    with pytest.raises(ConfigError, match="at least one feature"):
        Letters(dim=0)
