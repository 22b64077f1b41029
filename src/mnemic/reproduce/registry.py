"""What a result is: a claim of a paper, a way to compute it, and what would show it."""

import pkgutil
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Literal

import numpy as np
from matplotlib.figure import Figure

import mnemic.reproduce
from mnemic.errors import ConfigError
from mnemic.reproduce.workshop import Doing, Workshop

ScaleName = Literal["toy", "small", "paper"]
Numbers = dict[str, Any]  # nested, in words; leaves are numbers, or lists of them: curves
Data = Mapping[str, np.ndarray]


Judged = Literal["mean", "low", "high"]  # the mean over seeds, or an end of its interval
ENDS = {"low": "lower", "high": "upper"}


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What one number should be for the claim to stand, and where that comes from.

    ``judged`` says what of an estimate is held against the bounds. That one thing is not worse
    than another, with no margin, is judged by the better end of the interval: what the seeds
    cannot tell apart was not found to be worse.
    """

    what: str
    number: tuple[str, ...]  # the way to it, from the outside in
    source: str
    at_least: float | None = None
    at_most: float | None = None
    published: float | str | None = None
    judged: Judged = "mean"

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None:
            raise ConfigError(f"{self.what!r} needs a bound: at_least, at_most or both")

    def met(self, value: float) -> bool:
        """Whether a value is as expected; nan never is."""
        low = -np.inf if self.at_least is None else self.at_least
        high = np.inf if self.at_most is None else self.at_most
        return bool(low <= value <= high)

    def __str__(self) -> str:
        end = "" if self.judged == "mean" else f" ({ENDS[self.judged]} end of the interval)"
        if self.at_most is None:
            return f"≥ {self.at_least:g}{end}"
        if self.at_least is None:
            return f"≤ {self.at_most:g}{end}"
        return f"{self.at_least:g} … {self.at_most:g}{end}"


@dataclass(frozen=True, kw_only=True)
class Result:
    """One published finding.

    ``scales`` says how much to compute: a frozen dataclass each. ``load`` gets the data of one
    seed; ``compute`` finds its numbers, and yields where it is as it goes; ``figures`` draw what
    was written, and only that. ``stands_in`` tells what the data are instead of the original.
    """

    name: str
    paper: str
    figure: str
    claim: str
    expected: tuple[Expected, ...]
    scales: Mapping[ScaleName, Any]
    load: Callable[[Any, int], Data]
    compute: Callable[[Any, Data, int, Workshop], Generator[Doing, None, Numbers]]
    figures: Mapping[str, Callable[[Numbers], Figure]] = field(default_factory=dict)
    stands_in: str = ""


def results() -> dict[str, Result]:
    """All results of this package, by name.

    Raises:
        ValueError: two have the same name.
    """
    found: dict[str, Result] = {}
    for module in pkgutil.iter_modules(mnemic.reproduce.__path__):
        for result in getattr(import_module(f"mnemic.reproduce.{module.name}"), "RESULTS", ()):
            if result.name in found:
                raise ValueError(f"two results are called {result.name!r}")
            found[result.name] = result
    return dict(sorted(found.items()))


def number_at(numbers: Mapping[str, Any], way: tuple[str, ...]) -> Any:
    """The number, or estimate, at the end of a way."""
    found: Any = numbers
    for step in way:
        found = found[step]
    return found
