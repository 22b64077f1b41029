"""Ways to spoil a picture: tear it, blot it, shift it, dim it, lay noise over it."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, UInt8

Pixels = UInt8[np.ndarray, "height width *channels"]


class Cue(NamedTuple):
    """A spoiled picture and, where one can tell, which of it to believe."""

    pixels: Pixels
    known: Bool[np.ndarray, "height width"] | None


class Spoiling(NamedTuple):
    """One way to spoil a picture."""

    name: str
    spoil: Callable[[Pixels, np.random.Generator], Cue]


def _torn(pixels: Pixels, known: Bool[np.ndarray, "height width"]) -> Cue:
    shown = known if pixels.ndim == 2 else known[..., None]
    return Cue(np.where(shown, pixels, 0).astype(np.uint8), known)


def _left_half_missing(pixels: Pixels, rng: np.random.Generator) -> Cue:
    known = np.ones(pixels.shape[:2], np.bool_)
    known[:, : pixels.shape[1] // 2] = False
    return _torn(pixels, known)


def _lower_half_missing(pixels: Pixels, rng: np.random.Generator) -> Cue:
    known = np.ones(pixels.shape[:2], np.bool_)
    known[pixels.shape[0] // 2 :] = False
    return _torn(pixels, known)


def _block_missing(pixels: Pixels, rng: np.random.Generator) -> Cue:
    """A block of 18/28 of each side, anywhere."""
    height, width = pixels.shape[:2]
    tall, wide = round(height * 18 / 28), round(width * 18 / 28)
    top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
    known = np.ones((height, width), np.bool_)
    known[top : top + tall, left : left + wide] = False
    return _torn(pixels, known)


def _most_missing(pixels: Pixels, rng: np.random.Generator) -> Cue:
    known = rng.random(pixels.shape[:2]) >= 0.9
    known.flat[rng.integers(known.size)] = True  # a small picture must show something
    return _torn(pixels, known)


def _shifted(pixels: Pixels, rng: np.random.Generator) -> Cue:
    moved = np.zeros_like(pixels)
    moved[:, 1:] = pixels[:, :-1]
    return Cue(moved, None)


def _dimmed(pixels: Pixels, rng: np.random.Generator) -> Cue:
    return Cue(np.rint(pixels * 0.8).astype(np.uint8), None)


def noisy(deviation: float) -> Callable[[Pixels, np.random.Generator], Cue]:
    """Gaussian noise of this standard deviation, in units of the range from black to white."""

    def spoil(pixels: Pixels, rng: np.random.Generator) -> Cue:
        noise = rng.normal(0, 255 * deviation, pixels.shape)
        return Cue(np.rint((pixels + noise).clip(0, 255)).astype(np.uint8), None)

    return spoil


LOWER_HALF = Spoiling("lower half missing", _lower_half_missing)

SPOILINGS = (
    Spoiling("left half missing", _left_half_missing),
    LOWER_HALF,
    Spoiling("a block missing", _block_missing),
    Spoiling("90 % missing", _most_missing),
    Spoiling("noise, sd .1", noisy(0.1)),
    Spoiling("noise, sd .4", noisy(0.4)),
    Spoiling("shifted by one pixel", _shifted),
    Spoiling("brightness × .8", _dimmed),
)
