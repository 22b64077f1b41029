"""What comes next: learned from latents whose order is known, and from some that have none."""

import json
import math

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from scipy.stats import multivariate_normal

from mnemic.errors import ConfigError, DamagedError, EmptyMemoryError, NewerVersionError
from mnemic.neocortex.sequence import Expected, Order, OrderConfig, learn_order
from mnemic.randomness import generator

SOON = OrderConfig(hidden=16, slots=8, steps=150, batch=16, longest=8, rate=1e-2)


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """In all tests of this file."""


def circling(seed, count=20, length=10):
    """On a circle, an eighth of a turn a step, from anywhere; and a feature that says nothing."""
    starts = torch.rand(count, generator=generator(seed, "starts")) * 2 * math.pi
    angles = starts[:, None] + torch.arange(length) * math.pi / 4
    return list(torch.stack([3 + angles.cos(), angles.sin(), torch.ones_like(angles)], dim=-1))


def taught(sequences, config=SOON, seed=0):
    learning = learn_order(sequences, config, rng=generator(seed, "order"))
    while True:
        try:
            next(learning)
        except StopIteration as stopped:
            return stopped.value


@pytest.fixture(scope="module")
def circle():
    torch.set_num_threads(1)
    return taught(circling(0))


def test_what_follows_on_a_circle_is_expected_of_circles_never_seen(circle):
    for one in circling(7, count=10):
        for seen in (2, 5, 8):
            expected = circle.expect(one[:seen])
            assert (expected.latent - one[seen]).norm() < 0.35  # a step is .77 long
            assert expected.sure > 0.8


def test_what_does_not_follow_surprises_more_than_what_does(circle):
    as_usual = 0
    for one in circling(3, count=10):
        expected = circle.expect(one[:4])
        as_usual += circle.surprise(expected, one[4]) < 0.99
        assert circle.surprise(expected, one[1]) > 0.99
        assert circle.surprise(expected, one[3]) > circle.surprise(expected, one[4])
    assert as_usual >= 8  # four circles held out are not all there are


def test_of_what_has_no_order_nothing_is_expected():
    drawn = torch.randn(20, 10, 3, generator=generator(0, "noise"))
    order = taught(list(drawn))
    assert order.notes["held out"] == 4
    assert order.expect(drawn[0, :5]).sure < 0.3


def test_the_less_can_be_foreseen_the_more_noise_is_learned_with(circle):
    assert circle.notes["noise"] == 0.1
    rng = generator(0, "kinds")
    kinds = torch.randn(6, 12, generator=rng)  # one kind after another; the rest is as it comes
    starts = torch.randint(6, (30,), generator=rng)
    drawn = kinds[(starts[:, None] + torch.arange(8)) % 6] + torch.randn(30, 8, 12, generator=rng)
    assert taught(list(drawn)).notes["noise"] == 1.0


def test_surprise_weighs_what_was_expected_against_what_comes_at_any_time(circle):
    order = taught(circling(0), OrderConfig(hidden=4, slots=2, steps=1, batch=2))
    expected = Expected(torch.tensor([3.2, 0.1, 1.0]), 0.3)
    came = torch.tensor([2.4, -0.5, 1.0])
    order.unforeseen = torch.tensor([[2.0, 0.3, 0.0], [0.3, 1.5, 0.1], [0.0, 0.1, 1.0]])
    order.anything = torch.diag(torch.tensor([0.5, 0.8, 1.0]))
    missed = 0.3 * torch.linalg.inv(order.unforeseen)  # a covariance
    scaled, mean = ((one - order.mean) / order.spread for one in (came, expected.latent))
    less_likely = multivariate_normal.logpdf(
        scaled, cov=torch.linalg.inv(order.anything)
    ) - multivariate_normal.logpdf(scaled, mean, missed)
    constant = 0.5 * torch.logdet(order.anything) - 0.5 * torch.logdet(order.unforeseen)
    told = math.exp((less_likely - float(constant)) / 3)
    order.usual = [0.99 * told, 1.01 * told]
    assert order.surprise(expected, came) == pytest.approx(1 / 3)
    order.usual = [1.01 * told, 1.02 * told]
    assert order.surprise(expected, came) == 0.0


def test_usual_errors_are_in_order_and_come_from_what_was_held_out(circle):
    assert circle.usual == sorted(circle.usual)
    assert len(circle.usual) == 4 * 8  # four of twenty; a ninth and a tenth of ten begin anew
    few = taught(circling(0, count=4))
    assert few.notes["held out"] == 0
    assert few.usual


def test_learning_is_the_same_for_the_same_seed():
    quick = OrderConfig(hidden=4, slots=2, steps=3, batch=2)
    one, same, other = (taught(circling(0, 6), quick, seed) for seed in (0, 0, 1))
    latents = circling(1)[0][:3]
    assert torch.equal(one.expect(latents).latent, same.expect(latents).latent)
    assert not torch.equal(one.expect(latents).latent, other.expect(latents).latent)


def test_an_order_comes_back_from_its_file_and_is_no_pickle(circle, tmp_path):
    path = tmp_path / "image-1.order.safetensors"
    circle.notes["pause"] = 5.0
    circle.save(path)
    back = Order.load(path)
    latents = circling(1)[0][:3]
    expected = circle.expect(latents)
    assert torch.equal(back.expect(latents).latent, expected.latent)
    assert back.usual == circle.usual
    assert back.notes == circle.notes
    with safe_open(path, framework="pt") as file:
        assert json.loads(file.metadata()["config"])["order"]["hidden"] == 16


@pytest.mark.parametrize("harm", ["cut", "other", "newer"])
def test_a_file_that_is_no_order_is_refused(circle, tmp_path, harm):
    path = tmp_path / "image-1.order.safetensors"
    circle.save(path)
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-10])
        error = DamagedError
    else:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata()
        kept = load_file(path)
        metadata |= {"format": "mnemic student"} if harm == "other" else {"version": "2"}
        save_file(kept, path, metadata)
        error = DamagedError if harm == "other" else NewerVersionError
    with pytest.raises(error, match=path.name):
        Order.load(path)


def test_where_nothing_follows_there_is_nothing_to_learn():
    with pytest.raises(EmptyMemoryError, match="nothing follows"):
        taught([torch.ones(1, 3), torch.zeros(1, 3)])


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"steps": 0}, "steps must be at least 1, got 0"),
        ({"longest": 1}, "longest must be at least 2, got 1"),
        ({"rate": math.inf}, "batch and rate must be above 0"),
        ({"held_out": 1.0}, "held_out must be a share"),
        ({"noise": ()}, "one at least"),
        ({"noise": (0.1, -1.0)}, "noise must be numbers from 0"),
    ],
)
def test_settings_that_make_no_sense_are_refused(how, says):
    with pytest.raises(ConfigError, match=says):
        OrderConfig(**how)
