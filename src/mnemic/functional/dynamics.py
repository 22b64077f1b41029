"""Associative memory in continuous time: feature units and memory units that drive each other.

Features have the currents v, stored patterns (the rows of Ξ) each a memory unit with the current
h, and a constant input I may hold a cue up::

    tau_f dv/dt = Ξᵀ f(h) - v + I        tau_h dh/dt = Ξ g(v) - h

What a layer puts out is the gradient of its Lagrangian: g = ∂L_v/∂v, f = ∂L_h/∂h. While both
Lagrangians are convex the energy [(v - I)·g - L_v] + [h·f - L_h] - f·Ξg never rises, and the
choice of the two is the choice of the model: ``log_cosh`` with ``quadratic``, ``polynomial`` or
``exponential`` memory units is the classical, dense or exponential network, ``quadratic`` with
``log_sum_exp`` the modern one, whose memory units are an attention over the patterns.

Source: Krotov & Hopfield 2021, *Large associative memory problem in neurobiology and machine
learning*.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy.integrate import solve_ivp
from torch import Tensor

from mnemic.errors import ConfigError, CueError, DivergedError, EmptyMemoryError, ShapeError

Method = Literal["LSODA", "Radau", "BDF", "RK45", "DOP853"]
EXPLICIT = ("RK45", "DOP853")  # these have no use for a Jacobian
FINEST = 1e-13  # relative tolerance: solvers refuse to go nearer to double precision's rounding


@dataclass(frozen=True)
class Lagrangian:
    """A function of a layer's currents, summed over its units, and its gradient, its output.

    Any pair may be given; the energy falls if ``value`` is convex.
    """

    name: str
    value: Callable[[Tensor], Tensor]
    activation: Callable[[Tensor], Tensor]


def quadratic() -> Lagrangian:
    """L = ½|x|²: the output is the current."""
    return Lagrangian("quadratic", lambda x: 0.5 * x.square().sum(dim=-1), lambda x: x)


def log_cosh(gamma: float = 1.0) -> Lagrangian:
    """L = Σ log cosh(γx) / γ: the output is tanh(γx), for a large ``gamma`` the sign.

    >>> log_cosh(gamma=1e4).activation(torch.tensor([0.3, -0.1]))
    tensor([ 1., -1.])
    """
    _positive(gamma=gamma)

    def value(x: Tensor) -> Tensor:
        return (torch.logaddexp(gamma * x, -gamma * x) - math.log(2)).sum(dim=-1) / gamma

    return Lagrangian(f"log_cosh({gamma=:g})", value, lambda x: (gamma * x).tanh())


def spherical(epsilon: float = 1e-6) -> Lagrangian:
    """L = √(|x|² + ε²): the output is the direction, x / |x|; ``epsilon`` rounds the tip at 0."""
    _positive(epsilon=epsilon)

    def value(x: Tensor) -> Tensor:
        return (x.square().sum(dim=-1) + epsilon**2).sqrt()

    return Lagrangian(f"spherical({epsilon=:g})", value, lambda x: x / value(x)[..., None])


def polynomial(degree: int) -> Lagrangian:
    """L = Σ max(x, 0)ⁿ / n: the output is max(x, 0)ⁿ⁻¹, of dense associative memory.

    >>> polynomial(degree=3).activation(torch.tensor([2.0, -2.0]))
    tensor([4., 0.])
    """
    if degree < 2:
        raise ConfigError(f"degree must be at least 2, for a continuous output; got {degree}")

    def value(x: Tensor) -> Tensor:
        return x.clamp_min(0).pow(degree).sum(dim=-1) / degree

    return Lagrangian(f"polynomial({degree=})", value, lambda x: x.clamp_min(0).pow(degree - 1))


def exponential(beta: float = 1.0) -> Lagrangian:
    """L = Σ exp(βx) / β: the output is exp(βx)."""
    _positive(beta=beta)

    def value(x: Tensor) -> Tensor:
        return (beta * x).exp().sum(dim=-1) / beta

    return Lagrangian(f"exponential({beta=:g})", value, lambda x: (beta * x).exp())


def log_sum_exp(beta: float) -> Lagrangian:
    """L = log Σ exp(βx) / β: the output is softmax(βx), an attention over the patterns."""
    _positive(beta=beta)

    def value(x: Tensor) -> Tensor:
        return (beta * x).logsumexp(dim=-1) / beta

    return Lagrangian(f"log_sum_exp({beta=:g})", value, lambda x: (beta * x).softmax(dim=-1))


@dataclass(frozen=True, kw_only=True)
class Network:
    """What the two layers are made of, and how long each takes to follow what drives it."""

    features: Lagrangian
    memories: Lagrangian
    tau_f: float = 1.0
    tau_h: float = 0.1

    def __post_init__(self) -> None:
        _positive(tau_f=self.tau_f, tau_h=self.tau_h)


class Currents(NamedTuple):
    """The currents of both layers, or how fast they change."""

    features: Float[Tensor, "*batch dim"]
    memories: Float[Tensor, "*batch stored"]


class Energy(NamedTuple):
    """The three terms of the energy: of each layer, and of what lies between them."""

    features: Float[Tensor, "*batch"]  # (v - I)·g - L_v
    memories: Float[Tensor, "*batch"]  # h·f - L_h
    interaction: Float[Tensor, "*batch"]  # -f·Ξg

    @property
    def total(self) -> Float[Tensor, "*batch"]:
        """What never rises along a trajectory."""
        return self.features + self.memories + self.interaction


class Trajectory(NamedTuple):
    """Where each cue went, and how its energy fell."""

    times: Float[Tensor, " time"]
    features: Float[Tensor, "batch time dim"]
    memories: Float[Tensor, "batch time stored"]
    energy: Energy  # terms of batch × time
    evaluations: Int[Tensor, " batch"]  # of the right-hand side, by the solver

    @property
    def end(self) -> Currents:
        """The currents at the last of the times."""
        return Currents(self.features[:, -1], self.memories[:, -1])


def at_rest(
    features: Float[Tensor, "*batch dim"], patterns: Float[Tensor, "stored dim"], network: Network
) -> Currents:
    """The currents with each memory unit where the features would hold it: h = Ξg(v).

    >>> modern = Network(features=quadratic(), memories=log_sum_exp(beta=8.0))
    >>> at_rest(torch.tensor([0.5, 0.25]), torch.eye(2), modern).memories
    tensor([0.5000, 0.2500])
    """
    return Currents(features, network.features.activation(features) @ patterns.T)


def velocity(
    currents: Currents,
    patterns: Float[Tensor, "stored dim"],
    network: Network,
    *,
    drive: Float[Tensor, "*#batch dim"] | None = None,
) -> Currents:
    """How fast both layers change: the right-hand side of the two equations.

    ``drive`` is the input I to the features, 0 unless given.
    """
    features, memories = currents
    resting = at_rest(features, patterns, network).memories
    pulled = _pulled(features, memories, patterns, network, drive)
    return Currents(pulled / network.tau_f, (resting - memories) / network.tau_h)


def adiabatic_velocity(
    features: Float[Tensor, "*batch dim"],
    patterns: Float[Tensor, "stored dim"],
    network: Network,
    *,
    drive: Float[Tensor, "*#batch dim"] | None = None,
) -> Float[Tensor, "*batch dim"]:
    """How fast the features change when memory units follow at once: tau_h → 0.

    With ``quadratic`` features and ``log_sum_exp`` memory units an Euler step of ``tau_f`` is the
    modern Hopfield update, softmax(βΞv)Ξ:

    >>> modern = Network(features=quadratic(), memories=log_sum_exp(beta=8.0))
    >>> cue = torch.tensor([0.9, 0.1, 0.0])
    >>> (cue + adiabatic_velocity(cue, torch.eye(3), modern)).round(decimals=3)
    tensor([0.9980, 0.0020, 0.0010])
    """
    memories = at_rest(features, patterns, network).memories
    return _pulled(features, memories, patterns, network, drive) / network.tau_f


def energy(
    currents: Currents,
    patterns: Float[Tensor, "stored dim"],
    network: Network,
    *,
    drive: Float[Tensor, "*#batch dim"] | None = None,
) -> Energy:
    """[(v - I)·g - L_v] + [h·f - L_h] - f·Ξg: it falls along every trajectory.

    Its slope is -tau_f v̇ᵀ(∂²L_v)v̇ - tau_h ḣᵀ(∂²L_h)ḣ, never above 0 while both Lagrangians are
    convex. With the memory units ``at_rest`` the last two terms are -L_h(Ξg).
    """
    features, memories = currents
    g = network.features.activation(features)
    f = network.memories.activation(memories)
    held = features if drive is None else features - drive
    return Energy(
        (held * g).sum(dim=-1) - network.features.value(features),
        (memories * f).sum(dim=-1) - network.memories.value(memories),
        -(f * (g @ patterns.T)).sum(dim=-1),
    )


def trajectory(
    cues: Float[Tensor, "batch dim"],
    patterns: Float[Tensor, "stored dim"],
    network: Network,
    *,
    times: Float[Tensor, " time"],
    drive: Float[Tensor, "batch dim"] | None = None,
    memories: Float[Tensor, "batch stored"] | None = None,
    method: Method = "LSODA",
    rtol: float = 1e-8,
    atol: float = 1e-10,
    max_evaluations: int = 100_000,
) -> Trajectory:
    """Let the currents of each cue run from the first of ``times`` to the last.

    Features start at the cue and memory units at rest with it, or at ``memories``. SciPy's
    ``solve_ivp`` does the steps: LSODA, Radau and BDF take memory units that are much faster than
    the features, RK45 and DOP853 are for units of like speed. Cues run one by one, each in steps
    of its own, so none depends on its batch neighbours. All is in double precision on the CPU,
    and gradients do not pass: ``velocity`` and ``energy`` are the parts to differentiate.

    >>> modern = Network(features=quadratic(), memories=log_sum_exp(beta=20.0))
    >>> cue = torch.tensor([[0.9, 0.1, 0.0]])
    >>> ran = trajectory(cue, torch.eye(3), modern, times=torch.linspace(0, 20, 5))
    >>> ran.end.features.round(decimals=4)
    tensor([[1., 0., 0.]], dtype=torch.float64)

    Raises:
        EmptyMemoryError: there are no patterns.
        ShapeError: cues, ``drive`` or ``memories`` do not fit the patterns or each other.
        CueError: one of them is not a finite number somewhere.
        ConfigError: ``times`` do not increase, or a setting of the solver is out of range.
        DivergedError: the currents ran away, or the solver could not follow them.
    """
    _refuse_misfits(cues, patterns, drive, memories)
    _refuse_settings(times, method, rtol, atol, max_evaluations)
    times, patterns = _double(times), _double(patterns)
    cues = _double(cues)
    inputs = torch.zeros_like(cues) if drive is None else _double(drive)
    solver = {"method": method, "rtol": rtol, "atol": atol}

    shape = (len(cues), len(times))
    features = patterns.new_empty(*shape, patterns.shape[1])
    units = patterns.new_empty(*shape, len(patterns))
    terms = patterns.new_empty(3, *shape)
    evaluations = torch.zeros(len(cues), dtype=torch.long)
    with torch.no_grad():  # a Lagrangian may have parameters that are learned
        for row in range(len(cues)):
            start = at_rest(cues[row], patterns, network)
            if memories is not None:
                start = Currents(cues[row], _double(memories[row]))
            flow = _Flow(patterns, network, inputs[row], row, max_evaluations)
            ran = flow.follow(start, times, solver)
            features[row], units[row] = ran
            terms[:, row] = torch.stack(energy(ran, patterns, network, drive=inputs[row]))
            evaluations[row] = flow.evaluations
    return Trajectory(times, features, units, Energy(*terms), evaluations)


class _Flow:
    """The two equations of one cue as the solver wants them: one vector, in NumPy."""

    def __init__(
        self, patterns: Tensor, network: Network, drive: Tensor, row: int, most: int
    ) -> None:
        self.patterns, self.network, self.drive = patterns, network, drive
        self.row, self.most, self.evaluations = row, most, 0

    def follow(self, start: Currents, times: Tensor, solver: dict[str, Any]) -> Currents:
        """The currents at each of the times."""
        if solver["method"] not in EXPLICIT:
            solver = solver | {"jac": self.jacobian}
        span = (float(times[0]), float(times[-1]))
        with warnings.catch_warnings(record=True) as said:  # LSODA says there why it gave up
            warnings.simplefilter("always")
            ran = solve_ivp(
                self.slope, span, torch.cat(start).numpy(), t_eval=times.numpy(), **solver
            )
        if not ran.success:
            reasons = "; ".join([ran.message.rstrip("."), *(str(w.message) for w in said)])
            raise self.failure(f"{solver['method']} gave up ({reasons})")
        path = torch.from_numpy(ran.y.T)
        path[0] = torch.cat(start)  # LSODA gives back its interpolation of it
        return self.split(path)

    def split(self, joined: Tensor) -> Currents:
        dim = self.patterns.shape[1]
        return Currents(joined[..., :dim], joined[..., dim:])

    def joined_velocity(self, joined: Tensor) -> Tensor:
        currents = self.split(joined)
        return torch.cat(velocity(currents, self.patterns, self.network, drive=self.drive), dim=-1)

    def slope(self, time: float, joined: np.ndarray) -> np.ndarray:
        self.evaluations += 1
        if self.evaluations > self.most:
            raise self.failure(f"{self.most} evaluations led no further than time {time:g}")
        return self.finite(self.joined_velocity(torch.from_numpy(joined)), time)

    def jacobian(self, time: float, joined: np.ndarray) -> np.ndarray:
        jacobian = torch.func.jacrev(self.joined_velocity)
        return self.finite(jacobian(torch.from_numpy(joined)), time)

    def finite(self, rates: Tensor, time: float) -> np.ndarray:
        if not bool(rates.isfinite().all()):
            raise self.failure(f"left the finite numbers at time {time:g}")
        return rates.numpy()

    def failure(self, what: str) -> DivergedError:
        layers = f"{self.network.features.name} features and {self.network.memories.name} memories"
        return DivergedError(
            f"cue {self.row}: {what}. With {layers} the energy may have no floor: bound the "
            "features (log_cosh, spherical) or scale the patterns down. If tau_f and tau_h are "
            "far apart, use LSODA, Radau or BDF; if the end is only far off, raise max_evaluations"
        )


def _pulled(
    features: Tensor, memories: Tensor, patterns: Tensor, network: Network, drive: Tensor | None
) -> Tensor:
    """Ξᵀf - v + I."""
    pulled = network.memories.activation(memories) @ patterns - features
    return pulled if drive is None else pulled + drive


def _double(values: Tensor) -> Tensor:
    return values.detach().to("cpu", torch.float64)


def _positive(**settings: float) -> None:
    for name, value in settings.items():
        if not 0 < value < math.inf:
            raise ConfigError(f"{name} must be positive and finite, got {value}")


def _refuse_misfits(
    cues: Tensor, patterns: Tensor, drive: Tensor | None, memories: Tensor | None
) -> None:
    if cues.ndim != 2 or patterns.ndim != 2:
        raise ShapeError(
            f"cues are {tuple(cues.shape)} and patterns {tuple(patterns.shape)}; "
            "both need a row each: cues[None] makes a batch of one"
        )
    stored, dim = patterns.shape
    if stored == 0:
        raise EmptyMemoryError("there are no patterns, so there is nothing to recall")
    given = {
        "cues": (cues, dim, "features"),
        "drive": (drive, dim, "features"),
        "memories": (memories, stored, "memory units"),
    }
    for name, (values, width, unit) in given.items():
        if values is None:
            continue
        if values.shape != (len(cues), width):
            raise ShapeError(
                f"{name} are {tuple(values.shape)}, but {len(cues)} cues and patterns of "
                f"{stored} × {dim} need {(len(cues), width)}: {width} {unit} a cue"
            )
        if not bool(values.isfinite().all()):
            raise CueError(f"{name} hold NaN or infinity; give 0 where nothing is known")
    if not bool(patterns.isfinite().all()):
        raise CueError("patterns hold NaN or infinity; give 0 where nothing is known")


def _refuse_settings(
    times: Tensor, method: str, rtol: float, atol: float, max_evaluations: int
) -> None:
    if times.ndim != 1 or len(times) < 2 or not bool(times.isfinite().all()):
        raise ConfigError(f"times must be two or more finite numbers, got {times.tolist()}")
    if not bool((times.diff() > 0).all()):
        raise ConfigError("times must increase: sort them, and give each once")
    if method not in get_args(Method):
        raise ConfigError(f"method must be one of {', '.join(get_args(Method))}, got {method!r}")
    if not FINEST <= rtol < 1:
        raise ConfigError(f"rtol must be from {FINEST:g} to below 1, got {rtol}")
    _positive(atol=atol)
    if max_evaluations < 1:
        raise ConfigError(f"max_evaluations must be at least 1, got {max_evaluations}")
