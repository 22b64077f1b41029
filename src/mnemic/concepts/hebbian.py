"""Synchrony: what fires together is tied together, within bounds.

A directed tie from one node to another estimates how often the other fires when the one does and
the other could have. Only a node that fires changes its ties (presynaptic gating), so that what is
seldom met keeps the company it was met in. Marco de Lucas 2023, section 3, after Hebb 1949.
"""

SLOWEST = 0.02  # change of a tie by one firing, at least: some 50 firings are remembered


def rate(chances: int) -> float:
    """How much the next firing changes a tie that had so many chances before.

    >>> rate(0), rate(2), rate(10_000)
    (0.5, 0.25, 0.02)
    """
    return max(1 / (chances + 2), SLOWEST)


def updated(weight: float, chances: int, *, together: bool) -> float:
    """The tie after a firing: ``w + η (x - w)``, x being 1 if the other fired too, else 0.

    It stays in 0..1 and, while ``chances`` are few, is the share of the firings together, as if
    one before them all had not been: one is worth .5, two of two .67.

    >>> updated(0.0, 0, together=True)
    0.5
    >>> round(updated(updated(0.5, 1, together=True), 2, together=False), 2)
    0.5
    """
    return weight + rate(chances) * (float(together) - weight)


def strengthened(weight: float, *, by: float = 0.25) -> float:
    """A link whose point was recognised once more: a quarter of the way to 1.

    >>> strengthened(0.5)
    0.625
    """
    return weight + by * (1.0 - weight)
