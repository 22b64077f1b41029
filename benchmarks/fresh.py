"""Run a function of this package in a fresh interpreter, where nothing is warm or loaded yet.

Arguments and numbers travel as JSON. This module imports only the standard library, so that what
the function's own module imports is all that is in memory.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
SLOWING = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")  # set on some machines; they slow NumPy down


class FreshProcessError(Exception):
    """The function failed in its fresh process."""


def in_fresh_process(
    module: str, function: str, *, environment: Mapping[str, str] = {}, **arguments: Any
) -> Any:
    """Call ``benchmarks.MODULE.FUNCTION(**arguments)`` in a new interpreter.

    ``environment`` is added to this one's.

    Raises:
        FreshProcessError: it raised there; the last line of its traceback says what.
    """
    inherited = {name: value for name, value in os.environ.items() if name not in SLOWING}
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.fresh", module, function],
        input=json.dumps(arguments),
        cwd=ROOT,
        env=inherited | dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.stderr.write(done.stderr)
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise FreshProcessError(f"{module}.{function}: {last[0]}")
    return json.loads(done.stdout.splitlines()[-1])


def peak_memory() -> int:
    """The most bytes this process has held in memory since it began.

    Linux's high-water mark; unlike ``getrusage`` it starts anew in a new program.

    Raises:
        OSError: this is not Linux.
    """
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))


def main() -> None:
    """What the fresh interpreter runs."""
    module, function = sys.argv[1:]
    arguments = json.loads(sys.stdin.read())
    numbers = getattr(import_module(f"benchmarks.{module}"), function)(**arguments)
    print(json.dumps(numbers, allow_nan=False))


if __name__ == "__main__":
    main()
