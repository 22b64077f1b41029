"""Real pictures, none of them twice: Fashion-MNIST, and variants where more are needed."""

from collections.abc import Iterator
from functools import cache
from itertools import islice
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int64, UInt8

from mnemic.datasets import fashion_mnist, mnist
from mnemic.errors import DataError
from mnemic.senses import Pixels

Images = UInt8[np.ndarray, "count 28 28"]

SENSE = Pixels(28, 1)
CREATE = {"resolution": 28, "channels": 1}
SHIFTS = ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))  # rows down, columns right


class Clothes(NamedTuple):
    """Distinct pictures with the number of their class."""

    images: Images
    labels: Int64[np.ndarray, " count"]
    classes: tuple[str, ...]


@cache
def clothes() -> Clothes:
    """All of Fashion-MNIST, train and test, each picture once.

    A picture that is in the set twice could otherwise be stored and held out at the same time.

    Raises:
        DataError: the data set is not on this machine.
    """
    train, test = fashion_mnist("train"), fashion_mnist("test")
    images = np.concatenate([train.images, test.images])
    labels = np.concatenate([train.labels, test.labels])
    first: dict[bytes, int] = {}
    for row, image in enumerate(images):
        first.setdefault(image.tobytes(), row)
    rows = list(first.values())
    return Clothes(images[rows], labels[rows], train.classes)


def drawn(count: int, held_out: int, *, seed: int) -> tuple[Clothes, Clothes]:
    """Pictures to store and others to hold out, drawn without replacement."""
    everything = clothes()
    order = np.random.default_rng([seed, *b"drawn"]).permutation(len(everything.images))
    if count + held_out > len(order):
        raise ValueError(f"there are {len(order)} pictures, not {count} and {held_out}")
    stored, unseen = order[:count], order[count : count + held_out]
    images, labels, classes = everything
    return (
        Clothes(images[stored], labels[stored], classes),
        Clothes(images[unseen], labels[unseen], classes),
    )


def digits(count: int, *, seed: int) -> Images | None:
    """MNIST digits, drawn at random; None where they are not on this machine."""
    try:
        images = mnist("all").images
    except DataError:
        return None
    return images[np.random.default_rng([seed, *b"digits"]).permutation(len(images))[:count]]


def many(count: int) -> Images:
    """``count`` distinct pictures: all clothes, then the same moved by one pixel or mirrored.

    Raises:
        ValueError: there are not so many.
    """
    found: dict[bytes, None] = {}
    for image in _variants():
        found[image.tobytes()] = None
        if len(found) == count:
            break
    else:
        raise ValueError(f"there are {len(found)} distinct pictures and variants, not {count}")
    return np.frombuffer(b"".join(found), np.uint8).reshape(-1, 28, 28)


def _variants() -> Iterator[UInt8[np.ndarray, "28 28"]]:
    for mirrored in (False, True):
        for down, right in SHIFTS:
            for image in clothes().images:
                turned = image[:, ::-1] if mirrored else image
                yield np.roll(turned, (down, right), axis=(0, 1))


def unambiguous(
    images: Images, known: Bool[np.ndarray, "28 28"], count: int, *, seed: int
) -> list[int]:
    """Rows, drawn at random, of pictures that no other equals in what is known and not blank."""
    parts = [image[known].tobytes() for image in images]
    seen: dict[bytes, int] = {}
    for part in parts:
        seen[part] = seen.get(part, 0) + 1
    order = np.random.default_rng([seed, *b"unambiguous"]).permutation(len(images)).tolist()
    alone = (row for row in order if seen[parts[row]] == 1)
    return list(islice(alone, count))


def rng_of(seed: int, name: str) -> np.random.Generator:
    """A generator of its own for each named use of a seed."""
    return np.random.default_rng([seed, *name.encode()])
