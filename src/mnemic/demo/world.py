"""What the demo remembers: a data set where it can be had, rendered scenes, or a folder."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from mnemic import datasets
from mnemic.errors import DataError, MediaError
from mnemic.media import read_picture

Picture = UInt8[np.ndarray, "..."]  # height × width, or × 3; they may differ in size


@dataclass(frozen=True, kw_only=True)
class World:
    """Pictures to store, pictures of the same kind to hold out, and pictures of another kind."""

    name: str
    create: dict[str, Any]  # the memory's settings
    stored: list[Picture]
    labels: list[str | None]
    held_out: list[Picture]
    held_out_labels: list[str | None]
    other_name: str
    others: list[Picture]
    left_out: tuple[str, ...]  # what this machine cannot show, in sentences

    @property
    def classes(self) -> list[str]:
        """The labels there are."""
        return sorted({label for label in self.labels if label is not None})


def default_world(count: int, held_out: int) -> World:
    """Fashion-MNIST; rendered scenes where it is missing."""
    try:
        stored, unseen = datasets.fashion_mnist("train"), datasets.fashion_mnist("test")
    except DataError as missing:
        return rendered_world(count, held_out, str(missing))
    others, left_out = _digits(held_out)
    return World(
        name="Fashion-MNIST",
        create={"resolution": 28, "channels": 1},
        stored=list(stored.images[:count]),
        labels=[stored.classes[label] for label in stored.labels[:count]],
        held_out=list(unseen.images[:held_out]),
        held_out_labels=[unseen.classes[label] for label in unseen.labels[:held_out]],
        other_name="handwritten digits (MNIST)",
        others=others,
        left_out=left_out,
    )


def rendered_world(count: int, held_out: int, why: str) -> World:
    """Rooms with one object each, in colour; symmetric solids for another kind of picture."""
    scenes = datasets.shapes3d(count=count + held_out, seed=0, resolution=28)
    shapes = [
        ("cube", "cylinder", "sphere", "capsule")[shape]
        for shape in scenes.factors[:, scenes.names.index("shape")]
    ]
    solids = datasets.symmetric_solids(held_out, seed=0, resolution=28)
    return World(
        name="rendered scenes",
        create={"resolution": 28, "channels": 3},
        stored=list(scenes.images[:count]),
        labels=list(shapes[:count]),
        held_out=list(scenes.images[count:]),
        held_out_labels=list(shapes[count:]),
        other_name="rendered solids",
        others=list(solids.images),
        left_out=(f"Fashion-MNIST: {why} Rendered scenes stand in for it.",),
    )


def folder_world(path: Path) -> World:
    """A person's own pictures: one in five is held out; subfolders are labels."""
    files = datasets.folder(path)
    readable: list[tuple[Picture, str | None]] = []
    left_out: list[str] = []
    for index, file in enumerate(files.paths):
        label = None if files.labels is None else files.classes[files.labels[index]]
        try:
            readable.append((_small(read_picture(file).pixels), label))
        except MediaError as error:
            left_out.append(f"{error}.")
    if len(readable) < 2:
        raise MediaError(f"{path} has {len(readable)} readable pictures; the demo needs at least 2")
    kept = [pair for index, pair in enumerate(readable) if index % 5 != 4]
    scenes = datasets.symmetric_solids(64, seed=0, resolution=64)
    return World(
        name=str(path),
        create={"resolution": 64, "channels": 3},
        stored=[pixels for pixels, _ in kept],
        labels=[label for _, label in kept],
        held_out=[pixels for pixels, _ in readable[4::5]],
        held_out_labels=[label for _, label in readable[4::5]],
        other_name="rendered solids",
        others=list(scenes.images),
        left_out=tuple(left_out),
    )


def _digits(count: int) -> tuple[list[Picture], tuple[str, ...]]:
    """MNIST digits; the small ones that come with scikit-learn where it is missing."""
    for split in ("all", "test"):  # the package on this machine before a download
        try:
            return list(datasets.mnist(split).images[:count]), ()
        except DataError as error:
            missing = str(error)
    return list(datasets.digits().images[:count]), (
        f"MNIST: {missing} The 8 × 8 digits of scikit-learn stand in for it.",
    )


def _small(pixels: UInt8[np.ndarray, "height width channels"]) -> Picture:
    """A large photo is thinned out, so that a folder of them fits in memory."""
    step = max(1, max(pixels.shape[:2]) // 512)
    small = pixels[::step, ::step]
    return small[..., 0] if small.shape[-1] == 1 else small
