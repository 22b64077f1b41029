"""Graphs to try things on."""

import json
from contextlib import closing
from datetime import UTC, datetime

import pytest

from mnemic.concepts.changes import Changes
from mnemic.records import Experience, Point
from mnemic.store import SqliteStore
from mnemic.store.concepts import NewLink

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


@pytest.fixture
def store(tmp_path):
    with closing(SqliteStore(tmp_path / "memory.sqlite", create={})) as store:
        yield store


@pytest.fixture
def changes(store):
    return Changes(store)


def known(store, label, count=3, sense="sight"):
    """A concept of a label with so many points of engrams of their own."""
    rows = store.graph
    points = (Point(sense=sense, code=b"x"),)
    added = store.add([Experience(time=NOON, label=label, points=points) for _ in range(count)])
    with store.changing():
        node = rows.named(label)
        if node is None:
            node = rows.add_node("label", label=label)
            rows.name(label, node)
        for stored in added:
            rows.link([NewLink(node, stored.id, stored.points[0].id, 1.0, "told")])
    return node


def image(store):
    """Every row of the graph, but for the account of what was done to it."""
    tables = {
        "concepts": "id, root, label, made_by, sense, synset, partner, merged, follows, document",
        "names": "*",
        "links": "*",
        "parents": "*",
        "ties": "*",
    }
    return json.dumps(
        {
            table: sorted(store.graph.run(f"SELECT {columns} FROM {table}"), key=repr)
            for table, columns in tables.items()
        }
    ).encode()
