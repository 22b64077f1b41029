"""A student of pictures that nobody named."""

from collections.abc import Generator

import numpy as np
from jaxtyping import UInt8

from mnemic.neocortex import Student
from mnemic.reproduce.pictures import features, grid_of
from mnemic.reproduce.teaching import config_of
from mnemic.reproduce.workshop import Doing, Workshop, checksum


def untold(
    pictures: UInt8[np.ndarray, "count height width"], epochs: int, seed: int, workshop: Workshop
) -> Generator[Doing, None, Student]:
    """A student taught by these pictures; once for all results that ask."""
    taught = yield from workshop.teach(
        lambda: features(pictures),
        config_of("mnemic", epochs),
        made_of={"pictures": checksum({"pictures": pictures})},
        grid=grid_of(pictures),
        seed=seed,
    )
    return taught.student
