"""The published Engram cell over time, in less time: the same equations, differently ordered.

The encoding z, the addresses a, what is recalled m and the trace H never depend on the hidden
state. So all of them are found first, for all steps, and only the hidden state waits for itself.
The two loops that remain have their gradients written out: what a step adds to the gradient of a
kernel is summed in one product over all steps, not in one a step.

``engram_published.run_reference`` defines what this must equal.
"""

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.autograd.function import once_differentiable

from mnemic.functional.engram_published import (
    LEAST_SQUARE,
    NORM_EPSILON,
    PublishedRun,
    PublishedSettings,
    PublishedWeights,
    direction,
    encode,
)
from mnemic.functional.linear import linear, summed_outer


def run(
    inputs: Float[Tensor, "batch time features"],
    hidden: Float[Tensor, "batch dim"],
    trace: Float[Tensor, "slots dim"],
    weights: PublishedWeights,
    settings: PublishedSettings,
    noise: Float[Tensor, "time slots dim"] | None = None,
) -> PublishedRun:
    """As ``run_reference``; addresses and traces are for looking at and carry no gradient."""
    encoded = encode(inputs.transpose(0, 1), weights)  # time batch dim
    recalled, trace, addresses, traces = _TraceLoop.apply(
        encoded, direction(encoded), weights.memory, trace, settings, noise
    )
    outputs: Tensor = _HiddenLoop.apply(
        encoded,
        recalled,
        weights.integrator,
        weights.integrator_bias,
        weights.output,
        weights.output_bias,
        weights.output_scale,
        weights.output_shift,
        hidden,
    )
    return PublishedRun(outputs.transpose(0, 1), trace, addresses.transpose(0, 1), traces)


class _TraceLoop(torch.autograd.Function):
    """Everything a trace does to a sequence: (z, z's direction, M, H₀) to (m, H, a, all H)."""

    @staticmethod
    def forward(
        ctx: Any,
        encoded: Tensor,
        direction: Tensor,
        memory: Tensor,
        trace: Tensor,
        settings: PublishedSettings,
        noise: Tensor | None,
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        time, batch, _ = encoded.shape
        keep, learn = 1 - settings.learning_rate, settings.learning_rate
        addresses = encoded.new_empty(time, batch, len(memory))
        recalled = torch.empty_like(encoded)
        cues, values = direction / settings.softness, encoded * (learn / batch)
        traces: list[Tensor] = []
        inverses: list[Tensor] = []  # of the lengths of E's rows
        for t, (cue, value, address) in enumerate(zip(cues, values, addresses, strict=True)):
            effective = torch.add(memory, trace, alpha=settings.trace_scale)
            length = torch.linalg.vector_norm(effective, dim=-1)
            inverse = length.clamp_min_(LEAST_SQUARE**0.5).reciprocal_()
            torch.softmax((cue @ effective.T).mul_(inverse), dim=-1, out=address)
            torch.mm(address, effective, out=recalled[t])
            traces.append(trace)
            inverses.append(inverse)
            trace = torch.addmm(trace, address.T, value, beta=keep)
            if noise is not None:
                trace.add_(noise[t], alpha=learn)
            trace.clamp_(-settings.bound, settings.bound)
        every, inverse = torch.stack(traces), torch.stack(inverses)
        ctx.save_for_backward(encoded, cues, memory, every, trace, inverse, addresses)
        ctx.settings = settings
        ctx.mark_non_differentiable(addresses, every)
        return recalled, trace, addresses, every

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, to_recalled: Tensor, to_trace: Tensor, *_: Tensor
    ) -> tuple[Tensor | None, ...]:
        encoded, cues, memory, traces, after, inverse, addresses = ctx.saved_tensors
        settings: PublishedSettings = ctx.settings
        keep, share = 1 - settings.learning_rate, settings.learning_rate / len(encoded[0])
        effective = torch.add(memory, traces, alpha=settings.trace_scale)
        scale = inverse[..., None]
        rows = effective * scale
        # a row too short to have a direction was divided by a constant: it keeps its length
        turning = rows * (scale < LEAST_SQUARE**-0.5)
        # of what was recalled; what goes through the trace of the step after is added below
        to_scores = torch.bmm(to_recalled, effective.mT)
        to_effective = torch.bmm(addresses.mT, to_recalled)
        to_updates = torch.empty_like(traces)
        for t in range(len(encoded) - 1, -1, -1):
            # of the trace before it was clipped: what lies on the bound does not move
            to_update = torch.mul(to_trace, after.abs() < settings.bound, out=to_updates[t])
            after, to_score, to_effect = traces[t], to_scores[t], to_effective[t]
            to_score.addmm_(encoded[t], to_update.T, alpha=share)
            to_score.sub_((addresses[t] * to_score).sum(dim=-1, keepdim=True)).mul_(addresses[t])
            to_row = to_score.T @ cues[t]
            along = (rows[t] * to_row).sum(dim=-1, keepdim=True)
            to_effect.addcmul_(to_row.addcmul_(turning[t], along, value=-1), scale[t])
            to_trace = torch.add(to_update * keep, to_effect, alpha=settings.trace_scale)
        to_encoded = torch.bmm(addresses, to_updates).mul_(share)
        to_direction = torch.bmm(to_scores, rows).div_(settings.softness)
        return to_encoded, to_direction, to_effective.sum(dim=0), to_trace, None, None


class _HiddenLoop(torch.autograd.Function):
    """h_t = LN₂(relu(Wₒ relu(Wᵢ [z_t, m_t, h_{t-1}] + bᵢ) + bₒ)) from h_0, for all steps."""

    @staticmethod
    def forward(
        ctx: Any,
        encoded: Tensor,
        recalled: Tensor,
        integrator: Tensor,
        integrator_bias: Tensor,
        output: Tensor,
        output_bias: Tensor,
        scale: Tensor,
        shift: Tensor,
        hidden: Tensor,
    ) -> Tensor:
        dim = encoded.shape[-1]
        beside = torch.cat([encoded, recalled], dim=-1)
        wide = linear(beside, integrator[:, : 2 * dim], integrator_bias)
        active = torch.empty_like(encoded)
        normed: list[tuple[Tensor, ...]] = []  # with each mean, and 1 / standard deviation
        # a product reads a kernel faster along its rows
        recurrent, output_t = integrator[:, 2 * dim :].T.contiguous(), output.T.contiguous()
        before = hidden
        for inner, outer in zip(wide, active, strict=True):
            inner.addmm_(before, recurrent).relu_()
            torch.addmm(output_bias, inner, output_t, out=outer).relu_()
            normed.append(torch.native_layer_norm(outer, (dim,), scale, shift, NORM_EPSILON))
            before = normed[-1][0]
        outputs, mean, spread = (torch.stack(each) for each in zip(*normed, strict=True))
        ctx.save_for_backward(
            beside, wide, active, mean, spread, outputs, integrator, output, scale, shift, hidden
        )
        return outputs

    @staticmethod
    @once_differentiable
    def backward(  # pyright: ignore[reportIncompatibleMethodOverride]
        ctx: Any, to_outputs: Tensor
    ) -> tuple[Tensor | None, ...]:
        beside, wide, active, mean, spread, outputs, integrator, output, scale, shift, hidden = (
            ctx.saved_tensors
        )
        dim, last = active.shape[-1], len(active) - 1
        recurrent = integrator[:, 2 * dim :].contiguous()
        norm_back = torch.ops.aten.native_layer_norm_backward
        only_inputs, only_weights = (True, False, False), (False, True, True)
        through = torch.ops.aten.threshold_backward  # a rectifier's: where its output is above 0
        to_wide, to_active = torch.empty_like(wide), torch.empty_like(active)
        to_all = torch.empty_like(active)
        to_all[last] = to_outputs[last]
        for t in range(last, -1, -1):
            given = to_all[t], active[t], (dim,), mean[t], spread[t], scale, shift
            to_active[t] = through(norm_back(*given, only_inputs)[0], active[t], 0)
            to_wide[t] = through(to_active[t] @ output, wide[t], 0)
            if t:
                torch.addmm(to_outputs[t - 1], to_wide[t], recurrent, out=to_all[t - 1])
        _, to_scale, to_shift = norm_back(
            to_all, active, (dim,), mean, spread, scale, shift, only_weights
        )
        flat, flat_active = to_wide.flatten(0, 1), to_active.flatten(0, 1)
        to_integrator = torch.empty_like(integrator)
        to_integrator[:, : 2 * dim] = summed_outer(flat, beside.flatten(0, 1))
        befores = torch.cat([hidden[None], outputs[:-1]]).flatten(0, 1)
        to_integrator[:, 2 * dim :] = summed_outer(flat, befores)
        to_encoded, to_recalled = linear(to_wide, integrator[:, : 2 * dim].T).chunk(2, dim=-1)
        return (
            to_encoded,
            to_recalled,
            to_integrator,
            flat.sum(dim=0),
            summed_outer(flat_active, wide.flatten(0, 1)),
            flat_active.sum(dim=0),
            to_scale,
            to_shift,
            to_wide[0] @ recurrent,
        )
