"""What every associative memory is asked before it may teach, and what each answered."""

import pytest
import torch

from mnemic.hippocampus.conditions import ALIKE, conditions

SLACK = 0.1  # of a share, from one seed to the next; no verdict of the table hangs on it


class TeacherContract:
    """Give ``recall`` and ``outcome``: what it recalls, and its row of the table."""

    def test_the_conditions_it_meets_are_those_of_the_table(self, recall, outcome, rng):
        found = conditions(recall, rng=rng)
        for condition in ("high_capacity", "from_noise", "one_shot"):
            assert getattr(found, condition) == getattr(outcome, condition), (condition, found)
        for share in ("recalled", "pure", "covered", "once"):
            expected = getattr(outcome, share)
            assert getattr(found, share) == pytest.approx(expected, abs=SLACK), (share, found)

    def test_what_it_recalls_is_its_own_for_each_cue(self, recall, rng):
        patterns = torch.where(torch.rand(6, 64, generator=rng) < 0.5, -1.0, 1.0)
        noise = 2 * torch.rand(5, 64, generator=rng) - 1
        together = recall(patterns, noise)
        apart = torch.cat([recall(patterns, cue[None]) for cue in noise])
        assert (together - apart).abs().max() < ALIKE
