"""The graph: fast, uncertified, and never led to a pattern that is gone."""

import json

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mnemic.errors import DamagedWarning
from mnemic.randomness import generator
from mnemic.search.attend import attend
from mnemic.search.graph import DEAD, Graph
from mnemic.search.index import Index
from mnemic.search.patterns import Patterns

thousand = settings(max_examples=max(40, settings.default.max_examples // 10))
ENOUGH = 0.97  # share of cues an approximate search must answer to 1e-3


def clustered(count, dim, rng, spread=0.1):
    centres = torch.nn.functional.normalize(torch.randn(max(1, count // 50), dim, generator=rng))
    near = centres[torch.randint(len(centres), (count,), generator=rng)]
    noise = torch.randn(count, dim, generator=rng)
    return torch.nn.functional.normalize(near + spread * noise, dim=-1)


def exact(cues, rows, beta, known=None):
    cues, rows = cues.double(), rows.double()
    scores = cues @ rows.T if known is None else -torch.cdist(cues, rows).square() / 2 / len(rows.T)
    return (beta * scores).softmax(-1) @ rows


def share_right(found, expected):
    return float(((found.output.double() - expected).norm(dim=-1) <= 1e-3).double().mean())


@pytest.mark.parametrize("whole", [False, True])
def test_noisy_cues_of_stored_patterns_are_answered(whole, rng):
    rows = clustered(10_000, 32, rng)
    index = Index.of(rows)
    cues = rows[:300] + 0.03 * torch.randn(300, 32, generator=rng)
    known = torch.ones_like(cues, dtype=torch.bool) if whole else None
    beta = 1000.0 * (32 if whole else 1)
    found = attend(cues, index, beta=beta, known=known, method="approximate")
    assert found.method == "approximate"
    assert (found.bound == 1).all()
    assert share_right(found, exact(cues, rows, beta, known)) >= ENOUGH
    best = (exact(cues, rows, 1e9, known) - rows[found.ids[:, 0]]).norm(dim=-1) < 1e-3
    assert float(best.double().mean()) >= ENOUGH
    assert (found.weights.sum(-1) <= 1 + 1e-6).all()


def test_a_long_pattern_outranks_a_near_one_where_products_count(rng):
    rows = clustered(5000, 16, rng) * 10.0 ** torch.rand(5000, 1, generator=rng)
    cues = rows[:200] / rows[:200].norm(dim=-1, keepdim=True)
    cues = cues + 0.03 * torch.randn(200, 16, generator=rng)
    found = attend(cues, Index.of(rows), beta=1000.0, method="approximate")
    expected = exact(cues, rows, 1000.0)
    longer = (cues @ rows.T).argmax(-1) != torch.cdist(cues, rows).argmin(-1)
    assert longer.double().mean() > 0.5
    near = (found.output.double() - expected).norm(dim=-1) <= 1e-2  # lengths reach 10
    assert float(near.double().mean()) >= ENOUGH


@pytest.mark.parametrize("share", [0.1, 0.9 * DEAD, 0.4, 0.9])
def test_removed_patterns_leave_the_others_to_be_found(share, rng):
    rows = clustered(6000, 32, rng)
    index, gone = Index.of(rows), list(range(int(share * 6000)))
    cues = rows[::20] + 0.03 * torch.randn(300, 32, generator=rng)
    attend(cues, index, beta=1000.0, method="approximate")
    index.remove(gone)
    found = attend(cues, index, beta=1000.0, method="approximate")
    left = rows[len(gone) :]
    assert not set(found.ids.flatten().tolist()) & set(gone)
    assert share_right(found, exact(cues, left, 1000.0)) >= ENOUGH


def test_a_graph_forgets_the_removed_when_they_are_many(rng):
    rows = clustered(1000, 8, rng)
    index, kept = Index.of(rows), []
    graph = index.graph(rising=True)
    for gone in (range(200), range(200, 300)):
        attend(rows[:1], index, beta=1.0, method="approximate")
        index.remove(list(gone))
        attend(rows[:1], index, beta=1.0, method="approximate")
        kept.append(len(graph._ids))
    assert kept == [1000, 700]


@thousand
@given(
    seed=st.integers(0, 2**32 - 1),
    actions=st.lists(st.tuples(st.booleans(), st.integers(1, 60)), min_size=1, max_size=12),
    rising=st.booleans(),
)
def test_only_what_is_stored_is_found_after_any_changes(seed, actions, rising):
    rng = generator(seed, "graph")
    patterns, graph, next_id = Patterns(4), Graph(4, rising=rising), 0
    for add, count in actions:
        if add or not len(patterns):
            scale = 10.0 ** torch.randint(-2, 3, (1,), generator=rng)
            rows = torch.randn(count, 4, generator=rng) * scale
            patterns.add(range(next_id, next_id + count), rows)
            next_id += count
        else:
            ids = patterns.ids[torch.randperm(len(patterns), generator=rng)]
            patterns.remove(ids[:count].tolist())
        if len(patterns):
            cues = torch.randn(3, 4, generator=rng)
            found = graph.nearest(cues, patterns, 5)
            assert found.shape == (3, min(5, len(patterns)))
            assert ((found >= -1) & (found < len(patterns))).all()
            for row in found.tolist():
                near = [at for at in row if at >= 0]
                assert near
                assert len(set(near)) == len(near)


def test_in_a_small_graph_the_nearest_is_the_nearest(rng):
    rows = torch.randn(60, 4, generator=rng) * 10.0 ** torch.rand(60, 1, generator=rng)
    patterns, cues = Patterns(4), torch.randn(50, 4, generator=rng)
    patterns.add(range(60), rows)
    products = Graph(4, rising=True).nearest(cues, patterns, 60)
    assert torch.equal(products[:, 0], (cues @ rows.T).argmax(-1))
    distances = Graph(4, rising=False).nearest(cues, patterns, 60)
    assert torch.equal(distances[:, 0], torch.cdist(cues, rows).argmin(-1))


def test_a_graph_begun_with_zeros_still_ranks_by_product():
    index, cue = Index.of(torch.zeros(5, 2)), torch.tensor([[1.0, 0.0]])
    attend(cue, index, beta=1.0, method="approximate")
    (beside,) = index.add(torch.tensor([[0.5, 3**0.5 / 2]])).tolist()
    found = attend(cue, index, beta=1000.0, method="approximate")
    assert int(found.ids[0, 0]) == beside
    nearest = index.graph(rising=True).nearest(cue, index.patterns, 1)
    assert nearest.tolist() == [[index.patterns.row_of(beside)]]


def test_longer_patterns_than_the_graph_was_made_for_are_found(rng):
    rows = torch.nn.functional.normalize(torch.randn(500, 8, generator=rng), dim=-1)
    index = Index.of(rows)
    attend(rows[:5], index, beta=1000.0, method="approximate")
    ids = index.add(100.0 * rows[:5])
    found = attend(rows[:5], index, beta=1000.0, method="approximate")
    assert found.ids[:, 0].tolist() == ids.tolist()


def made(rng, rising=True):
    patterns, graph = Patterns(8), Graph(8, rising=rising)
    patterns.add(range(200), torch.randn(200, 8, generator=rng))
    return patterns, graph


@pytest.mark.parametrize("rising", [True, False])
def test_a_graph_comes_back_as_it_was_saved(rising, tmp_path, rng):
    patterns, graph = made(rng, rising)
    cues = torch.randn(20, 8, generator=rng)
    graph.nearest(cues, patterns, 5)
    patterns.remove([3, 50])
    file = tmp_path / "graph.faiss"
    graph.save(file, patterns)
    copy = Graph(8, rising=rising)
    assert copy.load(file, patterns)
    expected = graph.nearest(cues, patterns, 5)
    assert torch.equal(copy.nearest(cues, patterns, 5), expected)
    patterns.add(range(200, 260), torch.randn(60, 8, generator=rng))
    expected = graph.nearest(cues, patterns, 5)
    assert torch.equal(copy.nearest(cues, patterns, 5), expected)


def unchanged(content, before):
    """Whether a record still says the same: a blank may have become another blank."""
    try:
        return json.loads(content) == json.loads(before)
    except ValueError:
        return False


@thousand
@given(
    at=st.integers(0, 2**20), flip=st.integers(1, 255), suffix=st.sampled_from(["faiss", "json"])
)
def test_one_wrong_byte_anywhere_is_seen(at, flip, suffix, tmp_path, rng):
    patterns, graph = made(rng)
    file = tmp_path / "graph.faiss"
    graph.save(file, patterns)
    broken = file.with_suffix(f".{suffix}")
    before = broken.read_bytes()
    content = bytearray(before)
    content[at % len(content)] ^= flip
    assume(not unchanged(content, before))
    broken.write_bytes(content)
    copy = Graph(8, rising=True)
    with pytest.warns(DamagedWarning, match="is damaged|belongs to other patterns"):
        assert not copy.load(file, patterns)
    cues = torch.from_numpy(np.eye(8, dtype=np.float32))
    assert torch.equal(copy.nearest(cues, patterns, 5), graph.nearest(cues, patterns, 5))
