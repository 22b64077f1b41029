"""Concepts in a memory: named, recognised, brought together; seen by every process."""

import numpy as np
import pytest

from mnemic import Memory
from mnemic.errors import ConfigError, CueError, NotStoredError

CREATE = {"resolution": 8, "channels": 1, "vector": 6}


@pytest.fixture
def memory(tmp_path):
    with Memory.open(tmp_path / "life", create=CREATE) as memory:
        yield memory


class World:
    """People with a face (8 by 8) and a voice (6 numbers), never twice the same."""

    def __init__(self, people, seed=0):
        self.rng = np.random.default_rng(seed)
        self.faces = self.rng.integers(0, 256, (people, 8, 8))
        self.voices = self.rng.random((people, 6))

    def face(self, who):
        seen = self.faces[who] + self.rng.normal(0, 8, (8, 8))
        return seen.clip(0, 255).astype(np.uint8)

    def voice(self, who):
        return (self.voices[who] + self.rng.normal(0, 0.02, 6)).astype(np.float32)


@pytest.fixture
def world():
    return World(6)


def meet(memory, world, who, times=1, **more):
    return [
        memory.remember(image=world.face(who), vector=world.voice(who), **more)
        for _ in range(times)
    ]


def test_a_name_brings_the_face_the_voice_and_the_notes(memory, world):
    memory.remember(image=world.face(0), label="Jennifer Aniston", text="on a poster")
    memory.remember(vector=world.voice(0), label="Jennifer Aniston", text="on the radio")
    memory.remember(text="plays Rachel", label="Jennifer Aniston")
    meet(memory, world, 1, label="Halle Berry", text="somebody else")
    found = memory.recall(label="Jennifer Aniston")
    assert found.remembered
    assert found.concept.label == "Jennifer Aniston"
    assert np.array_equal(found.image, memory[1].image)
    assert np.array_equal(found.vector, memory[2].vector)
    assert set(found.notes) == {"on a poster", "on the radio", "plays Rachel"}
    assert {found.engram.id, *found.brought.values()} >= {1, 2}


def test_a_new_picture_brings_the_name_and_the_voice(memory, world):
    for who, name in enumerate(("Jennifer", "Halle", "Jackie")):
        for _ in range(8):
            memory.remember(image=world.face(who), label=name)
        memory.remember(vector=world.voice(who), label=name)
    found = memory.recall(image=world.face(1))
    assert found.concept.label == "Halle"
    assert found.concept.activation > 0.9
    assert np.array_equal(found.vector, memory[18].vector)
    assert found.brought == {"vector": 18}
    heard = memory.recall(vector=world.voice(2))
    assert heard.concept.label == "Jackie"
    assert memory.concepts.find("Jackie").id in [
        one.id for one in memory.concepts.of(heard.brought["image"])
    ]


def test_a_stranger_is_of_no_concept(memory, world):
    for who in range(5):
        meet(memory, world, who, 6, label=f"person {who}")
    assert memory.recall(image=world.face(5)).concept is None
    assert memory.concepts.false_joins("pixels") == 0.05


def test_a_face_and_a_voice_met_together_once_are_one_concept(memory, world):
    [engram] = meet(memory, world, 0)
    [concept] = memory.concepts.of(engram)
    assert concept.links == {"pixels": 1, "vector": 1}
    [again] = meet(memory, world, 0)
    assert [one.id for one in memory.concepts.of(again)] == [concept.id]
    [other] = meet(memory, world, 1)
    assert [one.id for one in memory.concepts.of(other)] != [concept.id]


def test_an_unnamed_concept_is_named_by_one_labelled_sight(memory, world):
    meet(memory, world, 0, 4)
    meet(memory, world, 1, 4)
    memory.remember(image=world.face(0), label="Jennifer")
    found = memory.recall(vector=world.voice(0))
    assert found.concept.label == "Jennifer"
    assert memory.concepts.find("Jennifer").links == {"pixels": 5, "vector": 4}
    assert memory.recall(vector=world.voice(1)).concept.label is None


def test_what_is_told_wins_over_what_is_near(memory, world):
    meet(memory, world, 0, 5, label="twin one")
    twin = memory.remember(image=world.face(0), label="twin two")
    assert [one.label for one in memory.concepts.of(twin)] == ["twin two"]
    assert memory.concepts.find("twin one").links["pixels"] == 5


def test_two_faces_in_one_picture_are_two_people_unless_told(memory, world):
    group = memory.remember(image=[world.face(0), world.face(0)])
    assert len(memory.concepts.of(group)) == 2
    told = memory.remember(image=[world.face(1), world.face(1)], label="Halle")
    assert [one.label for one in memory.concepts.of(told)] == ["Halle"]
    assert memory.concepts.find("Halle").links == {"pixels": 2}


def test_a_text_is_content_and_no_key(memory, world):
    one = memory.remember(image=world.face(0), text="nice")
    two = memory.remember(image=world.face(1), text="nice")
    assert memory.concepts.of(one) != memory.concepts.of(two)
    with pytest.raises(NotStoredError, match="no concept is named 'nice'"):
        memory.concepts.find("nice")


def test_a_text_that_is_a_name_and_nothing_else_is_linked_to_what_it_names(memory, world):
    memory.remember(image=world.face(0), label="Jennifer Aniston")
    seen = memory.remember(text="Jennifer Aniston")
    assert [one.label for one in memory.concepts.of(seen)] == ["Jennifer Aniston"]


def test_one_unit_fires_an_experience(memory, world):
    for who in [0, 1, 2, 3] * 6:
        meet(memory, world, who)
    engrams = list(memory)
    active = [len(memory.concepts.of(one)) for one in engrams]
    assert np.mean(active) <= 1.2
    assert len(memory.concepts) == 4


def test_people_seen_together_are_the_context_of_each_other(memory, world):
    for _ in range(3):
        meet(memory, world, 0, label="Jennifer")
        meet(memory, world, 1, label="Brad")
        memory.remember(image=[world.face(0), world.face(1)])
    assert [one.concept.label for one in memory.concepts.neighbours("Jennifer")] == ["Brad"]
    assert 0 < memory.concepts.neighbours("Brad")[0].weight <= 1


def test_a_voice_a_moment_after_a_face_goes_with_it_when_asked(memory, world):
    memory.concepts.choose(window=2.0)
    for at in range(0, 400, 100):
        for who in (0, 1):
            memory.remember(image=world.face(who), time=1e9 + at + 20 * who)
            memory.remember(vector=world.voice(who), time=1e9 + at + 20 * who + 1.0)
    assert len(memory.concepts) == 2
    assert memory.recall(vector=world.voice(1)).brought == {
        "image": memory.recall(vector=world.voice(1)).brought["image"]
    }
    [face] = memory.concepts.of(3)
    [voice] = memory.concepts.of(4)
    assert face.id == voice.id


def test_a_forgotten_engram_takes_its_links_and_its_name_with_it(memory, world):
    one = memory.remember(image=world.face(0), label="secret name")
    meet(memory, world, 1, 2, label="Halle")
    memory.concepts.rename("secret name", "other secret")
    memory.forget(one.id)
    assert memory.concepts.known("secret name") is None
    assert memory.concepts.known("other secret") is None
    assert memory.check() == []
    memory.close()
    kept = b"".join(file.read_bytes() for file in memory.path.glob("memory.sqlite*"))
    assert b"secret" not in kept
    assert b"Halle" in kept


def test_concepts_are_the_same_for_every_process(memory, world, tmp_path):
    meet(memory, world, 0, 2, label="JA")
    meet(memory, world, 0, 2, label="Jennifer")
    with Memory.open(tmp_path / "life") as other:
        memory.concepts.merge("Jennifer", "JA")
        assert other.concepts.find("JA").id == other.concepts.find("Jennifer").id
        other.concepts.undo()
        assert memory.concepts.find("JA").links == {"pixels": 2, "vector": 2}
        other.remember(image=world.face(0), label="JA")
    assert memory.concepts.find("JA").links == {"pixels": 3, "vector": 2}


def test_many_at_once_are_bound_as_one_after_the_other(tmp_path):
    bound = []
    for name, at_once in (("one", 1), ("many", 24)):
        world = World(4)
        who = [0, 1, 2, 3] * 6
        faces, voices = [world.face(w) for w in who], [world.voice(w) for w in who]
        with Memory.open(tmp_path / name, create=CREATE) as memory:
            for start in range(0, 24, at_once):
                some = slice(start, start + at_once)
                memory.remember_many(image=faces[some], vector=voices[some])
            roots = [tuple(one.id for one in memory.concepts.of(id)) for id in range(1, 25)]
            bound.append([roots.index(root) for root in roots])
    assert bound[0] == bound[1]


@pytest.mark.parametrize("links", ["binary", "analogue"])
def test_links_are_binary_or_analogue(memory, world, links):
    memory.concepts.choose(links=links)
    meet(memory, world, 0, 4)
    [concept] = memory.concepts.of(1)
    weights = {link.weight for link in memory.concepts.links(concept)}
    assert (weights == {1.0}) == (links == "binary")
    assert all(0 < weight <= 1 for weight in weights)


def test_wishes_that_make_no_sense_are_refused(memory, world):
    meet(memory, world, 0, label="Jennifer Aniston")
    for wish, error, says in (
        (lambda: memory.recall(label="x", image=world.face(0)), CueError, "give it alone"),
        (
            lambda: memory.concepts.choose(windw=1),
            ConfigError,
            "space, locality, classes; got windw",
        ),
        (lambda: memory.concepts.choose(window=-1), ConfigError, "seconds from 0"),
        (
            lambda: memory.concepts.find("Jenifer Aniston"),
            NotStoredError,
            "mean 'Jennifer Aniston'",
        ),
        (lambda: memory.concepts.find(99), NotStoredError, "no concept has id 99"),
        (lambda: memory.concepts.of(99), NotStoredError, "no engram has id 99"),
    ):
        with pytest.raises(error, match=says):
            wish()
    assert memory.recall(label="nobody").remembered is False
    assert memory.concepts.find("jennifer aniston ").label == "Jennifer Aniston"
    assert memory.check() == []


def test_the_radius_follows_what_is_named_without_waiting_for_more(memory, world):
    for _ in range(10):
        for who in range(4):
            memory.remember(image=world.face(who))
    nameless = memory.concepts.false_joins("pixels"), near_is(memory)
    tops = [branch.concept for branch in memory.concepts.tree()]
    for concept, name in zip(tops[:2], "ab", strict=True):
        memory.concepts.rename(concept, name)
    named = near_is(memory)
    assert named != nameless[1]
    for _ in "ab":
        memory.concepts.undo()
    assert (memory.concepts.false_joins("pixels"), near_is(memory)) == nameless


def near_is(memory):
    return memory.concepts._association.space("pixels").radius.distance
