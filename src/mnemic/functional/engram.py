"""The ``Engram`` layer, equation by equation: a bank of memories, a trace over it, a hidden state.

It mends the published cell (``engram_published``, Szelogowski 2025): every sequence has a trace of
its own, addresses are sparse and come from the bank alone, gates decide what is written, what
fades and what is read, and a value is written under what came just before it.

``engram_reference`` is the definition, one step after another. Because addresses do not look at
the trace, all steps can be taken side by side: see ``trace`` and ``recurrence``.
"""

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import conv2d, layer_norm, logsigmoid, normalize, silu

from mnemic.functional.linear import linear
from mnemic.functional.separation import entmax15, softmax, sparsemax
from mnemic.functional.trace import Rule

Addressing = Literal["top-k", "entmax", "sparsemax", "softmax"]
Recurrence = Literal["parallel", "gru"]

NORM_EPSILON = 1e-6
LEAST_SQUARE = 1e-24  # what the squared length of a look is raised to before dividing by its root
STRETCH = 0.1  # of the write gate


class EngramWeights(NamedTuple):
    """The parameters of one layer in one direction; kernels map second axis to first.

    ``combine`` and ``combine_bias`` make gate and candidate of d and m ("parallel"), or are the
    three input kernels of a gated recurrent unit ("gru"), which alone has the ``recur`` ones.
    """

    encoder: Float[Tensor, "dim features"]
    encoder_bias: Float[Tensor, " dim"]
    encoder_scale: Float[Tensor, " dim"]
    encoder_shift: Float[Tensor, " dim"]
    bank: Float[Tensor, "slots dim"]
    looks: Float[Tensor, "2 dim reach"]
    drive: Float[Tensor, "dim span"]
    sharpness: Float[Tensor, ""]
    gates: Float[Tensor, "3 dim"]
    gates_bias: Float[Tensor, " 3"]
    trace_scale: Float[Tensor, ""]
    combine: Float[Tensor, "parts_dim two_dim"]
    combine_bias: Float[Tensor, " parts_dim"]
    recur: Float[Tensor, "three_dim dim"] | None
    recur_bias: Float[Tensor, " three_dim"] | None
    output_scale: Float[Tensor, " dim"]
    output_shift: Float[Tensor, " dim"]


class EngramState(NamedTuple):
    """What a layer carries from step to step; of a stack of layers, one after another.

    ``recent`` holds the last encoded inputs, as many as the looks or the drive go back.
    """

    hidden: Float[Tensor, "*layers batch dim"]
    trace: Float[Tensor, "*layers batch slots dim"]
    recent: Float[Tensor, "*layers batch before dim"]

    def detach(self) -> "EngramState":
        """The same values without their history: to train on a long sequence piece by piece."""
        return EngramState(*(part.detach() for part in self))


class Gates(NamedTuple):
    """How strongly a step writes, the log of how much of the trace it leaves, how much it reads."""

    write: Float[Tensor, "*steps"]
    log_decay: Float[Tensor, "*steps"]
    read: Float[Tensor, "*steps"]


def encode(
    inputs: Float[Tensor, "*steps features"], weights: EngramWeights
) -> Float[Tensor, "*steps dim"]:
    """z = LN₁(Wₑ x + bₑ)."""
    encoded = linear(inputs, weights.encoder, weights.encoder_bias)
    return layer_norm(
        encoded, encoded.shape[-1:], weights.encoder_scale, weights.encoder_shift, NORM_EPSILON
    )


def similarities(
    looks: Float[Tensor, "*steps dim"], bank: Float[Tensor, "slots dim"]
) -> Float[Tensor, "*steps slots"]:
    """cos(u, M) to each memory of the bank."""
    return normalize(looks, dim=-1) @ normalize(bank, dim=-1).T


def looked_similarities(
    encoded: Float[Tensor, "batch time_and_before dim"],
    kernels: Float[Tensor, "looks dim reach"],
    bank: Float[Tensor, "slots dim"],
) -> Float[Tensor, "batch time looks slots"]:
    """cos(u, M) for what each step looks at, u = Σ_r k_r ∘ z_r over the last ``reach`` steps.

    The same as ``similarities`` of looks, but no look is formed: u · M = Σ_r z_r · (k_r ∘ M) and
    |u|² = Σ_rs (k_r ∘ k_s) · (z_r ∘ z_s), so that sums over features are products of matrices.
    ``encoded`` starts with the steps before the first.
    """
    looks, _, reach = kernels.shape
    time = encoded.shape[1] - reach + 1
    steps = kernels.unbind(dim=-1)  # the last of them is the step itself
    each_bank = torch.stack([step[:, None] * normalize(bank, dim=-1) for step in steps])
    toward = linear(encoded, each_bank.flatten(0, 2)).unflatten(-1, (reach, looks, -1))
    dots = _sum([toward[:, back : back + time, back] for back in range(reach)])
    squares: list[Tensor] = []
    for apart in range(reach):
        both = encoded[:, apart:] * encoded[:, : encoded.shape[1] - apart]
        pairs = [steps[back] * steps[back + apart] for back in range(reach - apart)]
        sums = torch.nn.functional.linear(both, torch.cat(pairs)).unflatten(-1, (-1, looks))
        twice = 2 if apart else 1
        squares += [twice * sums[:, back : back + time, back] for back in range(reach - apart)]
    length = _sum(squares).clamp_min(LEAST_SQUARE).sqrt()
    return dots / length[..., None]


def driving(
    encoded: Float[Tensor, "batch time_and_before dim"], kernel: Float[Tensor, "dim span"]
) -> Float[Tensor, "batch time dim"]:
    """d = silu(Σ_r k_r ∘ z_r) over the last ``span`` steps: a short causal convolution.

    A state that does not look at itself is linear in what drives it; this is what it knows of how
    one step follows another (as the keys of a DeltaNet do, Yang et al. 2024). ``encoded`` starts
    with the steps before the first.
    """
    # as pictures one pixel high, whose features are last: what oneDNN is fast at
    pictures = encoded.mT[:, :, None]
    mixed = conv2d(pictures, kernel[:, None, None].to(encoded.dtype), groups=len(kernel))
    return silu(mixed[:, :, 0].mT)


def _sum(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total


def shares(
    scores: Float[Tensor, "*steps slots"], addressing: Addressing, *, k: int
) -> Float[Tensor, "*steps slots"]:
    """How scores share out one address among the slots: 0 or more, and 1 in all.

    "top-k" gives the k best a softmax and the others nothing. It is ``separation.top_k``, without
    ordering those that get nothing.
    """
    if addressing == "top-k":
        best, slots = scores.topk(min(k, scores.shape[-1]), dim=-1)
        return torch.zeros_like(scores).scatter(-1, slots, best.softmax(dim=-1))
    separate = {"entmax": entmax15, "sparsemax": sparsemax, "softmax": softmax}[addressing]
    return separate().weights(scores, None)


def unit(shares: Float[Tensor, "*steps slots"]) -> Float[Tensor, "*steps slots"]:
    """An address of length 1: what is written there alone is read back whole."""
    return normalize(shares, dim=-1)


def entropy(shares: Float[Tensor, "*steps slots"]) -> Float[Tensor, "*steps"]:
    """Of each address, over that of an even one: 0 for a single slot, 1 for all alike.

    >>> entropy(torch.tensor([[0.5, 0.5, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]))
    tensor([0.5000, 1.0000])
    """
    # the slope of p log p at 0 is infinite, and times nothing nan
    logs = torch.where(shares > 0, shares, 1.0).log()
    return -(shares * logs).sum(dim=-1) / math.log(shares.shape[-1])


def gate(
    encoded: Float[Tensor, "*steps dim"],
    kernels: Float[Tensor, "3 dim"],
    bias: Float[Tensor, " 3"],
    *,
    stretch: float = STRETCH,
) -> Gates:
    """What to write, to keep and to read: sigmoids of W z + b.

    The write gate is stretched by ``stretch`` on both sides and cut to 0..1, so it can close
    wholly; and what writes nothing lets nothing fade: λ = σ(keep)^write. So a trace outlasts any
    number of steps that are none of its business.
    """
    write, keep, read = linear(encoded, kernels, bias).unbind(dim=-1)
    write = ((1 + 2 * stretch) * write.sigmoid() - stretch).clamp(0.0, 1.0)
    return Gates(write, write * logsigmoid(keep), read.sigmoid())


def hidden_step(
    drive: Float[Tensor, "batch dim"],
    recalled: Float[Tensor, "batch dim"],
    hidden: Float[Tensor, "batch dim"],
    weights: EngramWeights,
) -> Float[Tensor, "batch dim"]:
    """The next hidden state, of what comes in, what is recalled, and the state before.

    "parallel": h ← σ(g) h + (1 - σ(g)) c with [g, c] = W [d, m] + b; the state does not look at
    itself. "gru": a gated recurrent unit on [d, m] (Cho et al. 2014, as in PyTorch).
    """
    driven = linear(torch.cat([drive, recalled], dim=-1), weights.combine, weights.combine_bias)
    if weights.recur is None:
        kept, candidate = driven.chunk(2, dim=-1)
        return kept.sigmoid() * hidden + (1 - kept.sigmoid()) * candidate
    reset, kept, candidate = driven.chunk(3, dim=-1)
    own = linear(hidden, weights.recur, weights.recur_bias).chunk(3, dim=-1)
    kept = (kept + own[1]).sigmoid()
    candidate = (candidate + (reset + own[0]).sigmoid() * own[2]).tanh()
    return kept * hidden + (1 - kept) * candidate


def engram_reference(
    inputs: Float[Tensor, "batch time features"],
    state: EngramState,
    weights: EngramWeights,
    *,
    addressing: Addressing = "top-k",
    k: int = 8,
    rule: Rule = "delta",
    stretch: float = STRETCH,
) -> tuple[Float[Tensor, "batch time dim"], EngramState]:
    """The layer by its definition, one step after another; returns outputs and the last state.

    With M the bank, H the trace, aʳ and aʷ the addresses of what it looks at to read and to write:

    1. z = LN₁(Wₑ x + bₑ); uʳ, uʷ = looks at the last steps of z; d = silu(another such look)
    2. a = top-k softmax(cos(u, M) · sharpness), divided by its length
    3. m = aʳ M + α r aʳ H
    4. H ← λH + aʷ ⊗ β(z - λ aʷ H); Hebb: H ← λH + aʷ ⊗ βz
    5. h from d, m and h before; y = LN₂(h)
    """
    hidden, trace, recent = state
    outputs = []
    for seen in inputs.unbind(dim=1):
        encoded = encode(seen, weights)
        window = torch.cat([recent, encoded[:, None]], dim=1)
        reading, writing = (
            unit(
                shares(
                    weights.sharpness * similarities(_look(window, kernel), weights.bank),
                    addressing,
                    k=k,
                )
            )
            for kernel in weights.looks
        )
        write, log_decay, read = gate(encoded, weights.gates, weights.gates_bias, stretch=stretch)
        from_trace = torch.einsum("bn,bnd->bd", reading, trace)
        recalled = reading @ weights.bank + weights.trace_scale * read[:, None] * from_trace
        trace = log_decay.exp()[:, None, None] * trace
        new = encoded
        if rule == "delta":
            new = encoded - torch.einsum("bn,bnd->bd", writing, trace)
        trace = trace + torch.einsum("bn,b,bd->bnd", writing, write, new)
        drive = silu(_look(window, weights.drive))
        hidden = hidden_step(drive, recalled, hidden, weights)
        outputs.append(
            layer_norm(
                hidden, hidden.shape[-1:], weights.output_scale, weights.output_shift, NORM_EPSILON
            )
        )
        recent = window[:, 1:]
    return torch.stack(outputs, dim=1), EngramState(hidden, trace, recent)


def _look(
    window: Float[Tensor, "batch before dim"], kernel: Float[Tensor, "dim steps"]
) -> Float[Tensor, "batch dim"]:
    return (window[:, -kernel.shape[-1] :] * kernel.T).sum(dim=1)
