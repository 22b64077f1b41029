"""Estimates: a mean with a 95 % interval, and the values it comes from."""

import math
from collections.abc import Sequence

import numpy as np

from benchmarks.registry import Numbers
from mnemic.reproduce import estimates

Z = 1.959963984540054  # two-sided normal quantile at 95 %


def over_seeds(values: Sequence[float], *, most: float = math.inf) -> Numbers:
    """Mean over seeds of something that is never negative, with Student's interval."""
    return estimates.over_seeds(values, least=0.0, most=most)


def share(hits: Sequence[int], trials: int) -> Numbers:
    """Share of hits over seeds of ``trials`` each, with Wilson's interval on all of them together.

    It has a width even where nothing was missed, as the spread over seeds has not.

    >>> round(share([1000, 1000, 1000], 1000)["low"], 4)
    0.9987
    """
    count = trials * len(hits)
    mean = sum(hits) / count
    middle = (mean + Z**2 / (2 * count)) / (1 + Z**2 / count)
    spread = mean * (1 - mean) / count + Z**2 / (4 * count**2)
    half = Z / (1 + Z**2 / count) * math.sqrt(spread)
    return {
        "mean": mean,
        "low": min(mean, max(0.0, middle - half)),  # rounding may pass the mean at 0 and 1
        "high": max(mean, min(1.0, middle + half)),
        "by seed": [each / trials for each in hits],
    }


def times(seconds: Sequence[float]) -> Numbers:
    """Percentiles of times, in milliseconds."""
    p50, p95 = np.percentile(seconds, [50, 95])
    return {
        "p50 ms": 1e3 * float(p50),
        "p95 ms": 1e3 * float(p95),
        "most ms": 1e3 * max(seconds),
        "count": len(seconds),
    }
