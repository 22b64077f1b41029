"""Surprise: prediction error as a calibrated number (match for prediction; novelty).

The error of a picture is squared after averaging it over neighbouring pixels: a texture that the
student smooths out is no news, a shape in the wrong place is. What is usual comes from engrams
held out of the student's training.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.functional import avg_pool2d

NEIGHBOURS = 3  # pixels a side over which an error is averaged
TAIL = 0.1  # share of the usual errors whose excess says how rare larger ones are
FEWEST = 5  # errors a tail is fitted to
TINY = 1e-12


def prediction_error(
    features: Float[Tensor, "batch dim"],
    predicted: Float[Tensor, "batch dim"],
    known: Bool[Tensor, "batch dim"] | None,
    *,
    grid: tuple[int, int, int],
) -> Float[Tensor, " batch"]:
    """Mean squared error of the neighbourhoods of what is known."""
    height, width, _ = grid
    error = features - predicted
    seen = torch.ones_like(error) if known is None else known.to(error.dtype)
    if known is not None:
        error = torch.where(known, error, 0.0)

    def around(values: Tensor) -> Tensor:
        pictures = rearrange(values, "batch (h w c) -> batch c h w", h=height, w=width)
        pooled = avg_pool2d(pictures, NEIGHBOURS, 1, NEIGHBOURS // 2, count_include_pad=False)
        return rearrange(pooled, "batch c h w -> batch (h w c)")

    averaged = around(error) / around(seen).clamp_min(TINY)
    return (seen * averaged.square()).sum(dim=-1) / seen.sum(dim=-1).clamp_min(1)


def surprise(
    errors: Float[Tensor, " batch"], usual: Sequence[float]
) -> Float[np.ndarray, " batch"]:
    """0..1: the share of usual errors, in rising order, that are smaller than each.

    Beyond the last tenth of them the share follows a Pareto tail fitted there (the Hill
    estimator), so that what is more surprising than anything usual still has an order.

    >>> surprise(torch.tensor([0.0, 5.0, 1e3]), [1.0, 2.0, 3.0, 4.0, 6.0]).round(2)
    array([0.  , 0.67, 1.  ])
    """
    sample = np.maximum(np.asarray(usual, np.float64), TINY)
    found = np.maximum(errors.double().numpy(), TINY)
    share = np.searchsorted(sample, found, side="left") / (len(sample) + 1)
    count = max(math.ceil(TAIL * len(sample)), min(FEWEST, len(sample)))
    start = sample[-count]
    excess = float(np.log(sample[-count:] / start).mean()) if count > 1 else 1.0
    beyond = found > sample[-1]
    times = np.maximum(found, sample[-1]) / start
    rarer = count / (len(sample) + 1) * np.exp(-np.log(times) / max(excess, TINY))
    last = 1 / (len(sample) + 1)  # what the largest usual error leaves
    return np.where(beyond, 1 - np.minimum(rarer, last), share)
