"""What the processes do that are killed, or that live together. Light to import."""

from datetime import UTC, datetime, timedelta
from itertools import count

import numpy as np

from mnemic import Memory
from mnemic.records import Experience, Point
from mnemic.store import SqliteStore

MADE_WITH = {"resolution": 8, "channels": 1, "vector": 4}


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
