"""The three conditions of a teacher, measured on any associative memory.

Spens & Burgess name them: a model of the hippocampus could be swapped for another, providing that
it is high in capacity, retrieves memories from noise, and memorises in one shot.
"""

from collections.abc import Callable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from mnemic.errors import ConfigError
from mnemic.functional.hopfield import Network, settle
from mnemic.protocols import AssociativeMemory

SURE = 0.95  # the share that makes a condition hold
FLIPPED = 0.1  # of the features of a cue
ALIKE = 0.1  # root mean square difference, of features of -1 and 1, at which two are one
SETS = 8  # of a few patterns each
DRAWS = 64  # of noise, for each set

Recall = Callable[[Float[Tensor, "stored dim"], Float[Tensor, "batch dim"]], Tensor]
"""What a memory that was shown these patterns, each once and in this order, makes of the cues."""


class Conditions(NamedTuple):
    """Which conditions hold, and the shares they are judged by."""

    high_capacity: bool  # as many patterns as features are recalled
    from_noise: bool  # what noise settles on is one pattern, and each pattern in turn
    one_shot: bool  # a pattern is recalled after one exposure, and others still are
    recalled: float  # of as many patterns as features, from cues with 10 % flipped
    pure: float  # of what noise settled on: one of a few patterns, no blend and no negative
    covered: float  # of those few patterns: reached from noise
    once: float  # of a few patterns: right after they are shown, and after all are


def conditions(recall: Recall, *, dim: int = 64, rng: torch.Generator) -> Conditions:
    """Measure a memory on random patterns of -1 and 1; a condition holds from .95 on.

    "A few" patterns are one for every 16 features, which any associative memory should hold.

    >>> from mnemic.functional.hopfield import dense
    >>> conditions(of_network(dense(4)), rng=torch.Generator().manual_seed(0)).high_capacity
    True

    Raises:
        ConfigError: there are fewer than 32 features.
    """
    if dim < 32:
        raise ConfigError(f"conditions of random patterns need 32 features or more, got dim={dim}")
    patterns = _signs(dim, dim, rng)
    recalled = float(_same(recall(patterns, _flipped(patterns, rng)), patterns).float().mean())
    pure, covered, once = torch.zeros(3, SETS)
    for each in range(SETS):
        few = _signs(dim // 16, dim, rng)
        noise = 2 * torch.rand(DRAWS, dim, generator=rng) - 1  # signs would tie between patterns
        reached = _same(recall(few, noise)[:, None], few)  # draws few
        pure[each] = reached.any(dim=1).float().mean()
        covered[each] = reached.any(dim=0).float().mean()
        cues = _flipped(few, rng)
        newest = [recall(few[: n + 1], cues[n : n + 1]) for n in range(len(few))]
        found = torch.cat([*newest, recall(few, cues)])
        once[each] = _same(found, torch.cat([few, few])).float().mean()
    shares = recalled, float(pure.mean()), float(covered.mean()), float(once.mean())
    return Conditions(recalled >= SURE, min(shares[1:3]) >= SURE, shares[3] >= SURE, *shares)


def of_network(network: Network) -> Recall:
    """A network of the family, recalling until it settles."""
    return lambda patterns, cues: settle(network, cues, patterns).state


def of_memory(empty: Callable[[], AssociativeMemory]) -> Recall:
    """A memory that stores; ``empty`` makes a new one."""

    def recall(patterns: Tensor, cues: Tensor) -> Tensor:
        memory = empty()
        for pattern in patterns:
            memory.store(pattern[None])
        return memory.recall(cues).pattern

    return recall


def _signs(count: int, dim: int, rng: torch.Generator) -> Float[Tensor, "count dim"]:
    return torch.where(torch.rand(count, dim, generator=rng) < 0.5, -1.0, 1.0)


def _flipped(patterns: Float[Tensor, "batch dim"], rng: torch.Generator) -> Tensor:
    count = round(FLIPPED * patterns.shape[-1])
    where = torch.rand(patterns.shape, generator=rng).argsort(dim=-1)[:, :count]
    return patterns.scatter(-1, where, -patterns.gather(-1, where))


def _same(found: Tensor, patterns: Tensor) -> Tensor:
    return (found - patterns).square().mean(dim=-1).sqrt() <= ALIKE
