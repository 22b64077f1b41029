"""What a recorder saw as plain numbers: to be kept as JSON, drawn by ``plots.traces``, logged."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from mnemic.nn.recorder import Statistics, TraceRecord

Numbers = dict[str, Any]
DIGITS = 5


def over_training(statistics: Sequence[Statistics]) -> Numbers:
    """Of every layer, how each number went from call to call."""
    found: Numbers = {}
    for one in statistics:
        side = ", backward" if one.backward else ""
        of = found.setdefault(f"{one.name} {one.layer}{side}".strip(), {})
        for name, value in one._asdict().items():
            if value is not None and name not in ("name", "layer", "backward"):
                of.setdefault(name, []).append(round(value, DIGITS))
    return found


def trace_numbers(record: TraceRecord, row: int = 0, steps: Sequence[str] = ()) -> Numbers:
    """Of one sequence: the trace it began and ended with, its addresses, and who wrote what.

    ``steps`` are names of the steps of the input, to show with them. ``wrote`` is inputs × slots:
    each address written at, by how strongly it was.

    Raises:
        CueError: there is no such sequence.
    """
    read, write = record.read_addresses[row], record.write_addresses[row]
    strength = record.write_strength[row]
    return {
        "steps": list(steps),
        "first trace": _plain(record.trace(0)[row]),
        "last trace": _plain(record.trace(len(read) - 1)[row]),
        "read": _plain(read),
        "wrote": _plain(write * strength[:, None]),
        "read strength": _plain(record.read_strength[row]),
        "sparsity": _plain(record.sparsity[row]),
    }


def answer_numbers(
    record: TraceRecord, row: int, time: int, steps: Sequence[str] = (), most: int = 8
) -> Numbers:
    """Which memories answered at one step, and the inputs that had written them, greatest first.

    Raises:
        CueError: the sequence has no such step.
    """
    answer = record.answer(row, time)

    def name(step: int) -> str:
        return steps[step] if steps else str(step)

    return {
        "asked": name(time),
        "slots": {
            str(slot): _rounded(share)
            for slot, share in zip(
                answer.slots[:most].tolist(), answer.slot_shares[:most].tolist(), strict=True
            )
        },
        "inputs": [
            [f"{step}: {name(step)}", _rounded(share)]
            for step, share in zip(
                answer.inputs[:most].tolist(), answer.input_shares[:most].tolist(), strict=True
            )
        ],
        "before the sequence": _rounded(answer.start_share),
        "trace over bank": _rounded(float(answer.from_trace.norm() / answer.from_bank.norm())),
    }


def _plain(values: torch.Tensor) -> Any:
    return np.round(values.double().numpy(), DIGITS).tolist()


def _rounded(value: float) -> float:
    return round(float(value), DIGITS)
