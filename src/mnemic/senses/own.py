"""A sense from any encoder: a function, or a network, from a part to numbers."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, UInt8
from PIL import Image
from torch import Tensor, nn

from mnemic.errors import ConfigError, CueError, ShapeError
from mnemic.media import ARRAY, read_picture, to_npy
from mnemic.media_sound import read_sound
from mnemic.protocols import Encoded
from mnemic.records import Sound
from mnemic.senses.directions import encoded_direction, unpacked_directions
from mnemic.senses.sound import audible
from mnemic.senses.text import normalised

Encoder = Callable[[Any], Any]

LOOKS = 32  # at an encoder's answer, to know it again
COARSE = 0.25  # of a standard deviation: what two machines round differently is far less
GREY = 128  # what an unknown pixel shows to an encoder that has no word for it


class Readable:
    """What is made of a part before an encoder sees it, and what is kept of it."""

    def __init__(self, part: Any, original: bytes | None, media_type: str | None) -> None:
        self.part = part
        self.original = original
        self.media_type = media_type


@dataclass(frozen=True, kw_only=True)
class FromCallable:
    """A sense whose features are what ``encoder`` makes of a part, scaled to length 1.

    The encoder gets a picture as height × width × 3 bytes, a text as a string, a sound as its
    samples, one channel at ``rate`` a second, a vector as it is; it returns ``dim`` numbers, as
    an array or a tensor. Parts are compared by the direction of their features.

    A memory knows its encoder by ``version``. Without one, it is known by what it answers to a
    ``probe`` (for a vector, give one), and a network by its weights besides.

    >>> vowels = FromCallable(
    ...     name="vowels",
    ...     modality="text",
    ...     dim=5,
    ...     encoder=lambda text: [text.count(vowel) for vowel in "aeiou"],
    ... )
    >>> vowels.encode("banana").features
    array([1., 0., 0., 0., 0.], dtype=float32)
    """

    name: str
    modality: str  # image, text, sound or vector
    encoder: Encoder | nn.Module
    dim: int
    version: str | None = None
    rate: int = 16_000
    probe: Any = None

    decodes = False

    def __post_init__(self) -> None:
        if self.modality not in ("image", "text", "sound", "vector"):
            raise ConfigError(
                f"a sense is of image, text, sound or vector, not of {self.modality!r}"
            )
        if self.dim < 1 or not self.name.isprintable() or not self.name:
            raise ConfigError(
                f"a sense has a name and at least one feature, got {self.name!r}, dim={self.dim}"
            )
        if self.modality == "vector" and self.version is None and self.probe is None:
            raise ConfigError(f"give the sense {self.name!r} a version=, or a probe= vector")

    @property
    def grid(self) -> tuple[int, int, int]:
        """The features in a row."""
        return self.dim, 1, 1

    @property
    def config(self) -> dict[str, Any]:
        """All that determines the features: the encoder's version, or what it was seen to do."""
        return {
            "code": "callable/1",
            "name": self.name,
            "modality": self.modality,
            "dim": self.dim,
            "rate": self.rate,
        } | self._known_by

    def encode(self, part: Any, known: Any = None) -> Encoded:
        """What the encoder makes of a part. Unknown pixels are shown to it as grey.

        Raises:
            MediaError, CueError: the part cannot be read, or there is nothing in it.
            ShapeError: the encoder did not return ``dim`` numbers, or ``known`` does not fit.
        """
        read = self._read(part, known)
        return encoded_direction(
            self.name,
            self._features(read.part),
            original=read.original,
            media_type=read.media_type,
        )

    def decode(
        self, features: Float[np.ndarray, " dim"], known: Bool[np.ndarray, " dim"] | None
    ) -> Float[np.ndarray, " dim"]:
        """The features as they are: the part itself is its original."""
        return features

    def unpack(self, codes: Sequence[bytes]) -> Float[np.ndarray, "batch dim"]:
        """Stored codes to features."""
        return unpacked_directions(codes, self.dim)

    def _read(self, part: Any, known: Any) -> Readable:
        if known is not None and self.modality != "image":
            raise CueError(f"the sense {self.name!r} takes no mask; leave out what is unknown")
        match self.modality:
            case "image":
                picture = read_picture(part)
                pixels = masked(in_colour(picture.pixels), picture.known)
                return Readable(masked(pixels, known), picture.original, picture.media_type)
            case "text":
                normalised(part)  # refuses what is empty
                return Readable(part, None, None)
            case "sound":
                recording = read_sound(part)
                heard = audible(recording.sound, self.rate)
                return Readable(heard, recording.original, recording.media_type)
            case _:
                vector = np.asarray(part)
                return Readable(vector, to_npy(vector), ARRAY)

    def _features(self, part: Any) -> Float[np.ndarray, " dim"]:
        with torch.no_grad():
            answer = self.encoder(part)
        if isinstance(answer, Tensor):
            answer = answer.detach().float().cpu().numpy()
        features = np.asarray(answer, np.float32)
        if features.size != self.dim or features.shape.count(1) < features.ndim - 1:
            raise ShapeError(
                f"the encoder of {self.name!r} returned {features.shape}, not {self.dim} numbers"
            )
        return features.reshape(self.dim)

    @cached_property
    def _known_by(self) -> dict[str, Any]:
        """Its version, or what it was seen to do, once."""
        if self.version is not None:
            return {"version": self.version}
        probe = probes()[self.modality] if self.probe is None else self.probe
        seen: dict[str, Any] = {
            "answer": answer_digest(self._features(self._read(probe, None).part))
        }
        if isinstance(self.encoder, nn.Module):
            seen["weights"] = weights_digest(self.encoder)
        return seen


def in_colour(
    pixels: UInt8[np.ndarray, "height width channels"],
) -> UInt8[np.ndarray, "height width 3"]:
    """A picture in red, green and blue, also where it is grey."""
    return pixels if pixels.shape[-1] == 3 else np.repeat(pixels, 3, axis=-1)


def masked(
    pixels: UInt8[np.ndarray, "height width 3"], known: Any
) -> UInt8[np.ndarray, "height width 3"]:
    """Grey where a picture is not known; the mask may be of another size."""
    if known is None:
        return pixels
    mask = np.asarray(known).astype(np.bool_)
    if mask.ndim != 2:
        raise ShapeError(f"known has shape {mask.shape}; it must be height × width")
    if not mask.any():
        raise CueError("no pixel of the picture is known; its mask is False everywhere")
    size = pixels.shape[1], pixels.shape[0]
    fitted = np.asarray(Image.fromarray(mask).resize(size, Image.Resampling.NEAREST))
    return np.where(fitted[..., None], pixels, np.uint8(GREY))


def probes() -> dict[str, Any]:
    """One part of each modality, always the same."""
    rows, columns = np.mgrid[0:96, 0:96]
    picture = np.stack([rows * 2, columns * 2, (rows * columns) % 256], axis=-1).astype(np.uint8)
    time = np.arange(16_000) / 16_000
    chirp = 0.3 * np.sin(2 * np.pi * (200 + 1_000 * time) * time) * np.sin(np.pi * time)
    return {
        "image": picture,
        "text": "Memory is the diary that we all carry about with us.",
        "sound": Sound(chirp.astype(np.float32), 16_000),
    }


def answer_digest(features: Float[np.ndarray, " dim"]) -> str:
    """A name for an answer, the same for answers that differ by rounding alone.

    Its length and its place along fixed random directions, coarsely.
    """
    length = float(np.linalg.norm(features))
    looks = np.random.default_rng(0).standard_normal((LOOKS, len(features)))
    places = looks @ (features / max(length, 1e-30))
    coarse = np.floor(np.append(places, np.log(max(length, 1e-30))) / COARSE).astype(np.int64)
    return hashlib.sha256(coarse.astype("<i8").tobytes()).hexdigest()[:16]


def weights_digest(module: nn.Module) -> str:
    """A name for exactly these weights."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:16]
