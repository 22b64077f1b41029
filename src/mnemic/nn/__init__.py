"""Parameters: modules for any PyTorch model."""

from mnemic.nn.autoencoder import Autoencoder, Coded, Reconstructed
from mnemic.nn.mnemic import MnemicAutoencoder
from mnemic.nn.spens2022 import Spens2022Autoencoder
from mnemic.nn.upsampling import (
    UpsampledConvolution,
    folded_kernel,
    upsampled_convolution,
    upsampled_convolution_reference,
)

__all__ = [
    "Autoencoder",
    "Coded",
    "MnemicAutoencoder",
    "Reconstructed",
    "Spens2022Autoencoder",
    "UpsampledConvolution",
    "folded_kernel",
    "upsampled_convolution",
    "upsampled_convolution_reference",
]
