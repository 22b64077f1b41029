"""One pass over all patterns: the softmax mean and the best, whatever the blocks."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.randomness import generator
from mnemic.search import dense
from mnemic.search.patterns import Patterns


def made(count, dim, rng, known=None):
    patterns = Patterns(dim)
    patterns.add(range(count), torch.rand(count, dim, generator=rng), known)
    return patterns


def dot(state, beta=5.0):
    return lambda block: beta * state @ block.rows.T


@given(seed=st.integers(0, 2**32 - 1), k=st.integers(1, 12))
def test_a_pass_finds_what_the_whole_matrix_would(seed, k):
    rng = generator(seed, "dense")
    patterns, state = made(10, 4, rng), torch.rand(3, 4, generator=rng)
    seen = dense.fold(patterns, dot(state), state, k)
    scores = 5.0 * state @ patterns.rows.T
    torch.testing.assert_close(seen.mean, scores.softmax(-1) @ patterns.rows)
    torch.testing.assert_close(seen.log_mass, scores.logsumexp(-1))
    most = min(k, 10)
    torch.testing.assert_close(seen.best.scores[:, :most], scores.topk(most).values)
    assert torch.equal(seen.best.rows[:, :most], scores.topk(most).indices)
    assert (seen.best.scores[:, most:] == -torch.inf).all()


def test_small_blocks_give_what_large_ones_give(rng, monkeypatch):
    patterns, state = made(23, 4, rng), torch.rand(2, 4, generator=rng)
    whole = dense.fold(patterns, dot(state), state, 5)
    blocks = Patterns.blocks
    monkeypatch.setattr(Patterns, "blocks", lambda self, size=None: blocks(self, 3))
    small = dense.fold(patterns, dot(state), state, 5)
    torch.testing.assert_close(small.mean, whole.mean)
    assert torch.equal(small.best.rows, whole.best.rows)
    assert torch.equal(dense.best(patterns, dot(state), batch=2, k=5).rows, whole.best.rows)


def test_a_silenced_pattern_neither_answers_nor_counts(rng):
    patterns, state = made(6, 3, rng), torch.rand(1, 3, generator=rng)
    best = int(dense.best(patterns, dot(state), batch=1, k=1).rows)
    patterns.silence([best])
    seen = dense.fold(patterns, dot(state), state, 6)
    assert best not in seen.best.rows[seen.best.scores.isfinite()].tolist()
    scores = (5.0 * state @ patterns.rows.T).index_fill(1, torch.tensor([best]), -torch.inf)
    torch.testing.assert_close(seen.mean, scores.softmax(-1) @ patterns.rows)


def test_the_mean_of_a_feature_is_over_the_patterns_that_know_it(rng):
    known = torch.tensor([[True, True, False], [True, False, False]])
    patterns = made(2, 3, rng, known)
    seen = dense.fold(patterns, lambda block: torch.zeros(1, 2), torch.full((1, 3), 9.0), 1)
    rows = patterns.rows
    expected = [float(rows[:, 0].mean()), float(rows[0, 1]), 9.0]
    torch.testing.assert_close(seen.mean, torch.tensor([expected]))
