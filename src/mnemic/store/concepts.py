"""The concept graph as rows: nodes that are JSON documents, and indexed rows between them.

Reading may happen at any time; whatever changes a row is called within a transaction of the store
(``SqliteStore.add``, ``forget`` and ``changing`` open one).
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from mnemic.protocols import Node, Tie
from mnemic.records import Bond, Link, Maker

Run = Callable[..., list[tuple[Any, ...]]]
RunMany = Callable[[str, Iterable[Sequence[Any]]], None]

COLUMNS = "id, root, label, made_by, sense, synset, partner, merged, follows, document"
NODE = ", ".join(f"nodes.{column}" for column in COLUMNS.split(", "))
AMONG = "IN (SELECT value FROM json_each(?))"
LINK = (
    "links.engram, links.point, points.sense, links.weight, links.made_by"
    " FROM links LEFT JOIN points ON points.id = links.point"
)
# a class is a guess: it counts only while nothing better says what a concept is a kind of
STANDS = (
    "(parents.made_by <> 'class' OR NOT EXISTS (SELECT 1 FROM concepts kin"
    " JOIN parents better ON better.child = kin.id"
    " WHERE kin.root = {}.root AND better.made_by NOT IN ('class', 'cluster')))"
)
UP = (
    "WITH RECURSIVE up (id, depth) AS (SELECT root, 0 FROM concepts WHERE id = ?"
    " UNION SELECT above.root, depth + 1 FROM up"
    " JOIN concepts mine ON mine.root = up.id JOIN parents ON parents.child = mine.id"
    " JOIN concepts above ON above.id = parents.parent WHERE above.root <> up.id AND depth < 64"
    f" AND {STANDS.format('mine')})"
)


class NewLink(NamedTuple):
    """A tie from a node to a point; without a point, to the words of an engram."""

    node: int
    engram: int
    point: int | None
    weight: float
    made_by: Bond


class ConceptRows:
    """Nodes, names, links, parents and ties.

    ``run`` is how the store runs a statement, ``run_many`` how it runs one for many rows.
    """

    def __init__(self, run: Run, run_many: RunMany) -> None:
        self.run = run
        self.run_many = run_many

    # nodes

    def node(self, id: int) -> Node | None:
        """A node, or None where there is none of that id."""
        return next(iter(self.nodes([id])), None)

    def nodes(self, ids: Iterable[int]) -> list[Node]:
        """Those of the nodes that exist, in the order of their ids."""
        rows = self.run(
            f"SELECT {COLUMNS} FROM concepts WHERE id {AMONG} ORDER BY id", [_list(ids)]
        )
        return [_node(row) for row in rows]

    def members(self, root: int) -> list[Node]:
        """All nodes of one concept."""
        rows = self.run(f"SELECT {COLUMNS} FROM concepts WHERE root = ? ORDER BY id", [root])
        return [_node(row) for row in rows]

    def roots(self) -> list[Node]:
        """The nodes that stand for a concept each."""
        return [
            _node(row)
            for row in self.run(f"SELECT {COLUMNS} FROM concepts WHERE id = root ORDER BY id")
        ]

    def followers(self, node: int) -> list[Node]:
        """A node and all that follow it, directly or over others."""
        # a cross join keeps SQLite from looking through all nodes for the few that are named
        rows = self.run(
            "WITH RECURSIVE tree (id) AS (VALUES (?) UNION SELECT concepts.id FROM tree"
            " JOIN concepts ON concepts.follows = tree.id)"
            f" SELECT {NODE} FROM tree CROSS JOIN concepts nodes ON nodes.id = tree.id"
            " ORDER BY nodes.id",
            [node],
        )
        return [_node(row) for row in rows]

    def with_partner(self, nodes: Iterable[int]) -> list[Node]:
        """The nodes whose partner is, or that were told to follow, one of these."""
        some = _list(nodes)
        rows = self.run(
            f"SELECT {COLUMNS} FROM concepts WHERE partner {AMONG} OR merged {AMONG} ORDER BY id",
            [some, some],
        )
        return [_node(row) for row in rows]

    def add_node(
        self,
        made_by: Maker,
        *,
        label: str | None = None,
        sense: str | None = None,
        synset: int | None = None,
        document: Mapping[str, Any] | None = None,
    ) -> int:
        """A new node, its own root."""
        [(id,)] = self.run(
            "INSERT INTO concepts (root, label, made_by, sense, synset, document)"
            " VALUES (0, ?, ?, ?, ?, ?) RETURNING id",
            [label, made_by, sense, synset, _json(document or {})],
        )
        self.run("UPDATE concepts SET root = id WHERE id = ?", [id])
        return id

    def put(self, node: int, **columns: Any) -> None:
        """Other values in columns of a node."""
        names = ", ".join(f"{name} = ?" for name in columns)
        self.run(f"UPDATE concepts SET {names} WHERE id = ?", [*columns.values(), node])

    def set_root(self, nodes: Iterable[int], root: int) -> None:
        """One root for all these nodes."""
        self.run(f"UPDATE concepts SET root = ? WHERE id {AMONG}", [root, _list(nodes)])

    def drop(self, nodes: Iterable[int]) -> None:
        """Remove nodes, with all rows that name them."""
        self.run(f"DELETE FROM concepts WHERE id {AMONG}", [_list(nodes)])

    def of_synset(self, synset: int) -> Node | None:
        """The node of a synset."""
        rows = self.run(f"SELECT {COLUMNS} FROM concepts WHERE synset = ?", [synset])
        return _node(rows[0]) if rows else None

    # names

    def named(self, name: str) -> int | None:
        """The node a name leads to."""
        rows = self.run("SELECT concept FROM names WHERE name = ?", [name])
        return rows[0][0] if rows else None

    def labelled(self, label: str) -> list[Node]:
        """Nodes of a label that nobody gave as a name: of a thesaurus."""
        rows = self.run(f"SELECT {COLUMNS} FROM concepts WHERE label = ? ORDER BY id", [label])
        return [_node(row) for row in rows]

    def names(self) -> list[str]:
        """All names there are."""
        return [name for (name,) in self.run("SELECT name FROM names ORDER BY name")]

    def names_of(self, root: int) -> list[str]:
        """All names that lead to a concept."""
        rows = self.run(
            "SELECT name FROM concepts JOIN names ON names.concept = concepts.id"
            " WHERE root = ? ORDER BY name",
            [root],
        )
        return [name for (name,) in rows]

    def name(self, name: str, node: int) -> None:
        """Let a name lead to a node."""
        self.run("INSERT OR REPLACE INTO names VALUES (?, ?)", [name, node])

    def unname(self, name: str) -> None:
        """Let a name lead nowhere."""
        self.run("DELETE FROM names WHERE name = ?", [name])

    # links

    def link(self, links: Sequence[NewLink]) -> None:
        """Tie points to nodes; a point has one link, the last it was given."""
        points = [[link.point] for link in links if link.point is not None]
        self.run_many("DELETE FROM links WHERE point = ?", points)
        self.run_many("INSERT INTO links VALUES (?, ?, ?, ?, ?)", links)

    def reweigh(self, weights: Mapping[int, float]) -> None:
        """Other weights for the links of points."""
        rows = [[weight, point] for point, weight in weights.items()]
        self.run_many("UPDATE links SET weight = ? WHERE point = ?", rows)

    def move(self, points: Iterable[int], node: int) -> None:
        """Let these points be linked to another node."""
        self.run(f"UPDATE links SET concept = ? WHERE point {AMONG}", [node, _list(points)])

    def move_all(self, nodes: Iterable[int], node: int) -> None:
        """Let all that is linked to some nodes be linked to another."""
        self.run(f"UPDATE links SET concept = ? WHERE concept {AMONG}", [node, _list(nodes)])

    def links(self, root: int, *, at_most: int = -1, sense: str | None = None) -> list[Link]:
        """The links of a concept, the strongest first, of those the newest."""
        rows = self.run(
            f"SELECT {LINK} JOIN concepts ON concepts.id = links.concept"
            " WHERE concepts.root = ? AND (? IS NULL OR points.sense = ?)"
            " ORDER BY links.weight DESC, links.engram DESC, links.point DESC LIMIT ?",
            [root, sense, sense, at_most],
        )
        return [Link(*row) for row in rows]

    def link_counts(self, root: int) -> dict[str, int]:
        """How many points of each sense a concept has."""
        rows = self.run(
            "SELECT coalesce(points.sense, 'words'), count(*) FROM concepts"
            " JOIN links ON links.concept = concepts.id"
            " LEFT JOIN points ON points.id = links.point WHERE root = ? GROUP BY 1 ORDER BY 1",
            [root],
        )
        return dict(rows)

    def of_points(self, points: Iterable[int]) -> dict[int, tuple[Node, float]]:
        """The node of each of these points that has one, and the weight of its link."""
        rows = self.run(
            f"SELECT links.point, links.weight, {NODE} FROM links"
            f" JOIN concepts nodes ON nodes.id = links.concept WHERE links.point {AMONG}",
            [_list(points)],
        )
        return {point: (_node(row), weight) for point, weight, *row in rows}

    def roots_of_points(self, points: Iterable[int]) -> dict[int, int]:
        """The concept of each of these points that has one."""
        rows = self.run(
            "SELECT links.point, root FROM links JOIN concepts ON concepts.id = links.concept"
            f" WHERE links.point {AMONG}",
            [_list(points)],
        )
        return dict(rows)

    def named_roots_of_points(self, points: Iterable[int]) -> dict[int, int]:
        """The same, of points whose concept has a label."""
        rows = self.run(
            "SELECT links.point, mine.root FROM links JOIN concepts mine ON mine.id = links.concept"
            " JOIN concepts tops ON tops.id = mine.root"
            f" WHERE tops.label IS NOT NULL AND links.point {AMONG}",
            [_list(points)],
        )
        return dict(rows)

    def of_engrams(self, engrams: Iterable[int]) -> dict[int, list[int]]:
        """The nodes that the parts of each of these engrams are linked to."""
        found: dict[int, list[int]] = {}
        for engram, node in self.run(
            f"SELECT DISTINCT engram, concept FROM links WHERE engram {AMONG} ORDER BY concept",
            [_list(engrams)],
        ):
            found.setdefault(engram, []).append(node)
        return found

    def active_between(self, after: int, before: int, *, but: int) -> list[Node]:
        """Nodes of experiences between two times (microseconds, bounds in), but for one engram."""
        rows = self.run(
            f"SELECT DISTINCT {NODE} FROM engrams JOIN links ON links.engram = engrams.id"
            " JOIN concepts nodes ON nodes.id = links.concept"
            " WHERE engrams.time BETWEEN ? AND ? AND engrams.id <> ? ORDER BY nodes.id",
            [after, before, but],
        )
        return [_node(row) for row in rows]

    def unlinked(self) -> list[int]:
        """Engrams no part of which has a concept, oldest first."""
        rows = self.run(
            "SELECT id FROM engrams WHERE NOT EXISTS"
            " (SELECT 1 FROM links WHERE links.engram = engrams.id) ORDER BY time, id"
        )
        return [id for (id,) in rows]

    # parents

    def parents_of(self, root: int) -> list[int]:
        """The concepts right above one."""
        rows = self.run(
            "SELECT DISTINCT above.root FROM concepts mine JOIN parents ON parents.child = mine.id"
            " JOIN concepts above ON above.id = parents.parent"
            " WHERE mine.root = ? AND above.root <> mine.root"
            f" AND {STANDS.format('mine')} ORDER BY 1",
            [root],
        )
        return [id for (id,) in rows]

    def children_of(self, root: int) -> list[int]:
        """The concepts right below one."""
        rows = self.run(
            "SELECT DISTINCT below.root FROM concepts mine JOIN parents ON parents.parent = mine.id"
            " JOIN concepts below ON below.id = parents.child"
            " WHERE mine.root = ? AND below.root <> mine.root"
            f" AND {STANDS.format('below')} ORDER BY 1",
            [root],
        )
        return [id for (id,) in rows]

    def above(self, node: int) -> list[tuple[Node, int]]:
        """The concept of a node and all above it, each with its least distance in steps."""
        rows = self.run(
            f"{UP} SELECT {NODE}, min(depth) FROM up CROSS JOIN concepts nodes ON nodes.id = up.id"
            " GROUP BY nodes.id ORDER BY min(depth), nodes.id",
            [node],
        )
        return [(_node(row), row[-1]) for row in rows]

    def edges(self, children: Iterable[int]) -> list[tuple[int, int, str]]:
        """Child, parent and maker of the edges above these nodes."""
        rows = self.run(
            f"SELECT child, parent, made_by FROM parents WHERE child {AMONG} ORDER BY 1, 2",
            [_list(children)],
        )
        return [(child, parent, made_by) for child, parent, made_by in rows]

    def edges_below(self, parents: Iterable[int]) -> list[tuple[int, int, str]]:
        """Child, parent and maker of the edges below these nodes."""
        rows = self.run(
            f"SELECT child, parent, made_by FROM parents WHERE parent {AMONG} ORDER BY 1, 2",
            [_list(parents)],
        )
        return [(child, parent, made_by) for child, parent, made_by in rows]

    def put_edge(self, child: int, parent: int, made_by: str) -> None:
        """Place a node below another."""
        self.run("INSERT OR REPLACE INTO parents VALUES (?, ?, ?)", [child, parent, made_by])

    def drop_edge(self, child: int, parent: int) -> None:
        """Take a node from below another."""
        self.run("DELETE FROM parents WHERE child = ? AND parent = ?", [child, parent])

    # ties

    def ties(self, nodes: Iterable[int]) -> dict[int, list[Tie]]:
        """What fired together with each of these nodes, the most faithful first."""
        nodes = list(nodes)
        found: dict[int, list[Tie]] = {node: [] for node in nodes}
        for of, weight, count, apart, *row in self.run(
            f"SELECT ties.concept, weight, count, apart, {NODE} FROM ties"
            f" CROSS JOIN concepts nodes ON nodes.id = ties.other WHERE ties.concept {AMONG}"
            " ORDER BY weight DESC, count DESC, other",
            [_list(nodes)],
        ):
            found[of].append(Tie(_node(row), weight, count, bool(apart)))
        return found

    def put_ties(self, rows: Iterable[tuple[int, int, float, int, bool]]) -> None:
        """Node, other, weight, count and whether they are apart."""
        self.run_many("INSERT OR REPLACE INTO ties VALUES (?, ?, ?, ?, ?)", rows)

    def kept_apart(self, nodes: Iterable[int], root: int) -> bool:
        """Whether one of these nodes was seen side by side with another of a concept."""
        some = _list(nodes)
        return bool(
            self.run(
                "SELECT 1 FROM ties JOIN concepts ON concepts.id = ties.other"
                f" WHERE apart = 1 AND ties.concept {AMONG} AND root = ?"
                f" AND NOT ties.other {AMONG} LIMIT 1",
                [some, root, some],
            )
        )

    def context(self, root: int) -> list[tuple[int, float]]:
        """Other concepts that fire when this does, and how often, most often first."""
        rows = self.run(
            "SELECT theirs.root, max(ties.weight) FROM concepts mine"
            " JOIN ties ON ties.concept = mine.id JOIN concepts theirs ON theirs.id = ties.other"
            " WHERE mine.root = ? AND theirs.root <> mine.root GROUP BY 1 ORDER BY 2 DESC, 1",
            [root],
        )
        return [(id, weight) for id, weight in rows]

    # settings

    @property
    def settings(self) -> dict[str, Any]:
        """What was chosen for the concepts of this memory."""
        [(document,)] = self.run("SELECT json FROM concept_settings")
        return json.loads(document)

    def put_settings(self, settings: Mapping[str, Any]) -> None:
        """Other choices."""
        self.run("UPDATE concept_settings SET json = ?", [_json(settings)])


def _node(row: Sequence[Any]) -> Node:
    id, root, label, made_by, sense, synset, partner, merged, follows, document, *_ = row
    content = {} if document == "{}" else json.loads(document)
    return Node(id, root, label, made_by, sense, synset, partner, merged, follows, content)


def _list(ids: Iterable[int]) -> str:
    return json.dumps(list(ids), default=int)  # NumPy's integers are none


def _json(document: Mapping[str, Any]) -> str:
    return json.dumps(dict(document), sort_keys=True, ensure_ascii=False)
