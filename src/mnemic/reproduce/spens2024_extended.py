"""The extended model of Spens & Burgess (2024): a memory is a schema and what the schema misses.

A trace of a picture is the student's latent of it together with those of its features that the
student predicts badly. Recalled, the latent is decoded, and the features stored overwrite what
was decoded. The lower the threshold, the more detail is kept, and the more it costs.

As in the article's code, the pictures were never seen by the student, and white squares that
nothing predicts are painted on them; each is recalled from a copy a tenth of whose features are
put out. There a feature that is not stored has the value of middle grey, which recall takes for
something seen; here a mask says which features are known. Both are computed.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float
from scipy.stats import rankdata
from torch import Tensor

from mnemic.hippocampus import EpisodicMemory
from mnemic.neocortex import Student
from mnemic.neocortex.student import Grid, Kind
from mnemic.plots.distortion import stages_of_recall, trade_off
from mnemic.randomness import generator
from mnemic.reproduce.pictures import (
    TITLES,
    Experiment,
    Name,
    features,
    grid_of,
    sizes,
    stand_in,
    stored_and_unseen,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.teaching import masks, taught_by_replay
from mnemic.reproduce.workshop import Doing, Workshop

KINDS: tuple[Kind, ...] = ("mnemic", "spens2022")
THRESHOLDS = (0.01, 0.05, 0.1, 0.15, 0.2)
PUBLISHED = {  # of a picture of 3D Shapes, in the order of the thresholds
    "squared error": (20.0, 115.0, 209.0, 359.0, 531.0),
    "features stored": (4693.0, 2168.0, 1299.0, 880.0, 691.0),
}
SQUARES = 3  # painted on a picture, an eighth of its side each
PUT_OUT = 0.1  # share of a cue's features
PUBLISHED_BETA = 100.0
NEUTRAL = 0.01  # published: a recalled value this near to 0 was not stored
GREY = 0.5  # shown where nothing is stored
SHOWN = (0.05, 0.2)  # thresholds whose recall is shown
LEVELS, A_NUMBER = 32, 9


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """How many of the unseen pictures are remembered."""

    remembered: int


class Traces(NamedTuple):
    """Memories in the extended model: a latent, and the features it is not trusted with."""

    latents: Float[Tensor, "count latent"]
    detail: Float[Tensor, "count dim"]
    detailed: Bool[Tensor, "count dim"]  # where detail is stored


class ExtendedMemory:
    """A teacher of traces, with the student that gives their latents a picture.

    A cue is compared with the pictures that traces stand for, as a ``Memory`` that keeps detail
    does: keys are rebuilt. Were a trace no more than its stored features to recall, the one with
    most of them would be found most often.
    """

    def __init__(self, student: Student, stored: Traces, seed: int) -> None:
        self.stored = stored
        self.teacher = EpisodicMemory(student.dim, seed=seed)
        self.teacher.store(rebuilt(student, stored))

    def recall(
        self, cues: Float[Tensor, "count dim"], known: Bool[Tensor, "count dim"] | None = None
    ) -> Float[Tensor, "count dim"]:
        """The picture each cue brings back, from what is known of it."""
        return self.teacher.recall(cues, known).pattern


def badly_predicted(
    pictures: Float[Tensor, "count dim"], schemas: Float[Tensor, "count dim"], threshold: float
) -> Bool[Tensor, "count dim"]:
    """The features a schema misses by more than the threshold: what is stored in detail."""
    return (pictures - schemas).abs() > threshold


def traces_of(student: Student, pictures: Float[Tensor, "count dim"], threshold: float) -> Traces:
    """Pictures as a student and a threshold make traces of them."""
    latents = student.encode(pictures)
    return Traces(latents, pictures, badly_predicted(pictures, student.decode(latents), threshold))


def rebuilt(student: Student, traces: Traces) -> Float[Tensor, "count dim"]:
    """The pictures that traces stand for: the latent decoded, what is stored of detail over it."""
    return torch.where(traces.detailed, traces.detail, student.decode(traces.latents))


def recalled_as_published(
    student: Student,
    pictures: Float[Tensor, "count dim"],
    cues: Float[Tensor, "count dim"],
    threshold: float,
    seed: int,
) -> tuple[Float[Tensor, "count dim"], Bool[Tensor, "count dim"]]:
    """What cues bring back of pictures by the article's rule, and which features were stored.

    A pixel is stored, in all its channels, where they are missed by more than the threshold on
    average; in -1..1, and as 0 where it is not. A recalled value within .01 of 0 counts as not
    stored. Recall is a softmax over dot products, beta 100.
    """
    stored, kept = _published_traces(student, pictures, threshold)
    teacher = EpisodicMemory(stored.shape[1], rule="spens2022", seed=seed)
    teacher.store(stored)
    looked_for, _ = _published_traces(student, cues, threshold)
    recalled = teacher.recall(looked_for, beta=PUBLISHED_BETA).pattern
    detail, latents = recalled.split([student.dim, student.latent_dim], dim=-1)
    schemas = student.decode(latents)
    return torch.where(detail.abs() > NEUTRAL, (detail + 1) / 2, schemas), kept


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Remember the same pictures at every threshold, with both kinds of student."""
    grid = grid_of(data["images"])
    plain = features(data["images"])[config.stored :][: config.remembered]
    pictures = with_squares(plain, grid, rng=generator(seed, "squares"))
    numbers: Numbers = {}
    for kind in KINDS:
        taught = yield from taught_by_replay(config, data, seed, workshop, kind)
        numbers[kind] = yield from _remembered(taught.student, kind, pictures, grid, seed)
        if kind == KINDS[0]:
            numbers["pictures"] = _shown(taught.student, pictures, seed)
    return numbers


def _remembered(
    student: Student, kind: Kind, pictures: Tensor, grid: Grid, seed: int
) -> Generator[Doing, None, Numbers]:
    cues = put_out(pictures, rng=generator(seed, "put out"))
    halves = masks("halves", len(pictures), grid, seed)
    ours: dict[str, list[float]] = {name: [] for name in PUBLISHED}
    published: dict[str, list[float]] = {name: [] for name in PUBLISHED}
    own: dict[str, list[float]] = {"a tenth put out": [], "half missing": []}
    for index, threshold in enumerate(THRESHOLDS):
        yield Doing(f"{kind} remembering", index, len(THRESHOLDS))
        memory = ExtendedMemory(student, traces_of(student, pictures, threshold), seed)
        recalled = memory.recall(cues)
        _tell(ours, pictures, recalled, memory.stored.detailed)
        own["a tenth put out"].append(own_share(recalled, pictures))
        own["half missing"].append(own_share(memory.recall(pictures, halves), pictures))
        by_rule, kept = recalled_as_published(student, pictures, cues, threshold, seed)
        _tell(published, pictures, by_rule, kept)
    return {
        "mask": ours,
        "published rule": published,
        "own picture": own,
        "least own picture": {name: min(shares) for name, shares in own.items()},
        "schema alone": squared_error(pictures, student.decode(student.encode(pictures))),
        "rank correlation": {
            name: rank_correlation(ours[name], curve) for name, curve in PUBLISHED.items()
        },
    }


def rank_correlation(one: Sequence[float], other: Sequence[float]) -> float:
    """Spearman's: Pearson's correlation of the ranks."""
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])


def own_share(recalled: Float[Tensor, "count dim"], pictures: Float[Tensor, "count dim"]) -> float:
    """Share of recalled pictures that are nearer to their own than to each of the others."""
    nearest = torch.cdist(recalled.double(), pictures.double()).argmin(dim=-1)
    return float((nearest == torch.arange(len(pictures))).float().mean())


def squared_error(
    pictures: Float[Tensor, "count dim"], recalled: Float[Tensor, "count dim"]
) -> float:
    """Squared differences summed over a picture's features; their mean over pictures."""
    return float((recalled - pictures).square().sum(dim=-1).mean())


def with_squares(
    pictures: Float[Tensor, "count dim"], grid: Grid, *, rng: torch.Generator
) -> Float[Tensor, "count dim"]:
    """Pictures with white squares in random places, each as transparent as it happens to be."""
    height, width, _ = grid
    side = height // 8
    painted = pictures.clone().reshape(-1, *grid)
    for picture in painted:
        for _ in range(SQUARES):
            top = int(torch.randint(height - side, (), generator=rng))
            left = int(torch.randint(width - side, (), generator=rng))
            here = picture[top : top + side, left : left + side]
            here += torch.rand((), generator=rng) * (1 - here)
    return painted.flatten(1)


def put_out(
    pictures: Float[Tensor, "count dim"], *, rng: torch.Generator
) -> Float[Tensor, "count dim"]:
    """Pictures with a tenth of their features put to 0, and nothing to tell which."""
    return torch.where(torch.rand(pictures.shape, generator=rng) < PUT_OUT, 0.0, pictures)


def packed(picture: Float[Tensor, " dim"]) -> list[float]:
    """A picture as few numbers, to lie beside what was measured: 32 levels, nine to a number.

    Only the numbers of one seed mean anything; ``plots.distortion.unpacked`` reads them.
    """
    levels = (picture.clamp(0, 1) * (LEVELS - 1)).round().double()
    filled = torch.nn.functional.pad(levels, (0, -len(levels) % A_NUMBER))
    weights = LEVELS ** torch.arange(A_NUMBER, dtype=torch.float64)
    return (filled.reshape(-1, A_NUMBER) @ weights).tolist()


def _published_traces(student: Student, of: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
    latents, channels = student.encode(of), student.grid[-1]
    missed = (of - student.decode(latents)).abs()
    by_pixel = rearrange(missed, "count (pixels c) -> count pixels c", c=channels).mean(dim=-1)
    kept = (by_pixel > threshold).repeat_interleave(channels, dim=-1)
    return torch.cat([torch.where(kept, 2 * of - 1, 0.0), latents], dim=-1), kept


def _tell(into: dict[str, list[float]], pictures: Tensor, recalled: Tensor, kept: Tensor) -> None:
    into["squared error"].append(squared_error(pictures, recalled))
    into["features stored"].append(float(kept.sum(dim=-1).float().mean()))


def _shown(student: Student, pictures: Tensor, seed: int) -> Numbers:
    """The first picture, its schema, and what is stored and recalled of it at two thresholds."""
    cues = put_out(pictures, rng=generator(seed, "put out"))
    shown = {"seen": pictures[0], "schema": student.decode(student.encode(pictures[:1]))[0]}
    for threshold in SHOWN:
        memory = ExtendedMemory(student, traces_of(student, pictures, threshold), seed)
        stored = memory.stored.detailed[0]
        shown[f"stored at {threshold:g}"] = torch.where(stored, pictures[0], GREY)
        shown[f"recalled at {threshold:g}"] = memory.recall(cues)[0]
    return {name: packed(picture) for name, picture in shown.items()}


def _result(name: Name, file: str) -> Result:
    expected = [
        Expected(
            what=f"rank correlation of {what} with the published curve, by threshold",
            number=("mnemic", "rank correlation", what),
            at_least=0.9,
            source="requirement",
            published=f"{PUBLISHED[what][0]:g} … {PUBLISHED[what][-1]:g} on 3D Shapes",
        )
        for what in PUBLISHED
    ]
    expected += [
        Expected(
            what=f"recalled with {cue}, nearer its own picture than all others, at any threshold",
            number=("mnemic", "least own picture", cue),
            at_least=0.9,
            source="requirement",
        )
        for cue in ("a tenth put out", "half missing")
    ]
    grid = (64, 64, 3) if name == "shapes3d" else (28, 28, 1)
    return Result(
        name=f"spens2024/extended-{file}",
        paper="Spens & Burgess 2024",
        figure="the extended model: error and features stored, by threshold",
        claim=f"A memory of {TITLES[name]} that keeps the latent and what the latent predicts "
        "badly trades detail for room: the higher the threshold, the less is stored and the more "
        "is filled in.",
        expected=tuple(expected),
        scales={
            "toy": Config(**sizes(name, "toy"), remembered=6),
            "small": Config(**sizes(name, "small"), remembered=100),
            "paper": Config(**sizes(name, "paper"), remembered=100),
        },
        load=stored_and_unseen,
        compute=compute,
        figures={
            "trade-off": partial(
                trade_off,
                thresholds=THRESHOLDS,
                published=PUBLISHED if name == "shapes3d" else None,
            ),
            "recall": partial(stages_of_recall, grid=grid),
        },
        stands_in=stand_in(name),
    )


RESULTS = (_result("shapes3d", "shapes3d"), _result("fashion", "fashion"))
