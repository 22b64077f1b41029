"""Where engrams are kept."""

from mnemic.store.sqlite import SqliteStore

__all__ = ["SqliteStore"]
