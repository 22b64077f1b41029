import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from mnemic.datasets.scenes import NAMES, SIZES
from mnemic.plots.imagination import unpacked
from mnemic.reproduce.imagined_judge import (
    SCENES,
    STEADY,
    Judge,
    distance_to_nearest,
    rank_correlation,
    reach,
    within,
)
from mnemic.reproduce.imagined_scenes import never_stored, scenes_between, scenes_of_analogies
from mnemic.reproduce.imagined_spaces import Decoded, Pixels, combine, walk
from mnemic.reproduce.spens2022_few_shot import Network
from mnemic.reproduce.spens2022_imagination import CHANGED, packed, thumbnails


class Turned:
    """A space whose latents are the features in another order, doubled."""

    def encode(self, features):
        return 2 * features.flip(-1)

    def decode(self, latents):
        return latents.flip(-1) / 2


class Squared:
    """A space that is curved: its latents are the squares of the features."""

    def encode(self, features):
        return features**2

    def decode(self, latents):
        return latents.clamp(min=0).sqrt()


class Plain(Network):
    """A reader of "pictures" that are nothing but their six factors, a hundredth each."""

    def __init__(self):
        super().__init__((16, 16, 1), SIZES, rng=torch.Generator().manual_seed(0))

    def forward(self, pictures):
        return tuple(
            -((100 * pictures[:, at, None] - torch.arange(size)) ** 2)
            for at, size in enumerate(SIZES)
        )

    def look(self, pictures):
        return pictures


def shown(factors):
    return torch.from_numpy(factors).float() / 100


def every_factor(rng, count):
    return torch.stack([torch.randint(size, (count,), generator=rng) for size in SIZES], -1).numpy()


@pytest.fixture
def judge(rng):
    return Judge(Plain(), SCENES, shown(every_factor(rng, 200)))


def test_the_distance_to_the_nearest_is_that_of_the_numpy_loop(rng):
    some, many = torch.rand(5, 12, generator=rng), torch.rand(40, 12, generator=rng)
    loop = [min(np.sqrt(np.mean((a - b) ** 2)) for b in many.numpy()) for a in some.numpy()]
    np.testing.assert_allclose(distance_to_nearest(some, many), loop, rtol=1e-4)


def test_surroundings_reach_to_the_third_nearest_other(rng):
    points = torch.rand(30, 4, generator=rng)
    loop = [
        sorted(np.linalg.norm(points[a] - points[b]) for b in range(30) if b != a)[2]
        for a in range(30)
    ]
    np.testing.assert_allclose(reach(points), loop, rtol=1e-4)


def test_what_is_within_the_surroundings_of_any_is_within():
    others, reached = torch.tensor([[0.0], [10.0]]), torch.tensor([1.0, 3.0])
    points = torch.tensor([[0.9], [1.1], [6.9], [7.1], [12.0]])
    assert within(points, others, reached).tolist() == [True, False, False, True, True]


def test_rank_correlation_is_spearmans_and_nothing_where_nothing_moves():
    rng = np.random.default_rng(0)
    read = rng.integers(0, 5, (40, 9))
    read[0] = 3
    found = rank_correlation(read)
    expected = [spearmanr(np.arange(9), way).statistic for way in read[1:]]
    assert found[0] == 0
    np.testing.assert_allclose(found[1:], expected, atol=1e-12)


def test_one_jump_is_not_steady_but_small_steps_are():
    jumps = np.array([[0] * step + [7] * (9 - step) for step in range(1, 9)])
    assert (rank_correlation(jumps) < STEADY).all()
    assert (rank_correlation(np.array([[1, 1, 2, 3, 3, 4, 5, 5, 6]])) >= STEADY).all()


@pytest.mark.parametrize("name", SCENES.ordered)
def test_a_scene_between_two_is_halfway_in_one_factor_and_the_same_in_the_others(name, rng):
    starts, ends, middles = scenes_between(name, 300, rng=rng)
    at = NAMES.index(name)
    assert np.array_equal(2 * middles, starts + ends)
    assert np.array_equal(np.delete(starts, at, axis=1), np.delete(ends, at, axis=1))
    assert (ends[:, at] - starts[:, at] >= 3).all()
    assert all((each >= 0).all() and (each < SIZES).all() for each in (starts, ends))


@pytest.mark.parametrize("name", CHANGED)
def test_an_analogy_changes_two_scenes_in_the_same_way_and_only_so(name, rng):
    like, plus, minus, true = scenes_of_analogies(name, 300, rng=rng)
    at = NAMES.index(name)
    assert np.array_equal(plus - minus, true - like)
    assert (plus[:, at] != minus[:, at]).all()
    assert not np.delete(plus - minus, at, axis=1).any()
    assert (like != minus).any(axis=0).sum() == 5  # else any scene
    assert all((each >= 0).all() and (each < SIZES).all() for each in (like, plus, true))


def test_of_scenes_that_belong_together_none_was_stored(rng):
    one, other = every_factor(rng, 20), every_factor(rng, 20)
    stored = np.concatenate([one[:3], other[5:7]])
    left = never_stored((one, other), stored, 10)
    rows = [3, 4, *range(7, 15)]
    assert np.array_equal(left[0], one[rows])
    assert np.array_equal(left[1], other[rows])


def test_walking_in_pixels_is_blending(rng):
    starts, ends = torch.rand(2, 6, 12, generator=rng)
    ways = walk(Pixels(), starts, ends, 3)
    torch.testing.assert_close(ways, torch.stack([starts, (starts + ends) / 2, ends], dim=1))


def test_walking_in_a_space_is_straight_there_and_not_in_pixels(rng):
    starts, ends = torch.rand(2, 6, 12, generator=rng)
    ways = walk(Squared(), starts, ends, 3)
    torch.testing.assert_close(ways[:, 1] ** 2, (starts**2 + ends**2) / 2)
    torch.testing.assert_close(ways[:, 0], starts)


def test_walking_in_decoded_pixels_blends_what_was_decoded(rng):
    class Coarse(Squared):
        def decode(self, latents):
            return latents.round()

    starts, ends = torch.rand(2, 6, 12, generator=rng)
    ways = walk(Decoded(Coarse()), starts, ends, 3)
    torch.testing.assert_close(ways[:, 1], ((starts**2).round() + (ends**2).round()) / 2)


def test_arithmetic_adds_what_differs(rng):
    like, plus, minus = torch.rand(3, 6, 12, generator=rng)
    sums = like + plus - minus
    torch.testing.assert_close(combine(Turned(), like, plus, minus), sums)
    torch.testing.assert_close(combine(Pixels(), like, plus, minus), sums.clamp(0, 1))


def test_a_judge_takes_the_true_scene_for_right_and_an_ordered_factor_one_off_too(judge):
    truth = np.array([[3, 3, 3, 3, 1, 3]] * 3)
    read = truth.copy()
    read[1, [3, 5]] += 1, -1  # scale and orientation
    read[2, [0, 3]] += 1, 2  # floor hue and scale
    right = judge.right(shown(read), truth)
    assert right[0].all()
    assert right[1].all()
    assert right[2].tolist() == [False, True, True, False, True, True]


def test_imagined_scenes_are_told_apart_by_what_changed_and_what_was_kept(judge):
    truth = np.array([[3, 3, 3, 3, 1, 3]] * 4)
    read = truth.copy()
    read[0, 4] = 2  # another shape than asked for
    read[1, 0] = 5  # another floor
    read[2, [0, 4]] = 5, 2
    found = judge.compared(shown(read), shown(truth), truth, "shape")
    assert (found["shown"], found["rest kept"], found["both"]) == (0.5, 0.5, 0.25)
    error = (0.01 + 0.02 + 0.02 + 0.01) / 24
    assert found["error"] == pytest.approx(error)


def test_a_steady_change_is_told_from_one_that_jumps(judge, rng):
    starts, ends = every_factor(rng, 60), every_factor(rng, 60)
    steady = walk(Pixels(), shown(starts), shown(ends), 9)
    jumping = torch.where(torch.arange(9)[:, None] < 4, steady[:, :1], steady[:, -1:])
    for name in SCENES.ordered:
        assert judge.steadiness(steady, starts, ends)[name]["share"] == 1
        assert judge.steadiness(jumping, starts, ends)[name]["share"] == 0
        assert judge.steadiness(steady, ends, starts)[name]["rank correlation"] < -STEADY


def test_real_pictures_are_like_the_real_and_others_are_not(judge):
    assert judge.like_the_real(judge.real[:50]) == 1
    assert judge.like_the_real(judge.real[:50] + 1) == 0
    assert judge.realism(judge.real[:50])["distance"] == pytest.approx(0, abs=1e-3)


def test_one_picture_again_and_again_has_no_variety(judge):
    varied, same = judge.variety(judge.real), judge.variety(judge.real[:1].expand(200, -1))
    assert varied["real reached"] == 1
    assert same["real reached"] < 0.1
    assert same["spread"] == pytest.approx(0, abs=1e-4)
    apart = np.linalg.norm(judge.real[:, None] - judge.real[None], axis=-1) / 6**0.5
    assert varied["spread"] == pytest.approx(apart[np.triu_indices(200, 1)].mean(), rel=1e-4)


@pytest.mark.parametrize("size", [(4, 5, 6, 3), (2, 7, 7, 1)])
def test_packed_pictures_are_unpacked_as_they_were(size, rng):
    levels = torch.randint(256, size, generator=rng)
    numbers = packed(levels / 255)
    assert len(numbers) == -(-levels.numel() // 6)
    assert np.array_equal(unpacked(numbers, *size[1:]), levels.numpy())


def test_a_thumbnail_is_small_and_as_bright_as_its_picture(rng):
    pictures = torch.rand(3, 64 * 64 * 3, generator=rng)
    small = thumbnails(pictures, (64, 64, 3))
    assert small.shape == (3, 24, 24, 3)
    torch.testing.assert_close(
        small.mean((1, 2)), pictures.view(3, -1, 3).mean(1), atol=0.02, rtol=0
    )


def test_a_picture_small_already_is_kept_as_it_is(rng):
    pictures = torch.rand(2, 28 * 28, generator=rng)
    assert torch.equal(thumbnails(pictures, (28, 28, 1)), pictures.view(2, 28, 28, 1))
