"""Fixed encoders, one a modality: raw input to features and back."""

from mnemic.senses.image import Pixels
from mnemic.senses.own import FromCallable
from mnemic.senses.pretrained import PRETRAINED, pretrained
from mnemic.senses.seeing import Seen, classes
from mnemic.senses.sound import LogMel
from mnemic.senses.text import Letters
from mnemic.senses.vector import Vector

__all__ = [
    "PRETRAINED",
    "FromCallable",
    "Letters",
    "LogMel",
    "Pixels",
    "Seen",
    "Vector",
    "classes",
    "pretrained",
]
