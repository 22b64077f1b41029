"""Where numbers come from: the machine, the versions, the commit."""

import os
import platform
import sqlite3
import subprocess
from pathlib import Path

import numpy
import torch

import mnemic
from benchmarks.registry import Numbers

ROOT = Path(__file__).parent.parent


def machine() -> Numbers:
    """What the numbers were measured on, and how busy it was."""
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory GiB": round(pages * size / 2**30, 1),
        "load before": round(os.getloadavg()[0], 2),
    }


def versions() -> dict[str, str]:
    """Of everything the numbers depend on."""
    return {
        "mnemic": mnemic.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "sqlite": sqlite3.sqlite_version,
    }


def commit() -> str | None:
    """The commit measured, marked where files differ from it; None outside a checkout."""
    try:
        name = _git("rev-parse", "--short=12", "HEAD")
        changed = _git("status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return None
    return f"{name} with changes" if changed else name


def _git(*arguments: str) -> str:
    command = ["git", "--no-optional-locks", *arguments]
    return subprocess.run(
        command, cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.strip()


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())
