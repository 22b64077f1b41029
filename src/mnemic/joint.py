"""Joint retrieval: what one concept ties together comes back together, from any of it."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from mnemic.answers import NOTHING_RECALLED
from mnemic.collection import Collection
from mnemic.protocols import Node
from mnemic.records import ActiveConcept, Link, Recall
from mnemic.store.concepts import ConceptRows

BROUGHT = ("image", "sound", "vector")  # fields of a recall that a concept can bring
NOTES = 100  # texts, at most
LOOKED_AT = 32  # links of a sense, to find one that can answer


def by_concept(collection: Collection, rows: ConceptRows, node: Node | None, k: int) -> Recall:
    """Everything that a concept ties together: its best points in each sense, and its texts."""
    if node is None or "hippocampus" in collection.lesioned:
        return NOTHING_RECALLED
    best: dict[int, float] = {}
    words: list[int] = []
    for link in _answering(collection, rows.links(node.id)):
        if link.point is None:
            words.append(link.engram)
        elif len(best) < k:
            best.setdefault(link.engram, link.weight)
    found = NOTHING_RECALLED
    if best:
        found = collection.bring(best)
    elif words:
        [engram] = collection.engrams(words[:1])
        found = replace(found, engram=engram, remembered=True, confidence=1.0)
    concept = ActiveConcept(id=node.id, label=node.label, activation=1.0, runners_up=())
    return completed(collection, rows, replace(found, concept=concept))


def completed(collection: Collection, rows: ConceptRows, found: Recall) -> Recall:
    """A recall, with what the concept brings of the senses that the engram has no part in."""
    if found.concept is None or "hippocampus" in collection.lesioned:
        return found
    changes: dict[str, Any] = {}
    brought: dict[str, int] = {}
    for sense, place in collection.points.items():
        modality = place.sense.modality
        if modality not in BROUGHT or getattr(found, modality) is not None or modality in brought:
            continue
        links = rows.links(found.concept.id, sense=sense, at_most=LOOKED_AT)
        for link in _answering(collection, links):
            part = getattr(collection.bring({link.engram: link.weight}), modality)
            if part is not None:
                changes[modality], brought[modality] = part, link.engram
                break
    engrams = list({link.engram: 0 for link in rows.links(found.concept.id, at_most=NOTES)})
    kept = collection.store.get(sorted(engrams))
    notes = dict.fromkeys(text for one in kept for text in one.experience.text)
    return replace(found, **changes, brought=brought, notes=tuple(notes))


def _answering(collection: Collection, links: Iterable[Link]) -> Iterable[Link]:
    """The links whose points no lesion silences."""
    for link in links:
        if link.sense is not None and link.point is not None:
            patterns = collection.points[link.sense].memory.patterns
            if link.point not in patterns:
                continue
            available = patterns.available
            if available is not None and not bool(available[patterns.row_of(link.point)]):
                continue
        yield link
