"""How an ``Engram`` layer works, beside its sizes."""

import math
from dataclasses import dataclass

from mnemic.errors import ConfigError
from mnemic.functional.engram import STRETCH, Addressing, Recurrence
from mnemic.functional.trace import Rule

GATES = ("write", "decay", "read")


@dataclass(frozen=True, kw_only=True)
class EngramSettings:
    """Every setting of an ``Engram`` layer that is not a size.

    Args:
        addressing: how similarities share out an address among the slots: "top-k", "entmax",
            "sparsemax", or "softmax", which leaves no slot out.
        k: slots of a top-k address; all of them where there are fewer.
        temperature: what similarities, -1..1, are divided by; where ``learn_temperature`` starts.
        rule: "delta" replaces what an address holds, "hebb" adds to it.
        recurrence: "parallel", a leaky state that does not look at itself; or "gru", a gated
            recurrent unit, which takes one step after another.
        gates: which of "write", "decay" and "read" look at the input; the others learn a constant.
        write_bias: what the write gate starts from, before the sigmoid.
        decay_bias: the same of the gate that keeps the trace.
        read_bias: the same of the gate that reads it.
        stretch: by how much the write gate is stretched before it is cut to 0..1, so that it can
            close wholly. 0 leaves a sigmoid, which never does.
        trace_scale: how much the trace counts beside the bank, to start with.
        reach: how many steps of its input an address looks at.
        span: how many steps of its input drive the hidden state.
        shift: addresses to write at start by looking at the step before: a value is written under
            what preceded it.
        noise: standard deviation of what is added to similarities in training.
        sparsity: the address entropy, 0..1, that the penalty asks for; None asks for the lowest.
        chunk: steps of the trace taken at once.
        segment: longer sequences are run a segment at a time, which bounds memory in evaluation.
        recompute: in training too, by computing each segment again for its gradients.

    Raises:
        ConfigError: a setting makes no sense.
    """

    addressing: Addressing = "top-k"
    k: int = 8
    temperature: float = 0.1
    learn_temperature: bool = True
    rule: Rule = "delta"
    recurrence: Recurrence = "parallel"
    gates: tuple[str, ...] = GATES
    write_bias: float = 0.0
    decay_bias: float = 6.0
    read_bias: float = 1.0
    stretch: float = STRETCH
    trace_scale: float = 1.0
    reach: int = 2
    span: int = 4
    shift: bool = True
    noise: float = 0.0
    sparsity: float | None = None
    chunk: int = 64
    segment: int = 1024
    recompute: bool = False

    def __post_init__(self) -> None:
        for name, choices in (
            ("addressing", ("top-k", "entmax", "sparsemax", "softmax")),
            ("rule", ("delta", "hebb")),
            ("recurrence", ("parallel", "gru")),
        ):
            if getattr(self, name) not in choices:
                names = ", ".join(map(repr, choices))
                raise ConfigError(f"{name} must be one of {names}, got {getattr(self, name)!r}")
        if not set(self.gates) <= set(GATES):
            raise ConfigError(f"gates must be among {', '.join(GATES)}, got {self.gates!r}")
        for name in ("k", "reach", "span", "chunk", "segment"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not 0 < self.temperature < math.inf:
            raise ConfigError(f"temperature must be a number above 0, got {self.temperature}")
        for name in ("noise", "stretch"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ConfigError(f"{name} must be a number from 0, got {getattr(self, name)}")
        for name in ("write_bias", "decay_bias", "read_bias", "trace_scale"):
            if not math.isfinite(getattr(self, name)):
                raise ConfigError(f"{name} must be a finite number, got {getattr(self, name)}")
        if self.sparsity is not None and not 0 <= self.sparsity <= 1:
            raise ConfigError(f"sparsity must be an entropy within 0..1, got {self.sparsity}")

    @property
    def recent(self) -> int:
        """How many steps before the present one are looked at."""
        return max(self.reach, self.span) - 1
