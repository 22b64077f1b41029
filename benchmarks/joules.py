"""Energy, where the machine counts it: Linux's running average power limit (RAPL)."""

from collections.abc import Callable
from pathlib import Path

COUNTERS = Path("/sys/class/powercap")
LEAST = 1.0  # joules: below that the counter's own steps would be a share of the answer
MOST_RUNS = 10_000


def joules(run: Callable[[], object], counters: Path = COUNTERS) -> float | None:
    """Joules that one run costs the processor packages; None where nothing counts them."""
    files = sorted(counters.glob("intel-rapl:[0-9]*/energy_uj"))  # AMD's go by that name too
    files = [file for file in files if file.parent.name.count(":") == 1]
    before = _read(files)
    if before is None:
        return None
    for runs in range(1, MOST_RUNS + 1):
        run()
        now = _read(files)
        if now is None or now < before:  # the counter went round
            return None
        if now - before >= LEAST * 1e6:
            return (now - before) / 1e6 / runs
    return None


def _read(files: list[Path]) -> int | None:
    try:
        return sum(int(file.read_text()) for file in files) if files else None
    except OSError:  # for the administrator alone
        return None
