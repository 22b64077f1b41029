"""Recall among the few patterns a graph leads to."""

from jaxtyping import Int
from torch import Tensor

from mnemic.errors import ConfigError
from mnemic.search.index import Index
from mnemic.search.similarity import Dot, Masked, Similarity

NEAR = 24


def approximate(similarity: Similarity, index: Index) -> Int[Tensor, "batch near"]:
    """Rows of the patterns that probably weigh most; -1 where fewer were found.

    Raises:
        ConfigError: part of a cue is unknown: a graph of whole patterns cannot be followed then.
    """
    if isinstance(similarity, Masked) and similarity.known is not None:
        raise ConfigError(
            "an approximate search follows distances over all features, but some of a cue are "
            "unknown; use method='auto'"
        )
    graph = index.graph(rising=isinstance(similarity, Dot))
    return graph.nearest(similarity.cues, index.patterns, NEAR)
