"""Sleeping: a night goes by in steps, may be broken off and taken up, and disturbs nobody."""

import shutil
import threading
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from mnemic import Memory
from mnemic.errors import (
    AsleepError,
    ConfigError,
    DivergedError,
    EmptyMemoryError,
    ReadOnlyError,
    StoreFullError,
)

CREATE = {"resolution": 14, "channels": 1}
STORED = 40
NIGHT = {"replays": 20, "epochs": 3}


@pytest.fixture(scope="module")
def awake_path(tmp_path_factory, small):
    """A memory that has never slept, closed, not to be changed."""
    path = tmp_path_factory.mktemp("awake") / "life.mnemic"
    with Memory.open(path, create=CREATE) as memory:
        memory.remember_many(image=small[:STORED])
    return path


@pytest.fixture(scope="module")
def slept_path(tmp_path_factory, awake_path):
    """The same memory after one undisturbed night."""
    path = tmp_path_factory.mktemp("slept") / "life.mnemic"
    shutil.copytree(awake_path, path)
    with Memory.open(path) as memory:
        memory.sleep(**NIGHT)
    return path


@pytest.fixture
def awake(reopened, awake_path):
    return reopened(awake_path)


@pytest.fixture
def slept(reopened, slept_path):
    return reopened(slept_path)


def files(memory):
    return sorted(path.name for path in (memory.path / "students").glob("*"))


def weights(memory):
    """The numbers of the one student there is."""
    [file] = (memory.path / "students").iterdir()
    return load_file(file)


def same_numbers(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def versions(memory):
    """Of every point, the student its schema is of."""
    return {
        kept.id: None if kept.point.schema is None else kept.point.schema.student
        for kept in memory._store.points()
    }


def broken_off(memory, phase, **night):
    """Sleep until the first step of a phase; ``second epoch`` is in the middle of it."""
    steps = memory.sleep_steps(**night)
    for step in steps:
        if is_in(step, phase):
            break
    else:
        pytest.fail(f"there was no {phase}")
    steps.close()


def is_in(step, phase):
    return step.phase == phase or (phase == "second epoch" and step.epoch == 2)


def at_first(steps, phase, act):
    """Go through a night, and do something once, when a phase begins."""
    outcome = None
    for step in steps:
        if is_in(step, phase) and outcome is None:
            outcome = act()
    return step.report, outcome


def test_a_night_replays_everything_and_errs_less_with_every_epoch(tmp_path, small):
    with Memory.open(tmp_path / "life", create=CREATE, seed=7) as memory:
        memory.remember_many(image=small[:300])
        report = memory.sleep(replays=600, epochs=4)
        night = report.senses["pixels"]
        assert night.coverage >= 0.99
        assert night.purity >= 0.97
        assert night.entropy >= 0.97
        assert (night.student, night.engrams, night.replayed) == (1, 300, 600)
        assert all(after < before for before, after in pairwise(night.replayed_errors))
        assert all(after < before for before, after in pairwise(night.held_out_errors))
        assert all(after < before for before, after in pairwise(night.losses))
        assert len(night.losses) == len(night.replayed_errors) == len(night.held_out_errors) == 4
        assert night.drift is None  # all is kept
        assert (report.resumed, report.not_slept, report.seed) == (False, {}, 7)
        assert report.strength == 1
        assert report.seconds > 0


def test_every_night_makes_a_new_student_in_the_place_of_the_last(slept):
    assert files(slept) == ["pixels-1.safetensors"]
    assert set(versions(slept).values()) == {1}
    assert slept.sleep(**NIGHT).senses["pixels"].student == 2
    assert files(slept) == ["pixels-2.safetensors"]
    assert set(versions(slept).values()) == {2}
    assert not (slept.path / "sleep").exists()
    assert slept.check() == []


def test_the_same_memory_and_seed_make_the_same_student(reopened, awake_path, slept_path):
    before = torch.random.get_rng_state()
    again, other = reopened(awake_path), reopened(awake_path, seed=1)
    again.recall(image=np.zeros((14, 14), np.uint8))  # what is asked by day does not matter
    again.sleep(**NIGHT)
    other.sleep(**NIGHT)
    assert same_numbers(weights(again), weights(reopened(slept_path)))
    assert not same_numbers(weights(again), weights(other))
    assert torch.equal(torch.random.get_rng_state(), before)  # nor is the global one touched


def test_a_night_is_replay_then_training_then_encoding_and_ends_with_the_report(awake):
    steps = list(awake.sleep_steps(**NIGHT))
    phases = [step.phase for step in steps]
    assert list(dict.fromkeys(phases)) == ["replay", "train", "encode", "done"]
    assert phases == sorted(phases, key=["replay", "train", "encode", "done"].index)
    for phase in ("replay", "train", "encode"):
        done = [step.done for step in steps if step.phase == phase]
        assert done == sorted(set(done))
        assert {step.total for step in steps if step.phase == phase} == {done[-1]}
    coverage = [step.coverage for step in steps if step.phase == "replay"]
    assert coverage == sorted(coverage)
    assert coverage[-1] == steps[-1].report.senses["pixels"].coverage > 0.4
    trained = [step for step in steps if step.phase == "train"]
    assert all(np.isfinite(step.loss) for step in trained)
    assert sorted({step.epoch for step in trained}) == [1, 2, 3]
    night = steps[-1].report.senses["pixels"]
    errors = [step.replayed_error for step in trained if step.replayed_error is not None]
    assert tuple(errors) == night.replayed_errors
    assert [step.report is None for step in steps] == [True] * (len(steps) - 1) + [False]


@pytest.mark.parametrize("phase", ["replay", "second epoch", "encode"])
def test_a_night_broken_off_leaves_the_memory_as_it_was(slept, small, phase):
    asked = small[300:310]
    before = [slept.surprise(image=one) for one in asked], slept._store.revision, versions(slept)
    broken_off(slept, phase, replays=20, epochs=2)
    with Memory.open(slept.path) as other:
        for memory in (slept, other):
            now = (
                [memory.surprise(image=one) for one in asked],
                memory._store.revision,
                versions(memory),
            )
            assert now == before
            assert memory._store.students()[0].file == "pixels-1.safetensors"
        next(other.sleep_steps(**NIGHT))  # the lease was given back: no AsleepError


@pytest.mark.parametrize("phase", ["replay", "second epoch", "encode"])
def test_a_night_taken_up_again_ends_as_if_nothing_had_happened(
    awake, reopened, slept_path, small, phase
):
    broken_off(awake, phase, **NIGHT)
    new = awake.remember(image=small[200]).id  # comes too late to be replayed
    with Memory.open(awake.path) as other:  # whoever it is that goes on
        report = other.sleep(**NIGHT)
    whole = reopened(slept_path)
    assert report.resumed
    assert same_numbers(weights(awake), weights(whole))
    [student] = whole._store.students()
    uninterrupted = student.report["report"]
    assert list(report.senses["pixels"].losses) == uninterrupted["losses"]
    assert list(report.senses["pixels"].held_out_errors) == uninterrupted["held_out_errors"]
    assert report.senses["pixels"].engrams == STORED
    assert not (awake.path / "sleep").exists()
    assert set(versions(awake).values()) == {1}
    assert len(awake.latents([new])) == 1


def test_a_night_of_other_settings_begins_anew(awake):
    broken_off(awake, "second epoch", **NIGHT)
    report = awake.sleep(replays=20, epochs=2)
    assert not report.resumed
    assert len(report.senses["pixels"].losses) == 2


def test_a_night_of_another_seed_begins_anew(awake):
    broken_off(awake, "second epoch", **NIGHT)
    with Memory.open(awake.path, seed=5) as other:
        assert not other.sleep(**NIGHT).resumed


def test_forgetting_ends_an_interrupted_night(awake):
    broken_off(awake, "second epoch", **NIGHT)
    assert (awake.path / "sleep").exists()
    assert awake.forget(3).student_may_retain is False
    assert not (awake.path / "sleep").exists()
    assert files(awake) == []
    report = awake.sleep(**NIGHT)
    assert not report.resumed
    assert report.senses["pixels"].engrams == STORED - 1


@pytest.mark.parametrize(
    ("file", "harm"),
    [
        ("plan.json", b"{"),
        ("pixels.json", b"["),
        ("pixels.json", None),
        ("pixels.safetensors", b""),
    ],
)
def test_what_is_damaged_of_an_interrupted_night_is_done_again(
    awake, reopened, slept_path, file, harm
):
    broken_off(awake, "second epoch", **NIGHT)
    damaged = awake.path / "sleep" / file
    if harm is None:
        damaged.unlink()
    else:
        damaged.write_bytes(harm)
    report = awake.sleep(**NIGHT)
    assert len(report.senses["pixels"].losses) == NIGHT["epochs"]
    assert same_numbers(weights(awake), weights(reopened(slept_path)))


def test_a_checkpoint_of_what_is_kept_otherwise_by_now_is_not_gone_on_from(slept):
    broken_off(slept, "second epoch", **NIGHT)
    slept.keep("detail", apply=True)  # the engrams are not quite what they were
    assert len(slept.sleep(**NIGHT).senses["pixels"].losses) == NIGHT["epochs"]


def test_a_night_that_could_not_be_written_is_taken_up_later(slept, monkeypatch):
    def full(night, *, revision):
        raise StoreFullError("the disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(slept._store, "turn", full)
        with pytest.raises(StoreFullError):
            slept.sleep(**NIGHT)
    assert set(versions(slept).values()) == {1}
    assert [one.version for one in slept._store.students()] == [1]
    assert slept.sleep(**NIGHT).resumed
    assert files(slept) == ["pixels-2.safetensors"]


def test_only_one_can_sleep_at_a_time_and_the_others_are_told_who_does(awake):
    steps = awake.sleep_steps(**NIGHT)
    next(steps)
    with Memory.open(awake.path) as other:
        for memory in (awake, other):
            with pytest.raises(AsleepError, match=r"process \d+ on .* is sleeping on .*wait until"):
                memory.sleep(**NIGHT)
        steps.close()
        assert other.sleep(**NIGHT).resumed


def test_the_lease_of_a_process_that_is_gone_is_taken_over(awake, monkeypatch):
    now = datetime.now(UTC)
    later = now + timedelta(minutes=5)
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    store = awake._store
    assert store.lease("process 1 on elsewhere (0)", later, now=now) is None
    with pytest.raises(AsleepError, match="process 1 on elsewhere"):
        awake.sleep(**NIGHT)  # who knows what goes on there
    store.release("process 1 on elsewhere (0)")
    assert store.lease("process 99999999 on here (0)", later, now=now) is None
    assert awake.sleep(**NIGHT).senses["pixels"].student == 1


def test_one_who_paused_until_another_had_slept_gives_up(slept, monkeypatch):
    monkeypatch.setattr("mnemic.sleeping.night.RENEWED", 0.0)
    for phase in ("train", "encode"):
        steps = slept.sleep_steps(**NIGHT)
        for step in steps:
            if step.phase == phase and step.done == step.total:
                break
        slept._store._db.execute("DELETE FROM lease")  # as if it had run out
        with Memory.open(slept.path) as other:
            report = other.sleep(replays=20, epochs=1)
            made = weights(other)
            with pytest.raises(AsleepError, match=r"slept on .* meanwhile"):
                list(steps)
            assert same_numbers(weights(other), made)
            assert set(versions(slept).values()) == {report.senses["pixels"].student}


def test_remembering_and_recalling_go_on_between_the_steps(slept, small):
    new = iter(range(200, 300))
    remembered = {}
    for step in slept.sleep_steps(**NIGHT):
        if step.phase not in remembered:
            picture = next(new)
            remembered[step.phase] = slept.remember(image=small[picture]).id
            assert slept.recall(image=small[picture]).engram.id == remembered[step.phase]
            assert slept.recall(image=small[5]).engram.id == 6
    assert list(remembered) == ["replay", "train", "encode", "done"]
    assert set(versions(slept).values()) == {2}  # those of the night included
    for picture, id in zip(range(200, 204), remembered.values(), strict=True):
        assert slept.recall(image=small[picture]).engram.id == id
    assert step.report.senses["pixels"].engrams == STORED
    assert slept.check() == []


def test_another_thread_remembers_and_recalls_while_this_one_sleeps(tmp_path, small):
    went_wrong, came_in = [], []
    with Memory.open(tmp_path / "life", create=CREATE | {"keep": "detail"}) as memory:
        memory.remember_many(image=small[:STORED])
        over = threading.Event()

        def by_day():
            try:
                for picture in range(100, 400):
                    if over.is_set():
                        break
                    came_in.append((picture, memory.remember(image=small[picture]).id))
                    assert memory.recall(image=small[picture]).engram.id == came_in[-1][1]
                    assert 0 <= memory.surprise(image=small[0]) <= 1
            except BaseException as error:  # pytest would not see it there
                went_wrong.append(error)

        other = threading.Thread(target=by_day)
        other.start()
        try:
            reports = [memory.sleep(replays=20, epochs=2) for _ in range(2)]
        finally:
            over.set()
            other.join()
        assert not went_wrong
        assert came_in
        assert [report.senses["pixels"].student for report in reports] == [1, 2]
        assert set(versions(memory).values()) == {2}
        assert memory.recall(image=small[came_in[0][0]]).engram.id == came_in[0][1]
        assert memory.check() == []


@pytest.mark.parametrize(
    ("keep", "read_only"),
    [("original", False), ("original", True), ("detail", True), ("schema", False)],
)
def test_another_opening_has_the_new_student_at_its_next_call(tmp_path, small, keep, read_only):
    with (
        Memory.open(tmp_path / "life", create=CREATE | {"keep": keep}) as memory,
        Memory.open(tmp_path / "life", read_only=read_only) as reader,
    ):
        memory.remember_many(image=small[:STORED])
        assert len(reader) == STORED
        for night in (1, 2):
            memory.sleep(replays=20, epochs=1)
            new = memory.remember(image=small[100 + night])  # under the new student at once
            assert reader.surprise(image=small[200]) == memory.surprise(image=small[200])
            assert np.array_equal(reader.latents([1, new.id]), memory.latents([1, new.id]))
            for id in (1, new.id):
                assert np.array_equal(reader[id].image, memory[id].image)
                assert reader[id].strength == memory[id].strength


@pytest.mark.parametrize("nights_before", [0, 1])
def test_what_is_read_while_another_falls_asleep_is_read_whole(
    tmp_path, small, monkeypatch, nights_before
):
    """Another process's night ends after the changes were asked for, and before they are read."""
    with (
        Memory.open(tmp_path / "life", create=CREATE | {"keep": "detail"}) as memory,
        Memory.open(tmp_path / "life") as reader,
    ):
        memory.remember_many(image=small[:STORED])
        for _ in range(nights_before):
            memory.sleep(replays=20, epochs=1)
        assert len(reader.recall_many(image=small[:2])) == 2
        new = memory.remember(image=small[100]).id
        points, nights = reader._store.points, []

        def too_late(*args, **options):
            if not nights:
                nights.append(memory.sleep(replays=20, epochs=1))
            return points(*args, **options)

        monkeypatch.setattr(reader._store, "points", too_late)
        reader.recall(image=small[100])
        assert len(nights) == 1
        assert reader.recall(image=small[100]).engram.id == new
        assert np.array_equal(reader[new].image, memory[new].image)


@pytest.mark.parametrize("keep", ["original", "detail"])
def test_what_was_coded_by_the_last_student_is_coded_anew_before_it_is_stored(
    tmp_path, small, keep, monkeypatch
):
    """Another process sleeps between the encoding and the storing of an experience."""
    with (
        Memory.open(tmp_path / "life", create=CREATE | {"keep": keep}) as memory,
        Memory.open(tmp_path / "life") as writer,
    ):
        memory.remember_many(image=small[:STORED])
        memory.sleep(replays=20, epochs=1)
        writer.ids()
        add, nights = writer._store.add, []

        def too_late(experiences, *args, **options):
            if not nights:
                nights.append(memory.sleep(replays=20, epochs=1))
            return add(experiences, *args, **options)

        monkeypatch.setattr(writer._store, "add", too_late)
        new = writer.remember(image=small[100])
        assert len(nights) == 1
        assert set(versions(memory).values()) == {2}
        assert len(memory) == STORED + 1
        assert memory.recall(image=small[100]).engram.id == new.id
        assert np.array_equal(memory[new.id].image, new.image)
        [latent] = writer.latents([new.id])
        assert np.array_equal(memory.latents([new.id])[0], latent)


@pytest.mark.parametrize(
    ("phase", "keep"),
    [
        ("replay", "original"),
        ("second epoch", "original"),
        ("encode", "original"),
        ("train", "detail"),
        ("encode", "detail"),
    ],
)
def test_forgetting_while_asleep_costs_nothing_but_what_is_forgotten(tmp_path, small, keep, phase):
    with Memory.open(tmp_path / "life", create=CREATE | {"keep": keep}) as memory:
        memory.remember_many(image=small[:STORED])
        text = memory.remember(text="no picture at all").id
        report, forgotten = at_first(
            memory.sleep_steps(**NIGHT), phase, lambda: memory.forget(7, text)
        )
        assert forgotten.student_may_retain  # the night began with them
        assert 7 not in memory
        assert set(versions(memory)) == set(range(1, STORED + 1)) - {7}
        assert set(versions(memory).values()) == {1}
        assert report.strength == pytest.approx(np.mean([one.strength for one in memory]))
    with Memory.open(tmp_path / "life") as memory:  # and everything that is left can be read
        assert memory.check() == []
        assert memory.recall(image=small[3]).engram.id == 4
        assert len(memory.imagine(2)) == 2


def test_retraining_has_to_wait_until_another_night_is_over(slept):
    steps = slept.sleep_steps(**NIGHT)
    next(steps)
    with pytest.raises(AsleepError):
        slept.forget(2, retrain=True)
    assert 2 not in slept
    report = list(steps)[-1].report
    assert report.senses["pixels"].student == 2


def test_what_is_to_be_kept_may_change_while_asleep(slept, small):
    """All were coded to be kept whole, and then less is kept."""
    report, lowered = at_first(
        slept.sleep_steps(**NIGHT), "encode", lambda: slept.keep("detail", apply=True)
    )
    assert lowered.applied
    assert 0 < report.strength < 1
    for picture in range(STORED):
        changed = slept[picture + 1].image.astype(int) - small[picture]
        assert np.abs(changed).max() <= 2 * (0.05 * 255) + 1  # once a tolerance for each change
    assert slept.recall(image=small[0]).source == "mixed"


def test_a_memory_may_be_closed_before_its_night_is_over(awake):
    steps = awake.sleep_steps(**NIGHT)
    next(steps)
    awake.close()
    steps.close()
    with Memory.open(awake.path) as memory:
        assert len(memory) == STORED


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"replays": 0}, "replayed must be at least 1, got 0"),
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch": 0}, "batch must be at least 1"),
        ({"learning_rate": -1.0}, "learning_rate must be positive"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive"),
        ({"held_out": 1.0}, "held_out is a share"),
        ({"dreams": 3}, "no setting 'dreams'; there are batch, epochs"),
    ],
)
def test_settings_that_cannot_be_are_refused_and_nothing_changes(awake, settings, says):
    with pytest.raises(ConfigError, match=says):
        awake.sleep(**settings)
    assert sorted(path.name for path in awake.path.iterdir() if path.is_dir()) == []
    assert awake._store.newest_student == 0


@pytest.mark.parametrize("filled_with", ["nothing", "text", "vectors"])
def test_a_memory_without_a_picture_has_nothing_to_replay(tmp_path, filled_with):
    with Memory.open(tmp_path / "life", create=CREATE | {"vector": 5}) as memory:
        if filled_with == "text":
            memory.remember(text="a letter")
        if filled_with == "vectors":
            memory.remember(vector=np.ones(5))
        for _ in range(2):  # the lease was given back
            with pytest.raises(EmptyMemoryError, match="nothing to replay; remember some pictures"):
                memory.sleep(**NIGHT)
        assert not (memory.path / "sleep").exists()


def test_a_memory_that_only_reads_cannot_sleep(slept):
    with Memory.open(slept.path, read_only=True) as reader, pytest.raises(ReadOnlyError):
        reader.sleep(**NIGHT)


@pytest.mark.parametrize(
    ("kind", "keep"),
    [
        ("one", "original"),
        ("one", "detail"),
        ("one", "schema"),
        ("two", "detail"),
        ("duplicates", "original"),
        ("black", "detail"),
        ("white", "detail"),
        ("white", "schema"),
    ],
)
def test_odd_memories_sleep_too(tmp_path, small, kind, keep):
    pictures = {
        "one": small[:1],
        "two": small[:2],
        "duplicates": small[[0, 1] * 5],
        "black": np.zeros((5, 14, 14), np.uint8),
        "white": np.full((5, 14, 14), 255, np.uint8),
    }[kind]
    with Memory.open(tmp_path / "life", create=CREATE | {"keep": keep}) as memory:
        memory.remember_many(image=pictures)
        night = memory.sleep(replays=12, epochs=1).senses["pixels"]
        assert (night.coverage, night.replayed) == (1, 12)
        assert 0 <= memory.surprise(image=pictures[0]) <= 1
        off = np.abs(memory[1].image.astype(int) - pictures[0]).max()
        assert off <= {"original": 0, "detail": 0.05 * 255 + 1, "schema": 255}[keep]
        assert memory.recall(image=pictures[0]).engram is not None
        assert memory.imagine(1).images.shape == (1, 14, 14)


def test_a_night_that_diverges_changes_nothing_and_the_next_one_works(slept, small):
    surprise, made = slept.surprise(image=small[300]), weights(slept)
    with pytest.raises(DivergedError, match=r"Lower learning_rate, which is 1e\+30"):
        slept.sleep(**NIGHT, learning_rate=1e30)
    assert slept.surprise(image=small[300]) == surprise
    assert same_numbers(weights(slept), made)
    assert not (slept.path / "sleep").exists()
    report = slept.sleep(**NIGHT)
    assert (report.resumed, report.senses["pixels"].student) == (False, 2)


def test_vectors_are_left_out_of_a_night_by_name_and_keep_their_novelty(tmp_path, small):
    vectors = np.random.default_rng(0).normal(size=(70, 5)).astype(np.float32)
    with Memory.open(tmp_path / "life", create=CREATE | {"vector": 5}) as memory:
        memory.remember_many(image=small[:STORED], vector=vectors[:STORED])
        before = [memory.surprise(vector=one) for one in vectors]
        report = memory.sleep(replays=20, epochs=1)
        assert list(report.senses) == ["pixels"]
        assert list(report.not_slept) == ["vector"]
        assert "vectors stay as they are" in report.not_slept["vector"]
        assert [memory.surprise(vector=one) for one in vectors] == before
        found = memory.recall(vector=vectors[8])
        assert found.remembered
        assert np.array_equal(found.image, small[8])
        assert memory.remember(image=small[100], vector=vectors[60]).strength == 1


def test_another_kind_of_student_and_size_of_latent_can_be_chosen(tmp_path, clothes):
    create = {"resolution": 32, "channels": 1, "student": "spens2022", "latent": 7}
    with Memory.open(tmp_path / "life", create=create) as memory:
        memory.remember_many(image=clothes[:10])
        memory.sleep(replays=16, epochs=1)
        assert memory.latents([1]).shape == (1, 7)
    with Memory.open(tmp_path / "life") as memory:
        assert memory.infer(image=clothes[0]).latent.shape == (7,)
