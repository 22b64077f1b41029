"""Bytes, files and arrays to sounds, with limits checked before anything is decoded."""

import io
import math
import warnings
from pathlib import Path
from stat import S_ISREG
from typing import Any, NamedTuple, cast

import numpy as np
import soundfile
from jaxtyping import Float, Shaped
from scipy.io import wavfile
from scipy.signal import resample_poly

from mnemic.errors import MediaError
from mnemic.media import read_file
from mnemic.records import Sound

SOUND_FORMATS = {
    "WAV": "audio/wav",
    "WAVEX": "audio/wav",
    "FLAC": "audio/flac",
    "OGG": "audio/ogg",
}
SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus")
MOST_SECONDS = 60
MOST_BYTES = 64 * 2**20
MOST_CHANNELS = 64
RATES = (1_000, 384_000)
STREAMED = (0, 0xFFFFFFFF)  # what a WAV that was written to a pipe says of its length
WAV_DEPTHS = ("u1", "i2", "i4", "f4", "f8")  # what a WAV holds without loss


class Recording(NamedTuple):
    """A decoded sound, and what it was decoded from."""

    sound: Sound
    original: bytes  # as given; arrays as WAV
    media_type: str


def read_sound(source: Any) -> Recording:
    """Read a sound from a path, encoded bytes, or an array of samples with its rate.

    Files may be WAV, FLAC or OGG, of at most 60 seconds and 64 MiB; a longer one is refused by
    what its header says, before it is decoded. An array is time, or time × channels: integers of 8
    (unsigned), 16 or 32 bits, or floats in -1..1; its rate is in samples a second.

    Raises:
        MediaError: none of these, too long, empty, damaged, cut short, or holding NaN.
    """
    if isinstance(source, tuple):
        return _from_array(source)
    if isinstance(source, bytes):
        return _from_bytes(source, f"{len(source)} bytes")
    if isinstance(source, (str, Path)):
        path = Path(source)
        _refuse_long_file(path)
        return _from_bytes(read_file(path, MOST_BYTES, "sounds"), str(path))
    raise MediaError(
        "a sound is a path, encoded bytes, or (samples, rate) with an array of samples; got"
        f" {type(source).__name__}"
    )


def mono(sound: Sound, rate: int) -> Float[np.ndarray, " time"]:
    """Its channels mixed into one, at ``rate`` samples a second, in single precision."""
    samples = sound.samples if sound.samples.ndim == 1 else sound.samples.mean(axis=1)
    if sound.rate != rate:
        common = math.gcd(sound.rate, rate)
        # the filter of resample_poly grows with the rates; odd ones are near enough to even ones
        up, down = rate // common, sound.rate // common
        if max(up, down) > 2_000:
            up, down = 1_000, round(1_000 * sound.rate / rate)
        samples = resample_poly(samples, up, down)
    return samples.astype(np.float32)


def to_wav(sound: Sound) -> bytes:
    """A WAV file of these samples, without loss."""
    buffer = io.BytesIO()
    wavfile.write(buffer, sound.rate, sound.samples)
    return buffer.getvalue()


def _from_array(source: tuple[Any, ...]) -> Recording:
    if len(source) != 2 or not isinstance(source[0], np.ndarray):
        raise MediaError("a sound in memory is (samples, rate), with an array of samples")
    samples, rate = source
    if samples.ndim not in (1, 2) or 0 in samples.shape or samples.shape[1:] > (MOST_CHANNELS,):
        raise MediaError(
            f"samples are time, or time × at most {MOST_CHANNELS} channels; got {samples.shape}"
        )
    if rate != int(rate) or not RATES[0] <= rate <= RATES[1]:
        raise MediaError(f"a rate is {RATES[0]} to {RATES[1]} samples a second, got {rate!r}")
    _refuse_long(len(samples) / rate, "the array")
    if samples.dtype == np.float16:
        samples = samples.astype(np.float32)
    if samples.dtype.str[1:] not in WAV_DEPTHS:
        raise MediaError(
            "samples are floats in -1..1, or integers of 8 (unsigned), 16 or 32 bits, not"
            f" {samples.dtype}; convert them"
        )
    original = to_wav(Sound(samples, int(rate)))
    return Recording(Sound(_levels(samples), int(rate)), original, "audio/wav")


def _levels(samples: Shaped[np.ndarray, "..."]) -> Float[np.ndarray, "..."]:
    if samples.dtype.kind == "f":
        _refuse_strange(samples, "the array")
        return samples.astype(np.float32)
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128) / 128
    return (samples / -float(np.iinfo(samples.dtype).min)).astype(np.float32)


def _from_bytes(data: bytes, name: str) -> Recording:
    _refuse_torn_wav(data, name)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            media_type = _checked(file, name)
            promised = min(file.frames, MOST_SECONDS * file.samplerate + 1)
            samples = file.read(promised, dtype="float32")
            rate = file.samplerate
    except soundfile.SoundFileError as error:
        raise MediaError(f"{name} is not a WAV, FLAC or OGG sound that can be read") from error
    if not len(samples):
        raise MediaError(f"{name} holds no samples")
    _refuse_long(len(samples) / rate, name)
    # a FLAC that was written to a pipe promises nothing
    if len(samples) < promised <= MOST_SECONDS * rate:
        raise MediaError(
            f"{name} is cut short: {len(samples) / rate:.2f} of {promised / rate:.2f} seconds"
        )
    _refuse_strange(samples, name)
    return Recording(Sound(samples, rate), data, media_type)


def _checked(file: soundfile.SoundFile, name: str) -> str:
    """The media type of an opened file, where it is one that is read."""
    if file.format not in SOUND_FORMATS:
        raise MediaError(f"{name} is {file.format_info}; sounds are WAV, FLAC or OGG")
    if file.channels > MOST_CHANNELS or not RATES[0] <= file.samplerate <= RATES[1]:
        raise MediaError(
            f"{name} has {file.channels} channels of {file.samplerate} samples a second; sounds"
            f" may have {MOST_CHANNELS} of {RATES[0]} to {RATES[1]}"
        )
    if file.frames < 2**62:  # more stands for: not known
        _refuse_long(file.frames / file.samplerate, name)
    return SOUND_FORMATS[file.format]


def _refuse_long_file(path: Path) -> None:
    """Of a file that is too large to be read whole, its header is."""
    try:
        found = path.stat()
        if not S_ISREG(found.st_mode) or found.st_size <= MOST_BYTES:
            return
        with soundfile.SoundFile(path) as file:
            _checked(file, str(path))
    except MediaError:
        raise
    except (OSError, ValueError, soundfile.SoundFileError):
        return  # ``read_file`` says what is wrong with it


def _refuse_long(seconds: float, name: str) -> None:
    if seconds > MOST_SECONDS:
        raise MediaError(
            f"{name} lasts {seconds:.0f} seconds; sounds may last {MOST_SECONDS}. Cut it into"
            " pieces, and remember each with its own time"
        )


def _refuse_torn_wav(data: bytes, name: str) -> None:
    """MediaError where a WAV is shorter than it says; a decoder would read on in silence."""
    said = int.from_bytes(data[4:8], "little")
    if data[:4] == b"RIFF" and said not in STREAMED and said + 8 > len(data) + 1:  # a pad byte
        raise MediaError(f"{name} is cut short: {len(data)} of {said + 8} bytes")


def _refuse_strange(samples: Float[np.ndarray, "..."], name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        # squared, a finite sample must be finite still
        strange = not math.isfinite(cast(float, np.square(samples, dtype=np.float32).sum()))
    if strange:
        raise MediaError(f"{name} holds samples that are NaN, infinite or far out of -1..1")
