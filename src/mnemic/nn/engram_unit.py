"""One layer of ``Engram`` in one direction: its parameters, and all its steps side by side."""

import math
from typing import NamedTuple, cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import skip_init
from torch.utils.checkpoint import checkpoint

from mnemic.functional.engram import (
    NORM_EPSILON,
    EngramState,
    EngramWeights,
    driving,
    encode,
    entropy,
    gate,
    looked_similarities,
    shares,
    unit,
)
from mnemic.functional.linear import linear
from mnemic.functional.recurrence import linear_recurrence
from mnemic.functional.trace import trace_by_chunks
from mnemic.nn.autoencoder import at_least_single
from mnemic.nn.engram_settings import GATES, EngramSettings
from mnemic.nn.layers import dense
from mnemic.nn.sequences import valid

ROWS = 4  # of fewer rows, a product of matrices may be summed up in another order


class Seen(NamedTuple):
    """What went on in a layer: enough to say what the trace was at any step, and who wrote it."""

    read: Float[Tensor, "batch time slots"]  # addresses
    write: Float[Tensor, "batch time slots"]
    read_strength: Float[Tensor, "batch time"]  # of what is recalled from the trace
    write_strength: Float[Tensor, "batch time"]
    log_decay: Float[Tensor, "batch time"]
    written: Float[Tensor, "batch time dim"]


class Ran(NamedTuple):
    """What a sequence came to."""

    outputs: Float[Tensor, "batch time dim"]
    state: EngramState
    entropy: Float[Tensor, "batch time"] | None  # of the addresses, while training
    write: Float[Tensor, "batch time"]  # how strongly each step wrote
    seen: Seen | None  # if it was asked for


class EngramUnit(nn.Module):
    """Holds the parameters of one layer in one direction, and runs it over time."""

    def __init__(
        self, features: int, dim: int, slots: int, settings: EngramSettings, rng: torch.Generator
    ) -> None:
        super().__init__()
        self.settings = settings
        self.dim, self.slots = dim, slots
        self.use_trace = True
        self.encoder = dense(features, dim, rng=rng)
        self.encoder_norm = nn.LayerNorm(dim, NORM_EPSILON)
        bank = torch.randn(slots, dim, generator=rng) / math.sqrt(dim)
        self.bank = nn.Parameter(bank)
        self.looks = nn.Parameter(_first_looks(dim, settings))
        self.drive = nn.Parameter(_at_present(dim, settings.span))
        # a first step must be written under something, and zero is alike to every memory
        self.before = nn.Parameter(torch.randn(settings.recent, dim, generator=rng))
        self.log_sharpness = nn.Parameter(
            torch.tensor(-math.log(settings.temperature)), requires_grad=settings.learn_temperature
        )
        self.gates = cast(nn.Linear, skip_init(nn.Linear, dim, 3))
        bias = torch.tensor([settings.write_bias, settings.decay_bias, settings.read_bias])
        with torch.no_grad():
            self.gates.weight.zero_()
            self.gates.bias.copy_(bias)
        looking = torch.tensor([[float(name in settings.gates)] for name in GATES])
        self.looking: Tensor
        self.register_buffer("looking", looking, persistent=False)
        self.trace_scale = nn.Parameter(torch.tensor(settings.trace_scale))
        self.combine: nn.Linear | None = None
        self.gru: nn.GRU | None = None
        if settings.recurrence == "gru":
            # made without values: drawing them would disturb the global generator
            empty = nn.GRU(2 * dim, dim, batch_first=True, device="meta")
            self.gru = empty.to_empty(device=self.bank.device)
            for parameter in self.gru.parameters():
                nn.init.uniform_(parameter, -(dim**-0.5), dim**-0.5, generator=rng)
        else:
            self.combine = dense(2 * dim, 2 * dim, rng=rng)
        self.output_norm = nn.LayerNorm(dim, NORM_EPSILON)

    @property
    def weights(self) -> EngramWeights:
        """The parameters as the equations take them."""
        if self.gru is not None:
            combine, recur, combine_bias, recur_bias = self.gru.all_weights[0]
        else:
            assert self.combine is not None
            combine, combine_bias = self.combine.weight, self.combine.bias
            recur = recur_bias = None
        return EngramWeights(
            self.encoder.weight,
            self.encoder.bias,
            self.encoder_norm.weight,
            self.encoder_norm.bias,
            self.bank,
            self.looks,
            self.drive,
            self.log_sharpness.exp(),
            self.gates.weight * self.looking,
            self.gates.bias,
            self.trace_scale * float(self.use_trace),
            combine,
            combine_bias,
            recur,
            recur_bias,
            self.output_norm.weight,
            self.output_norm.bias,
        )

    def first_state(self, batch: int) -> EngramState:
        """Nothing in the trace and the hidden state, and what is learned to come before."""
        like = at_least_single(self.bank.detach())
        return EngramState(
            like.new_zeros(batch, self.dim),
            like.new_zeros(batch, self.slots, self.dim),
            at_least_single(self.before).expand(batch, -1, -1),
        )

    def forward(
        self,
        inputs: Float[Tensor, "batch time features"],
        state: EngramState,
        lengths: Int[Tensor, " batch"] | None = None,
        *,
        noise: Float[Tensor, "batch time 2 slots"] | None = None,
        observe: bool = False,
    ) -> Ran:
        """Run over time: one segment after another, which changes only how much memory it takes."""
        size = self.settings.segment
        runs: list[Ran] = []
        for start in range(0, inputs.shape[1], size):
            piece = inputs[:, start : start + size]
            left = None if lengths is None else (lengths - start).clamp(0, piece.shape[1])
            drawn = None if noise is None else noise[:, start : start + size]
            given = (piece, state, left, drawn, observe)
            if self.settings.recompute and torch.is_grad_enabled():
                run = cast(Ran, checkpoint(self._segment, *given, use_reentrant=False))
            else:
                run = self._segment(*given)
            state = run.state
            runs.append(run)
        return runs[0] if len(runs) == 1 else _joined(runs)

    def _segment(
        self,
        inputs: Tensor,
        state: EngramState,
        lengths: Tensor | None,
        noise: Tensor | None,
        observe: bool,
    ) -> Ran:
        weights, settings = self.weights, self.settings
        there = None if lengths is None else valid(lengths, inputs.shape[1])
        encoded = encode(inputs, weights)
        window = torch.cat([state.recent.to(encoded.dtype), encoded], dim=1)
        looked_at = window[:, settings.recent + 1 - settings.reach :]
        alike = at_least_single(looked_similarities(looked_at, weights.looks, weights.bank))
        with torch.autocast(inputs.device.type, enabled=False):  # sums of thousands of steps
            scores = at_least_single(weights.sharpness) * alike
            scores = scores if noise is None else scores + noise
            shared = shares(scores, settings.addressing, k=settings.k)
            reading, writing = unit(shared).unbind(dim=2)
            values = at_least_single(encoded)
            gates = gate(
                values,
                at_least_single(weights.gates),
                at_least_single(weights.gates_bias),
                stretch=settings.stretch,
            )
            write, log_decay = (
                each if there is None else torch.where(there, each, 0.0) for each in gates[:2]
            )
            traced = trace_by_chunks(
                reading,
                writing,
                values,
                write,
                log_decay,
                state.trace,
                rule=settings.rule,
                chunk=settings.chunk,
            )
            strength = at_least_single(weights.trace_scale) * gates.read
            recalled = reading @ at_least_single(weights.bank)
            recalled = recalled + strength[..., None] * traced.recalled
        drive = driving(window[:, settings.recent + 1 - settings.span :], weights.drive)
        driven = torch.cat([drive, recalled.to(drive.dtype)], dim=-1)
        states, hidden = self._hidden(driven, state.hidden, lengths, there)
        return Ran(
            self.output_norm(states.to(encoded.dtype)),
            EngramState(hidden, traced.trace, self._recent(window, lengths)),
            entropy(shared).mean(dim=2) if self.training else None,
            write,
            Seen(reading, writing, strength, write, log_decay, traced.written) if observe else None,
        )

    def _hidden(
        self, driven: Tensor, start: Tensor, lengths: Tensor | None, there: Tensor | None
    ) -> tuple[Tensor, Tensor]:
        """The hidden state at every step, and the one after the last of each sequence."""
        if self.gru is not None:
            batch, before = len(driven), start.to(driven.dtype)[None]
            if batch < ROWS:
                driven, before = driven.repeat(ROWS, 1, 1), before.repeat(1, ROWS, 1)
            states, last = self.gru(driven, before)
            states, last = states[:batch], last[:, :batch]
            if lengths is None:
                return states, at_least_single(last[0])
            every = torch.cat([start[:, None], at_least_single(states)], dim=1)
            return states, every[torch.arange(len(every)), lengths]
        assert self.combine is not None
        combined = at_least_single(linear(driven, self.combine.weight, self.combine.bias))
        kept, candidate = combined.chunk(2, dim=-1)
        keep = kept.sigmoid()
        add = torch.addcmul(candidate, keep, candidate, value=-1)
        if there is not None:
            keep = torch.where(there[..., None], keep, 1.0)
            add = torch.where(there[..., None], add, 0.0)
        states = linear_recurrence(keep, add, start)
        return states, states[:, -1]

    def _recent(self, window: Tensor, lengths: Tensor | None) -> Tensor:
        before = self.settings.recent
        window = at_least_single(window)
        if lengths is None:
            return window[:, window.shape[1] - before :]
        steps = lengths[:, None] + torch.arange(before, device=lengths.device)
        return window[torch.arange(len(window))[:, None], steps]


def _joined(runs: list[Ran]) -> Ran:
    entropies = [run.entropy for run in runs if run.entropy is not None]
    seen = [run.seen for run in runs if run.seen is not None]
    return Ran(
        torch.cat([run.outputs for run in runs], dim=1),
        runs[-1].state,
        torch.cat(entropies, dim=1) if entropies else None,
        torch.cat([run.write for run in runs], dim=1),
        Seen(*(torch.cat(parts, dim=1) for parts in zip(*seen, strict=True))) if seen else None,
    )


def _first_looks(dim: int, settings: EngramSettings) -> Float[Tensor, "2 dim reach"]:
    """Reading looks at the step itself; writing, if ``shift``, at the step before it."""
    reading = writing = _at_present(dim, settings.reach)
    if settings.shift and settings.reach > 1:
        writing = reading.roll(-1, dims=1)
    return torch.stack([reading, writing])


def _at_present(dim: int, steps: int) -> Float[Tensor, "dim steps"]:
    kernel = torch.zeros(dim, steps)
    kernel[:, -1] = 1.0
    return kernel
