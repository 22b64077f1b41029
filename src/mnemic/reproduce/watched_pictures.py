"""A fixed pool of pictures, and what a pretrained network makes of them: the same for all seeds."""

from collections.abc import Generator
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8

from mnemic.reproduce.ten_concepts import COUNT, Subject, pictures_of
from mnemic.reproduce.workshop import Doing, Workshop, checksum, key_of
from mnemic.senses import pretrained

AT_ONCE = 50  # pictures looked at before what was found is kept


class Pool(NamedTuple):
    """Pictures of ten classes: every ten of them, one of each."""

    pictures: UInt8[np.ndarray, "count height width"]
    labels: Int[np.ndarray, " count"]
    others: UInt8[np.ndarray, "others height width"]  # of the same subject, none of the pool
    other_labels: Int[np.ndarray, " others"]


def pool(subject: Subject, of_each: int, others: int, seed: int) -> Pool:
    """So many pictures of each class, always the same, and others in an order of the seed."""
    pictures = pictures_of(subject)
    fixed = np.random.default_rng(0).permutation(len(pictures.images))
    places = np.stack(
        [fixed[pictures.labels[fixed] == one][:of_each] for one in range(COUNT)]
    ).T.reshape(-1)
    rest = np.setdiff1d(fixed, places)
    rest = np.random.default_rng(seed).permutation(rest)[:others]
    labels = pictures.labels.astype(np.int64)
    return Pool(pictures.images[places], labels[places], pictures.images[rest], labels[rest])


def watched(
    pictures: UInt8[np.ndarray, "count height width"], workshop: Workshop
) -> Generator[Doing, None, Float[np.ndarray, "count dim"]]:
    """The features of EfficientNet-lite0, of length 1 as the sense gives them; kept once made."""
    sense = pretrained("efficientnet")
    found: list[np.ndarray] = []
    for start in range(0, len(pictures), AT_ONCE):
        some = pictures[start : start + AT_ONCE]
        key = "watched-" + key_of(__name__, pictures=checksum({"pictures": some}))

        def look(some: np.ndarray = some) -> torch.Tensor:
            return torch.from_numpy(np.stack([sense.encode(one).features for one in some]))

        found.append(workshop.keep(key, look).numpy())
        yield Doing("watching", start + len(some), len(pictures))
    return np.concatenate(found)
