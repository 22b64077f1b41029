"""Taking back what was done to concepts; what has happened since stays where it belongs."""

from collections.abc import Callable, Mapping
from typing import Any

from mnemic.errors import ConfigError
from mnemic.protocols import Node
from mnemic.store import SqliteStore
from mnemic.store.concept_care import follow_best, reroot
from mnemic.store.concept_events import KeptEvent
from mnemic.store.concepts import ConceptRows


def above_itself(rows: ConceptRows, root: int) -> Node | None:
    """A concept right above one and yet below it; None where all is well."""
    for parent in rows.parents_of(root):
        if any(node.id == root for node, _ in rows.above(parent)):
            return rows.node(parent)
    return None


def take_back(store: SqliteStore, kept: KeptEvent) -> None:
    """Undo one event; called within a transaction.

    Raises:
        ConfigError: what came later does not allow it.
    """
    _UNDOING[kept.event.kind](store, kept.document, kept.event.id)


def _added(store: SqliteStore, document: Mapping[str, Any], _: int) -> None:
    node = document["node"]
    if store.graph.link_counts(node):  # something was remembered by that name since
        store.graph.put(node, made_by="label")
    else:
        _let_go(store.graph, node)


def _merged(store: SqliteStore, document: Mapping[str, Any], event: int) -> None:
    node = store.graph.node(document["node"])
    assert node is not None
    store.graph.put(node.id, merged=None)
    reroot(store.graph, node.id)
    _refuse_circle(store, {node.root, node.id}, event, "merge")


def _split(store: SqliteStore, document: Mapping[str, Any], _: int) -> None:
    """Put points back where they were; what came to the new concept since goes with the first."""
    rows, node = store.graph, document["node"]
    there = {one.id for one in rows.nodes({source for _, source in document["moved"]})}
    now = rows.of_points(point for point, _ in document["moved"])
    for source in sorted(there):
        mine = [point for point, once in document["moved"] if once == source]
        rows.move([point for point in mine if point in now and now[point][0].id == node], source)
    heir = min(there)
    if rows.link_counts(node):
        rows.move_all([node], heir)
        for name in rows.names_of(node):
            rows.name(name, heir)
    _let_go(rows, node)


def _renamed(store: SqliteStore, document: Mapping[str, Any], _: int) -> None:
    node, after = document["node"], document["after"]
    store.graph.put(node, label=document["before"])
    if document["new"] and not store.ids(label=after):  # a label in use goes on leading here
        store.graph.unname(after)
    for parent in document.get("placed", ()):
        store.graph.drop_edge(node, parent)
        let_go_above(store, parent)
    reroot(store.graph, node)


def _placed(store: SqliteStore, document: Mapping[str, Any], event: int) -> None:
    rows = store.graph
    for child, parent, _ in document["after"]:
        rows.drop_edge(child, parent)
    both = {node for child, parent, _ in document["before"] for node in (child, parent)}
    there = {node.id: node for node in rows.nodes(both)}
    for child, parent, made_by in document["before"]:
        if child in there and parent in there:
            rows.put_edge(child, parent, made_by)
    _refuse_circle(store, {node.root for node in there.values()}, event, "place")


def _refuse_circle(store: SqliteStore, roots: set[int], event: int, kind: str) -> None:
    for root in sorted(roots):
        if above_itself(store.graph, root) is not None:
            later = [
                str(one.id)
                for one in store.events.all()
                if one.id > event and not one.undone and one.kind in ("place", "merge")
            ]
            raise ConfigError(
                f"event {event} ({kind}) cannot be undone now: concept {root} would be above"
                f" itself by what was placed or merged later; undo one of {', '.join(later)} first"
            )


def _classed(store: SqliteStore, document: Mapping[str, Any], _: int) -> None:
    store.graph.drop_edge(document["child"], document["parent"])
    let_go_above(store, document["parent"])


def let_go_above(store: SqliteStore, node: int) -> None:
    """Remove a node of the thesaurus, and those above it, that nothing is a kind of any more.

    What has a name or a link stays, and what a person did something to.
    """
    rows, waiting = store.graph, {node}
    while waiting:
        one = rows.node(waiting.pop())
        if one is None or one.made_by != "thesaurus":
            continue
        held = rows.edges_below([one.id]) or rows.with_partner([one.id])
        if held or rows.names_of(one.id) or rows.link_counts(one.id):
            continue
        if store.events.later(0, one.id, naming=True):
            continue
        waiting |= {parent for _, parent, _ in rows.edges([one.id])}
        rows.drop([one.id])


def _let_go(rows: ConceptRows, node: int) -> None:
    """Remove a node; what followed it by synchrony follows another, if any."""
    led = [one.id for one in rows.with_partner([node])]
    rows.drop([node])
    for one in rows.nodes(led):
        reroot(rows, one.id)
        follow_best(rows, one)


_UNDOING: Mapping[str, Callable[[SqliteStore, Mapping[str, Any], int], None]] = {
    "add": _added,
    "merge": _merged,
    "split": _split,
    "rename": _renamed,
    "place": _placed,
    "class": _classed,
}
