"""A memory for things that are seen, read and heard: store once, recall from a fragment."""

from importlib.metadata import version

from mnemic.errors import MnemicError
from mnemic.folder import MemoryConfig
from mnemic.memory import Memory
from mnemic.records import (
    Concept,
    Engram,
    Forgotten,
    Imagined,
    Inferred,
    KeepReport,
    Recall,
    RunnerUp,
    SleepReport,
    SleepStep,
)

__version__ = version("mnemic")

__all__ = [
    "Concept",
    "Engram",
    "Forgotten",
    "Imagined",
    "Inferred",
    "KeepReport",
    "Memory",
    "MemoryConfig",
    "MnemicError",
    "Recall",
    "RunnerUp",
    "SleepReport",
    "SleepStep",
]
