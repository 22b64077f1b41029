"""Figures of the documentation, from the JSON of the measurements alone.

``python -m benchmarks.figures`` draws ``docs/figures`` from ``docs/benchmarks``.
"""

import json
from pathlib import Path

from mnemic.plots import capacity_curves, save

DOCS = Path(__file__).parent.parent / "docs"


def draw(measured: Path, out: Path) -> list[Path]:
    """Draw every figure as PNG and SVG; the files that were written."""
    numbers = json.loads((measured / "capacity.json").read_text())["numbers"]
    files = [out / "capacity.png", out / "capacity.svg"]
    out.mkdir(parents=True, exist_ok=True)
    for file in files:
        save(capacity_curves(numbers), file)
    return files


if __name__ == "__main__":
    for file in draw(DOCS / "benchmarks", DOCS / "figures"):
        print(f"written to {file}")
