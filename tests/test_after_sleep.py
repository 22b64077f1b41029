"""The morning after: surprise, inference, imagination, lesions, forgetting, and lost students."""

import shutil
import sqlite3
from contextlib import closing

import numpy as np
import pyarrow.parquet as pq
import pytest
from safetensors.torch import load_file, save_file
from tests.conftest import smaller

from mnemic import Memory
from mnemic.datasets import digits
from mnemic.errors import (
    ConfigError,
    CueError,
    DamagedWarning,
    EmptyMemoryError,
    LesionedError,
    MediaError,
    MnemicError,
    NeverSleptError,
    NotStoredError,
    ReadOnlyError,
    ShapeError,
    StoreBusyError,
)

CREATE = {"resolution": 14, "channels": 1}
STORED = 200
NIGHT = {"replays": 20, "epochs": 1}
UPPER_HALF = np.arange(14)[:, None].repeat(14, 1) < 7
NOTHING_LEFT = "nothing of what was forgotten is left"


@pytest.fixture(scope="module")
def unseen(unseen_clothes):
    return smaller(unseen_clothes[:60])


@pytest.fixture(scope="module")
def slept(tmp_path_factory, small):
    """A memory after one good night, not to be changed."""
    path = tmp_path_factory.mktemp("slept") / "life.mnemic"
    with Memory.open(path, create=CREATE) as memory:
        labels = ["dark" if one.mean() < 70 else "light" for one in small[:STORED]]
        memory.remember_many(image=small[:STORED], label=labels)
        memory.sleep(replays=500, epochs=5)
        yield memory


@pytest.fixture(scope="module")
def paths(tmp_path_factory, small):
    """A few pictures after a night, closed and not to be changed: kept whole, and in detail."""
    folder = tmp_path_factory.mktemp("few")
    with Memory.open(folder / "original", create=CREATE) as memory:
        labels = [f"kind {index % 2}" for index in range(40)]
        memory.remember_many(image=small[:40], label=labels)
        memory.sleep(replays=24, epochs=3)
        shutil.copytree(memory.path, folder / "detail")
    with Memory.open(folder / "detail") as memory:
        memory.keep("detail", apply=True)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def opened(reopened, paths):
    """Opens a copy of one of the memories."""
    return lambda name: reopened(paths[name])


@pytest.fixture
def few(opened):
    return opened("original")


@pytest.fixture
def detailed(opened):
    return opened("detail")


def files(memory):
    return sorted(path.name for path in (memory.path / "students").glob("*"))


def schemas(memory):
    [(count,)] = memory._store._rows("SELECT count(*) FROM schemas")
    return count


def test_more_of_the_same_surprises_less_than_other_things_and_noise_most(slept, unseen):
    others = np.zeros((40, 14, 14), np.uint8)
    others[:, 3:11, 3:11] = digits().images[:40]
    noise = np.random.default_rng(0).integers(0, 256, (40, 14, 14), dtype=np.uint8)
    surprise = {
        name: np.array([slept.surprise(image=one) for one in images])
        for name, images in (("clothes", unseen[:40]), ("digits", others), ("noise", noise))
    }
    for values in surprise.values():
        assert 0 <= values.min() <= values.max() <= 1
    assert np.median(surprise["clothes"]) < 0.6  # as usual as what was held out
    assert np.median(surprise["digits"]) > np.median(surprise["clothes"]) + 0.2
    assert surprise["noise"].min() > np.quantile(surprise["clothes"], 0.75)
    assert np.median(surprise["noise"]) > np.median(surprise["digits"])


def test_surprise_asked_after_sleep_is_surprise_recorded(few, small):
    pictures = small[100:104]
    asked = [few.surprise(image=one) for one in pictures]
    alone = few.remember(image=pictures[0])
    together = few.remember_many(image=pictures[1:])
    recorded = [one.surprise for one in (alone, *together)]
    assert recorded == pytest.approx(asked, abs=1e-6)
    assert [few[one.id].surprise for one in (alone, *together)] == recorded
    assert few.remember(text="nothing to see").surprise is None


def test_surprise_is_at_what_is_known_alone(slept, unseen):
    spoilt = np.where(UPPER_HALF, unseen[0], np.random.default_rng(0).integers(0, 256, (14, 14)))
    spoilt = spoilt.astype(np.uint8)
    asked = [slept.surprise(image=one, known=UPPER_HALF) for one in (unseen[0], spoilt)]
    assert asked[0] == asked[1] < slept.surprise(image=spoilt)


def test_of_several_parts_the_most_surprising_counts(few, small):
    one, other = small[100], small[101]
    each = [few.surprise(image=one), few.surprise(image=other)]
    assert few.surprise(image=[one, other]) == pytest.approx(max(each), abs=1e-6)


def test_what_is_inferred_is_nearer_the_truth_than_the_usual_picture_is(slept, small, unseen):
    lower = ~UPPER_HALF
    usual = small[:STORED].mean(axis=0)
    inferred, guessed = [], []
    for picture in unseen[:16]:
        found = slept.infer(image=picture, known=UPPER_HALF)
        inferred.append(np.abs(found.image.astype(float) - picture)[lower].mean())
        guessed.append(np.abs(usual - picture)[lower].mean())
    assert np.mean(inferred) < 0.85 * np.mean(guessed)


def test_inference_keeps_what_is_known_and_marks_what_it_drew(slept, unseen):
    blacked = np.where(UPPER_HALF, unseen[0], 0).astype(np.uint8)
    found = slept.infer(image=unseen[0], known=UPPER_HALF)
    assert np.array_equal(found.image[UPPER_HALF], unseen[0][UPPER_HALF])
    assert np.array_equal(found.invented, ~UPPER_HALF)
    assert 0 <= found.surprise <= 1
    same = slept.infer(image=blacked, known=UPPER_HALF)
    assert np.array_equal(same.image, found.image)  # what is unknown is not looked at
    whole = slept.infer(image=unseen[0])
    assert np.array_equal(whole.image, unseen[0])
    assert not whole.invented.any()


def test_inference_needs_no_engram(few, unseen):
    before = few.infer(image=unseen[0], known=UPPER_HALF)
    with few.lesion("hippocampus"):
        assert np.array_equal(few.infer(image=unseen[0], known=UPPER_HALF).image, before.image)
    few.forget(*few.ids())
    assert np.array_equal(few.infer(image=unseen[0], known=UPPER_HALF).image, before.image)


@pytest.mark.parametrize(
    ("wish", "count"),
    [
        ({}, 8),
        ({"count": 3}, 3),
        ({"count": 2, "label": "dark"}, 2),
        ({"between": (1, 2)}, 8),
        ({"between": (1, 2), "steps": 5}, 5),
        ({"like": 1}, 1),
        ({"like": 1, "plus": 2, "minus": 3}, 1),
    ],
)
def test_each_way_of_imagining_gives_pictures_with_their_latents(slept, wish, count):
    dreamt = slept.imagine(**wish)
    assert dreamt.images.shape == (count, 14, 14)
    assert dreamt.images.dtype == np.uint8
    assert dreamt.latents.shape == (count, slept.latents([1]).shape[-1])
    assert len(dreamt) == count
    assert np.array_equal(np.stack(list(dreamt)), dreamt.images)


def test_the_way_between_two_things_begins_and_ends_as_the_student_sees_them(slept, small):
    way = slept.imagine(between=(4, slept[9]), steps=6)
    ends = slept.latents([4, 9])
    assert np.array_equal(way.latents[[0, -1]], ends)
    drawn = [slept.imagine(like=id).images[0] for id in (4, 9)]
    assert np.array_equal(way.images[0], drawn[0])
    assert np.array_equal(way.images[-1], drawn[1])
    assert np.allclose(np.diff(way.latents, axis=0), (ends[1] - ends[0]) / 5, atol=1e-5)
    by_picture = slept.imagine(between=(small[3], small[8]), steps=6)
    assert np.allclose(by_picture.latents, way.latents, atol=0.01)  # stored at half precision


def test_an_analogy_is_sums_of_latents(slept):
    like, plus, minus = slept.latents([1, 2, 3])
    [found] = slept.imagine(like=1, plus=2, minus=3).latents
    assert np.allclose(found, like + plus - minus)
    assert np.allclose(slept.imagine(like=1, plus=2, minus=2).latents, like)


def test_what_is_imagined_of_a_label_is_like_its_engrams(slept):
    dark, light = (slept.imagine(30, label=label).images.mean() for label in ("dark", "light"))
    assert dark < 60 < 80 < light


def test_a_seed_repeats_what_was_imagined_and_another_does_not(slept):
    for wish in ({}, {"label": "dark"}):
        first, again, other = (slept.imagine(3, **wish, seed=seed) for seed in (5, 5, 6))
        assert np.array_equal(first.images, again.images)
        assert not np.array_equal(first.latents, other.latents)
        assert (first.seed, other.seed) == (5, 6)
        assert np.array_equal(slept.imagine(3, **wish).latents, slept.imagine(3, **wish).latents)


@pytest.mark.parametrize(
    ("wish", "error", "says"),
    [
        ({"count": 0}, ConfigError, "count must be at least 1"),
        ({"between": (1, 2), "steps": 1}, ConfigError, "steps must be at least 2"),
        ({"label": "dark", "like": 1}, ConfigError, "imagine takes one of"),
        ({"plus": 1, "minus": 2}, ConfigError, "imagine takes one of"),
        ({"like": 1, "plus": 2}, ConfigError, "imagine takes one of"),
        ({"label": "hat"}, EmptyMemoryError, "nothing of this kind"),
        ({"like": 999}, NotStoredError, "no engram has id 999"),
        ({"like": "no such.png"}, MediaError, "no such.png"),
    ],
)
def test_a_wish_that_cannot_be_granted_is_explained(slept, wish, error, says):
    with pytest.raises(error, match=says):
        slept.imagine(**wish)


def test_what_has_no_picture_cannot_be_thought_of(few):
    letter = few.remember(text="no picture at all").id
    with pytest.raises(CueError, match="none was given"):
        few.imagine(like=letter)
    with pytest.raises(CueError, match="none was given"):
        few.infer(image=None)
    with pytest.raises(ShapeError):
        few.infer(image=np.zeros((14, 14), np.uint8), known=np.ones((3, 3), bool))


def test_what_takes_a_student_says_so_before_the_first_sleep(tmp_path, small):
    with Memory.open(tmp_path / "life", create=CREATE) as memory:
        memory.remember_many(image=small[:4], label=["a"] * 4)
        for ask in (
            lambda: memory.imagine(),
            lambda: memory.imagine(label="a"),
            lambda: memory.imagine(between=(1, 2)),
            lambda: memory.infer(image=small[0], known=UPPER_HALF),
            lambda: memory.facts(image=small[0]),
            lambda: memory.latents([1]),
        ):
            with pytest.raises(NeverSleptError, match=r"sleep\(\) makes one"):
                ask()
        with memory.lesion("hippocampus"):
            found = memory.recall(image=small[0])
            assert (found.engram, found.image, found.source) == (None, None, None)


def test_without_a_hippocampus_only_what_was_learned_is_left(few, small):
    facts = few.facts(image=small[3])
    with few.lesion("hippocampus") as silent:
        assert silent == few.ids()
        found = few.recall(image=small[3], known=UPPER_HALF, k=3)
        assert (found.remembered, found.confidence, found.engram) == (False, 0, None)
        assert (found.source, found.runners_up, found.original) == ("schema", (), None)
        alone = few.infer(image=small[3], known=UPPER_HALF)
        assert np.array_equal(found.image, alone.image)
        assert np.array_equal(found.invented, ~UPPER_HALF)
        many = few.recall_many(image=small[:3], known=UPPER_HALF)
        assert [one.source for one in many] == ["schema"] * 3
        assert few.facts(image=small[3]) == facts
        assert few.imagine(2).images.shape == (2, 14, 14)
        for wish in ({"between": (1, 2)}, {"label": "kind 0"}, {"like": 1}):
            with pytest.raises(LesionedError, match="silences the hippocampus"):
                few.imagine(**wish)
        assert len(few.imagine(between=(small[0], small[1]))) == 8  # pictures need no engram
    assert few.recall(image=small[3], known=UPPER_HALF).engram.id == 4
    assert len(few.imagine(between=(1, 2))) == 8


def test_without_a_decoder_only_the_detail_is_left(detailed, small):
    whole = detailed.recall(image=small[3])
    facts = detailed.facts(image=small[3])
    assert whole.source == "mixed"
    with detailed.lesion("decoder") as silent:
        assert silent == []
        found = detailed.recall(image=small[3])
        assert (found.remembered, found.engram.id, found.source) == (True, 4, "detail")
        assert np.array_equal(found.image, np.where(whole.invented, 0, whole.image))
        assert not found.invented.any()
        for ask in (
            lambda: detailed.imagine(),
            lambda: detailed.imagine(between=(1, 2)),
            lambda: detailed.infer(image=small[0], known=UPPER_HALF),
        ):
            with pytest.raises(LesionedError, match="silences the decoder"):
                ask()
        assert detailed.facts(image=small[3]) == facts
    again = detailed.recall(image=small[3])
    assert np.array_equal(again.image, whole.image)
    assert len(detailed.imagine()) == 8


def test_without_a_decoder_a_picture_kept_whole_is_shown_whole(few, small):
    with few.lesion("decoder"):
        found = few.recall(image=small[3])
        assert np.array_equal(found.image, small[3])
        assert (found.source, found.invented.any()) == ("detail", False)


def test_without_either_nothing_is_left(few, small):
    with few.lesion("decoder"), few.lesion("hippocampus"):
        found = few.recall(image=small[3], known=UPPER_HALF)
        assert (found.image, found.source, found.engram) == (None, None, None)
        assert 0 <= few.facts(image=small[3])["label"]["kind 0"] <= 1
    assert few.recall(image=small[3]).engram.id == 4


def test_lesions_reach_the_picture_another_sense_brings_along(tmp_path, small):
    vectors = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    create = CREATE | {"vector": 5, "keep": "detail"}
    with Memory.open(tmp_path / "life", create=create) as memory:
        memory.remember_many(image=small[:20], vector=vectors)
        memory.sleep(replays=24, epochs=3)
        whole = memory.recall(vector=vectors[3])
        assert whole.source == "mixed"
        with memory.lesion("decoder"):
            found = memory.recall(vector=vectors[3])
            assert np.array_equal(found.image, np.where(whole.invented, 0, whole.image))
            assert (found.source, found.invented.any()) == ("detail", False)
        with memory.lesion("hippocampus"):
            assert memory.recall(vector=vectors[3]).source is None
            both = memory.recall(image=small[3], vector=vectors[3], known={"image": UPPER_HALF})
            assert both.source == "schema"
            assert np.array_equal(both.invented, ~UPPER_HALF)


def test_a_lesion_ends_however_its_block_does(few, small):
    for what in ("hippocampus", "decoder", "engrams"):
        with pytest.raises(KeyboardInterrupt), few.lesion(what):
            raise KeyboardInterrupt
    assert few.recall(image=small[3]).engram.id == 4
    assert len(few.imagine(between=(1, 2))) == 8


def test_a_lesion_within_another_does_not_heal_it(few, small):
    for what in ("hippocampus", "decoder"):
        with few.lesion(what):
            with (
                pytest.raises(ConfigError, match=f"the {what} is silenced already"),
                few.lesion(what),
            ):
                pass
            with pytest.raises(LesionedError):
                few.imagine(between=(1, 2))
    with few.lesion("engrams", fraction=0.5) as silent:
        with few.lesion("engrams", fraction=0.75) as more:
            assert set(silent) < set(more)
        cues = small[np.array(silent) - 1]
        assert not {one.engram.id for one in few.recall_many(image=cues)} & set(silent)
        left = set(few.ids()) - set(silent)
        cues = small[np.array(sorted(left)) - 1]
        assert {one.engram.id for one in few.recall_many(image=cues)} == left


@pytest.mark.parametrize(
    ("lesion", "says"),
    [
        ({"what": "hippocampus", "fraction": 0.5}, "the hippocampus is silenced whole"),
        ({"what": "decoder", "fraction": 0.0}, "the decoder is silenced whole"),
        ({"what": "engrams", "fraction": 1.5}, r"fraction must be in 0..1, got 1.5"),
        ({"what": "engrams", "fraction": float("nan")}, r"fraction must be in 0..1"),
    ],
)
def test_lesions_that_cannot_be_are_refused(few, lesion, says):
    with pytest.raises(ConfigError, match=says), few.lesion(**lesion):
        pass


def test_after_sleep_forgetting_says_what_the_student_may_retain(few):
    forgotten = few.forget(3, 4)
    assert (forgotten.ids, forgotten.student_may_retain) == ((3, 4), True)
    assert "may retain" in forgotten.sentence
    assert "the next sleep" in forgotten.sentence
    assert schemas(few) == 38
    assert files(few) == ["pixels-1.safetensors"]
    with pytest.raises(NotStoredError):
        few.imagine(like=3)


def test_before_the_first_sleep_nothing_may_be_retained(tmp_path, small):
    with Memory.open(tmp_path / "life", create=CREATE) as memory:
        memory.remember_many(image=small[:3])
        for retrain in (False, True):
            forgotten = memory.forget(memory.ids()[0], retrain=retrain)
            assert (forgotten.student_may_retain, forgotten.sentence) == (False, NOTHING_LEFT)


@pytest.mark.parametrize("name", ["original", "detail"])
def test_retraining_makes_a_student_that_never_met_what_was_forgotten(opened, name):
    memory = opened(name)
    forgotten = memory.forget(3, 4, retrain=True)
    # of what is kept as less than it was, the rest was drawn by the student that met them
    assert forgotten.student_may_retain == (name == "detail")
    assert (forgotten.sentence == NOTHING_LEFT) == (name == "original")
    assert files(memory) == ["pixels-2.safetensors"]
    assert schemas(memory) == 38
    [student] = memory._store.students()
    assert student.report["config"]["epochs"] == 3  # as the last night was
    assert student.report["config"]["replayed"] == 24
    assert student.report["report"]["engrams"] == 38
    assert len(memory.imagine(2)) == 2
    assert memory.check() == []


@pytest.mark.parametrize("name", ["original", "detail"])
@pytest.mark.parametrize("text", [False, True])
def test_forgetting_every_picture_and_retraining_leaves_no_student(opened, name, text, small):
    memory = opened(name)
    everything = memory.ids()
    if text:
        memory.remember(text="no picture at all")
    forgotten = memory.forget(*everything, retrain=True)
    assert (forgotten.student_may_retain, forgotten.sentence) == (False, NOTHING_LEFT)
    assert files(memory) == []
    assert (schemas(memory), memory._store.students()) == (0, [])
    with pytest.raises(NeverSleptError):
        memory.imagine()
    with Memory.open(memory.path) as again:
        assert len(again) == int(text)
    new = memory.remember(image=small[0])
    assert memory.recall(image=small[0]).engram.id == new.id
    assert memory.sleep(**NIGHT).senses["pixels"].student == 2  # a version is never used again


def test_an_id_that_is_not_stored_costs_neither_engram_nor_student(few, small):
    with pytest.raises(NotStoredError, match="id 99"):
        few.forget(1, 99, retrain=True)
    assert few.recall(image=small[0]).engram.id == 1
    assert files(few) == ["pixels-1.safetensors"]


@pytest.mark.parametrize("name", ["original", "detail"])
def test_a_backup_brings_the_student_along(opened, name, small, tmp_path):
    memory = opened(name)
    memory.backup(tmp_path / "copy")
    dreamt, surprise = memory.imagine(2).images, memory.surprise(image=small[100])
    found = memory.recall(image=small[5])
    memory.forget(*memory.ids(), retrain=True)
    with Memory.open(tmp_path / "copy") as copy:
        assert np.array_equal(copy.imagine(2).images, dreamt)
        assert copy.surprise(image=small[100]) == surprise
        again = copy.recall(image=small[5])
        assert np.array_equal(again.image, found.image)
        assert np.array_equal(again.invented, found.invented)
        assert copy.check() == []
        assert copy.sleep(**NIGHT).senses["pixels"].student == 2


def test_an_export_of_what_is_kept_in_detail_holds_what_it_is_worth(detailed, tmp_path):
    detailed.export(tmp_path / "out")
    engrams = pq.read_table(tmp_path / "out" / "engrams.parquet").to_pylist()
    points = pq.read_table(tmp_path / "out" / "points.parquet").to_pylist()
    assert len(engrams) == len(points) == 40
    for engram, point in zip(engrams, points, strict=True):
        kept = detailed[engram["id"]]
        assert engram["strength"] == kept.strength
        pixels = np.rint(np.array(point["features"]) * 255).reshape(14, 14)
        assert np.array_equal(pixels, kept.image)
        assert point["original"] is None
    assert list((tmp_path / "out" / "originals").iterdir()) == []


def test_a_reader_may_ask_everything_and_change_nothing(few, small):
    with Memory.open(few.path, read_only=True) as reader:
        assert np.array_equal(reader.imagine(2).images, few.imagine(2).images)
        assert reader.facts(image=small[0]) == few.facts(image=small[0])
        assert reader.infer(image=small[0], known=UPPER_HALF).invented.any()
        assert not reader.keep("detail").applied
        for ask in (
            lambda: reader.keep("detail", apply=True),
            lambda: reader.forget(1),
            lambda: reader.sleep(**NIGHT),
        ):
            with pytest.raises(ReadOnlyError):
                ask()
    assert few.recall(image=small[0]).source == "detail"


def cut_short(file):
    file.write_bytes(file.read_bytes()[:1000])


def of_another_version(file):
    tensors = load_file(file)
    save_file(tensors, file, {"format": "mnemic student", "version": "99"})


def another_thing(file):
    file.write_text("dear diary")


def missing(file):
    file.unlink()


@pytest.mark.parametrize("harm", [missing, cut_short, of_another_version, another_thing])
def test_a_lost_student_costs_what_it_knew_and_the_next_sleep_mends_it(few, small, harm, tmp_path):
    few.close()
    harm(few.path / "students" / "pixels-1.safetensors")
    with pytest.warns(DamagedWarning, match="the student of pixels cannot be used"):
        memory = Memory.open(few.path)
    with memory:
        found = memory.recall(image=small[3], known=UPPER_HALF)
        assert (found.engram.id, found.source) == (4, "detail")
        assert np.array_equal(found.image, small[3])
        for ask in (
            lambda: memory.imagine(),
            lambda: memory.infer(image=small[0], known=UPPER_HALF),
            lambda: memory.facts(image=small[0]),
            lambda: memory.keep("detail"),
        ):
            with pytest.raises(NeverSleptError):
                ask()
        assert memory.surprise(image=small[3]) < 0.05  # by novelty, as before the first sleep
        new = memory.remember(image=small[100])
        assert (new.strength, memory.recall(image=small[100]).engram.id) == (1, new.id)
        memory.backup(tmp_path / "copy")
        with pytest.warns(DamagedWarning):
            copy = Memory.open(tmp_path / "copy")
        with copy:
            assert len(copy) == 41
        assert memory.sleep(**NIGHT).senses["pixels"].student == 2
        assert len(memory.latents(memory.ids())) == 41
        assert files(memory) == ["pixels-2.safetensors"]
    with Memory.open(few.path) as again:
        assert len(again.imagine(2)) == 2


def test_a_memory_of_vectors_alone_says_what_it_lacks(tmp_path, small):
    create = {"resolution": None, "vector": 5}
    with Memory.open(tmp_path / "life", create=create) as memory:
        memory.remember(vector=np.ones(5))
        for ask in (
            lambda: memory.imagine(),
            lambda: memory.infer(image=small[0]),
            lambda: memory.facts(image=small[0]),
            lambda: memory.sleep(),
            lambda: memory.keep("detail"),
        ):
            with pytest.raises(MnemicError):
                ask()
        assert memory.recall(vector=np.ones(5)).remembered


def test_a_backup_during_which_a_night_ends_has_the_student_it_names(few, tmp_path, monkeypatch):
    copied = few._store.backup
    nights = iter([True])

    def copy_and_sleep(path):
        copied(path)
        if next(nights, False):
            with Memory.open(few.path) as other:
                other.sleep(replays=24, epochs=1)

    monkeypatch.setattr(few._store, "backup", copy_and_sleep)
    few.backup(tmp_path / "copy")
    with Memory.open(tmp_path / "copy") as copy:
        assert files(copy) == ["pixels-2.safetensors"]
        assert len(copy.imagine(2)) == 2


def test_facts_of_a_torn_picture_take_the_decoder_and_of_a_whole_one_do_not(slept, unseen):
    with slept.lesion("decoder"):
        assert slept.facts(image=unseen[0])["label"]
        with pytest.raises(LesionedError, match="decoder"):
            slept.facts(image=unseen[0], known=UPPER_HALF)
    assert slept.facts(image=unseen[0], known=UPPER_HALF)["label"]


def test_checkpoints_go_with_the_forgotten_even_while_a_reader_holds_the_log(few):
    with closing(few.sleep_steps(replays=24, epochs=2)) as night:
        for step in night:
            if step.replayed_error is not None:
                break
    assert list((few.path / "sleep").iterdir())
    with closing(sqlite3.connect(few.path / "memory.sqlite")) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM engrams").fetchone()
        with pytest.raises(StoreBusyError):
            few.forget(3)
    assert 3 not in few
    assert not (few.path / "sleep").exists()
