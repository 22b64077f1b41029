"""Files, bytes and arrays become sounds, or are refused with the reason."""

import io
import os
import struct

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from mnemic import media_sound
from mnemic.errors import MediaError
from mnemic.media_sound import mono, read_sound, to_wav
from mnemic.records import Sound

RATE = 8000
TONE = (0.5 * np.sin(np.arange(RATE) * 2 * np.pi * 440 / RATE)).astype(np.float32)


def encoded(samples=TONE, rate=RATE, format="WAV", subtype=None):
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, rate, format=format, subtype=subtype)
    return buffer.getvalue()


def promising(seconds):
    """A FLAC whose header promises so many seconds, and whose first frame is missing."""
    data = bytearray(encoded(format="FLAC")[:42])
    total = round(seconds * RATE)
    data[21] = (data[21] & 0xF0) | (total >> 32)
    data[22:26] = struct.pack(">I", total & 0xFFFFFFFF)
    return bytes(data)


@pytest.mark.parametrize(
    ("format", "subtype", "media_type", "off"),
    [
        ("WAV", "PCM_16", "audio/wav", 1e-4),
        ("WAV", "FLOAT", "audio/wav", 0),
        ("FLAC", "PCM_24", "audio/flac", 1e-6),
        ("OGG", "VORBIS", "audio/ogg", 0.05),
    ],
)
def test_each_format_is_read_and_kept_as_it_is(tmp_path, format, subtype, media_type, off):
    path = tmp_path / "tone"
    path.write_bytes(encoded(format=format, subtype=subtype))
    for given_as in (path, str(path), path.read_bytes()):
        recording = read_sound(given_as)
        assert np.abs(recording.sound.samples - TONE).max() <= off
        assert recording.sound.rate == RATE
        assert (recording.original, recording.media_type) == (path.read_bytes(), media_type)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_an_array_is_kept_as_a_wav_without_loss(dtype):
    kind = np.dtype(dtype).kind
    scale = {"u": 127, "f": 1}.get(kind) or np.iinfo(dtype).max
    samples = (TONE * scale + (128 if dtype == np.uint8 else 0)).astype(dtype)
    recording = read_sound((samples, RATE))
    assert np.abs(recording.sound.samples - TONE).max() < 0.02
    again = read_sound(recording.original)
    assert np.allclose(again.sound.samples, recording.sound.samples, atol=1e-7)
    assert again.sound.rate == RATE


def test_a_sound_that_was_read_can_be_given_again():
    sound = read_sound(encoded()).sound
    assert np.array_equal(read_sound(sound).sound.samples, sound.samples)


def test_channels_are_mixed_and_rates_changed():
    left, right = TONE, -TONE
    assert np.abs(mono(Sound(np.stack([left, right], 1), RATE), RATE)).max() < 1e-6
    twice = mono(Sound(TONE, RATE), 2 * RATE)
    assert len(twice) == 2 * RATE
    middle = slice(1000, -1000)  # the ends ring
    same = 0.5 * np.sin(np.arange(2 * RATE) * 2 * np.pi * 440 / (2 * RATE))
    assert np.abs(twice - same)[middle].max() < 1e-3


def test_an_odd_rate_is_changed_without_a_filter_of_millions():
    odd = np.zeros(44_101, np.float32)
    assert len(mono(Sound(odd, 44_101), 16_000)) == pytest.approx(16_000, rel=0.002)


@pytest.mark.parametrize("given_as", ["file", "bytes", "array", "header"])
def test_two_hours_are_refused_before_they_are_decoded(tmp_path, given_as, monkeypatch):
    monkeypatch.setattr(soundfile.SoundFile, "read", None)  # so that decoding would fail otherwise
    samples = np.zeros(7200 * 1000, np.int16)
    wav = to_wav(Sound(samples, 1000))
    long = tmp_path / "long.wav"
    with long.open("wb") as file:  # 1.3 GB by its header, holes on the disk
        file.write(to_wav(Sound(np.zeros(0, np.int16), 96_000)))
        file.seek(4)
        size = 7200 * 96_000 * 2
        file.write(struct.pack("<I", size + 36))
        file.seek(40)
        file.write(struct.pack("<I", size))
        file.truncate(size + 44)
    source = {
        "file": long,
        "bytes": wav,
        "array": (samples, 1000),
        "header": promising(7200),
    }[given_as]
    with pytest.raises(MediaError, match="lasts 7200 seconds; sounds may last 60"):
        read_sound(source)


@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG"])
def test_a_sound_cut_short_is_refused_or_what_is_there_is_read(format):
    data = encoded(format=format)
    for end in range(0, len(data) - 20, max(1, len(data) // 40)):
        try:
            recording = read_sound(data[:end])
        except MediaError:
            continue
        assert format == "OGG"  # which does not say how long it is
        assert 0 < len(recording.sound.samples) <= RATE


def test_a_header_that_promises_more_than_there_is_is_refused():
    with pytest.raises(MediaError, match=r"cut short|can be read"):
        read_sound(promising(30))
    with pytest.raises(MediaError, match="cut short: 1000 of 16044 bytes"):
        read_sound(to_wav(Sound((TONE * 9999).astype(np.int16), RATE))[:1000])


@given(seed=st.integers(0, 2**32 - 1), format=st.sampled_from(["WAV", "FLAC", "OGG"]))
def test_damage_is_refused_or_decoded_but_never_surprises(seed, format):
    rng = np.random.default_rng(seed)
    data = bytearray(encoded(TONE[:800], format=format))
    for place in rng.integers(len(data), size=rng.choice([1, 3, 20])):
        data[place] = rng.integers(256)
    try:
        recording = read_sound(bytes(data))
    except MediaError:
        return
    assert np.isfinite(recording.sound.samples).all()
    assert len(recording.sound.samples) <= 60 * recording.sound.rate


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        (b"", "is not a WAV, FLAC or OGG"),
        (b"ID3 and then something", "is not a WAV, FLAC or OGG"),
        (encoded(format="AIFF"), "AIFF.*; sounds are WAV, FLAC or OGG"),
        (to_wav(Sound(np.zeros(0, np.int16), RATE)), "holds no samples"),
        (encoded(np.array([0, np.nan], np.float32), subtype="FLOAT"), "NaN, infinite"),
        ((np.array([0, np.inf]), RATE), "NaN, infinite"),
        ((np.array([1e38, 1e38]), RATE), "far out of"),
        ((np.zeros((2, 3, 4)), RATE), "time × at most"),
        ((np.zeros(0), RATE), "time × at most"),
        ((np.zeros(9, np.int64), RATE), "not int64"),
        ((TONE, 0), "a rate is"),
        ((TONE, 10**9), "a rate is"),
        ((TONE,), r"\(samples, rate\)"),
        (TONE, "got ndarray"),
    ],
    ids=lambda value: value if isinstance(value, str) else "source",  # a file tells the time
)
def test_what_is_no_sound_is_refused_with_the_reason(source, complaint):
    with pytest.raises(MediaError, match=complaint):
        read_sound(source)


def test_a_path_without_a_sound_is_refused_by_name(tmp_path):
    (tmp_path / "note.txt").write_text("not a sound")
    os.mkfifo(tmp_path / "pipe")
    for name, complaint in {
        "missing.wav": "No such file",
        "pipe": "not a file",
        "note.txt": "is not a WAV",
    }.items():
        with pytest.raises(MediaError, match=complaint) as refused:
            read_sound(tmp_path / name)
        assert str(tmp_path / name) in str(refused.value)


def test_a_file_that_is_too_large_is_refused_unread(tmp_path):
    with (tmp_path / "large.wav").open("wb") as file:
        file.truncate(media_sound.MOST_BYTES + 1)
    with pytest.raises(MediaError, match="sounds may have 64"):
        read_sound(tmp_path / "large.wav")
