"""What is a kind of what: by the thesaurus where a label is known, by clustering where not."""

import numpy as np
import pytest

from mnemic import Memory
from mnemic.concepts import Association


@pytest.fixture
def path(tmp_path):
    return tmp_path / "life"


@pytest.fixture
def memory(path):
    with Memory.open(path, create={"resolution": None, "vector": 6}) as memory:
        yield memory


def vectors(seed=0):
    rng = np.random.default_rng(seed)
    while True:
        yield rng.random(6).astype(np.float32)


def test_labels_stand_where_the_thesaurus_has_them(memory):
    for label, vector in zip(
        ("sandal", "sneaker", "dog", "Jennifer Aniston"), vectors(), strict=False
    ):
        memory.remember(vector=vector, label=label)
    above = [one.label for one in memory.concepts.above("sandal")]
    assert above[0] == "shoe"
    assert above[-1] == "entity"
    assert "footwear" in [one.label for one in memory.concepts.above("sneaker")]
    assert memory.concepts.above("Jennifer Aniston") == []
    assert "shoe" in memory.concepts.find("sandal").document["definition"]
    [everything, jennifer] = memory.concepts.tree()
    assert (everything.concept.label, jennifer.concept.label) == ("entity", "Jennifer Aniston")
    [shoes] = memory.concepts.tree("shoe")
    assert "sandal" in [below.concept.label for below in shoes.below]
    assert memory.check() == []


def test_a_label_that_is_above_others_already_is_that_node(memory):
    one, two = vectors(), vectors(1)
    memory.remember(vector=next(one), label="sandal")
    shoe = memory.concepts.find("shoe").id
    memory.remember(vector=next(two), label="shoe")
    assert memory.concepts.find("shoe").id == shoe
    assert memory.concepts.find("shoe").links == {"vector": 1}
    assert [below.concept.label for below in memory.concepts.tree("shoe")[0].below] == ["sandal"]


def test_what_was_above_only_what_is_forgotten_goes_with_it(memory):
    some = vectors()
    one = memory.remember(vector=next(some), label="sandal")
    memory.remember(vector=next(some), label="dog")
    memory.forget(one.id)
    assert memory.concepts.known("shoe") is None
    assert memory.concepts.known("entity") is not None
    memory.forget(2)
    assert len(memory.concepts) == 0
    assert memory.check() == []


def test_without_wordnet_labels_have_no_parents_and_it_says_so(memory, path, monkeypatch):
    monkeypatch.setattr("mnemic.datasets.words.WORDNET", path)
    memory.close()
    with Memory.open(path) as bare:
        bare.remember(vector=next(vectors()), label="sandal")
        assert bare.concepts.find("sandal").parents == ()
        assert "WordNet is not on this machine" in bare.concepts.organise().note
    monkeypatch.undo()
    with Memory.open(path) as again:
        assert again.concepts.organise() == (0, 1, 0, None)
        assert again.concepts.above("sandal")[0].label == "shoe"


def test_what_lies_close_together_is_placed_below_one_concept(memory):
    rng = np.random.default_rng(0)
    kinds = rng.random((3, 6))
    for kind in range(3):
        for one in range(4):
            place = (kinds[kind] + 0.02 * rng.standard_normal(6)).astype(np.float32)
            memory.remember(vector=place, label=f"thing {kind} {one}")
    assert memory.concepts.organise().clusters >= 3
    for kind in range(3):
        parents = {memory.concepts.find(f"thing {kind} {one}").parents for one in range(4)}
        assert len(parents) == 1
        [[parent]] = parents
        assert len(memory.concepts.find(parent).children) == 4
    before = len(memory.concepts)
    memory.concepts.rename(parent, "my things")
    memory.concepts.organise()  # again: the same clusters, and the named one stays
    assert len(memory.concepts) == before
    assert memory.concepts.find("thing 2 0").parents == (parent,)
    assert memory.check() == []


def test_what_was_stored_before_there_were_concepts_is_bound_when_asked(memory):
    rng = np.random.default_rng(0)
    people = rng.random((4, 6))
    memory._all.association, binding = None, memory._all.association
    for who in [0, 1, 2, 3] * 8:
        memory.remember(vector=(people[who] + 0.01 * rng.standard_normal(6)).astype(np.float32))
    memory._all.association = binding
    assert len(memory.concepts) == 0
    assert memory.concepts.organise().bound == 32
    assert [one.id for one in memory.concepts.of(1)] == [one.id for one in memory.concepts.of(29)]
    assert len({memory.concepts.of(id)[0].id for id in memory.ids()}) == 4
    assert memory.concepts.organise().bound == 0
    assert memory.check() == []


def test_latents_can_be_what_locality_measures(tmp_path, small):
    with Memory.open(tmp_path / "seen", create={"resolution": 14, "channels": 1}) as memory:
        memory.concepts.choose(space="latents")
        memory.remember_many(image=small[:60], label=["a", "b"] * 30)
        memory.sleep(replays=60, epochs=1)
        memory.remember(image=small[0])
        assert [one.label for one in memory.concepts.of(61)] == ["a"]
        assert memory.recall(image=small[1]).concept.label == "b"
        space = memory._all.association.space("pixels")
        assert space.in_latents
        assert len(space.patterns) == 61
        memory.forget(61)
        assert len(space.patterns) == 60


def test_the_thesaurus_is_sought_when_a_memory_opens(memory):
    assert isinstance(memory._all.association, Association)
    assert memory._all.association.thesaurus is not None
