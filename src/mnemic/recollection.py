"""From cue parts to engrams: each sense settles its parts, and what they agree on is recalled."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import itemgetter

import numpy as np
from jaxtyping import Float

from mnemic.cues import Part
from mnemic.hippocampus import AIM, Recognised
from mnemic.points import Points, stacked
from mnemic.records import Search

NEAR = 32  # points of each sense whose engrams are weighed against one another


Near = list[tuple[int, float]]  # points and how far each is from a part of the cue, rising


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An engram that may be meant."""

    engram: int
    weight: float
    distance: float  # mean over the parts that found it


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What one cue settled on."""

    candidates: tuple[Candidate, ...]  # the heaviest first; empty when nothing could answer
    remembered: bool
    confidence: float
    false_accepts: float | None
    energy: float
    steps: int
    converged: bool
    search: Search
    settled: Mapping[str, tuple[int, Float[np.ndarray, " dim"]]]  # sense -> winner's point, pattern
    near: Mapping[str, tuple[Near, ...]] = field(default_factory=dict[str, tuple[Near, ...]])


NOTHING = Answer(
    candidates=(),
    remembered=False,
    confidence=0.0,
    false_accepts=None,
    energy=0.0,
    steps=0,
    converged=True,
    search=Search(method="dense", bound=0.0, multiply_adds=0),
    settled={},
)


@dataclass(frozen=True, kw_only=True)
class _Heard:
    """How one part of a cue was answered in its sense."""

    sense: str
    candidates: tuple[Candidate, ...]
    activation: Mapping[int, float]  # engram -> log-weight by its distance to the cue
    remembered: bool
    confidence: float
    false_accepts: float | None
    energy: float
    steps: int
    converged: bool
    search: Search
    near: Near
    point: int  # of the first candidate
    pattern: Float[np.ndarray, " dim"]


def recollect(parts: Sequence[Part], points: Mapping[str, Points], rows: int) -> list[Answer]:
    """Settle every part in its own sense, then let the parts of each cue agree on an engram.

    A cue of one part is answered as its sense answers it. Of several, an engram's log-weight is
    the sum over the parts; a part that did not find it among its nearest gives it the least it
    gave any. The verdict goes by the most confident part, corrected for their number
    (Bonferroni), so the rate of false accepts holds.
    """
    heard: list[list[_Heard]] = [[] for _ in range(rows)]
    for sense, place in points.items():
        mine = [part for part in parts if part.sense == sense]
        if mine and place.memory.answering:
            features, known = stacked([part.encoded for part in mine])
            recognised = place.memory.recognise(features, known, NEAR)
            for index, part in enumerate(mine):
                heard[part.row].append(_hear(recognised, index, sense, place))
    return [_agree(each) for each in heard]


def _hear(recognised: Recognised, index: int, sense: str, place: Points) -> _Heard:
    settled, judged = recognised
    beta = place.memory.tuning.recall_beta
    candidates: dict[int, Candidate] = {}
    ids, weights = settled.ids[index].tolist(), settled.weights[index].tolist()
    distances: list[float] = settled.distances[index].tolist()
    found = zip(ids, distances, strict=True)
    for id, weight, distance in zip(ids, weights, distances, strict=True):
        if id >= 0 and place.engram_of[id] not in candidates:
            engram = place.engram_of[id]
            candidates[engram] = Candidate(engram=engram, weight=weight, distance=distance)
    return _Heard(
        sense=sense,
        candidates=tuple(candidates.values()),
        activation={one.engram: -0.5 * beta * one.distance for one in candidates.values()},
        remembered=bool(judged.remembered[index]),
        confidence=float(judged.confidence[index]),
        false_accepts=judged.false_accepts,
        energy=float(settled.energy[index]),
        steps=int(settled.steps[index]),
        converged=bool(settled.converged[index]),
        search=Search(
            method="certified" if float(settled.bound[index]) else "dense",
            bound=float(settled.bound[index]),
            multiply_adds=int(settled.multiply_adds[index]),
        ),
        near=sorted(((id, far) for id, far in found if id >= 0), key=itemgetter(1)),
        point=ids[0],
        pattern=settled.pattern[index].cpu().numpy(),
    )


def _agree(heard: Sequence[_Heard]) -> Answer:
    if not heard:
        return NOTHING
    if len(heard) == 1:
        candidates, confidence, remembered = (
            heard[0].candidates,
            heard[0].confidence,
            heard[0].remembered,
        )
    else:
        candidates = _weighed(heard)
        best = max(one.confidence for one in heard)
        confidence = max(0.0, 1 - len(heard) * (1 - best))
        calibrated = all(one.false_accepts is not None for one in heard)
        remembered = confidence >= 1 - AIM if calibrated else any(one.remembered for one in heard)
    winner = candidates[0].engram
    rates = [one.false_accepts for one in heard if one.false_accepts is not None]
    return Answer(
        candidates=candidates,
        remembered=remembered,
        confidence=confidence,
        false_accepts=rates[0] if len(rates) == len(heard) else None,
        energy=sum(one.energy for one in heard),
        steps=max(one.steps for one in heard),
        converged=all(one.converged for one in heard),
        search=Search(
            method="certified" if any(one.search.bound for one in heard) else "dense",
            bound=max(one.search.bound for one in heard),
            multiply_adds=sum(one.search.multiply_adds for one in heard),
        ),
        settled={
            one.sense: (one.point, one.pattern)
            for one in reversed(heard)  # the first of several parts in one sense stands
            if one.candidates[0].engram == winner
        },
        near={
            sense: tuple(one.near for one in heard if one.sense == sense)
            for sense in {one.sense for one in heard}
        },
    )


def _weighed(heard: Sequence[_Heard]) -> tuple[Candidate, ...]:
    """Engrams by the sum of their log-weights over all parts."""
    engrams = list(dict.fromkeys(one.engram for part in heard for one in part.candidates))
    least = [min(part.activation.values()) for part in heard]
    total = np.array(
        [
            sum(
                part.activation.get(engram, floor) for part, floor in zip(heard, least, strict=True)
            )
            for engram in engrams
        ]
    )
    weights = np.exp(total - total.max())
    weights /= weights.sum()
    distances = [
        [one.distance for part in heard for one in part.candidates if one.engram == engram]
        for engram in engrams
    ]
    order = np.argsort(-total, kind="stable")
    return tuple(
        Candidate(
            engram=engrams[i], weight=float(weights[i]), distance=float(np.mean(distances[i]))
        )
        for i in order
    )
