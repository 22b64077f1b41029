"""The recurrent cell of the Engram Neural Network as it was published, equation by equation.

Source: Szelogowski 2025, *Hebbian Memory-Augmented Recurrent Networks*, by its code, the package
tensorflow-engram 0.1.0. This is the slow form, written to be read; ``engram_published_fast``
computes the same in less time. What the cell gets wrong (one trace for the whole batch, addresses
that are nearly uniform) is kept: ``engram`` is the layer that mends it.
"""

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import layer_norm

from mnemic.errors import ConfigError
from mnemic.functional.linear import linear

NORM_EPSILON = 1e-6  # of both layer normalisations
LEAST_SQUARE = 1e-12  # what a squared length is raised to before dividing by its root


@dataclass(frozen=True, kw_only=True)
class PublishedSettings:
    """The settings of the published cell, with its defaults.

    ``trace_scale`` is α, ``learning_rate`` η. The published "sparsity strength" penalises nothing:
    it only divides the temperature, by 1 + 10 ``sparsity``.
    """

    trace_scale: float = 0.5
    learning_rate: float = 0.05
    temperature: float = 1.5
    sparsity: float = 0.1
    bound: float = 0.1
    noise: float = 0.001

    def __post_init__(self) -> None:
        for name in ("temperature", "bound"):
            if not 0 < getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be a number above 0, got {getattr(self, name)}")
        for name in ("sparsity", "noise"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be a number from 0, got {getattr(self, name)}")
        if not 0 <= self.learning_rate <= 1:
            raise ConfigError(f"learning_rate must be within 0..1, got {self.learning_rate}")
        if not math.isfinite(self.trace_scale):
            raise ConfigError(f"trace_scale must be a finite number, got {self.trace_scale}")

    @property
    def softness(self) -> float:
        """τ, what similarities are divided by before the softmax."""
        return self.temperature / (1 + 10 * self.sparsity)


class PublishedWeights(NamedTuple):
    """The parameters of the published cell; kernels map from their second axis to their first."""

    memory: Float[Tensor, "slots dim"]
    encoder: Float[Tensor, "dim features"]
    encoder_bias: Float[Tensor, " dim"]
    integrator: Float[Tensor, "three_dim three_dim"]
    integrator_bias: Float[Tensor, " three_dim"]
    output: Float[Tensor, "dim three_dim"]
    output_bias: Float[Tensor, " dim"]
    encoder_scale: Float[Tensor, " dim"]
    encoder_shift: Float[Tensor, " dim"]
    output_scale: Float[Tensor, " dim"]
    output_shift: Float[Tensor, " dim"]


class PublishedRun(NamedTuple):
    """What a sequence came to."""

    outputs: Float[Tensor, "batch time dim"]
    trace: Float[Tensor, "slots dim"]  # after the last step
    addresses: Float[Tensor, "batch time slots"]
    traces: Float[Tensor, "time slots dim"]  # as each step found it


def encode(
    inputs: Float[Tensor, "*any features"], weights: PublishedWeights
) -> Float[Tensor, "*any dim"]:
    """z = LN₁(relu(Wₑ x + bₑ))."""
    active = linear(inputs, weights.encoder, weights.encoder_bias).relu()
    return _normalised(active, weights.encoder_scale, weights.encoder_shift)


def direction(vectors: Float[Tensor, "*any dim"]) -> Float[Tensor, "*any dim"]:
    """Vectors over their length, which is at least 1e-6."""
    squared = vectors.square().sum(dim=-1, keepdim=True)
    return vectors * squared.clamp_min(LEAST_SQUARE).rsqrt()


def recall(
    encoded: Float[Tensor, "batch dim"],
    trace: Float[Tensor, "slots dim"],
    memory: Float[Tensor, "slots dim"],
    settings: PublishedSettings,
) -> tuple[Float[Tensor, "batch dim"], Float[Tensor, "batch slots"]]:
    """What the bank answers, m = aE, and by which addresses, a = softmax(cos(z, E) / τ).

    E = M + αH: the trace biases which memories are found, and is part of what is found.
    """
    effective = memory + settings.trace_scale * trace
    similarity = direction(encoded) @ direction(effective).T
    addresses = (similarity / settings.softness).softmax(dim=-1)
    return addresses @ effective, addresses


def integrate(
    encoded: Float[Tensor, "batch dim"],
    recalled: Float[Tensor, "batch dim"],
    hidden: Float[Tensor, "batch dim"],
    weights: PublishedWeights,
) -> Float[Tensor, "batch dim"]:
    """h ← LN₂(relu(Wₒ relu(Wᵢ [z, m, h] + bᵢ) + bₒ))."""
    three = torch.cat([encoded, recalled, hidden], dim=-1)
    wide = linear(three, weights.integrator, weights.integrator_bias).relu()
    active = linear(wide, weights.output, weights.output_bias).relu()
    return _normalised(active, weights.output_scale, weights.output_shift)


def strengthen(
    trace: Float[Tensor, "slots dim"],
    addresses: Float[Tensor, "batch slots"],
    encoded: Float[Tensor, "batch dim"],
    settings: PublishedSettings,
    noise: Float[Tensor, "slots dim"] | None = None,
) -> Float[Tensor, "slots dim"]:
    """H ← clip((1 - η)H + η(mean over the batch of a ⊗ z + noise), ±bound)."""
    update = addresses.T @ encoded / len(encoded)
    if noise is not None:
        update = update + noise
    mixed = (1 - settings.learning_rate) * trace + settings.learning_rate * update
    return mixed.clamp(-settings.bound, settings.bound)


def run_reference(
    inputs: Float[Tensor, "batch time features"],
    hidden: Float[Tensor, "batch dim"],
    trace: Float[Tensor, "slots dim"],
    weights: PublishedWeights,
    settings: PublishedSettings,
    noise: Float[Tensor, "time slots dim"] | None = None,
) -> PublishedRun:
    """The cell over time, one step after another. ``noise`` is that of each step, if any."""
    outputs, addresses, traces = [], [], []
    for time, seen in enumerate(inputs.unbind(dim=1)):
        encoded = encode(seen, weights)
        recalled, address = recall(encoded, trace, weights.memory, settings)
        hidden = integrate(encoded, recalled, hidden, weights)
        traces.append(trace)
        drawn = None if noise is None else noise[time]
        trace = strengthen(trace, address, encoded, settings, drawn)
        outputs.append(hidden)
        addresses.append(address)
    return PublishedRun(
        torch.stack(outputs, dim=1), trace, torch.stack(addresses, dim=1), torch.stack(traces)
    )


def _normalised(active: Tensor, scale: Tensor, shift: Tensor) -> Tensor:
    return layer_norm(active, (active.shape[-1],), scale, shift, NORM_EPSILON)
