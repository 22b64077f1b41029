"""Spoken words, said by two synthesisers on this machine: espeak-ng and flite."""

import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal, NamedTuple

import numpy as np
import soundfile
from jaxtyping import Float

from mnemic.errors import ConfigError, DataError

Synthesiser = Literal["espeak-ng", "flite"]

WORDS_A_MINUTE = 175  # of espeak-ng at tempo 1
TEMPI = (0.5, 2.5)
LONGEST = 200  # characters of what is to be said
SECONDS = 30  # a synthesiser may take

FLITE_VOICES = ("kal", "awb", "rms", "slt")
_ACCENTS = ("en-us", "en-gb", "en-gb-scotland", "en-gb-x-rp", "en-029")
_SPEAKERS = ("", "+f2", "+m3", "+f4", "+m7", "+f1", "+m1", "+f3", "+m4", "+f5", "+m2", "+m5")
ESPEAK_VOICES = tuple(
    _ACCENTS[index % len(_ACCENTS)] + _SPEAKERS[index % len(_SPEAKERS)]
    for index in range(len(_ACCENTS) * len(_SPEAKERS))
)
"""Sixty: every accent with every speaker; the first five differ in both."""


class Spoken(NamedTuple):
    """What was said, and how."""

    samples: Float[np.ndarray, " time"]  # in -1..1, one channel
    rate: int  # samples a second
    text: str
    voice: str


def spoken(
    text: str,
    *,
    synthesiser: Synthesiser = "espeak-ng",
    voice: str | None = None,
    tempo: float = 1.0,
    noise: float = 0.0,
    rng: np.random.Generator | None = None,
) -> Spoken:
    """Say a word or a few, in the first voice unless another is named.

    ``tempo`` 1.3 says it in 1 / 1.3 of the time, at the same pitch. ``noise`` adds white noise of
    that share of the signal's standard deviation, drawn from ``rng``.

    Raises:
        DataError: the synthesiser is not on this machine.
        ConfigError: nothing to say, or a voice, tempo or noise that there is not.
    """
    if not text.strip() or len(text) > LONGEST or "\0" in text:
        raise ConfigError(f"give 1 to {LONGEST} characters to say, got {len(text)}")
    if not TEMPI[0] <= tempo <= TEMPI[1] or not 0 <= noise < np.inf:
        raise ConfigError(
            f"a tempo is {TEMPI[0]} to {TEMPI[1]} and noise 0 or more, got {tempo}, {noise}"
        )
    if noise and rng is None:
        raise ConfigError("noise is drawn from rng=; give a numpy Generator")
    samples, rate, voice = _said(text, synthesiser, voice, tempo)
    if rng is not None and noise:
        samples = samples + noise * samples.std() * rng.standard_normal(len(samples))
    return Spoken(samples.astype(np.float32), rate, text, voice)


def _said(
    text: str, synthesiser: Synthesiser, voice: str | None, tempo: float
) -> tuple[Float[np.ndarray, " time"], int, str]:
    """Samples, their rate, and the voice."""
    if synthesiser == "espeak-ng":
        voice = voice or ESPEAK_VOICES[0]
        speed = str(round(WORDS_A_MINUTE * tempo))
        options = ["-v", voice, "-s", speed]
    elif synthesiser == "flite":
        voice = voice or FLITE_VOICES[0]
        if voice not in FLITE_VOICES:  # it would take another without a word
            raise ConfigError(f"flite has the voices {', '.join(FLITE_VOICES)}; got {voice!r}")
        stretch = f"duration_stretch={1 / tempo}"
        options = ["-voice", voice, "--setf", stretch]
    else:
        raise ConfigError(f"synthesiser is 'espeak-ng' or 'flite', got {synthesiser!r}")
    program = shutil.which(synthesiser)
    if program is None:
        raise DataError(
            f"speech: there is no program {synthesiser} on this machine; on Debian: "
            f"`apt install {synthesiser}`"
        )
    with TemporaryDirectory() as folder:
        words, wav = Path(folder) / "words.txt", Path(folder) / "spoken.wav"
        words.write_text(text)
        files = ["-f", str(words), "-w" if synthesiser == "espeak-ng" else "-o", str(wav)]
        done = subprocess.run(
            [program, *options, *files], capture_output=True, timeout=SECONDS, check=False
        )
        if done.returncode or not wav.exists():
            complaint = done.stderr.decode(errors="replace").strip()
            raise ConfigError(f"{synthesiser} cannot say {text!r} as {voice!r}: {complaint}")
        samples, rate = soundfile.read(wav, dtype="float64")
    return samples, rate, voice
