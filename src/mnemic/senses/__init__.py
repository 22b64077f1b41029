"""Fixed encoders, one a modality: raw input to features and back."""

from mnemic.senses.image import Pixels
from mnemic.senses.vector import Vector

__all__ = ["Pixels", "Vector"]
