"""The command line: thin, honest in its exit codes, and readable by machines."""

import io
import json
import shutil
import signal
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from rich.progress import Progress

from mnemic import Memory
from mnemic.cli import BAD_INPUT, NO, STOPPED, STORE, USAGE, run
from mnemic.datasets import fashion_mnist
from mnemic.errors import DataError
from mnemic.reproduce import results

MNEMIC = (sys.executable, "-c", "from mnemic.cli import run; run()")


@pytest.fixture(scope="session")
def mnemic():
    """Run a command in this process: exit code, output, errors."""

    def call(*words):
        code, out, errors = 0, io.StringIO(), io.StringIO()
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(errors):
            patch.setattr(sys, "argv", ["mnemic", *map(str, words)])
            try:
                run()
            except SystemExit as stopped:
                code = stopped.code or 0
        return code, out.getvalue(), errors.getvalue()

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


@pytest.fixture(scope="session")
def wardrobe(tmp_path_factory):
    """Sixty pictures, shoes apart from clothes; and one torn, its lower half transparent."""
    path = tmp_path_factory.mktemp("wardrobe")
    clothes = fashion_mnist("train")
    for index in range(60):
        folder = path / "all" / ("shoes" if clothes.labels[index] in (5, 7, 9) else "clothes")
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(clothes.images[index]).save(folder / f"{index:02}.png")
    whole = min((path / "all" / "shoes").iterdir())
    tear(whole, path / "torn.png")
    return path


@pytest.fixture(scope="session")
def slept(mnemic, wardrobe, tmp_path_factory):
    """A memory of them that has slept a little, and what it said of its sleep."""
    path = tmp_path_factory.mktemp("slept") / "life.mnemic"
    mnemic("remember", wardrobe / "all", "-m", path, "--resolution", 28, "--grey")
    code, out, errors = mnemic(
        "sleep", "--replays", 100, "--epochs", 2, "--memory", path, "--json"
    )  # fmt: skip
    assert (code, errors) == (0, "")
    return path, json.loads(out)


@pytest.fixture
def dreamer(slept, tmp_path):
    """That memory, to change."""
    return shutil.copytree(slept[0], tmp_path / "dreamer.mnemic")


def tear(whole, torn):
    """Write a picture with its lower half transparent: unknown."""
    pixels = np.asarray(Image.open(whole).convert("RGBA")).copy()
    pixels[len(pixels) // 2 :] = 0
    Image.fromarray(pixels).save(torn)


def size_of(path):
    with Image.open(path) as picture:
        return picture.size


def test_a_folder_is_remembered_with_its_subfolders_as_labels(life, mnemic):
    code, out, _ = mnemic("show", "-m", life, "--json")
    shown = json.loads(out)
    assert code == 0
    assert shown["count"] == 12
    assert {engram["label"] for engram in shown["engrams"]} == {"shoes", "shirts"}


def test_a_torn_picture_is_recalled_and_written(life, mnemic, photos, tmp_path):
    tear(photos / "shoes" / "03.png", tmp_path / "torn.png")
    code, out, _ = mnemic(
        "recall", tmp_path / "torn.png", "-m", life,
        "--out", tmp_path / "found.png", "--original", tmp_path / "original.png",
        "--map", tmp_path / "map.png", "--json",
    )  # fmt: skip
    found = json.loads(out)
    whole = photos / "shoes" / "03.png"
    assert code == 0
    assert found["remembered"]
    assert found["engram"]["metadata"]["path"] == str(whole)
    assert len(found["runners_up"]) == 2
    assert np.array_equal(Image.open(tmp_path / "found.png"), Image.open(whole))
    assert (tmp_path / "original.png").read_bytes() == whole.read_bytes()
    assert (found["source"], found["invented"]) == ("detail", 0.0)  # before any sleep
    assert not np.asarray(Image.open(tmp_path / "map.png")).any()


def test_recall_says_in_words_what_it_found(life, mnemic, photos):
    code, out, _ = mnemic("recall", photos / "shoes" / "03.png", "-m", life)
    assert code == 0
    assert out.startswith("remembered (confidence")
    assert "source: detail\n" in out
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


@pytest.mark.filterwarnings("default")  # what run() makes of a warning
def test_check_exits_with_no_when_there_is_damage(life, mnemic):
    with Memory.open(life) as memory:
        memory._store._db.execute("UPDATE points SET code = x'00' WHERE id = 1")
    code, _, errors = mnemic("check", "-m", life)
    assert code == NO
    assert "mnemic: engram 1 is damaged and cannot be recalled" in errors
    assert "Traceback" not in errors


def test_an_unreadable_picture_is_left_out_and_said(life, mnemic, photos):
    (photos / "shoes" / "bad.png").write_bytes(b"not a picture")
    code, out, errors = mnemic("remember", photos / "shoes", "-m", life)
    assert code == BAD_INPUT
    assert "bad.png" in errors
    assert out.startswith("6 pictures stored")


def test_a_label_is_printed_as_it_stands(mnemic, photos, tmp_path):
    path = tmp_path / "marked.mnemic"
    mnemic("remember", photos / "shoes", "-m", path, "--label", "[red]shoes[/red]")
    assert "[red]shoes[/red]" in mnemic("show", "-m", path)[1]


def test_what_is_kept_is_chosen_when_a_memory_is_made(mnemic, photos, tmp_path):
    path = tmp_path / "frugal.mnemic"
    code, _, _ = mnemic("remember", photos, "-m", path, "--keep", "schema", "--resolution", 28)
    assert code == 0
    with Memory.open(path, read_only=True) as memory:
        assert memory.config.keep == "schema"
    code, _, errors = mnemic("remember", photos, "-m", path, "--keep", "original")
    assert code == BAD_INPUT
    assert "was made with keep='schema'" in errors


def test_a_sleep_reports_what_it_did(slept):
    _, report = slept
    learned = report["senses"]["pixels"]
    assert (learned["engrams"], learned["replayed"]) == (60, 100)
    assert learned["coverage"] == 1.0
    assert learned["purity"] > 0.9
    assert len(learned["losses"]) == len(learned["held_out_errors"]) == 2
    assert report["space"]["schema"] < report["space"]["detail"] < report["space"]["original"]
    assert report["strength"] == 1.0
    assert not report["resumed"]


def test_a_sleep_that_is_stopped_goes_on_where_it_was(dreamer, mnemic, monkeypatch):
    stored = (dreamer / "memory.sqlite").read_bytes()
    command = "sleep", "--replays", 60, "--epochs", 2, "-m", dreamer

    def interrupted(*_, **__):
        if (dreamer / "sleep" / "pixels.safetensors").exists():  # an epoch is over
            signal.raise_signal(signal.SIGINT)

    # a process started in the background is told to ignore it
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    with monkeypatch.context() as patch:
        patch.setattr(Progress, "update", interrupted)
        code, out, errors = mnemic(*command)
    signal.signal(signal.SIGINT, before)
    assert (code, out) == (STOPPED, "")
    assert errors == (
        f"stopped: {dreamer} is as it was; the same command goes on from the last whole epoch\n"
    )
    assert (dreamer / "memory.sqlite").read_bytes() == stored

    code, out, errors = mnemic(*command)
    assert (code, errors) == (0, "")
    assert "it went on from where an interrupted sleep had stopped" in out
    for row in ("60 patterns of 60", "coverage", "purity", "error a picture, held out", "seconds"):
        assert row in out
    assert out.count("would take") == 2


@pytest.mark.parametrize("kind", ["shoes", "clothes"])
def test_facts_tell_shoes_from_clothes(slept, mnemic, wardrobe, kind):
    path, _ = slept
    picture = min((wardrobe / "all" / kind).iterdir())
    code, out, _ = mnemic("facts", picture, "-m", path, "--json")
    found = json.loads(out)
    assert code == 0
    assert set(found) == {"label"}  # no two engrams share a path
    assert sum(found["label"].values()) == pytest.approx(1, abs=1e-5)
    assert max(found["label"], key=found["label"].get) == kind

    _, out, _ = mnemic("facts", picture, "-m", path)
    rows = [line.split() for line in out.splitlines()]
    assert rows[0] == ["attribute", "value", "probability"]
    assert rows[1] == ["label", kind, f"{found['label'][kind]:.3f}"]  # the likeliest first
    assert len(rows) == 3


def test_facts_are_read_off_a_torn_picture_too(slept, mnemic, wardrobe):
    whole = min((wardrobe / "all" / "shoes").iterdir())
    said = [mnemic("facts", one, "-m", slept[0]) for one in (wardrobe / "torn.png", whole)]
    assert [code for code, _, _ in said] == [0, 0]
    assert said[0] != said[1]


def test_what_is_transparent_is_filled(slept, mnemic, wardrobe, tmp_path):
    filled, invented = tmp_path / "filled.png", tmp_path / "invented.png"
    code, out, _ = mnemic(
        "infer", wardrobe / "torn.png", "-m", slept[0], "--out", filled, "--map", invented, "--json"
    )  # fmt: skip
    found = json.loads(out)
    torn, white = np.asarray(Image.open(wardrobe / "torn.png")), np.zeros((28, 28), np.uint8)
    white[14:] = 255
    assert code == 0
    assert found["invented"] == 0.5
    assert 0 <= found["surprise"] <= 1
    assert np.array_equal(Image.open(invented), white)
    assert np.array_equal(np.asarray(Image.open(filled))[:14], torn[:14, :, 0])
    assert np.asarray(Image.open(filled))[14:].std() > 5  # there is something in it


def test_infer_says_how_much_it_invented(slept, mnemic, wardrobe, tmp_path):
    whole = min((wardrobe / "all" / "clothes").iterdir())
    for picture, share in ((wardrobe / "torn.png", "50.0%"), (whole, "0.0%")):
        _, out, _ = mnemic("infer", picture, "-m", slept[0], "--out", tmp_path / "filled.png")
        assert out.startswith(f"{tmp_path / 'filled.png'}: {share} of the picture is invented")
        assert "surprise of 0." in out


@pytest.mark.parametrize(
    ("wish", "count", "size"),
    [
        (("--count", 12), 12, (10 * 87, 2 * 87)),
        (("--label", "shoes", "--count", 3), 3, (3 * 87, 87)),
        (("--between", 1, "torn.png", "--steps", 5), 5, (5 * 87, 87)),
        (("--like", 1), 1, (87, 87)),
        (("--like", "torn.png", "--plus", 2, "--minus", 3), 1, (87, 87)),
    ],
)
def test_what_is_imagined_is_drawn(slept, mnemic, wardrobe, monkeypatch, wish, count, size):
    monkeypatch.chdir(wardrobe)
    code, out, _ = mnemic("imagine", "--out", "sheet.png", *wish, "-m", slept[0], "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["count"], found["path"], found["seed"]) == (count, "sheet.png", 0)
    assert np.shape(found["latents"])[0] == count
    assert size_of("sheet.png") == size
    assert np.asarray(Image.open("sheet.png")).std() > 20


def test_a_seed_imagines_the_same_again_and_another_others(slept, mnemic, tmp_path):
    sheets = []
    for seed in (1, 1, 2):
        _, out, _ = mnemic("imagine", "--out", tmp_path / "a.png", "-m", slept[0], "--seed", seed)
        assert out == f"{tmp_path / 'a.png'}: 8 imagined, with seed {seed}\n"
        sheets.append((tmp_path / "a.png").read_bytes())
    assert sheets[0] == sheets[1] != sheets[2]


def test_keeping_less_is_announced_before_it_is_done(dreamer, mnemic):
    stored = (dreamer / "memory.sqlite").read_bytes()
    code, out, _ = mnemic("keep", "detail", "--tolerance", 0.1, "-m", dreamer)
    assert code == 0
    assert "60 pictures as detail, within 0.1: about" in out
    assert out.endswith(
        "nothing was changed; --apply does it, and what is let go cannot come back\n"
    )
    assert (dreamer / "memory.sqlite").read_bytes() == stored

    _, out, _ = mnemic("keep", "schema", "-m", dreamer, "--json")
    assert not json.loads(out)["applied"]
    _, out, _ = mnemic("keep", "schema", "--apply", "-m", dreamer, "--json")
    report = json.loads(out)
    assert report["applied"]
    assert report["bytes_after"] < report["bytes_before"] / 10
    assert mnemic("keep", "detail", "-m", dreamer)[0] == BAD_INPUT  # it is gone


def test_recall_names_what_is_invented(dreamer, mnemic, wardrobe, tmp_path):
    code, out, _ = mnemic("keep", "detail", "--apply", "-m", dreamer)
    assert code == 0
    assert out.endswith("done; what was let go cannot come back\n")
    command = "recall", wardrobe / "torn.png", "-m", dreamer, "--map", tmp_path / "map.png"
    code, out, _ = mnemic(*command, "--json")
    found = json.loads(out)
    white = np.asarray(Image.open(tmp_path / "map.png"))
    assert code == 0
    assert found["source"] == "mixed"
    assert 0 < found["invented"] < 1
    assert white.shape == (28, 28)
    assert (white == 255).mean() == pytest.approx(found["invented"])
    share = f"{found['invented']:.1%}"
    assert f"source: mixed ({share} of the picture is invented)\n" in mnemic(*command)[1]


def test_forgetting_says_what_the_student_may_retain(dreamer, mnemic):
    code, out, _ = mnemic("forget", 1, "-m", dreamer)
    assert code == 0
    assert out.startswith("forgotten: 1; 59 engrams left\nthe engrams are gone, but the student")
    code, out, _ = mnemic("forget", 2, 3, "--retrain", "-m", dreamer, "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["forgotten"], found["left"]) == ([2, 3], 57)
    assert not found["student_may_retain"]


@pytest.mark.parametrize(
    "words",
    [
        ("facts", "torn.png"),
        ("infer", "torn.png", "--out", "filled.png"),
        ("imagine", "--out", "sheet.png"),
        ("keep", "detail"),
    ],
)
def test_what_takes_a_student_asks_for_sleep(life, mnemic, wardrobe, monkeypatch, words):
    monkeypatch.chdir(wardrobe)
    code, out, errors = mnemic(*words, "-m", life)
    assert (code, out) == (BAD_INPUT, "")
    assert "put the memory to sleep with `mnemic sleep`" in errors
    assert "Traceback" not in errors


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (("sleep", "--replays", 0), USAGE, "--replays"),
        (("keep", "everything"), USAGE, "everything"),
        (("keep", "detail", "--tolerance", 7), BAD_INPUT, "tolerance must be"),
        (("infer", "torn.png"), USAGE, "--out"),
        (("infer", "torn.png", "--out", "no/a.png"), BAD_INPUT, "no/a.png cannot be written"),
        (("facts", "missing.png"), BAD_INPUT, "missing.png cannot be read"),
        (("forget", 99, "--retrain"), BAD_INPUT, "no engram has id 99"),
        (("imagine",), USAGE, "--out"),
        (("imagine", "--out", "a.png", "--count", 0), USAGE, "--count"),
        (("imagine", "--out", "a.png", "--like", 99), BAD_INPUT, "no engram has id 99"),
        (("imagine", "--out", "a.png", "--like", "no.png"), BAD_INPUT, "no.png cannot be read"),
        (("imagine", "--out", "a.png", "--label", "hats"), BAD_INPUT, "nothing of this kind"),
        (("imagine", "--out", "a.png", "--label", "shoes", "--like", 1), USAGE, "three wishes"),
        (("imagine", "--out", "a.png", "--like", 1, "--plus", 2), USAGE, "go together"),
        (("imagine", "--out", "a.png", "--plus", 1, "--minus", 2), USAGE, "go together"),
        (("imagine", "--out", "a.png", "--between", 1), USAGE, "2 arguments"),
    ],
)
def test_a_wish_that_cannot_be_met_is_a_sentence(
    slept, mnemic, wardrobe, monkeypatch, words, code, says
):
    monkeypatch.chdir(wardrobe)
    verb, *rest = words
    found, out, errors = mnemic(verb, "-m", slept[0], *rest)
    assert (found, out) == (code, "")
    assert says in errors
    assert "Traceback" not in errors


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
    for verb in (
        "remember", "recall", "surprise", "show", "forget",
        "sleep", "facts", "infer", "imagine", "keep",
        "backup", "export", "check", "demo",
    ):  # fmt: skip
        assert f"│ {verb} " in done.stdout


def test_results_are_listed_for_people_and_machines(mnemic):
    code, out, _ = mnemic("reproduce", "list", "--json")
    names = [result["name"] for result in json.loads(out)]
    assert code == 0
    assert "spens2022/replay-fashion" in names
    listed = mnemic("reproduce")[1].split()
    assert set(names) <= set(listed)  # whole, to be typed again


def test_a_result_is_computed_and_its_page_is_named(mnemic, tmp_path):
    command = "reproduce", "spens2022/replay-fashion", "--scale", "toy", "--seeds", 1
    code, out, _ = mnemic(*command, "--out", tmp_path)
    assert str(tmp_path / "index.html") in out.replace("\n", "")
    assert code == 0  # a toy is not judged
    assert "as expected" not in out
    assert (tmp_path / "spens2022-replay-fashion.json").exists()
    assert json.loads(mnemic(*command, "--out", tmp_path, "--json")[1])[0]["scale"] == "toy"


def test_of_all_results_one_without_its_data_is_left_out_and_named(mnemic, tmp_path, monkeypatch):
    def without_data(config, seed):
        raise DataError("these pictures are not on this machine; give root=")

    here = results()["spens2022/replay-fashion"]
    chosen = {"here": here, "away": replace(here, name="test/away", load=without_data)}
    monkeypatch.setattr("mnemic.cli.results.results", lambda: chosen)
    command = "--scale", "toy", "--seeds", 1, "--out", tmp_path
    code, out, _ = mnemic("reproduce", "all", *command)
    assert code == 0
    assert "left out test/away: these pictures" in out
    assert (tmp_path / "spens2022-replay-fashion.json").exists()
    assert mnemic("reproduce", "away", *command)[0] == BAD_INPUT


@pytest.mark.parametrize("wrong", [("no-such-result",), ("all", "--scale", "huge")])
def test_a_result_that_does_not_exist_is_a_sentence(mnemic, wrong):
    code, out, errors = mnemic("reproduce", *wrong)
    assert (code, out) == (BAD_INPUT, "")
    assert errors.startswith("mnemic: ")
