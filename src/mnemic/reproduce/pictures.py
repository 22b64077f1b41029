"""The pictures the results are about: what the papers used, or what stands in for it."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Int, UInt8
from torch import Tensor

from mnemic import datasets
from mnemic.datasets.loaders import CLOTHES, DIGITS, HIRAGANA
from mnemic.datasets.room import SHAPES
from mnemic.datasets.solids import SOLIDS
from mnemic.errors import DataError
from mnemic.neocortex.student import Grid
from mnemic.reproduce.registry import ScaleName

Name = Literal["fashion", "mnist", "kmnist", "shapes3d", "shapes3d, grey", "solids"]
TITLES: dict[Name, str] = {
    "fashion": "Fashion-MNIST",
    "mnist": "MNIST",
    "kmnist": "KMNIST",
    "shapes3d": "rendered scenes",
    "shapes3d, grey": "grey rendered scenes",
    "solids": "rendered solids",
}
CLASSES: dict[Name, tuple[str, ...]] = {
    "fashion": CLOTHES,
    "mnist": DIGITS,
    "kmnist": HIRAGANA,
    "shapes3d": SHAPES,
    "shapes3d, grey": SHAPES,
    "solids": SOLIDS,
}
_SCENES = (
    "The original 3D Shapes images cannot be had here: the scenes are rendered anew from the same "
    "six factors, by a camera, light and floor of our own. Their numbers are not the originals'."
)
_STAND_INS: dict[Name, str] = {
    "shapes3d": _SCENES,
    "shapes3d, grey": _SCENES,
    "solids": "The original pictures of symmetric solids cannot be had here: the same eight solids "
    "are rendered anew, each turned at random. Their numbers are not the originals'.",
}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A student taught what a teacher stored, and measured on pictures it never did."""

    dataset: Name
    stored: int
    unseen: int
    epochs: int


def sizes(name: Name, scale: ScaleName) -> dict[str, Any]:
    """How large an experiment is: the same for every result, so that they share its student."""
    if scale == "toy":
        return {"dataset": name, "stored": 32, "unseen": 48, "epochs": 1}
    stored = {"fashion": 10_000, "shapes3d": 10_000, "mnist": 5000}.get(name, 2000)
    return {
        "dataset": name,
        "stored": 10_000 if scale == "paper" else stored,
        "unseen": 1500,
        "epochs": 50 if scale == "paper" else 10,
    }


class Drawn(NamedTuple):
    """Pictures in an order of the seed, and what is to be told about each."""

    images: UInt8[np.ndarray, "count height width *channels"]
    labels: Int[np.ndarray, " count"]
    factors: Int[np.ndarray, "count factors"]
    names: tuple[str, ...]  # of the factors; the first is what a label names


def draw(name: Name, count: int, seed: int) -> Drawn:
    """``count`` pictures of a data set, others for another seed.

    Scenes are labelled by their shape, as in the paper; digits and clothes by their class.

    Raises:
        DataError: the data set, or so much of it, is not on this machine.
    """
    if name in ("shapes3d", "shapes3d, grey"):
        scenes = datasets.shapes3d(count, seed=seed)
        images = scenes.images
        if name == "shapes3d, grey":
            images = np.round(images @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
        return Drawn(images, scenes.factors[:, SHAPE], scenes.factors, tuple(scenes.names))
    if name == "solids":
        solids = datasets.symmetric_solids(count, seed=seed)
        return Drawn(solids.images, solids.labels, solids.labels[:, None], ("solid",))
    load = {"fashion": datasets.fashion_mnist, "mnist": _digits, "kmnist": datasets.kmnist}
    pictures = load[name]()
    if len(pictures.images) < count:
        raise DataError(
            f"{count} pictures of {TITLES[name]} were asked for, {len(pictures.images)} are on this"
            " machine; ask for fewer, or give the whole data set to its loader with root="
        )
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(pictures.images))[:count]
    labels = pictures.labels[chosen].astype(np.int64)
    return Drawn(pictures.images[chosen], labels, labels[:, None], ("class",))


def _digits() -> datasets.Pictures:
    try:
        return datasets.mnist()
    except DataError:
        return datasets.mnist(split="all")  # the 10,000 that a package carries


def stored_and_unseen(config: Experiment, seed: int) -> dict[str, np.ndarray]:
    """Pictures to store and, after them, pictures never stored; their labels."""
    drawn = draw(config.dataset, config.stored + config.unseen, seed)
    return {"images": drawn.images, "labels": drawn.labels}


SHAPE = 4  # among the factors of a scene: floor, wall, object hue, scale, shape, orientation


def features(images: UInt8[np.ndarray, "count *picture"]) -> Float[Tensor, "count dim"]:
    """Pictures as flat features in 0..1, channels last."""
    return torch.from_numpy(images.reshape(len(images), -1)).float() / 255


def grid_of(images: UInt8[np.ndarray, "count *picture"]) -> Grid:
    """Height, width, channels."""
    height, width, *channels = images.shape[1:]
    return height, width, channels[0] if channels else 1


def stand_in(name: Name) -> str:
    """What the pictures are instead of the original; nothing where they are the original."""
    return _STAND_INS.get(name, "")
