"""The innate sense of sound: the same word, however loud, quick or noisy."""

import numpy as np
import pytest

from mnemic.datasets import spoken
from mnemic.errors import ConfigError, CueError, MediaError
from mnemic.media_sound import to_wav
from mnemic.records import Sound
from mnemic.senses import LogMel
from mnemic.senses.hearing import RATE, log_mel, mel_bands, without_noise, without_pauses

SENSE = LogMel()
WORDS = ("one", "four", "seven")


def features(sound):
    return SENSE.encode(sound).features


def heard(text, **options):
    return features(spoken(text, **options)[:2])


@pytest.fixture(scope="module")
def words():
    return {word: spoken(word)[:2] for word in WORDS}


def test_features_are_of_length_one_and_come_back_from_their_code(words):
    encoded = SENSE.encode(words["one"])
    assert encoded.features.shape == (24 * 13,)
    assert np.linalg.norm(encoded.features) == pytest.approx(1, abs=2e-3)
    assert np.array_equal(SENSE.unpack([encoded.point.code])[0], encoded.features)
    assert encoded.point.media_type == "audio/wav"


@pytest.mark.parametrize(
    "changed",
    [
        lambda samples, rate: (samples * 0.05, rate),
        lambda samples, rate: (samples + 0.1, rate),
        lambda samples, rate: (np.pad(samples, 15_000), rate),
        lambda samples, rate: (np.stack([samples, samples], 1), rate),
        lambda samples, rate: to_wav(Sound(samples, rate)),
    ],
    ids=["quieter", "an offset", "pauses around it", "two channels", "a file"],
)
def test_what_is_not_the_word_makes_hardly_a_difference(words, changed):
    for samples, rate in words.values():
        assert features((samples, rate)) @ features(changed(samples, rate)) > 0.8


def test_the_same_word_is_nearer_than_another_at_any_tempo_and_in_noise():
    rng = np.random.default_rng(0)
    known = np.stack([heard(word) for word in WORDS])
    for options in ({"tempo": 1.3}, {"tempo": 0.8}, {"noise": 0.3, "rng": rng}):
        cues = np.stack([heard(word, **options) for word in WORDS])
        assert ((cues @ known.T).argmax(axis=1) == np.arange(len(WORDS))).all(), options


def test_noise_is_taken_away_and_the_rest_stays():
    rng = np.random.default_rng(0)
    time = np.arange(RATE) / RATE
    tone = np.where((time > 0.3) & (time < 0.7), np.sin(2 * np.pi * 500 * time), 0)
    noisy = tone + 0.1 * rng.standard_normal(RATE)
    clean = without_noise(noisy.astype(np.float32))
    outside = (time < 0.25) | (time > 0.75)
    assert clean[outside].std() < 0.3 * noisy[outside].std()
    inside = (time > 0.35) & (time < 0.65)
    assert np.corrcoef(clean[inside], tone[inside])[0, 1] > 0.99
    assert 0.38 < len(without_pauses(clean)) / RATE < 0.5


def test_a_tone_sounds_in_the_band_it_lies_in():
    bands = mel_bands(40)
    for frequency in (300, 1000, 3000):
        tone = np.sin(2 * np.pi * frequency * np.arange(RATE) / RATE)
        loudest = int(log_mel(tone, bands).mean(axis=0).argmax())
        centre = np.fft.rfftfreq(512, 1 / RATE) @ bands[loudest] / bands[loudest].sum()
        assert centre == pytest.approx(frequency, rel=0.1)


@pytest.mark.parametrize("seconds", [0.01, 0.05])
def test_a_click_is_heard(seconds):
    click = np.random.default_rng(0).standard_normal(int(seconds * RATE)) * 0.1
    assert np.isfinite(features((click.astype(np.float32), RATE))).all()


def test_a_few_samples_have_no_course_and_are_refused():
    with pytest.raises(CueError, match="finds nothing"):
        features((np.array([0.1, -0.1, 0.1, -0.1]), RATE))


@pytest.mark.parametrize("samples", [np.zeros(8000), np.full(8000, 0.5), np.full(8000, 1e-6)])
def test_silence_is_refused(samples):
    with pytest.raises(CueError, match="silent"):
        features((samples, RATE))


def test_what_is_no_sound_and_masks_are_refused(words):
    with pytest.raises(MediaError, match="is not a WAV, FLAC or OGG"):
        features(b"no sound")
    with pytest.raises(CueError, match="no mask"):
        SENSE.encode(words["one"], known=np.ones(3))
    with pytest.raises(ConfigError, match="cepstra"):
        LogMel(order=1)
