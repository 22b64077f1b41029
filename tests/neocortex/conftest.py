import pytest
import torch

from mnemic.randomness import generator
from mnemic.records import Replay


@pytest.fixture(autouse=True)
def _on_one_thread(one_thread):
    """In all tests of this folder."""


@pytest.fixture
def squares():
    """Bright squares of several sizes, places and shades on a darker ground: 16 × 16, grey."""

    def draw(count, seed=0):
        rng = generator(seed, "squares")
        pictures = torch.rand(count, 1, 1, generator=rng).mul(0.4).repeat(1, 16, 16)
        for picture in pictures:
            top, left = torch.randint(1, 8, (2,), generator=rng).tolist()
            side = int(torch.randint(4, 8, (), generator=rng))
            shade = 0.6 + 0.4 * float(torch.rand((), generator=rng))
            picture[top : top + side, left : left + side] = shade
        return pictures.reshape(count, 256)

    return draw


class Recorder:
    """A teacher that replays what it was given, in an order drawn from ``rng``."""

    def __init__(self, patterns):
        self.patterns = patterns
        self.asked = []

    def replay(self, count, *, rng=None):
        self.asked.append(count)
        rows = torch.randint(0, len(self.patterns), (count,), generator=rng)
        return Replay(self.patterns[rows], rows, 1.0, 1.0, 1.0, 1.0)


@pytest.fixture
def teacher():
    return Recorder
