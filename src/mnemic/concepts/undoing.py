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


def _merged(store: SqliteStore, document: Mapping[str, Any], _: int) -> None:
    store.graph.put(document["node"], merged=None)
    reroot(store.graph, document["node"])


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
    for root in {node.root for node in there.values()}:
        if above_itself(rows, root) is not None:
            later = [
                str(one.id)
                for one in store.events.all()
                if one.id > event and not one.undone and one.kind in ("place", "merge")
            ]
            raise ConfigError(
                f"event {event} (place) cannot be undone now: concept {root} would be above"
                f" itself by what was placed or merged later; undo one of {', '.join(later)} first"
            )


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
}
