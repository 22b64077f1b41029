"""What is kept after sleep: everything, what the student gets wrong, or its schema alone."""

import shutil

import numpy as np
import pytest

from mnemic import Memory
from mnemic.errors import ConfigError, DamagedError, DamagedWarning, NeverSleptError
from mnemic.media import from_npy

CREATE = {"resolution": 14, "channels": 1}
STORED = 60
TOLERANCE = 0.08
NIGHT = {"replays": 30, "epochs": 2}
LEVEL = 1 / 255  # pictures are stored and shown at 256 levels


@pytest.fixture(scope="module")
def paths(tmp_path_factory, small):
    """Memories that have slept once, closed and not to be changed, by what they keep."""
    folder = tmp_path_factory.mktemp("kept")
    create = CREATE | {"keep": "original", "tolerance": TOLERANCE}
    with Memory.open(folder / "original", create=create) as memory:
        memory.remember_many(image=small[:STORED])
        shutil.copytree(memory.path, folder / "awake")
        memory.sleep(replays=100, epochs=12)
        for keep in ("detail", "schema"):
            shutil.copytree(memory.path, folder / keep)
            with Memory.open(folder / keep) as lower:
                lower.keep(keep, apply=True)
    return {path.name: path for path in folder.iterdir()}


@pytest.fixture
def opened(reopened, paths):
    """Opens a copy of one of the memories."""
    return lambda name: reopened(paths[name])


def pictures(memory, count=None):
    """The first pictures, or all, as numbers in 0..1."""
    return np.stack([memory[id].image for id in memory.ids()[:count]]).astype(np.float64) / 255


def drawn(memory):
    """What the student alone draws of each engram, from the latents on disk."""
    points = memory._all.points["pixels"]
    packed = [kept.point.schema.latent for kept in memory._store.points()]
    decoded = points.student.student.decode(points.student.latents(packed))
    return decoded.numpy().reshape(-1, 14, 14)


def taken(memory):
    """Bytes that are taken by the parts of all engrams."""
    return sum(memory._store.space())


def test_what_is_kept_whole_comes_back_exactly_after_sleep(opened, small):
    memory = opened("original")
    for picture in (0, 17, 59):
        found = memory.recall(image=small[picture])
        assert found.remembered
        assert np.array_equal(found.image, small[picture])
        assert np.array_equal(from_npy(found.original), small[picture])
        assert found.source == "detail"
        assert not found.invented.any()
        assert found.engram.strength == 1
    assert memory.check() == []


def test_what_is_kept_in_detail_comes_back_to_the_tolerance(opened, small):
    memory = opened("detail")
    found = memory.recall_many(image=small[:STORED])
    schemas = drawn(memory)
    assert [one.engram.id for one in found] == list(range(1, STORED + 1))
    assert all(one.remembered for one in found)
    assert {one.source for one in found} == {"mixed"}
    for one, picture, schema in zip(found, small[:STORED] / 255, schemas, strict=True):
        assert np.abs(one.image / 255 - picture).max() <= TOLERANCE + LEVEL
        # the student's pixels are those it draws well enough, and they are as it draws them
        missed = np.abs(picture - schema)
        assert np.array_equal(one.invented, missed <= TOLERANCE)
        assert np.abs(one.image / 255 - schema)[one.invented].max() <= LEVEL
        assert one.engram.strength == pytest.approx(1 - one.invented.mean())
        assert (one.original, one.media_type) == (None, None)
    assert memory.originals(1) == []
    assert memory.check() == []


def test_what_is_kept_as_a_schema_comes_back_as_the_student_draws_it(opened, small):
    memory = opened("schema")
    found = memory.recall_many(image=small[:STORED])
    schemas = drawn(memory)
    assert {one.source for one in found} == {"schema"}
    for one in found:
        assert one.invented.all()
        assert one.engram.strength == 0
        assert np.abs(one.image / 255 - schemas[one.engram.id - 1]).max() <= LEVEL
        assert one.original is None
    assert memory.check() == []


def test_less_is_kept_of_what_the_student_draws_better(opened, small):
    memory = opened("detail")
    missed = np.abs(small[:STORED] / 255 - drawn(memory)).mean((1, 2))
    strengths = [engram.strength for engram in memory]
    assert np.corrcoef(missed, strengths)[0, 1] > 0.8


def test_the_more_is_learned_the_less_is_kept_beside_it(opened):
    short, long = opened("awake"), opened("awake")
    for memory, epochs in ((short, 1), (long, 8)):
        memory.sleep(replays=30, epochs=epochs)
        memory.keep("detail", apply=True)
    assert np.mean([one.strength for one in long]) < np.mean([one.strength for one in short])
    assert taken(long) < taken(short)


def test_keeping_less_takes_less_of_the_disk(opened):
    sizes, spaces = {}, {}
    for name in ("awake", "original", "detail", "schema"):
        memory = opened(name)
        spaces[name] = taken(memory)
        memory.close()  # the write-ahead log is emptied into the file
        sizes[name] = (memory.path / "memory.sqlite").stat().st_size
    assert sizes["original"] >= sizes["awake"] > sizes["detail"] > sizes["schema"]
    assert spaces["original"] > spaces["awake"] > spaces["detail"] > spaces["schema"]


@pytest.mark.parametrize("keep", ["original", "detail", "schema"])
def test_a_report_of_sleep_says_what_each_way_of_keeping_takes(opened, keep):
    memory = opened("awake")
    if keep != "original":
        memory.sleep(replays=30, epochs=1)
        memory.keep(keep, apply=True)
    report = memory.sleep(**NIGHT)
    levels = ["original", "detail", "schema"]
    assert list(report.space) == levels[levels.index(keep) :]
    assert report.space[keep] == taken(memory)
    assert report.strength == pytest.approx(np.mean([one.strength for one in memory]))
    assert (report.senses["pixels"].drift is None) == (keep == "original")
    for less in levels[levels.index(keep) + 1 :]:
        memory.keep(less, apply=True)
        assert taken(memory) == pytest.approx(report.space[less], rel=0.01)


@pytest.mark.parametrize("keep", ["detail", "schema"])
def test_a_memory_made_to_keep_less_does_so_from_its_first_night(tmp_path, small, keep):
    create = CREATE | {"keep": keep, "tolerance": TOLERANCE}
    with Memory.open(tmp_path / "life", create=create) as memory:
        memory.remember_many(image=small[:STORED])
        found = memory.recall(image=small[0])
        assert (found.source, found.engram.strength) == ("detail", 1)  # nothing is learned yet
        assert np.array_equal(found.image, small[0])
        memory.sleep(**NIGHT)
        found = memory.recall(image=small[0])
        assert found.source == {"detail": "mixed", "schema": "schema"}[keep]
        if keep == "detail":
            assert np.abs(pictures(memory) - small[:STORED] / 255).max() <= TOLERANCE + LEVEL


@pytest.mark.parametrize("keep", ["detail", "schema"])
def test_what_comes_after_sleep_is_kept_as_little_and_shown_as_it_is_kept(opened, small, keep):
    memory = opened(keep)
    new = memory.remember(image=small[200])
    schema = drawn(memory)[-1]
    assert new.strength == memory[new.id].strength
    assert np.array_equal(new.image, memory[new.id].image)
    if keep == "detail":
        off = np.abs(new.image / 255 - small[200] / 255)
        assert off.max() <= TOLERANCE + LEVEL
        assert new.strength == pytest.approx((np.abs(small[200] / 255 - schema) > TOLERANCE).mean())
    else:
        assert np.abs(new.image / 255 - schema).max() <= LEVEL
        assert new.strength == 0
    assert memory.originals(new.id) == []
    assert memory.recall(image=small[200]).engram.id == new.id


@pytest.mark.parametrize("keep", ["detail", "schema"])
def test_what_is_kept_is_the_same_when_the_memory_is_opened_again(opened, small, keep):
    memory = opened(keep)
    memory.remember(image=small[200])
    before = pictures(memory)
    found = memory.recall(image=small[3])
    memory.close()
    with Memory.open(memory.path) as again:
        assert np.array_equal(pictures(again), before)
        after = again.recall(image=small[3])
        assert (after.engram.id, after.source) == (found.engram.id, found.source)
        assert np.array_equal(after.image, found.image)
        assert np.array_equal(after.invented, found.invented)


def test_a_night_moves_no_pixel_kept_in_detail_by_more_than_the_tolerance(opened, small):
    memory = opened("detail")
    for _ in range(2):
        before = pictures(memory)
        report = memory.sleep(**NIGHT)
        assert np.abs(pictures(memory) - before).max() <= TOLERANCE + LEVEL
        assert 0 < report.senses["pixels"].drift < TOLERANCE
        assert 0 < report.strength < 1
    found = memory.recall(image=small[0])
    assert (found.engram.id, found.source) == (1, "mixed")
    assert memory.check() == []


def test_drift_says_how_far_a_night_moves_what_is_kept_as_schemas(opened):
    memory = opened("schema")
    before = drawn(memory)
    report = memory.sleep(**NIGHT)
    drift = np.abs(drawn(memory) - before).mean()
    assert report.senses["pixels"].drift == pytest.approx(drift, rel=1e-3)
    assert report.strength == 0


@pytest.fixture
def torn(tmp_path, small):
    """Makes memories of pictures with a hole, of a narrow one, and of whole ones."""
    hole = np.ones((14, 14), bool)
    hole[4:8, 3:9] = False

    def made(keep):
        create = CREATE | {"keep": keep, "tolerance": TOLERANCE}
        memory = Memory.open(tmp_path / "torn", create=create)
        memory.remember_many(image=small[:20], known=hole)
        memory.remember(image=small[60][:, 3:11])
        memory.remember_many(image=small[40:50])
        return memory, hole

    return made


@pytest.mark.parametrize("keep", ["original", "detail", "schema"])
def test_what_was_never_known_of_a_picture_stays_unknown(torn, small, keep):
    memory, hole = torn(keep)
    before, known = pictures(memory, 20), memory._all.points["pixels"].memory.patterns.known
    memory.sleep(**NIGHT)
    memory.close()
    with Memory.open(memory.path) as memory:
        patterns = memory._all.points["pixels"].memory.patterns
        assert patterns.known.equal(known)
        assert not patterns.rows[~known].any()
        assert not pictures(memory, 20)[:, ~hole].any()
        assert memory[21].image.shape == (14, 8)
        if keep != "schema":
            moved = np.abs(pictures(memory, 20) - before)
            assert moved.max() <= {"original": 0, "detail": TOLERANCE + LEVEL}[keep]
        assert memory.check() == []


@pytest.mark.parametrize("slept", [False, True])
def test_a_hole_is_shown_as_a_hole_whatever_the_cue_has_there(torn, small, slept):
    memory, hole = torn("detail")
    with memory:
        if slept:
            memory.sleep(**NIGHT)
        for known in (None, hole):
            found = memory.recall(image=small[5], known=known)
            assert found.engram.id == 6
            assert small[5][~hole].any()
            assert not found.image[~hole].any()
            assert not found.invented[~hole].any()  # it is nobody's
            assert found.engram.strength == pytest.approx(1 - found.invented[hole].mean())
        narrow = memory.recall(image=small[60][:, 3:11])
        assert narrow.engram.id == 21
        assert narrow.image.shape == narrow.invented.shape == (14, 8)


def test_what_nobody_knew_cannot_drift(torn):
    memory, _ = torn("schema")
    with memory:
        patterns = memory._all.points["pixels"].memory.patterns
        before, known = patterns.rows.clone(), patterns.known
        report = memory.sleep(**NIGHT)
        moved = zip((patterns.rows - before).abs(), known, strict=True)
        drift = np.mean([float(row[mask].mean()) for row, mask in moved])
        assert report.senses["pixels"].drift == pytest.approx(drift, rel=1e-3)


@pytest.mark.parametrize("keep", ["original", "detail", "schema"])
def test_asking_what_keeping_less_would_mean_changes_nothing(opened, small, keep):
    memory = opened("original")
    revision, before = memory._store.revision, taken(memory)
    report = memory.keep(keep)
    assert not report.applied
    assert (report.keep, report.tolerance, report.points) == (keep, TOLERANCE, STORED)
    assert (memory._store.revision, taken(memory)) == (revision, before)
    assert memory.config.keep == "original"
    assert np.array_equal(pictures(memory), small[:STORED] / 255)
    assert memory.recall(image=small[0]).source == "detail"


@pytest.mark.parametrize("keep", ["detail", "schema"])
def test_keeping_less_does_what_was_said_it_would(opened, small, keep):
    memory = opened("original")
    said = memory.keep(keep, tolerance=0.1)
    done = memory.keep(keep, tolerance=0.1, apply=True)
    assert done.applied
    assert (said.bytes_before, said.bytes_after) == (done.bytes_before, done.bytes_after)
    assert done.bytes_after == taken(memory) < done.bytes_before
    off = np.abs(memory._all.points["pixels"].memory.patterns.rows.numpy() - flat(small[:STORED]))
    for report in (said, done):
        assert report.greatest_error == pytest.approx(off.max(), abs=1e-5)
        assert report.mean_error == pytest.approx(off.mean(), abs=1e-5)
    assert done.mean_error < 0.1
    assert (done.greatest_error <= 0.1) == (keep == "detail")
    assert memory.check() == []


def flat(images):
    return images.reshape(len(images), -1) / 255


def test_once_less_is_kept_all_that_comes_is_kept_so_by_everybody(opened, small):
    memory = opened("original")
    with Memory.open(memory.path) as other:
        memory.keep("detail", tolerance=0.2, apply=True)
        for one in (memory, other):
            new = one.remember(image=small[100])
            assert one.originals(new.id) == []
            assert 0.1 < np.abs(new.image / 255 - small[100] / 255).max() <= 0.2 + LEVEL
            assert (one.config.keep, one.config.tolerance) == ("detail", 0.2)
            assert one.recall(image=small[0]).source == "mixed"
    with Memory.open(memory.path, create={"keep": "detail", "tolerance": 0.2}) as again:
        assert again.config == memory.config


def test_detail_can_become_schemas_later(opened, small):
    memory = opened("detail")
    report = memory.keep("schema", apply=True)
    assert report.bytes_after == taken(memory)
    assert memory.recall(image=small[0]).source == "schema"
    assert {engram.strength for engram in memory} == {0}


def test_what_comes_in_while_less_is_about_to_be_kept_is_not_passed_over(
    opened, small, monkeypatch
):
    memory = opened("original")
    turn, came = memory._store.turn, []
    with Memory.open(memory.path) as other:

        def late(night, *, revision):
            if not came:
                came.append(other.remember(image=small[100]).id)
            return turn(night, revision=revision)

        monkeypatch.setattr(memory._store, "turn", late)
        report = memory.keep("detail", apply=True)
        assert report.points == STORED + 1
        assert memory.recall(image=small[100]).source == "mixed"
        assert np.array_equal(memory[came[0]].image, other[came[0]].image)


@pytest.mark.parametrize(
    ("name", "keep", "says"),
    [
        ("detail", "original", "what is gone cannot come back"),
        ("schema", "original", "keeps the schema alone"),
        ("schema", "detail", "what is gone cannot come back"),
    ],
)
def test_more_than_is_kept_cannot_be_asked_for(opened, name, keep, says):
    memory = opened(name)
    for apply in (False, True):
        with pytest.raises(ConfigError, match=says):
            memory.keep(keep, apply=apply)
    assert memory.config.keep == name


@pytest.mark.parametrize("apply", [False, True])
def test_nothing_can_be_let_go_before_the_first_sleep(opened, small, apply):
    memory = opened("awake")
    with pytest.raises(NeverSleptError, match=r"call sleep\(\) first"):
        memory.keep("detail", apply=apply)
    assert np.array_equal(memory[1].image, small[0])
    assert memory.config.keep == "original"


@pytest.mark.parametrize("tolerance", [0.0, -0.1, 1.5, float("nan"), 0.001])
def test_a_tolerance_that_means_nothing_is_refused(opened, tolerance):
    with pytest.raises(ConfigError, match="tolerance must be"):
        opened("original").keep("detail", tolerance=tolerance, apply=True)


@pytest.mark.parametrize("made", ["detail", "original"])
def test_vectors_stay_whole_whatever_is_kept_of_pictures(tmp_path, small, made):
    vectors = np.random.default_rng(0).normal(size=(20, 5)).astype(np.float32)
    create = CREATE | {"vector": 5, "keep": made}
    with Memory.open(tmp_path / "life", create=create) as memory:
        memory.remember_many(image=small[:20], vector=vectors)
        alone = memory.remember(vector=vectors[0]).id
        report = memory.sleep(replays=24, epochs=2)
        assert report.space[made] == taken(memory)
        if made == "original":
            assert memory.keep("detail", apply=True).bytes_after == taken(memory)
        found = memory.recall(image=small[3])
        assert np.array_equal(found.vector, vectors[3])
        assert found.source == "mixed"
        share = 1 - found.invented.mean()
        assert found.engram.strength == pytest.approx((share + 1) / 2)  # of both its parts
        assert memory[alone].strength == 1
        by_vector = memory.recall(vector=vectors[3])
        assert by_vector.source == "mixed"  # the picture it brings along is partly the student's
        assert np.array_equal(by_vector.invented, found.invented)


def test_what_waits_for_a_lost_student_is_not_slept_away(opened, small):
    """The points are nothing without it; a new student would take its place for good."""
    memory = opened("detail")
    before = pictures(memory)
    memory.close()
    [file] = (memory.path / "students").iterdir()
    away = file.rename(memory.path.parent / "away")
    with pytest.warns(DamagedWarning) as warned:
        lost = Memory.open(memory.path)
    assert len(warned) == STORED + 1  # the student, and all that is kept by it
    with lost:
        assert lost.recall(image=small[0]).engram is None
        assert len(lost.check()) == STORED
        new = lost.remember(image=small[100]).id
        with pytest.raises(
            DamagedError, match=f"{STORED} points of pixels are kept by the student"
        ):
            lost.sleep(**NIGHT)
        assert lost.recall(image=small[100]).engram.id == new
    away.rename(file)
    with Memory.open(memory.path) as found:
        assert np.array_equal(pictures(found)[:STORED], before)
        assert found.sleep(**NIGHT).senses["pixels"].engrams == STORED + 1
