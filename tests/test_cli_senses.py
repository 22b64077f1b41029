"""Sounds and texts on the command line."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from mnemic.cli import BAD_INPUT, USAGE, app
from mnemic.datasets import spoken
from mnemic.media import to_png
from mnemic.media_sound import to_wav
from mnemic.records import Sound


@pytest.fixture
def run():
    def run(*words, code=0):
        result = CliRunner().invoke(app, [str(word) for word in words])
        assert result.exit_code == code, result.output + str(result.exception)
        return result.stdout

    return run


@pytest.fixture
def notes(tmp_path):
    """Two voice notes and a picture, in folders that name them."""
    for word in ("one", "seven"):
        said = spoken(word)
        (tmp_path / "notes" / word).mkdir(parents=True)
        samples = (said.samples * 30_000).astype(np.int16)
        (tmp_path / "notes" / word / "note.wav").write_bytes(to_wav(Sound(samples, said.rate)))
    picture = np.random.default_rng(0).integers(256, size=(20, 20, 3), dtype=np.uint8)
    (tmp_path / "notes" / "one" / "picture.png").write_bytes(to_png(picture))
    return tmp_path / "notes"


def test_a_folder_of_notes_is_remembered_and_a_note_recalled(tmp_path, notes, run):
    path = tmp_path / "m"
    assert "3 files stored" in run("remember", notes, "-m", path, "--resolution", 16)
    found = json.loads(run("recall", notes / "seven" / "note.wav", "-m", path, "--json"))
    assert found["engram"]["label"] == "seven"
    out = tmp_path / "again.wav"
    run("recall", notes / "one" / "note.wav", "-m", path, "--original", out)
    assert out.read_bytes() == (notes / "one" / "note.wav").read_bytes()
    assert json.loads(run("surprise", notes / "one" / "note.wav", "-m", path, "--json")) == {
        "surprise": 0.0
    }


def test_a_text_is_remembered_alone_and_recalled_by_another_spelling(tmp_path, run):
    path = tmp_path / "m"
    key = "the key is under the third pot"
    assert "1 text stored" in run("remember", "--text", key, "--sense", "text", "-m", path)
    found = json.loads(
        run("recall", "--text", key.upper(), "-m", path, "--by", "letters", "--json")
    )
    assert found["engram"]["text"] == [key]
    said = json.loads(run("info", "-m", path, "--json"))
    assert said["count"] == 1
    assert [sense["name"] for sense in said["senses"]] == ["pixels", "letters"]
    assert "letters" in run("info", "-m", path)


def test_what_cannot_be_heard_is_left_out_by_name(tmp_path, notes, run):
    (notes / "one" / "silence.wav").write_bytes(to_wav(Sound(np.zeros(9000, np.int16), 9000)))
    result = CliRunner().invoke(app, ["remember", str(notes), "-m", str(tmp_path / "m")])
    assert result.exit_code == BAD_INPUT
    assert "silence.wav: the sound is silent" in " ".join(result.stderr.split())
    assert "3 files stored" in result.stdout


@pytest.mark.parametrize("verb", ["remember", "recall", "surprise"])
def test_nothing_to_remember_or_recall_is_wrong_usage(verb, tmp_path, run):
    path = tmp_path / "m"
    run("remember", "--text", "x", "-m", path)
    result = CliRunner().invoke(app, [verb, "-m", str(path)])
    assert result.exit_code == USAGE
    assert "--text" in result.stderr
