"""The folded upsampled convolution against its definition and a plain loop."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.nn import (
    UpsampledConvolution,
    upsampled_convolution,
    upsampled_convolution_reference,
)
from mnemic.randomness import generator

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def drawn(seed, *shape):
    return torch.randn(*shape, generator=generator(seed, str(shape)), dtype=torch.float64)


def loop(pictures, kernel, bias):
    large = np.pad(pictures.repeat(2, -1).repeat(2, -2), [(0, 0), (0, 0), (1, 1), (1, 1)])
    batch, _, height, width = large.shape
    out = np.empty((batch, len(kernel), height - 2, width - 2))
    for y in range(height - 2):
        for x in range(width - 2):
            window = large[:, None, :, y : y + 3, x : x + 3]
            out[:, :, y, x] = (window * kernel).sum((2, 3, 4)) + bias
    return out


@given(
    seed=st.integers(0, 2**32 - 1),
    channels=st.integers(1, 3),
    filters=st.integers(1, 3),
    height=st.integers(1, 4),
    width=st.integers(1, 4),
)
def test_both_forms_agree_with_the_loop(seed, channels, filters, height, width):
    pictures = drawn(seed, 2, channels, height, width)
    kernel, bias = drawn(seed, filters, channels, 3, 3), drawn(seed, filters)
    expected = loop(pictures.numpy(), kernel.numpy(), bias.numpy())
    for compute in (upsampled_convolution, upsampled_convolution_reference):
        np.testing.assert_allclose(compute(pictures, kernel, bias), expected, **CLOSE)


def test_the_folded_form_has_the_gradients_of_the_definition():
    weights = drawn(0, 2, 4, 6, 10)  # so that every gradient differs
    gradients = []
    for compute in (upsampled_convolution, upsampled_convolution_reference):
        given_ = [drawn(1, 2, 3, 3, 5), drawn(2, 4, 3, 3, 3), drawn(3, 4)]
        given_ = [value.requires_grad_() for value in given_]
        (compute(*given_) * weights).sum().backward()
        gradients.append([value.grad for value in given_])
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, **CLOSE)


@pytest.mark.parametrize("format", [torch.contiguous_format, torch.channels_last])
def test_the_layer_computes_the_same_either_way_in_any_layout(format, rng):
    layer = UpsampledConvolution(3, 5, rng=rng).double()
    pictures = drawn(0, 2, 3, 4, 4)
    layer.folded = False
    expected = layer(pictures)
    layer.folded = True
    ours = layer.to(memory_format=format)(pictures.to(memory_format=format))
    torch.testing.assert_close(ours, expected, **CLOSE)
