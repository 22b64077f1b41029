"""What people did to concepts, as rows: kept in order, each with what takes it back."""

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from mnemic.records import ConceptEvent
from mnemic.store.concepts import AMONG, Run
from mnemic.store.rows import EPOCH, microseconds


class KeptEvent(NamedTuple):
    """An event and the document that takes it back."""

    event: ConceptEvent
    document: Mapping[str, Any]


class EventRows:
    """Events; ``run`` is how the store runs a statement, within a transaction where it changes."""

    def __init__(self, run: Run) -> None:
        self.run = run

    def add(
        self,
        kind: str,
        time: datetime,
        document: Mapping[str, Any],
        *,
        acts: Iterable[int],
        names: Iterable[int] = (),
    ) -> int:
        """Write down what was done: the nodes it changed, and others it cannot do without."""
        [(id,)] = self.run(
            "INSERT INTO concept_events (time, kind, document, undone) VALUES (?, ?, ?, 0)"
            " RETURNING id",
            [microseconds(time), kind, json.dumps(dict(document), sort_keys=True)],
        )
        for node, changed in {**dict.fromkeys(names, 0), **dict.fromkeys(acts, 1)}.items():
            self.run("INSERT INTO concept_event_nodes VALUES (?, ?, ?)", [id, node, changed])
        return id

    def get(self, id: int) -> KeptEvent | None:
        """An event, or None where there is none of that id."""
        rows = self.run(
            "SELECT id, time, kind, undone, document FROM concept_events WHERE id = ?", [id]
        )
        return self._kept(*rows[0]) if rows else None

    def all(self) -> list[ConceptEvent]:
        """Every event, oldest first."""
        query = "SELECT id, time, kind, undone, document FROM concept_events ORDER BY id"
        return [self._kept(*row).event for row in self.run(query)]

    def last(self) -> int | None:
        """The newest event that was not taken back."""
        [(id,)] = self.run("SELECT max(id) FROM concept_events WHERE undone = 0")
        return id

    def later(self, event: int, node: int, *, naming: bool) -> list[int]:
        """Events after one that changed a node, or (``naming``) cannot do without it."""
        rows = self.run(
            "SELECT event FROM concept_event_nodes JOIN concept_events ON id = event"
            " WHERE concept = ? AND event > ? AND undone = 0 AND (acts = 1 OR ?) ORDER BY event",
            [node, event, int(naming)],
        )
        return [id for (id,) in rows]

    def splits_from(self, node: int) -> list[KeptEvent]:
        """The splits, not taken back, that a node is needed for."""
        rows = self.run(
            "SELECT id, time, kind, undone, document FROM concept_event_nodes"
            " JOIN concept_events ON id = event"
            " WHERE concept = ? AND acts = 0 AND kind = 'split' AND undone = 0",
            [node],
        )
        return [self._kept(*row) for row in rows]

    def take_back(self, id: int) -> None:
        """Mark an event as undone; its document is needed no more."""
        self.run("UPDATE concept_events SET undone = 1, document = '{}' WHERE id = ?", [id])

    def forget(self, nodes: Iterable[int]) -> None:
        """Remove the events that changed any of these nodes."""
        self.run(
            "DELETE FROM concept_events WHERE id IN (SELECT event FROM concept_event_nodes"
            f" WHERE acts = 1 AND concept {AMONG})",
            [json.dumps(list(nodes))],
        )

    def _kept(self, id: int, time: int, kind: Any, undone: int, document: str) -> KeptEvent:
        rows = self.run(
            "SELECT concept FROM concept_event_nodes WHERE event = ? AND acts = 1 ORDER BY 1", [id]
        )
        event = ConceptEvent(
            id=id,
            time=EPOCH + timedelta(microseconds=time),
            kind=kind,
            concepts=tuple(node for (node,) in rows),
            undone=bool(undone),
        )
        return KeptEvent(event, json.loads(document))
