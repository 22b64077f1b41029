"""A memory on disk: a folder with ``memory.sqlite``, and nothing that cannot be rebuilt from it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

from mnemic.cortex import KEEPS, Keep
from mnemic.errors import ConfigError, NotAMemoryError
from mnemic.neocortex import make_student
from mnemic.neocortex.student import Kind
from mnemic.protocols import Sense
from mnemic.senses import PRETRAINED, Letters, LogMel, Pixels, Vector, pretrained
from mnemic.store import SqliteStore

DATABASE = "memory.sqlite"
LEAST_TOLERANCE = 0.002  # half a level of 256


@dataclass(frozen=True, kw_only=True)
class MemoryConfig:
    """What a memory is made with; none of it changes afterwards.

    ``resolution`` (pixels a side, or None for no pictures) and ``channels`` (1 grey, 3 colour)
    make the sense of sight, ``vector`` (numbers, or None) that of plain vectors. ``text`` and
    ``sound`` make the innate senses of those; a text is kept either way, but is a cue only where
    there is a sense of it. ``pretrained`` names senses whose weights the extra ``senses``
    installs; ``others`` is filled in with the names of those that ``Memory.open`` is handed.
    ``keep="original"`` keeps the bytes as they were given beside the features. Once the memory
    has slept, ``keep="detail"`` keeps a latent, and of the features those the student misses by
    more than ``tolerance``; ``keep="schema"`` keeps the latent alone. ``student`` is the kind of
    network that sleep trains, ``latent`` the numbers in its latents (None: the kind's own).
    """

    resolution: int | None = 64
    channels: int = 3
    vector: int | None = None
    text: bool = False
    sound: bool = False
    pretrained: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
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
        for name in self.pretrained:
            if name not in PRETRAINED:
                raise ConfigError(f"pretrained= knows {', '.join(PRETRAINED)}; got {name!r}")
        if not (self._innate() or self.pretrained or self.others):
            raise ConfigError(
                "a memory needs a sense: give it resolution=, text=, sound=, vector= or pretrained="
            )

    def senses(self, others: Sequence[Sense] = ()) -> list[Sense]:
        """The senses such a memory has; of one modality, the first keeps the originals.

        Raises:
            MissingExtraError: what a pretrained one takes is not installed.
            ConfigError: ``others`` are not those it was made with, or two have one name.
        """
        names = [sense.name for sense in others]
        for name in self.others:
            if name not in names:
                raise ConfigError(
                    f"this memory was made with the sense {name!r}, which was handed over in code;"
                    " do so again: Memory.open(path, senses=[…])"
                )
        if surplus := sorted(set(names) - set(self.others)):
            raise ConfigError(
                f"this memory was made without the sense {surplus[0]!r}; senses are chosen when a"
                " memory is made"
            )
        senses = [*self._innate(), *map(pretrained, self.pretrained), *others]
        names = [sense.name for sense in senses]
        if len(set(names)) < len(names):
            raise ConfigError(f"each sense of a memory has a name of its own; got {names}")
        return senses

    def _innate(self) -> list[Sense]:
        senses: list[Sense] = []
        if self.resolution is not None:
            senses.append(Pixels(self.resolution, self.channels))
        if self.text:
            senses.append(Letters())
        if self.sound:
            senses.append(LogMel())
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
        return cls(**{name: _immutable(value) for name, value in given.items()})


def fingerprint(sense: Sense) -> str:
    """A name for exactly this encoder: its code, weights and configuration."""
    return hashlib.sha256(json.dumps(sense.config, sort_keys=True).encode()).hexdigest()[:16]


def open_folder(
    path: Path,
    *,
    create: Mapping[str, Any] | None,
    read_only: bool,
    others: Sequence[Sense] = (),
) -> tuple[SqliteStore, MemoryConfig, list[Sense]]:
    """Open the memory in a folder, or make one where there is none; its settings and senses.

    Raises:
        NotAMemoryError: the path is a file, or a folder that holds something else.
        ConfigError: the memory was made with other settings than ``create``, or its senses
            encode differently now, or ``others`` are not the ones it was made with.
        MissingExtraError: what one of its senses takes is not installed.
    """
    names = tuple(sense.name for sense in others)
    wanted = MemoryConfig.of({**(create or {}), "others": names})
    if path.exists() and not path.is_dir():
        raise NotAMemoryError(f"{path} is a file; a memory is a folder")
    database = path / DATABASE
    described = _described(wanted, wanted.senses(others))  # before anything is made
    if not database.exists():
        if path.is_dir() and any(path.iterdir()):
            raise NotAMemoryError(f"{path} holds other things and no {DATABASE}; choose a new path")
        if read_only:
            raise NotAMemoryError(f"there is no memory at {path} to read")
        path.mkdir(parents=True, exist_ok=True)
    store = SqliteStore(database, create=described, read_only=read_only)
    try:
        return store, *_agreed(path, store.config, create or {}, others)
    except BaseException:
        store.close()
        raise


def _immutable(value: Any) -> Any:
    """JSON has no tuples."""
    return tuple(value) if isinstance(value, list) else value


def _described(config: MemoryConfig, senses: Sequence[Sense]) -> dict[str, Any]:
    prints = {sense.name: fingerprint(sense) for sense in senses}
    return {"made_with": asdict(config), "senses": prints}


def _agreed(
    path: Path, kept: Mapping[str, Any], asked: Mapping[str, Any], others: Sequence[Sense]
) -> tuple[MemoryConfig, list[Sense]]:
    config = MemoryConfig.of(kept["made_with"])
    differing = [
        f"{name}={getattr(config, name)!r} (asked: {value!r})"
        for name, value in asked.items()
        if _immutable(value) != getattr(config, name)
    ]
    if differing:
        raise ConfigError(f"{path} was made with {', '.join(differing)}; open it without create=")
    senses = config.senses(others)
    for sense in senses:
        before = kept["senses"].get(sense.name)
        if before != fingerprint(sense):
            raise ConfigError(
                f"{path} was made with another version of the sense {sense.name!r} ({before}, now"
                f" {fingerprint(sense)}); its features would not compare. Use the mnemic it was"
                " made with, or remember its originals in a new memory"
            )
    return config, senses
