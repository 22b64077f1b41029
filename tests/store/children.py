"""What the processes do that are killed, or that live together. Light to import."""

import os
import resource
import signal
import sys
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import numpy as np
import torch
import torch._dynamo  # optimisers want it, and every child would import it anew

from mnemic import Memory
from mnemic.errors import StoreError
from mnemic.records import Experience, Point
from mnemic.store import SqliteStore

MADE_WITH = {"resolution": 8, "channels": 1, "vector": 4}
NIGHT = {"replays": 80, "epochs": 3, "batch": 8}


def numbered(id):
    """The experience that is stored under this id; large ones take many pages."""
    original = b"%d" % id * (id * 7919 % 5) * 4000
    points = (
        Point(sense="s", code=b"code %d" % id, known=b"\xf0", original=original, media_type="a/b"),
        Point(sense="t", code=bytes(id % 256)),
    )
    return Experience(
        time=datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=id),
        points=points,
        text=(f"text {id}",),
        label=f"{id % 3}",
        metadata={"id": id},
    )


def pictured(id):
    """The picture that is remembered under this id."""
    return np.random.default_rng(id).integers(256, size=(8, 8), dtype=np.uint8)


def kept_after(steps):
    """The ids kept after so many steps: every fifth forgets the oldest."""
    return list(range(steps // 5 + 1, steps - steps // 5 + 1))


def live_in_store(path, acknowledge):
    acknowledge.send(0)
    store = SqliteStore(path, create={})
    for step in count():
        if step % 5 == 4:
            store.forget([step // 5 + 1])
        else:
            store.add([numbered(step - step // 5 + 1)])
        acknowledge.send(step + 1)


def live_in_memory(path, acknowledge):
    acknowledge.send(0)
    with Memory.open(path, create=MADE_WITH) as memory:
        for step in count():
            if step % 5 == 4:
                memory.forget(step // 5 + 1)
            else:
                id = step - step // 5 + 1
                memory.remember(image=pictured(id), text=f"text {id}")
            acknowledge.send(step + 1)


def remember_together(path, numbers, tell):
    """Remember pictures one by one; tell which id each number got."""
    with Memory.open(path) as memory:
        tell.send([memory.remember(image=pictured(number)).id for number in numbers])


def watch(path, wires):
    """Read until told to stop, then recall whatever is asked. Tell each view of the memory."""
    views = []
    with Memory.open(path, read_only=True) as memory:
        wires.send("ready")
        while not wires.poll():
            engrams = list(memory)
            views.append([engram.id for engram in engrams])
            if engrams:  # what was seen can be recalled
                assert memory.recall(image=engrams[-1].image).engram.id == engrams[-1].id
        wires.recv()
        wires.send([*views, [engram.id for engram in memory]])
        while (picture := wires.recv()) is not None:
            wires.send(memory.recall(image=picture).engram.id)


def square(number):
    """A bright square somewhere on a darker ground: 16 by 16, grey."""
    rng = np.random.default_rng(number)
    picture = np.full((16, 16), rng.integers(0, 100), np.uint8)
    top, left = rng.integers(1, 8, 2)
    side = rng.integers(4, 8)
    picture[top : top + side, left : left + side] = rng.integers(150, 256)
    return picture


def watch_sleep(reached):
    """Have every file that a sleep changes reported, and when all turns."""

    def watch(event, given):
        changes = event in ("os.rename", "os.remove", "os.rmdir", "os.mkdir")
        if changes or (event == "open" and isinstance(given[1], str) and "w" in given[1]):
            name = Path(given[0]).name.removesuffix(f".{os.getpid()}")
            reached(f"{event} {name}")

    turn = SqliteStore.turn

    def turned(*args, **kwargs):
        reached("turning")
        done = turn(*args, **kwargs)
        reached("turned")
        return done

    SqliteStore.turn = turned
    sys.addaudithook(watch)


def sleep_and_tell(path, tell, stop=None):
    """Sleep, and tell all that happens; at the message of number ``stop``, wait to be killed."""
    torch.set_num_threads(1)
    numbers = count()

    def reached(what):
        tell.send(what)
        if next(numbers) == stop:
            signal.pause()

    with Memory.open(path) as memory:
        watch_sleep(reached)
        for step in memory.sleep_steps(**NIGHT):
            reached(f"{step.phase} {step.done}")


def sleep_on_a_full_disk(path, tell, full):
    """Sleep on a disk that is full from a place on, and again when it is not.

    Tell the error, whether the memory is as it was, and how the second sleep went.
    """
    torch.set_num_threads(1)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def reached(what):
        if what == full:
            resource.setrlimit(resource.RLIMIT_FSIZE, (10, most))

    with Memory.open(path) as memory:
        before = memory.infer(image=square(100)).image
        watch_sleep(reached)
        try:
            memory.sleep(**NIGHT)
            tell.send("the disk was not full")
        except StoreError as error:
            tell.send(type(error).__name__)
        same = np.array_equal(memory.infer(image=square(100)).image, before)
        tell.send((same, memory.recall(image=square(3)).engram.id, memory.check()))
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        full = None
        report = memory.sleep(**NIGHT)
        tell.send((report.resumed, report.senses["pixels"].losses))


def fall_asleep(path, wires):
    """Begin to sleep, and do not go on before being told to."""
    torch.set_num_threads(1)
    with Memory.open(path) as memory:
        steps = memory.sleep_steps(**NIGHT)
        next(steps)
        wires.send(os.getpid())
        wires.recv()
        steps.close()
