"""How an experience finds its concepts, within the transaction that stores it.

A node gathers points: those told by one label, or near to one another in one sense (locality).
Nodes that fire together are tied (synchrony), and a node nobody has named follows the one it most
faithfully fires with: all that follow one another are one concept. So a voice that was heard with
the wrong face is not lost to it; it follows another when it has been heard with that more often.
Texts are content: they go with what they were read with, and are no key.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from mnemic.concepts.hebbian import strengthened, updated
from mnemic.concepts.placing import placed
from mnemic.concepts.settings import ConceptSettings
from mnemic.concepts.thesaurus import Thesaurus
from mnemic.protocols import KeptPoint, Node, Stored, Tie
from mnemic.records import Bond, Experience
from mnemic.store.concept_care import follow_best
from mnemic.store.concepts import ConceptRows, NewLink
from mnemic.store.rows import microseconds

CONTENT = "text"  # the modality whose parts are content, not keys
FOUNDED = 0.5  # weight of the link that founds a node
TOLD = 1.0  # and of one a person told


def sharpest(senses: Mapping[str, str], present: Collection[str]) -> set[str]:
    """Of the senses that are present, the sharpest of each modality, by which concepts are told.

    ``senses`` have their modalities, the sharper ones later: those that were trained on much, and
    those made for the purpose. Texts are no key, whatever they are seen by.

    >>> sorted(sharpest({"pixels": "image", "net": "image", "words": "text"}, ["pixels", "words"]))
    ['pixels']
    """
    last = {senses[name]: name for name in senses if name in present}
    return {name for modality, name in last.items() if modality != CONTENT}


class Candidate(NamedTuple):
    """A stored point that a new one may be of the same concept with."""

    point: int
    fit: float  # .5 at the radius to 1


class Located(NamedTuple):
    """The node a new point belongs to by locality."""

    node: Node
    exemplar: int  # the point it was recognised by
    weight: float  # of that one's link
    fit: float


class Fired(NamedTuple):
    """A node that fires in an experience."""

    node: Node
    sense: str | None  # in which it fired; None: it was told
    recognised: bool  # not founded just now


class Binder:
    """Binds experiences, one after another, by what the store holds at the time."""

    def __init__(
        self,
        rows: ConceptRows,
        settings: ConceptSettings,
        thesaurus: Thesaurus | None,
        *,
        senses: Mapping[str, str],
    ) -> None:
        self.rows = rows
        self.settings = settings
        self.thesaurus = thesaurus
        self.senses = senses

    def bind(
        self, stored: Stored, experience: Experience, near: Mapping[int, Sequence[Candidate]]
    ) -> None:
        """Link each point of an experience that was just stored, and tie what fired.

        ``near`` has the stored points each new one lies near, the nearest first.
        """
        keys = sharpest(self.senses, [kept.point.sense for kept in stored.points])
        percepts = [kept for kept in stored.points if kept.point.sense in keys]
        others = [kept for kept in stored.points if kept.point.sense not in keys]
        label = experience.label if experience.label and experience.label.strip() else None
        told = None if label is None else self.told(label)
        located = self._located(percepts, near, one_thing=told is not None)
        fired = [] if told is None else [Fired(told, None, True)]
        links: list[NewLink] = []
        for kept in percepts:
            fired += self._link(kept, located.get(kept.id), told, links)
        self._link_along(stored, experience, others, fired, links)
        self.rows.link(links)
        recognised = located.values()
        self.rows.reweigh(
            {one.exemplar: self._weight(strengthened(one.weight)) for one in recognised}
        )
        if self.settings.window or len(fired) > 1:
            self._tie(fired, self._just_before(stored, experience), told is not None)

    def told(self, label: str) -> Node:
        """The node of a label: the same label, the same node."""
        id = self.rows.named(label)
        if id is None:
            id = placed(self.rows, label, self.thesaurus)
            self.rows.name(label, id)
        node = self.rows.node(id)
        assert node is not None
        return node

    def _located(
        self,
        percepts: Sequence[KeptPoint],
        near: Mapping[int, Sequence[Candidate]],
        *,
        one_thing: bool,
    ) -> dict[int, Located]:
        """By locality: the nearest first, and no two parts of one sense in one concept."""
        nearest = {kept.id: near[kept.id][:1] for kept in percepts if near.get(kept.id)}
        found = self._by_fit(percepts, nearest, one_thing=one_thing)
        if len(found) < len(nearest):  # two want one concept, or what is nearest has none
            found = self._by_fit(percepts, near, one_thing=one_thing)
        return found

    def _by_fit(
        self,
        percepts: Sequence[KeptPoint],
        near: Mapping[int, Sequence[Candidate]],
        *,
        one_thing: bool,
    ) -> dict[int, Located]:
        asked = {one.point for kept in percepts for one in near.get(kept.id, ())}
        known = self.rows.of_points(asked) if asked else {}
        pairs = sorted(
            (
                (-one.fit, place, kept, one)
                for place, kept in enumerate(percepts)
                for one in near.get(kept.id, ())
                if one.point in known
            ),
            key=lambda pair: pair[:2],
        )
        found: dict[int, Located] = {}
        taken: set[tuple[str, int]] = set()
        for _, _, kept, one in pairs:
            node, weight = known[one.point]
            here = (kept.point.sense, node.root)
            if kept.id not in found and (one_thing or here not in taken):
                found[kept.id] = Located(node, one.point, weight, one.fit)
                taken.add(here)
        return found

    def _link(
        self,
        kept: KeptPoint,
        located: Located | None,
        told: Node | None,
        links: list[NewLink],
    ) -> list[Fired]:
        """Link a point as it was told, else where it lies, else to a node of its own."""
        sense = kept.point.sense
        if told is not None:
            links.append(self._tied(told, kept, TOLD, "told"))
            ours = located is not None and located.node.made_by == "locality"
            return [Fired(located.node, sense, True)] if located and ours else []
        if located is not None:
            links.append(self._tied(located.node, kept, located.fit, "locality"))
            return [Fired(located.node, sense, True)]
        node = self.rows.node(self.rows.add_node("locality", sense=sense))
        assert node is not None
        links.append(self._tied(node, kept, FOUNDED, "synchrony"))
        return [Fired(node, sense, False)]

    def _link_along(
        self,
        stored: Stored,
        experience: Experience,
        others: Sequence[KeptPoint],
        fired: Sequence[Fired],
        links: list[NewLink],
    ) -> None:
        """Link what is no key with what fired; texts alone with what they are the name of."""
        first = fired[0].node if fired else self._named_by(experience)
        of: dict[str, Node] = {}
        for one in reversed(fired):
            of[self.senses.get(one.sense or "", "")] = one.node
        for kept in others:
            node = of.get(self.senses[kept.point.sense], first)
            if node is None:
                id = self.rows.add_node("locality", sense=kept.point.sense)
                node = first = self.rows.node(id)
                assert node is not None
            weight = TOLD if experience.label else FOUNDED
            links.append(self._tied(node, kept, weight, "synchrony"))
        if not stored.points and first is not None:  # there are its words alone
            links.append(NewLink(first.id, stored.id, None, TOLD, "told"))

    def _named_by(self, experience: Experience) -> Node | None:
        """A text that is a name and nothing else means what it names."""
        ids = [id for id in map(self.rows.named, experience.text) if id is not None]
        return self.rows.node(ids[0]) if ids else None

    def _tied(self, node: Node, kept: KeptPoint, weight: float, made_by: Bond) -> NewLink:
        return NewLink(node.id, kept.engram, kept.id, self._weight(weight), made_by)

    def _weight(self, weight: float) -> float:
        return 1.0 if self.settings.links == "binary" else weight

    def _just_before(self, stored: Stored, experience: Experience) -> list[Fired]:
        if not self.settings.window:
            return []
        now = microseconds(experience.time)
        then = now - round(self.settings.window * 1e6)
        nodes = self.rows.active_between(then, now, but=stored.id)
        return [Fired(node, node.sense, True) for node in nodes]

    def _tie(self, fired: Sequence[Fired], before: Sequence[Fired], told: bool) -> None:
        """Strengthen the ties among what fired, weaken those to what could have and did not."""
        once = _once(fired)
        ties = self.rows.ties(one.node.id for one in once)
        rows: list[tuple[int, int, float, int, bool]] = []
        for one in once:
            others = [other for other in once if other.node.id != one.node.id]
            ids = {one.node.id, *(other.node.id for other in others)}
            earlier = [
                other
                for other in before
                if other.node.id not in ids and (other.sense is None or other.sense != one.sense)
            ]
            rows += _retied(one, [*others, *earlier], ties[one.node.id], told)
        self.rows.put_ties(rows)
        for one in fired:
            follow_best(self.rows, one.node)


def _retied(
    one: Fired, others: Sequence[Fired], before: Sequence[Tie], told: bool
) -> list[tuple[int, int, float, int, bool]]:
    """The ties of a node that fires, as rows: to what fires too, and to what could have."""
    ties = {tie.other.id: tie for tie in before}
    kinds = {_kind(other.node) for other in others if other.recognised} - {one.sense}
    rows: list[tuple[int, int, float, int, bool]] = []
    for other in others:
        tie = ties.pop(other.node.id, None)
        if tie is None:  # it could have fired as often as another of its kind
            alike = [t.chances for t in ties.values() if _kind(t.other) == _kind(other.node)]
            weight, chances, apart = 0.0, max(alike, default=0), False
        else:
            weight, chances, apart = tie.weight, tie.chances, tie.apart
        beside = other.sense is not None and other.sense == one.sense and not told
        weight = updated(weight, chances, together=True)
        rows.append((one.node.id, other.node.id, weight, chances + 1, apart or beside))
    for id, tie in ties.items():
        if tie.apart or _kind(tie.other) in kinds:
            weight = updated(tie.weight, tie.chances, together=False)
            rows.append((one.node.id, id, weight, tie.chances + 1, tie.apart))
    return rows


def _kind(node: Node) -> str | None:
    """The sense a node fires in; None of one with a name, which fires in place of other names."""
    return node.sense if node.label is None else None


def _once(fired: Sequence[Fired]) -> list[Fired]:
    return list({one.node.id: one for one in reversed(fired)}.values())[::-1]
