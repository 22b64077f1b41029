"""The Engram layer against its definition, and against its promises."""

import copy
import math

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_model, save_model
from torch import nn
from torch.nn.utils.rnn import PackedSequence, pack_sequence, pad_packed_sequence
from torch.utils._python_dispatch import TorchDispatchMode

from mnemic.errors import ConfigError, ShapeError
from mnemic.functional.engram import EngramState, engram_reference
from mnemic.nn.engram import Engram
from mnemic.randomness import generator

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SINGLE = {"rtol": 3e-5, "atol": 3e-5}
SEEDS = st.integers(0, 2**32 - 1)
some = settings(max_examples=max(10, settings.default.max_examples // 20))


@pytest.fixture
def unchecked():
    """As users call it, without the shape checker of the tests, which would speak up first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def drawn(seed, *shape):
    return torch.randn(shape, generator=generator(seed, str(shape)), dtype=torch.float64)


def coins(seed, *shape):
    return torch.rand(shape, generator=generator(seed, f"coins {shape}")) < 0.6


def scattered(layer, seed=0):
    """In double precision, with no gate looking at nothing and no bias left at zero."""
    layer = layer.double()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator(seed, name))
            parameter += 0.3 * noise.double()
    return layer


def made(seed=0, **how):
    how = {"slots": 12, "k": 3, "chunk": 4, **how}
    return scattered(Engram(3, 8, rng=torch.Generator(), **how), seed)


def state_of(layer, batch, seed=5):
    units = len(layer.units)
    before = max(layer.settings.reach, layer.settings.span) - 1
    return EngramState(
        drawn(seed, units, batch, 8),
        drawn(seed, units, batch, layer.slots, 8),
        drawn(seed, units, batch, before, 8),
    )


def close(ours, expected, how=CLOSE):
    """To rounding of the largest of them."""
    size = expected.detach().abs().max().clamp_min(1.0)
    torch.testing.assert_close(ours / size, expected / size, **how)


KINDS = [
    {"recurrence": recurrence, "rule": rule, "addressing": addressing}
    for recurrence in ("parallel", "gru")
    for rule in ("delta", "hebb")
    for addressing in ("top-k", "entmax", "sparsemax", "softmax")
]


@pytest.mark.parametrize("how", KINDS, ids=lambda how: " ".join(how.values()))
@pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, CLOSE), (torch.float32, SINGLE)], ids=["64", "32"]
)
@pytest.mark.parametrize(("reach", "span"), [(3, 1), (1, 4)])
def test_steps_side_by_side_are_the_definition_with_all_gradients(
    how, dtype, tolerance, reach, span
):
    layer = made(**how, reach=reach, span=span, stretch=0.3, temperature=1.0).to(dtype)
    slopes = drawn(1, 2, 19, 8).to(dtype), [part.to(dtype) for part in state_of(layer, 2, 9)]
    gradients = []
    for fast in (True, False):
        inputs = drawn(2, 2, 19, 3).to(dtype).requires_grad_()
        state = EngramState(*(part.to(dtype).requires_grad_() for part in state_of(layer, 2)))
        if fast:
            outputs, after = layer(inputs, state)
        else:
            one = EngramState(*(part[0] for part in state))
            options = {"addressing": how["addressing"], "rule": how["rule"], "k": 3}
            outputs, after = engram_reference(
                inputs, one, layer.units[0].weights, stretch=0.3, **options
            )
            after = EngramState(*(part[None] for part in after))
        loss = (outputs * slopes[0]).sum()
        loss = loss + sum(
            (part * slope).sum() for part, slope in zip(after, slopes[1], strict=True)
        )
        # all but what comes before a first step, which here is given
        learned = [each for key, each in layer.named_parameters() if "before" not in key]
        learned = [inputs, *state, *learned]
        gradients.append((outputs, *after, *torch.autograd.grad(loss, learned)))
    for ours, expected in zip(*gradients, strict=True):
        assert expected.abs().sum() > 0
        close(ours, expected, tolerance)


SHAPES = [
    {"num_layers": layers, "bidirectional": both, "batch_first": first}
    for layers in (1, 2)
    for both in (False, True)
    for first in (False, True)
]


def name(how):
    return " ".join(f"{key}={value}" for key, value in how.items())


@pytest.mark.parametrize("how", SHAPES, ids=name)
def test_it_is_called_as_torch_calls_an_lstm(how):
    layer, lstm = made(**how), nn.LSTM(3, 8, **how).double()
    inputs = drawn(0, 5, 4, 3)
    outputs, state = layer(inputs)
    expected, (hidden, _) = lstm(inputs)
    assert outputs.shape == expected.shape
    assert state.hidden.shape == hidden.shape
    assert layer(inputs, state)[0].shape == expected.shape
    one, state = layer(inputs[0])
    expected, (hidden, _) = lstm(inputs[0])
    assert one.shape == expected.shape
    assert state.hidden.shape == hidden.shape
    assert layer(inputs[0], state)[0].shape == expected.shape
    for sort in (True, False):
        rows = [drawn(1, length, 3) for length in (6, 6, 4, 1)]
        rows = rows if sort else [rows[2], rows[0], rows[3], rows[1]]
        packed = pack_sequence(rows, enforce_sorted=sort)
        ours, state = layer(packed)
        theirs, (hidden, _) = lstm(packed)
        assert isinstance(ours, PackedSequence)
        assert ours.data.shape == theirs.data.shape
        assert state.hidden.shape == hidden.shape
        for mine, other in zip(ours[1:], theirs[1:], strict=True):
            assert (mine is None and other is None) or torch.equal(mine, other)


@pytest.mark.parametrize("how", SHAPES, ids=name)
@pytest.mark.parametrize("recurrence", ["parallel", "gru"])
def test_a_packed_sequence_is_each_of_its_sequences_alone(how, recurrence):
    layer = made(**how, recurrence=recurrence, segment=3)
    rows = [drawn(length, length, 3) for length in (2, 7, 1, 5, 7)]
    before = state_of(layer, 5)
    outputs, state = layer(pack_sequence(rows, enforce_sorted=False), before)
    padded, lengths = pad_packed_sequence(outputs, batch_first=True)
    assert lengths.tolist() == [2, 7, 1, 5, 7]
    for index, row in enumerate(rows):
        alone, after = layer(row, EngramState(*(part[:, index] for part in before)))
        close(padded[index, : len(row)], alone)
        for mine, other in zip(after, state, strict=True):
            close(mine, other[:, index])


@pytest.mark.parametrize("rubbish", [0.0, math.nan, math.inf, 1e30])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("recurrence", ["parallel", "gru"])
def test_a_step_that_is_not_known_changes_nothing_whatever_it_holds(
    rubbish, bidirectional, recurrence
):
    layer = made(num_layers=2, bidirectional=bidirectional, recurrence=recurrence, segment=4)
    known = coins(0, 4, 9)
    known[3] = False  # a sequence without any step
    inputs = torch.where(known[..., None], drawn(0, 4, 9, 3), rubbish).requires_grad_()
    before = state_of(layer, 4)
    outputs, state = layer(inputs, before, known=known)
    fresh, _ = layer(inputs, known=known)
    assert (outputs[~known] == 0).all()
    for row in range(3):
        short = inputs[row][known[row]].detach()
        alone, after = layer(short, EngramState(*(part[:, row] for part in before)))
        close(outputs[row][known[row]], alone)
        for mine, other in zip(state, after, strict=True):
            close(mine[:, row], other)
    for part, first in zip(state, before, strict=True):
        torch.testing.assert_close(part[:, 3], first[:, 3], **CLOSE)
    (outputs.square().sum() + fresh.square().sum() + state.trace.square().sum()).backward()
    assert inputs.grad.isfinite().all()
    assert (inputs.grad[~known] == 0).all()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


@pytest.mark.parametrize("how", KINDS, ids=lambda how: " ".join(how.values()))
def test_a_state_carried_on_gives_what_one_call_would_have_given(how):
    layer = made(**how, num_layers=2, reach=3)
    inputs = drawn(0, 2, 13, 3)
    whole, last = layer(inputs)
    state, pieces = None, []
    for start, end in ((0, 1), (1, 2), (2, 7), (7, 13)):
        outputs, state = layer(inputs[:, start:end], state)
        pieces.append(outputs)
    close(torch.cat(pieces, dim=1), whole)
    for mine, other in zip(state, last, strict=True):
        close(mine, other)


def test_a_detached_state_has_no_history():
    layer = made()
    _, state = layer(drawn(0, 2, 5, 3))
    _, again = layer(drawn(1, 2, 5, 3), state.detach())
    for part, first in zip(again, state, strict=True):
        assert part.requires_grad
        assert not torch.autograd.grad(part.sum(), first, retain_graph=True, allow_unused=True)[0]
    for part, first in zip(state.detach(), state, strict=True):
        assert torch.equal(part, first)


@pytest.mark.parametrize("how", KINDS, ids=lambda how: " ".join(how.values()))
@pytest.mark.parametrize(
    ("dtype", "rounding"), [(torch.float64, 1e-14), (torch.float32, 1e-6)], ids=["64", "32"]
)
def test_a_sequence_ignores_its_batch_neighbours(how, dtype, rounding):
    """But for rounding: a product of matrices adds up in another order if there are more rows."""
    layer = Engram(3, 16, slots=12, k=3, num_layers=2, rng=generator(0, "weights"), **how)
    layer, inputs = layer.to(dtype), drawn(0, 9, 40, 3).to(dtype)
    together = layer(inputs)[0]
    for row in range(9):
        alone = layer(inputs[row : row + 1])[0][0]
        assert (together[row] - alone).abs().max() <= rounding * together[row].abs().max()


@pytest.mark.parametrize("recurrence", ["parallel", "gru"])
def test_a_batch_of_one_seven_or_many_makes_no_difference(recurrence):
    """Of a size at which products of matrices are computed in several ways, by their rows."""
    layer = Engram(28, 48, slots=32, recurrence=recurrence, rng=generator(0, "weights")).eval()
    inputs = drawn(0, 256, 28, 28).float()
    with torch.no_grad():
        many, seven = layer(inputs)[0][:7], layer(inputs[:7])[0]
        ones = torch.cat([layer(row[None])[0] for row in inputs[:7]])
    largest = many.abs().max()
    for fewer in (seven, ones):
        assert (fewer - many).abs().max() <= 1e-6 * largest


@pytest.mark.parametrize("recurrence", ["parallel", "gru"])
def test_segments_and_chunks_and_computing_again_change_no_gradient(recurrence):
    gradients = []
    for how in (
        {"chunk": 64, "segment": 1024},
        {"chunk": 5, "segment": 7},
        {"chunk": 5, "segment": 7, "recompute": True},
    ):
        layer = made(**how, recurrence=recurrence)
        inputs = drawn(0, 2, 23, 3).requires_grad_()
        known = coins(1, 2, 23)
        outputs, state = layer(inputs, known=known)
        loss = (outputs * drawn(2, 2, 23, 8)).sum() + state.trace.square().sum() + layer.penalty()
        learned = [inputs, *layer.parameters()]
        gradients.append((outputs, *state, *torch.autograd.grad(loss, learned)))
    for each in gradients[1:]:
        for ours, expected in zip(each, gradients[0], strict=True):
            close(ours, expected)


def test_two_directions_are_two_layers_one_of_them_read_from_the_end():
    both = made(bidirectional=True)
    inputs, known = drawn(0, 3, 7, 3), torch.arange(7) < torch.tensor([[7], [4], [2]])
    outputs, state = both(inputs, known=known)
    for direction in (0, 1):
        one = made()
        one.units[0].load_state_dict(both.units[direction].state_dict())
        for row, length in enumerate((7, 4, 2)):
            steps = inputs[row, :length].flip(0) if direction else inputs[row, :length]
            expected, after = one(steps)
            expected = expected.flip(0) if direction else expected
            close(outputs[row, :length, 8 * direction : 8 * direction + 8], expected)
            close(state.trace[direction, row], after.trace[0])


class Largest(TorchDispatchMode):
    """The size of the largest tensor any operation makes."""

    def __init__(self):
        super().__init__()
        self.size = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        made = function(*args, **(kwargs or {}))
        for each in made if isinstance(made, tuple | list) else (made,):
            if isinstance(each, torch.Tensor):
                self.size = max(self.size, each.numel())
        return made


def largest(layer, time, training):
    layer.train(training)
    with Largest() as sizes, torch.set_grad_enabled(training):
        layer(torch.zeros(1, time, 1))
    return sizes.size


def test_memory_is_bounded_by_the_segment_and_grows_as_the_outputs_do():
    layer = Engram(1, 2, slots=64, chunk=16, segment=64, rng=torch.Generator())
    addresses = 2 * 2 * 65 * 64  # of one segment, to read and to write, by either of two steps
    for training in (False, True):
        for time in (64, 1024):
            assert largest(layer, time, training) <= addresses
    single_steps = Engram(1, 2, slots=64, chunk=16, segment=4096, rng=torch.Generator())
    assert largest(single_steps, 1024, False) == 2 * 2 * 1025 * 64  # and no trace of every step


@pytest.mark.parametrize("rule", ["delta", "hebb"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_hundred_thousand_steps_stay_finite_and_the_trace_bounded(rule, dtype):
    layer = Engram(2, 8, slots=8, k=2, rule=rule, chunk=256, segment=8192, rng=generator(0, "w"))
    layer = layer.to(dtype).eval()
    with torch.no_grad():
        state, traces = None, []
        for part in range(10):
            inputs = torch.randn(1, 10_000, 2, generator=generator(part, "inputs")).to(dtype)
            outputs, state = layer(inputs, state)
            assert outputs.isfinite().all()
            assert outputs.dtype == dtype
            traces.append(float(state.trace.abs().max()))
    assert state.trace.dtype == torch.float32  # sums are never kept in less
    # a value has a length of √8: by delta a slot holds about one, by Hebb what has not yet faded
    assert max(traces) < (50 if rule == "delta" else 1000)
    assert max(traces[5:]) < 1.5 * max(traces[:5])


def test_evaluation_is_deterministic_and_draws_nothing():
    layer = made(num_layers=2, dropout=0.5, noise=0.5).eval()
    inputs, before = drawn(0, 2, 9, 3), torch.get_rng_state()
    expected = layer(inputs)[0]
    rng = generator(0, "unused")
    state = rng.get_state()
    assert torch.equal(layer(inputs)[0], expected)
    assert torch.equal(layer(inputs, rng=rng)[0], expected)
    assert torch.equal(rng.get_state(), state)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("how", [{"dropout": 0.5, "num_layers": 2}, {"noise": 0.5}], ids=name)
def test_noise_in_training_comes_from_the_generator_alone(how):
    layer, inputs, before = made(**how), drawn(0, 2, 9, 3), torch.get_rng_state()
    one, same, other = (layer(inputs, rng=generator(seed, "noise"))[0] for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert torch.equal(torch.get_rng_state(), before)
    with pytest.raises(ConfigError, match="give rng=, or put the layer in evaluation mode"):
        layer(inputs)


def test_dropout_keeps_the_mean_of_what_it_thins():
    layer = made(num_layers=2, dropout=0.25)
    seen = []
    layer.units[1].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    layer.eval()(inputs := drawn(0, 50, 20, 3))
    layer.train()(inputs, rng=generator(0, "drop"))
    whole, thinned = seen
    kept = thinned != 0
    assert float(kept.double().mean()) == pytest.approx(0.75, abs=0.02)
    torch.testing.assert_close(thinned[kept], whole[kept] / 0.75, **CLOSE)


def test_the_first_weights_come_from_the_generator_alone():
    for recurrence in ("parallel", "gru"):
        before = torch.get_rng_state()
        one, same = (made(recurrence=recurrence, num_layers=2) for _ in range(2))
        for mine, other in zip(one.parameters(), same.parameters(), strict=True):
            assert torch.equal(mine, other)
            assert mine.isfinite().all()
        assert torch.equal(torch.get_rng_state(), before)


def every(**how):
    return [made(num_layers=2, bidirectional=True, **kind, **how) for kind in KINDS[::4]]


def test_every_parameter_learns():
    for layer in every():
        (layer(drawn(0, 3, 9, 3))[0].square() * drawn(1, 3, 9, 16)).sum().backward()
        for key, parameter in layer.named_parameters():
            assert parameter.grad.isfinite().all()
            assert parameter.grad.any(), key


def test_a_temperature_that_is_not_learned_stays():
    layer = made(learn_temperature=False)
    assert not layer.units[0].log_sharpness.requires_grad
    assert Engram(3, 8, temperature=0.2, rng=torch.Generator()).units[
        0
    ].weights.sharpness.item() == pytest.approx(5.0)


def test_a_gate_that_does_not_look_is_a_learned_constant():
    layer = made(gates=("decay",))
    seen = []
    layer.observers.append(seen.append)
    outputs = layer(drawn(0, 2, 9, 3))[0]
    assert seen[0].seen.write_strength.std() < 1e-12
    assert seen[0].seen.read_strength.std() < 1e-12
    assert seen[0].seen.log_decay.std() > 1e-3
    outputs.square().sum().backward()
    gradient = layer.units[0].gates
    assert (gradient.weight.grad[[0, 2]] == 0).all()
    assert gradient.bias.grad.all()


def test_weights_survive_state_dict_and_safetensors(tmp_path):
    inputs = drawn(0, 2, 9, 3)
    for layer in every():
        expected = layer(inputs)[0]
        for kind in ("state_dict", "safetensors"):
            other = copy.deepcopy(layer)  # after a call in training, as averaging copies do
            with torch.no_grad():
                for parameter in other.parameters():
                    parameter.zero_()
            if kind == "state_dict":
                other.load_state_dict(layer.state_dict())
            else:
                save_model(layer, str(tmp_path / "layer.safetensors"))
                load_model(other, tmp_path / "layer.safetensors")
            assert torch.equal(other(inputs)[0], expected)


def test_without_its_trace_a_layer_recalls_from_the_bank_alone():
    layer = made()
    inputs = drawn(0, 2, 9, 3)
    whole = layer(inputs)[0]
    layer.use_trace = False
    assert not layer.use_trace
    without = layer(inputs)[0]
    assert (whole[:, 2:] - without[:, 2:]).abs().max() > 1e-3
    with torch.no_grad():
        layer.units[0].trace_scale.zero_()
    layer.use_trace = True
    torch.testing.assert_close(layer(inputs)[0], without, **CLOSE)


def test_the_penalty_is_the_mean_entropy_of_all_addresses_that_were_there():
    layer = made(num_layers=2, addressing="softmax")
    inputs, known = drawn(0, 3, 9, 3), coins(0, 3, 9)
    seen = []
    layer.observers.append(seen.append)
    layer(inputs, known=known)
    entropies, writes = [], []
    for each in seen:
        there = each.times >= 0
        writes.append(each.seen.write_strength[there])
        for address in (each.seen.read, each.seen.write):
            share = address / address.sum(dim=-1, keepdim=True)
            entropies.append(-(share * share.log()).sum(dim=-1)[there] / math.log(12))
    expected = torch.cat(entropies).mean()
    torch.testing.assert_close(layer.penalty(), expected, **CLOSE)
    torch.testing.assert_close(layer.write_penalty(), torch.cat(writes).mean(), **CLOSE)


@pytest.mark.parametrize(("sparsity", "expected"), [(None, 0.0), (0.5, 0.5), (0.9, 0.9)])
def test_the_penalty_leads_addresses_to_the_sparsity_asked_for(sparsity, expected):
    layer = made(addressing="softmax", sparsity=sparsity)
    inputs = drawn(0, 4, 9, 3)
    optimiser = torch.optim.Adam(layer.parameters(), lr=0.1)
    for _ in range(60):
        layer(inputs)
        optimiser.zero_grad()
        layer.penalty().backward()
        optimiser.step()
    seen = []
    layer.observers.append(seen.append)
    layer(inputs)
    share = seen[0].seen.read / seen[0].seen.read.sum(dim=-1, keepdim=True)
    entropy = -(share * share.clamp_min(1e-300).log()).sum(dim=-1).mean() / math.log(12)
    assert float(entropy.detach()) == pytest.approx(expected, abs=0.1)


def test_there_is_no_penalty_without_a_call_in_training():
    layer = made()
    for penalty in (layer.penalty, layer.write_penalty):
        with pytest.raises(ConfigError, match="the last call in training"):
            penalty()
    layer(drawn(0, 1, 4, 3))
    assert layer.penalty() > 0
    layer.eval()(drawn(0, 1, 4, 3))
    with pytest.raises(ConfigError, match="the last call in training"):
        layer.penalty()


def recall_task(batch, pairs, rng, fillers=0):
    """Pairs of key and value, fillers, then all keys in another order: say the values."""
    keys = torch.rand(batch, 8, generator=rng).argsort(1)[:, :pairs]
    values = torch.randint(8, (batch, pairs), generator=rng)
    order = torch.rand(batch, pairs, generator=rng).argsort(1)
    shown = torch.stack([keys, values + 8], dim=2).flatten(1)
    between = torch.full((batch, fillers), 16)
    return torch.cat([shown, between, keys.gather(1, order)], dim=1), values.gather(1, order)


@pytest.fixture(scope="module")
def learned():
    """A layer that was taught to recall four of eight keys, with a few fillers before asking."""
    torch.set_num_threads(1)
    rng = generator(0, "associative recall")
    embedding = nn.Parameter(torch.randn(17, 24, generator=rng))
    layer = Engram(24, 24, slots=16, k=4, rng=rng)
    head = nn.Parameter(torch.randn(8, 24, generator=rng) * 0.2)

    def answer(tokens):
        outputs, _ = layer(nn.functional.embedding(tokens, embedding))
        return outputs[:, -4:] @ head.T

    learning = [embedding, head, *layer.parameters()]
    optimiser = torch.optim.Adam(learning, lr=1e-2)
    for step in range(200):
        tokens, values = recall_task(32, 4, rng, fillers=step % 8)
        loss = nn.functional.cross_entropy(answer(tokens).flatten(0, 1), values.flatten())
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learning, 1.0)
        optimiser.step()
    layer.eval()

    def accuracy(fillers=0):
        tokens, values = recall_task(200, 4, generator(1, "unseen"), fillers=fillers)
        with torch.no_grad():
            return float((answer(tokens).argmax(-1) == values).double().mean())

    return layer, accuracy


def test_it_learns_associative_recall_and_owes_it_to_the_trace(learned):
    layer, accuracy = learned
    assert accuracy() > 0.9
    layer.use_trace = False
    assert accuracy() < 0.3  # chance is 1 in 8
    layer.use_trace = True


def test_it_still_recalls_after_a_hundred_times_the_fillers_it_was_taught_with(learned):
    assert learned[1](fillers=800) > 0.9


@pytest.mark.parametrize("how", KINDS[::4], ids=lambda how: " ".join(how.values()))
def test_half_precision_is_close(how):
    layer = Engram(16, 32, slots=16, k=4, rng=generator(0, "weights"), **how)
    inputs = drawn(0, 3, 12, 16).float()
    expected, after = layer(inputs)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output, state = layer(inputs)
    output.float().square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())
    half, carried = copy.deepcopy(layer).bfloat16()(inputs.bfloat16())
    assert half.dtype == torch.bfloat16
    assert carried.trace.dtype == state.trace.dtype == torch.float32
    for each in (output, half):
        assert (each.float() - expected).norm() < 0.1 * expected.norm()
    # rounding may choose another slot among the best
    assert (state.trace - after.trace).norm() < 0.15 * after.trace.norm()


@some
@given(seed=SEEDS, batch=st.integers(1, 3), time=st.integers(1, 6))
def test_layout_in_memory_changes_nothing(seed, batch, time):
    layer = made(seed, num_layers=2)
    inputs = drawn(seed, time, batch, 6).transpose(0, 1)[..., ::2]
    expected = layer(inputs.contiguous())[0]
    torch.testing.assert_close(layer(inputs)[0], expected, **CLOSE)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"slots": 1}, "slots must be at least 2, got 1"),
        ({"num_layers": 0}, "num_layers must be at least 1, got 0"),
        ({"dropout": 1.0}, "dropout must be a share within 0..1, got 1.0"),
        ({"addressing": "hard"}, "addressing must be one of 'top-k', .*got 'hard'"),
        ({"rule": "oja"}, "rule must be one of 'delta', 'hebb', got 'oja'"),
        ({"recurrence": "lstm"}, "recurrence must be one of 'parallel', 'gru', got 'lstm'"),
        ({"gates": ("forget",)}, "gates must be among write, decay, read"),
        ({"k": 0}, "k must be at least 1, got 0"),
        ({"chunk": 0}, "chunk must be at least 1, got 0"),
        ({"temperature": 0.0}, "temperature must be a number above 0, got 0"),
        ({"noise": math.nan}, "noise must be a number from 0, got nan"),
        ({"decay_bias": math.inf}, "decay_bias must be a finite number, got inf"),
        ({"sparsity": 1.5}, "sparsity must be an entropy within 0..1, got 1.5"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_settings_that_make_no_sense_are_refused(how, says):
    with pytest.raises(ConfigError, match=says):
        Engram(3, 8, rng=torch.Generator(), **how)


@pytest.mark.usefixtures("unchecked")
def test_tensors_that_do_not_fit_are_refused():
    layer = Engram(3, 8, slots=12, rng=torch.Generator())
    inputs = torch.ones(2, 5, 3)
    with pytest.raises(ShapeError, match=r"sequences of 3 features, .*got 2 × 5 × 4"):
        layer(torch.ones(2, 5, 4))
    with pytest.raises(ShapeError, match="got 3"):
        layer(torch.ones(3))
    with pytest.raises(ShapeError, match="at least one step"):
        layer(torch.ones(2, 0, 3))
    with pytest.raises(ShapeError, match="known must be 2 × 5, got 5 × 2"):
        layer(inputs, known=torch.ones(5, 2, dtype=torch.bool))
    with pytest.raises(ShapeError, match="known must be boolean"):
        layer(inputs, known=torch.ones(2, 5))
    _, state = layer(inputs)
    with pytest.raises(
        ShapeError, match="trace must be 1 × 3 × 12 × 8 for these inputs, got 1 × 2"
    ):
        layer(torch.ones(3, 5, 3), state._replace(hidden=torch.ones(1, 3, 8)))
    with pytest.raises(ShapeError, match="hidden must be 1 × 3 × 8"):
        layer(torch.ones(3, 5, 3), state)
    packed = pack_sequence([torch.ones(4, 3)])
    with pytest.raises(ConfigError, match="a packed batch knows its steps"):
        layer(packed, known=torch.ones(1, 4, dtype=torch.bool))
    with pytest.raises(ShapeError, match="sequences of 3 features"):
        layer(pack_sequence([torch.ones(4, 2)]))
