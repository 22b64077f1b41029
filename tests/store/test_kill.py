"""Processes are killed while they write, and live together on one memory."""

import os
import random
import signal
import time
from contextlib import closing
from itertools import pairwise
from multiprocessing import get_context

import numpy as np
import pytest
from tests.contracts.store import whole
from tests.store.children import (
    MADE_WITH,
    kept_after,
    live_in_memory,
    live_in_store,
    numbered,
    pictured,
    remember_together,
    watch,
)

from mnemic import Memory
from mnemic.store import SqliteStore

# each child is forked from a process that has imported everything and run nothing
processes = get_context("forkserver")
processes.set_forkserver_preload(["tests.store.children"])


def killed(target, path, steps, delay):
    """Let a child take some steps and live a little longer; how many it acknowledged in all."""
    heard, told = processes.Pipe(duplex=False)
    child = processes.Process(target=target, args=(path, told))
    child.start()
    told.close()
    acknowledged = -1
    with closing(heard):
        while acknowledged < steps:
            acknowledged = heard.recv()
        time.sleep(delay)
        os.kill(child.pid, signal.SIGKILL)
        child.join()
        assert child.exitcode == -signal.SIGKILL  # it had not failed before
        try:
            while True:
                acknowledged = heard.recv()
        except EOFError:
            return acknowledged


def moments(count):
    rng = random.Random(0)
    return [(rng.randrange(30), rng.uniform(0, 0.02)) for _ in range(count)]


def assert_whole(path, acknowledged):
    """The store holds what was acknowledged, and perhaps the step that was then under way."""
    with closing(SqliteStore(path, create={})) as store:
        steps = store.revision
        assert steps in (acknowledged, acknowledged + 1)
        assert store.ids() == kept_after(steps)
        assert [whole(store, id) for id in store.ids()] == [*map(numbered, store.ids())]
        assert len(list(store.points())) == 2 * len(store)
        assert store.check() == []


@pytest.mark.parametrize(("steps", "delay"), moments(10))
def test_a_killed_store_keeps_all_it_acknowledged(tmp_path, steps, delay):
    assert_whole(tmp_path / "db", killed(live_in_store, tmp_path / "db", steps, delay))


@pytest.mark.long
@pytest.mark.parametrize(("steps", "delay"), moments(100))
def test_a_killed_store_keeps_all_it_acknowledged_at_any_moment(tmp_path, steps, delay):
    assert_whole(tmp_path / "db", killed(live_in_store, tmp_path / "db", steps, delay))


@pytest.mark.parametrize("steps", [0, 7, 21])
def test_a_killed_memory_recalls_all_it_acknowledged(tmp_path, steps):
    acknowledged = killed(live_in_memory, tmp_path / "memory", steps, 0.01)
    with Memory.open(tmp_path / "memory", create=MADE_WITH) as memory:
        assert memory.ids() in (kept_after(acknowledged), kept_after(acknowledged + 1))
        for engram in memory:
            assert np.array_equal(engram.image, pictured(engram.id))
            assert engram.text == f"text {engram.id}"
            assert memory.recall(image=pictured(engram.id)).engram.id == engram.id
            [(original, _)] = memory.originals(engram.id)
            assert original.endswith(pictured(engram.id).tobytes())
        assert memory.check() == []


def test_two_writers_and_a_reader_share_a_memory(tmp_path):
    path = tmp_path / "memory"
    Memory.open(path, create=MADE_WITH).close()
    wires, reader_wires = processes.Pipe()
    reader = processes.Process(target=watch, args=(path, reader_wires))
    reader.start()
    assert wires.recv() == "ready"
    pictures = [range(0, 60), range(60, 120)]
    told, writers = [], []
    for numbers in pictures:
        heard, tell = processes.Pipe(duplex=False)
        writers.append(processes.Process(target=remember_together, args=(path, numbers, tell)))
        writers[-1].start()
        told.append(heard)
    ids = {
        id: number
        for heard, numbers in zip(told, pictures, strict=True)
        for id, number in zip(heard.recv(), numbers, strict=True)
    }
    wires.send("stop")
    views = [set(view) for view in wires.recv()]
    assert all(earlier <= later for earlier, later in pairwise(views))
    assert views[-1] == set(ids)
    assert len(ids) == 120
    with Memory.open(path) as memory:
        for id in sorted(ids)[::12]:
            wires.send(pictured(ids[id]))
            assert wires.recv() == id
            memory.forget(id)
            wires.send(pictured(ids[id]))
            assert wires.recv() in set(memory.ids())
        assert memory.check() == []
    wires.send(None)
    for process in (reader, *writers):
        process.join()
        assert process.exitcode == 0
