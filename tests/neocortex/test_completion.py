"""Completion sees only what is known, and gets from there to the whole."""

import pytest
import torch

from mnemic.neocortex import ConsolidationConfig, complete, consolidate, make_student
from mnemic.neocortex.completion import explain
from mnemic.randomness import generator


class Twins:
    """A student that believes both halves of a picture to be equal."""

    grid = (4, 1, 1)

    def encode(self, features):
        left, right = features.chunk(2, dim=-1)
        return ((left + right) / 2).detach()

    def decode(self, latents):
        return latents.repeat(1, 2).detach()

    def rendered(self, latents):
        return latents.repeat(1, 2)


PICTURE = torch.tensor([[0.2, 0.8, 0.2, 0.8]])
LEFT = torch.tensor([[True, True, False, False]])


def test_what_is_unknown_settles_on_what_fits_the_known():
    completed = complete(Twins(), PICTURE, LEFT)
    torch.testing.assert_close(completed, PICTURE, rtol=0, atol=2e-2)


class Stuck(Twins):
    """One whose encoder sees nothing, so that imputation alone never leaves its first guess."""

    def encode(self, features):
        return torch.zeros(len(features), 2)


def test_the_latent_found_is_the_most_probable_whatever_the_first_guess():
    assert torch.equal(explain(Stuck(), PICTURE, LEFT, steps=0), torch.zeros(1, 2))
    found = explain(Stuck(), PICTURE, LEFT)  # the prior pulls with .2 and .8, the error with 1
    torch.testing.assert_close(found, torch.tensor([[0.2, 0.8]]), rtol=0, atol=2e-2)


def test_unknown_features_do_not_matter():
    rng = generator(0, "completion")
    known = torch.rand(3, 4, generator=rng) < 0.5
    features = torch.rand(3, 4, generator=rng)
    spoiled = torch.where(known, features, torch.nan)
    first, second = (complete(Twins(), given, known) for given in (features, spoiled))
    assert torch.equal(first, second)


def test_a_picture_is_completed_as_it_would_be_alone(squares):
    student = make_student(grid=(16, 16, 1), latent_dim=4, seed=0)
    features = squares(3)
    known = torch.rand(3, 256, generator=generator(0, "some")) < 0.5
    together = complete(student, features, known, steps=5)
    alone = [complete(student, features[[row]], known[[row]], steps=5) for row in range(3)]
    torch.testing.assert_close(together, torch.cat(alone), rtol=0, atol=1e-5)


def test_a_picture_that_shows_nothing_is_completed_too():
    nothing = torch.zeros(1, 4, dtype=torch.bool)
    assert complete(Twins(), torch.full((1, 4), torch.nan), nothing).isfinite().all()


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
