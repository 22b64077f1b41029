"""Where a label stands in the thesaurus: its node, and all that it is a kind of, above it."""

from mnemic.concepts.thesaurus import Thesaurus
from mnemic.datasets.words import Synset
from mnemic.store.concepts import ConceptRows


def placed(rows: ConceptRows, label: str, thesaurus: Thesaurus | None) -> int:
    """A node for a label that leads nowhere yet: that of its most usual meaning.

    A meaning that is there already, above others, becomes what is named.
    """
    meanings = [] if thesaurus is None else thesaurus.meanings(label)
    if thesaurus is None or not meanings:
        return rows.add_node("label", label=label)
    there = rows.of_synset(meanings[0])
    if there is not None and not rows.names_of(there.root):
        rows.put(there.id, label=label)
        return there.id
    if there is not None:  # two names of one meaning are two concepts until somebody merges them
        node = rows.add_node("label", label=label)
        for _, parent, made_by in rows.edges([there.id]):
            rows.put_edge(node, parent, made_by)
        return node
    synset = thesaurus.synset(meanings[0])
    node = rows.add_node(
        "label", label=label, synset=synset.offset, document={"definition": synset.definition}
    )
    place_above(rows, node, synset, thesaurus)
    return node


def synset_node(rows: ConceptRows, offset: int, thesaurus: Thesaurus) -> int:
    """The node that stands for a synset, made with all above it where there is none."""
    there = rows.of_synset(offset)
    if there is not None:
        return there.id
    synset = thesaurus.synset(offset)
    node = _thesaurus_node(rows, synset)
    place_above(rows, node, synset, thesaurus)
    return node


def place_above(rows: ConceptRows, node: int, synset: Synset, thesaurus: Thesaurus) -> None:
    """Nodes for all that a synset is a kind of, up to those that are there."""
    waiting = [(node, synset)]
    while waiting:
        child, below = waiting.pop()
        for above in thesaurus.above(below.offset):
            there = rows.of_synset(above.offset)
            parent = there.id if there is not None else None
            if parent is None:
                parent = _thesaurus_node(rows, above)
                waiting.append((parent, above))
            rows.put_edge(child, parent, "thesaurus")


def _thesaurus_node(rows: ConceptRows, synset: Synset) -> int:
    return rows.add_node(
        "thesaurus",
        label=synset.words[0],
        synset=synset.offset,
        document={"definition": synset.definition},
    )
