"""Meaning: labels read off latents, with probabilities one can believe."""

import numpy as np
import pytest
import torch

from mnemic.errors import ConfigError, EmptyMemoryError, ShapeError
from mnemic.neocortex.meaning import learn_facts
from mnemic.randomness import generator

CENTRES = torch.tensor([[3.0, 0.0, 0.0], [0.0, 3.0, 0.0], [0.0, 0.0, 3.0]])
NAMES = ("bag", "boot", "coat")


def drawn(count, spread, seed):
    rng = generator(seed, "latents")
    which = torch.randint(0, 3, (count,), generator=rng)
    latents = CENTRES[which] + spread * torch.randn(count, 3, generator=rng)
    return latents, [NAMES[kind] for kind in which.tolist()]


def test_labels_are_told_from_few_examples():
    facts = learn_facts(*drawn(30, 0.7, 0))
    latents, truth = drawn(300, 0.7, 1)
    told = [facts.values[best] for best in facts.probabilities(latents).argmax(-1).tolist()]
    assert facts.values == NAMES
    assert np.mean([a == b for a, b in zip(told, truth, strict=True)]) > 0.95


def test_probabilities_sum_to_one_and_are_calibrated():
    facts = learn_facts(*drawn(1200, 2.0, 2))  # classes overlap: nobody can be sure
    latents, truth = drawn(2000, 2.0, 3)
    sure, told = facts.probabilities(latents).max(-1)
    right = torch.tensor([NAMES[k] == t for k, t in zip(told.tolist(), truth, strict=True)])
    torch.testing.assert_close(facts.probabilities(latents).sum(-1), torch.ones(2000))
    assert abs(float(sure.mean()) - float(right.float().mean())) < 0.06


def test_the_same_examples_teach_the_same():
    latents, labels = drawn(60, 1.0, 4)
    first = learn_facts(latents, labels, seed=7).probabilities(latents)
    assert torch.equal(first, learn_facts(latents, labels, seed=7).probabilities(latents))


def test_a_label_met_once_is_left_out():
    latents, labels = drawn(40, 0.5, 5)
    facts = learn_facts(torch.cat([latents, torch.ones(1, 3)]), [*labels, "hat"])
    assert facts.values == NAMES


def test_a_single_label_is_all_there_is():
    facts = learn_facts(torch.ones(3, 2), ["boot"] * 3)
    assert facts.probabilities(torch.zeros(2, 2)).tolist() == [[1.0], [1.0]]


def test_no_latents_have_no_facts():
    facts = learn_facts(*drawn(30, 0.7, 0))
    assert facts.probabilities(torch.empty(0, 3)).shape == (0, 3)


@pytest.mark.parametrize(
    ("latents", "labels", "error", "says"),
    [
        (torch.ones(2, 3), ["a"], ShapeError, "2 latents have 1 labels"),
        (torch.ones(2, 3), ["a", "b"], EmptyMemoryError, "met at least 2 times"),
        (torch.full((2, 3), torch.nan), ["a", "a"], ConfigError, "NaN"),
    ],
)
def test_what_cannot_be_learned_is_said(latents, labels, error, says):
    with pytest.raises(error, match=says):
        learn_facts(latents, labels)


def test_facts_refuse_the_latents_of_another_student():
    with pytest.raises(ShapeError, match="3 numbers, got 5"):
        learn_facts(*drawn(30, 0.7, 0)).probabilities(torch.ones(1, 5))
