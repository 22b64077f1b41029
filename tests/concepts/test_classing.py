"""Pictures nobody labelled find their place by what a pretrained network takes them for."""

import json
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest
from skimage import data
from tests.concepts.conftest import image
from typer.testing import CliRunner

from mnemic import Memory
from mnemic.cli import app
from mnemic.concepts import classing
from mnemic.concepts.looking import sees_wholes
from mnemic.errors import ConfigError, DataError, MediaError, MissingExtraError
from mnemic.senses import Pixels, classes
from mnemic.senses.seeing import class_probabilities

CAT, COFFEE, ASTRONAUT = data.chelsea(), data.coffee(), data.astronaut()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "life"


@pytest.fixture
def memory(path):
    with Memory.open(path, create={"resolution": 32}) as memory:
        memory.concepts.choose(classes=True)
        yield memory


@pytest.fixture
def shown(monkeypatch):
    """What the network was shown, one after another."""
    pictures = []

    def probabilities(picture, known=None):
        pictures.append(picture)
        return class_probabilities(picture, known)

    monkeypatch.setattr(classing, "class_probabilities", probabilities)
    return pictures


def above(memory, concept):
    return [one.label for one in memory.concepts.above(concept)]


def labels(branches):
    """Every label that is drawn in a tree."""
    below = [label for one in branches for label in labels(one.below)]
    return {one.concept.label for one in branches} | set(below)


def test_a_photograph_without_a_label_is_placed_below_its_class(memory):
    cat, coffee = memory.remember(image=CAT), memory.remember(image=COFFEE)
    [one], [other] = memory.concepts.of(cat), memory.concepts.of(coffee)
    assert one.label is None
    assert above(memory, one)[:2] == ["egyptian cat", "domestic cat"]
    assert above(memory, other)[0] == "espresso"
    assert {"animal", "entity"} <= set(above(memory, one))
    [cats] = memory.concepts.tree("domestic cat")
    assert [below.concept.label for below in cats.below] == ["egyptian cat"]
    assert memory.check() == []


def test_a_photograph_the_network_is_not_sure_of_has_no_place(memory):
    [one] = memory.concepts.of(memory.remember(image=ASTRONAUT))
    assert (one.parents, memory.concepts.events()) == ((), [])
    assert len(memory.concepts) == 1


def test_each_place_is_an_event_that_is_taken_back_to_the_byte(memory):
    memory.concepts.choose(classes=False)
    memory.remember(image=COFFEE, label="dog")  # a part of the thesaurus is there already
    memory.remember(image=CAT)
    before = image(memory._store)
    [placed] = memory.concepts.classify()
    assert (placed.concept.label, placed.under.label) == (None, "egyptian cat")
    assert placed.probability == pytest.approx(classes(CAT, 1)[0].probability)
    assert image(memory._store) != before
    [event] = memory.concepts.events()
    assert (event.kind, event.concepts) == ("class", (placed.concept.id,))
    memory.concepts.undo()
    assert image(memory._store) == before


def test_what_others_are_kinds_of_stays_when_one_place_is_taken_back(memory):
    memory.remember(image=CAT)
    before = image(memory._store)
    memory.remember(image=COFFEE)
    memory.concepts.choose(classes=False)
    lion = memory.remember(image=ASTRONAUT, label="lion")
    memory.concepts.undo(1)
    assert memory.concepts.known("egyptian cat") is None
    assert memory.concepts.known("feline") is not None  # the lion is one
    memory.concepts.undo(2)
    assert memory.concepts.known("espresso") is None
    memory.forget(lion.id)
    assert memory.concepts.tree()[0].concept.made_by == "locality"
    assert image(memory._store) != before
    assert memory.check() == []


def test_what_a_person_did_above_a_class_is_not_lost_when_it_is_taken_back(memory):
    memory.remember(image=CAT)
    memory.concepts.rename("egyptian cat", "mau")
    memory.concepts.undo(1)
    assert memory.concepts.find("mau").children == ()
    assert memory.concepts.of(1)[0].parents == ()
    memory.concepts.undo()
    assert memory.check() == []


def test_nothing_is_looked_at_unless_it_was_chosen(path, shown):
    with Memory.open(path, create={"resolution": 32}) as memory:
        [one] = memory.concepts.of(memory.remember(image=CAT))
        assert (one.parents, shown) == ((), [])


def test_only_what_may_found_a_concept_is_looked_at(memory, shown):
    memory.remember(image=CAT)
    memory.remember(image=CAT)  # joins the first
    memory.remember(image=COFFEE, label="dog")  # has its place by WordNet
    memory.remember_many(image=[ASTRONAUT, ASTRONAUT])
    assert len(shown) == 2


def test_a_label_wordnet_does_not_know_is_a_new_category_below_the_class(memory):
    memory.remember(image=CAT)
    memory.remember(image=CAT, label="Felix")  # told of what was met before
    memory.remember(image=COFFEE, label="Lucy's")  # told at once
    assert memory.concepts.of(1)[0].label == "Felix"
    assert above(memory, "Felix")[0] == "egyptian cat"
    assert above(memory, "Lucy's")[0] == "espresso"
    [cats] = memory.concepts.tree("egyptian cat")
    assert [below.concept.label for below in cats.below] == ["Felix"]
    assert memory.check() == []


def test_the_place_of_a_label_counts_instead_of_the_class(memory):
    memory.remember(image=CAT)
    memory.remember(image=CAT, label="lion")
    assert memory.concepts.of(1)[0].label == "lion"
    assert above(memory, "lion")[0] == "big cat"
    assert "egyptian cat" not in above(memory, "lion")
    assert memory.concepts.find("egyptian cat").children == ()
    assert "egyptian cat" not in labels(memory.concepts.tree())  # a guess that does not count
    assert memory.check() == []


def test_a_concept_that_is_named_gets_the_place_of_its_name_and_gives_it_back(memory):
    [one] = memory.concepts.of(memory.remember(image=CAT))
    before = image(memory._store)
    memory.concepts.rename(one, "lion")
    assert above(memory, one)[0] == "big cat"
    memory.concepts.undo()
    assert image(memory._store) == before
    memory.concepts.rename(one, "Felix")
    assert above(memory, "Felix")[0] == "egyptian cat"


def test_a_name_below_what_its_concept_is_above_gives_no_place(memory):
    [one] = memory.concepts.of(memory.remember(image=ASTRONAUT))
    memory.remember(image=CAT, label="lion")
    memory.concepts.place("feline", one)
    memory.concepts.rename(one, "jaguar")  # would be a feline, and above felines
    assert above(memory, one) == []
    assert memory.check() == []


def test_what_is_stored_is_classified_when_asked_and_what_a_person_placed_is_not(memory):
    memory.concepts.choose(classes=False)
    memory.remember_many(image=[CAT, COFFEE, ASTRONAUT])
    memory.concepts.organise()  # clusters say how things lie, not what they are
    coffee = memory.concepts.of(2)[0]
    memory.concepts.place(coffee, None)
    [placed] = memory.concepts.classify()
    assert placed.under.label == "egyptian cat"
    assert memory.concepts.classify() == []
    assert memory.concepts.find(coffee.id).parents == ()
    memory.concepts.undo(1)  # of the place
    [placed] = memory.concepts.classify()
    assert (placed.concept.id, placed.under.label) == (coffee.id, "espresso")


def test_all_views_of_a_concept_count(memory, shown):
    memory.concepts.choose(classes=False)
    memory.remember_many(image=[CAT, COFFEE], label=["Lucy's", "Lucy's"])
    assert memory.concepts.classify() == []  # half cat, half coffee
    assert len(shown) == 2
    memory.remember_many(image=[COFFEE] * 4, label=["Lucy's"] * 4)
    [placed] = memory.concepts.classify()
    assert placed.under.label == "espresso"


def test_each_picture_of_an_experience_has_its_own_class(memory):
    memory.remember(image=[CAT, COFFEE])
    assert {above(memory, one)[0] for one in memory.concepts.of(1)} == {"egyptian cat", "espresso"}


def test_the_network_is_shown_what_was_given_and_else_what_the_memory_draws(tmp_path, shown):
    for keep in ("original", "detail"):
        with Memory.open(tmp_path / keep, create={"resolution": 96, "keep": keep}) as memory:
            memory.concepts.choose(classes=True)
            memory.remember(image=CAT)
            memory.concepts.undo()
            memory.concepts.classify(sure=0.51)
            drawn = memory[1].image
    at_once, later, bare_at_once, bare_later = shown
    for given in (at_once, later, bare_at_once):
        assert np.array_equal(given, CAT)
    assert np.array_equal(bare_later, drawn)
    assert drawn.shape == (64, 96, 3)


def test_the_network_is_not_shown_what_was_said_to_be_unknown(memory, shown):
    both = np.concatenate([CAT[:300, :400], COFFEE[:300, :400]], axis=1)
    known = np.ones(both.shape[:2], bool)
    known[:, 400:] = False
    memory.remember(image=both, known=known)
    memory.concepts.classify(sure=0.51)
    drawn = memory[1].image
    assert all(np.array_equal(picture, drawn) for picture in shown)
    assert drawn.shape[1] == 16  # of 32: the cat's half


def test_a_sense_that_finds_things_in_pictures_gives_them_no_class():
    class Finds(Pixels):
        def find(self, part, known=None):
            return [self.encode(part, known)]

    assert sees_wholes(Pixels(resolution=8, channels=3))
    assert not sees_wholes(Finds(resolution=8, channels=3))


def test_what_it_takes_is_said_before_anything_is_stored(path, monkeypatch):
    with Memory.open(path, create={"resolution": 32}) as memory:
        for sure in (0.5, 1.1, float("nan")):
            with pytest.raises(ConfigError, match=r"more than 0\.5"):
                memory.concepts.classify(sure=sure)

        def missing(package):
            raise PackageNotFoundError(package)

        monkeypatch.setattr("mnemic.senses.extra.version", missing)
        for wish in (memory.concepts.classify, lambda: memory.concepts.choose(classes=True)):
            with pytest.raises(MissingExtraError, match=r"mnemic\[senses\]"):
                wish()
        assert memory.concepts.settings.classes is False


def test_a_network_that_fails_leaves_nothing_half_stored(memory, monkeypatch):
    def broken(picture, known=None):
        raise MediaError("cannot be read")

    monkeypatch.setattr(classing, "class_probabilities", broken)
    with pytest.raises(MediaError):
        memory.remember(image=CAT)
    assert (len(memory), len(memory.concepts)) == (0, 0)


def test_without_wordnet_there_are_no_classes_and_it_says_so(memory, path, monkeypatch):
    memory.close()
    monkeypatch.setattr("mnemic.datasets.words.WORDNET", path)
    with Memory.open(path) as bare:
        with pytest.raises(DataError, match="WordNet is not on this machine"):
            bare.concepts.classify()
        bare.remember(image=CAT)  # as it is chosen, and yet nothing is lost
        assert bare.concepts.of(1)[0].parents == ()


def test_what_is_forgotten_takes_its_class_with_it(memory):
    memory.remember(image=CAT)
    memory.forget(1)
    assert (len(memory.concepts), memory.concepts.events()) == (0, [])
    assert memory.check() == []


def test_the_command_line_classifies_what_is_there_and_from_then_on(path):
    def run(*words):
        result = CliRunner().invoke(app, ["concepts", *words, "-m", str(path)])
        assert result.exit_code == 0, result.output
        return result.stdout

    with Memory.open(path, create={"resolution": 32}) as memory:
        memory.remember(image=CAT)
    assert "a kind of egyptian cat" in " ".join(run("classify").split())
    assert "egyptian cat" in run("tree")
    run("undo")
    report = json.loads(run("classify", "--always", "--sure", "0.6", "--json"))
    assert report["always"] is True
    assert report["placed"][0]["under"]["label"] == "egyptian cat"
    with Memory.open(path) as memory:
        memory.remember(image=COFFEE)
        assert above(memory, memory.concepts.of(2)[0])[0] == "espresso"
    assert json.loads(run("classify", "--not-always", "--json")) == {"always": False, "placed": []}
