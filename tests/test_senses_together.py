"""A memory with several senses: seen, read, heard and felt, and brought back by any of them."""

import json
import sqlite3

import numpy as np
import pyarrow.parquet as pq
import pytest

from mnemic import Memory
from mnemic.datasets import spoken
from mnemic.errors import ConfigError, CueError, EmptyMemoryError, MediaError
from mnemic.media_sound import read_sound, to_wav
from mnemic.records import Sound
from mnemic.senses import FromCallable

ALL = {"resolution": 28, "channels": 1, "text": True, "sound": True, "vector": 5}
WORDS = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]


def corner(name="corner", encoder=lambda picture: picture[:4, :4].reshape(-1) + 1.0):
    return FromCallable(name=name, modality="image", dim=48, encoder=encoder)


@pytest.fixture(scope="module")
def voices():
    return [spoken(word)[:2] for word in WORDS]


@pytest.fixture
def feelings():
    return np.random.default_rng(0).standard_normal((len(WORDS), 5)).astype(np.float32)


@pytest.fixture
def life(tmp_path, clothes, voices, feelings):
    with Memory.open(tmp_path / "life.mnemic", create=ALL) as memory:
        memory.remember_many(
            image=clothes[: len(WORDS)],
            sound=voices,
            text=[f"somebody says {word}" for word in WORDS],
            vector=feelings,
            label=WORDS,
        )
        yield memory


def test_each_sense_alone_brings_back_all_the_others(life, clothes, voices, feelings):
    for index, word in enumerate(WORDS):
        for cue in (
            {"image": clothes[index]},
            {"text": f"Somebody  says {word}"},
            {"sound": voices[index]},
            {"vector": feelings[index]},
            {"sound": voices[index], "text": word},
        ):
            found = life.recall(**cue)
            assert (found.label, found.remembered) == (word, True), cue
            assert np.array_equal(found.image, clothes[index])
            assert np.allclose(found.vector, feelings[index])
            assert found.text == f"somebody says {word}"
            assert np.allclose(found.sound.samples, voices[index][0])
            assert found.sound.rate == voices[index][1]


def test_many_cues_mean_what_each_means_alone(life, voices):
    found = life.recall_many(sound=voices, text=[f"somebody says {word}" for word in WORDS])
    assert [one.label for one in found] == WORDS
    alone = life.recall(sound=voices[3], text="somebody says three")
    assert found[3].confidence == alone.confidence


def test_the_original_is_that_of_the_sense_that_was_asked(life, voices, clothes):
    assert life.recall(sound=voices[2]).media_type == "audio/wav"
    assert life.recall(image=clothes[2]).media_type == "application/x-npy"
    originals = life.originals(3)
    assert sorted(kind for _, kind in originals) == [
        "application/x-npy",
        "application/x-npy",
        "audio/wav",
    ]  # a text is kept as content, and once


def test_surprise_is_felt_by_every_sense(life, voices, clothes):
    for known, new in (
        ({"text": "somebody says two"}, {"text": "quite another matter altogether"}),
        ({"sound": voices[2]}, {"sound": spoken("hippopotamus", synthesiser="flite")[:2]}),
        ({"image": clothes[2]}, {"image": clothes[2000]}),
    ):
        assert life.surprise(**known) == 0
        assert life.surprise(**new) > 0.5


def test_a_file_of_sound_is_kept_byte_for_byte(tmp_path, life, voices):
    path = tmp_path / "note.wav"
    samples, rate = voices[4]
    path.write_bytes(to_wav(Sound((samples * 30_000).astype(np.int16), rate)) + b"\0\0 a tail")
    engram = life.remember(sound=path, label="a note")
    assert life.originals(engram.id) == [(path.read_bytes(), "audio/wav")]
    assert life.recall(sound=path).original == path.read_bytes()
    life.export(tmp_path / "out")
    rows = pq.read_table(tmp_path / "out" / "points.parquet").to_pylist()
    [row] = [row for row in rows if row["engram"] == engram.id]
    assert (tmp_path / "out" / row["original"]).read_bytes() == path.read_bytes()
    assert row["original"].endswith(".wav")
    assert life.check() == []


def test_what_was_remembered_by_all_senses_is_there_when_opened_again(tmp_path, life, voices):
    life.close()
    with Memory.open(tmp_path / "life.mnemic") as memory:
        assert memory.config.text
        assert memory.config.sound
        assert memory.recall(sound=voices[7]).text == "somebody says seven"
        assert memory.recall(text="somebody says seven").label == "seven"


def test_several_texts_of_one_experience_all_lead_to_it(life):
    life.remember(text=["bought in Leiden", "worn at the wedding", ""], label="boots")
    assert life.recall(text="Worn at the wedding").label == "boots"
    assert life.recall(text="bought in leiden").label == "boots"


def test_bad_parts_of_any_sense_store_nothing(life, clothes, tmp_path):
    (tmp_path / "strange.wav").write_bytes(b"RIFF\x10\0\0\0WAVEno such codec")
    rate, before = 16_000, len(life)
    for bad, error, complaint in (
        ({"sound": (np.zeros(rate), rate)}, CueError, "silent"),
        ({"sound": tmp_path / "strange.wav"}, MediaError, "WAV, FLAC or OGG|cut short"),
        ({"sound": (np.full(rate, np.nan), rate)}, MediaError, "NaN"),
        ({"sound": (np.zeros(7200 * 1000), 1000)}, MediaError, "lasts 7200 seconds"),
        ({"sound": np.zeros(rate)}, MediaError, r"\(samples, rate\)"),
    ):
        with pytest.raises(error, match=complaint):
            life.remember(image=clothes[0], text="fine", **bad)
        with pytest.raises(error, match=complaint):
            life.recall(**bad)
    with pytest.raises(CueError, match="empty"):
        life.recall(text=" ")
    assert len(life) == before


def test_an_empty_text_is_kept_as_it_is_beside_a_picture(life, clothes):
    engram = life.remember(image=clothes[50], text="")
    assert engram.texts == ("",)
    assert life.recall(image=clothes[50]).engram.id == engram.id


def test_a_cue_for_a_sense_the_memory_lacks_says_which_there_are(memory):
    for cue in ({"text": "boots"}, {"sound": (np.ones(9), 8000)}):
        with pytest.raises(CueError, match=r"no sense for .*, only for image, vector"):
            memory.recall(**cue)
    with pytest.raises(CueError, match="only for image, vector"):
        memory.remember(sound=(np.ones(9), 8000))
    memory.remember(text="kept as content all the same")
    assert len(memory) == 1


def test_a_memory_made_before_there_were_these_senses_opens_as_it_was(tmp_path, clothes):
    with Memory.open(tmp_path / "m", create={"resolution": 28, "channels": 1}) as memory:
        memory.remember(image=clothes[0], text="old")
    with sqlite3.connect(tmp_path / "m" / "memory.sqlite") as db:
        [[kept]] = db.execute("SELECT * FROM config").fetchall()
        config = json.loads(kept)
        for name in ("text", "sound", "pretrained", "others"):
            del config["made_with"][name]
        column = db.execute("PRAGMA table_info(config)").fetchone()[1]
        db.execute(f"UPDATE config SET {column} = ?", [json.dumps(config)])
    with Memory.open(tmp_path / "m") as memory:
        assert memory.recall(image=clothes[0]).text == "old"
        assert not memory.config.text
        memory.remember(image=clothes[1], text="new")
        assert len(memory) == 2


def test_two_senses_of_one_modality_both_see_and_the_first_keeps_the_original(tmp_path, clothes):
    create = {"resolution": 28, "channels": 1}
    with Memory.open(tmp_path / "m", create=create, senses=[corner()]) as memory:
        memory.remember_many(image=clothes[:40], label=[str(index) for index in range(40)])
        pictured = np.zeros((28, 28), np.uint8)
        pictured[:4, :4] = np.arange(16).reshape(4, 4) * 9
        memory.remember(image=pictured, label="a corner")
        found = memory.recall(image=pictured)
        assert (found.label, found.remembered) == ("a corner", True)
        assert np.array_equal(found.image, pictured)
        other = clothes[3].copy()
        other[:4, :4] = pictured[:4, :4]
        assert memory.recall(image=other, by="pixels").label == "3"
        assert memory.recall(image=other, by=["corner"]).label == "a corner"
        assert len(memory.originals(41)) == 1
        with pytest.raises(ConfigError, match=r"by= names a sense 'nose'; .* 'pixels', 'corner'"):
            memory.recall(image=other, by="nose")


def test_a_sense_of_one_s_own_must_be_handed_over_again(tmp_path, clothes):
    path = tmp_path / "m"
    with Memory.open(path, create={"resolution": None}, senses=[corner()]) as memory:
        memory.remember(image=clothes[0], label="kept")
    with pytest.raises(ConfigError, match="was made with the sense 'corner'"):
        Memory.open(path)
    with pytest.raises(ConfigError, match="made without the sense 'other'"):
        Memory.open(path, senses=[corner(), corner("other")])
    with Memory.open(path, senses=[corner()]) as memory:
        found = memory.recall(image=clothes[0])
        assert (found.label, found.image, found.source) == ("kept", None, "detail")
        assert found.original is not None


def test_an_encoder_that_changed_is_noticed_and_nothing_is_lost(tmp_path, clothes):
    path = tmp_path / "m"
    with Memory.open(path, create={"resolution": None}, senses=[corner()]) as memory:
        memory.remember(image=clothes[0], label="kept")
    changed = corner(encoder=lambda picture: picture[-4:, -4:].reshape(-1) + 1.0)
    with pytest.raises(ConfigError, match="another version of the sense 'corner'"):
        Memory.open(path, senses=[changed])
    with Memory.open(path, senses=[corner()]) as memory:
        assert memory.recall(image=clothes[0]).label == "kept"
        assert memory.check() == []


def test_originals_stay_where_features_are_no_way_back(tmp_path, clothes, voices):
    create = {**ALL, "keep": "detail"}
    with Memory.open(tmp_path / "m", create=create) as memory:
        memory.remember(image=clothes[0], sound=voices[0], text="zero")
        [(data, kind)] = memory.originals(1)  # of the picture, its detail is the way back
        assert kind == "audio/wav"
        assert np.allclose(read_sound(data).sound.samples, voices[0][0])


def test_a_memory_of_sounds_alone_sleeps_on_nothing_and_says_so(tmp_path, voices):
    create = {"resolution": None, "sound": True}
    with Memory.open(tmp_path / "m", create=create) as memory:
        memory.remember_many(sound=voices)
        with pytest.raises(EmptyMemoryError, match="nothing to replay"):
            memory.sleep(10, 1)


def test_how_far_each_sense_compresses_is_what_its_bytes_say(life, clothes, voices):
    uses = {sense.name: sense for sense in life.senses()}
    assert list(uses) == ["pixels", "letters", "log-mel", "vector"]
    sizes = [len(data) for id in life.ids() for data, kind in life.originals(id) if "audio" in kind]
    sound = uses["log-mel"]
    assert (sound.points, sound.features) == (10, 312)
    assert sound.bytes_given == sum(sizes)
    assert sound.bytes_features == 10 * 312 * 2
    assert sound.compression == sum(sizes) / (10 * 312 * 2)
    texts = sum(len(f"somebody says {word}") for word in WORDS)
    assert uses["letters"].bytes_given == texts
    assert uses["pixels"].bytes_features == 10 * 28 * 28


def test_an_empty_memory_compresses_nothing(memory):
    assert [sense.compression for sense in memory.senses()] == [None, None]
