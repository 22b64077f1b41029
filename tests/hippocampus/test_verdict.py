"""The verdict: what was stored is remembered, what was not is not, at a stated rate."""

import pytest
import torch
from sklearn.metrics import roc_auc_score

from mnemic.hippocampus import EpisodicMemory
from mnemic.hippocampus.verdict import rank


@pytest.fixture(scope="module")
def teacher(clothes_features):
    memory = EpisodicMemory(784, grid=(28, 28, 1))
    memory.store(clothes_features[:2000])
    return memory


def upper_half(count):
    known = torch.zeros(28, 28, dtype=torch.bool)
    known[:14] = True
    return known.reshape(1, -1).expand(count, -1)


@pytest.mark.parametrize(("known", "least"), [(None, 0.98), (upper_half(300), 0.97)])
def test_stored_pictures_are_told_from_held_out_ones_under_noise(
    known, least, teacher, clothes_features, unseen_features, rng
):
    stored = clothes_features[:300] + 0.1 * torch.randn(300, 784, generator=rng)
    unseen = unseen_features[:300] + 0.1 * torch.randn(300, 784, generator=rng)
    old, new = (teacher.recognise(cues, known).judged for cues in (stored, unseen))
    truth = [1] * 300 + [0] * 300
    assert roc_auc_score(truth, torch.cat([old.confidence, new.confidence])) >= least
    assert float(old.remembered.float().mean()) >= 0.85
    assert float(new.remembered.float().mean()) <= 0.05


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_false_accepts_stay_near_what_is_stated_without_noise(share, teacher, unseen_features):
    rng = torch.Generator().manual_seed(1)
    known = torch.rand(400, 784, generator=rng) < share
    judged = teacher.recognise(unseen_features, known).judged
    assert judged.false_accepts == 0.05
    # 400 draws at a true rate of .05 exceed .083 once in a thousand times
    assert float(judged.remembered.float().mean()) <= 0.083


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
def test_what_was_stored_is_remembered_from_any_part(share, teacher, clothes_features):
    rng = torch.Generator().manual_seed(2)
    known = torch.rand(300, 784, generator=rng) < share
    judged = teacher.recognise(clothes_features[:300], known).judged
    assert float(judged.remembered.float().mean()) >= 0.99


def test_what_is_far_from_everything_is_not_remembered_whatever_it_is_nearest_to(rng):
    spread = torch.exp(-torch.arange(64) / 12)  # a few directions carry most of it
    memory = EpisodicMemory(64)
    memory.store(torch.randn(2000, 64, generator=rng) * spread)
    for size in (0.8, 3.0, 30.0):
        judged = memory.recognise(size * torch.randn(300, 64, generator=rng)).judged
        assert float(judged.remembered.float().mean()) <= 0.05
    noise = torch.rand(300, 64, generator=rng)
    assert not memory.recognise(noise * 1e6).judged.remembered.any()


def test_duplicates_do_not_spoil_the_margin(clothes_features, unseen_features):
    memory = EpisodicMemory(784, grid=(28, 28, 1))
    memory.store(clothes_features[:400])
    memory.store(clothes_features[:400])
    old = memory.recognise(clothes_features[:100]).judged
    new = memory.recognise(unseen_features[:100]).judged
    assert bool(old.remembered.all())
    assert float(new.remembered.float().mean()) <= 0.1


@pytest.mark.parametrize("stored", [1, 2, 10])
def test_few_engrams_give_a_verdict_without_a_rate(stored, clothes_features, unseen_features):
    memory = EpisodicMemory(784, grid=(28, 28, 1))
    memory.store(clothes_features[:stored])
    old = memory.recognise(clothes_features[:stored]).judged
    new = memory.recognise(unseen_features[:20]).judged
    assert old.false_accepts is None
    assert bool(old.remembered.all())
    assert float(new.remembered.float().mean()) <= 0.1


def test_only_identical_engrams_still_recognise_themselves(rng):
    memory = EpisodicMemory(16)
    memory.store(torch.full((50, 16), 0.25))
    assert bool(memory.recognise(torch.full((1, 16), 0.25)).judged.remembered)
    assert not bool(memory.recognise(torch.rand(1, 16, generator=rng)).judged.remembered)


def test_novelty_is_nothing_for_what_is_stored_and_high_for_noise(teacher, clothes_features, rng):
    assert (teacher.novelty(clothes_features[:20]) < 0.01).all()
    assert (teacher.novelty(torch.rand(20, 784, generator=rng)) > 0.99).all()


def test_novelty_of_held_out_pictures_is_spread_evenly(teacher, unseen_features):
    values = teacher.novelty(unseen_features).sort().values
    even = (torch.arange(400) + 0.5) / 400
    assert float((values - even).abs().max()) < 0.12  # Kolmogorov-Smirnov distance


def test_novelty_in_turn_is_novelty_one_after_the_other(clothes_features):
    memory = EpisodicMemory(784)
    memory.store(clothes_features[:200])
    coming = clothes_features[[200, 201, 200, 5, 202]]
    together = memory.novelty_in_turn(coming)
    assert together[2] < 0.01  # seen two before
    assert together[3] < 0.01  # stored
    for i in (0, 1, 4):
        torch.testing.assert_close(together[i], memory.novelty(coming[[i]])[0])


def test_everything_is_new_to_an_empty_memory(rng):
    assert EpisodicMemory(3).novelty(torch.rand(2, 3, generator=rng)).tolist() == [1.0, 1.0]


def test_a_rank_keeps_the_order_of_values_beyond_the_sample():
    ranks = rank(torch.tensor([0.0, 0.1, 0.2, 0.4, 0.6, 2.0]), torch.tensor([0.4, 0.5, 0.9]))
    assert (ranks.diff() > 0).all()
    assert ranks[0] == 0
    assert ranks[-1] == 1
