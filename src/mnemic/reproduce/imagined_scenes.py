"""Rendered scenes that belong together: pairs with a middle, and analogies, none of them stored."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemic import datasets
from mnemic.datasets.scenes import NAMES, SIZES
from mnemic.reproduce.pictures import features

Scenes = tuple[np.ndarray, ...]  # factors of scenes that belong together, row by row


def scenes_between(name: str, count: int, *, rng: torch.Generator) -> Scenes:
    """Pairs of scenes that differ in one ordered factor, far apart in it, and those halfway."""
    at, size = NAMES.index(name), SIZES[NAMES.index(name)]
    starts = _any_scenes(count, rng)
    gap = size // 4 * 2  # even, so that there is a middle
    starts[:, at] = torch.randint(size - gap, (count,), generator=rng).numpy()
    ends, middles = starts.copy(), starts.copy()
    ends[:, at] += gap
    middles[:, at] += gap // 2
    return starts, ends, middles


def scenes_of_analogies(name: str, count: int, *, rng: torch.Generator) -> Scenes:
    """Scenes a : b = c : d, as c, b, a and d.

    a and b differ in one factor, c and d in the same way; else c is any scene.
    """
    at, size = NAMES.index(name), SIZES[NAMES.index(name)]
    minus, like = _any_scenes(count, rng), _any_scenes(count, rng)
    plus = minus.copy()
    plus[:, at] += torch.randint(1, size, (count,), generator=rng).numpy()
    plus[:, at] %= size
    like[:, at] = minus[:, at]
    true = like.copy()
    true[:, at] = plus[:, at]
    return like, plus, minus, true


def never_stored(scenes: Scenes, stored: np.ndarray, count: int) -> Scenes:
    """The first so many scenes that belong together, of which none is among the stored."""
    known = _number(stored)
    new = ~np.any([np.isin(_number(each), known) for each in scenes], axis=0)
    return tuple(each[new][:count] for each in scenes)


def _any_scenes(count: int, rng: torch.Generator) -> np.ndarray:
    columns = [torch.randint(size, (count,), generator=rng) for size in SIZES]
    return torch.stack(columns, dim=-1).numpy()


def _number(factors: np.ndarray) -> np.ndarray:
    return np.asarray(np.ravel_multi_index(tuple(factors.T), SIZES))


def rendered(factors: np.ndarray) -> Float[Tensor, "count dim"]:
    """Scenes of these factors, as flat features."""
    return features(datasets.shapes3d(factors=factors).images)
