"""The published cell: given the weights of a Keras one, its numbers."""

import math
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from mnemic.errors import ConfigError, ShapeError
from mnemic.functional.engram_published import run_reference
from mnemic.functional.engram_published_fast import run
from mnemic.nn.engram_published import EngramCell, PublishedEngram, load_keras_weights
from mnemic.randomness import generator

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


@pytest.fixture
def unchecked():
    """As users call it, without the shape checker of the tests, which would speak up first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def drawn(seed, *shape):
    return torch.randn(shape, generator=generator(seed, str(shape)), dtype=torch.float64)


def keras_arrays(features=3, dim=4, slots=5):
    """As ``get_weights`` lists them: kernels map their first axis to their second."""
    shapes = [(slots, dim), (slots, dim), (features, dim), (dim,), (3 * dim, 3 * dim), (3 * dim,)]
    shapes += [(3 * dim, dim), (dim,), *[(dim,)] * 4]
    rng = np.random.default_rng(0)
    return [rng.normal(size=shape) for shape in shapes]


def keras_step(inputs, hidden, trace, arrays):
    """The package's ``call``, line by line, in NumPy; without its noise."""
    memory, _, ke, be, ki, bi, ko, bo, g1, b1, g2, b2 = arrays

    def norm(x, gamma, beta):
        mean = x.mean(-1, keepdims=True)
        variance = ((x - mean) ** 2).mean(-1, keepdims=True)
        return (x - mean) / np.sqrt(variance + 1e-6) * gamma + beta

    def l2_normalize(x):
        return x / np.sqrt(np.maximum((x**2).sum(-1, keepdims=True), 1e-12))

    z = norm(np.maximum(inputs @ ke + be, 0), g1, b1)
    effective = memory + 0.5 * trace
    similarity = l2_normalize(z) @ l2_normalize(effective).T / (1.5 / (1.0 + 0.1 * 10.0))
    masses = np.exp(similarity - similarity.max(-1, keepdims=True))
    weights = masses / masses.sum(-1, keepdims=True)
    combined = np.concatenate([z, weights @ effective, hidden], axis=-1)
    hidden = np.maximum(np.maximum(combined @ ki + bi, 0) @ ko + bo, 0)
    update = np.einsum("bi,bj->bij", weights, z).mean(axis=0)
    trace = np.clip(trace * 0.95 + 0.05 * update, -0.1, 0.1)
    return norm(hidden, g2, b2), trace


def loaded(kind):
    layer = kind(3, 4, slots=5, rng=torch.Generator()).double()
    load_keras_weights(layer, keras_arrays())
    return layer


def test_given_weights_and_states_the_cell_gives_the_published_outputs():
    cell, layer = loaded(EngramCell), loaded(PublishedEngram)
    inputs, hidden, trace = drawn(0, 6, 9, 3), drawn(1, 6, 4), 0.1 * drawn(2, 5, 4)
    ours, expected = (hidden, trace), (hidden.numpy(), trace.numpy())
    outputs, state = layer(inputs, ours)
    for t in range(9):
        ours = cell(inputs[:, t], ours)
        expected = keras_step(inputs[:, t].numpy(), *expected, keras_arrays())
        np.testing.assert_allclose(ours.hidden.detach(), expected[0], **CLOSE)
        np.testing.assert_allclose(ours.trace.detach(), expected[1], **CLOSE)
        torch.testing.assert_close(outputs[:, t], ours.hidden, **CLOSE)
    assert (ours.trace.abs() == 0.1).any()  # the clip took part
    torch.testing.assert_close(state.trace, ours.trace, **CLOSE)
    torch.testing.assert_close(state.hidden, ours.hidden, **CLOSE)


def test_the_layer_has_all_gradients_of_the_readable_form():
    layer = loaded(PublishedEngram)
    gradients = []
    for fast in (True, False):
        inputs = drawn(0, 3, 8, 3).requires_grad_()
        state = [drawn(1, 3, 4).requires_grad_(), (0.1 * drawn(2, 5, 4)).requires_grad_()]
        if fast:
            outputs, (_, trace) = layer(inputs, tuple(state))
        else:
            cell = layer.cell
            ran = run_reference(inputs, *state, cell.weights, cell.settings)
            outputs, trace = ran.outputs, ran.trace
        loss = (outputs * drawn(3, 3, 8, 4)).sum() + (trace * drawn(4, 5, 4)).sum()
        gradients.append(torch.autograd.grad(loss, [inputs, *state, *layer.parameters()]))
    for ours, expected in zip(*gradients, strict=True):
        torch.testing.assert_close(ours, expected, **CLOSE)


def test_it_gives_what_the_published_package_gave_gradients_and_all():
    """Recorded from tensorflow-engram 0.1.0 by ``scripts/keras_engram.py``, noise and all."""
    arrays = load_file(Path(__file__).parent / "keras_engram.safetensors")
    of = {name: torch.from_numpy(array) for name, array in arrays.items()}
    cell = EngramCell(4, 8, slots=6, rng=torch.Generator())
    load_keras_weights(cell, [arrays[f"weight {i:02}"] for i in range(12)])
    assert (of["last trace"].abs() == 0.1).any()  # the clip took part
    for form in (run, run_reference):
        given = [of[name].clone().requires_grad_() for name in ("inputs", "hidden", "trace")]
        ran = form(*given, cell.weights, cell.settings, of["noise"])
        torch.testing.assert_close(ran.outputs, of["outputs"], rtol=0, atol=1e-5)
        torch.testing.assert_close(ran.trace, of["last trace"], rtol=0, atol=1e-6)
        loss = (ran.outputs * of["to outputs"]).sum() + (ran.trace * of["to trace"]).sum()
        learned = [cell.memory]
        for layer in (cell.encoder, cell.integrator, cell.output):
            learned += [layer.weight, layer.bias]
        for norm in (cell.encoder_norm, cell.output_norm):
            learned += [norm.weight, norm.bias]
        found = torch.autograd.grad(loss, [*given, *learned])
        names = [name for name in sorted(of) if name.startswith("gradient")]
        for ours, name in zip(found, names, strict=True):
            expected = of[name].T if name.endswith("kernel") else of[name]
            assert expected.abs().max() > 1
            torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-4)


def test_a_sequence_in_two_calls_is_the_sequence_in_one():
    layer = loaded(PublishedEngram)
    inputs = drawn(0, 3, 8, 3)
    whole, last = layer(inputs)
    first, state = layer(inputs[:, :5])
    second, state = layer(inputs[:, 5:], state)
    torch.testing.assert_close(torch.cat([first, second], dim=1), whole, **CLOSE)
    torch.testing.assert_close(state.trace, last.trace, **CLOSE)


def test_the_published_cell_depends_on_its_batch_neighbours():
    """What is wrong with it is kept: a test of the repaired layer claims the opposite."""
    layer = loaded(PublishedEngram)
    inputs = drawn(0, 6, 20, 3)
    together, alone = layer(inputs)[0][:1], layer(inputs[:1])[0]
    assert (together - alone).abs().max() > 1e-3


def test_noise_and_drawn_states_come_from_the_generator_alone():
    layer = loaded(PublishedEngram)
    inputs, before = drawn(0, 3, 8, 3), torch.get_rng_state()
    quiet = layer(inputs)[0]
    assert torch.equal(quiet, layer(inputs)[0])
    one, same, other = (layer(inputs, rng=generator(seed, "noise"))[0] for seed in (0, 0, 1))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one, quiet)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_noise_of_the_trace_is_as_published():
    """η times a thousandth, from a trace of zero and encodings that say nothing."""
    cell = EngramCell(3, 40, slots=50, rng=generator(0, "weights"))
    with torch.no_grad():
        cell.encoder_norm.weight.zero_()
    state = (torch.zeros(2, 40), torch.zeros(50, 40))
    trace = cell(torch.ones(2, 3), state, rng=generator(0, "noise")).trace
    assert float(trace.detach().std()) == pytest.approx(0.05 * 0.001, rel=0.05)


def test_a_new_cell_starts_as_published():
    cell = EngramCell(30, 200, slots=50, rng=generator(0, "weights"))
    assert float(cell.encoder.weight.detach().std()) == pytest.approx(math.sqrt(2 / 30), rel=0.05)
    assert float(cell.integrator.weight.detach().std()) == pytest.approx(
        math.sqrt(2 / 600), rel=0.05
    )
    assert float(cell.memory.detach().abs().max()) == pytest.approx(math.sqrt(6 / 250), rel=0.02)
    assert float(cell.initial_trace.abs().max()) == pytest.approx(0.01, rel=0.02)
    state = cell.first_state(300, rng=generator(0, "states"))
    for part in state:
        assert float(part.std()) == pytest.approx(0.01, rel=0.05)
    assert (cell.first_state(2).hidden == 0).all()
    assert torch.equal(cell.first_state(2).trace, cell.initial_trace)


def test_weights_are_copied_and_saved():
    arrays = keras_arrays()
    cell = EngramCell(3, 4, slots=5, rng=torch.Generator()).double()
    load_keras_weights(cell, arrays)
    arrays[0][:] = 0
    assert (cell.memory != 0).all()
    other = EngramCell(3, 4, slots=5, rng=torch.Generator()).double()
    other.load_state_dict(cell.state_dict())
    for name, value in other.state_dict().items():
        assert torch.equal(value, cell.state_dict()[name])
    assert "initial_trace" in cell.state_dict()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda arrays: arrays[:-1], r"12 arrays are needed \(memory, initial trace, .*got 11"),
        (lambda arrays: [arrays[0].T, *arrays[1:]], "memory of this cell is 5 × 4, got 4 × 5"),
        (
            lambda arrays: [*arrays[:4], arrays[4][:-1], *arrays[5:]],
            "integrator kernel of this cell is 12 × 12, got 11 × 12; make the cell with the sizes",
        ),
        (
            lambda arrays: [*arrays[:11], np.ones(5)],
            "second norm's β of this cell is 4, got 5",
        ),
    ],
)
def test_weights_that_do_not_fit_are_refused_and_change_nothing(change, says):
    cell = loaded(EngramCell)
    before = {name: value.clone() for name, value in cell.state_dict().items()}
    with pytest.raises(ShapeError, match=says):
        load_keras_weights(cell, change([2 * array for array in keras_arrays()]))
    for name, value in cell.state_dict().items():
        assert torch.equal(value, before[name])


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused():
    cell, layer = loaded(EngramCell), loaded(PublishedEngram)
    with pytest.raises(ShapeError, match="inputs must be batch × 3, got 2 × 4"):
        cell(torch.ones(2, 4))
    with pytest.raises(ShapeError, match="inputs must be batch × time × 3, got 2 × 3"):
        layer(torch.ones(2, 3))
    with pytest.raises(ShapeError, match="at least one step"):
        layer(torch.ones(2, 0, 3))
    with pytest.raises(ShapeError, match="hidden state must be 2 × 4 for these inputs, got 3 × 4"):
        cell(torch.ones(2, 3), (torch.ones(3, 4), torch.ones(5, 4)))
    with pytest.raises(ShapeError, match="trace must be 5 × 4 for these inputs, got 2 × 5 × 4"):
        cell(torch.ones(2, 3), (torch.ones(2, 4), torch.ones(2, 5, 4)))
    with pytest.raises(ConfigError, match="compat must be 'tensorflow-engram', got 'keras'"):
        EngramCell(3, 4, compat="keras", rng=torch.Generator())
    with pytest.raises(ConfigError, match="slots must be at least 1, got 0"):
        PublishedEngram(3, 4, slots=0, rng=torch.Generator())
    with pytest.raises(ConfigError, match="temperature must be a number above 0"):
        PublishedEngram(3, 4, temperature=0.0, rng=torch.Generator())
