import json
from dataclasses import dataclass, replace

import numpy as np
import pytest
from matplotlib.figure import Figure

from mnemic.errors import ConfigError
from mnemic.reproduce import Doing, Expected, Result, reproduce, write_index


@dataclass(frozen=True, kw_only=True)
class Config:
    size: int


class InterruptedHereError(Exception):
    pass


def drained(steps):
    """All that is yielded, and what is returned."""
    said = []
    while True:
        try:
            said.append(next(steps))
        except StopIteration as ended:
            return said, ended.value


def made(*, least=0.0, computed=None, stop_at=None):
    """A result that counts how often each seed is computed."""
    computed = [] if computed is None else computed

    def load(config, seed):
        return {"numbers": np.arange(config.size) + seed}

    def compute(config, data, seed, workshop):
        yield Doing("adding", 0, 1)
        if seed == stop_at:
            raise InterruptedHereError
        computed.append(seed)
        return {"sum": float(data["numbers"].sum()), "curve": [float(seed), 1.0]}

    def figure(numbers):
        drawing = Figure()
        drawing.add_subplot().plot(numbers["curve"]["mean"])
        return drawing

    return Result(
        name="test/sum",
        paper="a paper",
        figure="figure 0",
        claim="Numbers add up.",
        expected=(Expected(what="the sum", number=("sum",), at_least=least, source="arithmetic"),),
        scales={"toy": Config(size=3), "small": Config(size=4)},
        load=load,
        compute=compute,
        figures={"curve": figure},
    )


def test_a_record_holds_all_that_is_needed_to_judge_and_repeat_it(tmp_path):
    _, record = drained(reproduce(made(), tmp_path, scale="small", seeds=(0, 1)))
    assert record == json.loads((tmp_path / "test-sum.json").read_text())
    assert record["numbers"]["sum"]["by seed"] == [6.0, 10.0]
    assert record["config"] == {"size": 4}
    assert record["seeds"] == [0, 1]
    assert set(record["data"]) == {"0", "1"}
    assert {"mnemic", "torch", "numpy", "python"} <= set(record["versions"])
    assert record["verdicts"][0]["met"]


@pytest.mark.parametrize(("least", "met"), [(8.0, True), (8.1, False)])
def test_a_verdict_goes_by_the_mean_over_seeds(tmp_path, least, met):
    _, record = drained(reproduce(made(least=least), tmp_path, scale="small", seeds=(0, 1)))
    assert record["verdicts"][0]["met"] is met


@pytest.mark.parametrize(("judged", "met"), [("low", False), ("mean", False), ("high", True)])
def test_a_verdict_goes_by_the_end_of_the_interval_that_is_named(tmp_path, judged, met):
    expected = Expected(what="s", number=("sum",), at_least=9.0, source="", judged=judged)
    result = replace(made(), expected=(expected,))
    _, record = drained(reproduce(result, tmp_path, scale="small", seeds=(0, 1)))
    found = record["verdicts"][0]  # 6 and 10: 8, and an interval far wider
    assert found["found"]["low"] < 8.0 < 9.0 < found["found"]["high"]
    assert found["met"] is met
    assert ("end of the interval" in found["expected"]) == (judged != "mean")


def test_a_toy_is_not_judged(tmp_path):
    _, record = drained(reproduce(made(), tmp_path, scale="toy", seeds=(0,)))
    assert record["verdicts"][0]["met"] is None
    page = write_index(tmp_path).read_text()
    assert "not judged" in page
    assert "Toy size" in page


def test_a_seed_that_was_computed_is_not_computed_again(tmp_path):
    computed = []
    result = made(computed=computed)
    drained(reproduce(result, tmp_path, scale="toy", seeds=(0, 1)))
    drained(reproduce(result, tmp_path, scale="toy", seeds=(0, 1, 2)))
    assert computed == [0, 1, 2]


def test_another_scale_is_other_work(tmp_path):
    computed = []
    result = made(computed=computed)
    drained(reproduce(result, tmp_path, scale="toy", seeds=(0,)))
    _, record = drained(reproduce(result, tmp_path, scale="small", seeds=(0,)))
    assert computed == [0, 0]
    assert record["numbers"]["sum"]["mean"] == 6.0


def test_what_was_interrupted_goes_on_at_the_seed_it_was_at(tmp_path):
    computed = []
    with pytest.raises(InterruptedHereError):
        drained(reproduce(made(computed=computed, stop_at=1), tmp_path, scale="toy", seeds=(0, 1)))
    drained(reproduce(made(computed=computed), tmp_path, scale="toy", seeds=(0, 1)))
    assert computed == [0, 1]


def test_what_is_cut_short_on_disk_is_computed_again(tmp_path):
    computed = []
    result = made(computed=computed)
    drained(reproduce(result, tmp_path, scale="toy", seeds=(0,)))
    (kept,) = (tmp_path / "workshop").glob("seed-*.json")
    kept.write_text(kept.read_text()[:5])
    drained(reproduce(result, tmp_path, scale="toy", seeds=(0,)))
    assert computed == [0, 0]


def test_progress_names_the_seed_and_what_is_done(tmp_path):
    said, _ = drained(reproduce(made(), tmp_path, scale="toy", seeds=(5,)))
    assert said == [Doing("seed 5: adding", 0, 1)]


def test_figures_are_drawn_as_pixels_and_as_vectors(tmp_path):
    drained(reproduce(made(), tmp_path, scale="toy", seeds=(0,)))
    assert (tmp_path / "test-sum-curve.png").read_bytes().startswith(b"\x89PNG")
    assert "<svg" in (tmp_path / "test-sum-curve.svg").read_text()


def test_the_page_shows_claim_figure_published_value_ours_and_verdict(tmp_path):
    drained(reproduce(made(least=100.0), tmp_path, scale="small", seeds=(0, 1)))
    page = write_index(tmp_path).read_text()
    for said in ("Numbers add up.", "test-sum-curve.png", "8 [", "≥ 100", "not as expected"):
        assert said in page


def test_a_scale_it_does_not_have_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="toy, small"):
        drained(reproduce(made(), tmp_path, scale="paper"))


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_seeds_must_be_some_and_different(tmp_path, seeds):
    with pytest.raises(ConfigError, match="seeds"):
        drained(reproduce(made(), tmp_path, scale="toy", seeds=seeds))


def test_an_expectation_needs_a_bound():
    with pytest.raises(ConfigError, match="bound"):
        Expected(what="anything", number=("sum",), source="nowhere")


@pytest.mark.parametrize(
    ("bounds", "text", "within", "without"),
    [
        ({"at_least": 1.0}, "≥ 1", 1.0, 0.9),
        ({"at_most": 1.0}, "≤ 1", 1.0, 1.1),
        ({"at_least": 0.0, "at_most": 1.0}, "0 … 1", 0.5, float("nan")),
    ],
)
def test_an_expectation_says_its_bounds_and_keeps_them(bounds, text, within, without):
    expected = Expected(what="x", number=("x",), source="here", **bounds)
    assert str(expected) == text
    assert expected.met(within)
    assert not expected.met(without)
