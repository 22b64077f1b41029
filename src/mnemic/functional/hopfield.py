"""The associative memories of the papers as one family: similarity, separation, projection.

A cue is compared with every key (similarity), the scores become weights (separation), and the
weighted sum of the values becomes the next state (projection): Millidge et al. 2022, *Universal
Hopfield networks*, eq. 1. Classical, dense, exponential and modern networks differ in a row of
``PRESETS``.

Where the separation is the gradient of a convex potential F, they share an energy too. With
logits z = β · similarity, it is

    -F(z)/β            for states of -1 and 1, and for distances;
    ½|s|² - F(z)/β     for a dot product and a state that may be anything.

In the state, each is a convex part minus a convex part; the update minimises it with the second
replaced by its tangent, so it never rises (Yuille & Rangarajan 2003, the concave-convex
procedure).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, NamedTuple, get_args

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mnemic.errors import ConfigError, CueError, DivergedError, EmptyMemoryError, ShapeError
from mnemic.functional import separation as separations
from mnemic.functional.separation import Separation
from mnemic.functional.similarity import hamming_distance, masked_distance

Similarity = Literal["dot", "cosine", "masked", "hamming"]
Projection = Literal["sign", "linear"]
Known = Bool[Tensor, "batch dim"] | None
Strengths = Float[Tensor, " stored"] | None
Beta = float | Float[Tensor, " batch"] | None


@dataclass(frozen=True)
class Network:
    """One associative memory of the family; it holds no patterns.

    ``beta`` is the inverse temperature, unless a call gives another, or one for each cue.

    >>> network = modern(beta=20.0)
    >>> network.update(torch.tensor([[0.9, 0.1]]), torch.eye(2)).round()
    tensor([[1., 0.]])
    """

    similarity: Similarity
    separation: Separation
    projection: Projection
    beta: float = 1.0

    def __post_init__(self) -> None:
        for name, choices in (("similarity", Similarity), ("projection", Projection)):
            if getattr(self, name) not in get_args(choices):
                known = ", ".join(get_args(choices))
                raise ConfigError(f"{name} must be one of {known}, got {getattr(self, name)!r}")
        if not 0 < self.beta < float("inf"):
            raise ConfigError(f"beta must be positive and finite, got {self.beta}")

    def logits(
        self,
        state: Float[Tensor, "batch dim"],
        keys: Float[Tensor, "stored dim"],
        *,
        known: Known = None,
        beta: Beta = None,
    ) -> Float[Tensor, "batch stored"]:
        """β times how alike each state and each key are, over what is known of the cue.

        Raises:
            ShapeError, CueError, EmptyMemoryError: they do not fit; a number is not finite;
                there are no keys.
        """
        _check(state, keys, known)
        logits = self._beta(state, beta)[:, None] * self._similarity(state, keys, known)
        if not bool(logits.isfinite().all()):
            raise CueError("a key holds NaN or infinity, or its product with a state overflows")
        return logits

    def update(
        self,
        state: Float[Tensor, "batch dim"],
        keys: Float[Tensor, "stored dim"],
        values: Float[Tensor, "stored width"] | None = None,
        *,
        known: Known = None,
        strengths: Strengths = None,
        beta: Beta = None,
    ) -> Float[Tensor, "batch width"]:
        """Every unit at once: the next state, or what the keys lead to where ``values`` differ.

        ``strengths`` are prior odds, in the way of the separation. Where the sum is 0, a sign
        keeps the state, or is 1 for a value that is no state.

        Raises:
            ShapeError, CueError, EmptyMemoryError: as ``logits``.
            ConfigError: a strength is negative, infinite or NaN, or all are 0.
            DivergedError: the weights, or what they sum to, are too large for a number.
        """
        logits = self.logits(state, keys, known=known, beta=beta)
        carried = keys if values is None else values
        if len(carried) != len(keys):
            raise ShapeError(f"{len(keys)} keys need as many values, not {len(carried)}")
        _check_strengths(strengths, keys)
        total = _finite(self.separation.weights(logits, strengths) @ carried)
        if self.projection == "linear":
            return total
        tie = state if values is None else torch.ones_like(total)
        return torch.where(total == 0, tie, total.sign())

    def update_unit_by_unit(
        self,
        state: Float[Tensor, "batch dim"],
        keys: Float[Tensor, "stored dim"],
        order: Int[Tensor, " units"] | None = None,
        *,
        known: Known = None,
        strengths: Strengths = None,
        beta: Beta = None,
    ) -> Float[Tensor, "batch dim"]:
        """One unit after the other takes the sign of less energy (Krotov & Hopfield 2016, eq. 3).

        ``order`` says which, and in what order (all, from the first); a tie keeps the sign.

        Raises:
            ConfigError: the units are not signs, or there is no energy to compare.
            ShapeError, CueError, EmptyMemoryError, DivergedError: as ``update``.
        """
        potential = self.separation.potential
        if self.projection != "sign" or potential is None or self.why_no_energy is not None:
            reason = self.why_no_energy or "its states are not signs"
            raise ConfigError(f"units are updated one by one where signs have an energy: {reason}")
        logits = self.logits(state, keys, known=known, beta=beta)
        _check_strengths(strengths, keys)
        step = self._logits_of_a_unit(state, known, beta)
        state = state.clone()
        for unit in range(state.shape[-1]) if order is None else order.tolist():
            gain = step if known is None else step * known[:, unit]
            moved = gain[:, None] * keys[:, unit]  # logits gained when the unit goes up by one
            at_zero = logits - state[:, unit, None] * moved
            up = potential(at_zero + moved, strengths)
            down = potential(at_zero - moved, strengths)
            sign = torch.where(up == down, state[:, unit], (up - down).sign())
            logits = at_zero + sign[:, None] * moved
            state[:, unit] = sign
        _finite(potential(logits, strengths))
        return state

    def energy(
        self,
        state: Float[Tensor, "batch dim"],
        keys: Float[Tensor, "stored dim"],
        *,
        known: Known = None,
        strengths: Strengths = None,
        beta: Beta = None,
    ) -> Float[Tensor, " batch"] | None:
        """What no update raises, while keys are their own values; None where ``why_no_energy``.

        Raises:
            ShapeError, CueError, EmptyMemoryError: as ``logits``.
        """
        potential = self.separation.potential
        if potential is None or self.why_no_energy is not None:
            return None
        logits = self.logits(state, keys, known=known, beta=beta)
        _check_strengths(strengths, keys)
        energy = -_finite(potential(logits, strengths)) / self._beta(state, beta)
        if self.projection == "linear" and self.similarity == "dot":
            energy = energy + 0.5 * _seen(state, known).square().sum(dim=-1)
        return energy

    @property
    def why_no_energy(self) -> str | None:
        """Why this combination has no energy; None where it has one."""
        if self.separation.potential is None:
            return f"the weights of {self.separation.name} are the gradient of no potential"
        if self.similarity == "cosine":
            return "a cosine divides by the lengths of state and key; the sum of keys does not"
        if self.projection == "linear":
            if self.similarity == "hamming":
                return "a Hamming distance is between signs, and a linear state has none"
            if self.separation.name == "exponential":
                return "exponential weights are scaled cue by cue, which only a sign ignores"
            if self.similarity == "masked" and not self.separation.shares:
                return "weights that do not sum to 1 lead away from the nearest patterns"
        return None

    def _similarity(
        self, state: Float[Tensor, "batch dim"], keys: Float[Tensor, "stored dim"], known: Known
    ) -> Float[Tensor, "batch stored"]:
        if self.similarity == "masked":
            return -0.5 * masked_distance(state, keys, known)
        if self.similarity == "hamming":
            return -hamming_distance(state, keys, known)
        seen = _seen(state, known)
        if self.similarity == "dot":
            return seen @ keys.T
        tiny = torch.finfo(keys.dtype).tiny
        length = seen.norm(dim=-1, keepdim=True)
        if known is None:
            lengths = keys.norm(dim=-1).expand(len(seen), -1)
        else:
            lengths = (known.to(keys.dtype) @ keys.square().T).clamp_min(tiny).sqrt()
        return seen @ keys.T / (length * lengths).clamp_min(tiny)

    def _beta(self, state: Tensor, beta: Beta) -> Float[Tensor, " batch"]:
        each = torch.as_tensor(
            self.beta if beta is None else beta, dtype=state.dtype, device=state.device
        )
        if each.ndim > 1 or (each.ndim == 1 and len(each) != len(state)):
            raise ShapeError(f"beta is one number, or one a cue: {len(state)}, not {each.shape}")
        if not bool(((each > 0) & each.isfinite()).all()):
            raise ConfigError(f"beta must be positive and finite, got {beta}")
        return each.expand(len(state))

    def _logits_of_a_unit(self, state: Tensor, known: Known, beta: Beta) -> Float[Tensor, " batch"]:
        """By how much the logit of a pattern of 1s rises when a unit of signs goes up by 1."""
        each = self._beta(state, beta)
        if self.similarity == "dot":
            return each
        if self.similarity == "hamming":
            return each / 2
        return each / (state.shape[-1] if known is None else known.sum(dim=-1))


def classical() -> Network:
    """Signs, and correlations summed over patterns (Hopfield 1982), self-connections kept."""
    return Network("dot", separations.identity(), "sign")


def dense(n: int) -> Network:
    """Signs, and correlations to the power n - 1 (Krotov & Hopfield 2016)."""
    return Network("dot", separations.polynomial(n), "sign")


def exponential(beta: float = 1.0) -> Network:
    """Signs, and exponentials of correlations (Demircigil et al. 2017)."""
    return Network("dot", separations.exponential(), "sign", beta)


def modern(beta: float) -> Network:
    """The modern continuous network: softmax attention over the patterns (Ramsauer et al. 2020)."""
    return Network("dot", separations.softmax(), "linear", beta)


def sparse_modern(
    beta: float, separation: Callable[[], Separation] = separations.sparsemax
) -> Network:
    """As ``modern``, most weights being 0 (Hu et al. 2023; Santos et al. 2024 with entmax)."""
    return Network("dot", separation(), "linear", beta)


def masked(beta: float) -> Network:
    """Ours: a mean-shift on the mean squared difference over what is known of a cue."""
    return Network("masked", separations.softmax(), "linear", beta)


def sparse_distributed(radius: float) -> Network:
    """Kanerva's (1988) memory: read every address within a Hamming distance of the cue.

    Its keys are the hard addresses, its values what ``write`` has added up at each.
    """
    return Network("hamming", separations.within(-radius), "sign")


def write(
    addresses: Float[Tensor, "stored dim"],
    patterns: Float[Tensor, "batch dim"],
    values: Float[Tensor, "batch width"],
    *,
    radius: float,
) -> Float[Tensor, "stored width"]:
    """The counters of a sparse distributed memory: each value added at every address near its
    pattern.
    """
    near = hamming_distance(patterns, addresses) <= radius
    return near.to(values.dtype).T @ values


PRESETS: dict[str, Callable[[], Network]] = {
    "classical": classical,
    "dense 3": lambda: dense(3),
    "dense 4": lambda: dense(4),
    "exponential": exponential,
    "modern": lambda: modern(beta=8.0),
    "sparse modern": lambda: sparse_modern(beta=8.0),
    "sparse modern, entmax-1.5": lambda: sparse_modern(8.0, separations.entmax15),
    "sparse distributed": lambda: sparse_distributed(radius=4.0),
    "masked": lambda: masked(beta=100.0),
}
"""One of each, to try: betas and radii that suit a few patterns of some ten features."""


class Descent(NamedTuple):
    """Where each cue went, and by what way."""

    state: Float[Tensor, "batch dim"]
    energies: Float[Tensor, "steps batch"] | None  # before the first step, and after each
    steps: Int[Tensor, " batch"]
    settled: Bool[Tensor, " batch"]


def settle(
    network: Network,
    state: Float[Tensor, "batch dim"],
    keys: Float[Tensor, "stored dim"],
    *,
    known: Known = None,
    strengths: Strengths = None,
    beta: Beta = None,
    max_steps: int = 20,
    tolerance: float = 1e-6,
    unit_by_unit: bool = False,
) -> Descent:
    """Update until no feature moves by more than ``tolerance``, each cue on its own.

    Raises:
        ConfigError: ``max_steps`` is below 1, or as ``Network.update_unit_by_unit``.
        ShapeError, CueError, EmptyMemoryError, DivergedError: as ``Network.update``.
    """
    if max_steps < 1:
        raise ConfigError(f"max_steps must be at least 1, got {max_steps}")
    energies: list[Tensor] = []
    steps = torch.zeros(len(state), dtype=torch.long, device=state.device)
    settled = torch.zeros(len(state), dtype=torch.bool, device=state.device)

    def note(state: Tensor) -> None:
        energy = network.energy(state, keys, known=known, strengths=strengths, beta=beta)
        if energy is not None:
            energies.append(energy)

    note(state)
    for _ in range(max_steps):
        if unit_by_unit:
            updated = network.update_unit_by_unit(
                state, keys, known=known, strengths=strengths, beta=beta
            )
        else:
            updated = network.update(state, keys, known=known, strengths=strengths, beta=beta)
        updated = torch.where(settled[:, None], state, updated)
        steps = steps + ~settled
        settled = settled | ((updated - state).abs().amax(dim=-1) <= tolerance)
        state = updated
        note(state)
        if bool(settled.all()):
            break
    return Descent(state, torch.stack(energies) if energies else None, steps, settled)


def _seen(state: Float[Tensor, "batch dim"], known: Known) -> Float[Tensor, "batch dim"]:
    return state if known is None else torch.where(known, state, 0.0)


def _check(state: Tensor, keys: Tensor, known: Known) -> None:
    if len(keys) == 0:
        raise EmptyMemoryError("there are no keys to compare with")
    if state.shape[-1] != keys.shape[-1]:
        raise ShapeError(
            f"states have {state.shape[-1]} features, but keys {keys.shape[-1]}; both are of one "
            "space, only values may be of another"
        )
    if known is not None and known.shape != state.shape:
        raise ShapeError(f"a mask of {tuple(known.shape)} does not fit {tuple(state.shape)} states")
    if not bool(_seen(state, known).isfinite().all()):
        raise CueError("a state holds NaN or infinity in a known feature; mark it unknown")
    if known is not None and not bool(known.any(dim=-1).all()):
        raise CueError("nothing is known of a cue: its mask is False everywhere")


def _finite(values: Tensor) -> Tensor:
    if not bool(values.isfinite().all()):
        raise DivergedError(
            "weights left the finite numbers; a lower beta keeps them there, such as one over the "
            "number of features"
        )
    return values


def _check_strengths(strengths: Strengths, keys: Tensor) -> None:
    if strengths is None:
        return
    if len(strengths) != len(keys):
        raise ShapeError(f"{len(keys)} keys need as many strengths, not {len(strengths)}")
    if not bool(((strengths >= 0) & strengths.isfinite()).all()) or not bool(strengths.any()):
        raise ConfigError("strengths must be finite, 0 or more, and not all 0")
