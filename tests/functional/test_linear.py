"""A product computed as a convolution is the product."""

import pytest
import torch

from mnemic.functional.linear import IMAGES, LEAST, linear, summed_outer
from mnemic.randomness import generator

ROWS = [(1,), (7,), (LEAST - 1,), (LEAST,), (LEAST + 1,), (4, LEAST // 2), (2, 3, LEAST // IMAGES)]


def drawn(seed, *shape):
    return torch.randn(shape, generator=generator(seed, str(shape)))


@pytest.mark.parametrize("rows", ROWS, ids=str)
@pytest.mark.parametrize("biased", [False, True])
def test_it_is_the_product_in_double_precision_with_all_gradients(rows, biased):
    given = [drawn(0, *rows, 5), drawn(1, 6, 5), *([drawn(2, 6)] if biased else [])]
    slope, found = drawn(3, *rows, 6), []
    for dtype in (torch.float32, torch.float64):
        each = [value.to(dtype).requires_grad_() for value in given]
        output = linear(*each)
        expected = each[0] @ each[1].T + (each[2] if biased else 0)
        assert output.shape == expected.shape
        output = output if dtype == torch.float32 else expected
        found.append((output, *torch.autograd.grad((output * slope.to(dtype)).sum(), each)))
    for ours, expected in zip(*found, strict=True):
        size = expected.abs().max()
        torch.testing.assert_close(ours.double() / size, expected / size, rtol=0, atol=1e-6)


@pytest.mark.parametrize("rows", [3, LEAST, LEAST + IMAGES, LEAST + 1])
def test_outer_products_are_summed_over_all_rows(rows):
    left, right = drawn(0, rows, 4), drawn(1, rows, 5)
    expected = torch.einsum("ri,rj->ij", left.double(), right.double())
    torch.testing.assert_close(summed_outer(left, right).double(), expected, rtol=1e-5, atol=1e-4)


def test_what_is_laid_out_otherwise_gives_the_same():
    inputs, kernel = drawn(0, 5, LEAST).T, drawn(1, 5, 6).T
    torch.testing.assert_close(linear(inputs, kernel), inputs @ kernel.T)
