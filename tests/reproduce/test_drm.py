import math

import numpy as np
import pytest
import torch

from mnemic.datasets.drm_lists import DRM_LISTS
from mnemic.datasets.words import base_forms
from mnemic.errors import ConfigError, DataError
from mnemic.reproduce.registry import results
from mnemic.reproduce.spens2024_drm import (
    ALONE,
    FILLERS,
    LISTS,
    SHUFFLED,
    Config,
    Study,
    by_its_time,
    drawn,
    load,
    one_person,
    remembered,
)
from mnemic.reproduce.word_student import (
    Reading,
    WordStudent,
    best_threshold,
    loss_of,
    missed,
    ranks_left_out,
    read,
)

TOPIC = 12  # words that go together; there are two such topics


@pytest.fixture
def rng():
    return torch.Generator().manual_seed(0)


def student_of(frequencies, rng, **changes):
    reading = Reading(**({"hidden": 16, "latent_dim": 4} | changes))
    return WordStudent(torch.as_tensor(frequencies), reading, rng=rng)


@pytest.fixture
def educated(rng):
    """A student of documents that are eight of the twelve words of one topic or the other."""
    lesson = torch.zeros(600, 2 * TOPIC)
    for row, document in enumerate(lesson):
        document[TOPIC * (row % 2) + torch.randperm(TOPIC, generator=rng)[:8]] = 1
    student = student_of(lesson.mean(0), rng, epochs=30, learning_rate=1e-2, batch=60)
    for _ in read(student, lesson, rng=rng):
        pass
    return student


def topic_without_its_first(count):
    """Lists of words of the first topic, of which word 0 is not told."""
    told = torch.zeros(1, 2 * TOPIC, dtype=torch.bool)
    told[0, 1 : 1 + count] = True
    return told


def test_missing_words_leaves_their_mean_as_it_was(rng):
    heard = missed(torch.ones(400, 50), 0.2, rng=rng)
    assert torch.equal(heard.unique(), torch.tensor([0.0, 1.25]))
    assert float(heard.mean()) == pytest.approx(1.0, abs=0.02)


def test_the_loss_agrees_with_the_numpy_loop(rng):
    student = student_of([0.2, 0.5, 0.1, 0.4, 0.3], rng, kl_weight=0.3)
    documents = torch.tensor([[1.0, 0, 0, 1, 1], [0, 1, 0, 0, 1]])
    loss = loss_of(student, documents, rng=torch.Generator().manual_seed(5))
    again = torch.Generator().manual_seed(5)
    kept = torch.rand(2, 5, generator=again).numpy() >= 0.5
    noise = torch.randn(2, 4, generator=again).numpy().astype(float)
    weights = {name: each.detach().numpy() for name, each in student.named_parameters()}

    def dense(name, x):
        return weights[f"{name}.weight"].astype(float) @ x + weights[f"{name}.bias"]

    total = 0.0
    for row, document in enumerate(documents.numpy().astype(float)):
        hidden = np.tanh(dense("hidden", document * kept[row] / 0.5))
        mean, log_variance = dense("mean", hidden), dense("log_variance", hidden)
        logits = dense("words", mean + np.exp(log_variance / 2) * noise[row])
        for word, logit in zip(document, logits, strict=True):
            probability = 1 / (1 + math.exp(-logit))
            total -= math.log(probability if word else 1 - probability)
        total += 0.3 * 0.5 * (mean**2 + np.exp(log_variance) - 1 - log_variance).sum()
    assert loss.item() == pytest.approx(total / 2, rel=1e-5)


def test_a_student_that_has_read_nothing_expects_words_as_often_as_they_occur(rng):
    frequencies = torch.tensor([0.01, 0.3, 0.99])
    expected = student_of(frequencies, rng).decode(torch.zeros(1, 4))[0]
    assert torch.allclose(expected, frequencies, atol=1e-6)


def test_a_student_learns_which_words_go_together(educated):
    expected = educated.decode(educated.encode(topic_without_its_first(6).float()).mean)[0].detach()
    assert float(expected[:TOPIC].min()) > 0.5 > float(expected[TOPIC:].max())


def test_reading_depends_on_nothing_but_its_generators():
    def taught():
        rng = torch.Generator().manual_seed(3)
        student = student_of([0.5] * 6, rng, epochs=2, batch=4)
        steps = list(read(student, torch.eye(6), rng=rng))
        return student, steps

    (one, steps), (other, _) = taught(), taught()
    assert steps == [(1, 4), (2, 4), (3, 4), (4, 4)]
    for first, second in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(first, second)


@pytest.mark.parametrize("wrong", [{"hidden": 0}, {"epochs": 0}, {"dropped": 1.0}])
def test_a_reading_that_cannot_be_is_refused_by_name(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        Reading(**wrong)


def test_each_list_comes_back_by_its_time_as_it_was_stored(rng):
    contents = torch.cat([torch.randn(36, 20, generator=rng), torch.rand(36, 50, generator=rng)], 1)
    contents[1] = contents[0]
    contents[1, 3] += 0.1  # nearly the same, at another time
    assert torch.allclose(by_its_time(contents), contents, atol=1e-4)


def test_a_word_left_out_is_among_the_first_a_student_expects(educated, rng):
    documents = torch.zeros(50, 2 * TOPIC)
    documents[:, :8] = 1
    frequencies = torch.full((2 * TOPIC,), 1 / 3)
    frequencies[TOPIC:] += 0.1  # the other topic is the more frequent one
    ranks = ranks_left_out(educated, documents, frequencies, rng=rng)
    assert ranks["median rank, student"] <= 5  # the one left out, and four never told
    assert ranks["median rank, frequency"] == TOPIC + 1


def test_a_word_that_goes_with_those_told_is_recalled_though_it_was_not(educated, rng):
    few, many = (
        torch.stack(
            [
                remembered(educated, topic_without_its_first(count), 0.5, rng=rng).sure[0, 0]
                for _ in range(40)
            ]
        )
        for count in (1, 10)
    )
    assert float((many > 0.5).float().mean()) > 0.9
    assert float(many.mean()) > float(few.mean()) + 0.05
    of_the_other_topic = remembered(educated, topic_without_its_first(10), 0.5, rng=rng).sure[
        0, TOPIC:
    ]
    assert float(of_the_other_topic.max()) < 0.5


def test_all_that_was_heard_comes_back_and_only_what_is_not_expected_is_kept(educated, rng):
    told = topic_without_its_first(8)
    told[0, -1] = True  # a word of the other topic
    sure, kept = remembered(educated, told, 0.5, attentive=True, rng=rng)
    assert bool((sure[told] > 0.5).all())
    assert kept.nonzero().tolist() == [[0, 2 * TOPIC - 1]]


def test_a_word_that_was_missed_and_is_not_expected_is_not_recalled(rng):
    ignorant = student_of([0.01] * 500, rng)
    told = torch.zeros(2, 500, dtype=torch.bool)
    told[:, :400] = True
    sure, kept = remembered(ignorant, told, 0.5, rng=rng)
    assert torch.equal(sure > 0.5, kept)
    assert float(kept[told].float().mean()) == pytest.approx(0.5, abs=0.06)
    assert not kept[~told].any()


class Convinced(WordStudent):
    """Expects word 0 at .3 and word 1 at .7, whatever it is shown."""

    def __init__(self):
        rng = torch.Generator().manual_seed(0)
        super().__init__(torch.full((3,), 0.1), Reading(hidden=1, latent_dim=1), rng=rng)

    def decode(self, latents):
        return torch.tensor([0.3, 0.7, 0.0]).expand(len(latents), 3)


def test_documents_choose_a_threshold_that_lets_in_what_is_there_and_keeps_out_what_is_not(rng):
    documents = torch.tensor([[False, True, True]] * 49 + [[True, True, True]])
    assert 0.3 <= best_threshold(Convinced(), documents, rng=rng) < 0.7
    seldom = torch.tensor([[False, False, True]] * 50)
    assert best_threshold(Convinced(), seldom, rng=rng) >= 0.7


@pytest.fixture
def study(rng):
    """Four lists of fifteen words, numbered on, their lures last; one word is not known."""
    lists = torch.arange(60).reshape(4, 15)
    lists[2, 7] = -1
    lists[3, 0] = 60  # a lure is a word of another list
    return Study(student_of([0.01] * 64, rng), 0.5, lists, torch.tensor([60, 61, 62, -1]))


def test_of_a_list_as_many_words_are_told_as_were_asked_for_and_never_its_lure(study, rng):
    told = drawn(study, LISTS, 15, rng)
    assert told.sum(dim=1).tolist() == [15, 15, 14, 15]
    for row, words in enumerate(told):
        assert set(words.nonzero()[:, 0].tolist()) <= set(study.lists[row].tolist())
    assert drawn(study, LISTS, 6, rng)[0].sum() == 6


def test_fillers_and_shuffled_lists_are_words_of_other_lists_and_not_the_lure(study, rng):
    for _ in range(20):
        filled, shuffled = drawn(study, FILLERS, 6, rng), drawn(study, SHUFFLED, 15, rng)
        own = torch.zeros_like(filled)
        for row, words in enumerate(study.lists):
            own[row, words[words >= 0]] = True
        assert (filled & own).sum(dim=1)[0] == 6
        assert filled[0].sum() >= 14  # a filler may be the word that is not known
        assert not (shuffled & own).any()
        assert not filled[0, 60]
        assert not shuffled[0, 60]


def test_the_teacher_alone_recalls_what_was_told_and_nothing_else(study, rng):
    person = one_person(study, ALONE, 15, rng)
    assert person["studied"] == 1
    assert person["lure"] == person["other words"] == person["unrelated lures"] == 0


def test_lists_are_places_in_the_vocabulary_that_documents_are_read_by():
    toy = results()["spens2024/drm"].scales["toy"]
    data, other = load(toy, 0), load(toy, 1)
    vocabulary, base = data["vocabulary"].tolist(), base_forms()
    assert data["documents"].shape == (300, len(vocabulary))
    assert not np.array_equal(data["documents"], other["documents"])
    for row, words in enumerate(DRM_LISTS.values()):
        for at, word in enumerate(words):
            place = data["lists"][row, at]
            assert vocabulary[place] == base(word) if place >= 0 else base(word) not in vocabulary


def test_more_documents_than_there_are_cannot_be_had():
    toy = results()["spens2024/drm"].scales["toy"]
    with pytest.raises(DataError, match=r"1000120 documents .* root="):
        load(Config(**(vars(toy) | {"nights": 1, "unseen": 1_000_000})), 0)
