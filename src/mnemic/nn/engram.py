"""A recurrent layer with an explicit memory: a bank, and fast weights written as it runs.

Source: Szelogowski 2025, *Hebbian Memory-Augmented Recurrent Networks*, mended as
``functional.engram`` says. The cell as it was published is ``EngramCell``.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, cast, overload

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from mnemic.errors import ConfigError, ShapeError
from mnemic.functional.engram import EngramState
from mnemic.nn.engram_settings import EngramSettings
from mnemic.nn.engram_unit import EngramUnit, Seen
from mnemic.nn.sequences import (
    Lined,
    backward_order,
    backwards,
    dropped,
    from_front,
    packed_like,
    to_front,
    unpacked,
    valid,
)


class Observed(NamedTuple):
    """What went on in one layer, in one direction, during one call."""

    layer: int
    backward: bool
    bank: Float[Tensor, "slots dim"]
    start: Float[Tensor, "batch slots dim"]  # the trace before the first step
    seen: Seen  # in the order the steps were taken
    times: Int[Tensor, "batch time"]  # which step of the input each of them was; -1 is padding


class Engram(nn.Module):
    """A recurrent layer that recalls from a bank of memories, and from a trace over that bank.

    Call it as ``nn.LSTM``: ``outputs, state = layer(inputs, state)``, with ``inputs`` a batch of
    sequences, one sequence, or a ``PackedSequence``. A state carried from one call to the next
    gives what one call over all would have given. What a sequence comes to depends on nothing
    else in its batch.

    Args:
        input_size: features of an input.
        hidden_size: features of the hidden state, of a memory and of an output.
        slots: memories in the bank.
        num_layers: how many layers, each over the outputs of the one before.
        batch_first: inputs are batch × time × features, else time × batch × features. So are
            outputs and masks; states never are.
        bidirectional: a second set of layers reads from the end; outputs are side by side.
        dropout: share of the outputs of each layer but the last that is blanked in training.
        rng: draws the first weights.
        settings: how it addresses, writes and recalls: see ``EngramSettings``.

    >>> layer = Engram(8, 16, slots=32, rng=torch.Generator().manual_seed(0))
    >>> outputs, state = layer(torch.ones(2, 10, 8))
    >>> outputs.shape, state.trace.shape
    (torch.Size([2, 10, 16]), torch.Size([1, 2, 32, 16]))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        slots: int = 64,
        num_layers: int = 1,
        *,
        batch_first: bool = True,
        bidirectional: bool = False,
        dropout: float = 0.0,
        rng: torch.Generator,
        **settings: Any,
    ) -> None:
        super().__init__()
        for name, value, least in (
            ("input_size", input_size, 1),
            ("hidden_size", hidden_size, 1),
            ("slots", slots, 2),
            ("num_layers", num_layers, 1),
        ):
            if value < least:
                raise ConfigError(f"{name} must be at least {least}, got {value}")
        if not 0 <= dropout < 1:
            raise ConfigError(f"dropout must be a share within 0..1, got {dropout}")
        self.settings = EngramSettings(**settings)
        self.input_size, self.hidden_size = input_size, hidden_size
        self.slots, self.num_layers = slots, num_layers
        self.batch_first, self.bidirectional, self.dropout = batch_first, bidirectional, dropout
        self.directions = 2 if bidirectional else 1
        self.units = nn.ModuleList(
            EngramUnit(
                input_size if layer == 0 else self.directions * hidden_size,
                hidden_size,
                slots,
                self.settings,
                rng,
            )
            for layer in range(num_layers)
            for _ in range(self.directions)
        )
        self.observers: list[Callable[[Observed], None]] = []
        self._latest = _Latest()

    @property
    def use_trace(self) -> bool:
        """Whether the trace is read. Set it to False to see what a trained layer owes to it."""
        return self._units[0].use_trace

    @use_trace.setter
    def use_trace(self, used: bool) -> None:
        for unit in self._units:
            unit.use_trace = used

    @overload
    def forward(
        self,
        inputs: PackedSequence,
        state: EngramState | None = None,
        *,
        known: None = None,
        rng: torch.Generator | None = None,
    ) -> tuple[PackedSequence, EngramState]: ...

    @overload
    def forward(
        self,
        inputs: Float[Tensor, "*batch_time features"],
        state: EngramState | None = None,
        *,
        known: Bool[Tensor, "*batch_time"] | None = None,
        rng: torch.Generator | None = None,
    ) -> tuple[Float[Tensor, "*batch_time directions_dim"], EngramState]: ...

    def forward(
        self,
        inputs: PackedSequence | Float[Tensor, "*batch_time features"],
        state: EngramState | None = None,
        *,
        known: Bool[Tensor, "*any"] | None = None,
        rng: torch.Generator | None = None,
    ) -> tuple[PackedSequence | Float[Tensor, "*outer directions_dim"], EngramState]:
        """The output of every step, and the state after the last step of each sequence.

        Args:
            inputs: the sequences.
            state: where to start from; empty unless given.
            known: True for a step, False for what is none: it is passed over, whatever it holds,
                and its output is zero.
            rng: draws dropout and noise, which only training has.

        Raises:
            ShapeError: the tensors do not fit the layer or each other.
            ConfigError: training with dropout or noise, and nothing to draw it from.
        """
        values = inputs.data if isinstance(inputs, PackedSequence) else inputs
        if values.ndim not in (2, 3) or values.shape[-1] != self.input_size:
            raise ShapeError(
                f"inputs must be batches of sequences of {self.input_size} features, or one such "
                f"sequence; got {_sizes(values)}"
            )
        if isinstance(inputs, PackedSequence):
            if known is not None:
                raise ConfigError("a packed batch knows its steps; give known only with a tensor")
            values, known = unpacked(inputs)
            outputs, state = self._run(values, state, known, rng)
            return packed_like(inputs, outputs), state
        if known is not None:
            if known.dtype != torch.bool:
                raise ShapeError(f"known must be boolean, True for a step; got {known.dtype}")
            if known.shape != inputs.shape[:-1]:
                raise ShapeError(f"known must be {_sizes(inputs[..., 0])}, got {_sizes(known)}")
        if inputs.ndim == 2:
            state = None if state is None else EngramState(*(part[:, None] for part in state))
            known = None if known is None else known[None]
            outputs, state = self._run(inputs[None], state, known, rng)
            return outputs[0], EngramState(*(part[:, 0] for part in state))
        if self.batch_first:
            return self._run(inputs, state, known, rng)
        known = None if known is None else known.T
        outputs, state = self._run(inputs.transpose(0, 1), state, known, rng)
        return outputs.transpose(0, 1), state

    def penalty(self) -> Float[Tensor, ""]:
        """How far the addresses of the last call in training were from the sparsity asked for.

        The mean entropy of all addresses, 0..1, or with ``sparsity`` the square of its distance
        to that. Add some of it to the loss.

        Raises:
            ConfigError: there was no call in training.
        """
        mean = self._mean(self._latest.entropies)
        return mean if self.settings.sparsity is None else (mean - self.settings.sparsity) ** 2

    def write_penalty(self) -> Float[Tensor, ""]:
        """How strongly the last call in training wrote, 0..1: the mean of all write gates.

        Some of it in the loss closes the gate on all that need not be remembered; what is then
        stored outlasts it, however long it goes on.

        Raises:
            ConfigError: there was no call in training.
        """
        return self._mean(self._latest.writes)

    @staticmethod
    def _mean(values: list[Tensor]) -> Tensor:
        if not values:
            raise ConfigError("a penalty is that of the last call in training; call the layer")
        return torch.stack(values).mean()

    def extra_repr(self) -> str:
        """The settings that are not parameters."""
        return (
            f"{self.input_size}, {self.hidden_size}, slots={self.slots}, "
            f"num_layers={self.num_layers}, bidirectional={self.bidirectional}, "
            f"addressing={self.settings.addressing!r}, rule={self.settings.rule!r}, "
            f"recurrence={self.settings.recurrence!r}"
        )

    @property
    def _units(self) -> list[EngramUnit]:
        return [cast(EngramUnit, unit) for unit in self.units]

    def _run(
        self,
        values: Tensor,
        state: EngramState | None,
        known: Tensor | None,
        rng: torch.Generator | None,
    ) -> tuple[Tensor, EngramState]:
        state = self._checked(state, values)
        if values.shape[1] == 0:
            raise ShapeError("a sequence must have at least one step, got none")
        self._check_generator(rng)
        lined = None if known is None else to_front(values, known)
        if lined is not None:
            values = lined.values
        self._latest = _Latest()
        after: list[EngramState] = []
        for layer in range(self.num_layers):
            sides: list[Tensor] = []
            for backward in range(self.directions):
                index = layer * self.directions + backward
                before = EngramState(*(part[index] for part in state))
                outputs, last = self._one(index, values, before, lined, rng)
                sides.append(outputs)
                after.append(last)
            values = sides[0] if len(sides) == 1 else torch.cat(sides, dim=-1)
            if self.training and rng is not None and layer < self.num_layers - 1:
                values = dropped(values, self.dropout, rng=rng)
        outputs = values if lined is None else from_front(values, lined)
        return outputs, EngramState(*(torch.stack(parts) for parts in zip(*after, strict=True)))

    def _one(
        self,
        index: int,
        values: Tensor,
        state: EngramState,
        lined: Lined | None,
        rng: torch.Generator | None,
    ) -> tuple[Tensor, EngramState]:
        """One layer in one direction."""
        unit, (layer, backward) = self._units[index], divmod(index, self.directions)
        lengths = None if lined is None else lined.lengths
        noise = None
        if self.training and self.settings.noise and rng is not None:
            noise = self.settings.noise * _drawn((*values.shape[:2], 2, self.slots), values, rng)
        ran = unit(
            backwards(values, lengths) if backward else values,
            state,
            lengths,
            noise=noise,
            observe=bool(self.observers),
        )
        if ran.entropy is not None:
            there = torch.ones_like(ran.entropy)
            if lengths is not None:
                there = valid(lengths, values.shape[1]).to(ran.entropy)
            steps = there.sum().clamp_min(1.0)
            self._latest.entropies.append((ran.entropy * there).sum() / steps)
            self._latest.writes.append(ran.write.sum() / steps)  # padding writes nothing
        if ran.seen is not None:
            times = _times(values, lined, bool(backward))
            seen = Observed(layer, bool(backward), unit.bank, state.trace, ran.seen, times)
            for observer in self.observers:
                observer(seen)
        return backwards(ran.outputs, lengths) if backward else ran.outputs, ran.state

    def _checked(self, state: EngramState | None, values: Tensor) -> EngramState:
        batch = len(values)
        if state is None:
            firsts = [unit.first_state(batch) for unit in self._units]
            return EngramState(*(torch.stack(parts) for parts in zip(*firsts, strict=True)))
        sizes = {
            "hidden": (len(self.units), batch, self.hidden_size),
            "trace": (len(self.units), batch, self.slots, self.hidden_size),
            "recent": (len(self.units), batch, self.settings.recent, self.hidden_size),
        }
        state = EngramState(*state)
        for (name, wanted), part in zip(sizes.items(), state, strict=True):
            if tuple(part.shape) != wanted:
                raise ShapeError(
                    f"the state's {name} must be {' × '.join(map(str, wanted))} for these inputs, "
                    f"got {_sizes(part)}"
                )
        return state

    def _check_generator(self, rng: torch.Generator | None) -> None:
        drops = self.dropout > 0 and self.num_layers > 1
        if self.training and rng is None and (drops or self.settings.noise > 0):
            raise ConfigError(
                "training with dropout or noise draws random numbers; give rng=, or put the layer "
                "in evaluation mode"
            )


class _Latest:
    """What penalties are computed from: of the last call alone, so never copied or saved."""

    def __init__(self) -> None:
        self.entropies: list[Tensor] = []
        self.writes: list[Tensor] = []

    def __deepcopy__(self, memo: Any) -> "_Latest":
        return _Latest()

    def __reduce__(self) -> tuple[type["_Latest"], tuple[()]]:
        return _Latest, ()


def _drawn(shape: tuple[int, ...], like: Tensor, rng: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=rng, device=rng.device).to(like)


def _times(values: Tensor, lined: Lined | None, backward: bool) -> Tensor:
    time = values.shape[1]
    if lined is None:
        steps = torch.arange(time, device=values.device).expand(len(values), -1)
        return steps.flip(1) if backward else steps
    times = torch.where(valid(lined.lengths, time), lined.order, -1)
    return times.gather(1, backward_order(lined.lengths, time)) if backward else times


def _sizes(values: Tensor) -> str:
    return " × ".join(map(str, values.shape)) or "a single number"
