"""The command line: thin, honest in its exit codes, and readable by machines."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from mnemic import Memory
from mnemic.cli import BAD_INPUT, NO, STORE, USAGE, run

MNEMIC = (sys.executable, "-c", "from mnemic.cli import run; run()")


@pytest.fixture
def mnemic(monkeypatch, capsys):
    """Run a command in this process: exit code, output, errors."""

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["mnemic", *map(str, words)])
        code = 0
        try:
            run()
        except SystemExit as stopped:
            code = stopped.code
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


@pytest.fixture
def photos(tmp_path, clothes):
    """A folder of pictures in two subfolders, one of which cannot be read."""
    for index, picture in enumerate(clothes[:12]):
        folder = tmp_path / "photos" / ("shoes" if index % 2 else "shirts")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{index:02}.png")
    return tmp_path / "photos"


@pytest.fixture
def life(mnemic, photos, tmp_path):
    """A memory of those pictures."""
    path = tmp_path / "life.mnemic"
    code, _, errors = mnemic("remember", photos, "-m", path, "--resolution", 28, "--grey")
    assert (code, errors) == (0, "")  # no bar where nobody watches
    return path


def test_a_folder_is_remembered_with_its_subfolders_as_labels(life, mnemic):
    code, out, _ = mnemic("show", "-m", life, "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown["count"] == 12
    assert {engram["label"] for engram in shown["engrams"]} == {"shoes", "shirts"}


def test_a_torn_picture_is_recalled_and_written(life, mnemic, photos, tmp_path):
    torn = np.asarray(Image.open(photos / "shoes" / "03.png").convert("RGBA")).copy()
    torn[14:] = 0  # transparent: unknown
    Image.fromarray(torn).save(tmp_path / "torn.png")
    code, out, _ = mnemic(
        "recall", tmp_path / "torn.png", "-m", life,
        "--out", tmp_path / "found.png", "--original", tmp_path / "original.png", "--json",
    )  # fmt: skip
    found = json.loads(out)
    whole = photos / "shoes" / "03.png"
    assert code == 0
    assert found["remembered"]
    assert found["engram"]["metadata"]["path"] == str(whole)
    assert len(found["runners_up"]) == 2
    assert np.array_equal(Image.open(tmp_path / "found.png"), Image.open(whole))
    assert (tmp_path / "original.png").read_bytes() == whole.read_bytes()


def test_recall_says_in_words_what_it_found(life, mnemic, photos):
    code, out, _ = mnemic("recall", photos / "shoes" / "03.png", "-m", life)
    assert code == 0
    assert out.startswith("remembered (confidence")
    assert "shoes" in out


def test_a_picture_never_seen_exits_with_no(life, mnemic, unseen_clothes, tmp_path):
    Image.fromarray(unseen_clothes[0]).save(tmp_path / "new.png")
    code, out, _ = mnemic("recall", tmp_path / "new.png", "-m", life)
    assert code == NO
    assert "never seen" in out


def test_surprise_is_a_number(life, mnemic, photos, tmp_path):
    code, out, _ = mnemic("surprise", photos / "shirts" / "00.png", "-m", life, "--json")
    assert (code, json.loads(out)) == (0, {"surprise": 0.0})


def test_show_draws_a_contact_sheet(life, mnemic, tmp_path):
    code, _, _ = mnemic("show", "-m", life, "--out", tmp_path / "sheet.png", "--label", "shoes")
    assert code == 0
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert np.asarray(sheet).std() > 20  # there is something on it


def test_forget_backup_export_and_check_do_what_they_say(life, mnemic, tmp_path):
    assert mnemic("backup", tmp_path / "copy", "-m", life)[0] == 0
    assert mnemic("forget", 1, 2, "-m", life)[:2] == (0, "forgotten: 1, 2; 10 engrams left\n")
    assert mnemic("export", tmp_path / "out", "-m", life)[0] == 0
    assert mnemic("check", "-m", life)[:2] == (0, "10 engrams, no faults\n")
    with Memory.open(tmp_path / "copy", read_only=True) as copy:
        assert len(copy) == 12
    assert (tmp_path / "out" / "engrams.parquet").exists()


def test_check_exits_with_no_when_there_is_damage(life):
    with Memory.open(life) as memory:
        memory._store._db.execute("UPDATE points SET code = x'00' WHERE id = 1")
    done = subprocess.run([*MNEMIC, "check", "-m", life], capture_output=True, text=True)
    assert done.returncode == NO
    assert "mnemic: engram 1 is damaged and cannot be recalled" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unreadable_picture_is_left_out_and_said(life, mnemic, photos):
    (photos / "shoes" / "bad.png").write_bytes(b"not a picture")
    code, out, errors = mnemic("remember", photos / "shoes", "-m", life)
    assert code == BAD_INPUT
    assert "bad.png" in errors
    assert out.startswith("6 pictures stored")


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("recall", "x.png", "-m", "nowhere"), BAD_INPUT, "there is no memory at nowhere"),
        (("recall",), USAGE, "Missing argument"),
        (("dance",), USAGE, "No such command"),
        (("remember", "missing.png", "-m", "new"), BAD_INPUT, "missing.png"),
    ],
)
def test_errors_are_sentences_with_a_code(mnemic, words, code, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found, _, errors = mnemic(*words)
    assert found == code
    assert says in errors
    assert "Traceback" not in errors


def test_a_path_that_holds_something_else_is_store_trouble(mnemic, tmp_path):
    (tmp_path / "letter.txt").write_text("dear diary")
    (tmp_path / "cue.png").write_text("x")
    code, _, errors = mnemic("remember", tmp_path / "cue.png", "-m", tmp_path)
    assert code == STORE
    assert "holds other things" in errors


def test_the_installed_command_answers():
    done = subprocess.run([*MNEMIC, "--help"], capture_output=True, text=True, check=True)
    for verb in ("demo", "remember", "recall", "surprise", "show", "forget", "backup", "export"):
        assert verb in done.stdout
