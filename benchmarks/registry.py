"""What a measurement is, and where the measurements are found."""

import pkgutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

import benchmarks

Numbers = dict[str, Any]  # nested, in words; leaves are numbers, or estimates of statistics.py
Path = tuple[str, ...]  # to a number, from the outside in


class WrongAnswerError(Exception):
    """What was to be timed gave a wrong answer, so its time means nothing."""


@dataclass(frozen=True, kw_only=True)
class Must:
    """A bound that one number has to keep, and where the bound comes from."""

    claim: str
    number: Path
    source: str
    at_least: float | None = None
    at_most: float | None = None
    unit: str = ""
    beside: Mapping[str, Path] = field(default_factory=dict)  # controls to show with it

    def __post_init__(self) -> None:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError(f"{self.claim!r} needs one bound: at_least or at_most")

    def __str__(self) -> str:
        sign, bound = ("≥", self.at_least) if self.at_most is None else ("≤", self.at_most)
        return f"{sign} {bound:,g} {self.unit}".rstrip()

    def met(self, value: float) -> bool:
        """Whether a value keeps the bound."""
        return value >= self.at_least if self.at_most is None else value <= self.at_most


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """A claim, the bounds that would show it, and the function that measures them.

    ``measure`` takes ``full`` or ``quick``: frozen dataclasses that say how much to measure.
    ``quick`` is a toy that shows the measurement runs, not that its claim is true.
    """

    name: str
    claim: str
    musts: tuple[Must, ...]
    measure: Callable[[Any], Numbers]
    full: Any
    quick: Any


def measurements() -> dict[str, Measurement]:
    """All measurements of this package, by name.

    Raises:
        ValueError: two have the same name.
    """
    found: dict[str, Measurement] = {}
    for module in pkgutil.iter_modules(benchmarks.__path__):
        if module.name == "__main__":
            continue
        measurement = getattr(import_module(f"benchmarks.{module.name}"), "MEASUREMENT", None)
        if measurement is None:
            continue
        if measurement.name in found:
            raise ValueError(f"two measurements are called {measurement.name!r}")
        found[measurement.name] = measurement
    return found


def number_at(numbers: Mapping[str, Any], path: Path) -> Any:
    """The number, or estimate, at the end of a path."""
    value: Any = numbers
    for name in path:
        value = value[name]
    return value
