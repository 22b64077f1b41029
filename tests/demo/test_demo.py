"""The demo at toy size: it runs, measures what it says, and says what it leaves out."""

import json
import re

import numpy as np
import pytest
from PIL import Image

from mnemic.demo import run_demo
from mnemic.demo.cues import SPOILINGS, Cue
from mnemic.errors import ConfigError, MediaError

DRAWN = 15  # figures and contact sheets beside those of the spoilt cues


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    out = tmp_path_factory.mktemp("demo") / "out"
    steps = list(run_demo(out, count=300, probes=40, rooms=30))
    return out, steps


def test_the_demo_writes_a_page_pictures_and_numbers(shown):
    out, steps = shown
    assert steps[-1].page == out / "index.html"
    sections = [
        "remember", "recall", "replay", "verdict", "lesion", "forget", "sleep", "understand",
        "surprise", "imagine", "facts", "keep", "latents", "scenes",
    ]  # fmt: skip
    assert [step.doing for step in steps[1:-1] if step.doing in sections] == sections
    numbers = json.loads((out / "numbers.json").read_text())
    assert numbers == steps[-1].numbers
    assert numbers["count"] == 300
    assert len(list(out.glob("*.png"))) == len(SPOILINGS) + DRAWN


def test_the_page_is_self_contained(shown):
    page = (shown[0] / "index.html").read_text()
    sources = re.findall(r'src="([^"]{0,30})', page)
    assert len(sources) == len(SPOILINGS) + DRAWN
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert "http" not in page


def test_recall_from_torn_cues_is_exact_in_the_demo(shown):
    recall = shown[1][-1].numbers["recall"]
    for name in ("left half missing", "lower half missing", "a block missing", "90 % missing"):
        assert recall[name]["exact"] >= 0.97
        assert recall[name]["exact"] > recall[name]["exact, published rule"]


def test_the_demo_measures_replay_verdict_lesion_and_forgetting(shown):
    numbers = shown[1][-1].numbers
    ours, published = numbers["replay"]["mnemic"], numbers["replay"]["published rule"]
    assert ours["coverage"] > 0.97 > published["coverage"]
    assert sum(ours["by class"].values()) == 300
    assert numbers["verdict"]["AUROC, stored against held out, all known"] > 0.95
    assert numbers["lesion"]["exact"][0] > 0.97
    assert numbers["lesion"]["exact"][-1] == 0
    assert numbers["forget"]["remembered before"] is True
    assert numbers["forget"]["remembered after"] is False
    assert numbers["forget"]["its bytes found on disk after"] == 0


def test_the_demo_sleeps_and_shows_what_was_learned(shown):
    numbers = shown[1][-1].numbers
    night = numbers["sleep"]
    assert night["coverage"] > 0.9
    assert night["replayed errors"][-1] < night["replayed errors"][0]
    assert numbers["understand"]["recalled exactly after the night"] == 1.0
    assert (
        numbers["understand"]["error of what was unknown, inferred"]
        < numbers["understand"]["error of what was unknown, mean picture"]
    )
    assert numbers["surprise"]["AUROC, held out against the other kind"] > 0.9
    facts = numbers["facts"]
    assert facts["right"] == facts["right without the hippocampus"] > 2 * facts["by chance"]
    assert facts["stored pictures remembered without the hippocampus"] == 0
    assert (
        numbers["keep"]["schema"]["bytes an engram"] < numbers["keep"]["detail"]["bytes an engram"]
    )
    assert numbers["keep"]["detail"]["greatest error"] <= 0.05 + 1e-6
    assert set(numbers["scenes"]["facts"]["right"]) >= {"shape", "wall hue"}


def test_a_folder_of_ones_own_pictures_does_the_same(tmp_path, clothes):
    folder = tmp_path / "photos"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for index, picture in enumerate(clothes[:24]):
        tall = np.kron(picture, np.ones((3, 2), np.uint8))
        colour = np.dstack([tall, tall // 2, rng.integers(0, 30, tall.shape, dtype=np.uint8)])
        Image.fromarray(colour).save(folder / f"{index:02}.png")
    (folder / "broken.jpg").write_bytes(b"oh")
    *_, last = run_demo(tmp_path / "out", images=folder, probes=10, rooms=0)
    assert last.numbers["count"] == 20
    assert last.numbers["held out"] == 4
    assert "broken.jpg" in last.numbers["left out"][0]
    assert last.numbers["recall"]["left half missing"]["exact"] == 1.0
    assert last.page.exists()


def test_without_fashion_mnist_rendered_scenes_stand_in_and_it_is_said(tmp_path, monkeypatch):
    from mnemic import datasets
    from mnemic.errors import DataError

    def missing(split):
        raise DataError("nowhere to be found")

    monkeypatch.setattr(datasets, "fashion_mnist", missing)
    *_, last = run_demo(tmp_path / "out", count=60, probes=10, rooms=0)
    assert last.numbers["pictures"] == "rendered scenes"
    assert "nowhere to be found" in last.numbers["left out"][0]
    assert "nowhere to be found" in last.page.read_text()
    assert last.numbers["recall"]["left half missing"]["exact"] >= 0.9


def test_the_demo_never_writes_over_what_is_there(tmp_path):
    (tmp_path / "letter.txt").write_text("dear diary")
    with pytest.raises(ConfigError, match="not an empty folder"):
        next(run_demo(tmp_path))
    with pytest.raises(ConfigError, match="at least 2"):
        next(run_demo(tmp_path / "out", count=1))


def test_a_folder_with_one_picture_is_too_little(tmp_path, clothes):
    (tmp_path / "photos").mkdir()
    Image.fromarray(clothes[0]).save(tmp_path / "photos" / "a.png")
    with pytest.raises(MediaError, match="needs at least 2"):
        list(run_demo(tmp_path / "out", images=tmp_path / "photos"))


@pytest.mark.parametrize("spoiling", SPOILINGS, ids=lambda one: one.name)
@pytest.mark.parametrize("shape", [(28, 28), (9, 14, 3)])
def test_a_cue_differs_from_its_picture_and_keeps_its_shape(spoiling, shape):
    rng = np.random.default_rng(0)
    pixels = rng.integers(20, 236, shape, dtype=np.uint8)
    cue = spoiling.spoil(pixels, rng)
    assert isinstance(cue, Cue)
    assert cue.pixels.shape == pixels.shape
    assert cue.pixels.dtype == np.uint8
    assert not np.array_equal(cue.pixels, pixels)
    if cue.known is not None:
        assert np.array_equal(cue.pixels[cue.known], pixels[cue.known])
        assert 0 < cue.known.sum() < cue.known.size
