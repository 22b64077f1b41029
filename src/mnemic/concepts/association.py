"""Association: what has to be known before experiences are stored, to bind them as they are."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter

import torch

from mnemic.concepts.activation import active
from mnemic.concepts.binding import Binder, Candidate, sharpest
from mnemic.concepts.classing import Classing
from mnemic.concepts.settings import ConceptSettings
from mnemic.concepts.space import NEAR, Near, Space
from mnemic.concepts.thesaurus import Thesaurus
from mnemic.cues import Part
from mnemic.points import Points
from mnemic.protocols import KeptPoint, Stored
from mnemic.records import ActiveConcept, Experience
from mnemic.store import SqliteStore

AT_ONCE = 256  # engrams read at a time

Bind = Callable[[Sequence[Stored]], None]


class Association:
    """The spaces of all senses, and the thesaurus; each process has its own."""

    def __init__(self, store: SqliteStore, places: Mapping[str, Points], *, seed: int) -> None:
        self.store = store
        self.places = places
        self.seed = seed
        self.thesaurus = Thesaurus.found()
        self.classing = None if self.thesaurus is None else Classing(store, places, self.thesaurus)
        self._spaces: dict[str, Space] = {}

    @property
    def settings(self) -> ConceptSettings:
        """What was chosen for this memory, by whatever process."""
        return ConceptSettings().changed(self.store.graph.settings)

    @property
    def senses(self) -> dict[str, str]:
        """All senses and their modalities, the sharper ones later."""
        return {name: one.sense.modality for name, one in self.places.items()}

    def space(self, sense: str, settings: ConceptSettings | None = None) -> Space:
        """Where the points of a sense lie."""
        chosen = settings or self.settings
        kind, rule = chosen.space, chosen.locality
        there = self._spaces.get(sense)
        if there is None or (there.kind, there.rule) != (kind, rule):
            there = Space(
                self.places[sense], self.store.graph, kind=kind, rule=rule, seed=self.seed
            )
            self._spaces[sense] = there
        return there

    def forget_radii(self) -> None:
        """Measure anew how near is near: which points have a name, and whose, has changed."""
        for space in self._spaces.values():
            space.forget_radius()

    def binding(self, parts: Sequence[Sequence[Part]], experiences: Sequence[Experience]) -> Bind:
        """What binds these experiences, called within the transaction that stores them.

        What they lie near is sought before it is begun: among what is stored, and among those of
        them that come before.
        """
        settings = self.settings
        near: dict[int, list[Candidate]] = {}
        flat = [part for mine in parts for part in mine]
        points = [point for one in experiences for point in one.points]
        keys = [sharpest(self.senses, {part.sense for part in mine}) for mine in parts]
        for sense in set().union(*keys):
            places = [place for place, part in enumerate(flat) if part.sense == sense]
            space = self.space(sense, settings)
            vectors, known = space.vectors(
                [flat[place].encoded for place in places], [points[place] for place in places]
            )
            found = space.nearest(vectors, known)
            if len(places) > 1:
                rows = [flat[place].row for place in places]
                found = _with_earlier(found, space.among(vectors, known), places, rows)
            for place, some in zip(places, space.fits(found, vectors, known), strict=True):
                near[place] = [Candidate(*one) for one in some]

        seen = self.classing if settings.classes else None
        kinds = {} if seen is None else seen.taken_for(parts, experiences, keys, near)

        def bind(added: Sequence[Stored]) -> None:
            binder = self._binder(settings)
            ids = [kept.id for stored in added for kept in stored.points]
            meant = {
                ids[place]: [
                    Candidate(ids[~one.point] if one.point < 0 else one.point, one.fit)
                    for one in some
                ]
                for place, some in near.items()
            }
            for stored, one in zip(added, experiences, strict=True):
                binder.bind(stored, one, meant)
            if seen is not None and kinds:
                times = [
                    one.time
                    for stored, one in zip(added, experiences, strict=True)
                    for _ in stored.points
                ]
                seen.place(
                    {ids[place]: kind for place, kind in kinds.items()},
                    {ids[place]: times[place] for place in kinds},
                )

        return bind

    def bind_the_unbound(self) -> int:
        """Bind, oldest first, what was stored before there were concepts; how many engrams.

        Called within a transaction.
        """
        settings, rows = self.settings, self.store.graph
        binder = self._binder(settings)
        unbound = rows.unlinked()
        for start in range(0, len(unbound), AT_ONCE):
            kept: dict[int, list[KeptPoint]] = {id: [] for id in unbound[start : start + AT_ONCE]}
            for point in self.store.points(kept):
                kept[point.engram].append(point)
            for one in self.store.get(list(kept)):
                near = {point.id: self._near(point, settings) for point in kept[one.id]}
                binder.bind(Stored(one.id, tuple(kept[one.id])), one.experience, near)
        return len(unbound)

    def _near(self, kept: KeptPoint, settings: ConceptSettings) -> list[Candidate]:
        """What is stored near a point that is stored itself."""
        space = self.space(kept.point.sense, settings)
        patterns = space.patterns
        if kept.id not in patterns:
            return []
        at = patterns.row_of(kept.id)
        row = slice(at, at + 1)
        known = None if patterns.known is None else patterns.known[row]
        [some] = space.nearest(patterns.rows[row], known, k=NEAR + 1)
        others = [(id, far) for id, far in some if id != kept.id]
        [fitting] = space.fits([others], patterns.rows[row], known)
        return [Candidate(*one) for one in fitting]

    def _binder(self, settings: ConceptSettings) -> Binder:
        return Binder(self.store.graph, settings, self.thesaurus, senses=self.senses)

    def fired(
        self,
        parts: Sequence[Part],
        near: Mapping[str, Sequence[Near]],
        remembered: Sequence[Mapping[int, float]],
    ) -> list[ActiveConcept | None]:
        """The concept that fires for each cue of a batch; None where it is near none.

        ``near`` has what is stored near each part, by sense, as recall has found it;
        ``remembered`` how sure it is of an engram, cue by cue.
        """
        settings = self.settings
        present: list[set[str]] = [set() for _ in remembered]
        for part in parts:
            present[part.row].add(part.sense)
        keys = [sharpest(self.senses, some) or some for some in present]
        excited: list[list[dict[int, float]]] = [[] for _ in remembered]
        for sense in self.places:
            mine = [part for part in parts if part.sense == sense]
            if not mine or not any(sense in some for some in keys):
                continue
            space = self.space(sense, settings)
            found = None if space.in_latents else near.get(sense)
            vectors, known = space.vectors([part.encoded for part in mine])
            if found is None or len(found) < len(mine):  # recall found nothing stored
                found = space.nearest(vectors, known)
            for part, some in zip(mine, space.fits(found, vectors, known), strict=True):
                if sense in keys[part.row]:
                    excited[part.row].append(dict(some))
        return active(self.store.graph, excited, remembered)


def _with_earlier(
    stored: Sequence[Near], among: torch.Tensor, places: Sequence[int], rows: Sequence[int]
) -> list[Near]:
    """The nearest among what is stored and those of the same batch that come before.

    The latter have no ids yet: ``~place`` stands for them.
    """
    row = torch.tensor(rows)
    later = row[None, :] >= row[:, None]
    distances, columns = (
        among.clamp_min(0.0)
        .masked_fill(later, torch.inf)
        .topk(min(NEAR, len(places)), dim=-1, largest=False)
    )
    merged: list[Near] = []
    for mine, far, which in zip(stored, distances.tolist(), columns.tolist(), strict=True):
        earlier = [
            (~places[column], distance)
            for column, distance in zip(which, far, strict=True)
            if distance < torch.inf
        ]
        merged.append(sorted([*mine, *earlier], key=itemgetter(1))[:NEAR])
    return merged
