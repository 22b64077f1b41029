"""The innate sense of text: runs of letters, hashed into a fixed number of features."""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, UInt64

from mnemic.errors import ConfigError, CueError
from mnemic.protocols import Encoded
from mnemic.senses.directions import encoded_direction, unpacked_directions

LONGEST = 4  # of the runs
CHUNK = 1 << 20  # letters hashed at a time
FACTORS = (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB)  # odd, and well mixed


@dataclass(frozen=True)
class Letters:
    """Texts as counts of their runs of one to four letters, hashed into ``dim`` features.

    Case, the ways of writing one letter and runs of blanks make no difference: Unicode's NFKC,
    folded. Features are signed square roots of the counts, scaled to length 1. Any length; the
    same text has the same features everywhere. The text itself is kept by the engram.
    """

    dim: int = 1024

    name = "letters"
    modality = "text"
    decodes = False

    def __post_init__(self) -> None:
        if self.dim < 1:
            raise ConfigError(f"letters need at least one feature, got dim={self.dim}")

    @property
    def grid(self) -> tuple[int, int, int]:
        """The features in a row."""
        return self.dim, 1, 1

    @property
    def config(self) -> dict[str, Any]:
        """All that determines the features."""
        return {"code": "letters/1", "dim": self.dim}

    def encode(self, part: Any, known: Any = None) -> Encoded:
        """Count what runs of letters a text has.

        Raises:
            CueError: it is empty, or no text, or ``known`` was given.
        """
        if known is not None:
            raise CueError("a text has no mask; leave out what is unknown of it")
        counts = np.zeros(self.dim)
        for hashes in _hashed(normalised(part)):
            signs = np.where(hashes >> np.uint64(63), 1.0, -1.0)
            places = (hashes % np.uint64(self.dim)).astype(np.int64)
            counts += np.bincount(places, signs, minlength=self.dim)
        return encoded_direction(self.name, np.sign(counts) * np.sqrt(np.abs(counts)))

    def decode(
        self, features: Float[np.ndarray, " dim"], known: Bool[np.ndarray, " dim"] | None
    ) -> Float[np.ndarray, " dim"]:
        """The features as they are: of runs of letters no text can be read."""
        return features

    def unpack(self, codes: Sequence[bytes]) -> Float[np.ndarray, "batch dim"]:
        """Stored codes to features."""
        return unpacked_directions(codes, self.dim)


def normalised(text: Any) -> str:
    """One way of writing what reads alike.

    >>> normalised("  Stra\\u00dfe\\n in LEIDEN ")
    'strasse in leiden'

    Raises:
        CueError: it is not a text, or an empty one.
    """
    if not isinstance(text, str):
        raise CueError(f"a text is a string, got {type(text).__name__}")
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    if not plain:
        raise CueError("the text is empty; there is nothing in it to recall from")
    return plain


def _hashed(text: str) -> Iterator[UInt64[np.ndarray, " runs"]]:
    """The hashes of all runs; whole arrays at a time, so that megabytes take a second."""
    letters = np.frombuffer(f" {text} ".encode("utf-32-le", "surrogatepass"), "<u4")
    for start in range(0, len(letters), CHUNK):
        some = letters[start : start + CHUNK + LONGEST - 1].astype(np.uint64)
        hashes = np.zeros(min(CHUNK, len(letters) - start), np.uint64)
        for place in range(LONGEST):  # each run is the one before it and a letter more
            hashes = hashes[: len(some) - place]
            hashes = _mixed(hashes ^ some[place : place + len(hashes)])
            yield hashes


def _mixed(numbers: UInt64[np.ndarray, " runs"]) -> UInt64[np.ndarray, " runs"]:
    """Numbers spread over all 64 bits (splitmix64, Steele et al. 2014)."""
    numbers = numbers + np.uint64(FACTORS[0])  # wraps around
    for factor, shift in zip(FACTORS[1:], (30, 27), strict=True):
        numbers = (numbers ^ (numbers >> np.uint64(shift))) * np.uint64(factor)
    return numbers ^ (numbers >> np.uint64(31))
