"""Words said by two synthesisers."""

import numpy as np
import pytest

from mnemic.datasets import spoken
from mnemic.datasets.speech import ESPEAK_VOICES, FLITE_VOICES
from mnemic.errors import ConfigError, DataError


@pytest.mark.parametrize("synthesiser", ["espeak-ng", "flite"])
def test_a_word_is_said_the_same_each_time(synthesiser):
    once, again = spoken("seven", synthesiser=synthesiser), spoken("seven", synthesiser=synthesiser)
    assert np.array_equal(once.samples, again.samples)
    assert 0.2 < len(once.samples) / once.rate < 1.5
    assert 0.05 < np.abs(once.samples).max() <= 1
    assert once.text == "seven"


@pytest.mark.parametrize(
    ("synthesiser", "voices"), [("espeak-ng", ESPEAK_VOICES[:5]), ("flite", FLITE_VOICES)]
)
def test_every_voice_says_it_in_its_own_way(synthesiser, voices):
    said = [spoken("seven", synthesiser=synthesiser, voice=voice) for voice in voices]
    assert len({one.samples.tobytes() for one in said}) == len(voices)
    assert [one.voice for one in said] == list(voices)


@pytest.mark.parametrize("synthesiser", ["espeak-ng", "flite"])
def test_a_greater_tempo_takes_less_time(synthesiser):
    usual = spoken("seven", synthesiser=synthesiser)
    quick = spoken("seven", synthesiser=synthesiser, tempo=1.3)
    assert 0.6 < len(quick.samples) / len(usual.samples) < 0.9


def test_noise_is_of_the_share_asked_for():
    clean = spoken("seven", synthesiser="flite")
    noisy = spoken("seven", synthesiser="flite", noise=0.3, rng=np.random.default_rng(0))
    share = (noisy.samples - clean.samples).std() / clean.samples.std()
    assert share == pytest.approx(0.3, rel=0.05)


@pytest.mark.parametrize(
    ("text", "options", "complaint"),
    [
        (" ", {}, "characters to say"),
        ("seven", {"voice": "nobody"}, "cannot say 'seven' as 'nobody'"),
        ("seven", {"synthesiser": "flite", "voice": "nobody"}, "flite has the voices kal"),
        ("seven", {"tempo": 9.0}, "a tempo is"),
        ("seven", {"noise": 0.3}, "rng="),
    ],
)
def test_what_cannot_be_said_is_refused_with_the_reason(text, options, complaint):
    with pytest.raises(ConfigError, match=complaint):
        spoken(text, **options)


@pytest.mark.parametrize("synthesiser", ["espeak-ng", "flite"])
def test_a_synthesiser_that_is_not_there_is_named_with_its_package(synthesiser, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DataError, match=f"apt install {synthesiser}"):
        spoken("seven", synthesiser=synthesiser)
