"""Ten concepts seen, heard and read, and the units, routes and parents they are measured by."""

import shutil

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from mnemic import Memory
from mnemic.concepts.spreading import spread
from mnemic.datasets.speech import spoken
from mnemic.reproduce import (
    Workshop,
    concepts2023_cells,
    concepts2023_cross_modal,
    concepts2023_hierarchy,
)
from mnemic.reproduce.concepts2023_cells import activation, cells, units
from mnemic.reproduce.concepts2023_hierarchy import parents_of
from mnemic.reproduce.concepts2023_innate import untaught
from mnemic.reproduce.concepts2023_locality import named, side_by_side, told_as_new
from mnemic.reproduce.detectors import active, roc_areas, selectivity
from mnemic.reproduce.exposed_memory import (
    BY,
    SENSES,
    Answers,
    ask,
    brought,
    expose,
    spread_names,
    tell,
    told,
)
from mnemic.reproduce.slept_memory import INNATE, slept_on, student_of
from mnemic.reproduce.ten_concepts import COUNT, EXPOSURES, Meeting, concepts_of, load
from mnemic.reproduce.watched_pictures import pool


@pytest.fixture(scope="module")
def meeting():
    return Meeting(subject="digits", unlabelled=40, epochs=1, cues=20)


@pytest.fixture(scope="module")
def data(meeting):
    return load(meeting, 0)


@pytest.fixture(scope="module")
def concepts(meeting, data):
    return concepts_of(meeting, data)


@pytest.fixture(scope="module")
def twins(concepts):
    """The same concepts, asked with the very pictures that were met."""
    return concepts._replace(
        picture_cues=concepts.pictures[:COUNT], picture_truth=concepts.exposed[:COUNT]
    )


@pytest.fixture(scope="module")
def met(tmp_path_factory, concepts):
    """A memory that met each concept twice, and what its engrams are of."""
    path = tmp_path_factory.mktemp("concepts") / "memory"
    with Memory.open(path, create=INNATE) as memory:
        truth = expose(memory, concepts, range(2))
        yield memory, truth


# what is met and asked


def test_no_picture_that_is_asked_was_met(concepts):
    seen = [*concepts.pictures, *concepts.unlabelled]
    for cue in concepts.picture_cues:
        assert not any(np.array_equal(cue, one) for one in seen)


def test_every_ten_exposures_have_one_of_each(data, concepts):
    assert len(concepts.pictures) == len(concepts.sounds) == len(concepts.phrases)
    assert concepts.exposed.tolist() == list(range(COUNT)) * EXPOSURES
    assert concepts.phrases[COUNT + 7] == "a seven"


def test_words_are_asked_by_another_synthesiser_at_another_rate_of_speech(concepts):
    met, asked = {rate for _, rate in concepts.sounds}, {rate for _, rate in concepts.sound_cues}
    assert met == {spoken("one").rate}
    assert met.isdisjoint(asked)
    assert len(concepts.sound_cues) == len(concepts.sound_truth)


def test_no_phrase_that_is_asked_was_met(concepts):
    assert set(concepts.phrases).isdisjoint(concepts.phrase_cues)


def test_another_seed_is_other_pictures_and_voices(meeting, data):
    other = load(meeting, 1)
    assert not np.array_equal(data["exposures"], other["exposures"])
    assert not np.array_equal(data["met samples"], other["met samples"])


def test_a_pool_is_the_same_for_all_seeds_and_shares_nothing_with_the_others():
    one, other = pool("digits", 3, 50, 0), pool("digits", 3, 50, 1)
    assert np.array_equal(one.pictures, other.pictures)
    assert one.labels.tolist() == list(range(COUNT)) * 3
    assert not np.array_equal(one.others, other.others)
    for picture in one.pictures:
        assert not (one.others == picture).all(axis=(1, 2)).any()


# what a memory makes of them


def test_what_was_met_brings_its_class_in_all_senses(met, twins):
    memory, truth = met
    comes = brought(memory, twins, truth)
    for name, senses in comes.items():
        assert senses == dict.fromkeys(SENSES, twins.names.index(name))
    found = told(twins, "picture", ask(memory, twins, "picture", BY["innate"]), comes)
    assert found["named"] == found["whole"] == 1
    assert found["brings"] == {"sound": 1, "phrase": 1}


def test_a_wrong_name_brings_the_wrong_things_and_none_brings_nothing(met, twins):
    memory, truth = met
    comes = brought(memory, twins, truth)
    names = [*twins.names[1:], None]
    answers = Answers(names, np.array([True] * 5 + [False] * 5))
    found = told(twins, "picture", answers, comes)
    assert found["whole"] == found["named"] == found["right where fired"] == 0
    assert found["fired"] == 0.5
    names[0] = twins.names[0]
    assert told(twins, "picture", Answers(names, answers.fired), comes)["right where fired"] == 0.2


def test_the_night_is_slept_once_for_all_results(tmp_path, meeting, data):
    def made():
        steps = slept_on(meeting, data, 0, Workshop(tmp_path))
        count = 0
        while True:
            try:
                next(steps)
            except StopIteration as ended:
                return ended.value, count
            count += 1

    path, steps = made()
    assert steps > 0
    assert made() == (path, 0)
    assert student_of(path).grid == (28, 28, 1)


# names that spread


def two_rows():
    """Two rows of twenty things, named at their left ends alone."""
    rows = [[(0.3 * step, 2.0 * row) for step in range(20)] for row in range(2)]
    names = np.full(40, -1)
    names[[0, 20]] = 0, 1
    return np.array(rows).reshape(40, 2), names


def test_a_name_goes_from_thing_to_like_thing_further_than_the_nearest_would():
    places, names = two_rows()
    names[[0, 20]] = -1
    names[[0, 39]] = 0, 1  # opposite ends: half of each row lies nearer to the other's
    found = spread(places, names)
    assert found.tolist() == [0] * 20 + [1] * 20
    near = np.linalg.norm(places[:, None] - places[[0, 39]][None], axis=-1).argmin(axis=1)
    assert (near != found).sum() > 10


def test_what_was_told_is_never_overruled():
    places, names = two_rows()
    names[5] = 1
    assert spread(places, names)[5] == 1


def test_no_name_reaches_what_nothing_leads_to():
    places, names = two_rows()
    names[20] = -1
    found = spread(places, names, neighbours=3)
    assert found[:20].tolist() == [0] * 20
    assert found[20:].tolist() == [-1] * 20


def test_names_that_are_told_join_concepts_and_can_be_taken_back(tmp_path):
    vectors = np.eye(6, dtype=np.float32)
    with Memory.open(tmp_path / "m", create={"resolution": None, "vector": 6}) as memory:
        memory.remember(vector=vectors[0], label="one")
        nameless = memory.remember(vector=vectors[1])
        assert memory.concepts.of(nameless)[0].label is None
        assert tell(memory, {nameless.id: "one"}) == 1
        assert memory.concepts.of(nameless)[0].label == "one"
        memory.concepts.undo()
        assert memory.concepts.of(nameless)[0].label is None


def test_names_spread_through_pictures_in_a_memory(tmp_path, concepts):
    """Every nameless picture is a copy of one that is named, a little lighter."""
    copies = concepts._replace(
        unlabelled=concepts.pictures[:COUNT] // 2 + concepts.pictures[:COUNT] // 4,
        truth=concepts.exposed[:COUNT],
    )
    with Memory.open(tmp_path / "m", create=INNATE) as memory:
        nameless = memory.remember_many(image=copies.unlabelled)
        truth = expose(memory, copies, range(1))
        assert spread_names(memory, copies, truth, latents=False) > 0.8
        found = [memory.concepts.of(one)[0].label for one in nameless]
        right = [name == copies.names[one] for name, one in zip(found, copies.truth, strict=True)]
        assert np.mean(right) > 0.8


# units as detectors


def test_areas_agree_with_the_field_s_library():
    rng = np.random.default_rng(0)
    of = rng.integers(0, 4, 60)
    responses = np.round(rng.normal(size=(60, 5)) + np.eye(5)[:4][of], 1)  # with ties
    found = roc_areas(responses, of, 4)
    for unit in range(5):
        for one in range(4):
            assert found[unit, one] == pytest.approx(roc_auc_score(of == one, responses[:, unit]))


def test_a_class_that_was_never_shown_is_neither_told_nor_missed():
    assert roc_areas(np.arange(4.0)[:, None], np.array([0, 0, 1, 1]), 3)[0].tolist() == [0, 1, 0.5]


def test_selectivity_is_one_for_one_class_alone_and_none_for_all_alike():
    of = np.repeat(np.arange(4), 3)
    one, all_alike, half = (of == 2).astype(float), np.ones(12), (of < 2).astype(float)
    found = selectivity(np.stack([one, all_alike, half], axis=1), of)
    assert found == pytest.approx([1, 0, 2 / 3])


def test_active_is_what_answers_half_as_strongly_as_the_strongest():
    responses = np.array([[1.0, 0.5, 0.4], [0.0, 0.0, 0.0], [-2.0, 0.9, 1.0]])
    assert active(responses).tolist() == [
        [True, True, False],
        [False, False, False],
        [True, False, True],
    ]


def test_perfect_cells_are_told_perfect_and_deaf_ones_are_not():
    of = {sense: np.repeat(np.arange(COUNT), 2) for sense in SENSES}
    perfect = {sense: np.eye(COUNT)[some] for sense, some in of.items()}
    found = cells(perfect, of)
    assert found["roc area"]["all senses"] == found["selectivity"] == 1
    assert found["active"]["all senses"] == 1
    deaf = {**perfect, "sound": np.zeros((2 * COUNT, COUNT))}
    found = cells(deaf, of)
    assert found["roc area"]["sound"] == found["roc area"]["least sense of a unit"] == 0.5
    assert found["roc area"]["picture"] == 1
    assert found["roc area"]["all senses"] == pytest.approx(0.5 + 0.5 * 2 / 3)
    assert found["active"]["all senses"] == pytest.approx(2 / 3)


def test_an_encoders_unit_is_judged_by_the_class_it_stood_for_when_it_was_met():
    met, of = np.eye(COUNT), np.arange(COUNT)
    same = units(met, of, np.tile(met, (2, 1)), np.tile(of, 2))
    assert same["roc area"] == {"units": 1, "best unit of a class": 1}
    lacking = units(1 - met, of, 1 - met, of)  # a unit may stand for a class by its silence
    assert lacking["roc area"]["best unit of a class"] == 1
    moved = units(met, of, np.roll(met, 1, axis=1), of)
    assert moved["roc area"]["units"] < 0.5


def test_activation_is_the_share_of_concepts_in_what_is_recalled(met, twins):
    memory, _ = met
    answers = ask(memory, twins, "picture", BY["innate"], k=5)
    found = np.stack([activation(memory, one, twins.names) for one in answers.recalls])
    assert found.argmax(axis=1).tolist() == list(range(COUNT))
    assert (found.sum(axis=1) <= 1 + 1e-6).all()
    assert activation(memory, answers.recalls[0], ("nobody",)).tolist() == [0]


# two routes, and what is new


def groups(count, *, apart, rng):
    """Points around ``count`` centres."""
    of = np.repeat(np.arange(count), 40)
    centres = apart * np.eye(count, 12)
    return (centres[of] + rng.normal(size=(len(of), 12))).astype(np.float32), of


def test_both_routes_name_what_lies_apart_and_neither_what_does_not():
    rng = np.random.default_rng(0)
    of = np.tile(np.arange(COUNT), 30)
    apart = 20 * np.eye(COUNT)[of] + rng.normal(size=(300, COUNT))
    found = named(apart.astype(np.float32), of, 200, (1, 20))
    assert found["taught"]["20"] == found["nearest"]["20"] == found["nearest"]["1"] == 1
    found = named(rng.normal(size=(300, COUNT)).astype(np.float32), of, 200, (20,))
    assert max(found["taught"]["20"], found["nearest"]["20"]) < 0.3


@pytest.mark.parametrize("rule", ["learned", "nearest"])
def test_what_lies_apart_is_new_and_joins_nothing(rule):
    places, of = groups(6, apart=30.0, rng=np.random.default_rng(0))
    example = (np.arange(len(of)) % 2 == 0) & (of < 4)
    cue = ~(np.arange(len(of)) % 2 == 0)
    found = told_as_new(places[example], of[example], places[cue], of[cue], 0, rule)
    assert found["area"] == 1
    assert found["false joins"] == 0
    assert found["joins"] == found["right joins"] > 0.9


def test_spaces_side_by_side_count_alike_whatever_their_units():
    places, of = groups(5, apart=8.0, rng=np.random.default_rng(0))
    example = of < 4
    both = side_by_side([places, 1000 * places], example)
    assert both[:, :12] == pytest.approx(both[:, 12:], rel=1e-4)
    assert both[example].var(axis=0).sum() == pytest.approx(2, rel=1e-4)


# parents, and what is innate


def test_what_lies_by_sneakers_is_footwear_and_by_coats_is_clothing():
    rng = np.random.default_rng(0)
    centres = {"sneaker": 0, "boot": 1, "coat": 2, "bag": 3}
    names = [name for name in centres for _ in range(6)]
    places = np.stack([9 * np.eye(8)[centres[name]] for name in names]) + rng.normal(size=(24, 8))
    cues = 9 * np.eye(8)[[0, 1, 2, 3]]
    found = parents_of(places, names, cues, 0)
    assert found == ["footwear", "footwear", "clothing", "container"]


def test_every_kind_of_clothes_has_its_parent_in_wordnet(tmp_path):
    names = concepts2023_hierarchy.NAMES
    with Memory.open(tmp_path / "m", create={"resolution": None, "vector": 10}) as memory:
        memory.remember_many(vector=np.eye(10, dtype=np.float32), label=list(names))
        for name in names:
            above = {one.label for one in memory.concepts.above(name)}
            assert concepts2023_hierarchy.PARENTS[name] in above


def test_untaught_senses_are_the_seeds_and_no_other():
    picture = np.random.default_rng(0).integers(0, 255, (28, 28, 3)).astype(np.uint8)
    sound = (np.random.default_rng(0).normal(size=9000).astype(np.float32) / 10, 16_000)
    for one, again, other in zip(untaught(0), untaught(0), untaught(1), strict=True):
        part = sound if one.modality == "sound" else picture
        assert np.array_equal(one.encode(part).features, again.encode(part).features)
        assert not np.allclose(one.encode(part).features, other.encode(part).features, atol=0.1)


@pytest.mark.parametrize("module", [concepts2023_cross_modal, concepts2023_cells])
def test_digits_and_clothes_are_judged_by_the_same_bounds(module):
    digits, clothes = module.RESULTS
    assert [one.number for one in digits.expected] == [one.number for one in clothes.expected]
    assert [str(one) for one in digits.expected] == [str(one) for one in clothes.expected]


def test_nothing_is_left_on_disk_but_the_memory_that_slept(tmp_path, monkeypatch, meeting, data):
    kept, left = tmp_path / "kept", tmp_path / "left"
    kept.mkdir()
    left.mkdir()
    source = kept / "memory"
    with Memory.open(source, create=INNATE) as memory:
        memory.remember(image=np.zeros((28, 28), np.uint8))
    monkeypatch.setattr("tempfile.tempdir", str(left))
    with concepts2023_cross_modal.copied(source) as copy:
        shutil.rmtree(copy)
    assert list(left.iterdir()) == []
    assert source.exists()
