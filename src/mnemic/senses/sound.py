"""The innate sense of sound: the course of its spectrum, whatever its loudness and its tempo."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Bool, Float

from mnemic.errors import ConfigError, CueError
from mnemic.media_sound import mono, read_sound
from mnemic.protocols import Encoded
from mnemic.records import Sound
from mnemic.senses.directions import encoded_direction, unpacked_directions
from mnemic.senses.hearing import (
    RATE,
    cepstra,
    in_steps,
    log_mel,
    mel_bands,
    without_noise,
    without_pauses,
)

BANDS = 40
SILENT = 1e-4  # the greatest sample of what counts as silence: -80 dB


@dataclass(frozen=True)
class LogMel:
    """Sounds as ``steps`` × ``order`` cepstra of their log-mel spectrum.

    Channels are mixed, noise and pauses left out, loudness and the mean spectrum taken away, and
    the rest is told in a fixed number of steps: a word has nearly the same features at any tempo
    and level. They compare sounds as wholes; a cue that is half of a sound is another sound.
    """

    steps: int = 24
    order: int = 13

    name = "log-mel"
    modality = "sound"
    decodes = False

    def __post_init__(self) -> None:
        if self.steps < 1 or not 2 <= self.order <= BANDS:
            raise ConfigError(f"there are 1 or more steps and 2 to {BANDS} cepstra, got {self}")

    @property
    def grid(self) -> tuple[int, int, int]:
        """The features in a row."""
        return self.steps * self.order, 1, 1

    @property
    def config(self) -> dict[str, Any]:
        """All that determines the features."""
        return {"code": "log-mel/1", "steps": self.steps, "order": self.order}

    def encode(self, part: Any, known: Any = None) -> Encoded:
        """Hear a sound.

        Raises:
            MediaError: it cannot be read.
            CueError: it is silent, or ``known`` was given.
        """
        if known is not None:
            raise CueError("a sound has no mask; cut out what is unknown of it")
        recording = read_sound(part)
        clean = without_pauses(without_noise(audible(recording.sound, RATE)))
        course = cepstra(log_mel(clean, self._bands), self.order)
        return encoded_direction(
            self.name,
            in_steps(course, self.steps).reshape(-1),
            original=recording.original,
            media_type=recording.media_type,
        )

    def decode(
        self, features: Float[np.ndarray, " dim"], known: Bool[np.ndarray, " dim"] | None
    ) -> Float[np.ndarray, " dim"]:
        """The features as they are: the sound itself is its original."""
        return features

    def unpack(self, codes: Sequence[bytes]) -> Float[np.ndarray, "batch dim"]:
        """Stored codes to features."""
        return unpacked_directions(codes, self.steps * self.order)

    @cached_property
    def _bands(self) -> Float[np.ndarray, "bands bins"]:
        return mel_bands(BANDS)


def audible(sound: Sound, rate: int) -> Float[np.ndarray, " time"]:
    """One channel at ``rate``, its mean taken away.

    Raises:
        CueError: there is nothing to be heard.
    """
    samples = mono(sound, rate)
    samples = samples - samples.mean()
    loudest = float(np.abs(samples).max(initial=0.0))
    if loudest < SILENT:
        raise CueError("the sound is silent; there is nothing in it to recall from")
    return samples
