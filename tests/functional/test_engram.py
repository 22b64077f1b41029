"""The Engram equations against NumPy loops, against each other, and in cases with known answers."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.errors import ConfigError
from mnemic.functional import engram, engram_published, engram_published_fast
from mnemic.functional.recurrence import linear_recurrence, linear_recurrence_reference
from mnemic.functional.separation import top_k
from mnemic.functional.trace import Traced, trace_at, trace_by_chunks, trace_reference
from mnemic.randomness import generator

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SINGLE = {"rtol": 1e-5, "atol": 1e-5}
SEEDS = st.integers(0, 2**32 - 1)


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """In all tests of this file."""


def drawn(seed, *shape, name=""):
    return torch.randn(shape, generator=generator(seed, f"{name}{shape}"), dtype=torch.float64)


def arrays(values):
    return [None if value is None else value.detach().numpy() for value in values]


def normalised(row, scale, shift):
    return (row - row.mean()) / math.sqrt(row.var() + 1e-6) * scale + shift


def softmax(scores):
    masses = np.exp(scores - max(scores))
    return masses / masses.sum()


def cosines(row, bank, least=1e-6):
    def length(vector):
        return max(math.sqrt(float(vector @ vector)), least)

    return np.array([float(row @ memory) / length(row) / length(memory) for memory in bank])


# The published cell


def published(seed, features=3, dim=4, slots=5):
    """Weights with nothing left at zero or one."""
    shapes = {
        "memory": (slots, dim),
        "encoder": (dim, features),
        "encoder_bias": (dim,),
        "integrator": (3 * dim, 3 * dim),
        "integrator_bias": (3 * dim,),
        "output": (dim, 3 * dim),
        "output_bias": (dim,),
        "encoder_scale": (dim,),
        "encoder_shift": (dim,),
        "output_scale": (dim,),
        "output_shift": (dim,),
    }
    values = [drawn(seed, *shape, name=name) for name, shape in shapes.items()]
    return engram_published.PublishedWeights(*(value.requires_grad_() for value in values))


def published_loop(inputs, hidden, trace, weights, settings, noise):
    """Every step, sequence and slot by itself."""
    memory, we, be, wi, bi, wo, bo, g1, s1, g2, s2 = arrays(weights)
    hidden, trace = hidden.copy(), trace.copy()
    outputs = np.zeros((*inputs.shape[:2], hidden.shape[1]))
    softness = settings.temperature / (1 + 10 * settings.sparsity)
    for t in range(inputs.shape[1]):
        effective = memory + settings.trace_scale * trace
        together = np.zeros_like(trace)
        for b in range(len(inputs)):
            z = normalised(np.maximum(we @ inputs[b, t] + be, 0), g1, s1)
            a = softmax(cosines(z, effective) / softness)
            m = sum(a[n] * effective[n] for n in range(len(a)))
            wide = np.maximum(wi @ np.concatenate([z, m, hidden[b]]) + bi, 0)
            hidden[b] = normalised(np.maximum(wo @ wide + bo, 0), g2, s2)
            outputs[b, t] = hidden[b]
            for n in range(len(a)):
                together[n] += a[n] * z / len(inputs)
        rate = settings.learning_rate
        trace = (1 - rate) * trace + rate * (together + (0 if noise is None else noise[t]))
        trace = np.clip(trace, -settings.bound, settings.bound)
    return outputs, trace


@given(
    seed=SEEDS,
    batch=st.integers(1, 3),
    time=st.integers(1, 6),
    bound=st.sampled_from([0.02, 0.1, 10.0]),
    noisy=st.booleans(),
)
def test_both_published_forms_agree_with_the_loop(seed, batch, time, bound, noisy):
    settings = engram_published.PublishedSettings(bound=bound, temperature=0.9, sparsity=0.2)
    weights = published(seed)
    inputs, hidden, trace = drawn(seed, batch, time, 3), drawn(seed, batch, 4), drawn(seed, 5, 4)
    noise = drawn(seed, time, 5, 4) if noisy else None
    given = [*arrays((inputs, hidden, 0.1 * trace)), weights, settings, *arrays([noise])]
    outputs, last = published_loop(*given)
    runs = [
        form(inputs, hidden, 0.1 * trace, weights, settings, noise)
        for form in (engram_published.run_reference, engram_published_fast.run)
    ]
    for ran in runs:
        np.testing.assert_allclose(ran.outputs.detach(), outputs, **CLOSE)
        np.testing.assert_allclose(ran.trace.detach(), last, **CLOSE)
    torch.testing.assert_close(runs[1].addresses, runs[0].addresses, **CLOSE)
    torch.testing.assert_close(runs[1].traces, runs[0].traces, **CLOSE)


@pytest.mark.parametrize("noisy", [False, True])
@pytest.mark.parametrize("short", [False, True])
def test_the_fast_published_form_has_all_gradients_of_the_readable_one(noisy, short):
    """With the trace partly on its bound; and where a memory has no length to divide by."""
    settings = engram_published.PublishedSettings(bound=0.04)
    weights = published(1)
    if short:
        with torch.no_grad():
            weights.memory[2] = 0.0
    gradients = []
    for form in (engram_published.run_reference, engram_published_fast.run):
        inputs, hidden = drawn(2, 3, 7, 3).requires_grad_(), drawn(3, 3, 4).requires_grad_()
        trace = 0.05 * drawn(4, 5, 4)
        if short:
            trace[2] = 0.0
        trace.requires_grad_()
        noise = drawn(5, 7, 5, 4) if noisy else None
        ran = form(inputs, hidden, trace, weights, settings, noise)
        on_bound = (ran.trace.abs() == settings.bound).double().mean()
        assert 0.1 < on_bound < 0.9  # or the clip is not tested
        loss = (ran.outputs * drawn(6, 3, 7, 4)).sum() + (ran.trace * drawn(7, 5, 4)).sum()
        gradients.append(torch.autograd.grad(loss, [inputs, hidden, trace, *weights]))
    for fast, readable in zip(*gradients, strict=True):
        assert readable.abs().sum() > 0
        size = readable.abs().max().clamp_min(1.0)  # without a length, slopes are near 1e6
        torch.testing.assert_close(fast / size, readable / size, **CLOSE)


def test_the_fast_published_form_has_the_gradients_of_finite_differences():
    settings = engram_published.PublishedSettings(bound=0.3)

    def call(inputs, hidden, trace, *weights):
        weights = engram_published.PublishedWeights(*weights)
        ran = engram_published_fast.run(inputs, hidden, trace, weights, settings)
        return ran.outputs, ran.trace

    given = [drawn(0, 2, 3, 3), drawn(1, 2, 4), 0.1 * drawn(2, 5, 4)]
    given = [value.requires_grad_() for value in given]
    assert torch.autograd.gradcheck(call, (*given, *published(3)))


def test_the_published_sparsity_only_divides_the_temperature():
    assert engram_published.PublishedSettings().softness == pytest.approx(0.75)
    assert engram_published.PublishedSettings(sparsity=0.0).softness == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"temperature": 0.0}, "temperature must be a number above 0"),
        ({"bound": math.inf}, "bound must be a number above 0"),
        ({"noise": -1.0}, "noise must be a number from 0"),
        ({"learning_rate": 1.5}, "learning_rate must be within"),
        ({"trace_scale": math.nan}, "trace_scale must be a finite number"),
    ],
)
def test_published_settings_that_make_no_sense_are_refused(settings, says):
    with pytest.raises(ConfigError, match=says):
        engram_published.PublishedSettings(**settings)


# The trace


def sharp(seed, *shape, name=""):
    """Addresses: none below zero, of length 1, some slots left out."""
    return torch.nn.functional.normalize(drawn(seed, *shape, name=name).relu() + 1e-3, dim=-1)


def traced(seed, batch=2, time=5, slots=4, dim=3):
    strength = torch.rand(batch, time, generator=generator(seed, "strength")).double()
    decay = torch.rand(batch, time, generator=generator(seed, "decay")).double().log()
    return (
        sharp(seed, batch, time, slots, name="read"),
        sharp(seed, batch, time, slots, name="write"),
        drawn(seed, batch, time, dim),
        strength,
        decay,
        drawn(seed, batch, slots, dim),
    )


def trace_loop(read, write, values, strength, log_decay, trace, rule):
    trace = trace.copy()
    recalled = np.zeros_like(values)
    for b in range(len(read)):
        for t in range(read.shape[1]):
            recalled[b, t] = sum(read[b, t, n] * trace[b, n] for n in range(trace.shape[1]))
            trace[b] *= math.exp(log_decay[b, t])
            new = values[b, t].copy()
            if rule == "delta":
                new -= sum(write[b, t, n] * trace[b, n] for n in range(trace.shape[1]))
            for n in range(trace.shape[1]):
                trace[b, n] += strength[b, t] * write[b, t, n] * new
    return recalled, trace


@given(
    seed=SEEDS,
    time=st.integers(1, 9),
    chunk=st.integers(1, 12),
    rule=st.sampled_from(["delta", "hebb"]),
)
def test_both_forms_of_the_trace_agree_with_the_loop(seed, time, chunk, rule):
    given = traced(seed, time=time)
    recalled, trace = trace_loop(*arrays(given), rule)
    readable = trace_reference(*given, rule=rule)
    chunked = trace_by_chunks(*given, rule=rule, chunk=chunk)
    for ours in (readable, chunked):
        np.testing.assert_allclose(ours.recalled, recalled, **CLOSE)
        np.testing.assert_allclose(ours.trace, trace, **CLOSE)
    torch.testing.assert_close(chunked.written, readable.written, **CLOSE)


@pytest.mark.parametrize("rule", ["delta", "hebb"])
@pytest.mark.parametrize("chunk", [4, 16, 64])
@pytest.mark.parametrize(
    ("dtype", "close"), [(torch.float64, CLOSE), (torch.float32, SINGLE)], ids=["double", "single"]
)
def test_chunks_have_the_gradients_of_single_steps(rule, chunk, dtype, close):
    slopes = (drawn(1, 2, 40, 3), drawn(2, 2, 40, 3), drawn(3, 2, 4, 3))
    gradients = []
    for form in (
        trace_reference,
        lambda *given, rule: trace_by_chunks(*given, rule=rule, chunk=chunk),
    ):
        given = [value.to(dtype).requires_grad_() for value in traced(0, time=40)]
        parts = form(*given, rule=rule)
        loss = sum(
            (part * slope.to(dtype)).sum() for part, slope in zip(parts, slopes, strict=True)
        )
        gradients.append((*parts, *torch.autograd.grad(loss, given)))
    for chunked, readable in zip(*gradients, strict=True):
        size = readable.abs().max().clamp_min(1.0)
        torch.testing.assert_close(chunked / size, readable / size, **close)


@pytest.mark.parametrize("rule", ["delta", "hebb"])
def test_a_trace_can_be_found_again_from_what_was_written(rule):
    given = traced(3, time=8)
    written = trace_reference(*given, rule=rule).written
    for time in range(9):
        before = (value[:, :time] for value in given[:5])
        expected = trace_reference(*before, given[5], rule=rule).trace if time else given[5]
        found = trace_at(time, given[1], written, given[4], given[5])
        torch.testing.assert_close(found, expected, **CLOSE)


def one_slot(*slots, of=3):
    return torch.nn.functional.one_hot(torch.tensor([slots]), of).double()


def test_a_key_bound_again_gives_its_new_value_by_delta_and_a_sum_by_hebb():
    write = one_slot(0, 1, 0, 2)
    read = one_slot(2, 2, 2, 0)
    values = torch.tensor([[[1.0, 0.0], [5.0, 5.0], [0.0, 1.0], [9.0, 9.0]]]).double()
    full, lasting = torch.ones(1, 4).double(), torch.zeros(1, 4).double()
    empty = torch.zeros(1, 3, 2).double()
    for rule, expected in (("delta", [0.0, 1.0]), ("hebb", [1.0, 1.0])):
        found = trace_by_chunks(read, write, values, full, lasting, empty, rule=rule)
        assert found.recalled[0, 3].tolist() == expected
        assert found.recalled[0, :3].abs().sum() == 0


@given(seed=SEEDS)
def test_what_writes_nothing_and_lets_nothing_fade_leaves_the_trace_as_it_is(seed):
    given = list(traced(seed, time=30))
    given[3], given[4] = torch.zeros(2, 30).double(), torch.zeros(2, 30).double()
    found = trace_by_chunks(*given, chunk=8)
    assert torch.equal(found.trace, given[5])
    torch.testing.assert_close(found.recalled, given[0] @ given[5], **CLOSE)


def test_a_trace_that_fades_beyond_measure_gives_no_nan():
    given = [value.float().requires_grad_() for value in traced(0, time=70)]
    with torch.no_grad():
        given[4].mul_(1e4)
    found = trace_by_chunks(*given)
    expected = trace_reference(*given)
    for ours, other in zip(found, expected, strict=True):
        torch.testing.assert_close(ours, other, **SINGLE)
    for gradient in torch.autograd.grad(found.recalled.sum() + found.trace.sum(), given):
        assert gradient.isfinite().all()


def test_a_trace_is_a_named_result():
    assert Traced._fields == ("recalled", "written", "trace")


# The linear recurrence


def kept(seed, *shape):
    return torch.rand(*shape, generator=generator(seed, "keep")).double()


@given(seed=SEEDS, time=st.integers(1, 30))
def test_pieces_agree_with_steps(seed, time):
    keep, add, start = kept(seed, 2, time, 3), drawn(seed, 2, time, 3), drawn(seed, 2, 3)
    state, expected = start.numpy(), []
    for t in range(time):
        state = keep[:, t].numpy() * state + add[:, t].numpy()
        expected.append(state)
    for form in (linear_recurrence, linear_recurrence_reference):
        np.testing.assert_allclose(form(keep, add, start), np.stack(expected, 1), **CLOSE)


@pytest.mark.parametrize("time", [1, 2, 5, 12])
def test_pieces_have_first_and_second_derivatives(time):
    given = [kept(0, 2, time, 2), drawn(1, 2, time, 2), drawn(2, 2, 2)]
    given = [value.requires_grad_() for value in given]
    assert torch.autograd.gradcheck(linear_recurrence, given)
    assert torch.autograd.gradgradcheck(linear_recurrence, given)


@pytest.mark.parametrize("share", [0.0, 1e-30, 1 - 1e-7, 1.0])
def test_a_share_at_its_limits_neither_overflows_nor_loses_the_state(share):
    time = 3000
    keep = torch.full((1, time, 2), share)
    add = (1 - keep) * drawn(0, 1, time, 2).float()
    start = torch.ones(1, 2)
    for value in (given := [keep, add, start]):
        value.requires_grad_()
    states = linear_recurrence(*given)
    torch.testing.assert_close(states, linear_recurrence_reference(*given), **SINGLE)
    for gradient in torch.autograd.grad(states[:, -1].sum(), given):
        assert gradient.isfinite().all()


# The layer


def weights_of(seed, recurrence="parallel", features=3, dim=4, slots=6, reach=2, span=3):
    parts = 3 if recurrence == "gru" else 2
    shapes = {
        "encoder": (dim, features),
        "encoder_bias": (dim,),
        "encoder_scale": (dim,),
        "encoder_shift": (dim,),
        "bank": (slots, dim),
        "looks": (2, dim, reach),
        "drive": (dim, span),
        "sharpness": (),
        "gates": (3, dim),
        "gates_bias": (3,),
        "trace_scale": (),
        "combine": (parts * dim, 2 * dim),
        "combine_bias": (parts * dim,),
        "recur": (3 * dim, dim) if recurrence == "gru" else None,
        "recur_bias": (3 * dim,) if recurrence == "gru" else None,
        "output_scale": (dim,),
        "output_shift": (dim,),
    }
    values = {
        name: None if shape is None else drawn(seed, *shape, name=name)
        for name, shape in shapes.items()
    }
    values["sharpness"] = values["sharpness"].abs() + 3
    return engram.EngramWeights(**values)


def sigmoid(value):
    return 1 / (1 + np.exp(-value))


def layer_loop(inputs, state, weights, *, addressing, k, rule, stretch):
    """Every sequence and step by itself."""
    w = engram.EngramWeights(*arrays(weights))
    hidden, trace, recent = (part.numpy().copy() for part in state)
    outputs = np.zeros((*inputs.shape[:2], hidden.shape[1]))

    def address(look):
        scores = float(w.sharpness) * cosines(look, w.bank, least=1e-12)
        if addressing == "top-k":
            best = sorted(range(len(scores)), key=lambda n: -scores[n])[:k]
            scores = np.array([scores[n] if n in best else -np.inf for n in range(len(scores))])
        share = softmax(scores)
        return share / math.sqrt(float(share @ share))

    for b in range(len(inputs)):
        before = list(recent[b])
        for t in range(inputs.shape[1]):
            z = normalised(
                w.encoder @ inputs[b, t] + w.encoder_bias, w.encoder_scale, w.encoder_shift
            )
            before.append(z)
            last = before[-w.looks.shape[-1] :]
            reading, writing = (
                address(sum(w.looks[which, :, i] * last[i] for i in range(len(last))))
                for which in (0, 1)
            )
            scores = w.gates @ z + w.gates_bias
            write = min(max((1 + 2 * stretch) * sigmoid(scores[0]) - stretch, 0), 1)
            fade = sigmoid(scores[1]) ** write
            m = reading @ w.bank
            m = m + float(w.trace_scale) * sigmoid(scores[2]) * (reading @ trace[b])
            trace[b] *= fade
            new = z - (writing @ trace[b] if rule == "delta" else 0)
            trace[b] += write * np.outer(writing, new)
            spanned = before[-w.drive.shape[-1] :]
            d = sum(w.drive[:, i] * spanned[i] for i in range(len(spanned)))
            driven = w.combine @ np.concatenate([d * sigmoid(d), m]) + w.combine_bias
            if w.recur is None:
                g, c = np.split(driven, 2)
                hidden[b] = sigmoid(g) * hidden[b] + (1 - sigmoid(g)) * c
            else:
                r, u, n = np.split(driven, 3)
                own_r, own_u, own_n = np.split(w.recur @ hidden[b] + w.recur_bias, 3)
                new_state = np.tanh(n + sigmoid(r + own_r) * own_n)
                update = sigmoid(u + own_u)
                hidden[b] = update * hidden[b] + (1 - update) * new_state
            outputs[b, t] = normalised(hidden[b], w.output_scale, w.output_shift)
        recent[b] = np.array(before[len(before) - recent.shape[1] :]).reshape(recent[b].shape)
    return outputs, hidden, trace, recent


@given(
    seed=SEEDS,
    recurrence=st.sampled_from(["parallel", "gru"]),
    addressing=st.sampled_from(["top-k", "softmax"]),
    rule=st.sampled_from(["delta", "hebb"]),
    reach=st.integers(1, 3),
    span=st.integers(1, 3),
    stretch=st.sampled_from([0.0, 0.1, 0.6]),
)
def test_the_layer_agrees_with_the_loop(seed, recurrence, addressing, rule, reach, span, stretch):
    weights = weights_of(seed, recurrence, reach=reach, span=span)
    inputs = drawn(seed, 2, 5, 3)
    state = engram.EngramState(
        drawn(seed, 2, 4), drawn(seed, 2, 6, 4), drawn(seed, 2, max(reach, span) - 1, 4)
    )
    how = {"addressing": addressing, "k": 3, "rule": rule, "stretch": stretch}
    outputs, after = engram.engram_reference(inputs, state, weights, **how)
    expected, *last = layer_loop(inputs.numpy(), state, weights, **how)
    np.testing.assert_allclose(outputs, expected, **CLOSE)
    for ours, other in zip(after, last, strict=True):
        np.testing.assert_allclose(ours, other, **CLOSE)


@given(seed=SEEDS, k=st.integers(1, 9), spread=st.floats(0.01, 100))
def test_top_k_shares_are_those_of_the_separation(seed, k, spread):
    scores = spread * drawn(seed, 4, 7)
    ours = engram.shares(scores, "top-k", k=k)
    torch.testing.assert_close(ours, top_k(k).weights(scores, None), **CLOSE)
    assert ((ours > 0).sum(dim=-1) <= k).all()


def test_top_k_leaves_all_but_k_out_even_of_slots_that_score_the_same():
    shared = engram.shares(torch.zeros(2, 10), "top-k", k=3)
    assert (shared > 0).sum(dim=-1).tolist() == [3, 3]
    torch.testing.assert_close(shared.sum(dim=-1), torch.ones(2))


@pytest.mark.parametrize("addressing", ["top-k", "entmax", "sparsemax", "softmax"])
def test_an_address_has_length_one_and_gives_back_what_it_alone_holds(addressing):
    address = engram.unit(engram.shares(4 * drawn(0, 1, 3, 8), addressing, k=3))
    torch.testing.assert_close(address.norm(dim=-1), torch.ones(1, 3).double())
    value, full = drawn(1, 1, 1, 5), torch.ones(1, 1).double()
    empty = torch.zeros(1, 8, 5).double()
    written = trace_reference(address[:, :1], address[:, :1], value, full, full * 0, empty).trace
    torch.testing.assert_close(address[:, :1] @ written, value, **CLOSE)


def test_softmax_leaves_no_slot_out_and_the_others_do():
    scores = 4 * drawn(0, 100, 32)
    used = {
        name: float((engram.shares(scores, name, k=8) > 0).double().sum(dim=-1).mean())
        for name in ("top-k", "entmax", "sparsemax", "softmax")
    }
    assert used["softmax"] == 32
    assert used["top-k"] == 8
    assert used["sparsemax"] < used["entmax"] < 16


def test_entropy_counts_slots():
    for used in (1, 2, 4, 8):
        even = torch.cat([torch.full((used,), 1 / used), torch.zeros(8 - used)])
        assert engram.entropy(even).item() == pytest.approx(math.log(used) / math.log(8))


def test_the_slope_of_entropy_is_finite_where_slots_are_left_out():
    shared = torch.tensor([0.5, 0.5, 0.0], requires_grad=True)
    engram.entropy(shared).backward()
    assert shared.grad.isfinite().all()


def test_a_gate_that_writes_nothing_lets_nothing_fade():
    bias = torch.tensor([-3.0, 0.0, 0.0])
    gates = engram.gate(torch.ones(1, 2), torch.zeros(3, 2), bias)
    assert gates.write.item() == 0.0
    assert gates.log_decay.item() == 0.0
    ajar = engram.gate(torch.ones(1, 2), torch.zeros(3, 2), bias, stretch=0.0)
    assert ajar.write.item() == pytest.approx(1 / (1 + math.exp(3)))
    assert ajar.log_decay.item() < 0


@pytest.mark.parametrize("reach", [1, 2, 3])
def test_similarities_of_looks_are_found_without_forming_any(reach):
    encoded, kernels, bank = drawn(0, 2, 6, 4), drawn(1, 2, 4, reach), drawn(2, 5, 4)
    found = engram.looked_similarities(encoded, kernels, bank).numpy()
    assert found.shape == (2, 7 - reach, 2, 5)
    for b, t, which in np.ndindex(2, 7 - reach, 2):
        steps = encoded[b, t : t + reach].numpy()
        look = sum(kernels[which, :, i].numpy() * steps[i] for i in range(reach))
        np.testing.assert_allclose(found[b, t, which], cosines(look, bank.numpy()), **CLOSE)


def test_a_look_at_nothing_is_like_no_memory_and_has_finite_slopes():
    encoded = torch.zeros(1, 3, 4, requires_grad=True)
    found = engram.looked_similarities(encoded, torch.ones(2, 4, 2), torch.ones(5, 4))
    assert (found == 0).all()
    found.sum().backward()
    assert encoded.grad.isfinite().all()
