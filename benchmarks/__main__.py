"""``python -m benchmarks [NAME ...] --out DIR [--quick]``."""

import argparse
import sys
from pathlib import Path

from benchmarks.registry import measurements
from benchmarks.runner import run


def main() -> int:
    """Measure, say what was found, and fail only where something could not be measured."""
    known = measurements()
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}; or all")
    parser.add_argument("--out", type=Path, required=True, help="folder for JSON and index.md")
    parser.add_argument("--quick", action="store_true", help="toy size: shows only that it runs")
    asked = parser.parse_args()
    unknown = [name for name in asked.names if name not in known]
    if unknown:
        parser.error(f"there is no measurement {unknown[0]!r}; there are {', '.join(known)}")
    failed = False
    chosen = [known[name] for name in asked.names or known]
    for record in run(chosen, asked.out, quick=asked.quick):
        failed = failed or record["error"] is not None
        met = sum(must["met"] for must in record["musts"])
        print(f"{record['name']}: {met} of {len(record['musts'])} met, {record['seconds']:.0f} s")
        for must in record["musts"]:
            if not must["met"]:
                print(f"  not met: {must['claim']}, must be {must['must']}")
    print(f"written to {asked.out / 'index.md'}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
