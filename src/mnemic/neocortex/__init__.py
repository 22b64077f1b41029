"""Slow and generative: a student that learns from replay what the world is like."""

from mnemic.neocortex.completion import complete
from mnemic.neocortex.consolidation import (
    ConsolidationConfig,
    ConsolidationStep,
    consolidate,
    reconstruction_error,
)
from mnemic.neocortex.progress import Progress
from mnemic.neocortex.student import Student, make_student

__all__ = [
    "ConsolidationConfig",
    "ConsolidationStep",
    "Progress",
    "Student",
    "complete",
    "consolidate",
    "make_student",
    "reconstruction_error",
]
