"""Order among concepts: what is a kind of what by the thesaurus, what goes together by clustering.

Labels that a thesaurus knows have their parents from it. Of the others, those that lie close
together in a sense are placed below a concept of their own, level upon level: HDBSCAN (Campello et
al. 2013) on the mean of each concept's points. What a person placed stays where it is.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from sklearn.cluster import HDBSCAN

from mnemic.concepts.placing import place_above
from mnemic.concepts.space import Space
from mnemic.concepts.thesaurus import Thesaurus
from mnemic.store.concept_care import prune
from mnemic.store.concept_events import EventRows
from mnemic.store.concepts import ConceptRows

FEWEST = 2  # concepts that make a cluster


class Organised(NamedTuple):
    """What organising did."""

    bound: int  # engrams that were of no concept yet
    by_thesaurus: int  # labels that have parents now and had none
    clusters: int  # concepts that stand for others that lie close together
    note: str | None  # what could not be done, and why


NO_THESAURUS = (
    "WordNet is not on this machine, so labels have no parents; on Debian:"
    " `apt install wordnet-base`"
)


def place_labels(rows: ConceptRows, thesaurus: Thesaurus) -> int:
    """Give labels that have no parents those the thesaurus knows; how many it knew."""
    placed = 0
    for node in rows.roots():
        if node.made_by != "label" or node.label is None or rows.edges([node.id]):
            continue
        meanings = thesaurus.meanings(node.label)
        if not meanings:
            continue
        synset = thesaurus.synset(meanings[0])
        if rows.of_synset(synset.offset) is None:
            rows.put(node.id, synset=synset.offset)
        place_above(rows, node.id, synset, thesaurus)
        placed += 1
    return placed


def clear_clusters(rows: ConceptRows, events: EventRows) -> None:
    """Remove the clusters of the last time; those that somebody named or placed stay."""
    made = [node for node in rows.roots() if node.made_by == "cluster" and node.label is None]
    ids = {node.id for node in made}
    for child, parent, made_by in rows.edges_below(ids):
        if made_by == "cluster":
            rows.drop_edge(child, parent)
    prune(rows, events, ids)


def cluster(rows: ConceptRows, space: Space) -> int:
    """Place concepts without parents below clusters, as they lie in a sense; how many there are."""
    orphans = [
        node.id
        for node in rows.roots()
        if node.made_by in ("label", "locality", "person") and not rows.parents_of(node.id)
    ]
    means = {id: mean for id in orphans if (mean := prototype(rows, space, id)) is not None}
    made = 0
    ids, places = list(means), np.array(list(means.values()))
    while len(ids) > FEWEST:
        groups = groups_of(places)
        above: list[int] = []
        for group in range(groups.max() + 1):
            mine = np.flatnonzero(groups == group)
            parent = rows.add_node("cluster", sense=space.place.sense.name)
            for at in mine:
                rows.put_edge(ids[at], parent, "cluster")
            above.append(parent)
        places = np.array([places[groups == group].mean(axis=0) for group in range(len(above))])
        made, ids = made + len(above), above
    return made


def prototype(rows: ConceptRows, space: Space, root: int) -> Float[np.ndarray, " dim"] | None:
    """The mean of a concept's points in a space; None where it has none there."""
    patterns = space.patterns
    links = rows.links(root, at_most=64, sense=space.place.sense.name)
    points = [link.point for link in links if link.point is not None and link.point in patterns]
    return patterns.rows[patterns.rows_of(points)].mean(dim=0).numpy() if points else None


def groups_of(places: Float[np.ndarray, "concepts dim"]) -> np.ndarray:
    """The cluster of each place; -1 of none."""
    # scikit-learn's stubs take its default, a word, for the type
    found = HDBSCAN(min_cluster_size=FEWEST, copy=True)  # pyright: ignore[reportArgumentType]
    found.fit(places)
    groups = np.asarray(found.labels_)
    return groups if groups.max() + 1 < len(places) else np.full(len(places), -1)
