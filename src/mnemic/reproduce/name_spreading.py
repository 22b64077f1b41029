"""Names that spread: from a few things that were named to those like them that nobody has named.

Each thing passes its name on to those it lies nearest to, again and again (Zhou et al. 2004,
*Learning with local and global consistency*), nearness measured by how far things lie apart
around there (Zelnik-Manor & Perona 2004). It is locality, in many steps: a thing that is like a
thing that is like a thing that was named has its name.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from mnemic.memory import Memory

NEIGHBOURS = 5
FAR = 0.99  # share of what a thing holds that comes from its neighbours
STEPS = 100


def spread(
    places: Float[np.ndarray, "count dim"],
    names: Int[np.ndarray, " count"],
    *,
    neighbours: int = NEIGHBOURS,
) -> Int[np.ndarray, " count"]:
    """The name that reaches each thing most; -1 where none does.

    Z ← ``FAR`` S Z + (1 - ``FAR``) Y, Y the names told, S the symmetrically normalised weights
    exp(-d² / sᵢsⱼ) among nearest neighbours, sᵢ the distance to the last of them. Every name ends
    with as much in all.

    Args:
        places: where things lie.
        names: from 0, or -1 of what nobody has named.
    """
    links = nearness(places, neighbours)
    told = np.zeros((len(names), int(names.max()) + 1))
    told[names >= 0, names[names >= 0]] = 1
    held = told.copy()
    for _ in range(STEPS):
        held = FAR * (links @ held) + (1 - FAR) * told
    found = np.where(held.max(axis=1) > 0, (held / held.sum(axis=0)).argmax(axis=1), -1)
    return np.where(names >= 0, names, found)


def nearness(places: Float[np.ndarray, "count dim"], neighbours: int) -> sparse.csr_matrix:
    """How near things lie to their neighbours, normalised on both sides."""
    count = len(places)
    near = NearestNeighbors(n_neighbors=min(neighbours, count - 1)).fit(places)
    far, which = near.kneighbors()  # of each, the others
    reach = np.maximum(far[:, -1], np.finfo(float).tiny)
    weights = np.exp(-(far**2) / (reach[:, None] * reach[which]))
    rows = np.repeat(np.arange(count), which.shape[1])
    links = sparse.csr_matrix((weights.ravel(), (rows, which.ravel())), shape=(count, count))
    links = links.maximum(links.T)
    scale = sparse.diags(1 / np.sqrt(np.asarray(links.sum(axis=1)).ravel()))
    return sparse.csr_matrix(scale @ links @ scale)


def tell(memory: Memory, names: Mapping[int, str]) -> int:
    """Tell a memory the names of engrams, by id: concepts of no name become one with theirs.

    A concept goes by the name that most of its engrams have. How many got one.
    """
    found: dict[int, list[str]] = {}
    for engram, name in names.items():
        for concept in memory.concepts.of(engram):
            if concept.label is None:
                found.setdefault(concept.id, []).append(name)
    for concept, some in found.items():
        memory.concepts.merge(name_of_most(some), concept)
    return len(found)


def name_of_most(names: Sequence[str]) -> str:
    """The most frequent; of several, the first met."""
    return Counter(names).most_common(1)[0][0]
