"""One pass that reads each pattern once: what the fold gives, for one cue."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.randomness import generator
from mnemic.search import fused
from mnemic.search.attend import attend
from mnemic.search.dense import fold
from mnemic.search.index import Index
from mnemic.search.patterns import Given, Patterns
from mnemic.search.similarity import Dot, Masked

CLOSE = {"rtol": 2e-5, "atol": 2e-5}


def stored_of(rows):
    patterns = Patterns(rows.shape[-1])
    patterns.add(range(len(rows)), rows)
    return patterns


def one(cue, beta):
    return cue, torch.tensor([beta], dtype=torch.double)


def weights_of(similarity, rows):
    cue, rows = similarity.cues[0].double().numpy(), rows.double().numpy()
    if isinstance(similarity, Dot):
        scores = float(similarity.beta) * (rows @ cue)
    else:
        scores = -float(similarity.beta) / 2 * ((rows - cue) ** 2).mean(1)
    weights = np.exp(scores - scores.max())
    return scores, weights / weights.sum()


@given(
    seed=st.integers(0, 2**32 - 1),
    count=st.sampled_from([1, 2, 3, 5, 255, 256, 257, 258, 1027]),
    dim=st.integers(1, 20),
    width=st.integers(1, 9),
    beta=st.floats(-3, 2).map(lambda power: 10.0**power),
    whole=st.booleans(),
)
def test_one_pass_is_the_softmax_by_definition(seed, count, dim, width, beta, whole):
    rng = generator(seed, "fused")
    rows, values = torch.randn(count, dim, generator=rng), torch.randn(count, width, generator=rng)
    cue, beta = one(torch.randn(1, dim, generator=rng), beta)
    similarity = Masked(cue, beta) if whole else Dot(cue, beta)
    seen = fused.fold_fused(similarity, stored_of(rows), values, min(5, count))
    scores, weights = weights_of(similarity, rows)
    close = {"rtol": 2e-5, "atol": 2e-5 + 1e-6 * float(abs(scores).max())}
    mean = torch.from_numpy(weights @ values.double().numpy()).float()
    torch.testing.assert_close(seen.mean[0], mean, **close)
    log_mass = scores.max() + np.log(np.exp(scores - scores.max()).sum())
    assert float(seen.log_mass) == pytest.approx(log_mass, rel=1e-5, abs=close["atol"])
    best = torch.from_numpy(-np.sort(-scores)[: min(5, count)]).float()
    torch.testing.assert_close(seen.best.scores[0], best, **close)
    named = torch.from_numpy(scores[seen.best.rows[0].numpy()]).float()
    torch.testing.assert_close(named, best, **close)


@pytest.mark.parametrize("whole", [True, False])
def test_one_cue_equals_the_fold(whole, rng):
    rows, values = torch.rand(5000, 12, generator=rng), torch.rand(5000, 7, generator=rng)
    cue, beta = one(rows[:1] + 0.1, 40.0)
    similarity = Masked(cue, beta) if whole else Dot(cue, beta)
    stored = stored_of(rows)
    seen = fused.fold_fused(similarity, stored, values, 8)
    folded = fold(stored, similarity.over, torch.zeros(1, 7), 8, values=values)
    torch.testing.assert_close(seen.mean, folded.mean, **CLOSE)
    torch.testing.assert_close(seen.best.scores, folded.best.scores, **CLOSE)
    torch.testing.assert_close(seen.log_mass.float(), folded.log_mass, **CLOSE)


def test_a_late_peak_outweighs_all_that_came_before(rng):
    """And what comes after it, in blocks that weigh nothing, is passed over."""
    rows = torch.linspace(-1, 1, 3000)[:, None].repeat(1, 4)
    rows = torch.cat([rows, rows.flip(0)])
    values = torch.randn(6000, 3, generator=rng)
    similarity = Dot(*one(torch.ones(1, 4), 200.0))
    seen = fused.fold_fused(similarity, stored_of(rows), values, 2)
    _, weights = weights_of(similarity, rows)
    mean = torch.from_numpy(weights @ values.double().numpy()).float()
    torch.testing.assert_close(seen.mean[0], mean, rtol=1e-3, atol=1e-3)
    assert sorted(seen.best.rows[0].tolist()) == [2999, 3000]


@pytest.mark.parametrize("method", ["dense", "auto", "certified"])
@pytest.mark.parametrize("whole", [True, False])
def test_without_the_compiler_the_answers_are_the_same(method, whole, rng, monkeypatch):
    rows = torch.nn.functional.normalize(torch.randn(9000, 16, generator=rng), dim=-1)
    index, cue = Index.of(rows), rows[:1] + 0.1 * torch.randn(1, 16, generator=rng)
    known = torch.ones(1, 16, dtype=torch.bool) if whole else None
    for beta in (0.5, 5.0, 500.0):
        options = {"beta": beta * (16 if whole else 1), "known": known, "method": method}
        fast = attend(cue, index, **options)
        with monkeypatch.context() as patch:
            patch.setattr(fused, "_summed", None)
            plain = attend(cue, index, **options)
        assert plain.method == fast.method
        torch.testing.assert_close(plain.output, fast.output, **CLOSE)
        torch.testing.assert_close(plain.weights, fast.weights, **CLOSE)


def test_what_it_cannot_do_is_left_to_the_fold(rng):
    rows = torch.rand(20, 4, generator=rng)
    stored, beta = stored_of(rows), torch.ones(1).double()
    known = torch.tensor([[True, False, True, True]])
    silenced, partial = stored_of(rows), Patterns(4)
    silenced.silence([3])
    partial.add(range(20), rows, torch.rand(20, 4, generator=rng) < 0.5)
    cases = [
        (Dot(rows[:2], beta.expand(2)), stored, rows),
        (Masked(rows[:1], beta, known), stored, rows),
        (Masked(rows[:1], beta), Given(rows), rows),
        (Dot(rows[:1], beta), silenced, rows),
        (Dot(rows[:1], beta), partial, rows),
        (Dot(rows[:1], beta), Given(rows.half()), rows),
        (Dot(rows[:1], beta), stored, rows.double()),
    ]
    for similarity, patterns, values in cases:
        assert fused.fold_fused(similarity, patterns, values, 3) is None
