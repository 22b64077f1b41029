"""What is kept of each engram: all of it, what its student gets wrong, or its schema alone."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

from mnemic.collection import Collection
from mnemic.cortex import KEEPS, Cortex, Keep
from mnemic.errors import ConfigError, NeverSleptError, StoreBusyError
from mnemic.points import Points
from mnemic.protocols import KeptStudent, Night
from mnemic.randomness import generator
from mnemic.records import KeepReport, Schema

CODED = 256  # points coded at a time
WEIGHED = 256  # points whose residuals are measured, where none are kept
ATTEMPTS = 5  # at a change that others' writes keep preceding


class Coded(NamedTuple):
    """A point under a student."""

    engram: int
    schema: Schema
    strength: float
    change: float  # mean absolute, of its known features, where they are kept as less


def code_anew(
    points: Points, cortex: Cortex, ids: Sequence[int], *, keep: Keep, tolerance: float
) -> dict[int, Coded]:
    """Points as a student codes them, from their features."""
    patterns = points.memory.patterns
    rows = patterns.rows_of(ids)
    features = patterns.rows[rows].cpu()
    known = None if patterns.known is None else patterns.known[rows].cpu()
    perceived = cortex.perceive(features, known)
    kept = cortex.kept(perceived, features, known, keep=keep, tolerance=tolerance)
    changes = [0.0] * len(ids)
    if keep != "original":
        rebuilt = torch.from_numpy(cortex.rebuilt([one.schema for one in kept]))
        seen = torch.ones_like(features) if known is None else known.float()
        changed = ((rebuilt - features).abs() * seen).sum(dim=-1) / seen.sum(dim=-1)
        changes = changed.tolist()
    return {
        id: Coded(points.engram_of[id], one.schema, one.strength, change)
        for id, one, change in zip(ids, kept, changes, strict=True)
    }


def night_of(
    collection: Collection,
    coded: Mapping[int, Coded],
    *,
    students: Sequence[KeptStudent] = (),
    keep: Keep,
    config: Mapping[str, Any] | None = None,
) -> Night:
    """The change to the store that makes points what they were coded as."""
    strengths: dict[int, list[float]] = {}
    for one in coded.values():
        strengths.setdefault(one.engram, []).append(one.strength)
    for engram, known in strengths.items():  # what has no student is kept whole
        parts = sum(len(points.of_engram.get(engram, ())) for points in collection.points.values())
        known += [1.0] * (parts - len(known))
    return Night(
        students=students,
        schemas={id: one.schema for id, one in coded.items()},
        strengths={engram: float(np.mean(known)) for engram, known in strengths.items()},
        config=config,
        drop=keep != "original",
    )


def space(collection: Collection) -> dict[str, int]:
    """Bytes the parts of all engrams take as they are kept, and would take if less were.

    What residuals would take is extrapolated from a sample.
    """
    kept = collection.store.space()
    taken = {"original": kept.codes + kept.originals + kept.latents}
    residuals = kept.residuals
    if collection.keep == "original":
        residuals = sum(_residual_bytes(points, collection) for points in _able(collection))
    taken["detail"] = _whole(collection) + kept.latents + residuals
    taken["schema"] = _whole(collection) + kept.latents
    return {keep: taken[keep] for keep in KEEPS[KEEPS.index(collection.keep) :]}


def lower(
    collection: Collection, keep: Keep, *, tolerance: float, apply: bool, seed: int
) -> KeepReport:
    """Keep less of every engram from now on, or only say what that would mean.

    Raises:
        ConfigError: more was asked for than is kept now; it is gone.
        NeverSleptError: there is no student to predict anything.
    """
    if keep not in KEEPS:
        raise ConfigError(f"keep must be {', '.join(map(repr, KEEPS))}, got {keep!r}")
    if KEEPS.index(keep) < KEEPS.index(collection.keep):
        raise ConfigError(
            f"this memory keeps the {collection.keep} alone, and what is gone cannot come back;"
            f" keep={keep!r} is for a new memory"
        )
    able = _able(collection)
    if not able:
        raise NeverSleptError(
            "only what a student predicts can be kept as less than it is; call sleep() first"
        )
    for _ in range(ATTEMPTS):
        revision = collection.store.revision
        before = collection.store.space()
        coded: dict[int, Coded] = {}
        errors: list[np.ndarray] = []
        for points in able:
            ids = sorted(points.engram_of)
            if not apply:
                ids = _sample(ids, seed)
            for start in range(0, len(ids), CODED):
                some = code_anew(
                    points,
                    points.student,
                    ids[start : start + CODED],
                    keep=keep,
                    tolerance=tolerance,
                )
                coded |= some
                errors.append(_errors(points, some))
        count = sum(len(points.engram_of) for points in able)
        taken = sum(
            len(one.schema.latent) + len(one.schema.residual or b"") for one in coded.values()
        )
        after = round(taken * count / len(coded)) + _whole(collection)
        if keep == "original":
            after = before.codes + before.originals + before.latents
        report = KeepReport(
            keep=keep,
            tolerance=tolerance,
            points=count,
            bytes_before=before.codes + before.originals + before.latents + before.residuals,
            bytes_after=after,
            mean_error=0.0 if keep == "original" else float(np.concatenate(errors).mean()),
            greatest_error=0.0 if keep == "original" else float(np.concatenate(errors).max()),
            applied=apply,
        )
        if not apply:
            return report
        config = dict(collection.store.config)
        config["made_with"] = config["made_with"] | {"keep": keep, "tolerance": tolerance}
        night = night_of(collection, coded, keep=keep, config=config)
        if collection.store.turn(night, revision=revision):
            collection.refresh(own=True)
            return report
        collection.refresh(own=True)
    raise StoreBusyError("others keep writing this memory; try again when they are done")


def _errors(points: Points, coded: Mapping[int, Coded]) -> np.ndarray:
    """Of each known feature, by how much what would be kept differs from what is."""
    patterns = points.memory.patterns
    rows = patterns.rows_of(list(coded))
    rebuilt = points.student.rebuilt([one.schema for one in coded.values()])
    errors = np.abs(rebuilt - patterns.rows[rows].cpu().numpy())
    return errors.ravel() if patterns.known is None else errors[patterns.known[rows].cpu().numpy()]


def _able(collection: Collection) -> list[Points]:
    return [
        points
        for points in collection.points.values()
        if points.cortex is not None and points.engram_of
    ]


def _whole(collection: Collection) -> int:
    """Bytes of points that have no student and stay whole whatever is kept."""
    kept = [
        collection.store.space(name)
        for name, points in collection.points.items()
        if points.cortex is None
    ]
    return sum(space.codes + space.originals for space in kept)


def _residual_bytes(points: Points, collection: Collection) -> int:
    ids = _sample(sorted(points.engram_of), 0)
    coded = code_anew(points, points.student, ids, keep="detail", tolerance=collection.tolerance)
    mean = np.mean([len(one.schema.residual or b"") for one in coded.values()])
    return round(float(mean) * len(points.engram_of))


def _sample(ids: Sequence[int], seed: int) -> list[int]:
    chosen = torch.randperm(len(ids), generator=generator(seed, "weighed"))[:WEIGHED]
    return [ids[index] for index in sorted(chosen.tolist())]
