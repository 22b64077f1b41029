"""Completion sees only what is known, and gets from there to the whole."""

import pytest
import torch

from mnemic.neocortex import ConsolidationConfig, complete, consolidate, make_student
from mnemic.randomness import generator


class Twins:
    """A student that believes both halves of a picture to be equal."""

    def encode(self, features):
        left, right = features.chunk(2, dim=-1)
        return (left + right) / 2

    def decode(self, latents):
        return latents.repeat(1, 2)


def test_what_is_unknown_settles_on_what_fits_the_known():
    picture = torch.tensor([[0.2, 0.8, 0.2, 0.8]])
    known = torch.tensor([[True, True, False, False]])
    completed = complete(Twins(), picture, known, steps=30)
    torch.testing.assert_close(completed, picture, rtol=0, atol=1e-6)


def test_each_step_comes_nearer():
    picture = torch.tensor([[0.2, 0.8, 0.2, 0.8]])
    known = torch.tensor([[True, True, False, False]])
    errors = [
        (complete(Twins(), picture, known, steps=steps) - picture).abs().sum().item()
        for steps in range(6)
    ]
    assert errors == sorted(errors, reverse=True)
    assert errors[5] < errors[0]


def test_unknown_features_do_not_matter():
    rng = generator(0, "completion")
    known = torch.rand(3, 8, generator=rng) < 0.5
    features = torch.rand(3, 8, generator=rng)
    spoiled = torch.where(known, features, torch.nan)
    first, second = (complete(Twins(), given, known) for given in (features, spoiled))
    assert torch.equal(first, second)


def test_a_picture_that_shows_nothing_is_completed_too():
    nothing = torch.zeros(1, 8, dtype=torch.bool)
    assert complete(Twins(), torch.full((1, 8), torch.nan), nothing).isfinite().all()


@pytest.mark.parametrize("half", ["upper", "lower"])
def test_a_trained_student_sees_the_hidden_half(half, squares):
    student = make_student(grid=(16, 16, 1), latent_dim=8, seed=0)
    config = ConsolidationConfig(epochs=8, batch=16, learning_rate=3e-3)
    list(consolidate(student, squares(300), config, rng=generator(0, "sleep")))
    unseen = squares(50, seed=1)
    known = torch.zeros(50, 16, 16, dtype=torch.bool)
    known[:, :8] = half == "upper"
    known[:, 8:] = half == "lower"
    known = known.reshape(50, 256)
    completed = complete(student, unseen, known)
    at_once = student.decode(student.encode(torch.where(known, unseen, 0.0)))
    ours = (completed - unseen).abs()[~known].mean()
    assert ours < (at_once - unseen).abs()[~known].mean()
