"""What results about students share: a replayed lesson, and what a student is asked afterwards."""

from collections.abc import Callable, Generator

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from mnemic.hippocampus import EpisodicMemory
from mnemic.neocortex import ConsolidationConfig, Student
from mnemic.neocortex.student import Grid, Kind
from mnemic.randomness import generator
from mnemic.reproduce.pictures import Experiment, features, grid_of
from mnemic.reproduce.registry import Data
from mnemic.reproduce.workshop import Doing, Epoch, Taught, Workshop, checksum, key_of

EXAMPLES = 200  # a decoder is fitted on, as published
DISTRACTORS = 99


def taught_by_replay(
    experiment: Experiment, data: Data, seed: int, workshop: Workshop, kind: Kind = "mnemic"
) -> Generator[Doing, None, Taught]:
    """A student of the habituated replay of what is stored, measured after each epoch.

    ``data`` are ``stored_and_unseen``'s. The same experiment is the same student in every result.
    """
    grid, pictures = grid_of(data["images"]), features(data["images"])
    memories, unseen = pictures[: experiment.stored], pictures[experiment.stored :]
    labels = data["labels"][experiment.stored :]

    def measured(student: Student) -> Epoch:
        return {
            "held-out error": missed(student, unseen),
            "stored error": missed(student, memories[: len(unseen)]),
            "decoding accuracy": decoded(student.encode(unseen).numpy(), labels, EXAMPLES),
        }

    made_of = {"stored": experiment.stored, "data": checksum(data)}

    def lesson() -> Tensor:  # of every kind the same
        key = "lesson-" + key_of(__name__, made_of=made_of, seed=seed)
        return workshop.keep(key, lambda: replayed(memories, grid, seed))

    return workshop.teach(
        lesson,
        config_of(kind, experiment.epochs),
        made_of=made_of,
        kind=kind,
        grid=grid,
        seed=seed,
        each_epoch=measured,
    )


def replayed(memories: Float[Tensor, "count dim"], grid: Grid, seed: int) -> Tensor:
    """As many patterns as there are memories, by our teacher, from noise."""
    teacher = EpisodicMemory(memories.shape[1], grid=grid, seed=seed)
    teacher.store(memories)
    return teacher.replay(len(memories)).patterns


def config_of(kind: Kind, epochs: int) -> ConsolidationConfig:
    """Each kind's own settings, on as many pictures; bfloat16 for both."""
    make = ConsolidationConfig.spens2022 if kind == "spens2022" else ConsolidationConfig
    return make(epochs=epochs, held_out=0.0, precision="bfloat16")


def missed(student: Student, pictures: Float[Tensor, "count dim"]) -> float:
    """Mean absolute error of a feature, coded and decoded."""
    return float((student.decode(student.encode(pictures)) - pictures).abs().mean())


def decoded(
    codes: Float[np.ndarray, "count width"], labels: Int[np.ndarray, " count"], examples: int
) -> float:
    """Accuracy on the second half of a support vector classifier fitted on a few of the first.

    Spens & Burgess (2022, their code): standardised latents, SVC() as it comes, 200 examples.
    """
    half = len(codes) // 2
    classifier = make_pipeline(StandardScaler(), SVC())
    classifier.fit(codes[: min(examples, half)], labels[: min(examples, half)])
    return float(classifier.score(codes[half:], labels[half:]))


def nearest_its_own(
    recall: Callable[[Tensor, Tensor], Tensor],
    pictures: Float[Tensor, "count dim"],
    known: Bool[Tensor, "count dim"],
) -> float:
    """Share of pictures whose recall is nearer to them than to each of 99 others."""
    hits, group = 0, DISTRACTORS + 1
    for some, mask in zip(pictures.split(group), known.split(group), strict=True):
        recalled = recall(some, mask)
        nearest = torch.cdist(recalled.double(), some.double()).argmin(dim=-1)
        hits += int((nearest == torch.arange(len(some))).sum())
    return hits / len(pictures)


def masks(kind: str, count: int, grid: Grid, seed: int) -> Bool[Tensor, "count dim"]:
    """What is known of each picture, when half of it is missing.

    "pixels": each with even odds; "block": a square in the middle of a random place is missing;
    "halves": the upper, lower, left, right half in turn.

    Raises:
        ValueError: there is no such kind.
    """
    height, width, channels = grid
    rng = generator(seed, f"masks {kind}")
    known = torch.ones(count, height, width, dtype=torch.bool)
    if kind == "pixels":
        known = torch.rand(count, height, width, generator=rng) < 0.5
    elif kind == "block":
        tall, wide = round(height * 0.5**0.5), round(width * 0.5**0.5)
        tops = torch.randint(height - tall + 1, (count,), generator=rng).tolist()
        lefts = torch.randint(width - wide + 1, (count,), generator=rng).tolist()
        for row, (top, left) in enumerate(zip(tops, lefts, strict=True)):
            known[row, top : top + tall, left : left + wide] = False
    elif kind == "halves":
        for row, picture in enumerate(known):
            upper, side = height // 2, width // 2
            missing = (picture[upper:], picture[:upper], picture[:, side:], picture[:, :side])
            missing[row % 4][...] = False
    else:
        raise ValueError(f"no masks are called {kind!r}")
    return known[..., None].expand(-1, -1, -1, channels).reshape(count, -1)
