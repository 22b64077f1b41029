"""W x + b for many x at once, faster than ``torch.nn.functional.linear`` where that can be had.

A convolution whose kernel is one pixel wide is the same product. PyTorch computes convolutions in
single precision with oneDNN, and products of matrices with another library, which on some
processors takes twice as long.
"""

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional
from torch.nn.grad import conv2d_weight

IMAGES = 16  # as so many the rows are given; of one image, a convolution is no faster
LEAST = 512  # rows; for fewer, setting up takes longer than is saved


def linear(
    inputs: Float[Tensor, "*rows features"],
    kernel: Float[Tensor, "units features"],
    bias: Float[Tensor, " units"] | None = None,
) -> Float[Tensor, "*rows units"]:
    """What ``torch.nn.functional.linear`` gives, to rounding.

    >>> linear(torch.ones(2, 3), torch.eye(3), torch.tensor([0.0, 1.0, 2.0]))
    tensor([[1., 2., 3.],
            [1., 2., 3.]])
    """
    rows = inputs.flatten(0, -2)
    if not _pays(rows):
        return functional.linear(inputs, kernel, bias)
    mapped = functional.conv2d(_as_images(rows), kernel[:, :, None, None], bias)
    return _as_rows(mapped).unflatten(0, inputs.shape[:-1])


def summed_outer(
    left: Float[Tensor, "rows units"], right: Float[Tensor, "rows features"]
) -> Float[Tensor, "units features"]:
    """Of each row of both the outer product, summed: the gradient of ``linear``'s kernel."""
    if not _pays(left):
        return left.T @ right
    shape = (left.shape[1], right.shape[1], 1, 1)
    return conv2d_weight(_as_images(right), shape, _as_images(left))[:, :, 0, 0]


def _pays(rows: Tensor) -> bool:
    return (
        rows.device.type == "cpu"
        and rows.dtype == torch.float32
        and torch.backends.mkldnn.is_available()
        and rows.shape[0] >= LEAST
        and rows.shape[0] % IMAGES == 0
    )


def _as_images(rows: Tensor) -> Float[Tensor, "images features height 1"]:
    return rearrange(rows, "(i h) f -> i f h 1", i=IMAGES)


def _as_rows(images: Tensor) -> Float[Tensor, "rows features"]:
    return rearrange(images, "i f h 1 -> (i h) f")
