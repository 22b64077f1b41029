"""Estimates: a mean with a 95 % interval over seeds, and the values it comes from."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import Any

from scipy.stats import t

CONFIDENCE = 0.95


def over_seeds(
    values: Sequence[float], *, least: float = -math.inf, most: float = math.inf
) -> dict[str, Any]:
    """Mean over seeds, with Student's interval, cut at ``least`` and ``most``.

    >>> over_seeds([0.98, 0.99, 1.0], most=1.0)["high"]
    1.0
    """
    values = [float(value) for value in values]
    half = 0.0
    if len(values) > 1:
        quantile = float(t.ppf((1 + CONFIDENCE) / 2, len(values) - 1))
        half = quantile * stdev(values) / math.sqrt(len(values))
    mean = fmean(values)
    return {
        "mean": mean,
        "low": max(least, mean - half),
        "high": min(most, mean + half),
        "by seed": values,
    }


def merged(of_seeds: Sequence[Any]) -> Any:
    """The same nested numbers from several seeds, as estimates; lists are taken as curves.

    Words, and numbers that are settings rather than findings, belong into the configuration: what
    is no number here must be the same for every seed.

    Raises:
        ValueError: the seeds did not measure the same things.

    >>> merged([{"a": 1.0, "curve": [0.0, 1.0]}, {"a": 3.0, "curve": [0.0, 2.0]}])["curve"]["mean"]
    [0.0, 1.5]
    """
    first = of_seeds[0]
    if isinstance(first, dict):
        if any(set(each) != set(first) for each in of_seeds):
            raise ValueError(f"not every seed measured {sorted(first)}")
        return {name: merged([each[name] for each in of_seeds]) for name in first}
    if isinstance(first, list):
        points = [over_seeds(list(map(float, values))) for values in zip(*of_seeds, strict=True)]
        return {name: [point[name] for point in points] for name in ("mean", "low", "high")} | {
            "by seed": [list(each) for each in of_seeds]
        }
    if isinstance(first, bool | str) or first is None:
        if any(each != first for each in of_seeds):
            raise ValueError(f"seeds disagree on what should be one thing: {of_seeds}")
        return first
    return over_seeds(list(map(float, of_seeds)))
