"""What a person does to concepts: add, merge, split, rename, place; and taking it back.

Each is one transaction that also writes down what takes it back. Points are never moved by a
merge: the node merged only follows the other, so merges can be taken back in any order, and what
was learned meanwhile stays where it belongs. What later events build on is not taken back before
them; the error names them.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from mnemic.concepts.placing import place_above
from mnemic.concepts.thesaurus import Thesaurus
from mnemic.concepts.undoing import above_itself, let_go_above, take_back
from mnemic.errors import ConfigError, NotStoredError
from mnemic.protocols import Node
from mnemic.records import ConceptEvent
from mnemic.store import SqliteStore
from mnemic.store.concept_care import GUESSED, reroot


class Changes:
    """Changes of one store; every id may be that of any node of a concept."""

    def __init__(self, store: SqliteStore) -> None:
        self.store = store
        self.rows = store.graph
        self.events = store.events

    def root(self, concept: int) -> Node:
        """The node that stands for a concept.

        Raises:
            NotStoredError: there is no concept of this id.
        """
        node = self.rows.node(concept)
        if node is not None and node.root != node.id:
            node = self.rows.node(node.root)
        if node is None:
            raise NotStoredError(
                f"no concept has id {concept}; it was forgotten with its engrams, or never made"
            )
        return node

    def add(self, label: str, *, now: datetime) -> int:
        """A new concept with nothing in it, to place others under.

        Raises:
            ConfigError: the label cannot be a name, or is one already.
        """
        with self.store.changing():
            self._refuse_name(label)
            node = self.rows.add_node("person", label=label)
            self.rows.name(label, node)
            self.events.add("add", now, {"node": node}, acts=[node])
        return node

    def merge(self, into: int, other: int, *, now: datetime) -> int:
        """Make two concepts one; the first one's label stays, the other's becomes a name of it.

        Raises:
            ConfigError: they are one, or one is above the other with a third between.
            NotStoredError: there is no such concept.
        """
        with self.store.changing():
            kept, gone = self.root(into), self.root(other)
            if kept.id == gone.id:
                raise ConfigError(f"{_called(kept)} cannot be merged with itself")
            self.rows.put(gone.id, merged=kept.id)
            reroot(self.rows, gone.id)
            self._refuse_circle(kept.id, f"{_called(kept)} and {_called(gone)} cannot be one")
            self.events.add("merge", now, {"node": gone.id}, acts=[gone.id], names=[kept.id])
        return kept.id

    def split(
        self, concept: int, points: Iterable[int], *, label: str | None, now: datetime
    ) -> int:
        """Move points of a concept to a new one.

        Raises:
            ConfigError: no point, all points, or one of another concept; or the label is taken.
            NotStoredError: there is no such concept.
        """
        wanted = sorted(set(points))
        with self.store.changing():
            root = self.root(concept)
            if label is not None:
                self._refuse_name(label)
            nodes = self.rows.of_points(wanted) if wanted else {}
            astray = [
                point for point in wanted if point not in nodes or nodes[point][0].root != root.id
            ]
            if astray:
                raise ConfigError(f"point {astray[0]} is not of {_called(root)}; see its links")
            count = sum(self.rows.link_counts(root.id).values())
            if not wanted or len(wanted) == count:
                raise ConfigError(
                    f"{_called(root)} has {count} points, and {len(wanted)} were to be split off;"
                    " name some of them, and leave some"
                )
            node = self.rows.add_node("person", label=label)
            if label is not None:
                self.rows.name(label, node)
            moved = [[point, nodes[point][0].id] for point in wanted]
            self.rows.move(wanted, node)
            sources = {source for _, source in moved}
            document = {"node": node, "moved": moved}
            self.events.add("split", now, document, acts=[node], names=sources)
        return node

    def rename(
        self, concept: int, label: str, *, now: datetime, thesaurus: Thesaurus | None = None
    ) -> None:
        """Give a concept another label, or its first; the old one goes on leading to it.

        A concept whose place nobody told gets that of its label by the thesaurus.

        Raises:
            ConfigError: the label cannot be a name, or is one of another concept.
            NotStoredError: there is no such concept.
        """
        with self.store.changing():
            root = self.root(concept)
            taken = self.rows.named(label)
            mine = taken is not None and self.root(taken).id == root.id
            if root.label == label:
                raise ConfigError(f"{_called(root)} has that label already")
            self._refuse_name(label, mine=mine)
            document: dict[str, Any] = {"node": root.id, "before": root.label, "after": label}
            document["new"] = not mine
            self.rows.put(root.id, label=label)
            if not mine:
                self.rows.name(label, root.id)
            reroot(self.rows, root.id)
            if thesaurus is not None:
                document["placed"] = self._place_by_label(root, label, thesaurus)
            self.events.add("rename", now, document, acts=[root.id])

    def place(self, concept: int, parents: Collection[int], *, now: datetime) -> None:
        """Place a concept right below others, and no more below what it was below; or below none.

        Raises:
            ConfigError: one of them is below it, or it itself.
            NotStoredError: there is no such concept.
        """
        with self.store.changing():
            root = self.root(concept)
            above = [self.root(parent) for parent in parents]
            members = [node.id for node in self.rows.members(root.id)]
            if any(one.id == root.id for one in above):
                raise ConfigError(f"{_called(root)} cannot be placed below itself")
            before = self.rows.edges(members)
            for child, parent, _ in before:
                self.rows.drop_edge(child, parent)
            for one in above:
                self.rows.put_edge(root.id, one.id, "person")
            names = " and ".join(map(_called, above))
            self._refuse_circle(root.id, f"{_called(root)} cannot be placed below {names}")
            after = self.rows.edges(members)
            document = {"before": before, "after": after}
            self.events.add("place", now, document, acts=members, names=[one.id for one in above])

    def _place_by_label(self, root: Node, label: str, thesaurus: Thesaurus) -> list[int]:
        """The nodes a concept is right below now and was not; none where its place was told."""
        members = [node.id for node in self.rows.members(root.id)]
        meanings = thesaurus.meanings(label)
        told = any(made_by not in GUESSED for _, _, made_by in self.rows.edges(members))
        if told or root.synset is not None or not meanings:
            return []
        place_above(self.rows, root.id, thesaurus.synset(meanings[0]), thesaurus)
        placed = [
            parent for _, parent, made_by in self.rows.edges([root.id]) if made_by not in GUESSED
        ]
        if above_itself(self.rows, root.id) is None:
            return placed
        for parent in placed:  # a person put it above what it would be a kind of
            self.rows.drop_edge(root.id, parent)
            let_go_above(self.store, parent)
        return []

    def undo(self, event: int | None) -> ConceptEvent:
        """Take back an event, the last one unless another is named.

        Raises:
            ConfigError: it was taken back already, or others that came later build on it.
            NotStoredError: there is no such event.
        """
        with self.store.changing():
            id = self.events.last() if event is None else event
            kept = None if id is None else self.events.get(id)
            if id is None or kept is None:
                raise NotStoredError(
                    "there is nothing to undo"
                    if id is None
                    else f"no event has id {id}; it went with what was forgotten, or never was"
                )
            if kept.event.undone:
                raise ConfigError(f"event {id} ({kept.event.kind}) was undone already")
            self._refuse_foundation(kept.event)
            self.events.take_back(id)
            take_back(self.store, kept)
            done = self.events.get(id)
            assert done is not None
        return done.event

    def _refuse_foundation(self, event: ConceptEvent) -> None:
        naming = event.kind in ("add", "split")  # the node they made would go
        later = {
            id for node in event.concepts for id in self.events.later(event.id, node, naming=naming)
        }
        if later:
            first = ", then ".join(f"event {id}" for id in sorted(later, reverse=True))
            raise ConfigError(
                f"event {event.id} ({event.kind}) has others built on it; undo {first} first"
            )

    def _refuse_name(self, label: str, *, mine: bool = False) -> None:
        if not label.strip() or not label.isprintable():
            raise ConfigError(f"a name is one line of printable characters, got {label!r}")
        taken = self.rows.named(label)
        if taken is not None and not mine:
            raise ConfigError(
                f"{label!r} is a name of {_called(self.root(taken))} already;"
                " choose another, or merge the two"
            )

    def _refuse_circle(self, root: int, what: str) -> None:
        between = above_itself(self.rows, root)
        if between is not None:
            raise ConfigError(
                f"{what}: {_called(between)} would be above and below it, and nothing is above"
                " itself"
            )


def _called(node: Node) -> str:
    return f"concept {node.id}" + ("" if node.label is None else f" ({node.label!r})")
