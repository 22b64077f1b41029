"""What a student learns from: replayed patterns, some of them held out."""

from typing import NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mnemic.errors import ConfigError, CueError, EmptyMemoryError, ShapeError
from mnemic.neocortex.files import checksum
from mnemic.protocols import Teacher
from mnemic.records import Replay


class Lesson(NamedTuple):
    """Patterns to learn from, patterns to be tested on, and a fingerprint of what was given."""

    patterns: Float[Tensor, "count dim"]
    known: Bool[Tensor, "count dim"] | None
    held_out: Float[Tensor, "unseen dim"]
    held_out_known: Bool[Tensor, "unseen dim"] | None
    fingerprint: str


def prepare(
    source: Teacher | Replay | Float[Tensor, "count dim"],
    known: Bool[Tensor, "count dim"] | None = None,
    held_out: Float[Tensor, "unseen dim"] | None = None,
    *,
    dim: int,
    replayed: int,
    share: float,
    rng: torch.Generator,
) -> Lesson:
    """Ask a teacher for its replay, unless it is given, and keep a share of it aside.

    What is kept aside is whole engrams where the replay says which engram each pattern is: all
    that came of one is learned from, or none.

    Raises:
        ShapeError: the patterns have not ``dim`` features, or the mask another shape.
        EmptyMemoryError: there are no patterns.
        CueError: a known feature is not a finite number.
    """
    ids = None
    if isinstance(source, Tensor):
        patterns = source
    else:
        if known is not None:
            raise ConfigError("known= goes with plain patterns; a replay has its own")
        replay = source if isinstance(source, Replay) else source.replay(replayed, rng=rng)
        patterns, known, ids = replay.patterns, replay.known, replay.ids
    for name, given in (("replayed", patterns), ("held-out", held_out)):
        if given is not None and given.shape[-1] != dim:
            raise ShapeError(
                f"{name} patterns have {given.shape[-1]} features, but the student codes {dim}; "
                "make it with the grid of the sense they come from"
            )
    if known is not None and known.shape != patterns.shape:
        raise ShapeError(
            f"known is {tuple(known.shape)} for patterns of {tuple(patterns.shape)}; "
            "it needs one truth value a feature"
        )
    if len(patterns) == 0:
        raise EmptyMemoryError("nothing was replayed, so there is nothing to learn from")
    fingerprint = checksum({"patterns": patterns} | ({} if known is None else {"known": known}))
    if known is not None:
        patterns = fill_unknown(patterns, known)
    if not bool(patterns.isfinite().all()):
        raise CueError("a replayed pattern holds NaN or infinity in a known feature")
    if held_out is not None:
        return Lesson(patterns, known, held_out, None, fingerprint)
    if ids is None:
        ids = torch.arange(len(patterns))
    each = ids.unique()
    chosen = each[torch.randperm(len(each), generator=rng)[: int(share * len(each))]]
    unseen = torch.isin(ids, chosen)
    aside, rest = unseen.nonzero()[:, 0], (~unseen).nonzero()[:, 0]
    if len(aside) == 0:
        return Lesson(patterns, known, patterns[:0], None, fingerprint)
    return Lesson(
        patterns[rest],
        None if known is None else known[rest],
        patterns[aside],
        None if known is None else known[aside],
        fingerprint,
    )


def fill_unknown(
    patterns: Float[Tensor, "count dim"], known: Bool[Tensor, "count dim"]
) -> Float[Tensor, "count dim"]:
    """Each unknown feature as its mean over the patterns that know it; 0 where none does.

    >>> fill_unknown(torch.tensor([[0.2, 9.0], [0.4, 0.6]]),
    ...              torch.tensor([[True, False], [True, True]]))
    tensor([[0.2000, 0.6000],
            [0.4000, 0.6000]])
    """
    seen = torch.where(known, patterns, 0.0)
    mean = seen.sum(dim=0) / known.sum(dim=0).clamp_min(1)
    return torch.where(known, seen, mean)
