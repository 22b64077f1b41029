"""Encoders of one's own: called with what was read, and known again."""

import numpy as np
import pytest
import torch

from mnemic.errors import ConfigError, CueError, ShapeError
from mnemic.media import from_npy
from mnemic.protocols import Sense
from mnemic.senses import FromCallable

PICTURE = np.random.default_rng(0).integers(256, size=(6, 9, 3), dtype=np.uint8)


def seen_by(modality, part, known=None, **options):
    """What an encoder is given for a part."""
    seen = []

    def encoder(given):
        seen.append(given)
        return [1.0, 0.0]

    sense = FromCallable(
        name="mine", modality=modality, encoder=encoder, dim=2, version="1", **options
    )
    sense.encode(part, known)
    return seen[0]


def linear(weight):
    module = torch.nn.Linear(3, 2, bias=False)
    torch.nn.init.constant_(module.weight, weight)
    return module


def with_encoder(encoder, **options):
    settings = {"name": "mine", "modality": "vector", "dim": 2, "probe": np.arange(3.0)}
    return FromCallable(encoder=encoder, **{**settings, **options})


def test_an_encoder_gets_each_modality_as_it_is_read():
    assert np.array_equal(seen_by("image", PICTURE), PICTURE)
    assert np.array_equal(seen_by("image", PICTURE[..., 0])[..., 2], PICTURE[..., 0])
    assert seen_by("text", "Say It") == "Say It"
    assert np.array_equal(seen_by("vector", np.arange(3)), np.arange(3))
    tone = np.sin(np.arange(8000) / 9).astype(np.float32)
    assert len(seen_by("sound", (np.stack([tone, tone], 1), 8000), rate=4000)) == 4000


def test_unknown_pixels_are_shown_as_grey():
    known = np.arange(9)[None].repeat(6, 0) < 4
    seen = seen_by("image", PICTURE, known)
    assert np.array_equal(seen[:, :4], PICTURE[:, :4])
    assert (seen[:, 4:] == 128).all()
    coarse = seen_by("image", PICTURE, np.array([[True, False], [True, False]]))
    assert np.array_equal(coarse[:, :4], PICTURE[:, :4])
    assert (coarse[:, 5:] == 128).all()
    clear = np.dstack([PICTURE, known * np.uint8(255)])
    assert np.array_equal(seen_by("image", clear), seen)


def test_features_are_the_answer_scaled_to_length_one_and_the_original_is_kept():
    sense = with_encoder(lambda vector: torch.tensor([[3.0, 4.0]], requires_grad=True))
    assert isinstance(sense, Sense)
    encoded = sense.encode(np.array([1.0, 2.0]))
    assert np.allclose(encoded.features, [0.6, 0.8], atol=1e-3)
    assert np.array_equal(from_npy(encoded.point.original), [1.0, 2.0])


def test_the_same_encoder_is_known_again_and_another_is_not():
    def double(vector):
        return 2 * vector[:2] + 1

    same = [with_encoder(double), with_encoder(lambda vector: vector[:2] + vector[:2] + 1 + 1e-7)]
    assert same[0].config == same[1].config
    for other in (
        lambda vector: vector[:2][::-1] * 2 + 1,
        lambda vector: 20 * vector[:2] + 10,
        lambda vector: 2 * vector[1:] + 1,
    ):
        assert with_encoder(other).config != same[0].config


def test_a_network_is_known_by_its_weights_besides():
    def module(weight):
        network = torch.nn.Sequential(linear(1.0), torch.nn.Dropout(), linear_two(weight))
        return with_encoder(Wrapped(network.eval()), probe=np.ones(3, np.float32))

    assert module(1.0).config == module(1.0).config
    assert module(1.0).config["answer"] == module(1.0001).config["answer"]
    assert module(1.0).config != module(1.0001).config


def linear_two(weight):
    layer = torch.nn.Linear(2, 2)
    torch.nn.init.constant_(layer.weight, weight)
    torch.nn.init.constant_(layer.bias, 0.5)
    return layer


class Wrapped(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, vector):
        return self.network(torch.as_tensor(np.asarray(vector, np.float32)))


def test_a_version_is_all_that_counts_where_there_is_one():
    assert (
        with_encoder(np.sin, version="2").config
        == with_encoder(np.cos, version="2").config
        != with_encoder(np.cos, version="3").config
    )


def test_an_encoder_that_answers_wrongly_is_named():
    with pytest.raises(ShapeError, match=r"the encoder of 'mine' returned \(3,\), not 2 numbers"):
        with_encoder(lambda vector: vector, version="1").encode(np.arange(3.0))
    for answer in ([0.0, 0.0], [np.nan, 1.0]):
        with pytest.raises(CueError, match="'mine' finds nothing"):
            with_encoder(lambda vector, answer=answer: answer, version="1").encode(np.arange(3.0))


def test_what_makes_no_sense_is_refused():
    for options, complaint in (
        ({"modality": "smell"}, "not of 'smell'"),
        ({"dim": 0}, "at least one feature"),
        ({"name": ""}, "has a name"),
        ({"probe": None}, "a version=, or a probe= vector"),
    ):
        with pytest.raises(ConfigError, match=complaint):
            with_encoder(np.sin, **options)
    with pytest.raises(CueError, match="takes no mask"):
        seen_by("text", "a", known=[True])
    with pytest.raises(CueError, match="empty"):
        seen_by("text", "  ")
    with pytest.raises(CueError, match="no pixel"):
        seen_by("image", PICTURE, np.zeros((6, 9), bool))
    with pytest.raises(ShapeError, match="height × width"):
        seen_by("image", PICTURE, np.ones(3, bool))
