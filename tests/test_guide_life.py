"""The guide to photographs, voice notes and captions: its commands, run as they stand."""

import os
import re
import shlex
from pathlib import Path

import numpy as np
import pytest
import skimage
from PIL import Image, ImageEnhance
from typer.testing import CliRunner

from mnemic import Memory
from mnemic.cli import app
from mnemic.datasets import spoken
from mnemic.media_sound import to_wav
from mnemic.records import Sound

GUIDE = Path(__file__).parent.parent / "docs" / "guide-life.md"
FACES = Path(skimage.__file__).parent / "data" / "lfw_subset.npy"  # 25 × 25 each, grey
PEOPLE = {"Ada": (5, "slt"), "Ben": (10, "awb"), "Cleo": (15, "rms")}
STRANGER = 22
SENTENCES = (
    "Good morning, it is a lovely day today.",
    "Please remember to water the plants this evening.",
    "I will be at the station at half past seven.",
    "The meeting has been moved to Thursday afternoon.",
    "Could you bring some bread on the way home?",
    "We walked along the river until it got dark.",
    "Happy birthday to you, and many more to come.",
)


def photograph(faces, rows, rng):
    """Some people side by side, in another light and leaning otherwise each time."""
    scene = Image.new("RGB", (320 * len(rows) + 40, 400), tuple(rng.integers(60, 150, 3).tolist()))
    for place, row in enumerate(rows):
        face = Image.fromarray((faces[row] * 255).astype(np.uint8)).convert("RGB")
        face = face.resize((250, 250), Image.Resampling.BICUBIC)
        face = ImageEnhance.Brightness(face).enhance(rng.uniform(0.8, 1.2))
        face = face.rotate(rng.uniform(-6, 6), fillcolor=(90, 90, 90))
        scene.paste(face, (40 + 320 * place + int(rng.integers(20)), 70 + int(rng.integers(20))))
    return scene


def record(text, file, voice=None):
    said = spoken(text, synthesiser="flite", voice=voice) if voice else spoken(text)
    samples = (said.samples.clip(-1, 1) * 32_000).astype(np.int16)
    file.write_bytes(to_wav(Sound(samples, said.rate)))


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What each command of the guide printed, in a folder laid out as the guide says."""
    root, rng, faces = tmp_path_factory.mktemp("guide"), np.random.default_rng(0), np.load(FACES)
    for name, (row, voice) in PEOPLE.items():
        folder = root / "life" / name
        folder.mkdir(parents=True)
        for number, sentence in enumerate(SENTENCES):
            photograph(faces, [row], rng).save(folder / f"photo{number}.png")
            # the first was made where the photograph was, the others are notes
            record(sentence, folder / (f"note{number}.wav" if number else "photo0.wav"), voice)
        (folder / "photo1.txt").write_text(f"{name} on the balcony")
    photograph(faces, [PEOPLE["Ada"][0], PEOPLE["Ben"][0]], rng).save(root / "life" / "garden.png")
    (root / "life" / "garden.txt").write_text("Ada and Ben in the garden")
    (root / "new").mkdir()
    photograph(faces, [PEOPLE["Ada"][0]], rng).save(root / "new" / "photo.png")
    photograph(faces, [STRANGER], rng).save(root / "new" / "stranger.png")
    record("I cannot find my keys anywhere in the house.", root / "new" / "note.wav", "awb")
    record("Hello, I am calling about the flat.", root / "new" / "caller.wav")
    before = Path.cwd()
    os.chdir(root)
    try:
        printed = {}
        for line in re.findall(r"^mnemic .*$", GUIDE.read_text(), re.M):
            found = CliRunner().invoke(app, shlex.split(line)[1:])
            assert found.exit_code in (0, 1), f"{line}\n{found.output}{found.exception!r}"
            printed[line.removesuffix(" --memory life.mnemic")] = found.output
    finally:
        os.chdir(before)
    return root, printed


def test_pictures_and_sounds_of_one_name_are_one_experience_with_its_caption(said):
    root, printed = said
    # of each person seven photographs, one with a sound of its name, and six notes; the garden
    assert "40 experiences stored" in next(iter(printed.values()))
    with Memory.open(root / "life.mnemic", read_only=True) as memory:
        [both] = [one for one in memory.where(label="Ada") if "sound" in one.metadata]
        assert len(memory.originals(both.id)) == 2
        assert both.metadata == {
            "path": str(Path("life", "Ada", "photo0.png")),
            "sound": str(Path("life", "Ada", "photo0.wav")),
        }
        [balcony] = [one for one in memory if one.metadata["path"].endswith("Ada/photo1.png")]
        assert balcony.texts == ("Ada on the balcony",)


def test_it_answers_by_name_by_face_and_by_voice(said):
    _, printed = said
    assert "concept: Ada (1.00)" in printed["mnemic recall --label Ada"]
    by_face = printed["mnemic recall new/photo.png"]
    assert "concept: Ada" in by_face
    assert "with it: the sound" in by_face
    assert "note: Ada and Ben in the garden" in by_face  # which nobody had labelled
    by_voice = printed["mnemic recall new/note.wav"]
    assert "concept: Ben" in by_voice
    assert "with it: the image" in by_voice
    assert "garden.png" in printed['mnemic recall --text "in the garden"']


@pytest.mark.parametrize("cue", ["stranger.png", "caller.wav"])
def test_someone_new_is_said_to_be_new(said, cue):
    _, printed = said
    assert "someone, new" in printed[f"mnemic recall new/{cue}"]


def test_the_picture_of_the_graph_names_everybody_and_shows_who_is_met_together(said):
    root, printed = said
    tree = printed["mnemic concepts tree --out concepts.svg"]
    drawn = (root / "concepts.svg").read_text()
    for name in PEOPLE:
        assert name in tree
        assert f"<!-- {name} -->" in drawn  # what matplotlib writes beside the shapes of letters
    assert drawn.count("<image") == len(PEOPLE)
    assert "goes with: Ada" in printed["mnemic concepts find Ben"]


def test_someone_new_becomes_somebody_and_a_change_is_taken_back(said):
    root, printed = said
    assert "concept: Dora" in printed["mnemic recall --label Dora"]
    with Memory.open(root / "life.mnemic", read_only=True) as memory:
        assert memory.concepts.find("Ben").label == "Ben"
        assert [one.label for one in memory.concepts.above("Ada")] == ["family"]
