"""What labels and metadata say of latents: facts, learned from a few examples when asked for."""

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mnemic.collection import Collection
from mnemic.errors import EmptyMemoryError
from mnemic.neocortex.meaning import Facts, learn_facts
from mnemic.randomness import generator

EXAMPLES = 1000  # of an attribute, at most: facts come of few
MOST_VALUES = 100  # more make no attribute, but names
GROWTH = 1.1  # of what is stored, after which facts are learned anew


class Learned(NamedTuple):
    """Facts of one student's latents."""

    student: int
    stored: int  # engrams when they were learned
    forgettings: int  # by then
    facts: Mapping[str, Facts]


class Meanings:
    """The facts of each sense; forgotten with the engrams they came of."""

    def __init__(self, collection: Collection, *, seed: int) -> None:
        self.collection = collection
        self.seed = seed
        self._learned: dict[str, Learned] = {}

    def forget(self) -> None:
        """Let go of everything learned."""
        self._learned = {}

    def facts(self, sense: str, latent: Float[Tensor, " latent"]) -> dict[str, dict[str, float]]:
        """Of each attribute, how probable each of its values is.

        Raises:
            EmptyMemoryError: no attribute has a value that was met twice.
        """
        return {
            attribute: dict(
                zip(one.values, one.probabilities(latent[None])[0].tolist(), strict=True)
            )
            for attribute, one in self._facts(sense).items()
        }

    def _facts(self, sense: str) -> Mapping[str, Facts]:
        version = self.collection.points[sense].student.version
        stored = len(self.collection.points[sense].of_engram)
        known = self._learned.get(sense)
        if (
            known is None
            or known.student != version
            or known.forgettings != self.collection.forgettings
            or not known.stored <= stored <= GROWTH * (known.stored)
        ):
            known = Learned(version, stored, self.collection.forgettings, self._learn(sense))
            self._learned[sense] = known
        return known.facts

    def _learn(self, sense: str) -> dict[str, Facts]:
        points = self.collection.points[sense]
        facts: dict[str, Facts] = {}
        for attribute, values in self._attributes(sense).items():
            counts = Counter(values.values())
            if not 0 < len(counts) <= MOST_VALUES or max(counts.values()) < 2:
                continue
            rng = generator(self.seed, f"facts {attribute}")
            engrams = sorted(values)
            chosen = [engrams[i] for i in torch.randperm(len(engrams), generator=rng)[:EXAMPLES]]
            rows = [(point, values[id]) for id in chosen for point in points.of_engram[id]]
            rows = [(point, value) for point, value in rows if point in points.latents]
            latents = points.student.latents([points.latents[point] for point, _ in rows])
            try:
                labels = [value for _, value in rows]
                facts[attribute] = learn_facts(latents, labels, seed=self.seed)
            except EmptyMemoryError:  # the sample has met no value twice
                continue
        if not facts:
            raise EmptyMemoryError(
                "facts come of labels, or of metadata, that several engrams share; none do yet"
            )
        return facts

    def _attributes(self, sense: str) -> dict[str, dict[int, str]]:
        """Values of each attribute, by engram: the label, and what is plain in the metadata."""
        found: dict[str, dict[int, str]] = {}
        engrams = sorted(self.collection.points[sense].of_engram)
        present = self.collection.store.present(engrams)
        for kept in self.collection.store.get([id for id in engrams if id in present]):
            plain = {
                name: str(value)
                for name, value in kept.experience.metadata.items()
                if isinstance(value, (str, bool, int))
            }
            if kept.experience.label is not None:
                plain["label"] = kept.experience.label
            for name, value in plain.items():
                found.setdefault(name, {})[kept.id] = value
        return found
