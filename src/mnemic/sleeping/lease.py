"""Who may sleep: one at a time, whatever processes there are."""

import os
import re
import socket
import uuid
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

from mnemic.errors import StoreError
from mnemic.protocols import Store

LEASE = timedelta(minutes=5)
HELD: set[str] = set()  # names by which this process holds leases


def holder_name() -> str:
    """A name to hold the lease by, which nobody else has."""
    return f"process {os.getpid()} on {socket.gethostname()} ({uuid.uuid4().hex[:8]})"


def take_lease(store: Store, holder: str) -> str | None:
    """Hold the right to sleep; who holds it instead, unless that process is no more."""
    while True:
        now = datetime.now(UTC)
        other = store.lease(holder, now + LEASE, now=now)
        if other is None:
            HELD.add(holder)
        if other is None or not _is_gone(other):
            return other
        store.release(other)


def give_back_lease(store: Any, holder: str) -> None:  # a closed store passes for no Store
    """Let others sleep, even where a full disk, or a store that is closed, keeps the lease."""
    HELD.discard(holder)
    with suppress(StoreError):  # it runs out by itself, and must not hide what went wrong
        store.release(holder)


def _is_gone(holder: str) -> bool:
    """Whether a holder of the lease was a process of this machine that is no more."""
    named = re.match(r"process (\d+) on (.*) \(", holder)
    if named is None or named[2] != socket.gethostname():
        return False
    if int(named[1]) == os.getpid():
        return holder not in HELD
    try:
        os.kill(int(named[1]), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False
