"""The growing matrix: rows keep their ids through any order of adding and removing."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mnemic.errors import NotStoredError
from mnemic.search.patterns import Patterns


def row(id, dim=3):
    return torch.arange(dim).float() + 10 * id


@given(
    actions=st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=40),
    masked=st.booleans(),
)
def test_rows_follow_their_ids_through_adding_and_removing(actions, masked):
    patterns, truth, next_id = Patterns(3), {}, 1
    for add, pick in actions:
        if add or not truth:
            known = None
            if masked and pick % 2:
                known = torch.tensor([[True, pick % 3 > 0, True]])
            patterns.add([next_id], row(next_id)[None], known)
            truth[next_id] = torch.ones(3, dtype=torch.bool) if known is None else known[0]
            next_id += 1
        else:
            gone = sorted(truth)[pick % len(truth)]
            patterns.remove([gone])
            del truth[gone]
    assert len(patterns) == len(truth)
    assert sorted(patterns.ids.tolist()) == sorted(truth)
    for id, known in truth.items():
        at = patterns.row_of(id)
        expected = torch.where(known, row(id), 0.0)
        assert torch.equal(patterns.rows[at], expected)
        if patterns.known is not None:
            assert torch.equal(patterns.known[at], known)
    norms = torch.cat([block.squared_norm for block in patterns.blocks(2)] or [torch.empty(0)])
    torch.testing.assert_close(norms, patterns.rows.square().sum(-1))


def test_blocks_are_the_matrix_in_order(rng):
    patterns = Patterns(2)
    patterns.add(range(7), torch.rand(7, 2, generator=rng))
    blocks = list(patterns.blocks(3))
    assert [block.start for block in blocks] == [0, 3, 6]
    assert torch.equal(torch.cat([block.rows for block in blocks]), patterns.rows)


def test_nothing_of_a_removed_row_stays_in_memory():
    patterns = Patterns(4)
    patterns.add([1, 2, 3], torch.full((3, 4), 7.0) * torch.tensor([[1.0], [2.0], [3.0]]))
    patterns.remove([1, 3])
    assert set(patterns._rows.flatten().tolist()) <= {14.0, 0.0}


def test_removing_refuses_an_unknown_id_and_removes_nothing():
    patterns = Patterns(1)
    patterns.add([1, 2], torch.ones(2, 1))
    with pytest.raises(NotStoredError, match="no pattern has id 9"):
        patterns.remove([1, 9])
    assert len(patterns) == 2


def test_a_silenced_row_stays_silent_while_others_come_and_go():
    patterns = Patterns(1)
    patterns.add([1, 2, 3], torch.ones(3, 1))
    patterns.silence([3])
    patterns.remove([1])
    patterns.add([4], torch.ones(1, 1))
    assert not patterns.available[patterns.row_of(3)]
    assert int(patterns.available.sum()) == 2
    patterns.wake([3])
    assert patterns.available is None


def test_reserving_moves_nothing(rng):
    patterns, rows = Patterns(3), torch.rand(5, 3, generator=rng)
    patterns.add(range(5), rows)
    patterns.reserve(1000)
    assert torch.equal(patterns.rows, rows)
    assert patterns.ids.tolist() == list(range(5))


def test_to_remove_twice_at_once_is_to_remove(rng):
    patterns = Patterns(2)
    patterns.add([1, 2, 3], torch.rand(3, 2, generator=rng))
    patterns.remove([1, 1])
    assert sorted(patterns.ids.tolist()) == [2, 3]
