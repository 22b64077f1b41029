"""Where a consolidation stands: all it takes to go on as if nothing had happened."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from mnemic.errors import DamagedError
from mnemic.neocortex.files import read_tensors, write_tensors

FORMAT = "mnemic consolidation"


@dataclass(frozen=True, kw_only=True, eq=False)
class Progress:
    """The state of a consolidation after a whole number of epochs.

    ``student`` and ``config`` say what was trained and how, ``data`` is the fingerprint of what
    was replayed: a consolidation resumes only with the same of each.
    """

    epoch: int
    done: int  # steps
    model: Mapping[str, Tensor]
    optimiser: Mapping[str, Tensor]
    rng: Tensor
    student: Mapping[str, Any]
    config: Mapping[str, Any]
    data: str

    def save(self, path: Path | str) -> None:
        """Write it; after a crash the file is whole or as it was.

        Raises:
            StoreError: it could not be written.
        """
        tensors = {"rng": self.rng}
        tensors |= {f"model/{name}": tensor for name, tensor in self.model.items()}
        tensors |= {f"optimiser/{name}": tensor for name, tensor in self.optimiser.items()}
        plain = {
            "epoch": self.epoch,
            "done": self.done,
            "student": dict(self.student),
            "config": dict(self.config),
            "data": self.data,
        }
        write_tensors(Path(path), FORMAT, tensors, plain)

    @classmethod
    def load(cls, path: Path | str) -> "Progress":
        """Read it back.

        Raises:
            StoreError: there is no such file, or it cannot be read.
            DamagedError: it is cut short, altered, or something else.
            NewerVersionError: a newer mnemic wrote it.
        """
        tensors, plain = read_tensors(Path(path), FORMAT)
        try:
            return cls(
                rng=tensors["rng"],
                model=_under("model/", tensors),
                optimiser=_under("optimiser/", tensors),
                **plain,
            )
        except (KeyError, TypeError) as error:
            raise DamagedError(f"{path} lacks what a consolidation needs: {error}") from error


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }
