"""Nearest patterns by following a graph from neighbour to neighbour: fast, and uncertified."""

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from mnemic.errors import DamagedWarning
from mnemic.search.patterns import Patterns

NEIGHBOURS = 16  # links of a pattern
CARE = 80  # candidates weighed when a pattern is linked
LOOKED_AT = 40  # candidates kept while searching
DEAD = 0.25  # share of removed patterns above which the graph is made anew


class Graph:
    """A hierarchical navigable small world (Malkov & Yashunin 2018) over patterns with ids.

    ``rising`` orders by dot product, else by distance. A dot product is a distance once every
    pattern is given one more coordinate that makes all of them equally long.
    """

    def __init__(self, dim: int, *, rising: bool) -> None:
        self.dim = dim
        self.rising = rising
        self._forget()

    def _forget(self) -> None:
        self._graph = faiss.IndexHNSWFlat(self.dim + self.rising, NEIGHBOURS, faiss.METRIC_L2)
        self._graph.hnsw.efConstruction = CARE
        self._ids = np.empty(0, np.int64)  # of each node, in the order they were linked
        self._dead = np.empty(0, np.int64)  # nodes of what was removed since
        self._length = 0.0
        self._followed = -1  # changes of the patterns

    def follow(self, patterns: Patterns) -> None:
        """Link the patterns added since; make everything anew when many are gone."""
        if self._followed == patterns.changes:
            return
        ids = patterns.ids.numpy()
        longest = patterns.longest
        gone = len(self._ids) - int(np.isin(self._ids, ids).sum())
        if gone > DEAD * len(self._ids) or (self.rising and longest > self._length):
            self._forget()
        fresh = np.setdiff1d(ids, self._ids)  # sorted
        if len(fresh):
            self._length = self._length or longest * 1.25
            rows = patterns.rows[patterns.rows_of(fresh.tolist())]
            self._graph.add(self._lifted(rows).numpy())
            self._ids = np.concatenate([self._ids, fresh])
        self._dead = np.flatnonzero(~np.isin(self._ids, ids))
        self._followed = patterns.changes

    def nearest(
        self, cues: Float[Tensor, "batch dim"], patterns: Patterns, k: int
    ) -> Int[Tensor, "batch near"]:
        """Rows of about the ``k`` nearest; -1 where fewer were found."""
        self.follow(patterns)
        chosen = None
        if len(self._dead):
            chosen = faiss.IDSelectorNot(faiss.IDSelectorBatch(self._dead))
        settings = faiss.SearchParametersHNSW(  # pyright: ignore[reportAttributeAccessIssue]
            efSearch=max(LOOKED_AT, k), sel=chosen
        )
        flat = torch.cat([cues, cues.new_zeros(len(cues), 1)], dim=-1) if self.rising else cues
        _, nodes = self._graph.search(
            np.ascontiguousarray(flat.numpy()), min(k, len(patterns)), params=settings
        )
        rows = patterns.rows_of(self._ids[nodes[nodes >= 0]].tolist())
        found = torch.full(nodes.shape, -1)
        found[torch.from_numpy(nodes >= 0)] = rows
        return found

    def _lifted(self, rows: Float[Tensor, "some dim"]) -> Float[Tensor, "some lifted"]:
        rows = rows.contiguous()
        if not self.rising:
            return rows
        missing = (self._length**2 - rows.square().sum(dim=-1, keepdim=True)).clamp_min(0.0)
        return torch.cat([rows, missing.sqrt()], dim=-1)

    def save(self, file: Path, patterns: Patterns) -> None:
        """Keep the graph beside a record of what it was made from."""
        self.follow(patterns)
        faiss.write_index(self._graph, str(file))
        record = {
            "patterns": checksum(patterns),
            "ids": self._ids.tolist(),
            "length": self._length,
        }
        record["graph"] = _digest(file, record)
        file.with_suffix(".json").write_text(json.dumps(record))

    def load(self, file: Path, patterns: Patterns) -> bool:
        """Take back what was saved, if it is whole and of these very patterns; say so if not."""
        record_file = file.with_suffix(".json")
        if not file.exists() and not record_file.exists():
            return False
        record: dict[str, Any] = {}
        try:
            record = json.loads(record_file.read_text())
            whole = record["graph"] == _digest(file, record)
            current = record["patterns"] == checksum(patterns)
        except (OSError, ValueError, KeyError, TypeError):
            whole = current = False
        if not (whole and current):
            what = "belongs to other patterns" if whole else "is damaged"
            warnings.warn(
                f"the search graph in {file} {what}; it is made anew, and no answer changes",
                DamagedWarning,
                stacklevel=3,
            )
            return False
        self._graph = faiss.read_index(str(file))
        self._ids = np.asarray(record["ids"], np.int64)
        self._length = float(record["length"])
        self._followed = -1
        return True


def _digest(file: Path, record: dict[str, Any]) -> str:
    """Of a graph and of what names its nodes."""
    digest = hashlib.sha256(file.read_bytes())
    digest.update(json.dumps([record["ids"], record["length"]]).encode())
    return digest.hexdigest()


def checksum(patterns: Patterns) -> str:
    """Of ids and rows, in whatever order the rows now lie."""
    order = patterns.ids.argsort()
    digest = hashlib.sha256(np.ascontiguousarray(patterns.ids[order].numpy()).data)
    for rows in order.split(2**14):
        digest.update(np.ascontiguousarray(patterns.rows[rows].numpy()).data)
    return digest.hexdigest()
