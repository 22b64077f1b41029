"""Patterns that grow, and what makes recalling from them fast: made when needed, never needed."""

from collections.abc import Sequence
from pathlib import Path

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemic.errors import ConfigError, CueError, ShapeError
from mnemic.search.graph import Graph
from mnemic.search.patterns import Patterns

GRAPH_FILES = {True: "dot.faiss", False: "distance.faiss"}


class Index:
    """Patterns under ids, with values of their own where they carry any.

    Adding costs O(dim) a pattern, amortised; removing as much, and at once: what is removed never
    answers again. The copies that speed ``attend`` up are made when first used and follow every
    change. They are caches: without them the answers are the same.

    >>> index = Index.of(torch.eye(3))
    >>> index.remove([1])
    >>> len(index)
    2
    """

    def __init__(self, dim: int, *, value_dim: int | None = None) -> None:
        if dim < 1 or (value_dim is not None and value_dim < 1):
            raise ConfigError(f"patterns and values need a feature, got {dim} and {value_dim}")
        self.patterns = Patterns(dim)
        self._graphs: dict[bool, Graph] = {}
        self._values = None if value_dim is None else Patterns(value_dim)
        self._next_id = 0

    @classmethod
    def of(
        cls,
        patterns: Float[Tensor, "stored dim"],
        values: Float[Tensor, "stored width"] | None = None,
    ) -> "Index":
        """An index of these patterns, under the ids 0, 1, 2 …"""
        index = cls(patterns.shape[-1], value_dim=None if values is None else values.shape[-1])
        index.add(patterns, values)
        return index

    def __len__(self) -> int:
        return len(self.patterns)

    @property
    def values(self) -> Float[Tensor, "stored width"]:
        """What each pattern carries, row by row: itself, unless told otherwise."""
        return self.patterns.rows if self._values is None else self._values.rows

    def add(
        self,
        patterns: Float[Tensor, "batch dim"],
        values: Float[Tensor, "batch width"] | None = None,
    ) -> Int[Tensor, " batch"]:
        """Store patterns, with their values, under new ids.

        Raises:
            ShapeError: they do not fit what is stored.
            CueError: a number is not finite. Nothing is stored then.
        """
        if (values is None) != (self._values is None):
            raise ShapeError("give values with every pattern of an index, or with none")
        patterns = patterns.detach().float()
        values = None if values is None else values.detach().float()
        for what, given, kept in (
            ("patterns", patterns, self.patterns),
            ("values", values, self._values),
        ):
            if given is None or kept is None:
                continue
            if given.ndim != 2 or given.shape[-1] != kept.dim or len(given) != len(patterns):
                wanted = (len(patterns), kept.dim)
                raise ShapeError(f"{what} must have shape {wanted}, got {tuple(given.shape)}")
            if not bool(given.isfinite().all()):
                raise CueError(f"some {what} hold NaN or infinity; mend them or leave them out")
        ids = range(self._next_id, self._next_id + len(patterns))
        self.patterns.add(ids, patterns)
        if values is not None and self._values is not None:
            self._values.add(ids, values)
        self._next_id = ids.stop
        return torch.arange(ids.start, ids.stop)

    def remove(self, ids: Sequence[int] | Int[Tensor, " some"]) -> None:
        """Forget these patterns and their values.

        Raises:
            NotStoredError: an id is not stored; nothing is removed.
        """
        ids = ids.tolist() if isinstance(ids, Tensor) else ids
        self.patterns.remove(ids)
        if self._values is not None:
            self._values.remove(ids)

    def graph(self, *, rising: bool) -> Graph:
        """What an approximate search follows: by dot product (``rising``) or by distance."""
        return self._graphs.setdefault(rising, Graph(self.patterns.dim, rising=rising))

    def save_caches(self, folder: Path | str) -> None:
        """Keep the graphs made so far, which take long to make.

        They hold copies of the patterns, a while longer even of removed ones.
        """
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for rising, graph in self._graphs.items():
            graph.save(folder / GRAPH_FILES[rising], self.patterns)

    def load_caches(self, folder: Path | str) -> int:
        """Take back the graphs of these very patterns; returns how many there were.

        One that is damaged, or of other patterns, is left alone with a ``DamagedWarning``: the
        next approximate search makes it anew.
        """
        return sum(
            self.graph(rising=rising).load(Path(folder) / name, self.patterns)
            for rising, name in GRAPH_FILES.items()
        )
