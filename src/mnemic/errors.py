"""The error family: each says what was asked, what was found and what to do.

Every error is also a builtin, so ordinary ``except ValueError`` works.
"""


class MnemicError(Exception):
    """Anything mnemic raises on purpose."""


class ConfigError(MnemicError, ValueError):
    """A setting is out of range, or differs from what the memory was made with."""


class ShapeError(MnemicError, ValueError):
    """A tensor or picture does not fit the memory it was given to."""


class CueError(MnemicError, ValueError):
    """A cue carries nothing to recall from: no part, nothing known, or not-a-number."""


class MediaError(MnemicError, ValueError):
    """A file or array cannot be read as a picture or a sound."""


class DataError(MnemicError, FileNotFoundError):
    """A data set is neither on this machine nor could it be downloaded."""


class MissingExtraError(MnemicError, ImportError):
    """This takes packages that are not installed; its message says how to get them."""


class EmptyMemoryError(MnemicError, LookupError):
    """There is nothing stored to settle into."""


class NotStoredError(MnemicError, KeyError):
    """No engram has this id: it was forgotten, or never stored."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""  # KeyError would print the repr


class NeverSleptError(MnemicError, LookupError):
    """This takes a student, and the memory has not slept since it was made."""


class LesionedError(MnemicError, RuntimeError):
    """This takes a part of the memory that a lesion silences."""


class DivergedError(MnemicError, ArithmeticError):
    """Training or a trajectory left the finite numbers; a student is as at its last good epoch."""


class StoreError(MnemicError, OSError):
    """The memory on disk could not be read or written; nothing half-written remains."""


class StoreFullError(StoreError):
    """The disk is full; the write was undone."""


class StoreBusyError(StoreError):
    """Another process holds the memory for longer than this one would wait."""


class AsleepError(StoreBusyError):
    """Somebody else's sleep is changing the memory; its message says whose."""


class OutdatedError(StoreError):
    """What was to be stored is of a student that is no more; encode it anew."""


class NotAMemoryError(StoreError):
    """The path holds something that is not a mnemic memory."""


class NewerVersionError(StoreError):
    """The memory was written by a newer mnemic."""


class DamagedError(StoreError):
    """The memory on disk fails its own checks."""


class DamagedWarning(UserWarning):
    """Some of a memory is damaged and was left out; the rest answers."""


class ReadOnlyError(MnemicError, PermissionError):
    """A change was asked of a memory opened with ``read_only=True``."""
