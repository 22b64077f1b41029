"""Hopfield layers against a plain loop, against torch's attention, and against their promises."""

import copy
import math
from itertools import pairwise

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_model, save_model
from torch import nn

from mnemic.errors import ConfigError, ShapeError
from mnemic.nn.hopfield import Hopfield
from mnemic.nn.prototypes import HopfieldLayer, HopfieldPooling
from mnemic.nn.settling import read, read_values
from mnemic.randomness import generator
from reference import softmax

CLOSE = {"rtol": 1e-10, "atol": 1e-10}
SEPARATIONS = ["softmax", "sparsemax", "entmax15"]


@pytest.fixture
def unchecked():
    """As users call it, without the shape checker of the tests, which would speak up first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def drawn(seed, *shape):
    return torch.randn(*shape, generator=generator(seed, str(shape)), dtype=torch.float64)


def coins(seed, *shape):
    return torch.rand(*shape, generator=generator(seed, str(shape))) < 0.6


def scattered(layer, seed=0):
    """In double precision, with no bias left at zero and no two heads alike."""
    layer = layer.double()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator(seed, name))
            parameter += 0.3 * noise.double()
    return layer


def separated(name, scores):
    """The weights by their definition: sparse ones by halving the interval the threshold is in."""
    if name == "softmax":
        return softmax(scores)
    share, power = (1.0, 1) if name == "sparsemax" else (0.5, 2)
    above, below = share * max(scores), share * max(scores) - 1
    for _ in range(200):
        threshold = (above + below) / 2
        weights = [max(share * score - threshold, 0) ** power for score in scores]
        above, below = (threshold, below) if sum(weights) < 1 else (above, threshold)
    return weights


def loop(layer, state, stored, values, visible):
    """Every row, head and step by itself, in NumPy."""

    def projected(linear, row):
        return linear.weight.detach().numpy() @ row + linear.bias.detach().numpy()

    batch, states, _ = state.shape
    found = np.zeros((batch, states, layer.heads, layer.head_dim))
    weights = np.zeros((batch, layer.heads, states, stored.shape[1]))
    steps = np.zeros((batch, layer.heads, states), dtype=int)
    output = np.zeros((batch, states, layer.dim))
    beta = layer.beta
    betas = beta.tolist() if isinstance(beta, torch.Tensor) else [beta] * layer.heads
    for b in range(batch):
        for t in range(states):
            seen = [s for s in range(stored.shape[1]) if visible[b, t, s]]
            if not seen:
                continue
            for head in range(layer.heads):
                mine = slice(head * layer.head_dim, (head + 1) * layer.head_dim)
                xi = projected(layer.state_projection, state[b, t])[mine]
                keys = [projected(layer.stored_projection, stored[b, s])[mine] for s in seen]
                read = [projected(layer.value_projection, values[b, s])[mine] for s in seen]
                moves, resting = 0, False
                while moves < layer.steps - 1 and not resting:
                    p = separated(layer.separation, [betas[head] * float(key @ xi) for key in keys])
                    after = sum(w * key for w, key in zip(p, keys, strict=True))
                    resting = math.sqrt(float((after - xi) @ (after - xi))) <= layer.tolerance
                    xi, moves = after, moves + 1
                p = separated(layer.separation, [betas[head] * float(key @ xi) for key in keys])
                weights[b, head, t, seen] = p
                steps[b, head, t] = moves + 1
                found[b, t, head] = sum(w * value for w, value in zip(p, read, strict=True))
            output[b, t] = projected(layer.output_projection, found[b, t].reshape(-1))
    return output, weights, steps


@given(
    seed=st.integers(0, 2**32 - 1),
    heads=st.integers(1, 3),
    steps=st.integers(1, 5),
    stored=st.integers(1, 6),
    beta=st.sampled_from([None, 0.2, 3.0, "learned"]),
    tolerance=st.sampled_from([1e-6, 0.05, 0.5]),
    separation=st.sampled_from(SEPARATIONS),
)
def test_both_forms_agree_with_the_loop(seed, heads, steps, stored, beta, tolerance, separation):
    sizes = {"heads": heads, "stored_dim": 5, "value_dim": 4, "head_dim": 3}
    how = {"beta": beta, "steps": steps, "tolerance": tolerance, "separation": separation}
    layer = scattered(Hopfield(6, **sizes, **how, rng=torch.Generator()), seed)
    state, patterns = drawn(seed, 2, 3, 6), drawn(seed, 2, stored, 5)
    values = drawn(seed, 2, stored, 4)
    known, allowed = coins(seed, 2, stored), coins(seed, 3, stored)
    visible = (known[:, None] & allowed).numpy()
    with torch.no_grad():
        output, weights, made = loop(
            layer, state.numpy(), patterns.numpy(), values.numpy(), visible
        )
        ours = layer.associate(state, patterns, values, known=known, allowed=allowed)
        fast = layer(state, patterns, values, known=known, allowed=allowed)
    np.testing.assert_allclose(ours.output, output, **CLOSE)
    np.testing.assert_allclose(ours.weights, weights, **CLOSE)
    np.testing.assert_array_equal(ours.steps, made)
    np.testing.assert_allclose(fast, output, **CLOSE)


MASKS = {
    "none": {},
    "padding": {"key_padding_mask": ~coins(1, 4, 7)},
    "attention": {"attn_mask": ~coins(2, 5, 7)},
    "both": {"key_padding_mask": ~coins(1, 4, 7), "attn_mask": ~coins(2, 5, 7)},
}


@pytest.mark.parametrize("masks", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("dims", [{}, {"kdim": 5, "vdim": 3}], ids=["one size", "three sizes"])
def test_one_step_is_torch_attention_with_all_its_gradients(masks, batch_first, bias, dims):
    attention = nn.MultiheadAttention(8, 2, bias=bias, batch_first=batch_first, **dims)
    attention = scattered(attention)
    layer = Hopfield.from_attention(attention)
    masks = {name: mask.clone() for name, mask in masks.items()}
    for mask in masks.values():
        mask[:, 0] = False  # torch's attention makes nan of a row that sees nothing
    shapes = [(4, 5, 8), (4, 7, layer.stored_dim), (4, 7, layer.value_dim)]
    theirs = [drawn(3, *shape).requires_grad_() for shape in shapes]
    ours = [each.detach().clone().requires_grad_() for each in theirs]

    sides = theirs if batch_first else [each.transpose(0, 1) for each in theirs]
    expected, expected_weights = attention(*sides, **masks, average_attn_weights=False)
    expected = expected if batch_first else expected.transpose(0, 1)
    known = ~masks["key_padding_mask"] if "key_padding_mask" in masks else None
    allowed = ~masks["attn_mask"] if "attn_mask" in masks else None
    output = layer(*ours, known=known, allowed=allowed)
    torch.testing.assert_close(output, expected, **CLOSE)
    found = layer.associate(*ours, known=known, allowed=allowed)
    torch.testing.assert_close(found.weights, expected_weights, **CLOSE)

    slope = drawn(4, 4, 5, 8)  # so that every gradient differs
    (expected * slope).sum().backward()
    (output * slope).sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, **CLOSE)
    three = (layer.state_projection, layer.stored_projection, layer.value_projection)
    if dims:
        weights = [getattr(attention, f"{which}_proj_weight").grad for which in "qkv"]
    else:
        weights = attention.in_proj_weight.grad.chunk(3)
    for projection, weight in zip(three, weights, strict=True):
        torch.testing.assert_close(projection.weight.grad, weight, **CLOSE)
    torch.testing.assert_close(
        layer.output_projection.weight.grad, attention.out_proj.weight.grad, **CLOSE
    )
    if bias:
        for projection, each in zip(three, attention.in_proj_bias.grad.chunk(3), strict=True):
            torch.testing.assert_close(projection.bias.grad, each, **CLOSE)
        torch.testing.assert_close(
            layer.output_projection.bias.grad, attention.out_proj.bias.grad, **CLOSE
        )


def test_a_layer_made_from_attention_shares_nothing_with_it():
    attention = nn.MultiheadAttention(8, 2).half().eval()
    layer = Hopfield.from_attention(attention, steps=3, beta="learned")
    assert not layer.training
    assert layer.state_projection.weight.dtype == layer.log_beta.dtype == torch.float16
    before = layer.state_projection.weight.clone()
    with torch.no_grad():
        attention.in_proj_weight.zero_()
    assert torch.equal(layer.state_projection.weight, before)


@pytest.mark.parametrize("steps", [1, 4])
@pytest.mark.parametrize("beta", [None, 2.0, "learned"])
@pytest.mark.parametrize("masked", [True, False])
def test_the_fast_form_has_the_gradients_of_the_readable_one(steps, beta, masked):
    known = coins(0, 3, 6) if masked else None
    allowed = coins(1, 3, 4, 6) if masked else None
    if masked:
        known[0] = False
        allowed[1, 2] = False
    layer = Hopfield(6, heads=3, stored_dim=5, beta=beta, steps=steps, rng=torch.Generator())
    layer = scattered(layer)
    gradients = []
    for compute in (layer, lambda *args, **masks: layer.associate(*args, **masks).output):
        inputs = [drawn(2, 3, 4, 6).requires_grad_(), drawn(3, 3, 6, 5).requires_grad_()]
        output = compute(*inputs, known=known, allowed=allowed)
        learned = [*inputs, *layer.parameters()]
        gradients.append(torch.autograd.grad((output * drawn(4, 3, 4, 6)).sum(), learned))
    for fast, readable in zip(*gradients, strict=True):
        assert readable.isfinite().all()
        torch.testing.assert_close(fast, readable, **CLOSE)


def reading(separation):
    return lambda *given, **how: read(*given, **how, separation=separation).values


@pytest.mark.parametrize(
    "compute",
    [read_values, *map(reading, SEPARATIONS)],
    ids=["fused", *SEPARATIONS],
)
@pytest.mark.parametrize("steps", [1, 3])
def test_gradients_are_those_of_finite_differences(compute, steps):
    allowed = torch.tensor([[True, True, False, True], [False] * 4])[None, None]

    def association(state, keys, values, beta):
        return compute(state, keys, values, allowed, beta=beta, steps=steps, tolerance=0.0)

    shapes = [(1, 2, 2, 3), (1, 2, 4, 3), (1, 2, 4, 2)]
    inputs = [drawn(1, *shape).requires_grad_() for shape in shapes]
    beta = torch.tensor([0.5, 2.0], dtype=torch.float64)[:, None, None].requires_grad_()
    assert torch.autograd.gradcheck(association, (*inputs, beta))


@pytest.mark.parametrize("kind", [HopfieldPooling, HopfieldLayer])
def test_learned_sides_have_the_gradients_of_finite_differences(kind):
    options = {"heads": 2, "steps": 3, "tolerance": 0.0, "beta": "learned"}
    learned = {"states": 2} if kind is HopfieldPooling else {"patterns": 3}
    layer = scattered(kind(4, **learned, **options, rng=torch.Generator()))
    names = [name for name, _ in layer.named_parameters()]

    def call(given, *parameters):
        return torch.func.functional_call(layer, dict(zip(names, parameters, strict=True)), given)

    inputs = (drawn(0, 2, 3, 4).requires_grad_(), *layer.parameters())
    assert torch.autograd.gradcheck(call, inputs)


@given(seed=st.integers(0, 2**32 - 1), beta=st.floats(0.1, 20))
def test_energy_never_rises_while_settling(seed, beta):
    state, keys = drawn(seed, 1, 1, 5, 4), drawn(seed, 1, 1, 6, 4)

    def energy(state):
        return state.square().sum(-1) / 2 - (beta * state @ keys.mT).logsumexp(-1) / beta

    states = [state] + [
        read(state, keys, keys, beta=beta, steps=steps, tolerance=0.0).values
        for steps in range(1, 8)
    ]
    for before, after in pairwise(states):
        assert (energy(after) <= energy(before) + 1e-9).all()


def test_settling_decides_between_patterns_that_one_step_blends():
    patterns = torch.eye(4, dtype=torch.float64)[None, None]
    between = torch.tensor([[[[0.55, 0.45, 0.0, 0.0]]]], dtype=torch.float64)
    once, settled = (read(between, patterns, patterns, beta=8.0, steps=steps) for steps in (1, 20))
    assert once.weights[0, 0, 0].tolist() == pytest.approx(softmax([4.4, 3.6, 0.0, 0.0]))
    assert settled.weights[0, 0, 0, 0] > 0.99
    assert 2 < settled.steps.item() < 20


def test_the_readable_form_has_second_derivatives():
    layer = scattered(Hopfield(4, heads=2, steps=2, tolerance=0.0, rng=torch.Generator()))
    inputs = [drawn(0, 1, 2, 4).requires_grad_(), drawn(1, 1, 3, 4).requires_grad_()]
    assert torch.autograd.gradgradcheck(lambda *given: layer.associate(*given).output, inputs)


def test_a_row_at_rest_stays_put_while_its_neighbours_move():
    """What a row retrieves, and in how many steps, is the same alone and among others."""
    layer = scattered(Hopfield(6, heads=2, beta=2.0, steps=30, rng=torch.Generator()))
    state, stored = 2 * drawn(0, 9, 3, 6), drawn(1, 9, 7, 6)
    together = layer.associate(state, stored)
    assert len(together.steps.unique()) > 3  # else this shows nothing
    assert (together.steps < 30).any()
    for row in range(9):
        for place in range(3):
            alone = layer.associate(state[row : row + 1, place : place + 1], stored[row : row + 1])
            assert torch.equal(alone.steps[0, :, 0], together.steps[row, :, place])
            torch.testing.assert_close(alone.output[0, 0], together.output[row, place], **CLOSE)
    longer = copy.deepcopy(layer)
    longer.steps = 60
    rested = (together.steps < 30).all(dim=1)
    assert torch.equal(longer(state, stored)[rested], layer(state, stored)[rested])


def test_a_large_tolerance_moves_once_and_none_moves_always(rng):
    state, stored = torch.randn(2, 3, 4, generator=rng), torch.randn(2, 5, 4, generator=rng)
    layer = Hopfield(4, steps=6, tolerance=1e6, rng=rng)
    assert (layer.associate(state, stored).steps == 2).all()
    layer.tolerance = 0.0
    layer.steps = 4
    assert (layer.associate(state, stored).steps == 4).all()


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("separation", SEPARATIONS)
def test_a_state_that_may_see_nothing_retrieves_zeros(steps, separation):
    layer = scattered(
        Hopfield(4, heads=2, steps=steps, separation=separation, rng=torch.Generator())
    )
    state, stored = drawn(0, 3, 2, 4).requires_grad_(), drawn(1, 3, 5, 4).requires_grad_()
    known, allowed = torch.ones(3, 5, dtype=torch.bool), torch.ones(2, 5, dtype=torch.bool)
    known[1] = False
    allowed[1] = False
    for output in (
        layer(state, stored, known=known, allowed=allowed),
        (found := layer.associate(state, stored, known=known, allowed=allowed)).output,
    ):
        assert (output[1] == 0).all()
        assert (output[:, 1] == 0).all()
        assert (output[[0, 2], 0] != 0).all()
        for gradient in torch.autograd.grad(output.square().sum(), [state, stored]):
            assert gradient.isfinite().all()
            assert (gradient[1] == 0).all()
    assert (found.weights[1] == 0).all()
    assert (found.steps[1] == 0).all()
    assert (found.steps[[0, 2], :, 0] > 0).all()
    torch.testing.assert_close(found.weights[[0, 2], :, 0].sum(-1), torch.ones(2, 2).double())


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("separation", SEPARATIONS)
def test_where_nothing_is_stored_nothing_is_retrieved(steps, separation, rng):
    layer = scattered(Hopfield(4, steps=steps, separation=separation, rng=rng))
    found = layer.associate(drawn(0, 2, 3, 4), drawn(0, 2, 0, 4))
    assert (found.output == 0).all()
    assert (found.steps == 0).all()
    assert (layer(drawn(0, 2, 3, 4), drawn(0, 2, 0, 4)) == 0).all()
    assert (HopfieldPooling(4, rng=rng)(torch.zeros(2, 0, 4)) == 0).all()


@pytest.mark.parametrize("rubbish", [math.nan, math.inf, 1e30])
@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("separation", SEPARATIONS)
def test_what_is_not_known_changes_nothing_whatever_it_is(rubbish, steps, separation):
    layer = scattered(
        Hopfield(4, heads=2, steps=steps, separation=separation, rng=torch.Generator())
    )
    state, short, values = drawn(0, 2, 3, 4), drawn(1, 2, 5, 4), drawn(2, 2, 5, 4)
    padding = torch.full((2, 3, 4), rubbish, dtype=torch.float64)
    padded = torch.cat([short, padding], dim=1).requires_grad_()
    known = torch.arange(8).expand(2, -1) < 5
    output = layer(state, padded, torch.cat([values, padding], dim=1), known=known)
    torch.testing.assert_close(output, layer(state, short, values), **CLOSE)
    output.sum().backward()
    assert padded.grad.isfinite().all()
    assert (padded.grad[:, 5:] == 0).all()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())


@given(seed=st.integers(0, 2**32 - 1), steps=st.integers(1, 3), copies=st.integers(1, 4))
def test_neither_order_nor_copies_of_what_is_stored_matter(seed, steps, copies):
    layer = scattered(Hopfield(4, heads=2, steps=steps, tolerance=0.0, rng=torch.Generator()))
    state, stored = drawn(seed, 2, 3, 4), drawn(seed, 2, 5, 4)
    order = torch.randperm(5 * copies, generator=generator(seed, "order"))
    torch.testing.assert_close(
        layer(state, stored.repeat(1, copies, 1)[:, order]), layer(state, stored), **CLOSE
    )


def test_one_stored_pattern_is_retrieved_by_every_state():
    layer = scattered(Hopfield(4, heads=2, steps=3, rng=torch.Generator()))
    stored = drawn(0, 2, 1, 4)
    expected = layer.output_projection(layer.value_projection(stored)).expand(-1, 6, -1)
    torch.testing.assert_close(layer(100 * drawn(1, 2, 6, 4), stored), expected, **CLOSE)


def test_a_batch_of_one_serves_the_whole_batch():
    layer = scattered(Hopfield(4, heads=2, steps=2, rng=torch.Generator()))
    state, stored, known = drawn(0, 3, 2, 4), drawn(1, 3, 5, 4), coins(2, 3, 5)
    torch.testing.assert_close(
        layer(state, stored[:1], known=known[:1]),
        layer(state, stored[:1].repeat(3, 1, 1), known=known[:1].repeat(3, 1)),
        **CLOSE,
    )
    torch.testing.assert_close(
        layer(state[:1], stored, known=known),
        layer(state[:1].repeat(3, 1, 1), stored, known=known),
        **CLOSE,
    )


def test_a_set_pools_to_the_same_however_it_is_padded_and_ordered():
    pool = scattered(HopfieldPooling(4, states=2, heads=2, steps=2, rng=torch.Generator()))
    members = [drawn(size, size, 4) for size in (1, 4, 6)]
    padded = nn.utils.rnn.pad_sequence([each.flip(0) for each in members], batch_first=True)
    known = torch.arange(6) < torch.tensor([1, 4, 6])[:, None]
    together = pool(padded, known=known)
    assert together.shape == (3, 2, 4)
    for row, each in zip(together, members, strict=True):
        torch.testing.assert_close(row, pool(each[None])[0], **CLOSE)
    weights = pool.associate(padded, known=known).weights
    assert weights.shape == (3, 2, 2, 6)
    assert (weights[0, ..., 1:] == 0).all()


def test_pooling_and_memory_are_the_association_with_one_side_learned(rng):
    given = drawn(0, 3, 5, 4)
    pool = scattered(HopfieldPooling(4, states=2, rng=rng))
    torch.testing.assert_close(pool(given), pool.hopfield(pool.states.expand(3, 2, 4), given))
    memory = scattered(HopfieldLayer(4, patterns=7, stored_dim=6, rng=rng))
    expected = memory.hopfield(given, memory.patterns.expand(3, 7, 6))
    torch.testing.assert_close(memory(given), expected)
    assert memory.associate(given).weights.shape == (3, 1, 5, 7)


def test_a_memory_starts_from_a_copy_of_the_patterns_given(rng):
    patterns = torch.randn(4, 6, generator=rng).T
    memory = HopfieldLayer(4, patterns=patterns, rng=rng)
    assert torch.equal(memory.patterns, patterns)
    patterns.zero_()
    assert not torch.equal(memory.patterns, patterns)
    assert memory.patterns.is_contiguous()  # or safetensors would refuse it
    states = torch.ones(2, 4)
    assert torch.equal(HopfieldPooling(4, states=states, rng=rng).states, states)


def every_kind(rng):
    options = {"heads": 2, "steps": 2, "beta": "learned", "rng": rng}
    given = torch.randn(3, 5, 4, generator=rng)
    return [
        (Hopfield(4, **options), (given, given.flip(1))),
        (HopfieldPooling(4, states=2, **options), (given,)),
        (HopfieldLayer(4, patterns=6, **options), (given,)),
    ]


def test_every_parameter_learns(rng):
    for layer, inputs in every_kind(rng):
        layer(*inputs).square().sum().backward()
        for name, parameter in layer.named_parameters():
            if name.endswith("stored_projection.bias"):
                continue  # it shifts all scores of a state alike, once the state has settled
            assert parameter.grad.isfinite().all()
            assert parameter.grad.any(), name


def test_each_head_learns_a_beta_that_stays_positive(rng):
    layer = Hopfield(6, heads=3, beta="learned", rng=rng)
    torch.testing.assert_close(layer.beta, torch.full((3,), 2**-0.5))
    assert Hopfield(6, heads=3, rng=rng).beta == 2**-0.5
    assert Hopfield(6, beta=4.0, rng=rng).beta == 4.0
    state = torch.randn(4, 2, 6, generator=rng)
    optimiser = torch.optim.SGD(layer.parameters(), lr=10.0)
    layer(state, state).square().sum().backward()
    optimiser.step()
    assert (layer.beta > 0).all()
    assert len(layer.beta.unique()) == 3


def test_weights_survive_state_dict_and_safetensors(tmp_path, rng):
    for layer, inputs in every_kind(rng):
        expected = layer(*inputs)
        for kind in ("state_dict", "safetensors"):
            other = copy.deepcopy(layer)
            with torch.no_grad():
                for parameter in other.parameters():
                    parameter.zero_()
            if kind == "state_dict":
                other.load_state_dict(layer.state_dict())
            else:
                save_model(layer, str(tmp_path / "layer.safetensors"))
                load_model(other, tmp_path / "layer.safetensors")
            assert torch.equal(other(*inputs), expected)


def test_one_seed_gives_one_layer_and_the_global_generator_none():
    before = torch.get_rng_state()
    one, other = (every_kind(torch.Generator().manual_seed(3)) for _ in range(2))
    for (layer, inputs), (same, _) in zip(one, other, strict=True):
        assert torch.equal(layer(*inputs), same(*inputs))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("separation", SEPARATIONS)
@pytest.mark.parametrize("beta", [None, "learned"])
def test_half_precision_is_close(steps, separation, beta, rng):
    layer = Hopfield(16, heads=2, steps=steps, separation=separation, beta=beta, rng=rng)
    state, stored = torch.randn(3, 4, 16, generator=rng), torch.randn(3, 9, 16, generator=rng)
    known = coins(0, 3, 9)
    known[0] = False
    expected = layer(state, stored, known=known)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        output = layer(state, stored, known=known)
        readable = layer.associate(state, stored, known=known).output
    assert output.dtype == torch.bfloat16
    output.float().square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())
    half = copy.deepcopy(layer).half()
    halved = half(state.half(), stored.half(), known=known)
    assert halved.dtype == torch.float16
    for each in (output, readable, halved):
        assert (each.float() - expected).norm() < 0.02 * expected.norm()


def test_layout_in_memory_changes_nothing():
    layer = scattered(Hopfield(4, heads=2, steps=2, rng=torch.Generator()))
    state, stored = drawn(0, 4, 3, 6).permute(1, 2, 0), drawn(1, 5, 3, 8).transpose(0, 1)[..., ::2]
    assert not state.is_contiguous()
    assert not stored.is_contiguous()
    expected = layer(state.contiguous(), stored.contiguous())
    torch.testing.assert_close(layer(state, stored), expected, **CLOSE)


class Everything(nn.Module):
    """One of each, as somebody's model would use them."""

    def __init__(self, steps, separation, rng):
        super().__init__()
        options = {"steps": steps, "separation": separation, "rng": rng}
        self.associate = Hopfield(4, heads=2, beta="learned", **options)
        self.pool = HopfieldPooling(4, states=2, **options)
        self.remember = HopfieldLayer(4, patterns=3, **options)

    def forward(self, state, stored, known):
        found = self.associate.associate(state, stored, known=known)
        seen = self.associate(state, stored, known=known)
        return seen, *found, self.pool(stored, known=known), self.remember(state)


@pytest.mark.parametrize(
    ("steps", "separation"), [(1, "softmax"), (3, "softmax"), (2, "sparsemax"), (2, "entmax15")]
)
@pytest.mark.usefixtures("unchecked")
def test_an_exported_model_takes_any_batch_and_any_number_of_patterns(steps, separation, rng):
    model = Everything(steps, separation, rng)

    def batch(size, states, stored):
        known = torch.rand(size, stored, generator=rng) < 0.7
        known[0] = False
        return (
            torch.randn(size, states, 4, generator=rng),
            torch.randn(size, stored, 4, generator=rng),
            known,
        )

    rows, states, stored = map(torch.export.Dim, ("rows", "states", "stored"))
    exported = torch.export.export(
        model,
        batch(3, 4, 6),
        dynamic_shapes={
            "state": {0: rows, 1: states},
            "stored": {0: rows, 1: stored},
            "known": {0: rows, 1: stored},
        },
    ).module()
    for sizes in ((1, 1, 1), (5, 2, 17), (2, 7, 3)):
        given = batch(*sizes)
        for ours, expected in zip(exported(*given), model(*given), strict=True):
            torch.testing.assert_close(ours, expected)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"dim": 0}, "dim must be at least 1, got 0"),
        ({"heads": 0}, "heads must be at least 1"),
        ({"heads": 3}, "8 features do not divide into 3 heads; give head_dim"),
        ({"head_dim": 0}, "head_dim must be at least 1"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"tolerance": -1.0}, "tolerance must be a number from 0, got -1"),
        ({"tolerance": math.nan}, "tolerance must be a number from 0"),
        ({"beta": 0.0}, "beta must be a number above 0, got 0"),
        ({"beta": math.nan}, "beta must be a number above 0, got nan"),
        ({"beta": "warm"}, "beta must be a number or 'learned', got 'warm'"),
        ({"separation": "hardmax"}, "separation must be one of 'softmax'.*, got 'hardmax'"),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_settings_that_make_no_sense_are_refused(settings, says, rng):
    with pytest.raises(ConfigError, match=says):
        Hopfield(**{"dim": 8, **settings}, rng=rng)


@pytest.mark.usefixtures("unchecked")
def test_learned_sides_that_make_no_sense_are_refused(rng):
    with pytest.raises(ConfigError, match="states must be at least 1, or a tensor"):
        HopfieldPooling(8, states=0, rng=rng)
    with pytest.raises(ConfigError, match="patterns must be at least 1, or a tensor"):
        HopfieldLayer(8, patterns=0, rng=rng)
    with pytest.raises(ShapeError, match="start from must be count × 8, got 3 × 4"):
        HopfieldLayer(8, patterns=torch.ones(3, 4), rng=rng)
    with pytest.raises(ShapeError, match="start from must be count × 8, got 0 × 8"):
        HopfieldPooling(8, states=torch.ones(0, 8), rng=rng)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dropout": 0.1}, "attention drops 0.1 of its weights"),
        ({"add_bias_kv": True}, "append them to the stored patterns"),
        ({"add_zero_attn": True}, "append them to the stored patterns"),
    ],
)
def test_attention_that_does_more_is_refused(options, says):
    with pytest.raises(ConfigError, match=says):
        Hopfield.from_attention(nn.MultiheadAttention(8, 2, **options))


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"state": torch.ones(2, 3, 7)}, "state must be batch × count × 8, got 2 × 3 × 7"),
        ({"state": torch.ones(3, 8)}, "state must be batch × count × 8, got 3 × 8; batch first"),
        ({"stored": torch.ones(2, 5, 8)}, "stored must be batch × count × 6, got 2 × 5 × 8"),
        ({"stored": torch.ones(4, 5, 6)}, "state has a batch of 2 and stored one of 4"),
        ({"values": torch.ones(2, 5, 3)}, "values must be batch × count × 6, got 2 × 5 × 3"),
        ({"values": torch.ones(2, 4, 6)}, "values are 2 × 4 × 6 and stored is 2 × 5 × 6"),
        ({"known": torch.ones(2, 5)}, "known must be boolean, True for what may take part"),
        ({"known": torch.ones(2, 3).bool()}, "known must be 2 × 5, got 2 × 3"),
        ({"allowed": torch.ones(3, 5)}, "allowed must be boolean"),
        (
            {"allowed": torch.ones(5, 3).bool()},
            "allowed must be 3 × 5 or 2 × 3 × 5, got 5 × 3",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_tensors_that_do_not_fit_are_refused(given, says, rng):
    layer = Hopfield(8, stored_dim=6, rng=rng)
    arguments = {"state": torch.ones(2, 3, 8), "stored": torch.ones(2, 5, 6), **given}
    for compute in (layer, layer.associate):
        with pytest.raises(ShapeError, match=says):
            compute(**arguments)


def test_values_that_patterns_cannot_stand_in_for_must_be_given(rng):
    layer = Hopfield(8, value_dim=3, rng=rng)
    with pytest.raises(ShapeError, match="values of 3 features, which patterns of 8 cannot"):
        layer(torch.ones(2, 3, 8), torch.ones(2, 5, 8))
