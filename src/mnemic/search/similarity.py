"""How alike a cue and a pattern are, in logits: over everything, as a product, among a few.

Three forms of the same number. ``over`` serves one pass over all patterns, ``linear`` screening
them at low precision, ``among`` the last word on those that are left.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mnemic.functional.similarity import masked_distance, masked_scores, products
from mnemic.search.patterns import Block, Stored
from mnemic.search.reduced import Linear

Logits = Float[Tensor, "batch block"]
Few = Int[Tensor, "some few"]


@dataclass(frozen=True)
class Dot:
    """β cue·pattern."""

    cues: Float[Tensor, "batch dim"]
    beta: Float[Tensor, " batch"]

    def __len__(self) -> int:
        return len(self.cues)

    def of(self, cues: slice | Tensor) -> "Dot":
        """The same for some of the cues."""
        return Dot(self.cues[cues], self.beta[cues])

    @property
    def kind(self) -> str:
        """The name of its ``features``."""
        return "dot"

    def over(self, block: Block) -> Logits:
        """Logits of all patterns of a block, in the precision of its rows."""
        weight = (self.cues.double() * self.beta[:, None]).to(block.rows.dtype)
        return products(weight, block.rows)

    def among(self, cue: Int[Tensor, " some"], rows: Few, patterns: Stored) -> Tensor:
        """Logits of a few patterns for each of some cues, in double precision.

        -inf for row -1 and for patterns that may not answer.
        """
        near = patterns.rows[rows.clamp_min(0)].float().double()
        scores = torch.einsum("sfd,sd->sf", near, self.cues[cue].double())
        return _answering(scores * self.beta[cue, None], rows, patterns)

    def linear(self, longest: float) -> Linear:
        """The logits as w·φ(x) + c, φ being ``features``."""
        weight = self.cues.double() * self.beta[:, None]
        nothing = torch.zeros_like(self.beta)
        return Linear(weight, nothing, weight.norm(dim=-1) * longest, torch.ones_like(self.beta))

    @staticmethod
    def features(rows: Float[Tensor, "block dim"]) -> Float[Tensor, "block dim"]:
        """What of a pattern the logits are linear in."""
        return rows

    def rounding(self, longest: float, digit: float) -> Float[Tensor, " batch"]:
        """How far ``over`` may be off (logits), for patterns no longer than this."""
        dim = self.cues.shape[-1]
        return (dim + 4) * digit * self.beta * self.cues.double().norm(dim=-1) * longest


@dataclass(frozen=True)
class Masked:
    """-β d/2, d being the mean squared difference over what the cue knows (None: all of it)."""

    cues: Float[Tensor, "batch dim"]
    beta: Float[Tensor, " batch"]
    known: Bool[Tensor, "batch dim"] | None = None
    unknown_cost: float = 0.0

    def __len__(self) -> int:
        return len(self.cues)

    def of(self, cues: slice | Tensor) -> "Masked":
        """The same for some of the cues."""
        known = None if self.known is None else self.known[cues]
        return Masked(self.cues[cues], self.beta[cues], known, self.unknown_cost)

    @property
    def kind(self) -> str:
        """The name of its ``features``."""
        return "whole" if self.known is None else "part"

    def over(self, block: Block) -> Logits:
        """Logits of all patterns of a block, in the precision of its rows."""
        distance = masked_distance(
            self.cues.to(block.rows.dtype),
            block.rows,
            self.known,
            block.known,
            unknown_cost=self.unknown_cost,
            squared_norm=block.squared_norm,
        )
        return masked_scores(distance, beta=1.0) * self.beta[:, None].to(distance.dtype)

    def among(self, cue: Int[Tensor, " some"], rows: Few, patterns: Stored) -> Tensor:
        """Logits of a few patterns for each of some cues, in double precision.

        -inf for row -1 and for patterns that may not answer.
        """
        near = patterns.rows[rows.clamp_min(0)].float().double()
        squared = (near - self._seen[cue, None]).square_()
        distance = torch.einsum("sfd,sd->sf", squared, self._mask[cue]) / self._share[cue, None]
        return _answering(-0.5 * self.beta[cue, None] * distance, rows, patterns)

    def linear(self, longest: float) -> Linear:
        """The logits as w·φ(x) + c, φ being ``features``.

        The unit makes the weight of x² a number that bfloat16 can say.
        """
        scale = self.beta / self._share
        unit = (scale / 2).bfloat16().double() / (scale / 2)
        scale = (scale * unit)[:, None]
        if self.known is None:
            weight = torch.cat([scale * self._seen, (-scale / 2).expand(-1, 2)], dim=-1)
        else:
            weight = torch.cat([scale * self._seen, -scale / 2 * self._mask], dim=-1)
        ceiling = scale[:, 0] / 2 * self._seen.square().sum(dim=-1)  # no distance is below 0
        return Linear(weight, -ceiling / unit, ceiling, unit)

    def features(self, rows: Float[Tensor, "block dim"]) -> Float[Tensor, "block features"]:
        """What of a pattern the logits are linear in: x, and x² or, in two pieces, |x|²."""
        if self.known is not None:
            return torch.cat([rows, rows.square()], dim=-1)
        norm = rows.double().square().sum(dim=-1, keepdim=True)
        coarse = norm.bfloat16().double()
        return torch.cat([rows, coarse.float(), (norm - coarse).float()], dim=-1)

    def rounding(self, longest: float, digit: float) -> Float[Tensor, " batch"]:
        """How far ``over`` may be off (logits), for patterns no longer than this."""
        terms = (self._seen.norm(dim=-1) + longest).square()
        return (self.cues.shape[-1] + 8) * digit * 0.5 * self.beta / self._share * terms

    @property
    def _seen(self) -> Float[Tensor, "batch dim"]:
        cues = self.cues.double()
        return cues if self.known is None else torch.where(self.known, cues, 0.0)

    @property
    def _mask(self) -> Float[Tensor, "batch dim"]:
        return torch.ones_like(self._seen) if self.known is None else self.known.double()

    @property
    def _share(self) -> Float[Tensor, " batch"]:
        return self._mask.sum(dim=-1)


Similarity = Dot | Masked


def _answering(scores: Tensor, rows: Tensor, patterns: Stored) -> Tensor:
    able = rows >= 0
    if patterns.available is not None:
        able &= patterns.available[rows.clamp_min(0)]
    return scores.masked_fill(~able, -torch.inf)
