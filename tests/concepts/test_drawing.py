"""Concepts on the command line and on paper."""

import json

import numpy as np
import pytest
from matplotlib.offsetbox import AnnotationBbox
from PIL import Image

from mnemic import Memory
from mnemic.cli import BAD_INPUT, run
from mnemic.plots import concept_graph


@pytest.fixture
def life(tmp_path):
    path = tmp_path / "life"
    rng = np.random.default_rng(0)
    with Memory.open(path, create={"resolution": 8, "channels": 1}) as memory:
        for label in ("sandal", "sneaker", "dog"):
            picture = rng.integers(0, 256, (8, 8), np.uint8)
            memory.remember_many(image=[picture, picture], label=[label, label])
    return path


@pytest.fixture
def mnemic(capsys, monkeypatch, life):
    def call(*words):
        monkeypatch.setattr("sys.argv", ["mnemic", "concepts", *map(str, words), "-m", str(life)])
        code = 0
        try:
            run()
        except SystemExit as stopped:
            code = stopped.code or 0
        said = capsys.readouterr()
        return code, said.out, said.err

    return call


def test_the_tree_shows_what_is_below_what(mnemic):
    code, said, _ = mnemic("tree", "shoe")
    lines = [line.strip("├└─│ ") for line in said.splitlines()]
    assert code == 0
    assert lines[0].startswith("shoe (")
    assert any(line.startswith("sandal (") and "2 pixels" in line for line in lines)
    _, said, _ = mnemic("tree", "--json")
    tree = json.loads(said)["tree"]
    assert [branch["label"] for branch in tree] == ["entity"]


@pytest.mark.parametrize("name", ["tree.png", "tree.svg"])
def test_the_tree_is_drawn_with_pictures(mnemic, tmp_path, name):
    assert mnemic("tree", "--out", tmp_path / name)[0] == 0
    if name.endswith("png"):
        assert np.asarray(Image.open(tmp_path / name).convert("L")).std() > 5
    else:
        text = (tmp_path / name).read_text()
        assert text.count("<image") == 3
    assert mnemic("tree", "--out", tmp_path / "tree.gif")[0] == BAD_INPUT


def test_every_concept_has_a_place_of_its_own_in_the_drawing(life):
    with Memory.open(life) as memory:
        tree = memory.concepts.tree()
        picture = memory[1].image
        sandal, dog = memory.concepts.find("sandal").id, memory.concepts.find("dog").id
        count = len(memory.concepts)
    figure = concept_graph(tree, {sandal: picture}, {(sandal, dog): 0.5})
    [axes] = figure.axes
    assert len([one for one in axes.artists if isinstance(one, AnnotationBbox)]) == 1
    labels = [text for text in axes.texts if text.get_text()]
    assert len(labels) == count
    assert len({text.xy for text in labels}) == count


def test_changes_are_made_and_taken_back(mnemic, life):
    assert mnemic("merge", "sandal", "sneaker")[0] == 0
    assert mnemic("rename", "sandal", "summer shoe")[0] == 0
    code, said, _ = mnemic("find", "sneaker", "--json")
    found = json.loads(said)
    assert (code, found["label"], found["links"]) == (0, "summer shoe", {"pixels": 4})
    assert found["above"][0]["label"] == "shoe"
    assert mnemic("split", "summer shoe", "1", "--label", "one sandal")[0] == 0
    assert mnemic("place", "one sandal", "--under", "my things", "--new")[0] == 0
    code, said, _ = mnemic("events")
    assert [word for word in ("merge", "rename", "split", "add", "place") if word in said] == [
        "merge",
        "rename",
        "split",
        "add",
        "place",
    ]
    code, _, complaint = mnemic("undo", "3")
    assert (code, "undo event 5 first" in complaint) == (BAD_INPUT, True)
    for _ in range(5):
        assert mnemic("undo")[0] == 0
    with Memory.open(life) as memory:
        assert memory.concepts.find("sneaker").links == {"pixels": 2}
        assert memory.concepts.known("summer shoe") is None
    code, _, complaint = mnemic("find", "sneker")
    assert (code, "did you mean 'sneaker'?" in complaint) == (BAD_INPUT, True)
