"""A memory on disk: a folder with ``memory.sqlite``, and nothing that cannot be rebuilt from it."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from mnemic.errors import ConfigError, NotAMemoryError
from mnemic.protocols import Sense
from mnemic.senses import Pixels, Vector
from mnemic.store import SqliteStore

DATABASE = "memory.sqlite"


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """What a memory is made with; none of it changes afterwards.

    ``resolution`` (pixels a side, or None for no pictures) and ``channels`` (1 grey, 3 colour)
    make the sense of sight, ``vector`` (numbers, or None) that of plain vectors.
    ``keep="original"`` keeps the bytes as they were given beside the features.
    """

    resolution: int | None = 64
    channels: int = 3
    vector: int | None = None
    keep: Literal["original"] = "original"

    def __post_init__(self) -> None:
        if self.keep != "original":
            raise ConfigError(f"keep must be 'original', got {self.keep!r}")
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
