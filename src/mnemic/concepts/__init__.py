"""Concepts: what points in any sense have in common, by synchrony, locality and what is told."""

from mnemic.concepts.association import Association
from mnemic.concepts.facade import Concepts
from mnemic.concepts.settings import ConceptSettings

__all__ = ["Association", "ConceptSettings", "Concepts"]
