"""Lesions: parts of a memory silenced for a while; nothing on disk changes."""

from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from threading import RLock
from typing import Literal, get_args

import torch

from mnemic.collection import Collection
from mnemic.errors import ConfigError
from mnemic.randomness import generator

Lesion = Literal["engrams", "decoder", "hippocampus"]


@contextmanager
def lesioned(
    collection: Collection, lock: RLock, what: Lesion, fraction: float, *, seed: int
) -> Generator[list[int]]:
    """Silence a part until the block ends; yields the engrams that cannot answer.

    Raises:
        ConfigError: there is no such part, it is silenced already, or not so divisible.
    """
    if what not in get_args(Lesion):
        raise ConfigError(f"a lesion is of {', '.join(get_args(Lesion))}, got {what!r}")
    if what == "engrams":
        with _engrams(collection, lock, fraction, seed=seed) as chosen:
            yield chosen
        return
    if fraction != 1.0:
        raise ConfigError(f"the {what} is silenced whole; fraction is for engrams")
    with lock:
        if what in collection.lesioned:
            raise ConfigError(f"the {what} is silenced already")
        collection.lesioned.add(what)
    try:
        yield collection.store.ids() if what == "hippocampus" else []
    finally:
        collection.lesioned.discard(what)


@contextmanager
def _engrams(
    collection: Collection, lock: RLock, fraction: float, *, seed: int
) -> Generator[list[int]]:
    """Silence a random share of the engrams, in every sense."""
    if not 0 <= fraction <= 1:
        raise ConfigError(f"fraction must be in 0..1, got {fraction}")
    with lock:
        ids = sorted(collection.store.ids())
        order = torch.randperm(len(ids), generator=generator(seed, "lesion")).tolist()
        chosen = sorted(ids[index] for index in order[: round(fraction * len(ids))])
        silenced = ExitStack()
        for points in collection.points.values():
            mine = [point for engram in chosen for point in points.of_engram.get(engram, ())]
            patterns = points.memory.patterns
            if patterns.available is not None:  # another lesion's are not this one's to wake
                awake = patterns.available[patterns.rows_of(mine)].tolist()
                mine = [point for point, answers in zip(mine, awake, strict=True) if answers]
            silenced.enter_context(points.memory.silenced(mine))
    with silenced:
        yield chosen
