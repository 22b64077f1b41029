"""A memory on disk: a folder with ``memory.sqlite``, and nothing that cannot be rebuilt from it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from mnemic.cortex import KEEPS, Keep
from mnemic.errors import ConfigError, NotAMemoryError
from mnemic.neocortex import make_student
from mnemic.neocortex.student import Kind
from mnemic.protocols import Sense
from mnemic.senses import Pixels, Vector
from mnemic.store import SqliteStore

DATABASE = "memory.sqlite"
LEAST_TOLERANCE = 0.002  # half a level of 256


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """What a memory is made with; none of it changes afterwards.

    ``resolution`` (pixels a side, or None for no pictures) and ``channels`` (1 grey, 3 colour)
    make the sense of sight, ``vector`` (numbers, or None) that of plain vectors.
    ``keep="original"`` keeps the bytes as they were given beside the features. Once the memory
    has slept, ``keep="detail"`` keeps a latent, and of the features those the student misses by
    more than ``tolerance``; ``keep="schema"`` keeps the latent alone. ``student`` is the kind of
    network that sleep trains, ``latent`` the numbers in its latents (None: the kind's own).
    """

    resolution: int | None = 64
    channels: int = 3
    vector: int | None = None
    keep: Keep = "original"
    tolerance: float = 0.05
    student: Kind = "mnemic"
    latent: int | None = None

    def __post_init__(self) -> None:
        if self.keep not in KEEPS:
            raise ConfigError(f"keep must be {', '.join(map(repr, KEEPS))}, got {self.keep!r}")
        if not LEAST_TOLERANCE <= self.tolerance <= 1:
            raise ConfigError(
                f"tolerance must be {LEAST_TOLERANCE} to 1 of the range of a feature, got"
                f" {self.tolerance}"
            )
        if self.latent is not None and self.latent < 1:
            raise ConfigError(f"latent must be at least 1 number, got {self.latent}")
        if self.student not in get_args(Kind):
            raise ConfigError(f"student must be one of {get_args(Kind)}, got {self.student!r}")
        if self.resolution is not None and self.student == "spens2022":  # not of every size
            make_student(self.student, (self.resolution, self.resolution, self.channels))
        if not self.senses():
            raise ConfigError("a memory needs a sense: give it resolution= or vector=")

    def senses(self) -> list[Sense]:
        """The senses such a memory has."""
        senses: list[Sense] = []
        if self.resolution is not None:
            senses.append(Pixels(self.resolution, self.channels))
        if self.vector is not None:
            senses.append(Vector(self.vector))
        return senses

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "MemoryConfig":
        """From plain settings; ConfigError names one that does not exist."""
        names = [field.name for field in fields(cls)]
        unknown = sorted(set(given) - set(names))
        if unknown:
            raise ConfigError(f"create= knows {', '.join(names)}; got {', '.join(unknown)}")
        return cls(**given)


def fingerprint(sense: Sense) -> str:
    """A name for exactly this encoder: its code, weights and configuration."""
    return hashlib.sha256(json.dumps(sense.config, sort_keys=True).encode()).hexdigest()[:16]


def open_folder(
    path: Path, *, create: Mapping[str, Any] | None, read_only: bool
) -> tuple[SqliteStore, MemoryConfig]:
    """Open the memory in a folder, or make one where there is none.

    Raises:
        NotAMemoryError: the path is a file, or a folder that holds something else.
        ConfigError: the memory was made with other settings than ``create``, or its senses
            encode differently now.
    """
    wanted = None if create is None else MemoryConfig.of(create)
    if path.exists() and not path.is_dir():
        raise NotAMemoryError(f"{path} is a file; a memory is a folder")
    database = path / DATABASE
    if not database.exists():
        if path.is_dir() and any(path.iterdir()):
            raise NotAMemoryError(f"{path} holds other things and no {DATABASE}; choose a new path")
        if read_only:
            raise NotAMemoryError(f"there is no memory at {path} to read")
        path.mkdir(parents=True, exist_ok=True)
    store = SqliteStore(database, create=_described(wanted or MemoryConfig()), read_only=read_only)
    try:
        return store, _agreed(path, store.config, create or {})
    except BaseException:
        store.close()
        raise


def _described(config: MemoryConfig) -> dict[str, Any]:
    senses = {sense.name: fingerprint(sense) for sense in config.senses()}
    return {"made_with": asdict(config), "senses": senses}


def _agreed(path: Path, kept: Mapping[str, Any], asked: Mapping[str, Any]) -> MemoryConfig:
    config = MemoryConfig.of(kept["made_with"])
    differing = [
        f"{name}={getattr(config, name)!r} (asked: {value!r})"
        for name, value in asked.items()
        if value != getattr(config, name)
    ]
    if differing:
        raise ConfigError(f"{path} was made with {', '.join(differing)}; open it without create=")
    for sense in config.senses():
        before = kept["senses"].get(sense.name)
        if before != fingerprint(sense):
            raise ConfigError(
                f"{path} was made with another version of the sense {sense.name!r} ({before}, now"
                f" {fingerprint(sense)}); its features would not compare. Use the mnemic it was"
                " made with, or remember its originals in a new memory"
            )
    return config
