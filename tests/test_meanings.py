"""Facts: what labels and metadata say of a picture, read off its latent."""

import numpy as np
import pytest

from mnemic import Memory
from mnemic.datasets import fashion_mnist
from mnemic.errors import CueError, EmptyMemoryError, NeverSleptError

CREATE = {"resolution": 14, "channels": 1}
STORED = 200
NIGHT = {"replays": 20, "epochs": 2}
UPPER_HALF = np.arange(14)[:, None].repeat(14, 1) < 7


@pytest.fixture(scope="module")
def clothing():
    """Fashion-MNIST at 14 × 14, with names: to learn from, and to be asked of."""
    found = []
    for split in ("train", "test"):
        data = fashion_mnist(split)
        images = data.images[:STORED].reshape(-1, 14, 2, 14, 2).mean((2, 4)).astype(np.uint8)
        found.append((images, [data.classes[label] for label in data.labels[:STORED]]))
    return found


@pytest.fixture(scope="module")
def slept(tmp_path_factory, clothing):
    """A memory after one good night, not to be changed."""
    (images, names), _ = clothing
    path = tmp_path_factory.mktemp("slept") / "life.mnemic"
    with Memory.open(path, create=CREATE) as memory:
        memory.remember_many(
            image=images,
            label=names,
            metadata=[
                {"dark": is_dark(one), "serial": index, "price": 9.5, "seen": ["here"]}
                for index, one in enumerate(images)
            ],
        )
        memory.sleep(replays=400, epochs=4)
        yield memory


@pytest.fixture
def memory(tmp_path, clothing):
    """A memory that slept over 30 pictures without a name."""
    with Memory.open(tmp_path / "life", create=CREATE) as memory:
        memory.remember_many(image=clothing[0][0][:30])
        memory.sleep(**NIGHT)
        yield memory


def is_dark(picture):
    return bool(picture.mean() < 70)


def likeliest(probabilities):
    return max(probabilities, key=probabilities.get)


def test_facts_are_right_of_things_never_seen_far_more_often_than_chance(slept, clothing):
    images, names = (column[:100] for column in clothing[1])
    facts = [slept.facts(image=one) for one in images]
    right = [likeliest(one["label"]) == name for one, name in zip(facts, names, strict=True)]
    assert np.mean(right) > 0.5  # of ten
    right = [
        likeliest(one["dark"]) == str(is_dark(image))
        for one, image in zip(facts, images, strict=True)
    ]
    assert np.mean(right) > 0.85  # of two


def test_facts_are_probabilities_of_every_value_of_every_attribute(slept, clothing):
    facts = slept.facts(image=clothing[1][0][0])
    # not of numbers that are all different, nor of what is no plain value
    assert sorted(facts) == ["dark", "label"]
    assert set(facts["label"]) == set(clothing[0][1])
    assert set(facts["dark"]) == {"True", "False"}
    for probabilities in facts.values():
        assert sum(probabilities.values()) == pytest.approx(1, abs=1e-5)
        assert all(0 <= one <= 1 for one in probabilities.values())


def test_facts_of_a_part_are_right_more_often_than_chance_too(slept, clothing):
    images, names = (column[:16] for column in clothing[1])
    right = [
        likeliest(slept.facts(image=image, known=UPPER_HALF)["label"]) == name
        for image, name in zip(images, names, strict=True)
    ]
    assert np.mean(right) > 0.3


def test_facts_repeat_themselves_and_do_not_look_at_what_is_unknown(slept, clothing):
    picture = clothing[1][0][0]
    spoilt = np.where(UPPER_HALF, picture, 255 - picture)
    facts = slept.facts(image=picture, known=UPPER_HALF)
    assert slept.facts(image=spoilt, known=UPPER_HALF) == facts
    with Memory.open(slept.path) as again:
        assert again.facts(image=picture, known=UPPER_HALF) == facts


def test_facts_come_of_few_examples_and_grow_with_them(memory, clothing):
    images, _ = clothing[0]
    bright = np.full((14, 14), 250, np.uint8)
    memory.remember_many(image=[images[0]] * 3 + [bright] * 3, label=["boot"] * 3 + ["flag"] * 3)
    facts = memory.facts(image=bright)["label"]
    assert set(facts) == {"boot", "flag"}
    assert likeliest(facts) == "flag"
    memory.remember_many(image=images[30:50], label=["coat"] * 20)
    assert set(memory.facts(image=bright)["label"]) == {"boot", "flag", "coat"}


def test_a_single_value_is_certain(memory, clothing):
    memory.remember_many(image=clothing[0][0][30:33], label=["boot"] * 3)
    assert memory.facts(image=clothing[0][0][0]) == {"label": {"boot": 1.0}}


def test_facts_go_by_metadata_where_there_is_no_label(memory, clothing):
    images = clothing[0][0]
    memory.remember_many(image=images[30:34], metadata=[{"shop": 1}, {"shop": 1}] + [{}] * 2)
    assert memory.facts(image=images[0]) == {"shop": {"1": 1.0}}


@pytest.mark.parametrize("labels", [[None, None], ["boot", "coat"]])
def test_without_a_value_that_engrams_share_there_are_no_facts(memory, clothing, labels):
    memory.remember_many(image=clothing[0][0][30:32], label=labels)
    with pytest.raises(EmptyMemoryError, match="facts come of labels, or of metadata"):
        memory.facts(image=clothing[0][0][0])


def test_facts_are_forgotten_with_the_engrams_they_came_of(memory, clothing):
    images = clothing[0][0]
    with Memory.open(memory.path) as other:
        new = memory.remember_many(image=images[30:34], label=["boot", "boot", "coat", "coat"])
        for one in (memory, other):
            assert set(one.facts(image=images[0])["label"]) == {"boot", "coat"}
        memory.forget(new[0].id, new[1].id)
        memory.remember_many(image=images[40:42])  # as many are stored as before
        for one in (memory, other):
            assert one.facts(image=images[0]) == {"label": {"coat": 1.0}}


def test_facts_are_learned_anew_of_a_new_student(memory, clothing):
    images = clothing[0][0]
    memory.remember_many(image=images[30:60], label=["boot", "coat"] * 15)
    before = memory.facts(image=images[0])
    memory.sleep(**NIGHT)
    after = memory.facts(image=images[0])
    assert set(after["label"]) == {"boot", "coat"}
    assert after != before


@pytest.mark.parametrize("keep", ["detail", "schema"])
def test_facts_survive_that_less_is_kept(memory, clothing, keep):
    images = clothing[0][0]
    memory.remember_many(image=images[30:50], label=["boot", "coat"] * 10)
    before = memory.facts(image=images[0])["label"]
    memory.keep(keep, apply=True)
    assert set(memory.facts(image=images[0])["label"]) == set(before)


def test_facts_take_a_picture_and_a_student(memory, tmp_path, clothing):
    with pytest.raises(CueError, match="none was given"):
        memory.facts(image=None)
    with Memory.open(tmp_path / "awake", create=CREATE) as awake:
        awake.remember_many(image=clothing[0][0][:4], label=["boot"] * 4)
        with pytest.raises(NeverSleptError):
            awake.facts(image=clothing[0][0][0])
