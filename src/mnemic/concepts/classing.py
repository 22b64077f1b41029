"""Placing concepts below what a pretrained network takes their pictures for; each is an event.

The first of two steps of transfer learning (Marco de Lucas 2023): a picture gets its place in the
scheme the network was trained on, and labels refine it. A label that the thesaurus knows has its
own place, which counts instead; one that it does not know is a new category below this one.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from mnemic.concepts.looking import Glimpse, picture_of, sees_wholes
from mnemic.concepts.placing import synset_node
from mnemic.concepts.scheme import SURE, Kind, Scheme
from mnemic.concepts.thesaurus import Thesaurus
from mnemic.concepts.undoing import above_itself, let_go_above
from mnemic.cues import Part
from mnemic.points import Points
from mnemic.protocols import Node
from mnemic.records import Experience
from mnemic.senses.seeing import class_probabilities
from mnemic.store import SqliteStore
from mnemic.store.concepts import ConceptRows

PLACED_BY = ("label", "locality", "person")  # makers of concepts that may need a place
VIEWS = 8  # pictures of a concept that are looked at, those it is most strongly tied to


class Below(NamedTuple):
    """A concept that was placed, by its nodes."""

    child: int
    parent: int
    probability: float


class Classing:
    """The network's view of the pictures of a memory, in the terms of a thesaurus."""

    def __init__(
        self, store: SqliteStore, places: Mapping[str, Points], thesaurus: Thesaurus
    ) -> None:
        self.store = store
        self.places = places
        self.senses = {name: one.sense for name, one in places.items()}
        self.thesaurus = thesaurus

    @cached_property
    def scheme(self) -> Scheme:
        """The classes, made when first asked for."""
        return Scheme(self.thesaurus)

    def taken_for(
        self,
        parts: Sequence[Sequence[Part]],
        experiences: Sequence[Experience],
        keys: Sequence[Collection[str]],
        near: Mapping[int, Sequence[Any]],
    ) -> dict[int, Kind]:
        """What the pictures that may found a concept are taken for.

        ``keys`` are the senses that tell each experience's concepts, ``near`` is what lies near a
        part; both kinds of place count the parts of all experiences in a row.

        Raises:
            MissingExtraError: the extra ``senses`` is not installed.
        """
        found: dict[int, Kind] = {}
        start = 0
        for mine, one, deciding in zip(parts, experiences, keys, strict=True):
            glimpses = [
                Glimpse(part.encoded.point, part.encoded.features, part.encoded.known)
                for part in mine
                if self.senses[part.sense].modality == "image"
            ]
            for name in filter(self._sees_wholes, deciding):
                own = [place for place, part in enumerate(mine, start) if part.sense == name]
                for number, place in enumerate(own):
                    if self._may_found(one.label, near.get(place, ())):
                        picture = picture_of(glimpses, number, len(own), self.senses)
                        kind = self._kind([] if picture is None else [picture], SURE)
                        found |= {} if kind is None else {place: kind}
            start += len(mine)
        return found

    def place(self, kinds: Mapping[int, Kind], times: Mapping[int, datetime]) -> None:
        """Place the concepts of these points where nothing else does; within a transaction."""
        rows = self.store.graph
        roots = rows.roots_of_points(kinds)
        for point, kind in kinds.items():
            [node] = rows.nodes([roots[point]])
            if unplaced(rows, node):
                place_by_class(self.store, node, kind, self.thesaurus, now=times[point])

    def classify(self, sure: float, *, now: datetime) -> list[Below]:
        """Place every concept that has pictures and no place, as its views say on the mean.

        Where a person put a concept, even at the top, it stays.

        Raises:
            MissingExtraError: the extra ``senses`` is not installed.
        """
        rows, below = self.store.graph, list[Below]()
        events = [one for one in self.store.events.all() if one.kind == "place" and not one.undone]
        put = {id for one in events for id in one.concepts}
        for node in rows.roots():
            if node.id in put or not unplaced(rows, node):
                continue
            kind = self._kind(self._pictures(node), sure)
            if kind is None:
                continue
            with self.store.changing():
                parent = place_by_class(self.store, node, kind, self.thesaurus, now=now)
            if parent is not None:
                below.append(Below(node.id, parent, kind.probability))
        return below

    def _kind(self, pictures: Sequence[Any], sure: float) -> Kind | None:
        likely = [class_probabilities(picture) for picture in pictures]
        return self.scheme.kind(np.mean(likely, axis=0), sure=sure) if likely else None

    def _sees_wholes(self, sense: str) -> bool:
        return sees_wholes(self.senses[sense])

    def _may_found(self, label: str | None, near: Sequence[Any]) -> bool:
        """Whether a picture is the first of a concept that no thesaurus places."""
        if label is None or not label.strip():
            return not near
        return self.store.graph.named(label) is None and not self.thesaurus.meanings(label)

    def _pictures(self, node: Node) -> list[Any]:
        """Views of a concept, by the sharpest sense that takes pictures whole and has any of it."""
        for name in reversed(list(filter(self._sees_wholes, self.senses))):
            links = self.store.graph.links(node.id, sense=name, at_most=VIEWS)
            views = [self._view(name, one.engram, one.point) for one in links]
            if views:
                return [view for view in views if view is not None]
        return []

    def _view(self, sense: str, engram: int, point: int | None) -> Any | None:
        kept = [
            one
            for one in self.store.points([engram], originals=True)
            if one.id in self.places[one.point.sense].engram_of
            and self.senses[one.point.sense].modality == "image"
        ]
        glimpses = [
            Glimpse(one.point, *self.places[one.point.sense].features(one.id)) for one in kept
        ]
        own = [one.id for one in kept if one.point.sense == sense]
        if point not in own:
            return None
        return picture_of(glimpses, own.index(point), len(own), self.senses)


def unplaced(rows: ConceptRows, node: Node) -> bool:
    """Whether nothing but closeness says what a concept is a kind of, and no thesaurus knows it."""
    if node.made_by not in PLACED_BY or node.synset is not None:
        return False
    members = [one.id for one in rows.members(node.id)]
    return all(made_by == "cluster" for _, _, made_by in rows.edges(members))


def place_by_class(
    store: SqliteStore, node: Node, kind: Kind, thesaurus: Thesaurus, *, now: datetime
) -> int | None:
    """Place a concept below the node of a synset, kept as an event; that node.

    Called within a transaction. None, and nothing is changed, where the concept was put above
    what it would be placed below.
    """
    rows = store.graph
    parent = synset_node(rows, kind.synset, thesaurus)
    rows.put_edge(node.id, parent, "class")
    if above_itself(rows, node.id) is not None:
        rows.drop_edge(node.id, parent)
        let_go_above(store, parent)
        return None
    document = {"child": node.id, "parent": parent, "probability": round(kind.probability, 6)}
    store.events.add("class", now, document, acts=[node.id], names=[parent])
    return parent
