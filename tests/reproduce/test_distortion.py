import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

from mnemic import datasets
from mnemic.neocortex import Student
from mnemic.neocortex.residual import residual_of
from mnemic.nn.autoencoder import Autoencoder, Coded
from mnemic.plots.distortion import unpacked
from mnemic.reproduce.spens2024_boundary import (
    RESULTS,
    ZOOMS,
    is_object,
    load,
    most_alike,
    object_size,
    zoomed,
)
from mnemic.reproduce.spens2024_extended import (
    ExtendedMemory,
    Traces,
    badly_predicted,
    own_share,
    packed,
    put_out,
    rank_correlation,
    rebuilt,
    recalled_as_published,
    squared_error,
    traces_of,
    with_squares,
)
from mnemic.reproduce.spens2024_labels import THRESHOLD, Reader, blurred, mixed, remembered
from mnemic.reproduce.spens2024_prototypes import (
    Spens2024Digits,
    variance_between,
    variance_within,
)


class Evenly(Autoencoder):
    """Sees of a picture of 4 by 4 in 3 colours how bright each colour is on average."""

    def __init__(self):
        super().__init__((4, 4, 3), 3)

    def encode(self, pictures):
        mean = pictures.mean(dim=(-2, -1))
        return Coded(mean, torch.zeros_like(mean))

    def decode(self, latents):
        return latents[:, :, None, None].expand(-1, -1, 4, 4)


FLAT = Student(Evenly(), "mnemic")


def pictures(rng, count):
    return torch.rand(count, 48, generator=rng)


@pytest.mark.parametrize("threshold", [0.01, 0.1, 0.3])
def test_what_is_badly_predicted_is_what_a_residual_would_keep(rng, threshold):
    seen, schemas = pictures(rng, 5), pictures(rng, 5)
    found = badly_predicted(seen, schemas, threshold)
    for picture, schema, detailed in zip(seen, schemas, found, strict=True):
        residual = residual_of(picture.numpy(), schema.numpy(), None, tolerance=threshold)
        assert np.array_equal(detailed.numpy(), residual.detailed)


def test_detail_lies_over_the_schema_and_nowhere_else():
    latents = torch.tensor([[0.1, 0.2, 0.3]])
    detailed = torch.zeros(1, 48, dtype=torch.bool)
    detailed[0, 4] = True  # the second pixel, green
    seen = torch.full((1, 48), 0.9)
    came = rebuilt(FLAT, Traces(latents, seen, detailed)).reshape(16, 3)
    assert came[1].tolist() == pytest.approx([0.1, 0.9, 0.3])
    assert torch.allclose(came[[0, *range(2, 16)]], latents.expand(15, 3))


@pytest.mark.parametrize("threshold", [0.05, 0.2])
def test_a_memory_comes_back_no_further_off_than_the_threshold(rng, threshold):
    seen = pictures(rng, 20)
    memory = ExtendedMemory(FLAT, traces_of(FLAT, seen, threshold), 0)
    came = memory.recall(put_out(seen, rng=rng))
    assert own_share(came, seen) == 1.0
    assert float((came - seen).abs().max()) <= threshold + 1e-4


def test_a_trace_without_detail_is_found_as_well_as_one_with_much(rng):
    # of the first, nothing is missed: it is its latent alone
    even, odd = torch.full((1, 48), 0.5), pictures(rng, 1)
    seen = torch.cat([even, odd])
    memory = ExtendedMemory(FLAT, traces_of(FLAT, seen, 0.05), 0)
    assert memory.stored.detailed.any(dim=-1).tolist() == [False, True]
    for cues, known in ((put_out(seen, rng=rng), None), (seen, torch.arange(48) < 24)):
        came = memory.recall(cues, None if known is None else known.expand(2, -1))
        assert torch.allclose(came[:1], even, atol=1e-4)
        assert float((came[1:] - odd).abs().max()) <= 0.05 + 1e-4


def test_by_the_published_rule_a_pixel_is_kept_in_all_colours_or_in_none():
    seen = torch.full((1, 48), 0.5).reshape(1, 16, 3)
    seen[0, 0, 0] = 1.0  # off by about .5 in red, so by more than .1 in the mean of three
    seen[0, 1, 1] = 0.7  # off by about .2 in green, so by less
    seen = seen.flatten(1)
    came, kept = recalled_as_published(FLAT, seen, seen, 0.1, 0)
    assert kept.reshape(16, 3)[0].all()
    assert not kept.reshape(16, 3)[1:].any()
    assert float(came[0, 0]) == pytest.approx(1.0, abs=1e-6)
    # green and blue were exactly middle grey, which the rule cannot tell from not stored
    assert torch.equal(came[0, 1:3], FLAT.decode(FLAT.encode(seen))[0, 1:3])


def test_error_is_summed_over_features_and_averaged_over_pictures():
    seen = torch.zeros(2, 3)
    came = torch.tensor([[1.0, 2.0, 0.0], [0.0, 0.0, 3.0]])
    assert squared_error(seen, came) == pytest.approx((5 + 9) / 2)


def test_squares_only_brighten_and_only_so_much(rng):
    seen = 0.5 * torch.rand(10, 16 * 16 * 3, generator=rng)
    painted = with_squares(seen, (16, 16, 3), rng=rng)
    changed = (painted != seen).reshape(10, 256, 3).any(dim=-1).sum(dim=-1)
    assert bool((painted >= seen).all())
    assert float(painted.max()) <= 1.0
    assert 0 < int(changed.min()) <= int(changed.max()) <= 3 * 2 * 2


def test_a_tenth_of_a_cue_is_put_out_and_the_rest_left(rng):
    seen = 0.1 + 0.9 * torch.rand(50, 1000, generator=rng)
    cue = put_out(seen, rng=rng)
    assert float((cue == 0).float().mean()) == pytest.approx(0.1, abs=0.01)
    assert torch.equal(cue[cue != 0], seen[cue != 0])


@pytest.mark.parametrize("grid", [(64, 64, 3), (28, 28, 1), (5, 7, 1)])
def test_a_packed_picture_is_unpacked_to_half_a_level(rng, grid):
    picture = torch.rand(*grid, generator=rng)
    back = unpacked(packed(picture.flatten()), grid)
    assert back.shape == grid
    assert np.abs(back - picture.numpy()).max() <= 0.5 / 31 + 1e-6


def test_ranks_are_correlated_as_spearman_did(rng):
    one, other = torch.randint(6, (2, 30), generator=rng).double().tolist()  # with ties
    assert rank_correlation(one, other) == pytest.approx(spearmanr(one, other).statistic)


def test_variance_within_and_between_classes_add_up(rng):
    labels = torch.arange(4).repeat_interleave(25)
    seen = torch.rand(100, 6, generator=rng).double() + labels[:, None]
    within = np.mean([variance_within(seen[labels == label]) for label in range(4)])
    whole = seen.numpy().var(axis=0).mean()
    assert within + variance_between(seen, labels) == pytest.approx(whole)


def test_the_network_for_digits_has_the_weights_of_the_published_one(rng):
    # counted by hand from the article's code, layer by layer
    encoder = 320 + 18_496 + 50_192 + 340 + 2 * 420
    decoder = 65_856 + 36_928 + 18_464 + 289
    network = Spens2024Digits(rng=rng)
    assert sum(each.numel() for each in network.parameters()) == encoder + decoder
    assert network(torch.rand(2, 1, 28, 28), rng=rng).pictures.shape == (2, 1, 28, 28)


def scenes(count, rng):
    """Cubes of another hue than floor and wall."""
    factors = torch.randint(0, 5, (count, 6), generator=rng).numpy()
    factors[:, :3] = [[(row + 3 * place) % 10 for place in range(3)] for row in range(count)]
    factors[:, 4] = 0
    return datasets.shapes3d(factors=factors).images, factors[:, :3]


@pytest.mark.parametrize("zoom", ZOOMS)
def test_a_measured_size_is_as_large_as_the_view_was_zoomed(rng, zoom):
    images, hues = scenes(12, rng)
    near = np.stack([zoomed(image, zoom) for image in images])
    ratio = object_size(near / 255, hues) / object_size(images / 255, hues)
    assert np.median(ratio) == pytest.approx(zoom, rel=0.02)


def test_a_view_from_where_it_was_taken_is_the_picture(rng):
    images, _ = scenes(2, rng)
    assert np.array_equal(zoomed(images[0], 1.0), images[0])


def test_a_farther_view_draws_its_edge_out():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32] = 200
    far = zoomed(picture, 0.8)
    assert np.array_equal(far[0], far[63])
    assert np.array_equal(far[0, [0, 63], 0], [200, 0])


def test_an_object_is_told_by_its_hue_in_light_and_in_shade():
    red, green, blue = np.eye(3)
    picture = np.array([[red, 0.3 * green], [0.9 * blue, 0.2 * blue]])[None]
    hues = np.array([[0, 3, 7]])  # red, and nearly green and blue
    assert is_object(picture, hues)[0].tolist() == [[False, False], [True, True]]


def test_the_view_most_alike_is_the_one_that_came_back(rng):
    images, _ = scenes(3, rng)
    came = np.stack([zoomed(image, 1.1) for image in images]).reshape(3, -1) / 255
    recalled = {zoom: torch.from_numpy(came).float() for zoom in ZOOMS}
    expected = [1.1 / zoom - 1 for zoom in ZOOMS]
    assert most_alike(images, recalled) == pytest.approx(expected, abs=1e-6)


def reader(rng, classes):
    seen = torch.rand(60, 48, generator=rng)
    labels = np.arange(60) % classes
    return Reader(seen + torch.from_numpy(np.eye(48)[labels]).float(), labels)


@pytest.mark.parametrize("classes", [2, 4])
def test_log_odds_are_those_of_the_classifiers_probabilities(rng, classes):
    told = reader(rng, classes)
    seen = torch.rand(10, 48, generator=rng)
    either = np.tile([1, 0], (10, 1))
    share = told.classifier.predict_proba(seen.numpy())
    expected = np.log(share[:, 1] / share[:, 0])
    assert told.log_odds(seen, either) == pytest.approx(expected, abs=1e-4)
    assert told.leaning(seen, either) == pytest.approx(share[:, 1] / share[:, :2].sum(1), abs=1e-4)


def test_a_stimulus_is_as_much_the_one_as_the_other(rng):
    told = reader(rng, 3)
    eye = torch.eye(48)
    first, second = (0.5 + eye[[at]] * torch.tensor([[3.0], [2.0]]) for at in (0, 2))
    either = np.tile([0, 2], (2, 1))
    halves, kept = mixed(first, second, told.log_odds(first, either), told.log_odds(second, either))
    assert kept.all()
    assert told.leaning(halves, either) == pytest.approx([0.5, 0.5], abs=1e-4)


def test_what_the_classifier_does_not_tell_apart_is_no_stimulus():
    seen = torch.zeros(2, 3)
    halves, kept = mixed(seen, seen, np.array([1.0, -1.0]), np.array([-1.0, -1.0]))
    assert kept.tolist() == [True, False]
    assert len(halves) == 1


def test_only_the_middle_of_a_scene_is_out_of_focus(rng):
    images, _ = scenes(2, rng)
    soft = blurred(images)
    changed = (soft != images).any(axis=(0, 3))
    assert changed.any()
    assert not changed[:13].any()
    assert not changed[:, :11].any()


def test_a_label_moves_what_is_recalled_by_its_weight_but_not_the_detail(rng):
    evenly = 0.2 + 0.2 * torch.rand(6, 3, generator=rng)
    seen = FLAT.decode(evenly).reshape(6, 16, 3).clone()
    seen[range(6), range(6)] = 1.0  # one pixel of each that nothing predicts
    seen = seen.flatten(1)
    latents, meanings = FLAT.encode(seen), torch.rand(6, 3, generator=rng)
    detailed = badly_predicted(seen, FLAT.decode(latents), THRESHOLD)
    assert int(detailed.sum()) == 6 * 3
    for weight in (0.0, 0.5, 1.0):
        # one memory at a time: which one comes back is not what is asked here
        alone = zip(seen.split(1), meanings.split(1), strict=True)
        came = torch.cat([remembered(FLAT, *each, weight, 0) for each in alone])
        schemas = FLAT.decode((1 - weight) * latents + weight * meanings)
        assert torch.allclose(came, torch.where(detailed, seen, schemas), atol=1e-3)


def test_scenes_from_one_distance_show_things_of_one_size():
    config = RESULTS[0].scales["toy"]
    factors = load(config, 0)["factors"]
    assert len(np.unique(factors, axis=0)) == config.stored + config.unseen
    assert [len(np.unique(column)) > 1 for column in factors.T] == [True] * 3 + [False] + [True] * 2
