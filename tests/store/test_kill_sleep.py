"""Sleeps are killed, doubled, overtaken and starved of space; the memory answers, and sleeps on."""

import json
import os
import random
import re
import shutil
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from multiprocessing import get_context
from typing import NamedTuple

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from tests.store.children import (
    NIGHT,
    fall_asleep,
    sleep_and_tell,
    sleep_on_a_full_disk,
    square,
)

from mnemic import Memory
from mnemic.errors import AsleepError
from mnemic.store import SqliteStore

PICTURES = 40
NEW = "students/pixels-2.safetensors"

# each child is forked from a process that has imported everything and run nothing
processes = get_context("forkserver")
processes.set_forkserver_preload(["tests.store.children"])


class Night(NamedTuple):
    """A memory that has slept once, and its next sleep as it goes when nothing happens to it."""

    before: str
    messages: list
    weights: dict
    losses: tuple


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    before = tmp_path_factory.mktemp("night") / "before"
    with Memory.open(before, create={"resolution": 16, "channels": 1}) as memory:
        memory.remember_many(image=[square(number) for number in range(PICTURES)])
        memory.sleep(**NIGHT)
    after = shutil.copytree(before, before.with_name("after"))
    messages, exitcode = told(sleep_and_tell, after)
    assert exitcode == 0
    with closing(SqliteStore(after / "memory.sqlite")) as store:
        [student] = store.students()
    losses = tuple(student.report["report"]["losses"])
    return Night(before, messages, load_file(after / NEW), losses)


@pytest.fixture
def path(tmp_path, night):
    return shutil.copytree(night.before, tmp_path / "memory")


def told(target, path, *args, until=None, delay=0.0):
    """What a child tells; killed ``delay`` seconds after so many messages, or after one."""
    heard, tell = processes.Pipe(duplex=False)
    child = processes.Process(target=target, args=(path, tell, *args))
    child.start()
    tell.close()
    messages = []
    with closing(heard):
        try:
            while until is None or until not in (len(messages), *messages):
                messages.append(heard.recv())
            time.sleep(delay)
            child.kill()
            while True:
                messages.append(heard.recv())
        except EOFError:
            child.join()
            return messages, child.exitcode


def files(path):
    return sorted(str(file.relative_to(path)) for file in path.rglob("*") if file.is_file())


def assert_answers(path):
    """The memory is whole and has a student; the version of that."""
    with Memory.open(path) as memory:
        assert memory.check() == []
        assert memory.recall(image=square(3)).engram.id == 4
        assert len(memory) == PICTURES
        unseen, known = square(1000), np.arange(256).reshape(16, 16) < 160
        assert memory.infer(image=unseen, known=known).image.shape == (16, 16)
        assert 0 <= memory.surprise(image=unseen) <= 1
        assert memory.imagine(2).images.shape == (2, 16, 16)
        return memory._store.newest_student


def assert_same_weights(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert torch.equal(found[name], value), name


def plan_left(path):
    try:
        json.loads((path / "sleep" / "plan.json").read_text())
    except (OSError, ValueError):
        return False
    return True


def assert_sleeps_on(path, night, *, turned=None):
    """Whatever happened, the memory answers, and another sleep ends as if nothing had."""
    version = assert_answers(path)
    if turned is not None:
        assert version == (2 if turned else 1)
    left = plan_left(path)
    with Memory.open(path) as memory:
        report = memory.sleep(**NIGHT)
        assert memory.check() == []
    if version == 1:
        assert_same_weights(load_file(path / NEW), night.weights)
        assert report.senses["pixels"].losses == night.losses
        assert report.resumed == left
    assert assert_answers(path) == version + 1
    assert files(path) == ["memory.sqlite", f"students/pixels-{version + 1}.safetensors"]
    assert not (path / "sleep").exists()


def moments(count):
    rng = random.Random(0)
    return [(rng.random(), rng.choice([0, rng.uniform(0, 0.03)])) for _ in range(count)]


def kill_and_sleep_on(path, night, share, delay):
    until = 1 + int(share * (len(night.messages) - 1))
    _, exitcode = told(sleep_and_tell, path, until=until, delay=delay)
    assert exitcode in (-signal.SIGKILL, 0)  # it had not failed before, but it may have been done
    assert_sleeps_on(path, night)


@pytest.mark.parametrize(("share", "delay"), moments(5))
def test_a_killed_sleep_goes_on_to_the_same_student(path, night, share, delay):
    kill_and_sleep_on(path, night, share, delay)


@pytest.mark.long
@pytest.mark.parametrize(("share", "delay"), moments(50))
def test_a_sleep_killed_at_any_moment_goes_on_to_the_same_student(path, night, share, delay):
    kill_and_sleep_on(path, night, share, delay)


@pytest.mark.parametrize(
    "place",
    [
        pytest.param("os.rename .pixels.safetensors", marks=pytest.mark.long),  # a checkpoint
        "os.rename .pixels-2.safetensors",
        "turning",
        "turned",
        pytest.param("os.remove plan.json", marks=pytest.mark.long),
        pytest.param("os.remove pixels-1.safetensors", marks=pytest.mark.long),
    ],
)
def test_a_sleep_killed_at_a_delicate_place_goes_on(path, night, place):
    stop = night.messages.index(place)
    messages, exitcode = told(sleep_and_tell, path, stop, until=stop + 1)
    assert (messages, exitcode) == (night.messages[: stop + 1], -signal.SIGKILL)
    turned = stop >= night.messages.index("turned")
    if turned:
        assert_same_weights(load_file(path / NEW), night.weights)
    assert_sleeps_on(path, night, turned=turned)


@pytest.fixture(scope="module")
def detailed(tmp_path_factory):
    """A memory that keeps latents and details alone, and has slept once."""
    path = tmp_path_factory.mktemp("detailed") / "memory"
    made_with = {"resolution": 16, "channels": 1, "keep": "detail", "tolerance": 0.05}
    with Memory.open(path, create=made_with) as memory:
        memory.remember_many(image=[square(number) for number in range(PICTURES)])
        memory.sleep(**NIGHT)
    return path


def assert_as_shown(memory, nights):
    farthest = 255 * 0.05 * nights + 1  # each night codes what the last one left
    for number, engram in enumerate(memory):
        assert np.abs(engram.image - square(number).astype(float)).max() <= farthest


def late_moments(count):
    rng = random.Random(0)
    return [0.0, 0.02, *(0.04 * rng.random() ** 3 for _ in range(count - 2))]


@pytest.mark.parametrize(
    "delay",
    [*late_moments(2), *(pytest.param(d, marks=pytest.mark.long) for d in late_moments(30)[2:])],
)
def test_a_sleep_killed_while_it_lets_go_of_what_it_need_not_keep_loses_nothing(
    tmp_path, detailed, delay
):
    path = shutil.copytree(detailed, tmp_path / "memory")
    told(sleep_and_tell, path, until="turning", delay=delay)
    nights = assert_answers(path)
    with Memory.open(path) as memory:
        assert_as_shown(memory, nights)
        assert memory.sleep(**NIGHT).senses["pixels"].student == nights + 1
        assert_as_shown(memory, nights + 1)
    assert assert_answers(path) == nights + 1
    assert files(path) == ["memory.sqlite", f"students/pixels-{nights + 1}.safetensors"]


@pytest.mark.parametrize(
    "full",
    [
        pytest.param("os.mkdir sleep", marks=pytest.mark.long),
        pytest.param("open .plan.json", marks=pytest.mark.long),
        pytest.param("open .pixels.json", marks=pytest.mark.long),
        "open .pixels.safetensors",  # a checkpoint
        "open .pixels-2.safetensors",
        "turning",
    ],
)
def test_a_sleep_on_a_disk_that_fills_up_leaves_the_old_student(path, night, full):
    assert full in night.messages
    messages, exitcode = told(sleep_on_a_full_disk, path, full)
    assert exitcode == 0
    error, (same, found, faults), (_, losses) = messages
    # to SQLite, a file that may not grow is another error than a full disk
    assert error == ("StoreError" if full == "turning" else "StoreFullError")
    assert same
    assert (found, faults) == (4, [])
    assert losses == night.losses
    assert_same_weights(load_file(path / NEW), night.weights)
    assert assert_answers(path) == 2
    assert files(path) == ["memory.sqlite", NEW]


@pytest.fixture
def asleep(path):
    """Another process that sleeps, and how to talk to it."""
    wires, theirs = processes.Pipe()
    child = processes.Process(target=fall_asleep, args=(path, theirs))
    child.start()
    assert wires.recv() == child.pid
    yield child, wires
    child.kill()
    child.join()


def test_a_second_sleep_is_told_which_process_sleeps(path, asleep):
    child, wires = asleep
    holder = rf"process {child.pid} on {re.escape(socket.gethostname())}"
    with Memory.open(path) as memory:
        with pytest.raises(AsleepError, match=holder):
            memory.sleep(**NIGHT)
        assert memory.recall(image=square(3)).engram.id == 4
        wires.send("enough")
        child.join()
        assert child.exitcode == 0
        assert memory.sleep(**NIGHT).resumed


def test_a_second_sleep_in_another_thread_is_told_who_sleeps(path):
    holder = rf"process {os.getpid()} on {re.escape(socket.gethostname())}"
    with Memory.open(path) as memory, Memory.open(path) as other, ThreadPoolExecutor(1) as thread:
        steps = memory.sleep_steps(**NIGHT)
        next(steps)
        for each in (memory, other):
            with pytest.raises(AsleepError, match=holder):
                thread.submit(each.sleep, **NIGHT).result()
        *_, last = steps  # undisturbed
        assert last.report.senses["pixels"].student == 2


def test_a_process_that_was_killed_holds_nobody_up(path, night, asleep):
    child, _ = asleep
    child.kill()
    child.join()
    with Memory.open(path) as memory:
        assert memory.sleep(**NIGHT).resumed
    assert_same_weights(load_file(path / NEW), night.weights)
    assert files(path) == ["memory.sqlite", NEW]


def test_a_memory_closed_in_its_sleep_holds_nobody_up(path):
    with Memory.open(path) as memory:
        steps = memory.sleep_steps(**NIGHT)
        next(steps)
    steps.close()
    with Memory.open(path) as memory:
        assert memory.sleep(**NIGHT).resumed


def test_a_process_that_only_stands_still_is_not_overtaken(path, asleep):
    child, _ = asleep
    os.kill(child.pid, signal.SIGSTOP)
    with Memory.open(path) as memory, pytest.raises(AsleepError, match=f"process {child.pid} "):
        memory.sleep(**NIGHT)
