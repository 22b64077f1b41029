"""Memory: what a person does with it, on real pictures, on a real disk."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from PIL import Image

from mnemic import Memory
from mnemic.errors import (
    ConfigError,
    CueError,
    DamagedWarning,
    MediaError,
    NotAMemoryError,
    NotStoredError,
    ReadOnlyError,
    ShapeError,
)
from mnemic.media import from_npy, to_png

UPPER_HALF = np.arange(28)[:, None].repeat(28, 1) < 14


@pytest.fixture(scope="module")
def filled(tmp_path_factory, clothes):
    """A memory of 600 clothes, not to be changed."""
    path = tmp_path_factory.mktemp("filled") / "life.mnemic"
    with Memory.open(path, create={"resolution": 28, "channels": 1}) as memory:
        memory.remember_many(image=clothes[:600], label=[f"kind {i % 3}" for i in range(600)])
        yield memory


def test_a_torn_picture_brings_back_the_whole_and_all_that_went_with_it(memory, clothes):
    memory.remember_many(image=clothes[:50])
    engram = memory.remember(
        image=clothes[50],
        text="bought in Leiden",
        label="ankle boot",
        time="2024-05-01T12:00:00+02:00",
        metadata={"shop": "De Bijenkorf", "price": 99.5},
    )
    found = memory.recall(image=np.where(UPPER_HALF, clothes[50], 0), known=UPPER_HALF)
    assert found.remembered
    assert found.confidence > 0.97
    assert found.engram.id == engram.id
    assert (found.text, found.label) == ("bought in Leiden", "ankle boot")
    assert np.array_equal(found.image, clothes[50])
    assert np.array_equal(from_npy(found.original), clothes[50])
    assert (found.source, found.converged) == ("detail", True)
    assert not found.invented.any()
    assert found.invented.shape == found.image.shape
    assert engram.time == datetime(2024, 5, 1, 10, tzinfo=UTC)
    assert engram.metadata == {"shop": "De Bijenkorf", "price": 99.5}


def test_every_picture_is_recalled_from_its_upper_half(filled, clothes):
    found = filled.recall_many(image=clothes[:200], known=UPPER_HALF)
    assert [one.engram.id for one in found] == list(range(1, 201))
    assert sum(one.remembered for one in found) >= 198


def test_a_picture_never_stored_is_said_to_be_so(filled, unseen_clothes):
    found = filled.recall_many(image=unseen_clothes[:200])
    assert sum(one.remembered for one in found) <= 16
    assert all(one.engram is not None for one in found)  # what it reminds of
    assert {one.false_accepts for one in found} == {0.05}


def test_an_empty_memory_has_seen_nothing(memory, clothes):
    found = memory.recall(image=clothes[0])
    assert not found.remembered
    assert (found.engram, found.image, found.text, found.source) == (None, None, None, None)
    assert memory.surprise(image=clothes[0]) == 1.0
    assert len(memory) == 0
    assert list(memory) == []


def test_one_at_a_time_and_many_at_once_mean_the_same(tmp_path, clothes):
    create = {"resolution": 28, "channels": 1}
    with (
        Memory.open(tmp_path / "one", create=create) as one,
        Memory.open(tmp_path / "many", create=create) as many,
    ):
        singly = [one.remember(image=picture, label="x", time=0.0) for picture in clothes[:60]]
        together = many.remember_many(image=clothes[:60], label=["x"] * 60, time=[0.0] * 60)
        assert [(e.id, e.label, e.time) for e in singly] == [
            (e.id, e.label, e.time) for e in together
        ]
        cues = clothes[:20]
        alone = [one.recall(image=cue, known=UPPER_HALF, k=3) for cue in cues]
        batch = many.recall_many(image=cues, known=UPPER_HALF, k=3)
        for a, b in zip(alone, batch, strict=True):
            assert (a.engram.id, a.remembered) == (b.engram.id, b.remembered)
            assert a.confidence == pytest.approx(b.confidence, abs=1e-6)
            assert [r.engram.id for r in a.runners_up] == [r.engram.id for r in b.runners_up]


def test_surprise_is_low_for_what_is_known_and_high_for_what_is_odd(filled, clothes, rng):
    assert filled.surprise(image=clothes[3]) < 0.01
    noise = np.random.default_rng(0).integers(0, 256, (28, 28), dtype=np.uint8)
    assert filled.surprise(image=noise) > 0.99
    assert filled.recall(image=noise).remembered is False


def test_surprise_asked_is_surprise_recorded(memory, clothes):
    memory.remember_many(image=clothes[:100])
    asked = memory.surprise(image=clothes[100])
    assert memory.remember(image=clothes[100]).surprise == pytest.approx(asked)
    assert memory[101].surprise == pytest.approx(asked)
    assert memory.remember(text="nothing to see").surprise is None


def test_runners_up_come_next_in_order_of_distance(filled, clothes):
    found = filled.recall(image=clothes[7], k=5)
    assert len(found.runners_up) == 4
    distances = [one.distance for one in found.runners_up]
    assert distances == sorted(distances)
    assert found.engram.id not in [one.engram.id for one in found.runners_up]
    truth = np.square(clothes[:600] / 255 - clothes[7] / 255).mean((1, 2))
    nearest = np.argsort(truth)[1:5] + 1
    assert [one.engram.id for one in found.runners_up] == nearest.tolist()


def test_a_memory_survives_being_closed(tmp_path, clothes):
    path = tmp_path / "life"
    with Memory.open(path, create={"resolution": 28, "channels": 1}) as memory:
        before = memory.remember(image=clothes[0], text="first", label="shoe", time=5.5)
    with Memory.open(path) as memory:
        assert memory[before.id].time == before.time
        after = memory.recall(image=clothes[0]).engram
        assert (after.id, after.text, after.label) == (before.id, "first", "shoe")
        assert np.array_equal(after.image, before.image)


def test_forgotten_means_gone_for_recall_and_for_disk(memory, clothes):
    memory.remember_many(image=clothes[:40], text=["unmistakable text"] * 40)
    memory.forget(4, 7)
    assert 4 not in memory
    assert len(memory) == 38
    with pytest.raises(NotStoredError, match="no engram has id 4"):
        memory[4]
    assert memory.recall(image=clothes[3]).engram.id != 4
    data = b"".join(file.read_bytes() for file in memory.path.iterdir())
    assert clothes[3].tobytes() not in data
    assert clothes[4].tobytes() in data
    assert memory.remember(image=clothes[3]).id == 41  # an id is never used again


def test_another_opening_sees_what_is_stored_and_forgotten_at_its_next_call(tmp_path, clothes):
    create = {"resolution": 28, "channels": 1}
    with (
        Memory.open(tmp_path / "life", create=create) as writer,
        Memory.open(tmp_path / "life", read_only=True) as reader,
    ):
        writer.remember_many(image=clothes[:30])
        assert reader.recall(image=clothes[2], known=UPPER_HALF).engram.id == 3
        writer.forget(3)
        assert reader.recall(image=clothes[2], known=UPPER_HALF).engram.id != 3
        writer.remember(image=clothes[2])
        assert reader.recall(image=clothes[2], known=UPPER_HALF).engram.id == 31
        with pytest.raises(ReadOnlyError, match="read_only=True"):
            reader.remember(image=clothes[0])


def test_a_lesion_silences_its_share_and_ends(filled, clothes):
    with filled.lesion("engrams", fraction=0.5) as silent:
        assert len(silent) == 300
        found = filled.recall_many(image=clothes[:100])
        assert not {one.engram.id for one in found} & set(silent)
        assert sum(one.remembered for one in found) < 70
        assert len(filled) == 600
    assert filled.recall(image=clothes[silent[0] - 1]).engram.id == silent[0]


def test_a_whole_lesion_leaves_nothing_to_recall(filled, clothes):
    with filled.lesion("engrams", fraction=1.0):
        assert filled.recall(image=clothes[0]).engram is None
        assert not filled.recall(image=clothes[0]).remembered


def test_the_senses_of_one_experience_bring_one_another_along(memory, clothes, rng):
    vectors = np.random.default_rng(0).normal(size=(30, 5)).astype(np.float32)
    memory.remember_many(image=clothes[:30], vector=vectors)
    found = memory.recall(vector=vectors[8])
    assert found.remembered
    assert np.array_equal(found.image, clothes[8])
    assert np.allclose(found.vector, vectors[8])
    by_picture = memory.recall(image=clothes[8], known=UPPER_HALF)
    assert np.allclose(by_picture.vector, vectors[8])


def test_two_weak_cues_settle_together_what_neither_does_alone(tmp_path):
    """Two engrams share a picture and two share a vector; only one has both."""
    create = {"resolution": 8, "channels": 1, "vector": 3}
    pictures = np.zeros((3, 8, 8), np.uint8)
    pictures[2, 4:] = 255
    vectors = np.array([[1, 0, 0], [0, 1, 0], [0, 1, 0]], np.float32)
    with Memory.open(tmp_path / "joint", create=create) as memory:
        memory.remember_many(image=pictures, vector=vectors)
        assert memory.recall(image=pictures[0], vector=vectors[1]).engram.id == 2
        known = {"image": np.ones((8, 8), bool), "vector": np.array([True, True, False])}
        assert memory.recall(image=pictures[0], vector=vectors[0], known=known).engram.id == 1


def test_several_pictures_of_one_experience_each_recall_it(memory, clothes):
    memory.remember_many(image=clothes[:20])
    both = memory.remember(image=[clothes[30], clothes[31]], label="a pair")
    assert len(both.parts["image"]) == 2
    for part in (30, 31):
        found = memory.recall(image=clothes[part], known=UPPER_HALF)
        assert found.engram.id == both.id
        assert np.array_equal(found.image, clothes[part])
        assert np.array_equal(from_npy(found.original), clothes[part])
    assert memory.recall(image=[clothes[30], clothes[31]]).engram.id == both.id
    assert len(memory.originals(both.id)) == 2


def test_duplicates_and_constant_pictures_are_remembered(memory):
    black = np.zeros((28, 28), np.uint8)
    first, second = memory.remember(image=black), memory.remember(image=black)
    assert second.surprise < 0.01
    found = memory.recall(image=black, k=2)
    assert found.remembered
    assert {found.engram.id, found.runners_up[0].engram.id} == {first.id, second.id}


def test_browsing_is_by_label_and_by_time(memory, clothes):
    day = datetime(2024, 1, 1, tzinfo=UTC)
    memory.remember_many(
        image=clothes[:4],
        label=["boot", "shirt", "boot", None],
        time=[day + timedelta(days=n) for n in (3, 1, 0, 2)],
    )
    assert memory.ids() == [3, 2, 4, 1]
    assert [engram.id for engram in memory] == [3, 2, 4, 1]
    assert [engram.id for engram in memory.where(label="boot")] == [3, 1]
    assert [engram.id for engram in memory.where(after=day)] == [2, 4, 1]
    assert [engram.id for engram in memory.where(after=day, before="2024-01-03")] == [2]
    assert [engram.id for engram in memory.where(label="hat")] == []


def test_paths_and_pil_pictures_are_remembered_with_their_bytes(memory, clothes, tmp_path):
    file = tmp_path / "boot.png"
    file.write_bytes(to_png(clothes[0]))
    memory.remember(image=file)
    memory.remember(image=Image.fromarray(clothes[1]))
    found = memory.recall(image=str(file))
    assert found.original == file.read_bytes()
    assert found.media_type == "image/png"
    assert memory.originals(2)[0][1] == "image/png"


def test_a_transparent_tear_is_unknown_without_a_mask(memory, clothes, tmp_path):
    memory.remember_many(image=clothes[:30])
    torn = np.dstack([clothes[5]] * 3 + [np.where(UPPER_HALF, 255, 0)]).astype(np.uint8)
    Image.fromarray(torn).save(tmp_path / "torn.png")
    found = memory.recall(image=tmp_path / "torn.png")
    assert found.engram.id == 6
    assert found.remembered


def test_a_backup_is_a_memory(memory, clothes, tmp_path):
    memory.remember_many(image=clothes[:5])
    memory.backup(tmp_path / "copy")
    memory.forget(1)
    with Memory.open(tmp_path / "copy") as copy:
        assert copy.recall(image=clothes[0]).engram.id == 1
    with pytest.raises(ConfigError, match="not an empty folder"):
        memory.backup(tmp_path / "copy")


def test_check_finds_nothing_in_a_sound_memory(filled):
    assert filled.check() == []


@pytest.mark.parametrize(
    ("ask", "error", "says"),
    [
        (lambda m: m.remember(), CueError, "needs a part"),
        (lambda m: m.recall(), CueError, "nothing to recall from"),
        (lambda m: m.surprise(), CueError, "nothing was given"),
        (lambda m: m.recall(image=np.zeros((28, 28), np.uint8), k=0), ConfigError, "at least 1"),
        (lambda m: m.remember(image=np.full((28, 28), np.nan)), MediaError, "NaN"),
        (lambda m: m.remember(image="no such.png"), MediaError, "no such.png"),
        (lambda m: m.remember(vector=np.zeros(4)), ShapeError, "vectors of 5 numbers"),
        (lambda m: m.remember(vector=np.full(5, np.inf)), CueError, "infinity"),
        (
            lambda m: m.recall(image=np.zeros((28, 28)), known=np.zeros((28, 28), bool)),
            CueError,
            "no pixel",
        ),
        (
            lambda m: m.recall(image=np.zeros((28, 28)), known=np.ones((9, 9), bool)),
            ShapeError,
            r"\(9, 9\).*\(28, 28\)",
        ),
        (
            lambda m: m.recall(
                image=np.zeros((28, 28)), vector=np.zeros(5), known=np.ones((28, 28), bool)
            ),
            CueError,
            "whose mask",
        ),
        (
            lambda m: m.recall(image=np.zeros((28, 28)), known={"vector": np.ones(5, bool)}),
            CueError,
            "no such part",
        ),
        (lambda m: m.remember(text="x", label="two\nlines"), ConfigError, "one line"),
        (lambda m: m.remember(text="x", metadata={"f": open}), ConfigError, "must be JSON"),
        (lambda m: m.remember(text="x", metadata={"a": {1: 2}}), ConfigError, "come back changed"),
        (lambda m: m.remember(text="x", time="yesterday"), ConfigError, "is no time"),
        (
            lambda m: m.remember_many(image=[np.zeros((28, 28))], label=["a", "b"]),
            ShapeError,
            "image 1, label 2",
        ),
        (
            lambda m: m.remember_many(image=[np.zeros((28, 28)), np.full((28, 28), 7.0)]),
            MediaError,
            "0..1",
        ),
        (lambda m: m.forget(1, 99), NotStoredError, "id 99"),
    ],
)
def test_bad_input_gets_a_clear_error_and_loses_nothing(ask, error, says, memory, clothes):
    memory.remember(image=clothes[0], label="kept")
    with pytest.raises(error, match=says):
        ask(memory)
    assert len(memory) == 1
    assert memory.recall(image=clothes[0]).label == "kept"


def test_a_memory_refuses_parts_it_has_no_sense_for(filled):
    with pytest.raises(CueError, match="no sense for 'vector', only for image"):
        filled.remember(vector=np.zeros(3))


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "letter.txt").write_text("dear diary")
    with pytest.raises(NotAMemoryError, match="holds other things"):
        Memory.open(tmp_path)
    with pytest.raises(NotAMemoryError, match="is a file"):
        Memory.open(tmp_path / "letter.txt")
    with pytest.raises(NotAMemoryError, match="no memory at"):
        Memory.open(tmp_path / "nothing", read_only=True)
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


def test_other_settings_than_it_was_made_with_are_refused(tmp_path):
    Memory.open(tmp_path / "life", create={"resolution": 28}).close()
    Memory.open(tmp_path / "life", create={"resolution": 28}).close()
    with pytest.raises(ConfigError, match=r"made with resolution=28 \(asked: 64\)"):
        Memory.open(tmp_path / "life", create={"resolution": 64})
    with pytest.raises(ConfigError, match="knows resolution"):
        Memory.open(tmp_path / "other", create={"size": 3})
    with pytest.raises(ConfigError, match="needs a sense"):
        Memory.open(tmp_path / "other", create={"resolution": None})


def test_a_sense_that_encodes_differently_now_is_refused(tmp_path, monkeypatch):
    Memory.open(tmp_path / "life", create={"resolution": 8}).close()
    monkeypatch.setattr("mnemic.senses.Pixels.config", {"code": "pixels/2"})
    with pytest.raises(ConfigError, match="another version of the sense 'pixels'"):
        Memory.open(tmp_path / "life")


def test_one_damaged_engram_does_not_keep_the_others_from_answering(tmp_path, clothes):
    path = tmp_path / "life"
    with Memory.open(path, create={"resolution": 28, "channels": 1}) as memory:
        memory.remember_many(image=clothes[:5])
        memory._store._db.execute("UPDATE points SET code = x'00' WHERE id = 2")
    with pytest.warns(DamagedWarning, match="engram 2 is damaged"):
        memory = Memory.open(path)
    with memory:
        assert memory.recall(image=clothes[0]).engram.id == 1
        assert any("engram 2" in fault for fault in memory.check())
        memory.forget(2)
        assert memory.check() == []


def test_an_answer_says_how_it_was_found_and_how_far_off_it_can_be(filled, clothes):
    search = filled.recall(image=clothes[3]).search
    assert search.method == "certified"
    assert 0 < search.bound <= 1e-6
    assert search.multiply_adds >= 600 * 28 * 28  # every engram is compared once
    torn = filled.recall(image=clothes[3], known=UPPER_HALF).search
    assert torn.multiply_adds > search.multiply_adds


def test_a_memory_of_few_leaves_nothing_out(memory, clothes):
    assert memory.recall(image=clothes[0]).search.multiply_adds == 0
    memory.remember_many(image=clothes[:5])
    search = memory.recall(image=clothes[0]).search
    assert (search.method, search.bound) == ("dense", 0.0)
