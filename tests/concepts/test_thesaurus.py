"""The thesaurus: what a label is a kind of, read from WordNet where it lies."""

import pytest

from mnemic.concepts.thesaurus import Thesaurus
from mnemic.datasets.words import wordnet
from mnemic.errors import DataError, MediaError


@pytest.fixture(scope="module")
def thesaurus():
    return Thesaurus()


@pytest.fixture(scope="module")
def nouns():
    return wordnet(["noun"])


def test_every_noun_is_found_where_the_whole_reader_finds_it(thesaurus, nouns):
    assert len(nouns) == 82_115
    assert all(thesaurus.synset(one.offset) == one for one in nouns[::97])
    for one in nouns[::97]:
        for word in one.words:
            assert one.offset in thesaurus.meanings(word), word


def test_all_are_below_entity_and_none_is_above_itself(thesaurus, nouns):
    above = {
        one.offset: [link.offset for link in one.links if link.symbol[0] == "@"] for one in nouns
    }
    [top] = [offset for offset, parents in above.items() if not parents]
    assert thesaurus.synset(top).words == ("entity",)
    for one in nouns[::301]:
        ways, seen = [one.offset], set()
        while ways:
            here = ways.pop()
            seen.add(here)
            assert [synset.offset for synset in thesaurus.above(here)] == above[here]
            ways += above[here]
        assert top in seen


@pytest.mark.parametrize(
    ("label", "word", "kind"),
    [
        ("dog", "dog", "canine"),
        ("Sandals", "sandal", "shoe"),
        ("New York", "new york", "city"),
        ("children", "child", "juvenile"),
    ],
)
def test_a_label_is_a_kind_of_what_it_should_be(thesaurus, label, word, kind):
    [first, *_] = thesaurus.meanings(label)
    assert word in thesaurus.synset(first).words
    assert any(
        kind in above.words
        for offset in thesaurus.meanings(label)
        for above in thesaurus.above(offset)
    )


@pytest.mark.parametrize("label", ["Jennifer Aniston", "", "  ", "zzzzzz", "ñandú", "a\0b", "0"])
def test_what_is_no_word_means_nothing(thesaurus, label):
    assert thesaurus.meanings(label) == [] or label == "0"


def test_a_byte_where_no_synset_begins_is_refused(thesaurus):
    with pytest.raises(MediaError, match="no synset 3"):
        thesaurus.synset(3)


def test_without_wordnet_there_is_no_thesaurus_and_it_says_where_it_looked(tmp_path, monkeypatch):
    monkeypatch.setattr("mnemic.datasets.words.WORDNET", tmp_path)
    assert Thesaurus.found() is None
    with pytest.raises(DataError, match="apt install wordnet-base"):
        Thesaurus()


@pytest.mark.parametrize(
    ("label", "known"),
    [
        ("Ada", False),
        ("Ben", False),
        ("ben", True),
        ("Sandal", False),
        ("Shoes", True),
        ("Sandals", True),
        ("Paris", True),
    ],
)
def test_a_label_with_a_capital_is_a_name(thesaurus, label, known):
    assert bool(thesaurus.meanings(label)) == known
