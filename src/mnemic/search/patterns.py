"""Stored patterns as one growing matrix, read in blocks."""

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mnemic.errors import NotStoredError
from mnemic.search.projected import AXES, FEWEST, Projected
from mnemic.search.reduced import Features, Passing, Reduced

BLOCK = 4096  # rows: few enough to stay in the cache between the products that read them
GROWTH = 1.5


class Block(NamedTuple):
    """Some consecutive rows of the matrix, without a copy."""

    start: int
    rows: Float[Tensor, "block dim"]
    squared_norm: Float[Tensor, " block"] | None  # of the known features, where it is kept
    known: Bool[Tensor, "block dim"] | None  # None: every feature of every row is known
    available: Bool[Tensor, " block"] | None  # None: every row may answer


class Patterns:
    """Rows with ids of their own. Adding is O(dim) amortised, removing O(dim).

    A removed row is overwritten by the last one and the last one zeroed, so nothing of it stays
    in memory. Unknown features of a row are kept as 0.
    """

    def __init__(self, dim: int, *, device: torch.device | str = "cpu") -> None:
        self.dim = dim
        self.device = torch.device(device)
        self._rows = torch.zeros(0, dim, device=self.device)
        self._squared_norm = torch.zeros(0, device=self.device)
        self._known: Bool[Tensor, "capacity dim"] | None = None
        self._silent: Bool[Tensor, " stored"] | None = None
        self._ids = torch.zeros(0, dtype=torch.long)
        self._row_of: dict[int, int] = {}
        self.changes = 0  # how often something was added, replaced or removed
        self._reduced: dict[str, Reduced] = {}
        self._projected: Projected | None = None

    def __len__(self) -> int:
        return len(self._row_of)

    def __contains__(self, id: int) -> bool:
        return id in self._row_of

    @property
    def rows(self) -> Float[Tensor, "stored dim"]:
        """All rows, in no particular order (a view)."""
        return self._rows[: len(self)]

    @property
    def known(self) -> Bool[Tensor, "stored dim"] | None:
        """Which features of each row are known; None when all are."""
        return None if self._known is None else self._known[: len(self)]

    @property
    def ids(self) -> Int[Tensor, " stored"]:
        """The id of each row."""
        return self._ids[: len(self)]

    @property
    def squared_norm(self) -> Float[Tensor, " stored"]:
        """The squared length of each row, over its known features."""
        return self._squared_norm[: len(self)]

    @property
    def longest(self) -> float:
        """The length of the longest row; 0 when nothing is stored."""
        norms = self.squared_norm
        return math.sqrt(float(norms.max())) * (1 + 1e-6) if len(norms) else 0.0

    def rows_of(self, ids: Sequence[int]) -> Int[Tensor, " chosen"]:
        """Where these ids stand now; rows move when others are removed."""
        return torch.tensor([self.row_of(id) for id in ids], dtype=torch.long)

    def row_of(self, id: int) -> int:
        """Where this id stands now."""
        if id not in self._row_of:
            raise NotStoredError(f"no pattern has id {id}; {len(self)} are stored")
        return self._row_of[id]

    def reserve(self, count: int) -> None:
        """Make room for ``count`` rows in all, in one allocation."""
        if count <= len(self._rows):
            return
        self._rows = self._grown(self._rows, count)
        self._squared_norm = self._grown(self._squared_norm, count)
        self._ids = self._grown(self._ids, count)
        if self._known is not None:
            self._known = self._grown(self._known, count)

    def _grown(self, column: Tensor, count: int) -> Tensor:
        grown = column.new_empty(count, *column.shape[1:])
        grown[: len(self)] = column[: len(self)]
        return grown

    def add(
        self,
        ids: Sequence[int],
        rows: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None = None,
    ) -> None:
        """Append rows under new ids."""
        self.changes += 1
        start, end = len(self), len(self) + len(ids)
        if end > len(self._rows):
            self.reserve(max(end, int(GROWTH * len(self._rows))))
        if known is not None and self._known is None and not bool(known.all()):
            self._known = torch.ones_like(self._rows, dtype=torch.bool)
        self._rows[start:end] = rows
        if self._known is not None:
            self._known[start:end] = True if known is None else known
            self._rows[start:end].masked_fill_(~self._known[start:end], 0.0)
        self._squared_norm[start:end] = self._rows[start:end].square().sum(dim=-1)
        self._ids[start:end] = torch.tensor(ids, dtype=torch.long)
        self._row_of.update(zip(ids, range(start, end), strict=True))
        if self._silent is not None:
            fresh = torch.zeros(len(ids), dtype=torch.bool, device=self.device)
            self._silent = torch.cat([self._silent, fresh])

    def replace(self, ids: Sequence[int], rows: Float[Tensor, "batch dim"]) -> None:
        """Put other values in the place of those these ids have; what is known stays known."""
        at = self.rows_of(ids).to(self.device)
        self.changes += 1
        rows = rows.to(self.device)
        if self._known is not None:
            rows = torch.where(self._known[at], rows, 0.0)
        self._rows[at] = rows
        self._squared_norm[at] = rows.square().sum(dim=-1)
        self._projected = None
        for reduced in self._reduced.values():
            reduced.put(at, rows)

    def remove(self, ids: Sequence[int]) -> None:
        """Forget these rows; each hole is filled by the last row."""
        self.rows_of(ids)  # refuses unknown ids before anything changes
        self.changes += 1
        self._projected = None  # its axes may hold something of a removed row
        for id in dict.fromkeys(ids):  # twice is once
            hole, last = self._row_of.pop(id), len(self._row_of)
            moved = int(self._ids[last])
            for column in (self._rows, self._squared_norm, self._ids, self._known, self._silent):
                if column is not None:
                    column[hole] = column[last]
            self._rows[last] = 0.0
            for reduced in self._reduced.values():
                reduced.remove(hole, last)
            if moved != id:
                self._row_of[moved] = hole
        if self._silent is not None:
            self._silent = self._silent[: len(self)]

    def silence(self, ids: Sequence[int]) -> None:
        """Keep these rows from answering (a lesion) until they are woken."""
        if self._silent is None:
            self._silent = torch.zeros(len(self), dtype=torch.bool, device=self.device)
        self._silent[self.rows_of(ids)] = True

    def wake(self, ids: Sequence[int]) -> None:
        """Let these rows answer again."""
        if self._silent is not None:
            self._silent[self.rows_of(ids)] = False
            if not bool(self._silent.any()):
                self._silent = None

    def reduced(self, kind: str, features: Features) -> Reduced:
        """The rows in bfloat16, under the name of the features taken; made when first asked for."""
        if kind not in self._reduced:
            self._reduced[kind] = Reduced(features, self.dim)
        self._reduced[kind].follow(self.rows)
        return self._reduced[kind]

    def nearest(
        self, vector: Float[Tensor, " dim"], k: int
    ) -> tuple[Float[Tensor, " near"], Int[Tensor, " near"]] | None:
        """The ``k`` rows nearest to a vector: mean squared distances, rising, and the rows.

        None where to read all rows is the way to find them: they are few or narrow, or lie so
        that nothing can be ruled out, or not every feature is known, or not every row may answer.
        """
        count = len(self)
        if (
            count < FEWEST
            or self.dim < 4 * AXES
            or self.device.type != "cpu"
            or self._known is not None
            or self._silent is not None
        ):
            return None
        if self._projected is None or count > 2 * self._projected.made_of:
            self._projected = Projected(self.rows)
        return self._projected.nearest(vector, self.rows, k)

    @property
    def available(self) -> Bool[Tensor, " stored"] | None:
        """Which rows may answer; None when all may."""
        return None if self._silent is None else ~self._silent

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        """The matrix in consecutive blocks."""
        known, available = self.known, self.available
        for start in range(0, len(self), size):
            stop = min(start + size, len(self))
            yield Block(
                start,
                self._rows[start:stop],
                self._squared_norm[start:stop],
                None if known is None else known[start:stop],
                None if available is None else available[start:stop],
            )


class Given:
    """Rows as they were handed over, read where they lie: in memory, or mapped from a file."""

    def __init__(self, rows: Float[Tensor, "stored dim"]) -> None:
        self.rows = rows
        self.dim = rows.shape[-1]
        self.known = None
        self.available = None
        self.squared_norm = None
        self.device = rows.device
        self._longest: float | None = None
        self._reduced: dict[str, Passing] = {}

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def longest(self) -> float:
        """The length of the longest row; nan if a number is not finite."""
        if self._longest is None:
            norms = [torch.linalg.vector_norm(block.rows, dim=-1).max() for block in self.blocks()]
            self._longest = float(torch.stack(norms).max()) * (1 + 1e-6)
        return self._longest if math.isfinite(self._longest) else math.nan

    @property
    def ids(self) -> Int[Tensor, " stored"]:
        """The rows by their number."""
        return torch.arange(len(self))

    def blocks(self, size: int = BLOCK) -> Iterator[Block]:
        """The matrix in consecutive blocks, in single precision."""
        for start in range(0, len(self), size):
            yield Block(start, self.rows[start : start + size].float(), None, None, None)

    def reduced(self, kind: str, features: Features) -> Passing:
        """The rows in bfloat16, under the name of the features taken; none of them kept."""
        if kind not in self._reduced:
            self._reduced[kind] = Passing(features, self.dim, self.rows)
        return self._reduced[kind]


Stored = Patterns | Given
"""What a search reads: rows, which of their features are known, which of them may answer."""
