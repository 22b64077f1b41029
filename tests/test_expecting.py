"""Prediction in a memory: of engrams, of pictures, and where there is nothing to go by."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import torch

from mnemic import Memory, expecting
from mnemic.errors import (
    ConfigError,
    CueError,
    DamagedError,
    EmptyMemoryError,
    LesionedError,
    NeverSleptError,
    NotStoredError,
)
from mnemic.expecting import strings, usual_pause
from mnemic.neocortex.files import read_tensors, write_tensors
from mnemic.neocortex.sequence import OrderConfig

START = datetime(2024, 5, 1, tzinfo=UTC)
STEPS = 8
NIGHT = {"replays": 200, "epochs": 8, "order": True}


def growing(row):
    """A grey that grows from the left over a dark picture, two pixels a step."""
    pictures = np.full((STEPS, 16, 16), 10, np.uint8)
    for step in range(STEPS):
        pictures[step, :, : 2 * step + 2] = 130 + 20 * row
    return pictures


@pytest.fixture(autouse=True)
def _shorter_lessons(monkeypatch, one_thread):
    """Enough to show that an order is learned at all."""
    monkeypatch.setattr(expecting, "OrderConfig", lambda: OrderConfig(steps=3, hidden=8, slots=4))


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """Six of them, an hour apart, remembered and slept on."""
    torch.set_num_threads(1)
    path = tmp_path_factory.mktemp("grown") / "life.mnemic"
    how = OrderConfig(steps=200, hidden=32, slots=8, longest=STEPS, batch=16)
    with Memory.open(path, create={"resolution": 16, "channels": 1}) as memory:
        for row in range(6):
            times = [START + timedelta(hours=row, seconds=step) for step in range(STEPS)]
            memory.remember_many(image=growing(row), time=times)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(expecting, "OrderConfig", lambda: how)
            memory.sleep(**NIGHT)
    return path


@pytest.fixture
def memory(reopened, grown):
    return reopened(grown)


def test_what_follows_is_nearer_to_what_followed_than_to_all_else(memory):
    right = 0
    for row in range(6):
        seen = list(growing(row))
        for step in (2, 4, 6):
            found = memory.predict(image=seen[:step]).image.astype(float)
            far = [np.abs(found - one).mean() for one in growing(row)]
            right += int(np.argmin(far)) == step
    assert right >= 15  # of 18; by chance 2 would be


def test_what_came_instead_surprises_and_what_was_expected_does_not(memory):
    told = []
    for row in range(6):
        seen = growing(row)
        prediction = memory.predict(image=list(seen[:4]))
        told.append((prediction.surprise(image=seen[4]), prediction.surprise(image=seen[1])))
        assert 0 <= prediction.sure <= 1
    assert all(wrong > right for right, wrong in told)
    assert sum(wrong > 0.95 for _, wrong in told) >= 5


def test_an_engram_is_followed_from_what_led_up_to_it(memory):
    ids = memory.ids()
    prediction = memory.predict(after=ids[STEPS + 3])
    assert prediction.after == tuple(ids[STEPS : STEPS + 4])  # of its own sequence alone
    same = memory.predict(after=ids[STEPS : STEPS + 4])
    np.testing.assert_array_equal(prediction.features, same.features)
    of_engram = memory.predict(after=memory[ids[STEPS + 3]])
    assert of_engram.after == prediction.after
    assert prediction.image.shape == (16, 16)
    assert prediction.features.shape == (256,)


def test_what_was_learned_is_there_after_reopening_and_in_a_backup(memory, grown, tmp_path):
    expected = memory.predict(image=list(growing(1)[:3]))
    memory.backup(tmp_path / "copy")
    with Memory.open(tmp_path / "copy") as copy:
        again = copy.predict(image=list(growing(1)[:3]))
    np.testing.assert_array_equal(again.features, expected.features)


def orders(memory):
    return sorted(path.name for path in (memory.path / "students").glob("*.order.*"))


def test_a_night_without_order_forgets_the_one_before(memory):
    assert orders(memory) == ["pixels-1.order.safetensors"]
    memory.sleep(20, 1)
    assert orders(memory) == []
    with pytest.raises(NeverSleptError, match=r"sleep\(order=True\)"):
        memory.predict(image=growing(0)[0])


def test_forgetting_anew_learns_the_order_of_what_is_left(memory):
    ids = memory.ids()
    memory.forget(*ids[:2], retrain=True)
    assert orders(memory) == ["pixels-2.order.safetensors"]
    with pytest.raises(NotStoredError, match="no engram has id"):
        memory.predict(after=ids[0])


def test_forgetting_all_order_leaves_none_behind(memory):
    memory.forget(*memory.ids()[1:], retrain=True)
    assert orders(memory) == []


def test_the_last_phase_of_such_a_night_says_how_far_it_is(reopened, grown):
    memory = reopened(grown)
    steps = [step for step in memory.sleep_steps(20, 1, order=2.0) if step.phase == "order"]
    assert [step.done for step in steps] == list(range(1, steps[-1].total + 1))
    assert all(np.isfinite(step.loss) for step in steps)
    assert memory.predict(after=memory.ids()[5]).after == tuple(memory.ids()[:6])


def test_nothing_is_predicted_before_the_first_sleep(tmp_path):
    with Memory.open(tmp_path / "new", create={"resolution": 16, "channels": 1}) as memory:
        engram = memory.remember(image=growing(0)[0])
        with pytest.raises(NeverSleptError, match=r"sleep\(\) makes one"):
            memory.predict(after=engram)


def test_where_nothing_follows_the_night_does_not_begin(tmp_path):
    with Memory.open(tmp_path / "new", create={"resolution": 16, "channels": 1}) as memory:
        for hour in (0, 1):
            memory.remember(image=growing(hour)[0], time=START + timedelta(hours=hour))
        with pytest.raises(EmptyMemoryError, match="no experience follows another within 60 s"):
            memory.sleep(20, 1, order=60.0)
        with pytest.raises(ConfigError, match="the longest pause in seconds, got -1"):
            memory.sleep(20, 1, order=-1.0)
        assert not (memory.path / "students").exists()


def test_what_cannot_be_asked_is_refused(memory, tmp_path):
    with pytest.raises(NotStoredError, match="no engram has id 999"):
        memory.predict(after=999)
    with pytest.raises(NotStoredError, match="no engram has id 999"):
        memory.predict(after=[memory.ids()[0], 999])
    for wrong in ({}, {"after": 1, "image": growing(0)[0]}):
        with pytest.raises(ConfigError, match="give after="):
            memory.predict(**wrong)
    with pytest.raises(ConfigError, match="names no engram"):
        memory.predict(after=[])
    words = memory.remember(text="no picture", time=START + timedelta(days=9))
    with pytest.raises(CueError, match="no picture in"):
        memory.predict(after=words)
    with memory.lesion("decoder"), pytest.raises(LesionedError):
        memory.predict(image=growing(0)[0])
    with memory.lesion("hippocampus"), pytest.raises(LesionedError):
        memory.predict(after=memory.ids()[0])


def test_a_lost_order_says_what_to_do(memory):
    (memory.path / "students" / "pixels-1.order.safetensors").unlink()
    with pytest.raises(NeverSleptError, match=r"sleep\(order=True\)"):
        memory.predict(image=growing(0)[0])


@pytest.mark.parametrize("harm", ["another make", "cut"])
def test_an_order_that_cannot_be_read_is_refused_and_stops_no_forgetting(memory, harm):
    path = memory.path / "students" / "pixels-1.order.safetensors"
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-10])
    else:
        tensors, config = read_tensors(path, "mnemic order")
        del tensors["net.layer.units.0.drive"]
        write_tensors(path, "mnemic order", tensors, config)
        with pytest.raises(DamagedError, match=r"sleep\(order=True\) learns it anew"):
            memory.predict(image=growing(0)[0])
    ids = memory.ids()
    memory.forget(*ids[:2], retrain=True)
    assert orders(memory) == ["pixels-2.order.safetensors"]
    assert memory.predict(after=ids[-1]).after


def test_experiences_are_cut_where_long_pauses_are():
    seconds = [0, 1, 2, 100, 101, 102, 103, 1000]
    times = [START + timedelta(seconds=one) for one in seconds]
    assert usual_pause(times) == 10.0
    assert strings(range(8), times, 10.0) == [[0, 1, 2], [3, 4, 5, 6], [7]]
    assert strings([], [], 1.0) == []
    assert usual_pause(times[:1]) == 0.0
