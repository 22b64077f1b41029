"""One cue and every pattern, each read once: the score, its weight and the weighted sum together.

A product reads a matrix and a second product reads it again. Where memory is what one waits for,
doing both while a few rows are in the cache takes half the time. Needs numba (the ``fast``
extra); without it the fold of ``dense`` gives the same answer.
"""

import math
from typing import Any, no_type_check

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemic.search.dense import Best, Folded
from mnemic.search.patterns import Stored
from mnemic.search.similarity import Dot, Similarity

try:
    from numba import njit
except ImportError:  # the extra is not installed
    njit = None

TOGETHER = 128  # rows whose scores are known before their weights are taken
ONE, LOG2_E, LN_2 = np.float32(1), np.float32(math.log2(math.e)), np.float32(math.log(2))
LEAST_POWER = np.float32(-60)


def fold_fused(
    similarity: Similarity, stored: Stored, values: Float[Tensor, "stored width"], k: int
) -> Folded | None:
    """As ``fold``, for one cue all of which is known; None where that is not what is asked."""
    plain = stored.rows.dtype == values.dtype == torch.float32 and stored.device.type == "cpu"
    hidden = stored.known is not None or stored.available is not None
    if _summed is None or len(similarity) != 1 or hidden or not plain:
        return None
    if isinstance(similarity, Dot):
        weight = similarity.cues.double() * similarity.beta[:, None]
        offsets = torch.zeros(1).expand(len(stored))
    elif similarity.known is None and stored.squared_norm is not None:
        scale = similarity.beta / similarity.cues.shape[-1]
        weight = similarity.cues.double() * scale[:, None]
        own = similarity.cues.double().square().sum()
        offsets = (-scale / 2 * (stored.squared_norm.double() + own)).float()
    else:
        return None
    scores = np.full((-(-len(stored) // TOGETHER), TOGETHER), -np.inf, np.float32)
    highest = np.empty(len(scores), np.float32)
    asked = weight[0].float().numpy(), offsets.numpy()
    peak, mass, total = _summed(
        stored.rows.numpy(), values.numpy(), *asked, scores.reshape(-1), highest
    )
    log_mass = torch.tensor([peak + np.log(mass)])
    mean = torch.from_numpy(total / mass)[None].float()
    return Folded(mean, log_mass, _best(torch.from_numpy(scores), torch.from_numpy(highest), k))


def _best(
    scores: Float[Tensor, "blocks together"], highest: Float[Tensor, " blocks"], k: int
) -> Best:
    """The ``k`` best of all scores, which are among the ``k`` blocks that reach highest."""
    blocks = highest.topk(min(k, len(highest))).indices
    best = scores[blocks].flatten().topk(k)
    rows = blocks[best.indices // TOGETHER] * TOGETHER + best.indices % TOGETHER
    return Best(best.values[None], rows[None])


@no_type_check  # a checker would wrap it, and a wrapper cannot be compiled
def _sum(rows: Any, values: Any, weight: Any, offsets: Any, scores: Any, reached: Any) -> Any:
    """Write rows·weight + offsets to ``scores``, and the best of each block to ``reached``.

    Returns their softmax's peak, mass and total.
    """
    count, dim = rows.shape
    width = values.shape[1]
    total = np.zeros(width)
    part = np.empty(width, np.float32)
    shares = np.empty(TOGETHER, np.float32)
    exponents = np.empty(TOGETHER, np.int32)
    powers = exponents.view(np.float32)  # the same bits
    peak, mass = -np.inf, 0.0
    for start in range(0, count, TOGETHER):
        stop = min(start + TOGETHER, count)
        highest = np.float32(-np.inf)
        for row in range(start, stop):
            score = np.float32(0.0)
            for feature in range(dim):
                score += rows[row, feature] * weight[feature]
            score += offsets[row]
            scores[row] = score
            highest = max(highest, score)
        reached[start // TOGETHER] = highest
        if highest > peak:
            shrink = np.exp(peak - highest)
            mass *= shrink
            total *= shrink
            peak = highest
        if highest < peak - 60.0:  # none of them reaches 1e-26 of the best
            continue
        part[:] = 0.0
        top = np.float32(peak)
        for place in range(stop - start):  # exp(x) = 2^whole · e^(rest), eight at a time
            power = max((scores[start + place] - top) * LOG2_E, LEAST_POWER)
            whole = np.rint(power)
            rest = (power - whole) * LN_2  # at most .35: seven terms of its series are enough
            series = ONE + rest / np.float32(7)
            for term in (6, 5, 4, 3, 2):
                series = ONE + rest / np.float32(term) * series
            shares[place] = ONE + rest * series
            # where a float keeps its power of 2; what is next to nothing is nothing, as numbers
            # too small for that are slow to add
            exponents[place] = (np.int32(whole) + 127) << 23 if power > LEAST_POWER else 0
        for place in range(stop - start):
            shares[place] *= powers[place]
        for place in range(stop - start, TOGETHER):
            shares[place] = 0.0
        for first in range(start, stop, 4):  # four at a time: the sum is loaded and kept once
            second, third, fourth = first + 1, first + 2, first + 3
            a, b = shares[first - start], shares[second - start]
            c, d = shares[third - start], shares[fourth - start]
            if fourth >= stop:  # what is past the end has no share: any row will do
                second, third = min(second, stop - 1), min(third, stop - 1)
                fourth = stop - 1
            for feature in range(width):
                part[feature] += (
                    a * values[first, feature]
                    + b * values[second, feature]
                    + c * values[third, feature]
                    + d * values[fourth, feature]
                )
        mass += shares.sum()
        total += part
    return peak, mass, total


def _compiled() -> Any:
    if njit is None:
        return None
    options: Any = {"fastmath": {"reassoc", "contract", "nsz"}}
    try:
        return njit(cache=True, **options)(_sum)
    except RuntimeError:  # no folder to keep it in: compiled anew in each process
        return njit(**options)(_sum)


_summed = _compiled()
