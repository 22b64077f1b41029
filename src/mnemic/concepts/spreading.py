"""Names that spread: from a few things that were named to those like them that nobody has named.

Each thing passes its name on to those it lies nearest to, again and again (Zhou et al. 2004,
*Learning with local and global consistency*), nearness measured by how far things lie apart
around there (Zelnik-Manor & Perona 2004). It is locality, in many steps: a thing that is like a
thing that is like a thing that was named has its name.
"""

from collections import Counter
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from mnemic.concepts.space import Space
from mnemic.store.concepts import ConceptRows

T = TypeVar("T")

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


def reached(space: Space, rows: ConceptRows) -> dict[int, int]:
    """The concepts in a space that nobody named, and the named one whose name reaches each.

    A concept goes by the name that reaches most of its points, unless it is met beside another part
    of that name in one experience. Points of which not every feature is known take no part.
    """
    patterns = space.patterns
    ids, order = patterns.ids.sort()  # rows move; what is found must not
    if patterns.known is not None:
        whole = patterns.known[order].all(dim=-1)
        ids, order = ids[whole], order[whole]
    points = ids.tolist()
    named, roots = rows.named_roots_of_points(points), rows.roots_of_points(points)
    if not 0 < len(named) < len(points):
        return {}
    concepts = sorted(set(named.values()))
    index = {concept: place for place, concept in enumerate(concepts)}
    told = np.array([index[named[id]] if id in named else -1 for id in points])
    votes: dict[int, list[int]] = {}
    for id, name in zip(points, spread(patterns.rows[order].numpy(), told).tolist(), strict=True):
        if id not in named and id in roots and name >= 0:
            votes.setdefault(roots[id], []).append(concepts[name])
    found: dict[int, int] = {}
    taken: dict[int, set[int]] = {}  # engrams that already have a part of this name
    for concept, some in votes.items():
        name, mine = most_frequent(some), _engrams(space, rows, concept)
        there = taken.setdefault(name, _engrams(space, rows, name))
        if there.isdisjoint(mine):  # two faces in one photograph are two people
            found[concept] = name
            there |= mine
    return found


def _engrams(space: Space, rows: ConceptRows, concept: int) -> set[int]:
    return {link.engram for link in rows.links(concept, sense=space.place.sense.name)}


def most_frequent(some: Sequence[T]) -> T:
    """Of several that are as frequent, the first."""
    return Counter(some).most_common(1)[0][0]
