"""An index that changes answers as one made of what it now holds; its caches are only caches."""

import json
import shutil
import warnings

import jaxtyping
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mnemic.errors import ConfigError, CueError, DamagedWarning, NotStoredError, ShapeError
from mnemic.randomness import generator
from mnemic.search.attend import attend
from mnemic.search.index import Index

EXACT = ["dense", "certified", "auto"]
METHODS = [*EXACT, "approximate"]
BETA = 300.0
DIM = 16
thousand = settings(max_examples=max(40, settings.default.max_examples // 10))


@pytest.fixture
def unchecked():
    """As users call it, without the shape checker of the tests, which would speak up first."""
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


def drawn(count, rng, dim=DIM):
    return torch.nn.functional.normalize(torch.randn(count, dim, generator=rng), dim=-1)


def definition(cues, patterns, values, beta=BETA):
    weights = (beta * cues.double() @ patterns.double().T).softmax(-1)
    return weights @ values.double()


def diameter(values):
    return float(torch.cdist(values[:1].double(), values.double()).max()) * 2  # at most


def near(found, expected, values):
    away = (found.output.double() - expected).norm(dim=-1)
    longest = float(values.double().norm(dim=-1).max())
    return bool((away <= found.bound * diameter(values) + 2.0**-21 * longest).all())


@pytest.mark.parametrize("method", METHODS)
def test_what_is_added_is_seen_at_once(method, rng):
    index, cues = Index.of(drawn(3000, rng)), drawn(5, rng)
    attend(cues, index, beta=BETA, method=method)
    ids = index.add(cues)
    found = attend(cues, index, beta=BETA, method=method)
    assert found.ids[:, 0].tolist() == ids.tolist()
    torch.testing.assert_close(found.output, cues, rtol=0, atol=1e-3)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_removed_is_gone_at_once(method, rng):
    rows = drawn(3000, rng)
    index = Index.of(rows)
    for gone in ([2999], [0], [5, 7, 2998], list(range(100, 2000))):
        cues = rows[gone[:5]]
        attend(cues, index, beta=BETA, method=method)
        index.remove(gone)
        found = attend(cues, index, beta=BETA, method=method)
        assert not set(found.ids.flatten().tolist()) & set(gone)
        assert set(found.ids.flatten().tolist()) <= {-1, *index.patterns.ids.tolist()}


changes = st.lists(
    st.tuples(st.sampled_from(["add", "remove", "ask"]), st.integers(1, 400)), max_size=10
)


@thousand
@given(
    seed=st.integers(0, 2**32 - 1),
    changes=changes,
    own_values=st.booleans(),
    method=st.sampled_from(METHODS),
    long=st.booleans(),
)
def test_an_index_answers_as_a_fresh_one_of_the_same_content(
    seed, changes, own_values, method, long
):
    rng = generator(seed, "index")
    index = Index(DIM, value_dim=3 if own_values else None)
    truth = {}

    def add(count):
        rows = drawn(count, rng)
        if long:
            rows = rows * 10.0 ** (2 * torch.rand(count, 1, generator=rng) - 1)
        values = torch.randn(count, 3, generator=rng) if own_values else None
        ids = index.add(rows, values).tolist()
        assert not set(ids) & set(truth)
        carried = rows if values is None else values
        truth.update({id: (rows[i], carried[i]) for i, id in enumerate(ids)})

    def ask():
        rows = torch.stack([row for row, _ in truth.values()])
        values = torch.stack([value for _, value in truth.values()])
        fresh = Index.of(rows, values if own_values else None)
        names = torch.tensor(list(truth))
        cues = rows[torch.randint(len(rows), (4,), generator=rng)]
        cues = cues + 0.02 * torch.randn(4, DIM, generator=rng)
        expected = definition(cues, rows, values)
        for mine, theirs in ((index, None), (fresh, names)):
            found = attend(cues, mine, beta=BETA, method=method)
            assert near(found, expected, values)
            ids = found.ids if theirs is None else theirs[found.ids]
            assert set(ids[found.ids >= 0].tolist()) <= set(truth)
            if method != "approximate":
                best = (BETA * cues.double() @ rows.double().T).softmax(-1)
                heaviest = best.max(-1)
                clear = best.topk(min(2, len(rows))).values[:, -1] < heaviest.values / 2
                assert (clear <= (ids[:, 0] == names[heaviest.indices])).all() or len(rows) == 1

    add(900)
    for change, count in [*changes, ("ask", 1)]:
        if change == "add":
            add(count)
        elif change == "remove":
            gone = [list(truth)[i] for i in torch.randperm(len(truth), generator=rng)[:count]]
            if len(gone) < len(truth):
                index.remove(gone)
                for id in gone:
                    del truth[id]
        else:
            ask()
    assert len(index) == len(truth)


def test_certified_search_is_among_what_is_compared(rng):
    """The law above would hold little if every answer were dense."""
    rows = drawn(900, rng)
    found = attend(rows[:4], Index.of(rows), beta=BETA, method="certified")
    assert found.method == "certified"


def test_values_go_with_their_patterns(rng):
    rows, values = drawn(9000, rng), torch.randn(9000, 3, generator=rng)
    index = Index.of(rows, values)
    index.remove(list(range(0, 9000, 3)))
    for id in (1, 4, 8999):
        for method in METHODS:
            found = attend(rows[[id]], index, beta=3000.0, method=method)
            torch.testing.assert_close(found.output[0], values[id], rtol=0, atol=1e-2)


def test_removing_twice_in_one_breath_is_removing_once(rng):
    rows, values = drawn(10, rng), torch.randn(10, 2, generator=rng)
    index = Index.of(rows, values)
    index.remove([1, 1, 4])
    assert len(index) == 8
    assert len(index.values) == 8
    found = attend(rows[[9]], index, beta=1000.0)
    torch.testing.assert_close(found.output[0], values[9], rtol=0, atol=1e-4)


def test_removing_what_is_not_stored_removes_nothing(rng):
    index = Index.of(drawn(10, rng), torch.randn(10, 2, generator=rng))
    with pytest.raises(NotStoredError, match="no pattern has id 11"):
        index.remove([1, 11])
    assert len(index) == len(index.values) == 10


def test_ids_are_never_given_twice(rng):
    index = Index(4)
    first = index.add(drawn(3, rng, 4))
    index.remove(first.tolist())
    assert index.add(drawn(2, rng, 4)).tolist() == [3, 4]


def test_adding_nothing_changes_nothing(rng):
    index = Index.of(drawn(10, rng))
    assert index.add(torch.zeros(0, DIM)).tolist() == []
    assert len(index) == 10


def test_an_index_keeps_what_it_was_given_not_the_tensor(rng):
    rows = drawn(10, rng)
    index, kept = Index.of(rows), rows.clone()
    rows.zero_()
    assert torch.equal(index.patterns.rows, kept)


@pytest.mark.parametrize("number", [torch.nan, torch.inf, -torch.inf, 1e300])
def test_a_number_that_is_not_finite_is_not_stored(number, rng):
    index = Index.of(drawn(10, rng).double(), torch.randn(10, 2, generator=rng))
    rows, values = drawn(3, rng).double(), torch.randn(3, 2, generator=rng).double()
    spoilt_rows, spoilt_values = rows.clone(), values.clone()
    spoilt_rows[1, 2] = spoilt_values[2, 0] = number
    with pytest.raises(CueError, match="some patterns hold NaN or infinity"):
        index.add(spoilt_rows, values)
    with pytest.raises(CueError, match="some values hold NaN or infinity"):
        index.add(rows, spoilt_values)
    assert len(index) == len(index.values) == 10


@pytest.mark.usefixtures("unchecked")
def test_what_does_not_fit_is_refused(rng):
    index, plain = Index(4, value_dim=2), Index(4)
    ones = torch.ones
    for patterns, values, says in [
        (ones(3, 5), ones(3, 2), r"patterns must have shape \(3, 4\), got \(3, 5\)"),
        (ones(4), ones(4, 2), r"patterns must have shape .*got \(4,\)"),
        (ones(3, 4), ones(2, 2), r"values must have shape \(3, 2\), got \(2, 2\)"),
        (ones(3, 4), ones(3, 4), r"values must have shape \(3, 2\), got \(3, 4\)"),
        (ones(3, 4), None, "give values with every pattern"),
    ]:
        with pytest.raises(ShapeError, match=says):
            index.add(patterns, values)
    with pytest.raises(ShapeError, match="or with none"):
        plain.add(ones(3, 4), ones(3, 4))
    assert len(index) == len(plain) == 0
    for dim, value_dim in [(0, None), (4, 0)]:
        with pytest.raises(ConfigError, match="need a feature"):
            Index(dim, value_dim=value_dim)


def grown(rows, gone=(3, 70)):
    index = Index.of(rows)
    index.remove(list(gone))
    return index


def answers(index, cues):
    known = torch.ones_like(cues, dtype=torch.bool)
    return [
        attend(cues, index, beta=BETA, method="approximate"),
        attend(cues, index, beta=BETA * DIM, known=known, method="approximate"),
    ]


def same(some, others):
    return all(
        torch.equal(a.ids, b.ids) and torch.equal(a.output, b.output)
        for a, b in zip(some, others, strict=True)
    )


@pytest.fixture
def saved(tmp_path, rng):
    """An index of 1000 unit vectors, some cues, and a folder with its caches."""
    rows = drawn(1000, rng)
    index, cues = grown(rows), rows[:20] + 0.05 * torch.randn(20, DIM, generator=rng)
    expected = answers(index, cues)
    index.save_caches(tmp_path / "caches")
    return rows, cues, expected, tmp_path / "caches"


def test_caches_come_back_and_answer_the_same(saved):
    rows, cues, expected, folder = saved
    index = grown(rows)
    assert index.load_caches(folder) == 2
    assert same(answers(index, cues), expected)


def test_what_comes_back_follows_later_changes(saved, rng):
    rows, cues, _, folder = saved
    cues = torch.nn.functional.normalize(cues, dim=-1)
    index = grown(rows)
    index.load_caches(folder)
    ids = index.add(cues)
    index.remove([1, 2, *ids[:2].tolist()])
    for found in answers(index, cues):
        assert found.ids[2:, 0].tolist() == ids[2:].tolist()
        assert not set(found.ids.flatten().tolist()) & {1, 2, 3, 70, *ids[:2].tolist()}


def test_only_the_graphs_that_were_made_are_kept(tmp_path, rng):
    index = Index.of(drawn(50, rng))
    index.save_caches(tmp_path)
    assert list(tmp_path.iterdir()) == []
    attend(drawn(1, rng), index, beta=1.0, method="approximate")
    index.save_caches(tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["dot.faiss", "dot.json"]
    assert Index.of(index.patterns.rows.clone()).load_caches(tmp_path) == 1


def test_nothing_in_a_cache_is_pickled(saved):
    *_, folder = saved
    for file in folder.iterdir():
        content = file.read_bytes()
        assert not content.startswith(b"\x80")
        assert b"PK\x03\x04" not in content[:4]
        if file.suffix == ".json":
            assert isinstance(json.loads(content), dict)
        else:
            assert content.startswith(b"IHN")  # faiss says so of its own graphs


def cut(file):
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flip(file):
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def another(file):
    record = json.loads(file.read_text())
    record["ids"][:2] = record["ids"][1::-1]
    file.write_text(json.dumps(record))


DAMAGES = {
    "graph cut short": ("dot.faiss", cut),
    "graph with a wrong bit": ("dot.faiss", flip),
    "empty graph": ("dot.faiss", lambda file: file.write_bytes(b"")),
    "no graph": ("dot.faiss", lambda file: file.unlink()),
    "graph is the other one": (
        "dot.faiss",
        lambda file: shutil.copy(file.with_name("distance.faiss"), file),
    ),
    "record cut short": ("dot.json", cut),
    "record with a wrong bit": ("dot.json", flip),
    "empty record": ("dot.json", lambda file: file.write_bytes(b"")),
    "no record": ("dot.json", lambda file: file.unlink()),
    "record of another kind": ("dot.json", lambda file: file.write_text("[1, 2]")),
    "record without ids": ("dot.json", lambda file: file.write_text('{"graph": ""}')),
    "record that is no text": ("dot.json", lambda file: file.write_bytes(b"\xff\xfe\x00")),
    "record of exchanged ids": ("dot.json", another),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_cache_is_made_anew_and_no_answer_changes(damage, saved):
    rows, cues, expected, folder = saved
    name, spoil = DAMAGES[damage]
    spoil(folder / name)
    index = grown(rows)
    with pytest.warns(DamagedWarning, match="the search graph in .*dot.faiss is damaged"):
        assert index.load_caches(folder) == 1
    found = answers(index, cues)
    assert found[0].method == "approximate"
    torch.testing.assert_close(found[0].output, expected[0].output, rtol=0, atol=1e-3)
    assert same(found[1:], expected[1:])


@pytest.mark.parametrize("change", ["added", "removed", "other numbers"])
def test_a_cache_of_other_patterns_is_not_believed(change, saved, rng):
    rows, cues, _, folder = saved
    index = grown(rows)
    if change == "added":
        index.add(cues[:1])
    elif change == "removed":
        index.remove([9])
    else:
        index = grown(rows + 1e-6)
    with pytest.warns(DamagedWarning, match="belongs to other patterns") as said:
        assert index.load_caches(folder) == 0
    assert len(said) == 2
    ids = index.patterns.ids
    expected = definition(cues, index.patterns.rows, index.patterns.rows)
    found = attend(cues, index, beta=BETA, method="approximate")
    torch.testing.assert_close(found.output.double(), expected, rtol=0, atol=1e-2)
    assert set(found.ids.flatten().tolist()) <= {-1, *ids.tolist()}


def test_a_folder_that_is_gone_is_no_trouble(saved):
    rows, cues, expected, folder = saved
    shutil.rmtree(folder)
    index = grown(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert index.load_caches(folder) == 0
    for found, before in zip(answers(index, cues), expected, strict=True):
        torch.testing.assert_close(found.output, before.output, rtol=0, atol=1e-3)


def test_saving_again_replaces_what_was_saved(saved, rng):
    rows, cues, _, folder = saved
    index = grown(rows)
    index.load_caches(folder)
    index.add(cues)
    expected = answers(index, cues)
    index.save_caches(folder)
    copy = grown(rows)
    copy.add(cues)
    assert copy.load_caches(str(folder)) == 2
    assert same(answers(copy, cues), expected)


def test_what_add_returns_can_be_removed(rng):
    index = Index.of(torch.rand(4, 3, generator=rng))
    index.remove(index.add(torch.rand(2, 3, generator=rng)))
    assert index.patterns.ids.tolist() == [0, 1, 2, 3]
