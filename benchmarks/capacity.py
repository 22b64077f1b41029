"""How many random patterns each associative memory recalls, beside what theory says.

A pattern is recalled from a cue that overlaps with it by .8: of signs, 10 % are flipped. A memory
holds a number of patterns if half of them are recalled with an overlap of .98 or more: of signs,
with 99 % right. The typical pattern is what the theories are of; their limit has no others.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from scipy.special import betainc, erf, erfinv
from scipy.stats import norm
from torch import Tensor

from benchmarks.registry import Measurement, Must, Numbers
from benchmarks.statistics import over_seeds
from mnemic.functional import hopfield, separation
from mnemic.functional.hopfield import Network, settle
from mnemic.randomness import generator

CUE, RECALLED = 0.8, 0.98  # overlaps: 1 - 2 × the share of wrong signs
WRONG = (1 - RECALLED) / 2
STEPS = 15
NEAREST = "another pattern is nearer"


class Kind(NamedTuple):
    """A network, the patterns it is for, and the number of them theory gives at each dimension.

    ``grows`` is the law the numbers are fitted with: a power of the dimension, or a rate in
    exp(rate × dimension).
    """

    network: Network
    signs: bool
    grows: str
    theory: Callable[[int], float]
    source: str


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure: at which dimensions, from how many cues, how closely."""

    dims: dict[str, tuple[int, ...]] = field(
        default_factory=lambda: {
            "classical": (60, 120, 250, 500),
            "dense 3": (30, 40, 60, 80, 120),
            "dense 4": (20, 30, 40, 50, 60),
            "exponential": (10, 20, 30),
            "modern": (8, 12, 16, 20),
            "sparse modern": (8, 12, 16),
        }
    )
    probes: int = 60  # at least; of as many draws as that takes
    closeness: float = 1.05  # to which factor a number is found
    most: int = 2**18
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)


def classical_theory(dim: int) -> float:
    """Amit, Gutfreund & Sompolinsky (1985): the load at which the overlap has fallen to .98.

    y (√(2α) + 2/√π exp(-y²)) = erf(y), the overlap being erf(y). Its maximum, .138, is at .967.
    """
    y = erfinv(RECALLED)
    root = erf(y) / y - 2 / math.sqrt(math.pi) * math.exp(-(y**2))
    return dim * root**2 / 2


def dense_theory(n: int) -> Callable[[int], float]:
    """Krotov & Hopfield (2016), eq. 5 to 6: the number at which 1 % of the signs are wrong.

    A sign is stable if the signal, 2n dᵐ with m = n - 1, exceeds the noise, whose variance is
    4n² (2n-3)!! K dᵐ. An odd power is rectified: half the patterns add no noise.
    """
    odds = math.prod(range(2 * n - 3, 0, -2))
    share = 0.5 if n % 2 else 1.0
    return lambda dim: dim ** (n - 1) / (share * odds * norm.isf(WRONG) ** 2)


def exponential_theory(dim: int) -> float:
    """Demircigil et al. (2017), theorem 3: exp(α d), α < I(overlap of the cue)/2.

    I(a) = ½ ((1+a) ln(1+a) + (1-a) ln(1-a)). It is what surely suffices in large dimensions;
    without corruption it is 2^(d/2).
    """
    rate = ((1 + CUE) * math.log(1 + CUE) + (1 - CUE) * math.log(1 - CUE)) / 2
    return math.exp(rate * dim / 2)


def nearest_theory(dim: int) -> float:
    """Patterns on a sphere at which half of all cues overlap more with another than their own.

    A random point overlaps by more than c with a chance of ½ I(1 - c²; (d-1)/2, ½). No rule that
    goes by the overlap alone could hold more.
    """
    chance = betainc((dim - 1) / 2, 0.5, 1 - CUE**2) / 2
    return math.log(0.5) / math.log1p(-chance)


KINDS = {
    "classical": Kind(hopfield.classical(), True, "power", classical_theory, "Amit et al. 1985"),
    "dense 3": Kind(hopfield.dense(3), True, "power", dense_theory(3), "Krotov & Hopfield 2016"),
    "dense 4": Kind(hopfield.dense(4), True, "power", dense_theory(4), "Krotov & Hopfield 2016"),
    "exponential": Kind(
        hopfield.exponential(), True, "rate", exponential_theory, "Demircigil et al. 2017"
    ),
    "modern": Kind(hopfield.modern(1.0), False, "rate", nearest_theory, NEAREST),
    "sparse modern": Kind(
        hopfield.sparse_modern(1.0, separation.sparsemax), False, "rate", nearest_theory, NEAREST
    ),
}


def measure(scale: Scale) -> Numbers:
    """Of each network: how many patterns, by dimension, theory beside it, and how they grow."""
    return {name: grown(name, dims, scale) for name, dims in scale.dims.items()}


def grown(name: str, dims: tuple[int, ...], scale: Scale) -> Numbers:
    """Patterns by dimension, and the law they follow: fitted for each seed."""
    kind = KINDS[name]
    held = np.array([[capacity(kind, dim, scale, seed) for dim in dims] for seed in scale.seeds])
    across = np.log(dims) if kind.grows == "power" else np.array(dims)
    fitted = [float(np.polyfit(across, row, 1)[0]) for row in np.log(held)]
    theory = [kind.theory(dim) for dim in dims]
    return {
        "patterns": {str(dim): over_seeds(held[:, i]) for i, dim in enumerate(dims)},
        "theory": {str(dim): float(each) for dim, each in zip(dims, theory, strict=True)},
        "source": kind.source,
        kind.grows: over_seeds(fitted),
        "over theory": over_seeds(held[:, -1] / theory[-1]),  # at the most features
        "least over theory": float((held.mean(axis=0) / np.array(theory)).min()),
    }


def capacity(kind: Kind, dim: int, scale: Scale, seed: int) -> int:
    """The greatest number of patterns that are held, by doubling and then by halving."""

    def enough(count: int) -> bool:
        if count > scale.most:
            raise ValueError(f"more than {scale.most} patterns at {dim} features: measure fewer")
        overlaps = [
            recalled(kind, *drawn(kind, count, dim, scale, generator(seed, f"{dim} {draw}")))
            for draw in range(math.ceil(scale.probes / min(count, scale.probes)))
        ]
        return float(torch.cat(overlaps).median()) >= RECALLED

    holds, fails = 1, 2
    while enough(fails):
        holds, fails = fails, 2 * fails
    while fails > max(holds + 1, holds * scale.closeness):
        middle = round(math.sqrt(holds * fails))
        holds, fails = (middle, fails) if enough(middle) else (holds, middle)
    return holds


def drawn(
    kind: Kind, count: int, dim: int, scale: Scale, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Cues of the first patterns, and all patterns."""
    patterns = torch.randn(count, dim, generator=rng)
    noise = torch.randn(min(count, scale.probes), dim, generator=rng)
    if kind.signs:
        patterns = torch.where(patterns > 0, 1.0, -1.0)
        return flipped(patterns[: len(noise)], noise), patterns
    patterns = on_the_sphere(patterns)
    return apart(patterns[: len(noise)], noise), patterns


def recalled(kind: Kind, cues: Tensor, patterns: Tensor) -> Tensor:
    """Overlap of what the cues settle on with the patterns they were made of.

    As in the theories of the powers, there no unit hears itself: signs settle one by one.
    """
    in_turn = kind.grows == "power"
    end = settle(
        kind.network, cues, patterns, max_steps=STEPS, tolerance=1e-3, unit_by_unit=in_turn
    ).state
    return (end * patterns[: len(end)]).mean(dim=-1)


def flipped(patterns: Tensor, noise: Tensor) -> Tensor:
    """Patterns of which the signs with the most noise are flipped: as many as CUE leaves."""
    count = round((1 - CUE) / 2 * patterns.shape[-1])
    return patterns.scatter_reduce(
        -1, noise.argsort(dim=-1)[:, :count], -torch.ones_like(patterns), "prod"
    )


def apart(patterns: Tensor, noise: Tensor) -> Tensor:
    """Points of the sphere that overlap with each pattern by CUE."""
    across = noise - (noise * patterns).mean(dim=-1, keepdim=True) * patterns
    return CUE * patterns + math.sqrt(1 - CUE**2) * on_the_sphere(across)


def on_the_sphere(points: Tensor) -> Tensor:
    """Points of the length of as many signs."""
    return torch.nn.functional.normalize(points, dim=-1) * math.sqrt(points.shape[-1])


def between(low: float, high: float, **must: Any) -> tuple[Must, Must]:
    """A bound on either side."""
    return Must(at_least=low, **must), Must(at_most=high, **must)


MEASUREMENT = Measurement(
    name="capacity",
    claim="Each associative memory holds as many random patterns as its theory says: a share of "
    "the features, a power of them, or exponentially many.",
    musts=(
        *between(
            0.85,
            1.15,
            claim="classical, patterns at 500 features over .135 × features",
            number=("classical", "over theory"),
            source="Amit, Gutfreund & Sompolinsky 1985, at an overlap of .98",
        ),
        *between(
            1.7,
            2.3,
            claim="dense of degree 3, power of the features patterns grow with",
            number=("dense 3", "power"),
            source="Krotov & Hopfield 2016: 2; our tolerance .3",
        ),
        *between(
            2.7,
            3.3,
            claim="dense of degree 4, power of the features patterns grow with",
            number=("dense 4", "power"),
            source="Krotov & Hopfield 2016: 3; our tolerance .3",
        ),
        *(
            Must(
                claim=f"{name}, patterns at most features over those at 1 % of signs wrong",
                number=(name, "over theory"),
                at_least=0.6,
                source="Krotov & Hopfield 2016, of cues without noise; our tolerance",
            )
            for name in ("dense 3", "dense 4")
        ),
        Must(
            claim="exponential, patterns over exp(I(.8)/2 × features), the least at any dimension",
            number=("exponential", "least over theory"),
            at_least=1.0,
            source="Demircigil et al. 2017: what surely suffices",
        ),
        Must(
            claim="modern, beta 1: rate at which patterns grow, exp(rate × features)",
            number=("modern", "rate"),
            at_least=0.25,
            source="Ramsauer et al. 2020: exponential; the rate is our own bound",
            beside={"sparse": ("sparse modern", "rate"), "signs": ("exponential", "rate")},
        ),
        Must(
            claim="sparse modern, patterns over those at which half the cues are nearer another",
            number=("sparse modern", "over theory"),
            at_least=0.5,
            source="geometry of the sphere; our own bound",
            beside={"modern": ("modern", "over theory")},
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(
        dims={
            "classical": (40, 80),
            "dense 3": (10, 20),
            "dense 4": (10, 20),
            "exponential": (10, 20),
            "modern": (6, 10),
            "sparse modern": (6, 10),
        },
        probes=20,
        closeness=1.3,
        seeds=(0, 1),
    ),
)
