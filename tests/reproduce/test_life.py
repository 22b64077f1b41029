"""A life of days and nights, and learning that goes on."""

from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from mnemic import Memory
from mnemic.neocortex import make_student
from mnemic.reproduce import life_ageing, life_continual
from mnemic.reproduce.life_ageing import damaged, without_hippocampus, without_some
from mnemic.reproduce.life_continual import DREAMT, NEW, REPLAYED, SCHEMAS, after, lesson_of
from mnemic.reproduce.weeks import (
    Kept,
    Life,
    by_age,
    hidden_error,
    kept_by_age,
    live,
    recalled,
    spans,
)

SIDE = 14


@pytest.fixture(scope="module")
def life(small):
    """Two days of ten pictures, light ones and dark ones, and six that are never met."""
    names = ["dark" if picture.mean() < 70 else "light" for picture in small[:26]]
    return Life(small[:20], names[:20], np.arange(20) // 10, small[20:26], names[20:])


@pytest.fixture(scope="module")
def path(tmp_path_factory, life):
    """The memory of that life on its second evening, closed."""
    path = tmp_path_factory.mktemp("life") / "life"
    create = {"resolution": SIDE, "channels": 1, "keep": "detail", "tolerance": 0.1}
    with Memory.open(path, create=create) as memory:
        live(memory, life, 0)
        memory.sleep(replays=100, epochs=6)
        live(memory, life, 1)
    return path


@pytest.fixture
def config():
    return life_ageing.RESULTS[0].scales["toy"]


def test_time_in_a_life_is_the_lifes_own(path):
    with Memory.open(path) as memory:
        times = [engram.time for engram in memory]
    assert times == sorted(times)
    assert times[0] == datetime(2022, 1, 1, 8, tzinfo=UTC)
    assert times[10] == datetime(2022, 1, 2, 8, tzinfo=UTC)


def test_every_other_picture_is_met_with_its_name(path, life):
    with Memory.open(path) as memory:
        labels = [engram.label for engram in memory]
    assert labels[::2] == [None] * 10
    assert labels[1::2] == life.names[1::2]
    assert life.named.tolist() == [label is not None for label in labels]


def test_a_life_until_a_day_has_its_days_and_no_more(life):
    assert len(life.until(0).pictures) == 10
    assert life.until(0).age.tolist() == [0] * 10
    assert life.until(1).age.tolist() == [1] * 10 + [0] * 10
    assert np.array_equal(life.until(0).unseen, life.unseen)


def test_only_what_a_cue_hides_counts_as_recalled_or_not():
    pictures = np.full((1, 2, 2), 255, np.uint8)
    cue = np.array([[True, True], [False, False]])
    shown = np.array([[[0.0, 0.0], [1.0, 0.5]]])
    assert hidden_error(shown, pictures, cue).tolist() == [0.25]


def test_values_are_averaged_age_by_age():
    assert by_age(np.array([1.0, 2.0, 4.0]), np.array([1, 0, 0])) == [3.0, 1.0]


def test_spans_hold_every_age_once():
    for oldest in (1, 6, 7, 8, 20, 27):
        ages = [age for each in spans(oldest).values() for age in each]
        assert ages == list(range(oldest + 1))


def test_what_is_kept_is_averaged_over_all_evenings_it_was_so_old_but_the_first(life):
    nothing = np.zeros((0, SIDE, SIDE), np.uint8)
    first = Kept(np.full(10, 9.0), np.full(10, 9.0), nothing)
    second = Kept(np.repeat([0.3, 0.1], 10), np.repeat([0.5, 1.0], 10), nothing)
    found = kept_by_age([first, second], life)
    assert found["error"] == pytest.approx([0.1, 0.3])
    assert found["strength"] == pytest.approx([1.0, 0.5])


def test_what_was_never_slept_on_is_recalled_by_an_intact_memory(path, life):
    with damaged(path, None, 0) as (memory, silent):
        found = recalled(memory, life)
    assert silent == []
    assert found.own.all()
    assert found.remembered.all()
    assert set(found.sources) == {"mixed"}
    assert found.errors.max() < 0.1


def test_a_silenced_engram_is_not_recalled_and_the_others_are(path, life):
    found = without_some(path, life, 0.5, 0)
    assert found["silenced"]["recalled"] == 0
    assert found["others"]["recalled"] == 1
    assert found["all"]["recalled"] == 0.5
    assert found["silenced"]["detail error"] > 3 * found["others"]["detail error"]
    with Memory.open(path) as memory:  # neither the lesion nor the removal was of this one
        assert recalled(memory, life).own.all()


def test_a_removed_engram_is_no_source_of_facts(path, life):
    """With all but few removed, names are guessed; with the same silenced, they are known."""
    found = without_some(path, life, 0.7, 0)
    with damaged(path, None, 0) as (memory, _):
        assert found["facts"] == life_ageing.facts(memory, life)
    assert found["facts where they are removed"] != found["facts"]


def test_the_student_alone_shows_what_the_memory_shows_without_its_hippocampus(path, life, config):
    found = without_hippocampus(path, life, config, 0)
    assert found["recalled as engrams"] == 0
    assert found["the memory shows otherwise by"] < 0.01
    assert found["loss"] == pytest.approx(
        np.subtract(found["error, student alone"], found["error, intact"])
    )


def test_nothing_of_a_life_is_left_on_disk(tmp_path, monkeypatch, path, life):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    without_some(path, life, 0.5, 0)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture(scope="module")
def student():
    return make_student(grid=(SIDE, SIDE, 1), latent_dim=4, seed=0)


@pytest.fixture(scope="module")
def halves(small):
    pictures = torch.from_numpy(small[:40].reshape(40, -1)).float() / 255
    return pictures[:16], pictures[16:40]


def lesson(way, student, halves):
    return lesson_of(way, student, *halves, (SIDE, SIDE, 1), 0)


def brought_back(some, found):
    """Share of some pictures that are among what was found."""
    return float((torch.cdist(some, found).amin(dim=1) < 0.1).float().mean())


def test_a_lesson_of_the_new_alone_has_nothing_old(student, halves):
    old, new = halves
    found = lesson(NEW, student, halves)
    assert len(found) == len(new)
    assert brought_back(old, found) == 0
    assert brought_back(new, found) > 0.9


def test_replay_brings_back_old_and_new(student, halves):
    old, new = halves
    found = lesson(REPLAYED, student, halves)
    assert len(found) == len(old) + len(new)
    assert brought_back(old, found) > 0.9
    assert brought_back(new, found) > 0.9


@pytest.mark.parametrize("way", [DREAMT, SCHEMAS])
def test_what_the_hippocampus_let_go_of_is_not_in_the_lesson(way, student, halves):
    old, new = halves
    found = lesson(way, student, halves)
    assert len(found) == len(old) + len(new)
    assert brought_back(old, found) == 0
    assert brought_back(new, found) > 0.9


def test_dreams_come_of_the_student_alone(student, halves):
    old, new = halves
    dreamt = lesson(DREAMT, student, halves)[len(new) :]
    other = lesson(DREAMT, student, (old.flip(0) / 2, new))[len(new) :]
    assert torch.equal(dreamt, other)
    schemas = lesson(SCHEMAS, student, halves)[len(new) :]
    assert torch.equal(schemas, student.decode(student.encode(old)))


def test_one_is_no_forgetting():
    before = {"old error": 0.2, "old decoding": 0.8, "new error": 0.5, "new decoding": 0.3}
    assert after(before, [before])["kept"] == {"error": 1.0, "decoding": 1.0}
    worse = before | {"old error": 0.4, "old decoding": 0.2}
    assert after(before, [before, worse])["kept"] == {"error": 0.5, "decoding": 0.25}


def test_the_old_and_the_new_share_no_class_and_no_picture():
    config = life_continual.RESULTS[0].scales["toy"]
    data = life_continual.stored_and_unseen(config, 0)
    old, new = life_continual.parts_of(config, data)
    assert set(old.labels) <= set(config.first)
    assert not set(new.labels) & set(config.first)
    assert len(old.memories) + len(new.memories) == config.stored
    assert len(old.unseen) + len(new.unseen) == config.unseen


def test_what_goes_on_is_a_copy_of_the_student_that_knows_the_old(tmp_path, monkeypatch):
    """Every way begins where the first half ended: the student it found is never changed."""
    from mnemic.reproduce import Workshop

    seen = []
    real = life_continual.consolidate

    def watched(student, *args, **options):
        seen.append([weight.clone() for weight in student.model.parameters()])
        yield from real(student, *args, **options)

    monkeypatch.setattr(life_continual, "consolidate", watched)
    config = life_continual.RESULTS[0].scales["toy"]
    data = life_continual.stored_and_unseen(config, 0)
    for _ in life_continual.compute(config, data, 0, Workshop(tmp_path)):
        pass
    assert len(seen) == len(life_continual.LATER)
    for weights in seen[1:]:
        assert all(map(torch.equal, weights, seen[0]))
