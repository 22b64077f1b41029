"""Two routes from a code to a name, with few examples: a head that was taught, and locality alone.

Marco de Lucas (2023) asks for "a supervised classification on top of an unsupervised solution",
and has "the connection of one image to a previous one ... defined by a minimum distance in this
latent space". Both routes name pictures never met, from one to fifty examples of each class, in
pixels, in the latents of a student that has learned without names, and in the features of a
network that was trained on ImageNet.

A minimum distance also has to say what is new. Of ten classes five are met; pictures of the other
five should join no concept. Newness is the distance to the nearest example: its area under the ROC
tells what any radius could do, and a memory's own calibrated radius says what joins. "Refined" are
EfficientNet and latents side by side, scaled by how much examples of one class differ among
themselves (Mahalanobis; Fisher 1936): a supervised refinement of locality itself.
"""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from sklearn.metrics import roc_auc_score

from mnemic.concepts.refinement import Refinement, nearest_label
from mnemic.memory import Memory
from mnemic.neocortex import Student
from mnemic.plots.newness import naming, newness_by_space
from mnemic.reproduce.pictures import features, grid_of
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.teaching import config_of
from mnemic.reproduce.ten_concepts import COUNT, Subject
from mnemic.reproduce.watched_pictures import pool, watched
from mnemic.reproduce.workshop import Doing, Workshop, checksum

SUBJECTS: tuple[Subject, ...] = ("digits", "fashion")
PIXELS, LATENTS, TRAINED, REFINED = "pixels", "latents", "EfficientNet", "refined"
DIRECTIONS = 50  # of the pretrained features, before they are refined
SHRUNK = 0.1  # of the covariance within classes, towards a sphere

Places = dict[str, Float[np.ndarray, "count dim"]]


@dataclass(frozen=True, kw_only=True)
class Config:
    """How much is named, asked, and seen without a name."""

    examples: tuple[int, ...] = (1, 2, 5, 10, 20, 50)
    cues: int  # of each class
    unlabelled: int
    epochs: int


def load(config: Config, seed: int) -> Data:
    """Pictures that are named or asked, the same for all seeds, and others that nobody names."""
    data: dict[str, np.ndarray] = {}
    for subject in SUBJECTS:
        found = pool(subject, max(config.examples) + config.cues, config.unlabelled, seed)
        data |= {f"{subject} {name}": array for name, array in found._asdict().items()}
    return data


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Name pictures by both routes, and tell what was never met."""
    numbers: Numbers = {}
    for subject in SUBJECTS:
        numbers[subject] = yield from _of_subject(config, data, subject, seed, workshop)
    return numbers


def _of_subject(
    config: Config, data: Data, subject: Subject, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    pictures, labels = data[f"{subject} pictures"], data[f"{subject} labels"]
    seen = yield from watched(pictures, workshop)
    rng = np.random.default_rng(seed)
    turns = rng.permutation(len(labels) // COUNT)  # which pictures of a class are examples
    order = (turns[:, None] * COUNT + np.arange(COUNT)).reshape(-1)
    pictures, labels, seen = pictures[order], labels[order], seen[order]
    told = max(config.examples) * COUNT
    pixels = features(pictures).numpy()

    def taught(classes: Int[np.ndarray, " classes"]) -> Generator[Doing, None, Student]:
        others = data[f"{subject} others"][np.isin(data[f"{subject} other_labels"], classes)]
        lesson = features(others)
        student = yield from workshop.teach(
            lambda: lesson,
            config_of("mnemic", config.epochs),
            made_of={"others": checksum({"others": others})},
            grid=grid_of(others),
            seed=seed,
        )
        return student.student

    student = yield from taught(np.arange(COUNT))
    places = {PIXELS: pixels, LATENTS: _latents(student, pixels), TRAINED: seen}
    found = {name: named(place, labels, told, config.examples) for name, place in places.items()}
    halves = rng.permutation(COUNT).reshape(2, -1)
    newness: list[Numbers] = []
    for known in halves:
        student = yield from taught(known)
        places = {PIXELS: pixels, LATENTS: _latents(student, pixels), TRAINED: seen}
        newness.append(new(places, labels, told, known, seed))
        yield Doing(f"{subject}: what is new", len(newness), len(halves))
    return {"naming": found, "newness": _mean(newness)}


def named(
    places: Float[np.ndarray, "count dim"],
    labels: Int[np.ndarray, " count"],
    told: int,
    examples: tuple[int, ...],
) -> Numbers:
    """How often each route is right, by the number of examples of each class."""
    names = [str(label) for label in labels]
    cues, right = places[told:], np.array(names[told:])
    numbers: Numbers = {"taught": {}, "nearest": {}}
    for few in examples:
        some, of = places[: few * COUNT], names[: few * COUNT]
        head = Refinement.fit(some, of).predict(cues)
        numbers["taught"][str(few)] = float(np.mean(np.array(head) == right))
        near = nearest_label(cues, some, of)
        numbers["nearest"][str(few)] = float(np.mean(np.array(near) == right))
    return numbers


def new(
    places: Places,
    labels: Int[np.ndarray, " count"],
    told: int,
    known: Int[np.ndarray, " classes"],
    seed: int,
) -> Numbers:
    """How well what is of no known class is told, in each space and in the refined one."""
    here = np.isin(labels, known)
    example = here & (np.arange(len(labels)) < told)
    both = np.hstack(
        [
            scaled_within(_directions(places[TRAINED], example), labels, example),
            scaled_within(places[LATENTS], labels, example),
        ]
    )
    return {
        name: told_as_new(place[example], labels[example], place[told:], labels[told:], seed)
        for name, place in {**places, REFINED: both}.items()
    }


def told_as_new(
    examples: Float[np.ndarray, "examples dim"],
    names: Int[np.ndarray, " examples"],
    cues: Float[np.ndarray, "cues dim"],
    of: Int[np.ndarray, " cues"],
    seed: int,
) -> Numbers:
    """What a memory of the examples makes of cues, of which some are of none of its classes."""
    strange = ~np.isin(of, names)
    far = ((cues[:, None] - examples[None]) ** 2).mean(axis=-1).min(axis=1)
    with TemporaryDirectory(prefix="mnemic-concepts-") as folder:
        create = {"resolution": None, "vector": examples.shape[1]}
        with Memory.open(Path(folder) / "memory", create=create, seed=seed) as memory:
            memory.remember_many(
                vector=examples.astype(np.float32), label=[str(name) for name in names]
            )
            recalls = memory.recall_many(vector=cues.astype(np.float32))
    fired = [None if one.concept is None else one.concept.label for one in recalls]
    joined: Bool[np.ndarray, " cues"] = np.array([label is not None for label in fired])
    right = np.array([label == str(one) for label, one in zip(fired, of, strict=True)])
    return {
        "area": float(roc_auc_score(strange, far)),
        "false joins": float(joined[strange].mean()),
        "joins": float(joined[~strange].mean()),
        "right joins": float(right[~strange].mean()),
    }


def scaled_within(
    places: Float[np.ndarray, "count dim"],
    labels: Int[np.ndarray, " count"],
    example: Bool[np.ndarray, " count"],
) -> Float[np.ndarray, "count dim"]:
    """Places where examples of one class differ by as much in every direction: 1 / dim in each.

    By the covariance of the examples within classes, ``SHRUNK`` towards a sphere.
    """
    mine = places[example]
    within = np.concatenate(
        [
            mine[labels[example] == one] - mine[labels[example] == one].mean(axis=0)
            for one in np.unique(labels[example])
        ]
    )
    covariance = np.atleast_2d(np.cov(within.T))
    dim = len(covariance)
    sphere = np.eye(dim) * max(np.trace(covariance) / dim, 1e-12)
    spread, directions = np.linalg.eigh((1 - SHRUNK) * covariance + SHRUNK * sphere)
    return places @ directions / np.sqrt(spread * dim)


def _directions(
    places: Float[np.ndarray, "count dim"], example: Bool[np.ndarray, " count"]
) -> Float[np.ndarray, "count few"]:
    """Places along the main directions in which examples differ."""
    centred = places - places[example].mean(axis=0)
    _, _, directions = np.linalg.svd(centred[example], full_matrices=False)
    return centred @ directions[:DIRECTIONS].T


def _latents(student: Student, pixels: Float[np.ndarray, "count dim"]) -> np.ndarray:
    return student.encode(torch.from_numpy(pixels)).numpy()


def _mean(found: list[Numbers]) -> Numbers:
    return {
        space: {
            name: float(np.mean([one[space][name] for one in found])) for name in found[0][space]
        }
        for space in found[0]
    }


def _expected() -> tuple[Expected, ...]:
    rows: list[Expected] = []
    for subject in SUBJECTS:
        rows.append(
            Expected(
                what=f"{subject}, classes never met: area under the ROC of newness, refined",
                number=(subject, "newness", REFINED, "area"),
                at_least=0.85,
                source="requirement",
            )
        )
        rows += [
            Expected(
                what=f"{subject}, classes never met: share that joins a concept, {space}",
                number=(subject, "newness", space, "false joins"),
                at_most=0.05,
                source="requirement",
            )
            for space in (PIXELS, LATENTS, TRAINED, REFINED)
        ]
    return tuple(rows)


RESULTS = (
    Result(
        name="concepts2023/locality-supervision",
        paper="Marco de Lucas 2023",
        figure='"a supervised classification on top of an unsupervised solution"; "a minimum '
        'distance in this latent space"',
        claim="From a few examples, a head that is taught and the nearest example name pictures "
        "never met; and what is of none of the classes met is told as new.",
        expected=_expected(),
        scales={
            "toy": Config(examples=(1, 3), cues=2, unlabelled=64, epochs=1),
            "small": Config(cues=20, unlabelled=3000, epochs=6),
            "paper": Config(cues=100, unlabelled=9000, epochs=20),
        },
        load=load,
        compute=compute,
        figures={"naming": naming, "newness": newness_by_space},
    ),
)
