"""The nearest rows to one vector, for certain, without reading all of every row.

Along a few orthonormal axes through the rows, each row has a code: its coordinates, and the length
of what is left of it. Two codes are never farther apart than the rows they are of (Pythagoras, and
the triangle inequality for what is left), so a row whose code is too far need not be read. With
the axes along which rows vary most (principal components), few are read: filter and refine.
"""

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemic.randomness import generator

AXES = 32
FEWEST = 1024  # rows, and AXES * 4 features: with less, to read all is as fast
LOOKED_AT = 512  # rows that say which axes are best
ROUNDS = 3  # of subspace iteration
BLOCK = 4096  # rows coded at a time
FIRST = 4  # times as many as are asked for are measured before the others are ruled out
LATER = 64  # rows added last are measured one by one: to code them together is faster
AT_MOST = 8  # one row in so many is read one by one; more are read faster in a row
SINGLE_DIGIT = 2.0**-24


class Projected:
    """Codes of rows, kept in step with rows that are only ever added.

    A code is kept as (-2 code, |code|²): its product with (other, 1) is the squared distance
    between the two, but for |other|².
    """

    def __init__(self, rows: Float[Tensor, "stored dim"]) -> None:
        self.made_of = len(rows)
        self._centre, self._axes = principal_axes(rows)
        self._kept = torch.empty(0, AXES + 2)
        self._longest = 0.0
        self._count = 0

    def follow(self, rows: Float[Tensor, "stored dim"]) -> None:
        """Take in the rows added since, if they are many."""
        if len(rows) - self._count < LATER:
            return
        if len(rows) > len(self._kept):
            grown = torch.empty(max(len(rows), len(self._kept) * 3 // 2), AXES + 2)
            grown[: self._count] = self._kept[: self._count]
            self._kept = grown
        for start in range(self._count, len(rows), BLOCK):
            codes = self.code(rows[start : start + BLOCK])
            lengths = codes.square().sum(dim=-1, keepdim=True)
            self._kept[start : start + len(codes)] = torch.cat([-2 * codes, lengths], dim=-1)
            self._longest = max(self._longest, float(lengths.max()) ** 0.5)
        self._count = len(rows)

    def code(self, rows: Float[Tensor, "some dim"]) -> Float[Tensor, "some _"]:
        """Coordinates along the axes, and the length of the rest."""
        centred = rows.double() - self._centre
        along = centred @ self._axes
        rest = centred.square().sum(dim=-1) - along.square().sum(dim=-1)
        return torch.cat([along, rest.clamp_min(0.0).sqrt()[:, None]], dim=-1).float()

    def nearest(
        self, vector: Float[Tensor, " dim"], rows: Float[Tensor, "stored dim"], k: int
    ) -> tuple[Float[Tensor, " near"], Int[Tensor, " near"]] | None:
        """The ``k`` rows at the least mean squared distance, and those, rising.

        None where too many rows could be among them for this to be the faster way.
        """
        self.follow(rows)
        code = torch.nn.functional.pad(self.code(vector[None])[0], (0, 1), value=1.0)
        own = float(code[:-1].square().sum())
        bounds = self._kept[: self._count] @ code  # less ``own``
        last = _squared(vector, rows[self._count :])
        # each code was rounded to single precision, and so were these sums
        slack = 4 * (AXES + 8) * SINGLE_DIGIT * (own**0.5 + self._longest) ** 2
        first = bounds.topk(min(FIRST * k, len(bounds)), largest=False).indices
        least = torch.cat([_squared(vector, rows[first]), last])
        within = least.topk(min(k, len(least)), largest=False).values[-1] + slack
        near = (bounds <= within * (1 + 1e-5) - own).nonzero()[:, 0]
        if len(near) * AT_MOST > len(rows):
            return None
        near = torch.cat([near, torch.arange(self._count, len(rows))])
        distances = torch.cat([_squared(vector, rows[near[: len(near) - len(last)]]), last])
        found = distances.topk(min(k, len(near)), largest=False)
        return found.values / rows.shape[-1], near[found.indices]


def principal_axes(
    rows: Float[Tensor, "stored dim"],
) -> tuple[Float[Tensor, " dim"], Float[Tensor, "dim axes"]]:
    """A centre and the orthonormal axes along which some of the rows vary most, nearly."""
    some = rows[torch.linspace(0, len(rows) - 1, min(len(rows), LOOKED_AT)).long()].double()
    centre = some.mean(dim=0)
    centred = some - centre
    rng = generator(0, "axes")
    axes = torch.randn(rows.shape[-1], AXES, generator=rng, dtype=torch.double)
    for _ in range(ROUNDS):
        axes = torch.linalg.qr(centred.T @ (centred @ axes)).Q
    return centre, axes


def _squared(vector: Tensor, rows: Tensor) -> Float[Tensor, " some"]:
    return (rows - vector).square_().sum(dim=-1)
