"""Which concept fires for a cue: one, the others inhibited (Marco de Lucas 2023, section 1)."""

from collections.abc import Mapping, Sequence

from mnemic.records import ActiveConcept, Fired
from mnemic.store.concepts import ConceptRows

RIVALS = 5  # that are told of


def excitation(parts: Sequence[Mapping[int, float]], roots: Mapping[int, int]) -> dict[int, float]:
    """How much each concept is excited: by each part as much as by its best fitting point.

    ``parts`` have the points near each part of a cue and how well they fit, ``roots`` the concepts
    of points.

    >>> excitation([{1: 0.9, 2: 0.8, 3: 0.6}, {4: 0.7}], {1: 10, 2: 10, 3: 20, 4: 20})
    {10: 0.9, 20: 1.2999999999999998}
    """
    total: dict[int, float] = {}
    for part in parts:
        best: dict[int, float] = {}
        for point, fit in part.items():
            if point in roots:
                best[roots[point]] = max(fit, best.get(roots[point], 0.0))
        for root, fit in best.items():
            total[root] = total.get(root, 0.0) + fit
    return total


def active(
    rows: ConceptRows, parts: Sequence[Mapping[int, float]], remembered: Mapping[int, float]
) -> ActiveConcept | None:
    """The winner among the concepts of these points, and of engrams that are remembered."""
    points = {point for part in parts for point in part}
    total = excitation(parts, rows.roots_of_points(points) if points else {})
    linked = rows.of_engrams(remembered) if remembered else {}
    nodes = {
        node.id: node.root for node in rows.nodes({n for some in linked.values() for n in some})
    }
    for engram, some in linked.items():
        for root in {nodes[node] for node in some}:
            total[root] = total.get(root, 0.0) + remembered[engram] / len(some)
    if not total:
        return None
    labels = {node.id: node.label for node in rows.nodes(total)}
    order = sorted(total, key=lambda root: (-total[root], root))
    sum_ = sum(total.values())
    fired = [Fired(root, labels[root], total[root] / sum_) for root in order[: RIVALS + 1]]
    return ActiveConcept(
        id=fired[0].id,
        label=fired[0].label,
        activation=fired[0].activation,
        runners_up=tuple(fired[1:]),
    )
