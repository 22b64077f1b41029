"""The Hebbian trace of the ``Engram`` layer: fast weights H, written and read at addresses.

Read, then write, at every step, with addresses aʳ, aʷ over the slots and a value v:

    recalled = aʳ H
    H ← λH + aʷ ⊗ u,    u = β v                (Hebb)
                        u = β (v - λ aʷ H)     (delta: what the address holds already is replaced)

The addresses do not look at H, so it is a linear recurrence, and a whole chunk of steps can be
taken at once: with L the running sum of log λ, what a step reads is what was in H before the
chunk, faded, and what the steps before it in the chunk wrote, weighed by how far their addresses
agree. That form (Yang et al. 2024, *Gated Delta Networks*) is exact.
"""

from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import pad

Rule = Literal["delta", "hebb"]


class Traced(NamedTuple):
    """What was read at each step, what each step wrote (u), and the trace after the last."""

    recalled: Float[Tensor, "batch time dim"]
    written: Float[Tensor, "batch time dim"]
    trace: Float[Tensor, "batch slots dim"]


def trace_reference(
    read: Float[Tensor, "batch time slots"],
    write: Float[Tensor, "batch time slots"],
    values: Float[Tensor, "batch time dim"],
    strength: Float[Tensor, "batch time"],
    log_decay: Float[Tensor, "batch time"],
    trace: Float[Tensor, "batch slots dim"],
    *,
    rule: Rule = "delta",
) -> Traced:
    """The trace by its definition, one step after another.

    Args:
        read: addresses aʳ to read at.
        write: addresses aʷ to write at; of length 1, or the delta rule may overshoot.
        values: what to write, v.
        strength: how much of it, β within 0..1.
        log_decay: log λ, at most 0: how much of the trace is left after a step.
        trace: what is there before the first step.
        rule: "delta" or "hebb".
    """
    recalled, written = [], []
    for t in range(read.shape[1]):
        recalled.append(_at(read[:, t], trace))
        trace = log_decay[:, t, None, None].exp() * trace
        new = values[:, t] - _at(write[:, t], trace) if rule == "delta" else values[:, t]
        written.append(strength[:, t, None] * new)
        trace = trace + write[:, t, :, None] * written[-1][:, None]
    return Traced(torch.stack(recalled, dim=1), torch.stack(written, dim=1), trace)


def trace_by_chunks(
    read: Float[Tensor, "batch time slots"],
    write: Float[Tensor, "batch time slots"],
    values: Float[Tensor, "batch time dim"],
    strength: Float[Tensor, "batch time"],
    log_decay: Float[Tensor, "batch time"],
    trace: Float[Tensor, "batch slots dim"],
    *,
    rule: Rule = "delta",
    chunk: int = 64,
) -> Traced:
    """The same, ``chunk`` steps at a time: products of matrices instead of steps."""
    time = read.shape[1]
    chunk = max(1, min(chunk, time))
    missing = -time % chunk
    if missing:  # steps that read nothing, write nothing and let nothing fade
        read, write, values = (pad(each, (0, 0, 0, missing)) for each in (read, write, values))
        strength, log_decay = pad(strength, (0, missing)), pad(log_decay, (0, missing))
    read, write, values, strength, log_decay = (
        each.unflatten(1, (-1, chunk)) for each in (read, write, values, strength, log_decay)
    )
    # of what step j wrote, how much is left after step i; as sums, for large ones cancel badly
    left = _sums_since(log_decay).exp()
    left_before = pad(left[..., :-1, :], (0, 0, 1, 0))  # and when step i reads
    of_before = log_decay.cumsum(dim=-1).exp()[..., None]  # of the trace before the chunk
    of_before_read = pad(of_before[..., :-1, :], (0, 0, 1, 0), value=1.0)
    strength = strength[..., None]
    seen = (read @ write.mT) * left_before  # by each step, of what each step wrote
    read_before = read * of_before_read  # addresses in the trace before the chunk
    kept = (write * left[..., -1, :, None]).mT  # of what was written, at the end of the chunk
    wanted = strength * values
    parts = [seen, read_before, kept, of_before[..., -1:, :], wanted]
    if rule == "delta":
        # u_i + β_i Σ_j (aʷ_i · aʷ_j) e^(L_i - L_j) u_j = β_i (v_i - e^(L_i) aʷ_i H), all u at once
        overlaps = strength * (write @ write.mT) * left  # its diagonal is taken for ones
        one = torch.eye(chunk, dtype=write.dtype, device=write.device).expand_as(overlaps)
        apart = torch.linalg.solve_triangular(overlaps, one, upper=False, unitriangular=True)
        parts += [strength * write * of_before, apart]
    recalled, written = [], []
    for seen, read_before, kept, faded, new, *replacing in zip(
        *(part.unbind(dim=1) for part in parts), strict=True
    ):
        if replacing:
            under, apart = replacing
            new = apart @ torch.baddbmm(new, under, trace, alpha=-1)
        recalled.append(torch.baddbmm(seen @ new, read_before, trace))
        trace = torch.baddbmm(faded * trace, kept, new)
        written.append(new)
    return Traced(torch.cat(recalled, dim=1)[:, :time], torch.cat(written, dim=1)[:, :time], trace)


def _sums_since(steps: Float[Tensor, "*chunks length"]) -> Float[Tensor, "*chunks length length"]:
    """Of all steps after j up to i, the sum; -inf where i is before j."""
    length = steps.shape[-1]
    everything = torch.ones(length, length, dtype=torch.bool, device=steps.device)
    after = torch.where(everything.tril(-1), steps[..., :, None], 0.0)
    return after.cumsum(dim=-2).masked_fill(everything.triu(1), -torch.inf)


def trace_at(
    time: int,
    write: Float[Tensor, "batch time slots"],
    written: Float[Tensor, "batch time dim"],
    log_decay: Float[Tensor, "batch time"],
    trace: Float[Tensor, "batch slots dim"],
) -> Float[Tensor, "batch slots dim"]:
    """The trace that step ``time`` found, from the one before the first step and what was written.

    Σ_s e^(L_before - L_s) aʷ_s ⊗ u_s over the steps s before it, and e^(L_before) of the first.
    """
    left = pad(log_decay[:, 1:time], (0, min(1, time))).flip(1).cumsum(dim=1).flip(1)
    fresh = (write[:, :time] * left[..., None].exp()).mT @ written[:, :time]
    return fresh + log_decay[:, :time].sum(dim=1)[:, None, None].exp() * trace


def _at(address: Tensor, trace: Tensor) -> Tensor:
    return (address[:, None] @ trace)[:, 0]
