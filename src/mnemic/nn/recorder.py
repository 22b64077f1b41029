"""Watching memories form: traces, addresses and sparsity over time, and which memory answered."""

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from mnemic.errors import ConfigError, CueError
from mnemic.functional.engram import entropy
from mnemic.functional.engram_published import PublishedRun
from mnemic.functional.trace import trace_at
from mnemic.nn.engram import Engram, Observed
from mnemic.nn.engram_published import PublishedEngram

T = TypeVar("T")


@runtime_checkable
class SummaryWriter(Protocol):
    """As much of TensorBoard's writer as is used: any object that has these will do."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> Any:
        """A number of one step."""
        ...

    def add_image(self, tag: str, img_tensor: Any, global_step: int, *, dataformats: str) -> Any:
        """A picture of one step."""
        ...


class Statistics(NamedTuple):
    """One call of one layer in one direction, in a few numbers."""

    call: int  # of the module, from 0
    name: str  # of the module
    layer: int
    backward: bool
    sparsity: float  # mean entropy of the addresses read at, over log N
    used: float  # share of the slots that some step read at the most
    trace: float  # root mean square of the trace that the last step found
    write: float | None  # mean of the write gate; the published cell has none


class Answer(NamedTuple):
    """Which memories answered at one step, and which inputs had written them.

    What was recalled is ``from_bank + from_trace``. The trace is a sum of what every step wrote,
    so its part divides among them: ``input_shares`` and ``start_share``, of what the trace held
    before the first step, sum to 1. Under the delta rule an input that was replaced gives next to
    nothing. All of it counts in steps of the input, and the greatest comes first.
    """

    slots: Int[Tensor, " found"]
    slot_shares: Float[Tensor, " found"]
    inputs: Int[Tensor, " writers"]
    input_shares: Float[Tensor, " writers"]
    start_share: float
    from_bank: Float[Tensor, " dim"]
    from_trace: Float[Tensor, " dim"]


class TraceRecord:
    """What went on in one layer of an ``Engram``, in one direction, during one call.

    Addresses, gates and sparsity are in the order of the input, and zero where it was padding.
    """

    def __init__(self, name: str, observed: Observed, call: int = 0) -> None:
        self.name, self.call = name, call
        self.layer, self.backward = observed.layer, observed.backward
        self._times = observed.times.cpu()
        self._bank, self._start = observed.bank.detach().cpu(), observed.start.detach().cpu()
        self._seen = type(observed.seen)(*(part.detach().cpu() for part in observed.seen))

    @property
    def read_addresses(self) -> Float[Tensor, "batch time slots"]:
        """How each step shared out its reading among the slots."""
        return self._in_order(_shares(self._seen.read))

    @property
    def write_addresses(self) -> Float[Tensor, "batch time slots"]:
        """How each step shared out its writing among the slots."""
        return self._in_order(_shares(self._seen.write))

    @property
    def read_strength(self) -> Float[Tensor, "batch time"]:
        """How much what the trace answered counted."""
        return self._in_order(self._seen.read_strength[..., None])[..., 0]

    @property
    def write_strength(self) -> Float[Tensor, "batch time"]:
        """How strongly each step wrote, 0..1."""
        return self._in_order(self._seen.write_strength[..., None])[..., 0]

    @property
    def kept(self) -> Float[Tensor, "batch time"]:
        """How much of the trace each step left, 0..1."""
        return self._in_order(self._seen.log_decay.exp()[..., None])[..., 0]

    @property
    def sparsity(self) -> Float[Tensor, "batch time"]:
        """Entropy of each reading address over log N: 0 for one slot, 1 for all alike."""
        return self._in_order(entropy(_shares(self._seen.read))[..., None])[..., 0]

    def statistics(self) -> Statistics:
        """This call in a few numbers; padding is left out."""
        there = self._times >= 0
        last = torch.stack(
            [self._trace_before(row, int(count) - 1) for row, count in enumerate(there.sum(dim=1))]
        )
        return Statistics(
            self.call,
            self.name,
            self.layer,
            self.backward,
            float(entropy(_shares(self._seen.read))[there].mean()),
            _used(self._seen.read[there]),
            float(last.square().mean().sqrt()),
            float(self._seen.write_strength[there].mean()),
        )

    def trace(self, time: int) -> Float[Tensor, "batch slots dim"]:
        """The trace that each sequence had when it read at step ``time`` of the input.

        Zero for a sequence that has no such step. Computed from what was written: no trace was
        kept.
        """
        self._check(0, time)
        traces = torch.zeros_like(self._start)
        for row in range(len(traces)):
            found = (self._times[row] == time).nonzero()
            if len(found):
                traces[row] = self._trace_before(row, int(found[0, 0]))
        return traces

    def answer(self, row: int, time: int) -> Answer:
        """Which memory answered sequence ``row`` at step ``time``, and who had written it.

        Raises:
            CueError: the sequence has no such step.
        """
        self._check(row, time)
        found = (self._times[row] == time).nonzero()
        if not len(found):
            raise CueError(f"step {time} of sequence {row} is padding; ask for one that was there")
        at = int(found[0, 0])
        address, strength = self._seen.read[row, at], self._seen.read_strength[row, at]
        from_trace = strength * (address @ self._trace_before(row, at))
        log_decay = self._seen.log_decay[row, :at]
        left = (log_decay.flip(0).cumsum(0).flip(0) - log_decay).exp()
        agreement = self._seen.write[row, :at] @ address
        parts = strength * (left * agreement)[:, None] * self._seen.written[row, :at]
        first = strength * log_decay.sum().exp() * (address @ self._start[row])
        # how much of the answer lies in each part: parts along it sum to it
        whole = from_trace.square().sum().clamp_min(torch.finfo(from_trace.dtype).tiny)
        by_input, order = (parts @ from_trace / whole).sort(descending=True)
        slot_shares, slots = _shares(address).sort(descending=True)
        used = slot_shares > 0
        return Answer(
            slots[used],
            slot_shares[used],
            self._times[row, order],
            by_input,
            float(first @ from_trace / whole),
            address @ self._bank,
            from_trace,
        )

    def _trace_before(self, row: int, at: int) -> Tensor:
        write, written = self._seen.write[row : row + 1], self._seen.written[row : row + 1]
        log_decay, start = self._seen.log_decay[row : row + 1], self._start[row : row + 1]
        return trace_at(at, write, written, log_decay, start)[0]

    def _check(self, row: int, time: int) -> None:
        rows, steps = self._times.shape
        if not (0 <= row < rows and 0 <= time < steps):
            raise CueError(
                f"sequence {row}, step {time} was asked for, of {rows} sequences of {steps} steps"
            )

    def _in_order(self, values: Tensor) -> Tensor:
        # padding goes to a step past the end, which is then left out
        steps = values.shape[1]
        places = torch.where(self._times < 0, steps, self._times)[..., None].expand_as(values)
        room = values.new_zeros(values.shape[0], steps + 1, values.shape[2])
        return room.scatter(1, places, values)[:, :steps]


class PublishedRecord:
    """What went on in a ``PublishedEngram`` during one call; its batch has one trace in common."""

    def __init__(self, name: str, ran: PublishedRun, call: int = 0) -> None:
        self.name, self.call = name, call
        self.read_addresses = ran.addresses.detach().cpu()
        self.sparsity = entropy(self.read_addresses)
        self._traces = torch.cat([ran.traces, ran.trace[None]]).detach().cpu()

    def statistics(self) -> Statistics:
        """This call in a few numbers."""
        sparsity, used = float(self.sparsity.mean()), _used(self.read_addresses.flatten(0, 1))
        trace = float(self._traces[-2].square().mean().sqrt())
        return Statistics(self.call, self.name, 0, False, sparsity, used, trace, None)

    def trace(self, time: int) -> Float[Tensor, "slots dim"]:
        """The trace that step ``time`` found; one past the last step, what it left."""
        if not 0 <= time < len(self._traces):
            raise CueError(f"step {time} was asked for, of {len(self._traces) - 1}")
        return self._traces[time]


class TraceRecorder:
    """Records what goes on in every ``Engram`` and ``PublishedEngram`` of a model, while it lasts.

    ``records`` has all of it, call after call; ``statistics`` a few numbers of each. Over a whole
    training that is much: ``keep`` holds so many of the last records, and ``every`` looks at one
    call of so many.

    >>> layer = Engram(4, 8, slots=16, rng=torch.Generator().manual_seed(0))
    >>> with TraceRecorder(nn.Sequential(layer)) as recorder:
    ...     _ = layer(torch.randn(2, 5, 4, generator=torch.Generator().manual_seed(1)))
    >>> recorder.records[0].sparsity.shape, recorder.records[0].trace(4).shape
    (torch.Size([2, 5]), torch.Size([2, 16, 8]))
    """

    def __init__(self, model: nn.Module, *, keep: int | None = None, every: int = 1) -> None:
        if every < 1 or (keep is not None and keep < 0):
            raise ConfigError(f"every must be at least 1 and keep 0, got {every} and {keep}")
        self.keep, self.every = keep, every
        self.records: list[TraceRecord | PublishedRecord] = []
        self.statistics: list[Statistics] = []
        self._calls: dict[tuple[str, int, bool], int] = {}
        self._layers = [
            (name, layer)
            for name, layer in model.named_modules()
            if isinstance(layer, Engram | PublishedEngram)
        ]
        if not self._layers:
            raise ConfigError("there is no Engram in this model, and so no trace to record")
        self._stops: list[Callable[[], None]] = []

    def __enter__(self) -> "TraceRecorder":
        for name, layer in self._layers:
            if isinstance(layer, Engram):
                self._observe(layer.observers, partial(self._ours, name))
            else:
                self._observe(layer.observers, partial(self._published, name))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        while self._stops:
            self._stops.pop()()

    def to_tensorboard(self, writer: SummaryWriter) -> None:
        """Write statistics of every call, and the traces of the records that are kept.

        ``writer`` is a ``SummaryWriter`` of TensorBoard, or anything with the same two methods.
        """
        for one in self.statistics:
            tag = _tag(one.name, one.layer, one.backward)
            for name in ("sparsity", "used", "trace", "write"):
                value = getattr(one, name)
                if value is not None:
                    writer.add_scalar(f"{tag}/{name}", value, one.call)
        for record in self.records:
            steps = record.read_addresses.shape[1]
            last = record.trace(steps - 1)
            if isinstance(record, TraceRecord):
                tag, last = _tag(record.name, record.layer, record.backward), last[0]
            else:
                tag = _tag(record.name, 0, False)
            writer.add_image(f"{tag}/last trace", _as_picture(last), record.call, dataformats="HW")

    def _observe(self, observers: list[Callable[[T], None]], observer: Callable[[T], None]) -> None:
        observers.append(observer)
        self._stops.append(partial(observers.remove, observer))

    def _ours(self, name: str, observed: Observed) -> None:
        call = self._counted(name, observed.layer, observed.backward)
        if call % self.every == 0:
            self._keep(TraceRecord(name, observed, call))

    def _published(self, name: str, ran: PublishedRun) -> None:
        call = self._counted(name, 0, False)
        if call % self.every == 0:
            self._keep(PublishedRecord(name, ran, call))

    def _counted(self, *which: Any) -> int:
        call = self._calls.get(which, 0)
        self._calls[which] = call + 1
        return call

    def _keep(self, record: TraceRecord | PublishedRecord) -> None:
        self.statistics.append(record.statistics())
        self.records.append(record)
        if self.keep is not None and len(self.records) > self.keep:
            del self.records[0]


def _shares(address: Tensor) -> Tensor:
    return address / address.sum(dim=-1, keepdim=True)


def _used(addresses: Float[Tensor, "steps slots"]) -> float:
    return len(addresses.argmax(dim=-1).unique()) / addresses.shape[-1]


def _tag(name: str, layer: int, backward: bool) -> str:
    return f"{name or 'engram'}/{layer}{'/backward' if backward else ''}"


def _as_picture(trace: Tensor) -> Float[np.ndarray, "slots dim"]:
    """A trace as grey levels: 0 at its least, 1 at its most."""
    values = trace.float().numpy()
    reach = float(np.ptp(values))
    return (values - values.min()) / (reach if reach > 0 else 1.0)
