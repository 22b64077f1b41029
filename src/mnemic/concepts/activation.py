"""Which concept fires for a cue: one, the others inhibited (Marco de Lucas 2023, section 1).

Active is what is not inhibited: the winner, and nothing else. An experience may be linked to more
than one concept, for more than one thing may have been in it: one for each thing.
"""

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
    rows: ConceptRows,
    cues: Sequence[Sequence[Mapping[int, float]]],
    remembered: Sequence[Mapping[int, float]],
) -> list[ActiveConcept | None]:
    """Of each cue, the winner among the concepts of points near it, and of engrams it recalled."""
    points = {point for parts in cues for part in parts for point in part}
    roots = rows.roots_of_points(points) if points else {}
    engrams = {engram for some in remembered for engram in some}
    linked = rows.of_engrams(engrams) if engrams else {}
    nodes = rows.nodes({node for some in linked.values() for node in some}) if linked else []
    root_of = {node.id: node.root for node in nodes}
    totals: list[dict[int, float]] = []
    for parts, sure in zip(cues, remembered, strict=True):
        total = excitation(parts, roots)
        for engram, confidence in sure.items():
            mine = {root_of[node] for node in linked.get(engram, ()) if node in root_of}
            for root in mine:
                total[root] = total.get(root, 0.0) + confidence / len(mine)
        totals.append(total)
    some = {root for total in totals for root in total}
    labels = {node.id: node.label for node in rows.nodes(some)} if some else {}
    return [_winner(total, labels) for total in totals]


def _winner(total: Mapping[int, float], labels: Mapping[int, str | None]) -> ActiveConcept | None:
    order = sorted((root for root in total if root in labels), key=lambda r: (-total[r], r))
    whole = sum(total[root] for root in order)
    if not whole:
        return None
    first, *others = [Fired(r, labels[r], total[r] / whole) for r in order[: RIVALS + 1]]
    return ActiveConcept(
        id=first.id, label=first.label, activation=first.activation, runners_up=tuple(others)
    )
