"""The published network as published, and what every autoencoder here must do."""

import pytest
import torch
from torch import nn
from torch.nn.functional import conv2d, interpolate, leaky_relu

from mnemic.errors import ConfigError
from mnemic.nn import MnemicAutoencoder, Spens2022Autoencoder, UpsampledConvolution

KINDS = [MnemicAutoencoder, Spens2022Autoencoder]


def filters(layers):
    return [
        layer.weight.shape[0]
        for layer in layers
        if isinstance(layer, nn.Conv2d | UpsampledConvolution)
    ]


def count(model):
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize(
    ("grid", "encoder", "decoder", "latents", "dropout"),
    [
        ((64, 64, 3), [32, 64, 128, 256], [128, 64, 32, 3], 20, 0.2),
        ((128, 128, 1), [32, 64, 128, 256, 512], [128, 64, 32, 16, 1], 10, 0.0),
    ],
)
def test_the_published_networks_have_the_published_layers(grid, encoder, decoder, latents, dropout):
    model = Spens2022Autoencoder(grid, rng=torch.Generator())
    assert filters(model.encoder) == encoder
    assert filters(model.decoder) == decoder
    assert model.expand.out_features == 4096
    assert model.latent_dim == latents
    assert model.dropout == dropout


def test_the_published_network_has_the_published_number_of_parameters():
    encoder = [(3, 32), (32, 64), (64, 128), (128, 256)]
    decoder = [(256, 128), (128, 64), (64, 32), (32, 3)]
    expected = sum(16 * a * b + b + 2 * b for a, b in encoder) + 2 * (256 * 20 + 20)
    expected += 20 * 4096 + 4096 + sum(9 * a * b + b for a, b in decoder) + 2 * (128 + 64 + 32)
    assert count(Spens2022Autoencoder((64, 64, 3), rng=torch.Generator())) == expected


def test_the_published_forward_pass_agrees_with_its_equations(rng):
    model = Spens2022Autoencoder((16, 16, 3), 4, rng=rng)
    for layer in model.modules():
        if isinstance(layer, nn.BatchNorm2d):
            assert (layer.eps, layer.momentum) == (1e-3, pytest.approx(1 - 0.99))
            nn.init.uniform_(layer.running_mean, generator=rng)
            nn.init.uniform_(layer.running_var, 0.5, 2, generator=rng)
            nn.init.uniform_(layer.weight, generator=rng)
    model = model.double().eval()
    pictures = torch.rand(2, 3, 16, 16, generator=rng, dtype=torch.float64)

    def normalised(x, layer):
        scale = layer.weight / (layer.running_var + layer.eps).sqrt()
        return (
            scale[:, None, None] * (x - layer.running_mean[:, None, None])
            + (layer.bias[:, None, None])
        )

    x = pictures
    for convolution, normalisation in zip(model.encoder[::3], model.encoder[1::3], strict=True):
        x = conv2d(x, convolution.weight, convolution.bias, stride=2)
        x = leaky_relu(normalised(x, normalisation), 0.3)
    pooled = x.mean((2, 3))
    mean = pooled @ model.mean.weight.T + model.mean.bias
    log_variance = pooled @ model.log_variance.weight.T + model.log_variance.bias

    x = (mean @ model.expand.weight.T + model.expand.bias).reshape(2, 4, 4, 256)
    x = x.permute(0, 3, 1, 2)
    for step in range(2):
        layer = model.decoder[3 * step]
        x = conv2d(interpolate(x, scale_factor=2), layer.weight, layer.bias, padding=1)
        if step == 0:
            x = leaky_relu(normalised(x, model.decoder[1]), 0.3)

    coded = model.encode(pictures)
    close = {"rtol": 1e-10, "atol": 1e-10}
    torch.testing.assert_close(coded.mean, mean, **close)
    torch.testing.assert_close(coded.log_variance, log_variance, **close)
    torch.testing.assert_close(model.decode(mean), x.sigmoid(), **close)


def test_ours_has_as_many_parameters_as_the_published_one():
    rng, grid = torch.Generator(), (64, 64, 3)
    ours, theirs = (
        count(MnemicAutoencoder(grid, rng=rng)),
        count(Spens2022Autoencoder(grid, rng=rng)),
    )
    assert abs(ours / theirs - 1) <= 0.05


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "grid", [(16, 16, 1), (16, 16, 3), (28, 28, 1), (32, 32, 3), (48, 48, 1), (128, 128, 3)]
)
def test_pictures_come_back_in_their_own_size(kind, grid, rng):
    height, width, channels = grid
    model = kind(grid, 4, rng=rng)
    pictures = torch.rand(2, channels, height, width, generator=rng)
    reconstructed = model(pictures, rng=rng)
    assert reconstructed.pictures.shape == pictures.shape
    assert reconstructed.coded.mean.shape == (2, 4)
    assert ((reconstructed.pictures >= 0) & (reconstructed.pictures <= 1)).all()


@pytest.mark.parametrize("grid", [(8, 8, 1), (9, 23, 3), (33, 20, 1), (100, 100, 3)])
def test_ours_takes_pictures_of_any_size(grid, rng):
    height, width, channels = grid
    model = MnemicAutoencoder(grid, 4, rng=rng)
    pictures = torch.rand(2, channels, height, width, generator=rng)
    assert model(pictures, rng=rng).pictures.shape == pictures.shape


@pytest.mark.parametrize("grid", [(8, 8, 1), (36, 36, 1), (64, 32, 3)])
def test_the_published_network_refuses_what_its_rule_does_not_cover(grid, rng):
    with pytest.raises(ConfigError, match="kind='mnemic'"):
        Spens2022Autoencoder(grid, rng=rng)


@pytest.mark.parametrize("kind", KINDS)
def test_every_parameter_learns(kind, rng):
    model = kind((16, 16, 3), 4, rng=rng)
    reconstructed = model(torch.rand(4, 3, 16, 16, generator=rng), rng=rng)
    (reconstructed.pictures.square().sum() + reconstructed.coded.log_variance.sum()).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


@pytest.mark.parametrize("kind", KINDS)
def test_the_fast_form_changes_no_result(kind, rng):
    model = kind((16, 16, 3), 4, rng=rng).double().eval()
    pictures = torch.rand(2, 3, 16, 16, generator=rng, dtype=torch.float64)
    fast = model.to(memory_format=torch.channels_last)
    ours = fast(
        pictures.to(memory_format=torch.channels_last), rng=torch.Generator().manual_seed(1)
    ).pictures
    plain = model.to(memory_format=torch.contiguous_format)
    for layer in plain.modules():
        if isinstance(layer, UpsampledConvolution):
            layer.folded = False
    expected = plain(pictures, rng=torch.Generator().manual_seed(1)).pictures
    torch.testing.assert_close(ours, expected, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_touches_the_global_generator(kind):
    before = torch.get_rng_state()
    model = kind((64, 64, 3), 4, rng=torch.Generator().manual_seed(0))
    model(torch.full((2, 3, 64, 64), 0.5), rng=torch.Generator().manual_seed(0))
    assert torch.equal(torch.get_rng_state(), before)


def test_dropout_blanks_its_share_and_keeps_the_mean(rng):
    seen = []
    model = Spens2022Autoencoder((64, 64, 3), rng=rng)
    model.encoder.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    pictures = torch.full((4, 3, 64, 64), 0.5)
    model(pictures, rng=rng)
    assert (seen[0] == 0).float().mean().item() == pytest.approx(0.2, abs=0.01)
    assert seen[0].mean().item() == pytest.approx(0.5, abs=0.01)
    model.eval()(pictures, rng=rng)
    assert torch.equal(seen[1], pictures)


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_ignores_its_batch_neighbours_once_trained(kind, rng):
    model = kind((16, 16, 1), 4, rng=rng).eval()
    pictures = torch.rand(5, 1, 16, 16, generator=rng)
    together, alone = model.encode(pictures).mean[:1], model.encode(pictures[:1]).mean
    torch.testing.assert_close(together, alone, rtol=1e-5, atol=1e-5)
