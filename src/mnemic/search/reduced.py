"""Every pattern at eight significant bits: what rules most of them out, and how sure it is.

A score that is linear in some features of a pattern, w·φ(x), is bounded by the same product in
bfloat16 plus a slack (Cauchy–Schwarz): |w·φ - ŵ·φ̂| ≤ |w - ŵ||φ̂| + |w||φ - φ̂|. The hats are
half as long to read and, where a processor knows bfloat16, several times as fast to multiply.
What is kept is the shortfall of each score below a ceiling, so that digits are spent on the best,
and of that only the least of every ``GROUP`` neighbours.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from jaxtyping import BFloat16, Float, Int, Int16
from torch import Tensor

GROUP = 16  # patterns that stand or fall together
BLOCK = 4096  # patterns multiplied at a time: their scores stay in the cache
HALF_DIGIT = 2.0**-8  # relative error of rounding to bfloat16, at most
SINGLE_DIGIT = 2.0**-24  # of rounding to single precision
DOUBLE_DIGIT = 2.0**-53  # and to double

Features = Callable[[Float[Tensor, "block dim"]], Float[Tensor, "block features"]]


class Linear(NamedTuple):
    """Logits as w·φ(x) / unit + offset, and a ceiling that w·φ never passes."""

    weight: Float[Tensor, "batch features"]
    offset: Float[Tensor, " batch"]
    ceiling: Float[Tensor, " batch"]
    unit: Float[Tensor, " batch"]


class Rounding:
    """Rounds features to bfloat16, and knows how far that moved any of them, at most.

    The bound is taken apart at ``split``: what comes after it (squares) has other sizes.
    """

    def __init__(self, features: Features, split: int) -> None:
        self.features = features
        self.split = split
        self.longest = torch.zeros(2, dtype=torch.double)  # |φ̂| before and after the split
        self.moved = torch.zeros(2, dtype=torch.double)  # |φ - φ̂|; both only ever grow

    def of(self, rows: Float[Tensor, "some dim"]) -> BFloat16[Tensor, "some features"]:
        """The features of these rows, rounded and taken into account."""
        features = self.features(rows.float())
        rounded = features.bfloat16()
        self.longest = torch.maximum(self.longest, self.lengths(rounded.float()).amax(dim=0))
        moved = self.lengths(features - rounded.float()).amax(dim=0)
        self.moved = torch.maximum(self.moved, moved)
        return rounded

    def lengths(self, features: Float[Tensor, "some features"]) -> Float[Tensor, "some 2"]:
        """The length of each row before and after the split."""
        halves = features[:, : self.split], features[:, self.split :]
        return torch.stack([half.norm(dim=-1) for half in halves], dim=-1).double()


class Reduced:
    """Features of rows in bfloat16, kept in step with the rows they were taken from."""

    def __init__(self, features: Features, split: int) -> None:
        self.rounding = Rounding(features, split)
        self.rows = torch.zeros(0, 0, dtype=torch.bfloat16)
        self.count = 0

    def follow(self, rows: Float[Tensor, "stored dim"]) -> None:
        """Take in the rows added since."""
        for start in range(self.count, len(rows), BLOCK):
            chunk = self.rounding.of(rows[start : start + BLOCK])
            if start + len(chunk) > len(self.rows):
                self._reserve(max(len(rows), len(self.rows) * 3 // 2), chunk.shape[-1])
            self.rows[start : start + len(chunk)] = chunk
            self.count = start + len(chunk)

    def blocks(self) -> Iterator[BFloat16[Tensor, "block features"]]:
        """All of it, some consecutive rows at a time."""
        return iter(self.rows[: self.count].split(BLOCK))

    def put(self, at: Int[Tensor, " some"], rows: Float[Tensor, "some dim"]) -> None:
        """Other values for some of the rows."""
        inside = at < self.count
        if bool(inside.any()):
            self.rows[at[inside]] = self.rounding.of(rows[inside])

    def remove(self, hole: int, last: int) -> None:
        """Put the last row in the place of another, as the rows themselves do."""
        if hole < self.count and last < self.count:
            self.rows[hole] = self.rows[last]
        else:  # the last one was never taken in: nor shall what it displaced be believed
            self.rows[hole : hole + 1] = 0.0
            self.count = min(self.count, hole)
        self.rows[last : last + 1] = 0.0  # nothing of a removed row stays in memory
        self.count = min(self.count, last)

    def _reserve(self, count: int, width: int) -> None:
        grown = torch.empty(count, width, dtype=torch.bfloat16)
        grown[: self.count] = self.rows[: self.count].view(-1, width)
        self.rows = grown


class Passing:
    """As ``Reduced``, of rows that may not fit into memory: rounded anew on every pass."""

    def __init__(self, features: Features, split: int, rows: Float[Tensor, "stored dim"]) -> None:
        self.rounding = Rounding(features, split)
        self.count = len(rows)
        self._rows = rows
        for _ in self.blocks():  # one pass to know what rounding can do
            pass

    def blocks(self) -> Iterator[BFloat16[Tensor, "block features"]]:
        """All of it, some consecutive rows at a time."""
        return (self.rounding.of(part) for part in self._rows.split(BLOCK))


class Screened(NamedTuple):
    """How far below the ceiling the best of each group of patterns is, to bfloat16."""

    shortfall: Int16[Tensor, "groups batch"]  # the bits of a bfloat16: they order as it does
    linear: Linear
    slack: Float[Tensor, " batch"]  # logits
    group: int = GROUP

    def best(self) -> Int[Tensor, " batch"]:
        """The group that looks best to each cue."""
        return self.shortfall.min(dim=0).indices

    def above(
        self, logits: Float[Tensor, " batch"]
    ) -> tuple[Int[Tensor, " found"], Int[Tensor, " found"], Float[Tensor, " found"]]:
        """(group, cue, logits it cannot pass) of all groups that may hold a score above these."""
        linear = self.linear
        within = linear.ceiling + self.slack + (linear.offset - logits) * linear.unit
        within = (within / (1 - HALF_DIGIT)).clamp_min(0.0)
        bits = (within * (1 + HALF_DIGIT)).bfloat16().view(torch.int16)  # rounded, but never down
        group, cue = (self.shortfall <= bits).nonzero().unbind(dim=1)
        near = self.shortfall[group, cue].view(torch.bfloat16).double() * (1 - HALF_DIGIT)
        most = (linear.ceiling[cue] - near + self.slack[cue]) / linear.unit[cue]
        return group, cue, most + linear.offset[cue]


class Scored(NamedTuple):
    """Every score in single precision, for a few cues; as ``Screened``, with groups of one."""

    scores: Float[Tensor, "batch stored"]
    rounding: Float[Tensor, " batch"]  # how far each may be off
    group: int = 1

    def best(self) -> Int[Tensor, " batch"]:
        """The pattern that looks best to each cue."""
        return self.scores.argmax(dim=-1)

    def above(
        self, logits: Float[Tensor, " batch"]
    ) -> tuple[Int[Tensor, " found"], Int[Tensor, " found"], Float[Tensor, " found"]]:
        """(pattern, cue, logits it cannot pass) of all that may score above these."""
        level = (logits - self.rounding)[:, None]
        cue, row = (self.scores >= (level - level.abs() * SINGLE_DIGIT).float()).nonzero().unbind(1)
        return row, cue, self.scores[cue, row].double() + self.rounding[cue]


def screen(linear: Linear, reduced: Reduced | Passing) -> Screened:
    """One pass over all patterns, at the speed of bfloat16."""
    weight, rounding = linear.weight.bfloat16(), reduced.rounding
    lost = rounding.lengths(linear.weight - weight.double()) @ rounding.longest
    lost = lost + rounding.lengths(linear.weight) @ rounding.moved
    products = rounding.lengths(weight.double()) @ rounding.longest
    accumulated = (weight.shape[-1] + 4) * SINGLE_DIGIT * (products + linear.ceiling.abs())
    slack = lost + 2 * accumulated
    # a ceiling that bfloat16 can say, above every score however it was rounded
    ceiling = linear.ceiling + slack
    ceiling = (ceiling + ceiling.abs() * 2 * HALF_DIGIT).bfloat16()
    groups, batch, done = -(-reduced.count // GROUP), len(weight), 0
    shortfall = torch.empty(groups, batch, dtype=torch.int16)
    for rows in reduced.blocks():
        block = torch.nn.functional.linear(rows, -weight, ceiling)
        if len(block) % GROUP:
            missing = (0, 0, 0, GROUP - len(block) % GROUP)
            block = torch.nn.functional.pad(block, missing, value=torch.inf)
        least = block.view(torch.int16).view(-1, GROUP, batch).amin(dim=1)
        shortfall[done : done + len(least)] = least
        done += len(least)
    return Screened(shortfall, linear._replace(ceiling=ceiling.double()), slack)
