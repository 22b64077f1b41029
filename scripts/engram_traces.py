"""Teach an Engram layer to recall, look inside, and draw what is there.

``python scripts/engram_traces.py`` takes a minute or two of processor time and writes
``docs/figures/engram-*.png`` with ``docs/figures/engram-traces.json``, from which they are drawn.
"""

import json
from pathlib import Path

import torch

from mnemic.nn import TraceRecorder
from mnemic.nn.recorder import TraceRecord
from mnemic.nn.traces import answer_numbers, over_training, trace_numbers
from mnemic.plots import save, traces
from mnemic.randomness import generator
from mnemic.reproduce.memory_tasks import NOT_ASKED, AssociativeRecall
from mnemic.reproduce.sequence_models import SequenceModel
from mnemic.reproduce.sequence_training import accuracy, train

FIGURES = Path(__file__).parent.parent / "docs" / "figures"
TASK = AssociativeRecall(pairs=8, keys=24, values=24, fillers=8, kinds_of_filler=4)
STEPS, BATCH, EVERY = 500, 32, 5


def name(token: int) -> str:
    """A token as it is drawn: a key, a value in upper case, or a filler."""
    if token < TASK.keys:
        return chr(ord("a") + token)
    if token < TASK.keys + TASK.values:
        return chr(ord("A") + token - TASK.keys)
    return "·"


def main() -> None:
    """Teach, ask, write numbers, draw."""
    torch.set_num_threads(1)
    model = SequenceModel(
        "Engram",
        features=32,
        width=48,
        classes=TASK.classes,
        words=TASK.words,
        rng=generator(0, "weights"),
        slots=32,
    )
    with TraceRecorder(model, keep=0, every=EVERY) as training:
        for _ in train(
            model,
            lambda rng: TASK.draw(BATCH, rng=rng),
            steps=STEPS,
            rate=5e-3,
            rng=generator(0, "draws"),
            what="Engram",
        ):
            pass
    model.eval()
    asked = TASK.draw(256, rng=generator(0, "asked"))
    right = accuracy(model, asked)
    model.layer.use_trace = False
    without = accuracy(model, asked)
    model.layer.use_trace = True
    with torch.no_grad(), TraceRecorder(model) as recorder:
        model(asked.inputs[:1], asked.answers[:1] != NOT_ASKED)
    record = recorder.records[0]
    assert isinstance(record, TraceRecord)
    steps = [name(token) for token in asked.inputs[0].tolist()]
    numbers = {
        "accuracy": right,
        "accuracy, trace off": without,
        "training": over_training(training.statistics),
        "sequence": trace_numbers(record, 0, steps),
        "answer": answer_numbers(record, 0, len(steps) - 1, steps),
    }
    (FIGURES / "engram-traces.json").write_text(json.dumps(numbers, ensure_ascii=False) + "\n")
    for which, figure in {
        "training": traces.statistics_over_training(numbers["training"]),
        "traces": traces.trace_maps(numbers["sequence"]),
        "addresses": traces.address_rasters(numbers["sequence"]),
        "answer": traces.which_memory_answered(numbers["answer"]),
    }.items():
        save(figure, FIGURES / f"engram-{which}.png")
    print(f"right: {right:.3f}; with the trace off: {without:.3f}")


if __name__ == "__main__":
    main()
