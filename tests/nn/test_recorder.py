"""What a recorder says went on, against what went on."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.rnn import pack_sequence

from mnemic.errors import ConfigError, CueError
from mnemic.nn.engram import Engram
from mnemic.nn.engram_models import EngramClassifier
from mnemic.nn.engram_published import PublishedEngram
from mnemic.nn.recorder import PublishedRecord, TraceRecord, TraceRecorder
from mnemic.nn.traces import answer_numbers, over_training, trace_numbers
from mnemic.plots import save, traces
from mnemic.randomness import generator

CLOSE = {"rtol": 1e-10, "atol": 1e-10}


def drawn(seed, *shape):
    return torch.randn(shape, generator=generator(seed, str(shape)), dtype=torch.float64)


def made(seed=0, **how):
    how = {"slots": 10, "k": 3, "chunk": 4, "segment": 6, **how}
    layer = Engram(3, 6, rng=generator(seed, "weights"), **how).double()
    with torch.no_grad():
        for name, parameter in layer.named_parameters():
            parameter += 0.3 * torch.randn(parameter.shape, generator=generator(seed, name))
    return layer


def recorded(layer, *given, **how):
    with TraceRecorder(layer) as recorder:
        layer(*given, **how)
    return recorder.records


@pytest.mark.parametrize("rule", ["delta", "hebb"])
def test_the_trace_of_any_step_is_the_state_that_was_carried_there(rule):
    layer, inputs = made(rule=rule, num_layers=2), drawn(0, 3, 11, 3)
    _, before = layer(drawn(1, 3, 4, 3))
    records = recorded(layer, inputs, before)
    assert [record.layer for record in records] == [0, 1]
    for time in (0, 1, 5, 10):
        state = layer(inputs[:, :time], before)[1] if time else before
        for record in records:
            torch.testing.assert_close(record.trace(time), state.trace[record.layer], **CLOSE)


def test_addresses_and_gates_are_in_the_order_of_the_input_and_zero_where_it_was_padding():
    layer = made(bidirectional=True)
    inputs = drawn(0, 2, 7, 3)
    known = torch.ones(2, 7, dtype=torch.bool)
    known[0, [1, 2, 6]] = False
    records = recorded(layer, inputs, known=known)
    alone = recorded(layer, inputs[0, known[0]][None])
    for record, other in zip(records, alone, strict=True):
        assert record.backward == other.backward
        for part in (
            "read_addresses",
            "write_addresses",
            "read_strength",
            "write_strength",
            "kept",
            "sparsity",
        ):
            ours, expected = getattr(record, part), getattr(other, part)
            assert (ours[0, ~known[0]] == 0).all()
            torch.testing.assert_close(ours[0, known[0]], expected[0], **CLOSE)
        there = known.nonzero()[known.nonzero()[:, 0] == 0, 1].tolist()
        for short, time in enumerate(there):
            torch.testing.assert_close(record.trace(time)[0], other.trace(short)[0], **CLOSE)
        assert (record.trace(1)[0] == 0).all()
        with pytest.raises(CueError, match="step 1 of sequence 0 is padding"):
            record.answer(0, 1)


def test_sparsity_is_the_entropy_of_addresses_over_that_of_an_even_one():
    record = recorded(made(addressing="softmax"), drawn(0, 2, 5, 3))[0]
    share = record.read_addresses
    torch.testing.assert_close(share.sum(dim=-1), torch.ones(2, 5).double())
    expected = -(share * share.log()).sum(dim=-1) / math.log(10)
    torch.testing.assert_close(record.sparsity, expected, **CLOSE)
    few = recorded(made(), drawn(0, 2, 5, 3))[0]
    assert (few.read_addresses > 0).sum(dim=-1).eq(3).all()
    assert (few.sparsity <= math.log(3) / math.log(10) + 1e-12).all()


@pytest.mark.parametrize("rule", ["delta", "hebb"])
@pytest.mark.parametrize("bidirectional", [False, True])
def test_an_answer_is_the_sum_of_what_the_inputs_wrote(rule, bidirectional):
    layer, inputs = made(rule=rule, bidirectional=bidirectional), drawn(0, 2, 9, 3)
    _, before = layer(drawn(1, 2, 4, 3))
    for record in recorded(layer, inputs, before):
        for time in (0, 4, 8):
            answer = record.answer(1, time)
            torch.testing.assert_close(
                answer.from_trace,
                record.read_strength[1, time]
                * (unit(record.read_addresses[1, time]) @ record.trace(time)[1]),
                **CLOSE,
            )
            assert float(answer.input_shares.sum()) + answer.start_share == pytest.approx(1.0)
            assert answer.input_shares.tolist() == sorted(
                answer.input_shares.tolist(), reverse=True
            )
            before_it = range(time + 1, 9) if record.backward else range(time)
            assert sorted(answer.inputs.tolist()) == list(before_it)
            assert len(answer.slots) == 3
            assert record.read_addresses[1, time, answer.slots[0]] == answer.slot_shares[0]
            bank = layer.units[int(record.backward)].bank.detach()
            torch.testing.assert_close(
                answer.from_bank, unit(record.read_addresses[1, time]) @ bank, **CLOSE
            )


def unit(share):
    return share / share.norm()


def answered(*which, rule="delta"):
    """The answer at the last of these words, by a layer that writes fully, one slot a word.

    Before the first of them it saw word 4 and had nothing in its trace.
    """
    how = {"k": 1, "write_bias": 9.0, "decay_bias": 30.0, "rule": rule}
    layer = Engram(5, 5, slots=5, rng=generator(0, "w"), **how)
    with torch.no_grad():
        layer.units[0].encoder.weight.copy_(torch.eye(5))
        layer.units[0].bank.copy_(torch.eye(5) - 0.2)

    def words(*some):
        return torch.nn.functional.one_hot(torch.tensor([some]), 5).float()

    _, state = layer(words(4))
    state = state._replace(trace=torch.zeros_like(state.trace))
    return recorded(layer, words(*which), state)[0].answer(0, len(which) - 1)


def test_the_input_that_wrote_the_memory_is_named():
    """Key 0, value 1, key 2, value 3, then key 0 again: the answer is of step 1."""
    answer = answered(0, 1, 2, 3, 0)
    assert answer.inputs[0] == 1
    assert answer.input_shares.tolist() == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-6)
    assert answer.slots.tolist() == [0]
    assert answer.slot_shares.tolist() == [1.0]


def test_an_input_that_was_replaced_gives_nothing():
    """Key 0 with value 1, then with value 3: by delta the answer is of the second alone."""
    shares = {}
    for rule in ("delta", "hebb"):
        answer = answered(0, 1, 2, 0, 3, 2, 0, rule=rule)
        shares[rule] = dict(zip(answer.inputs.tolist(), answer.input_shares.tolist(), strict=True))
    # the second took the first's value out again: what they wrote sums to the second's value
    assert shares["delta"][4] > 1.0 > 0.0 > shares["delta"][1]
    assert shares["delta"][4] + shares["delta"][1] == pytest.approx(1.0)
    assert shares["hebb"][1] == pytest.approx(shares["hebb"][4])


def test_it_finds_the_layers_of_any_model_and_records_only_while_it_lasts():
    model = nn.ModuleDict(
        {
            "classify": EngramClassifier(3, 2, 6, slots=8, rng=generator(0, "a")).double(),
            "old": PublishedEngram(3, 4, slots=5, rng=generator(0, "b")).double(),
        }
    )
    inputs = drawn(0, 2, 7, 3)
    with TraceRecorder(model) as recorder:
        expected = model["classify"](inputs)
        model["old"](inputs)
        model["classify"](inputs)
    names = [record.name for record in recorder.records]
    assert names == ["classify.engram", "old", "classify.engram"]
    assert torch.equal(model["classify"](inputs), expected)
    assert len(recorder.records) == 3
    assert not model["classify"].engram.observers
    assert not model["old"].observers
    assert isinstance(recorder.records[0], TraceRecord)


def test_it_stops_recording_when_something_fails():
    layer = made()
    with pytest.raises(KeyError), TraceRecorder(layer):
        raise KeyError
    assert not layer.observers


def test_recording_changes_no_output():
    layer, inputs = made(num_layers=2), drawn(0, 2, 20, 3)
    expected = layer(inputs)[0]
    with TraceRecorder(layer):
        assert torch.equal(layer(inputs)[0], expected)


def test_a_packed_batch_is_recorded_in_the_order_of_its_sequences():
    rows = [drawn(length, length, 3) for length in (2, 5, 3)]
    layer = made()
    record = recorded(layer, pack_sequence(rows, enforce_sorted=False))[0]
    for row, steps in enumerate(rows):
        alone = recorded(layer, steps)[0]
        torch.testing.assert_close(
            record.read_addresses[row, : len(steps)], alone.read_addresses[0], **CLOSE
        )


def test_the_published_layer_shows_its_one_trace():
    layer = PublishedEngram(3, 4, slots=5, rng=generator(0, "b")).double()
    inputs = drawn(0, 2, 7, 3)
    record = recorded(layer, inputs)[0]
    assert isinstance(record, PublishedRecord)
    for time in range(8):
        state = layer(inputs[:, :time])[1] if time else layer.cell.first_state(2)
        torch.testing.assert_close(record.trace(time), state.trace, **CLOSE)
    assert record.read_addresses.shape == (2, 7, 5)
    with pytest.raises(CueError, match="step 8 was asked for, of 7"):
        record.trace(8)


def test_published_addresses_are_nearly_even_and_ours_are_not():
    inputs = drawn(0, 4, 20, 3)
    old = PublishedEngram(3, 64, slots=64, rng=generator(0, "b")).double()
    ours = Engram(3, 64, slots=64, rng=generator(0, "b")).double()
    assert recorded(old, inputs)[0].sparsity.min() > 0.98
    assert recorded(ours, inputs)[0].sparsity.max() <= math.log(8) / math.log(64) + 1e-12


def test_what_was_not_recorded_cannot_be_asked_for():
    with pytest.raises(ConfigError, match="there is no Engram in this model"):
        TraceRecorder(nn.Linear(2, 2))
    record = recorded(made(), drawn(0, 2, 5, 3))[0]
    with pytest.raises(CueError, match="sequence 2, step 0 was asked for, of 2 sequences of 5"):
        record.answer(2, 0)
    with pytest.raises(CueError, match="step 5 was asked for"):
        record.trace(5)


class Writer:
    """Keeps what it is given, as a SummaryWriter of TensorBoard writes it."""

    def __init__(self):
        self.scalars, self.images = {}, {}

    def add_scalar(self, tag, scalar_value, global_step):
        self.scalars.setdefault(tag, {})[global_step] = scalar_value

    def add_image(self, tag, img_tensor, global_step, *, dataformats):
        assert dataformats == "HW"
        self.images[tag, global_step] = img_tensor


def test_statistics_are_those_of_the_records_call_by_call():
    layer = made(num_layers=2)
    known = torch.arange(9) < torch.tensor([[9], [4]])
    with TraceRecorder(nn.ModuleDict({"inner": layer})) as recorder:
        for call in range(3):
            layer(drawn(call, 2, 9, 3), known=known)
    assert [(one.call, one.layer) for one in recorder.statistics] == [
        (call, number) for call in range(3) for number in range(2)
    ]
    for one, record in zip(recorder.statistics, recorder.records, strict=True):
        assert one.name == "inner"
        assert one.sparsity == pytest.approx(float(record.sparsity[known].mean()))
        assert one.write == pytest.approx(float(record.write_strength[known].mean()))
        last = torch.stack([record.trace(8)[0], record.trace(3)[1]])
        assert one.trace == pytest.approx(float(last.square().mean().sqrt()))
        best = record.read_addresses[known].argmax(dim=-1)
        assert one.used == len(set(best.tolist())) / 10


def test_over_a_training_only_the_last_records_are_kept_and_some_calls_looked_at():
    layer = made()
    with TraceRecorder(layer, keep=2, every=3) as recorder:
        for call in range(10):
            layer(drawn(call, 1, 4, 3))
    assert [one.call for one in recorder.statistics] == [0, 3, 6, 9]
    assert [record.call for record in recorder.records] == [6, 9]
    assert over_training(recorder.statistics)["0"]["call"] == [0, 3, 6, 9]
    for wrong in ({"every": 0}, {"keep": -1}):
        with pytest.raises(ConfigError, match="every must be at least 1"):
            TraceRecorder(layer, **wrong)


def test_any_writer_gets_numbers_of_every_call_and_the_traces_that_are_kept():
    layer, published = made(), PublishedEngram(3, 6, slots=5, rng=generator(0, "weights"))
    model, writer = nn.ModuleDict({"ours": layer, "theirs": published}), Writer()
    with TraceRecorder(model, keep=2) as recorder:
        for call in range(3):
            layer(drawn(call, 2, 4, 3))
            published(drawn(call, 2, 4, 3).float())
    recorder.to_tensorboard(writer)
    assert list(writer.scalars["ours/0/sparsity"]) == [0, 1, 2]
    assert "ours/0/write" in writer.scalars
    assert "theirs/0/trace" in writer.scalars
    assert "theirs/0/write" not in writer.scalars  # it has no gate
    assert set(writer.images) == {("ours/0/last trace", 2), ("theirs/0/last trace", 2)}
    for image in writer.images.values():
        assert image.min() == 0
        assert image.max() == pytest.approx(1)


def test_numbers_of_a_sequence_say_what_was_written_where_and_survive_json():
    layer = made()
    record = recorded(layer, drawn(0, 2, 7, 3))[0]
    numbers = json.loads(json.dumps(trace_numbers(record, 1, list("abcdefg"))))
    wrote = record.write_addresses[1] * record.write_strength[1][:, None]
    torch.testing.assert_close(torch.tensor(numbers["wrote"]).double(), wrote, rtol=0, atol=1e-5)
    last = torch.tensor(numbers["last trace"]).double()
    torch.testing.assert_close(last, record.trace(6)[1], rtol=0, atol=1e-5)
    told = answer_numbers(record, 1, 6, list("abcdefg"), most=3)
    answer = record.answer(1, 6)
    assert told["asked"] == "g"
    assert len(told["inputs"]) == 3
    first = int(answer.inputs[0])
    assert told["inputs"][0] == [
        f"{first}: {'abcdefg'[first]}",
        pytest.approx(float(answer.input_shares[0]), abs=1e-5),
    ]
    assert list(told["slots"]) == [str(slot) for slot in answer.slots[:3].tolist()]


def test_figures_show_what_is_in_the_numbers(tmp_path):
    layer = made()
    with TraceRecorder(layer) as recorder:
        for call in range(3):
            layer(drawn(call, 2, 7, 3))
    numbers = trace_numbers(recorder.records[-1], 0, list("abcdefg"))
    maps = traces.trace_maps(numbers)
    shown = [axes.images[0].get_array() for axes in maps.axes[:3]]
    np.testing.assert_allclose(shown[2], np.array(shown[1]) - np.array(shown[0]), atol=1e-12)
    rasters = traces.address_rasters(numbers)
    np.testing.assert_allclose(rasters.axes[1].images[0].get_array(), np.array(numbers["read"]).T)
    training = traces.statistics_over_training(over_training(recorder.statistics))
    assert len(training.axes[0].lines[0].get_xdata()) == 3
    answered = traces.which_memory_answered(answer_numbers(recorder.records[-1], 0, 6))
    assert len(answered.axes[1].patches) == 6
    for name, figure in {"a": maps, "b": rasters, "c": training, "d": answered}.items():
        save(figure, tmp_path / f"{name}.png")
        assert (tmp_path / f"{name}.png").stat().st_size > 1000
