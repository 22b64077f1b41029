"""What the data sets come as: frozen values of NumPy arrays, in order, never shuffled later."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32, Int64, UInt8


class Pictures(NamedTuple):
    """Pictures of one size, each with the number of its class.

    ``labels[i]`` indexes ``classes``. Grey pictures have no channel axis, colour ones have three.
    Levels run from 0 (black) to 255.
    """

    images: UInt8[np.ndarray, "count height width *channels"]
    labels: Int64[np.ndarray, " count"]
    classes: tuple[str, ...]


class Files(NamedTuple):
    """Picture files on disk, not yet opened.

    ``labels`` is None, and ``classes`` empty, where the folder does not sort its pictures.
    """

    paths: tuple[Path, ...]
    labels: Int64[np.ndarray, " count"] | None
    classes: tuple[str, ...]


class Scenes(NamedTuple):
    """Rendered scenes with every factor that made them.

    ``factors[i, j]`` is the value of the factor ``names[j]`` in picture ``i``: a whole number
    from 0 to ``sizes[j] - 1``.
    """

    images: UInt8[np.ndarray, "count height width *channels"]
    factors: Int64[np.ndarray, "count factors"]
    names: tuple[str, ...]
    sizes: tuple[int, ...]


class Solids(NamedTuple):
    """Rendered solids: which solid, and how it is turned.

    ``rotations[i]`` takes a column vector of the solid's own frame to the camera's
    (x to the right, y up, z towards the viewer).
    """

    images: UInt8[np.ndarray, "count height width 3"]
    labels: Int64[np.ndarray, " count"]
    classes: tuple[str, ...]
    rotations: Float32[np.ndarray, "count 3 3"]
