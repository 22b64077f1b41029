"""What keeps the concept graph whole: its roots, what forgetting leaves of it, its faults."""

from collections.abc import Iterable, Mapping

from mnemic.protocols import Node
from mnemic.store.concept_events import EventRows
from mnemic.store.concepts import ConceptRows

SURE = 0.5  # of a tie to something named, that goes before all that is not
GUESSED = ("class", "cluster")  # makers of edges that count while nothing better is known
LEAST = 0.2  # of a tie by which a node follows another: less is context


def reroot(rows: ConceptRows, node: int) -> None:
    """Find the root of a node, and of all that follow it, anew.

    Nodes follow one another to one that follows nobody, which is the root; or round in a ring,
    whose root is the eldest.
    """
    tree = {one.id: one for one in rows.followers(node)}
    root = root_of(tree, node)
    if root is None:  # it leads out of the tree, to a node whose root is right
        last = node
        while last in tree:
            last = tree[last].follows or last
        outside = rows.node(last)
        assert outside is not None
        root = outside.root
    rows.set_root([id for id, one in tree.items() if one.root != root], root)


def root_of(nodes: Mapping[int, Node], start: int) -> int | None:
    """Where following leads among these nodes; None if it leads away from them."""
    way: list[int] = []
    at = start
    while at not in way:
        if at not in nodes:
            return None
        way.append(at)
        follows = nodes[at].follows
        if follows is None:
            return at
        at = follows
    return min(way[way.index(at) :])


def follow_best(rows: ConceptRows, node: Node) -> None:
    """Let a node that nobody has named follow what it most often fires with, if it often does.

    It follows nothing that was seen beside it, or beside what follows it, in one sense.
    """
    if node.made_by != "locality" or node.label is not None:
        return
    best = None
    followers: list[int] | None = None
    ties = rows.ties([node.id])[node.id]
    ties.sort(key=lambda tie: tie.other.label is None or tie.weight < SURE)
    for tie in ties:
        if tie.apart or tie.weight < LEAST:
            continue
        if tie.other.id != node.partner:
            followers = followers or [one.id for one in rows.followers(node.id)]
            if rows.kept_apart(followers, tie.other.root):
                continue
        best = tie.other.id
        break
    if best != node.partner:
        rows.put(node.id, partner=best)
        reroot(rows, node.id)


def prune(rows: ConceptRows, events: EventRows, nodes: Iterable[int]) -> None:
    """Remove those of the nodes that nothing is left of, and then what only they held up.

    A node stays while it has a link, while another follows it or is placed below it, and while
    a split could be taken back that points which are still there were moved by. A concept that a
    person added stays.
    """
    waiting = sorted(set(nodes))
    while waiting:
        gone = [node for node in rows.nodes(waiting) if _is_bare(rows, events, node)]
        if not gone:
            return
        ids = [node.id for node in gone]
        above = {parent for _, parent, _ in rows.edges(ids)}
        led = [one for one in rows.with_partner(ids) if one.id not in ids]
        events.forget(ids)
        rows.drop(ids)
        for one in led:
            reroot(rows, one.id)
            left = rows.node(one.id)
            assert left is not None
            follow_best(rows, left)
        waiting = sorted(above | {node.merged for node in gone if node.merged is not None})


def _is_bare(rows: ConceptRows, events: EventRows, node: Node) -> bool:
    [(held,)] = rows.run(
        "SELECT EXISTS (SELECT 1 FROM links WHERE concept = ?1)"
        " OR EXISTS (SELECT 1 FROM parents WHERE parent = ?1)"
        " OR EXISTS (SELECT 1 FROM concepts WHERE merged = ?1)"
        " OR EXISTS (SELECT 1 FROM concept_event_nodes JOIN concept_events ON id = event"
        "   WHERE concept = ?1 AND acts = 1 AND kind = 'add' AND undone = 0)",
        [node.id],
    )
    return not held and not any(
        rows.roots_of_points(point for point, _ in split.document["moved"])
        for split in events.splits_from(node.id)
    )


def faults(rows: ConceptRows) -> list[str]:
    """What is wrong with the graph, in words; rows that name missing ones are found elsewhere."""
    found: list[str] = []
    nodes = {node.id: node for node in _every(rows)}
    for node in nodes.values():
        if root_of(nodes, node.id) != node.root:
            found.append(f"concept {node.id} says its root is {node.root}, and it is not")
    for text, query in (
        ("link of engram {} weighs {}", "SELECT engram, weight FROM links"),
        ("tie of concept {} weighs {}", "SELECT concept, weight FROM ties"),
    ):
        for id, weight in rows.run(f"{query} WHERE NOT weight BETWEEN 0 AND 1"):
            found.append(f"the {text.format(id, weight)}, which is not 0 to 1")
    for point, engram in rows.run(
        "SELECT links.point, links.engram FROM links JOIN points ON points.id = links.point"
        " WHERE points.engram <> links.engram"
    ):
        found.append(f"the link of point {point} names engram {engram}, which is not its own")
    for (id,) in rows.run(
        "SELECT id FROM concepts WHERE made_by IN ('label', 'person') AND label IS NOT NULL"
        " AND NOT EXISTS (SELECT 1 FROM names WHERE name = label)"
    ):
        found.append(f"concept {id} is not found by its label")
    every = [edge for edge in rows.edges(nodes) if edge[0] in nodes and edge[1] in nodes]
    told = {nodes[child].root for child, _, made_by in every if made_by not in GUESSED}
    edges = [
        (nodes[child].root, nodes[parent].root)
        for child, parent, made_by in every
        if made_by != "class" or nodes[child].root not in told
    ]
    found += [f"concept {id} is above itself" for id in in_a_circle(edges)]
    return found


def _every(rows: ConceptRows) -> list[Node]:
    return rows.nodes(id for (id,) in rows.run("SELECT id FROM concepts"))


def in_a_circle(edges: Iterable[tuple[int, int]]) -> list[int]:
    """The nodes that are above themselves, over others."""
    above: dict[int, set[int]] = {}
    for child, parent in edges:
        if child != parent:
            above.setdefault(child, set()).add(parent)
    while True:  # take away what has nothing above it, until only rings and what hangs on are left
        left = {child: parents & above.keys() for child, parents in above.items()}
        left = {child: parents for child, parents in left.items() if parents}
        if left == above:
            break
        above = left
    while True:  # and the same from below
        parents = {parent for some in above.values() for parent in some}
        left = {child: some for child, some in above.items() if child in parents}
        if left == above:
            return sorted(above)
        above = left
