"""Eight significant bits: enough to rule patterns out, and never a pattern too many."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.randomness import generator
from mnemic.search.certified import _score_all, most_alike
from mnemic.search.patterns import Given, Patterns
from mnemic.search.reduced import GROUP, screen
from mnemic.search.similarity import Dot, Masked

COUNTS = st.sampled_from([1, 15, 16, 17, 300, 4095, 4096, 4113])
SIZES = ["one", "many", "far"]  # lengths of the patterns
KINDS = ["dot", "whole", "part"]
EVERY_GROUP = -1e30  # no score is below this


def lengths(size, rows, rng):
    if size == "many":
        return rows * 10.0 ** (torch.rand(len(rows), 1, generator=rng) * 6 - 3)
    return rows + 100.0 if size == "far" else rows


def asked(kind, cues, beta, rng):
    """A similarity, and every logit by its definition in double precision."""
    beta = torch.full((len(cues),), beta, dtype=torch.double)
    if kind == "dot":
        return Dot(cues, beta)
    if kind == "whole":
        return Masked(cues, beta)
    known = torch.rand(cues.shape, generator=rng) < 0.5
    known[:, 0] = True
    return Masked(cues, beta, known)


def logits(similarity, rows):
    cues, rows = similarity.cues.double().numpy(), rows.double().numpy()
    beta = similarity.beta.numpy()[:, None]
    if isinstance(similarity, Dot):
        return beta * (cues @ rows.T)
    known = np.ones_like(cues) if similarity.known is None else similarity.known.numpy()
    squared = [((cue - rows) ** 2 * mask).sum(1) for cue, mask in zip(cues, known, strict=True)]
    return -beta / 2 * np.stack(squared) / known.sum(1, keepdims=True)


def largest(similarity, rows):
    """What the terms of a logit may come to, added without their signs."""
    cue = similarity.cues.double().norm(dim=-1)
    longest = float(rows.double().norm(dim=-1).max())
    if isinstance(similarity, Dot):
        return similarity.beta * cue * longest
    share = similarity.cues.shape[-1] if similarity.known is None else similarity.known.sum(-1)
    return similarity.beta / share * (cue + longest).square()


def made(seed, count, kind, size, beta):
    rng = generator(seed, "reduced")
    dim = int(torch.randint(1, 100, (), generator=rng))
    rows = lengths(size, torch.nn.functional.normalize(torch.randn(count, dim, generator=rng)), rng)
    picked = rows[torch.randint(count, (5,), generator=rng)]
    cues = picked + 0.1 * torch.randn(5, dim, generator=rng)
    return rows, asked(kind, cues, beta, rng)


def screened(similarity, rows):
    given = Given(rows)
    reduced = given.reduced(similarity.kind, similarity.features)
    return screen(similarity.linear(given.longest), reduced)


def best_of_groups(scores, size):
    missing = -scores.shape[1] % size
    padded = np.pad(scores, ((0, 0), (0, missing)), constant_values=-np.inf)
    return padded.reshape(len(scores), -1, size).max(-1)


@pytest.fixture(params=[True, False], ids=["onednn", "plain"])
def products(request):
    """Whichever library multiplies bfloat16."""
    with torch.backends.mkldnn.flags(enabled=request.param):
        yield


@given(
    seed=st.integers(0, 2**32 - 1),
    count=COUNTS,
    kind=st.sampled_from(KINDS),
    size=st.sampled_from(SIZES),
    beta=st.floats(-6, 6).map(lambda power: 10.0**power),
)
def test_no_pattern_scores_above_what_its_group_cannot_pass(seed, count, kind, size, beta):
    rows, similarity = made(seed, count, kind, size, beta)
    scores = logits(similarity, rows)
    for seen in (screened(similarity, rows), _score_all(similarity, Given(rows))):
        best = best_of_groups(scores, seen.group)
        group, cue, most = seen.above(torch.full((5,), EVERY_GROUP).double())
        assert len(group) == best.size
        assert (most.numpy() >= best[cue, group] - 1e-12 * abs(best[cue, group])).all()


@given(
    seed=st.integers(0, 2**32 - 1),
    count=COUNTS,
    kind=st.sampled_from(KINDS),
    size=st.sampled_from(SIZES),
    share=st.floats(0, 1),
)
def test_every_group_with_a_score_above_a_level_is_found(seed, count, kind, size, share):
    rows, similarity = made(seed, count, kind, size, beta=30.0)
    scores = logits(similarity, rows)
    level = np.quantile(scores, share, axis=1)
    for seen in (screened(similarity, rows), _score_all(similarity, Given(rows))):
        best = best_of_groups(scores, seen.group)
        group, cue, _ = seen.above(torch.from_numpy(level))
        found = set(zip(cue.tolist(), group.tolist(), strict=True))
        above = best > level[:, None] + 1e-12 * abs(level[:, None])
        assert {(int(c), int(g)) for c, g in zip(*above.nonzero(), strict=True)} <= found


@pytest.mark.filterwarnings("ignore:TF32")  # said whenever oneDNN is switched on or off
@pytest.mark.usefixtures("products")
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", SIZES)
def test_a_bound_costs_no_more_than_its_digits(kind, size):
    rows, similarity = made(0, 4113, kind, size, beta=30.0)
    best = best_of_groups(logits(similarity, rows), GROUP)
    group, cue, most = screened(similarity, rows).above(torch.full((5,), EVERY_GROUP).double())
    over = most - torch.from_numpy(best[cue, group])
    assert (over >= 0).all()
    assert (over <= 2**-5 * largest(similarity, rows)[cue]).all()


@settings(deadline=None, max_examples=30)
@given(
    seed=st.integers(0, 2**32 - 1),
    count=COUNTS,
    kind=st.sampled_from(KINDS),
    size=st.sampled_from(SIZES),
)
def test_the_most_alike_is_the_one_that_scores_highest(seed, count, kind, size):
    rng = generator(seed, "patterns")
    rows = lengths(size, torch.randn(count, 7, generator=rng), rng)
    similarity = asked(kind, lengths(size, torch.randn(9, 7, generator=rng), rng), 1.0, rng)
    patterns = Patterns(7)
    patterns.add(range(count), rows)
    found = logits(similarity, rows)[np.arange(9), most_alike(similarity, patterns)]
    assert np.allclose(found, logits(similarity, rows).max(axis=1), rtol=1e-12, atol=1e-9)


def test_the_most_alike_is_none_that_may_not_answer(rng):
    patterns = Patterns(3)
    patterns.add(range(40), torch.eye(3)[torch.arange(40) % 3])
    patterns.silence(range(40))
    assert most_alike(Dot(torch.eye(3), torch.ones(3)), patterns).tolist() == [-1, -1, -1]


@pytest.mark.filterwarnings("ignore:TF32")  # said whenever oneDNN is switched on or off
@pytest.mark.usefixtures("products")
def test_few_patterns_are_left_where_few_matter(rng):
    rows = torch.nn.functional.normalize(torch.randn(8000, 64, generator=rng), dim=-1)
    similarity = Dot(rows[:4], torch.full((4,), 100.0).double())
    group, cue, _ = screened(similarity, rows).above(torch.full((4,), 90.0).double())
    assert group.tolist() == [0, 0, 0, 0]
    assert cue.tolist() == [0, 1, 2, 3]


def row(id):
    """Three numbers that bfloat16 rounds, and that no other id has."""
    return torch.tensor([id + 0.001 * id, -id / 3.0, 1000.0 + id])


@settings(max_examples=max(40, settings.default.max_examples // 4))
@given(
    actions=st.lists(
        st.tuples(st.sampled_from(["add", "remove", "replace", "look"]), st.integers(0, 99)),
        max_size=40,
    )
)
def test_the_copies_follow_every_change_of_the_patterns(actions):
    patterns, next_id = Patterns(3), 1
    asked = [
        Dot(torch.ones(1, 3), torch.ones(1).double()),
        Masked(torch.ones(1, 3), torch.ones(1).double()),
        Masked(torch.ones(1, 3), torch.ones(1).double(), torch.tensor([[True, False, True]])),
    ]
    for action, pick in [*actions, ("look", 0)]:
        ids = patterns.ids.tolist()
        if action == "add":
            fresh = range(next_id, next_id + 1 + pick % 20)
            patterns.add(fresh, torch.stack([row(id) for id in fresh]))
            next_id = fresh.stop
        elif action == "remove" and ids:
            patterns.remove(sorted({ids[pick % len(ids)], ids[-1 - pick // 3 % len(ids)]}))
        elif action == "replace" and ids:
            patterns.replace([ids[pick % len(ids)]], row(1000.0 + pick)[None])
        elif action == "look":
            for similarity in asked:
                reduced = patterns.reduced(similarity.kind, similarity.features)
                assert reduced.count == len(patterns)
                if not len(patterns):
                    continue
                features = similarity.features(patterns.rows)
                kept = reduced.rows[: reduced.count]
                assert torch.equal(kept, features.bfloat16())
                assert (
                    reduced.rounding.longest >= reduced.rounding.lengths(kept.float()).amax(0)
                ).all()
                lost = reduced.rounding.lengths(features - kept.float())
                assert (reduced.rounding.moved >= lost.amax(0)).all()


@pytest.mark.parametrize("removed", [[5], [64], [1], [5, 63, 64], list(range(1, 65))])
def test_nothing_of_a_removed_pattern_stays_in_the_copies(removed):
    patterns = Patterns(2)
    patterns.add(range(1, 61), torch.arange(1.0, 61)[:, None].expand(-1, 2))
    reduced = patterns.reduced("dot", Dot.features)
    patterns.reserve(64)
    patterns.add(range(61, 65), torch.arange(61.0, 65)[:, None].expand(-1, 2))
    patterns.remove(removed)
    assert not set(reduced.rows.flatten().tolist()) & {float(id) for id in removed}
    reduced = patterns.reduced("dot", Dot.features)
    assert torch.equal(reduced.rows[: len(patterns)], patterns.rows.bfloat16())
    assert not set(reduced.rows[: len(patterns)].flatten().tolist()) & set(map(float, removed))
