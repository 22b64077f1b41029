"""Twice the height and width, then a 3×3 convolution: in one product instead of four.

Nearest-neighbour upsampling shows a convolution each pixel four times. Each output pixel sees
only 2×2 different ones, so four small kernels, sums of the 3×3 kernel's entries, do the same:
together they are one transposed convolution of size 4 and stride 2, with 4/9 of the work and no
enlarged picture in between.
"""

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import conv2d, conv_transpose2d, interpolate

from mnemic.nn.layers import convolution


def folded_kernel(
    kernel: Float[Tensor, "filters channels 3 3"],
) -> Float[Tensor, "channels filters 4 4"]:
    """The stride-2 transposed kernel equal to nearest upsampling followed by ``kernel``."""
    fold = kernel.new_tensor([[0, 0, 1], [0, 1, 1], [1, 1, 0], [1, 0, 0]])
    both_axes = torch.kron(fold, fold)  # sixteen sums of the nine entries
    return (kernel.flatten(-2) @ both_axes.T).unflatten(-1, (4, 4)).transpose(0, 1)


def upsampled_convolution(
    pictures: Float[Tensor, "batch channels height width"],
    kernel: Float[Tensor, "filters channels 3 3"],
    bias: Float[Tensor, " filters"] | None = None,
) -> Float[Tensor, "batch filters twice_height twice_width"]:
    """Upsample by nearest neighbour and convolve, as one transposed convolution.

    Equal, forward and in gradients, to ``upsampled_convolution_reference`` up to rounding.
    """
    return conv_transpose2d(pictures, folded_kernel(kernel), bias, stride=2, padding=1)


def upsampled_convolution_reference(
    pictures: Float[Tensor, "batch channels height width"],
    kernel: Float[Tensor, "filters channels 3 3"],
    bias: Float[Tensor, " filters"] | None = None,
) -> Float[Tensor, "batch filters twice_height twice_width"]:
    """The same by its definition: slower, and easier to believe."""
    return conv2d(interpolate(pictures, scale_factor=2, mode="nearest"), kernel, bias, padding=1)


class UpsampledConvolution(nn.Module):
    """Holds the 3×3 kernel and bias of an upsampled convolution.

    ``folded=False`` computes it by its definition; parameters and results are the same.
    """

    def __init__(self, channels: int, filters: int, *, rng: torch.Generator) -> None:
        super().__init__()
        parameters = convolution(channels, filters, size=3, stride=1, padding=1, rng=rng)
        self.weight = parameters.weight
        self.bias = parameters.bias
        self.folded = True

    def forward(self, pictures: Tensor) -> Tensor:
        """Twice the height and width, ``filters`` channels."""
        compute = upsampled_convolution if self.folded else upsampled_convolution_reference
        return compute(pictures, self.weight, self.bias)
