"""Many patterns, one answer: how far it is from the definition is known, whatever the method."""

import os
import subprocess
import sys

import jaxtyping
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.errors import ConfigError, CueError, EmptyMemoryError, MnemicError, ShapeError
from mnemic.randomness import generator
from mnemic.search.attend import attend
from mnemic.search.index import Index

METHODS = ["dense", "certified", "auto"]
ERRORS = [1e-3, 1e-6, 1e-9]
KINDS = ["clustered", "isotropic", "duplicated", "identical", "unequal", "far"]
CUES = ["stored", "noisy", "noise", "mixed"]
KNOWN = ["dot", "whole", "part"]
MOST_MEMORY = 96  # MiB, beside patterns, index and answers
ROUNDING = 4 * 2.0**-23  # of the output to single precision, over the longest value


@pytest.fixture
def unchecked():
    """As users call it, without the shape checker of the tests, which would speak up first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def unit(rows):
    return torch.nn.functional.normalize(rows, dim=-1)


def patterns_of(kind, count, dim, rng):
    noise = torch.randn(count, dim, generator=rng)
    if kind == "isotropic":
        return unit(noise)
    if kind == "unequal":
        return unit(noise) * 10.0 ** (torch.rand(count, 1, generator=rng) * 6 - 3)
    if kind == "far":
        return 1000.0 + unit(noise)
    centres = unit(torch.randn(max(1, count // 60), dim, generator=rng))
    near = centres[torch.randint(len(centres), (count,), generator=rng)]
    if kind == "duplicated":
        return near
    if kind == "identical":
        return near[:1].repeat(count, 1)
    return unit(near + 0.1 * noise)


def cues_of(kind, patterns, count, rng):
    picked = patterns[torch.randint(len(patterns), (count,), generator=rng)]
    noise = torch.randn(picked.shape, generator=rng)
    spread = (picked - patterns.mean(0)).norm(dim=-1, keepdim=True) / patterns.shape[1] ** 0.5
    if kind == "noise":
        return noise
    if kind == "mixed":
        return torch.where(torch.arange(count)[:, None] % 2 == 0, noise, picked)
    return picked if kind == "stored" else picked + 0.3 * spread * noise


def known_of(kind, cues, rng):
    if kind == "dot":
        return None
    if kind == "whole":
        return torch.ones_like(cues, dtype=torch.bool)
    known = torch.rand(cues.shape, generator=rng) < 0.6
    known[:, 0] = True
    return known


def scores_of(cues, patterns, beta, known=None):
    """The logits by their definition, in more than double precision where there is any."""
    cues, patterns = (part.float().numpy().astype(np.longdouble) for part in (cues, patterns))
    beta = np.broadcast_to(np.asarray(beta, np.longdouble), len(cues))[:, None]
    if known is None:
        return beta * (cues @ patterns.T)
    distances = [
        ((cue[mask] - patterns[:, mask]) ** 2).mean(1)
        for cue, mask in zip(cues, known.numpy(), strict=True)
    ]
    return -beta / 2 * np.stack(distances)


def softmax(scores):
    weights = np.exp(scores - scores.max(1, keepdims=True))
    return weights / weights.sum(1, keepdims=True)


def diameter(values):
    """No more than the distance of the two values farthest apart."""
    values = values.double()
    farthest = [(values - values[0]).norm(dim=-1)]
    for _ in range(3):
        farthest.append((values - values[farthest[-1].argmax()]).norm(dim=-1))
    return float(torch.stack(farthest).max())


def check(found, cues, patterns, values, beta, known, error, top=8):
    """Output, bound, ids and weights against the definition; returns the weights by it."""
    weights = softmax(scores_of(cues, patterns, beta, known))
    mean = weights @ values.double().numpy()
    away = np.sqrt(((found.output.double().numpy() - mean) ** 2).sum(1)).astype(float)
    bound = found.bound.numpy()
    allowed = bound * diameter(values) + ROUNDING * float(values.double().norm(dim=-1).max())
    assert (away <= allowed).all(), (found.method, away, allowed)
    assert ((bound >= 0) & (bound <= 1)).all()
    if found.method == "certified":
        assert (bound <= error).all()
    check_ids(found, weights, bound, top)
    return weights


def check_ids(found, weights, bound, top):
    ids, claimed = found.ids.numpy(), found.weights.double().numpy()
    assert ids.shape == claimed.shape == (len(weights), min(top, weights.shape[1]))
    slack = bound[:, None] + 1e-6  # as far as rounding scores, and leaving some out, can move one
    for row, weight in zip(ids, claimed, strict=True):
        named = row[row >= 0]
        assert len(set(named.tolist())) == len(named)
        assert (row[len(named) :] == -1).all()
        assert (weight[len(named) :] == 0).all()
        assert (np.diff(weight) <= 0).all()
    true = np.where(ids >= 0, np.take_along_axis(weights, ids.clip(0), 1), 0.0)
    assert (claimed.sum(1) <= 1 + slack[:, 0]).all()
    assert (abs(claimed - true) <= slack).all()
    best = -np.sort(-weights, axis=1)[:, : ids.shape[1]]
    assert (abs(claimed - best) <= slack).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.sampled_from([1, 17, 700, 3000, 9000]),
    dim=st.integers(8, 96),
    batch=st.integers(1, 6),
    kind=st.sampled_from(KINDS),
    cue=st.sampled_from(CUES),
    compared=st.sampled_from(KNOWN),
    beta=st.floats(0, 3.4771).map(lambda power: 10.0**power),
    betas=st.booleans(),
    carried=st.sampled_from([None, "isotropic", "far", "unequal", "identical"]),
    method=st.sampled_from(METHODS),
    error=st.sampled_from(ERRORS),
)
def test_no_answer_is_farther_from_the_definition_than_its_bound(
    seed, count, dim, batch, kind, cue, compared, beta, betas, carried, method, error
):
    rng = generator(seed, "attend")
    patterns = patterns_of(kind, count, dim, rng)
    cues = cues_of(cue, patterns, batch, rng)
    known = known_of(compared, cues, rng)
    values = patterns if carried is None else patterns_of(carried, count, 5, rng)
    if betas:
        beta = beta ** torch.rand(batch, generator=rng)
    options = {"beta": beta, "known": known, "error": error, "method": method}
    found = attend(cues, patterns, None if carried is None else values, **options)
    check(found, cues, patterns, values, beta, known, error)


@pytest.mark.parametrize("compared", KNOWN)
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("kind", "beta"), [("clustered", 1000.0), ("isotropic", 300.0)])
def test_among_many_patterns_too(kind, beta, method, compared, rng):
    patterns = patterns_of(kind, 40_000, 32, rng)
    beta = beta if compared == "dot" else 32 * beta
    cues = cues_of("noisy", patterns, 6, rng)
    known = known_of(compared, cues, rng)
    found = attend(cues, patterns, beta=beta, known=known, method=method)
    check(found, cues, patterns, patterns, beta, known, 1e-3)
    assert found.method == ("dense" if method == "dense" else "certified")


@pytest.mark.parametrize("error", ERRORS)
@pytest.mark.parametrize("compared", KNOWN)
@pytest.mark.parametrize("batch", [1, 3, 4, 60])
def test_a_certified_bound_is_what_was_asked_for(batch, compared, error, rng):
    patterns = patterns_of("clustered", 9000, 24, rng)
    cues = cues_of("noisy", patterns, batch, rng)
    known = known_of(compared, cues, rng)
    beta = 300.0 if compared == "dot" else 300.0 * 24
    found = attend(cues, patterns, beta=beta, known=known, error=error, method="certified")
    assert found.method == "certified"
    assert (found.bound <= error).all()
    check(found, cues, patterns, patterns, beta, known, error)


@pytest.mark.parametrize("count", [9000, 40_000])
@pytest.mark.parametrize("error", ERRORS)
def test_a_sharp_cue_takes_nothing_from_a_blunt_one(count, error, rng):
    """Their sums differ by many orders of magnitude, and stand in one column."""
    centres = unit(torch.randn(count // 400, 64, generator=rng))
    near = centres[torch.randint(len(centres), (count,), generator=rng)]
    patterns = unit(near + 0.03 * torch.randn(count, 64, generator=rng))
    cues = cues_of("noisy", patterns, 8, rng)
    for sharp in (3e3, 8e3, 1e6):
        beta = torch.tensor([sharp, 100.0] * 4)
        options = {"beta": beta, "error": error}
        found = attend(cues, patterns, **options, method="certified")
        check(found, cues, patterns, patterns, beta, None, error)


@pytest.mark.parametrize("spread", [0.003, 0.01, 0.03])
@pytest.mark.parametrize("dim", [16, 64])
def test_what_looks_best_at_low_precision_need_not_be(dim, spread, rng):
    """Neighbours that eight bits cannot tell apart, and a softmax that can by e^1000."""
    centres = unit(torch.randn(225, dim, generator=rng)).repeat_interleave(40, 0)
    patterns = centres + spread * torch.randn(9000, dim, generator=rng)
    cues = patterns[:400:50]
    for power in range(4, 9):
        found = attend(cues, patterns, beta=10.0**power, method="certified")
        assert found.method == "certified"
        check(found, cues, patterns, patterns, 10.0**power, None, 1e-3)


def test_many_light_patterns_count_against_the_bound(rng):
    """Each weighs a billionth of the best, and there are thousands of them."""
    patterns = unit(torch.randn(1, 16, generator=rng)).repeat(20_000, 1)
    patterns[1:800] *= 1 - 21 / 100
    patterns[800:] *= -1
    values = torch.randn(20_000, 3, generator=rng)
    for error in ERRORS:
        options = {"beta": 100.0, "error": error, "method": "certified"}
        found = attend(patterns[:1], patterns, values, **options)
        assert found.method == "certified"
        check(found, patterns[:1], patterns, values, 100.0, None, error)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compared", ["dot", "whole", "part"])
def test_the_same_call_gives_the_same_bits(method, compared, rng):
    patterns = patterns_of("clustered", 9000, 24, rng)
    for batch in (1, 9):
        cues = cues_of("noisy", patterns, batch, rng)
        known = known_of(compared, cues, rng)
        first, second = (
            attend(cues, patterns, beta=300.0, known=known, method=method) for _ in range(2)
        )
        assert first.method == second.method
        for a, b in zip(first[:4], second[:4], strict=True):
            assert torch.equal(a, b)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compared", ["dot", "whole", "part"])
def test_a_cue_ignores_its_batch_neighbours_but_for_the_bound(method, compared, rng):
    patterns = patterns_of("clustered", 9000, 24, rng)
    cues = torch.cat([cues_of(kind, patterns, 5, rng) for kind in CUES])
    known = known_of(compared, cues, rng)
    options = {"beta": 300.0 if compared == "dot" else 7200.0, "method": method}
    together = attend(cues, patterns, known=known, **options)
    across = diameter(patterns)
    for i in range(len(cues)):
        mine = None if known is None else known[i : i + 1]
        alone = attend(cues[i : i + 1], patterns, known=mine, **options)
        apart = float((alone.output - together.output[i]).norm())
        assert apart <= float(alone.bound + together.bound[i]) * across + 2 * ROUNDING


@pytest.mark.parametrize("batch", [1, 8])
def test_auto_is_dense_where_everything_matters_and_certified_where_little_does(batch, rng):
    patterns = patterns_of("isotropic", 20_000, 16, rng)
    cues = cues_of("noisy", patterns, batch, rng)
    assert attend(cues, patterns, beta=1.0).method == "dense"
    assert attend(cues, patterns, beta=1000.0).method == "certified"


@pytest.mark.parametrize("batch", [1, 8])
def test_certified_is_dense_after_all_where_everything_matters_and_says_so(batch, rng):
    patterns = patterns_of("isotropic", 20_000, 16, rng)
    cues = cues_of("noise", patterns, batch, rng)
    found = attend(cues, patterns, beta=0.1, method="certified")
    assert found.method == "dense"
    check(found, cues, patterns, patterns, 0.1, None, 1e-3)


def test_one_blunt_chunk_makes_the_answer_dense(rng, monkeypatch):
    monkeypatch.setattr("mnemic.search.certified.SCREENED", 9000)  # 8 cues at a time
    patterns = patterns_of("isotropic", 9000, 16, rng)
    cues = cues_of("noisy", patterns, 20, rng)
    beta = torch.full((20,), 1000.0)
    assert attend(cues, patterns, beta=beta, method="certified").method == "certified"
    beta[16:] = 0.1
    found = attend(cues, patterns, beta=beta, method="certified")
    assert found.method == "dense"
    check(found, cues, patterns, patterns, beta, None, 1e-3)


def test_a_removed_neighbour_never_answers(rng):
    patterns = patterns_of("isotropic", 9000, 16, rng)
    index, gone = Index.of(patterns), [3, 50, 8999]
    for method in METHODS:  # what speeds the search up exists by now
        attend(patterns[gone], index, beta=300.0, method=method)
    index.remove(gone)
    left = torch.tensor([i for i in range(9000) if i not in gone])
    assert sorted(index.patterns.ids.tolist()) == left.tolist()
    rows = index.patterns.rows
    for method in METHODS:
        found = attend(patterns[gone], index, beta=300.0, method=method)
        assert not set(found.ids.flatten().tolist()) & set(gone)
        row_of = {-1: -1} | {id: index.patterns.row_of(id) for id in index.patterns.ids.tolist()}
        found = found._replace(ids=found.ids.clone().apply_(row_of.get))
        check(found, patterns[gone], rows, rows, 300.0, None, 1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compared", KNOWN)
@pytest.mark.parametrize("silent", [[7], list(range(16)), list(range(0, 9000, 2))])
def test_a_silenced_pattern_never_answers(method, compared, silent, rng):
    patterns = patterns_of("isotropic", 9000, 16, rng)
    index = Index.of(patterns)
    index.patterns.silence(silent)
    cues = patterns[[7, 8, 100, 1001]]
    known = known_of(compared, cues, rng)
    beta = 300.0 if compared == "dot" else 4800.0
    found = attend(cues, index, beta=beta, known=known, method=method)
    assert not set(found.ids.flatten().tolist()) & set(silent)
    scores = scores_of(cues, patterns, beta, known)
    scores[:, silent] = -np.inf
    mean = torch.from_numpy((softmax(scores) @ patterns.double().numpy()).astype(float))
    away = (found.output.double() - mean).norm(dim=-1)
    assert (away <= found.bound * diameter(patterns) + ROUNDING).all()
    index.patterns.wake(silent)
    found = attend(cues, index, beta=beta, known=known, method=method)
    check(found, cues, patterns, patterns, beta, known, 1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("batch", [1, 5])
def test_a_mapped_file_answers_as_the_matrix_does(method, batch, tmp_path, rng):
    patterns = patterns_of("clustered", 9000, 24, rng)
    patterns.numpy().tofile(tmp_path / "patterns")
    mapped = np.memmap(tmp_path / "patterns", np.float32, mode="r", shape=(9000, 24))
    cues = cues_of("noisy", patterns, batch, rng)
    plain = attend(cues, patterns, beta=300.0, method=method)
    for values in (None, mapped):
        found = attend(cues, mapped, values, beta=300.0, method=method)
        assert found.method == plain.method
        assert torch.equal(found.output, plain.output)
        assert torch.equal(found.ids, plain.ids)
        check(found, cues, patterns, patterns, 300.0, None, 1e-3)
    assert not mapped.flags.writeable


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64, torch.uint8])
@pytest.mark.usefixtures("unchecked")
def test_patterns_of_any_number_type_answer(method, dtype, rng):
    patterns = patterns_of("isotropic", 9000, 16, rng)
    patterns = (patterns * 60 + 128 if dtype == torch.uint8 else patterns).to(dtype)
    cues = patterns[:4].float()
    beta = 0.1 if dtype == torch.uint8 else 500.0
    for batch in (1, 4):
        found = attend(cues[:batch], patterns, beta=beta, method=method)
        assert found.output.dtype == torch.float32
        check(found, cues[:batch], patterns, patterns.float(), beta, None, 1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compared", ["dot", "part"])
@pytest.mark.parametrize("batch", [1, 5])
def test_patterns_in_double_precision_are_taken_in_single(batch, compared, method, rng):
    """By every method alike: between two patterns, the digits that are lost decide."""
    patterns = unit(torch.randn(9000, 16, generator=rng, dtype=torch.double))
    cues = (patterns[:batch] + patterns[batch : 2 * batch]).float()
    known = known_of(compared, cues, rng)
    beta = 1e4 if compared == "dot" else 1e5
    options = {"beta": beta, "known": known, "error": 1e-9, "method": method}
    found = attend(cues, patterns, **options)
    check(found, cues, patterns, patterns, beta, known, 1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_the_layout_of_a_matrix_does_not_matter(method, rng):
    patterns = patterns_of("isotropic", 9000, 16, rng)
    cues = cues_of("noisy", patterns, 4, rng)
    columns = patterns.T.contiguous().T
    spread = torch.randn(9000, 32, generator=rng)
    spread[:, ::2] = patterns
    wide = torch.randn(4, 32, generator=rng)
    wide[:, ::2] = cues
    assert not columns.is_contiguous()
    for batch in (1, 4):
        for matrix in (columns, spread[:, ::2]):
            found = attend(wide[:batch, ::2], matrix, matrix, beta=300.0, method=method)
            check(found, cues[:batch], patterns, patterns, 300.0, None, 1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compared", KNOWN)
@pytest.mark.parametrize("power", [-6, -3, 0, 3, 6, 30, 40, 300])
def test_any_sharpness_has_a_finite_answer(method, compared, power, rng):
    patterns = patterns_of("isotropic", 9000, 16, rng)
    cues = cues_of("noisy", patterns, 4, rng)
    for batch in (1, 4):
        known = known_of(compared, cues[:batch], rng)
        beta = 10.0**power
        found = attend(cues[:batch], patterns, beta=beta, known=known, method=method)
        assert found.output.isfinite().all()
        check(found, cues[:batch], patterns, patterns, beta, known, 1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("compared", KNOWN)
@pytest.mark.parametrize("count", [1, 2, 16, 9000])
def test_patterns_of_nothing_but_zeros_answer_alike(method, compared, count, rng):
    patterns, values = torch.zeros(count, 8), torch.randn(count, 3, generator=rng)
    cues = torch.randn(4, 8, generator=rng)
    known = known_of(compared, cues, rng)
    found = attend(cues, patterns, values, beta=1e3, known=known, method=method)
    check(found, cues, patterns, values, 1e3, known, 1e-3)
    torch.testing.assert_close(found.output, values.mean(0).expand(4, -1))


@pytest.mark.parametrize("method", METHODS)
def test_no_cues_have_no_answers(method, rng):
    found = attend(torch.zeros(0, 8), torch.randn(9000, 8, generator=rng), beta=1.0, method=method)
    assert found.output.shape == (0, 8)
    assert found.ids.shape == (0, 8)


def test_numbers_that_are_not_known_may_be_anything(rng):
    patterns = patterns_of("isotropic", 9000, 16, rng)
    cues = cues_of("noisy", patterns, 4, rng)
    known = known_of("part", cues, rng)
    blank = torch.where(known, cues, torch.tensor([torch.nan, torch.inf]).repeat(8))
    for method in METHODS:
        found = attend(blank, patterns, beta=3000.0, known=known, method=method)
        check(found, cues, patterns, patterns, 3000.0, known, 1e-3)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("batch", [1, 4])
def test_a_number_that_is_not_finite_is_refused(method, number, batch, rng):
    patterns = patterns_of("isotropic", 9000, 16, rng)
    cues, spoilt = patterns[:batch].clone(), patterns.clone()
    spoilt[2, 3] = spoilt[5000, 7] = number
    for beta in (1.0, 300.0):
        with pytest.raises(CueError, match="a pattern holds NaN or infinity"):
            attend(cues, spoilt, beta=beta, method=method)
        with pytest.raises(CueError, match="a cue holds NaN or infinity"):
            attend(spoilt[2:3], patterns, beta=beta, method=method)
        with pytest.raises(CueError, match="a value holds NaN or infinity"):
            attend(spoilt[2:3].nan_to_num(0, 0, 0), patterns, spoilt, beta=beta, method=method)


@pytest.mark.parametrize(
    ("given", "error", "says"),
    [
        ({"patterns": torch.zeros(0, 4)}, EmptyMemoryError, "no patterns"),
        ({"patterns": np.zeros((0, 4), np.float32)}, EmptyMemoryError, "no patterns"),
        ({"patterns": Index(4)}, EmptyMemoryError, "no patterns"),
        ({"patterns": torch.zeros(4)}, ShapeError, r"patterns must be a matrix.*\(4,\)"),
        ({"patterns": np.zeros((2, 3, 4))}, ShapeError, r"patterns must be a matrix.*\(2, 3, 4\)"),
        ({"patterns": np.array([["a", "b"]])}, ShapeError, "patterns cannot be read as a matrix"),
        ({"patterns": torch.zeros(5, 3)}, ShapeError, r"\(2, 4\), but patterns have 3 features"),
        ({"cues": torch.zeros(4)}, ShapeError, r"cues have shape \(4,\).*4 features"),
        ({"cues": torch.zeros(1, 2, 4)}, ShapeError, "cues have shape"),
        ({"values": torch.zeros(4, 4)}, ShapeError, "5 patterns need as many values, got 4"),
        ({"values": torch.zeros(5)}, ShapeError, "values must be a matrix"),
        ({"known": torch.ones(2, 3).bool()}, ShapeError, r"known has shape \(2, 3\)"),
        ({"known": torch.ones(4).bool()}, ShapeError, r"known has shape \(4,\)"),
        ({"known": torch.zeros(2, 4).bool()}, CueError, "nothing is known of a cue"),
        ({"known": torch.tensor([[True] * 4, [False] * 4])}, CueError, "nothing is known"),
        ({"beta": torch.ones(3)}, ShapeError, "one a cue: 2, got 3"),
        ({"beta": torch.ones(2, 1)}, ShapeError, "one number, or one a cue"),
        ({"beta": 0.0}, ConfigError, "beta must be positive and finite, got 0.0"),
        ({"beta": -1.0}, ConfigError, "beta must be positive"),
        ({"beta": float("nan")}, ConfigError, "beta must be positive"),
        ({"beta": float("inf")}, ConfigError, "beta must be positive"),
        ({"beta": torch.tensor([1.0, 0.0])}, ConfigError, "beta must be positive"),
        ({"error": 0.0}, ConfigError, "error is a share.*got 0.0"),
        ({"error": 1.5}, ConfigError, "error is a share"),
        ({"error": float("nan")}, ConfigError, "error is a share"),
        ({"method": "exact"}, ConfigError, "one of auto, dense, certified, .*got 'exact'"),
        ({"method": "approximate"}, ConfigError, "an approximate search needs an Index"),
        ({"top": 0}, ConfigError, "top must be at least 1, got 0"),
        (
            {"patterns": Index.of(torch.eye(4)), "values": torch.eye(4)},
            ConfigError,
            "an Index holds its own values",
        ),
        (
            {
                "patterns": Index.of(torch.eye(4)),
                "method": "approximate",
                "known": torch.eye(2, 4).bool(),
            },
            ConfigError,
            "some of a cue are unknown; use method='auto'",
        ),
    ],
)
@pytest.mark.usefixtures("unchecked")
def test_what_makes_no_sense_is_refused_in_words(given, error, says):
    asked = {"cues": torch.zeros(2, 4), "patterns": torch.zeros(5, 4), "beta": 1.0} | given
    with pytest.raises(error, match=says) as raised:
        attend(**asked)
    assert isinstance(raised.value, MnemicError)


def test_silencing_everything_leaves_nothing_to_recall():
    index = Index.of(torch.eye(4))
    index.patterns.silence(range(4))
    for method in [*METHODS, "approximate"]:
        with pytest.raises(EmptyMemoryError, match=r"silence|may answer"):
            attend(torch.eye(4), index, beta=1.0, method=method)


def test_no_gradient_is_needed_or_left(rng):
    patterns = torch.nn.Parameter(torch.randn(9000, 8, generator=rng))
    cues, beta = patterns[:3], torch.full((3,), 30.0, requires_grad=True)
    for batch in (1, 3):
        for method in METHODS:
            found = attend(cues[:batch], patterns, beta=beta[:batch], method=method)
            assert not found.output.requires_grad
            asked = (cues[:batch].detach(), patterns.detach())
            check(found, *asked, patterns.detach(), beta[:batch].detach().numpy(), None, 1e-3)


def test_fewer_patterns_than_asked_for_are_named_once_each():
    found = attend(torch.eye(3)[:1], torch.eye(3), beta=1.0, top=8)
    assert sorted(found.ids[0].tolist()) == [0, 1, 2]
    assert found.ids[0, 0] == 0
    torch.testing.assert_close(found.weights.sum(), torch.tensor(1.0))


def test_what_weighs_nothing_is_not_named():
    found = attend(torch.eye(3)[:1], torch.eye(3), beta=1e4, top=3)
    assert found.ids.tolist() == [[0, -1, -1]]
    assert found.weights.tolist() == [[1.0, 0.0, 0.0]]


MEASURED = """
import ctypes, sys, torch
from pathlib import Path
from mnemic.search.attend import attend
from mnemic.search.index import Index

def status(name):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1024

compared, method, count, dim = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
rng = torch.Generator().manual_seed(0)
index = Index(dim)
index.patterns.reserve(count)
for _ in range(count // 200):  # clusters of 200, one after the other: all of one matter
    centre = torch.nn.functional.normalize(torch.randn(1, dim, generator=rng), dim=-1)
    index.add(centre + 0.1 * dim**-0.5 * torch.randn(200, dim, generator=rng))
rows = torch.randint(count, (1024,), generator=rng)
cues = index.patterns.rows[rows]
known = torch.rand(1024, dim, generator=rng) < 0.8 if compared == "part" else None
beta = 100.0 * (dim if compared == "part" else 1)
some = None if known is None else known[:8]
attend(cues[:8], index, beta=beta, known=some, method=method)
ctypes.CDLL(None).malloc_trim(0)
Path("/proc/self/clear_refs").write_text("5")  # the high-water mark begins here
before = status("VmRSS")
found = attend(cues, index, beta=beta, known=known, method=method)
assert found.method == method, found.method
print(status("VmHWM") - before)
"""


@pytest.mark.parametrize(
    "asked",
    [
        ("dot", "certified", 200_000, 64),
        ("part", "certified", 200_000, 64),
        ("dot", "dense", 100_000, 64),
        ("dot", "certified", 20_000, 784),
    ],
)
def test_a_thousand_cues_take_little_memory_beside_the_patterns(asked):
    """All scores of the largest at once would be 781 MiB."""
    command = [sys.executable, "-c", MEASURED, *map(str, asked)]
    given_back = os.environ | {"MALLOC_MMAP_THRESHOLD_": "65536"}  # at once, as it is freed
    done = subprocess.run(command, env=given_back, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < MOST_MEMORY


def test_values_longer_than_the_patterns_they_begin_as_count_in_full(rng):
    """Patterns may be the first columns of their values; the bound is that of the values."""
    values = torch.cat([torch.rand(300, 4, generator=rng), 1e6 + torch.rand(300, 4)], dim=1)
    cues = torch.rand(6, 4, generator=rng)
    apart = attend(cues, values[:, :4].clone(), values, beta=2.0, method="dense", error=1.0)
    shared = attend(cues, values[:, :4], values, beta=2.0, method="dense", error=1.0)
    assert torch.equal(shared.bound, apart.bound)


def test_a_matrix_is_screened_as_an_index_is(rng):
    patterns = torch.nn.functional.normalize(torch.randn(9000, 8, generator=rng), dim=-1)
    cues, options = patterns[:12], {"beta": 2000.0, "method": "certified"}
    given, kept = attend(cues, patterns, **options), attend(cues, Index.of(patterns), **options)
    assert given.method == kept.method == "certified"
    assert torch.equal(given.output, kept.output)
