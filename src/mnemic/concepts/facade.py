"""``memory.concepts``: what a person asks of concepts, and does to them."""

import difflib
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from threading import RLock
from typing import Any

from mnemic.concepts.association import Association
from mnemic.concepts.binding import CONTENT
from mnemic.concepts.changes import Changes
from mnemic.concepts.classing import Classing
from mnemic.concepts.organising import (
    NO_THESAURUS,
    Organised,
    clear_clusters,
    cluster,
    place_labels,
)
from mnemic.concepts.scheme import SURE
from mnemic.concepts.settings import ConceptSettings
from mnemic.concepts.spreading import reached
from mnemic.errors import ConfigError, DataError, NotStoredError
from mnemic.protocols import Node
from mnemic.records import (
    ActiveConcept,
    Branch,
    Classed,
    Concept,
    ConceptEvent,
    Engram,
    Fired,
    Link,
    Neighbour,
)
from mnemic.senses.extra import release
from mnemic.senses.seeing import PACKAGES

Named = int | str | Concept | ActiveConcept | Fired  # a concept, its id, or a name of it


class Concepts:
    """The concepts of a memory: a graph on disk, the same for every process that has it open.

    Whatever changes it is one transaction, kept as an event that ``undo`` takes back.
    """

    def __init__(self, association: Association, lock: RLock, refresh: Callable[[], None]) -> None:
        self._association = association
        self._lock = lock
        self._refresh = refresh
        self._rows = association.store.graph
        self._changes = Changes(association.store)

    def __len__(self) -> int:
        return len(self._rows.roots())

    def find(self, concept: Named) -> Concept:
        """A concept by its id or by any of its names, as it stands.

        Raises:
            NotStoredError: there is none; the message names what is spelt alike.
        """
        with self._lock:
            return self._concept(self._root(concept))

    def of(self, engram: Engram | int) -> list[Concept]:
        """The concepts that parts of an engram are linked to; one, if it was of one thing.

        Raises:
            NotStoredError: no engram has this id.
        """
        id = engram.id if isinstance(engram, Engram) else int(engram)
        with self._lock:
            self._association.store.get([id])
            nodes = self._rows.nodes(self._rows.of_engrams([id]).get(id, []))
            return [self._concept(self._changes.root(root)) for root in {n.root: 0 for n in nodes}]

    def links(self, concept: Named, *, sense: str | None = None, limit: int = -1) -> list[Link]:
        """What a concept is tied to, in one sense or all, the strongest first."""
        with self._lock:
            return self._rows.links(self._root(concept).id, at_most=limit, sense=sense)

    def known(self, name: str) -> Node | None:
        """The node that stands for what a name leads to, or None."""
        with self._lock:
            try:
                return self._root(name)
            except NotStoredError:
                return None

    def above(self, concept: Named) -> list[Concept]:
        """All that a concept is a kind of, the nearest first."""
        with self._lock:
            return [
                self._concept(node)
                for node, steps in self._rows.above(self._root(concept).id)
                if steps
            ]

    def tree(self, concept: Named | None = None) -> list[Branch]:
        """A concept and all below it; without one, everything from the top.

        Chains above the first branching are kept: they say what all is a kind of.
        """
        with self._lock:
            if concept is not None:
                return [self._branch(self._root(concept), ())]
            tops = [node for node in self._rows.roots() if not self._rows.parents_of(node.id)]
            return list(filter(_holds, (self._branch(node, ()) for node in tops)))

    def neighbours(self, concept: Named, *, limit: int = 10) -> list[Neighbour]:
        """The wider context of a concept: others that fire when it does, most often first."""
        with self._lock:
            ties = self._rows.context(self._root(concept).id)[:limit]
            return [Neighbour(self._concept(self._changes.root(id)), weight) for id, weight in ties]

    def add(self, label: str) -> Concept:
        """A new concept with nothing in it yet, to place others under.

        Raises:
            ConfigError: the label cannot be a name, or is one already.
        """
        with self._lock:
            return self.find(self._changes.add(label, now=_now()))

    def merge(self, into: Named, other: Named) -> Concept:
        """Make two concepts one. The first keeps its label; that of the other leads to it too.

        Raises:
            ConfigError: they are one already, or one is above the other with a third between.
        """
        with self._lock:
            first, second = self._root(into).id, self._root(other).id
            merged = self._changes.merge(first, second, now=_now())
            self._association.forget_radii()
            return self.find(merged)

    def split(
        self, concept: Named, points: Iterable[int | Link], *, label: str | None = None
    ) -> Concept:
        """Move some points (their ids, or links) of a concept to a new one.

        Raises:
            ConfigError: no point, all points, one that is not its own, or a label that is taken.
        """
        ids = [one.point if isinstance(one, Link) else int(one) for one in points]
        wanted = [id for id in ids if id is not None]
        with self._lock:
            root = self._root(concept).id
            made = self._changes.split(root, wanted, label=label, now=_now())
            self._association.forget_radii()
            return self.find(made)

    def rename(self, concept: Named, label: str) -> Concept:
        """Give a concept another label, or its first. Its old one goes on leading to it.

        A label the thesaurus knows gives a place to a concept that has none, or was guessed one.

        Raises:
            ConfigError: the label is empty, no single line, or a name of another concept.
        """
        with self._lock:
            root = self._root(concept).id
            self._changes.rename(root, label, now=_now(), thesaurus=self._association.thesaurus)
            self._association.forget_radii()
            return self.find(root)

    def place(self, concept: Named, under: Named | Collection[Named] | None) -> Concept:
        """Place a concept below another, or several, or none; no more below what it was below.

        Raises:
            ConfigError: what it is to be placed under is below it, or it itself.
        """
        with self._lock:
            one = isinstance(under, (int, str, Concept, Fired, ActiveConcept))
            several: list[Any] = [under] if one else list(under or ())
            root = self._root(concept).id
            self._changes.place(root, [self._root(one).id for one in several], now=_now())
            return self.find(root)

    def events(self) -> list[ConceptEvent]:
        """All that was done to concepts, oldest first."""
        return self._association.store.events.all()

    def undo(self, event: int | ConceptEvent | None = None) -> ConceptEvent:
        """Take back an event, the last one unless another is named.

        Raises:
            ConfigError: it was undone already, or later ones build on it: the message says which
                to undo first.
        """
        with self._lock:
            undone = self._changes.undo(event.id if isinstance(event, ConceptEvent) else event)
            self._association.forget_radii()
            return undone

    def organise(self) -> Organised:
        """Order all concepts: labels by the thesaurus, others by how close they lie (HDBSCAN).

        What was stored without a label before there were concepts is bound first. Clusters of the
        last time are made anew; what a person placed stays.
        """
        with self._lock:
            self._refresh()
            one, rows = self._association, self._rows
            with one.store.changing():
                bound = one.bind_the_unbound()
                placed = 0 if one.thesaurus is None else place_labels(rows, one.thesaurus)
                clear_clusters(rows, one.store.events)
                made = sum(cluster(rows, one.space(sense)) for sense in one.senses)
        return Organised(bound, placed, made, None if one.thesaurus is not None else NO_THESAURUS)

    def classify(self, *, sure: float = SURE) -> list[Classed]:
        """Place concepts that no label places below what a pretrained network takes them for.

        That is the class of ImageNet, or what likely classes are kinds of, that is as probable as
        ``sure`` and covers the least, at most a quarter of all classes; a concept for which there
        is none is left. Each is an event that ``undo`` takes back. A place by label, or by a
        person, counts instead. ``choose(classes=True)`` does it for what is remembered.

        Raises:
            ConfigError: ``sure`` is no probability of more than a half.
            DataError: WordNet is not on this machine.
            MissingExtraError: the extra ``senses`` is not installed.
        """
        if not 0.5 < sure <= 1:
            raise ConfigError(f"sure is a probability of more than 0.5, got {sure}")
        with self._lock:
            self._refresh()
            return [
                Classed(self._concept(self._changes.root(child)), self.find(parent), probability)
                for child, parent, probability in self._classing().classify(sure, now=_now())
            ]

    def spread(self, sense: str | None = None) -> int:
        """Let names spread to what nobody has named, by nearness in many steps; how many got one.

        A concept without a label becomes one with that whose name reaches most of its points. Each
        is a merge that ``undo`` takes back. Nearness is measured in the space that was chosen, of
        the sense named, or of each but those of text.

        Raises:
            ConfigError: the memory has no such sense.
        """
        with self._lock:
            self._refresh()
            one, count = self._association, 0
            senses = [name for name, modality in one.senses.items() if modality != CONTENT]
            if sense is not None and sense not in one.senses:
                raise ConfigError(f"there is no sense {sense!r}; there are {', '.join(senses)}")
            for name in senses if sense is None else [sense]:
                for nameless, named in reached(one.space(name), self._rows).items():
                    self._changes.merge(named, nameless, now=_now())
                    count += 1
            one.forget_radii()
        return count

    @property
    def settings(self) -> ConceptSettings:
        """How experiences are bound; ``choose`` changes it."""
        return self._association.settings

    def choose(self, **changes: Any) -> ConceptSettings:
        """Bind otherwise from now on, in every process: see ``ConceptSettings``.

        Raises:
            ConfigError: there is no such setting, or it is out of range.
            DataError, MissingExtraError: ``classes`` takes WordNet and the extra ``senses``.
        """
        if changes.get("classes"):
            self._classing()
        with self._lock, self._association.store.changing():
            settings = self._association.settings.changed(changes)
            self._rows.put_settings(settings.document)
        return settings

    def false_joins(self, sense: str) -> float | None:
        """How often, at most, something new joins a concept it is not of, in a sense.

        None: too little is stored to tell.
        """
        with self._lock:
            self._refresh()
            return self._association.space(sense).radius.false_joins

    def _classing(self) -> Classing:
        """What sees classes; what it takes is there, but not loaded yet."""
        release(*PACKAGES)
        if self._association.classing is None:
            raise DataError(f"classes have their places from WordNet; {NO_THESAURUS}")
        return self._association.classing

    def _root(self, concept: Named) -> Node:
        if isinstance(concept, str):
            return self._changes.root(self._named(concept))
        return self._changes.root(concept if isinstance(concept, int) else concept.id)

    def _named(self, name: str) -> int:
        id = self._rows.named(name)
        if id is not None:
            return id
        known = [node.id for node in self._rows.labelled(name)]
        if len(known) == 1:
            return known[0]
        if known:
            raise NotStoredError(
                f"{name!r} may be any of the concepts {', '.join(map(str, known))}; name an id"
            )
        names = self._rows.names()
        same = [one for one in names if one.casefold() == name.strip().casefold()]
        if len(same) == 1:
            found = self._rows.named(same[0])
            assert found is not None
            return found
        alike = same or difflib.get_close_matches(name, names, 3)
        hint = f"; did you mean {' or '.join(map(repr, alike))}?" if alike else ""
        raise NotStoredError(f"no concept is named {name!r}{hint}")

    def _concept(self, node: Node) -> Concept:
        return Concept(
            id=node.id,
            label=node.label,
            names=tuple(self._rows.names_of(node.id)),
            made_by=node.made_by,
            links=self._rows.link_counts(node.id),
            parents=tuple(self._rows.parents_of(node.id)),
            children=tuple(self._rows.children_of(node.id)),
            document=node.document,
        )

    def _branch(self, node: Node, way: tuple[int, ...]) -> Branch:
        concept = self._concept(node)
        below = [
            self._branch(self._changes.root(child), (*way, node.id))
            for child in concept.children
            if child not in (*way, node.id)
        ]
        return Branch(concept=concept, below=tuple(filter(_holds, below)))


def _holds(branch: Branch) -> bool:
    """Whether there is anything in it: a place that was guessed and does not count is not drawn."""
    one = branch.concept
    return bool(branch.below or one.links or one.names) or one.made_by != "thesaurus"


def _now() -> datetime:
    return datetime.now(UTC)
