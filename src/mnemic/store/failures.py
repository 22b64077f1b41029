"""SQLite's errors as ours: what happened, and what to do."""

import contextlib
import sqlite3
from collections.abc import Generator
from pathlib import Path

from mnemic.errors import (
    DamagedError,
    NotAMemoryError,
    ReadOnlyError,
    StoreBusyError,
    StoreError,
    StoreFullError,
)


@contextlib.contextmanager
def typed(path: Path) -> Generator[None]:
    """Whatever SQLite raises in the block, as the error family has it."""
    try:
        yield
    except UnicodeDecodeError as error:
        raise DamagedError(f"{path} is damaged ({error}); restore a backup") from error
    except sqlite3.DatabaseError as error:
        code = (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF
        match code:
            case sqlite3.SQLITE_FULL:
                raise StoreFullError(f"the disk of {path} is full; nothing was written") from error
            case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
                raise StoreBusyError(
                    f"another process has been writing {path} for too long; try again"
                ) from error
            case sqlite3.SQLITE_CORRUPT:
                raise DamagedError(f"{path} is damaged ({error}); restore a backup") from error
            case sqlite3.SQLITE_NOTADB:
                raise NotAMemoryError(f"{path} is not a memory ({error})") from error
            case sqlite3.SQLITE_READONLY:
                raise ReadOnlyError(f"{path} cannot be written ({error})") from error
            case _:
                raise StoreError(f"{path} could not be read or written: {error}") from error
