"""The classes a network was trained on, as part of the thesaurus: what a picture is, how sure.

Marco de Lucas 2023, on transfer learning: a new picture "would initially be given the same values
to classify in the scheme (or thesaurus) used by the training database". Where no class is likely
enough, what likely classes are kinds of is: of a motor scooter or a moped, a wheeled vehicle. Deng
et al. 2012, "Hedging your bets", trade how specific an answer is for how often it is right so.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from mnemic.concepts.thesaurus import Thesaurus
from mnemic.senses.seeing import imagenet_synsets

SURE = 0.7  # least probability of an answer
BROADEST = 0.25  # of all classes; what covers more, such as an artifact, says too little


class Kind(NamedTuple):
    """A synset that a picture is of, or of a kind of."""

    synset: int
    probability: float


class Scheme:
    """Which classes each synset above them covers."""

    def __init__(self, thesaurus: Thesaurus) -> None:
        above: dict[int, frozenset[int]] = {}

        def all_above(offset: int) -> frozenset[int]:
            if offset not in above:
                higher = [all_above(one.offset) for one in thesaurus.above(offset)]
                above[offset] = frozenset({offset}).union(*higher)
            return above[offset]

        classes = [all_above(int(name[1:])) for name in imagenet_synsets()]
        self.synsets = sorted(above)
        place = {synset: column for column, synset in enumerate(self.synsets)}
        self._covers = np.zeros((len(classes), len(above)), np.float32)
        for row, synsets in enumerate(classes):
            self._covers[row, [place[synset] for synset in synsets]] = 1
        self._size = self._covers.sum(axis=0)
        self._depth = np.array([len(above[synset]) for synset in self.synsets])

    def kind(
        self, probabilities: Float[np.ndarray, " classes"], *, sure: float = SURE
    ) -> Kind | None:
        """The synset of the fewest classes that are together as likely as ``sure``.

        None where only what covers more than a quarter of all classes is. Of synsets of the same
        number the likelier, then the one with more above it: the class itself.
        """
        likely = probabilities @ self._covers
        able = np.flatnonzero((likely >= sure) & (self._size <= BROADEST * len(probabilities)))
        if not len(able):
            return None
        order = np.lexsort((-self._depth[able], -likely[able].round(6), self._size[able]))
        best = int(able[order[0]])
        return Kind(self.synsets[best], float(likely[best]))
