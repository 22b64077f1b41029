"""The benchmarks at toy size: they run, and their index hides nothing."""

import json
import math
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def toy(tmp_path_factory):
    """What the command writes at toy size, all measurements together."""
    out = tmp_path_factory.mktemp("benchmarks")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--quick", "--out", str(out)],
        cwd=ROOT,
        env=os.environ | {"OMP_NUM_THREADS": "1"},  # toys are slower on several
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return out


@dataclass(frozen=True)
class Scale:
    """How much of nothing to measure."""

    seed: int = 0


def leaves(numbers):
    if isinstance(numbers, dict):
        for value in numbers.values():
            yield from leaves(value)
    elif isinstance(numbers, list):
        for value in numbers:
            yield from leaves(value)
    else:
        yield numbers


def counted(value):
    """A measurement of a made-up number that must be at least 0.9."""
    registry = import_module("benchmarks.registry")

    def measure(scale):
        if isinstance(value, Exception):
            raise value
        return {"share": value}

    must = registry.Must(claim="most | of it", number=("share",), at_least=0.9, source="a guess")
    return registry.Measurement(
        name="made_up",
        claim="It counts.",
        musts=(must,),
        measure=measure,
        full=Scale(),
        quick=Scale(),
    )


def test_every_measurement_runs_and_writes_finite_numbers(toy):
    names = set(import_module("benchmarks.registry").measurements())
    assert names >= {"recall_exact", "verdict", "replay", "remember", "large", "million"}
    assert {file.stem for file in toy.glob("*.json")} == names
    for name in names:
        record = json.loads((toy / f"{name}.json").read_text())
        found = [leaf for leaf in leaves(record["numbers"]) if not isinstance(leaf, (str, bool))]
        assert found
        assert all(isinstance(leaf, (int, float)) and math.isfinite(leaf) for leaf in found)
        assert record["error"] is None
        assert record["config"]
        assert record["machine"]["cores"] >= 1
        assert set(record["versions"]) >= {"mnemic", "torch", "numpy", "python"}
        assert record["seconds"] > 0


def test_the_index_has_a_row_for_every_bound_that_says_whether_it_is_met(toy):
    rows = [line for line in (toy / "index.md").read_text().splitlines() if "(toy size)" in line]
    musts = [
        must
        for file in sorted(toy.glob("*.json"))
        for must in json.loads(file.read_text())["musts"]
    ]
    assert len(rows) == len(musts) > 0
    for row, must in zip(rows, musts, strict=True):
        assert must["claim"] in row
        assert f"| {must['must']} |" in row
        assert ("| met |" in row, "| **not met** |" in row) == (must["met"], not must["met"])


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0.9, "| 0.9 | met |"),
        (0.89, "| 0.89 | **not met** |"),
        (
            {"mean": 0.8, "low": 0.7, "high": 0.95, "by seed": [0.8]},
            "0.8 [0.7, 0.95] | **not met**",
        ),
        (math.nan, "| nothing | **not met** |"),
        (RuntimeError("the answer was wrong"), "| nothing | **not met** |"),
    ],
)
def test_a_miss_and_a_failure_are_shown(tmp_path, capsys, value, says):
    runner = import_module("benchmarks.runner")
    records = list(runner.run([counted(value)], tmp_path, quick=False))
    index = (tmp_path / "index.md").read_text()
    assert says in index
    assert "most \\| of it" in index
    if isinstance(value, Exception):
        assert records[0]["error"] == "RuntimeError: the answer was wrong"
        assert "**Failed: RuntimeError: the answer was wrong**" in index


def test_a_part_measured_anew_keeps_the_rest_of_the_index(tmp_path):
    runner = import_module("benchmarks.runner")
    for name in ("first", "second"):
        measurement = replace(counted(0.95), name=name)
        list(runner.run([measurement], tmp_path, quick=False))
    index = (tmp_path / "index.md").read_text()
    assert "[first](first.json)" in index
    assert "[second](second.json)" in index
    assert "2 of 2 bounds are met" in index


def test_a_bound_has_one_side():
    must = import_module("benchmarks.registry").Must
    with pytest.raises(ValueError, match="one bound"):
        must(claim="both", number=("x",), source="", at_least=0.0, at_most=1.0)
    with pytest.raises(ValueError, match="one bound"):
        must(claim="none", number=("x",), source="")


def test_pictures_of_a_large_memory_are_all_different():
    data = import_module("benchmarks.data")
    distinct = len(data.clothes().images)
    images = data.many(distinct + 500)  # some that are moved
    assert len({image.tobytes() for image in images}) == distinct + 500


def test_what_is_held_out_is_not_stored():
    data = import_module("benchmarks.data")
    stored, held_out = data.drawn(2000, 500, seed=3)
    assert not {i.tobytes() for i in stored.images} & {i.tobytes() for i in held_out.images}


def test_replay_that_misstates_its_coverage_is_refused(monkeypatch):
    replay = import_module("benchmarks.replay")
    honest = replay.EpisodicMemory.replay

    def boasting(self, count, **options):
        return honest(self, count, **options)._replace(coverage=1.5)

    monkeypatch.setattr(replay.EpisodicMemory, "replay", boasting)
    with pytest.raises(import_module("benchmarks.registry").WrongAnswerError, match="cover"):
        replay.measure(replay.Scale(stored=20, seeds=(0,)))


def test_a_memory_that_forgets_is_not_timed(monkeypatch):
    remember = import_module("benchmarks.remember")
    honest = remember.Memory.recall

    def confused(self, *, image):
        return honest(self, image=255 - image)

    monkeypatch.setattr(remember.Memory, "recall", confused)
    with pytest.raises(import_module("benchmarks.registry").WrongAnswerError, match="picture"):
        remember.timed(stored=40, singles=2, repeats=1, seed=0)


@pytest.mark.parametrize(
    ("function", "says"), [("opened", "does not hold"), ("recalled", "was not recalled")]
)
def test_a_large_memory_that_answers_wrongly_is_not_timed(tmp_path, function, says):
    large, fresh = import_module("benchmarks.large"), import_module("benchmarks.fresh")
    images = import_module("benchmarks.data").clothes().images[:30]
    ids = large.written(tmp_path / "memory", images)
    known = np.ones((28, 28), np.bool_)
    np.savez(tmp_path / "cues.npz", images=images[:2], ids=ids[1::-1], known=known)
    where = {"path": str(tmp_path / "memory"), "cues": str(tmp_path / "cues.npz")}
    with pytest.raises(fresh.FreshProcessError, match=rf"large_probe\.{function}: .*{says}"):
        fresh.in_fresh_process("large_probe", function, **where, stored=len(images))


def test_the_peak_of_a_fresh_process_is_its_own(monkeypatch):
    fresh = import_module("benchmarks.fresh")
    monkeypatch.setenv("OPENBLAS_CORETYPE", "nothing such")
    ballast = bytearray(b"1") * 300_000_000
    peak = fresh.in_fresh_process("fresh", "peak_memory")
    assert peak < 100_000_000 < len(ballast)


def test_a_layer_that_is_not_what_it_is_defined_to_be_is_not_timed(monkeypatch):
    engram = import_module("benchmarks.engram")
    honest = engram.engram_reference

    def other(inputs, *given, **how):
        return honest(inputs.flip(1), *given, **how)

    monkeypatch.setattr(engram, "engram_reference", other)
    with pytest.raises(import_module("benchmarks.registry").WrongAnswerError, match="an output"):
        engram.measure(engram.MEASUREMENT.quick)


@pytest.mark.parametrize("hits", [[5, 3], [0, 0], [20, 20]])
def test_an_interval_holds_its_mean_and_is_wider_than_nothing(hits):
    share = import_module("benchmarks.statistics").share(hits, 20)
    assert 0 <= share["low"] <= share["mean"] <= share["high"] <= 1
    assert share["low"] < share["high"]
    assert share["by seed"] == [hit / 20 for hit in hits]


def test_the_interval_over_seeds_is_students():
    stats = import_module("scipy.stats")
    values = [0.5, 0.7, 0.9]
    low, high = stats.t.interval(0.95, 2, loc=0.7, scale=stats.sem(values))
    found = import_module("benchmarks.statistics").over_seeds(values)
    assert found["low"] == pytest.approx(max(0.0, low))
    assert found["high"] == pytest.approx(high)
