"""Parameters: modules for any PyTorch model."""

from mnemic.nn.autoencoder import Autoencoder, Coded, Reconstructed
from mnemic.nn.hopfield import Associated, Hopfield
from mnemic.nn.mnemic import MnemicAutoencoder
from mnemic.nn.prototypes import HopfieldLayer, HopfieldPooling
from mnemic.nn.spens2022 import Spens2022Autoencoder
from mnemic.nn.upsampling import (
    UpsampledConvolution,
    folded_kernel,
    upsampled_convolution,
    upsampled_convolution_reference,
)

__all__ = [
    "Associated",
    "Autoencoder",
    "Coded",
    "Hopfield",
    "HopfieldLayer",
    "HopfieldPooling",
    "MnemicAutoencoder",
    "Reconstructed",
    "Spens2022Autoencoder",
    "UpsampledConvolution",
    "folded_kernel",
    "upsampled_convolution",
    "upsampled_convolution_reference",
]
