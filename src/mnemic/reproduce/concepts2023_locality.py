"""Two routes from a code to a name, with few examples: a head that was taught, and locality alone.

Marco de Lucas (2023) asks for "a supervised classification on top of an unsupervised solution",
and has "the connection of one image to a previous one ... defined by a minimum distance in this
latent space". Both routes name pictures never met, from one to fifty examples of each class, in
pixels, in the latents of a student that has learned without names, and in the features of a
network that was trained on ImageNet.

A minimum distance also has to say what is new. Of ten classes five are met, and then the other
five; pictures of those not met should join no concept. Newness is measured by two rules, each that
of a memory: what a picture lacks to be of any concept, by what the examples have taught of them
(``mnemic.concepts.likeness``), and the distance to the nearest example. Its area under the ROC
tells what any radius could do, and a memory's own calibrated radius says what joins. "Together" are
EfficientNet and latents side by side, of the same spread each: what was learned from other
pictures, and what was learned from these. The latents are those of a student that has seen none of
the classes that are new.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.spatial.distance import cdist
from sklearn.metrics import roc_auc_score

from mnemic.concepts.likeness import Likeness
from mnemic.concepts.refinement import Refinement, nearest_label
from mnemic.concepts.space import Rule
from mnemic.memory import Memory
from mnemic.neocortex import Student
from mnemic.plots.newness import naming, newness_by_space
from mnemic.reproduce.pictures import features
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.ten_concepts import COUNT, Subject
from mnemic.reproduce.untold_student import untold
from mnemic.reproduce.watched_pictures import pool, watched
from mnemic.reproduce.workshop import Doing, Workshop

SUBJECTS: tuple[Subject, ...] = ("digits", "fashion")
PIXELS, LATENTS, TRAINED, TOGETHER = "pixels", "latents", "EfficientNet", "together"

NEWNESS: dict[Rule, str] = {"learned": "newness", "nearest": "newness, nearest"}

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
        others = data[f"{subject} others"]
        shown = others[np.isin(data[f"{subject} other_labels"], classes)]
        return untold(shown, config.epochs, seed, workshop)

    student = yield from taught(np.arange(COUNT))
    places = {PIXELS: pixels, LATENTS: _latents(student, pixels), TRAINED: seen}
    found = {name: named(place, labels, told, config.examples) for name, place in places.items()}
    halves = rng.permutation(COUNT).reshape(2, -1)
    told_new: dict[Rule, list[Numbers]] = {rule: [] for rule in NEWNESS}
    for known in halves:
        student = yield from taught(known)
        places = {PIXELS: pixels, LATENTS: _latents(student, pixels), TRAINED: seen}
        for rule, some in told_new.items():
            some.append(new(places, labels, told, known, seed, rule))
            yield Doing(f"{subject}: what is new, {rule}", len(some), len(halves))
    means = {NEWNESS[rule]: _mean(some) for rule, some in told_new.items()}
    return {"naming": found, **means, "newness gained": _gained(*means.values())}


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
    rule: Rule,
) -> Numbers:
    """How well what is of no known class is told, in each space and in two together."""
    example = np.isin(labels, known) & (np.arange(len(labels)) < told)
    both = side_by_side([places[TRAINED], places[LATENTS]], example)
    return {
        name: told_as_new(place[example], labels[example], place[told:], labels[told:], seed, rule)
        for name, place in {**places, TOGETHER: both}.items()
    }


def told_as_new(
    examples: Float[np.ndarray, "examples dim"],
    names: Int[np.ndarray, " examples"],
    cues: Float[np.ndarray, "cues dim"],
    of: Int[np.ndarray, " cues"],
    seed: int,
    rule: Rule,
) -> Numbers:
    """What a memory of the examples makes of cues, of which some are of none of its classes."""
    strange = ~np.isin(of, names)
    with TemporaryDirectory(prefix="mnemic-concepts-") as folder:
        create = {"resolution": None, "vector": examples.shape[1]}
        # a memory has no vectors finer than these
        examples, cues = examples.astype(np.float32), cues.astype(np.float32)
        with Memory.open(Path(folder) / "memory", create=create, seed=seed) as memory:
            memory.concepts.choose(locality=rule)
            memory.remember_many(vector=examples, label=[str(name) for name in names])
            recalls = memory.recall_many(vector=cues)
    fired = [None if one.concept is None else one.concept.label for one in recalls]
    joined: Bool[np.ndarray, " cues"] = np.array([label is not None for label in fired])
    right = np.array([label == str(one) for label, one in zip(fired, of, strict=True)])
    return {
        "area": float(roc_auc_score(strange, newness(examples, names, cues, rule))),
        "false joins": float(joined[strange].mean()),
        "joins": float(joined[~strange].mean()),
        "right joins": float(right[~strange].mean()),
    }


def newness(
    examples: Float[np.ndarray, "examples dim"],
    names: Int[np.ndarray, " examples"],
    cues: Float[np.ndarray, "cues dim"],
    rule: Rule,
) -> Float[np.ndarray, " cues"]:
    """How new each cue is: what it lacks to be of any class, or how far it is from all examples."""
    taught = Likeness.of(examples.astype(np.float64), names) if rule == "learned" else None
    if taught is None:
        return cdist(cues, examples, "sqeuclidean").min(axis=1) / examples.shape[1]
    return taught.lacking(cues.astype(np.float64)).min(axis=1)


def side_by_side(
    several: Sequence[Float[np.ndarray, "count _"]], example: Bool[np.ndarray, " count"]
) -> Float[np.ndarray, "count dim"]:
    """Places in several spaces at once, where examples differ as much in each of them."""
    spreads = [np.sqrt(places[example].var(axis=0).sum()) for places in several]
    return np.hstack([places / spread for places, spread in zip(several, spreads, strict=True)])


def _latents(student: Student, pixels: Float[np.ndarray, "count dim"]) -> np.ndarray:
    return student.encode(torch.from_numpy(pixels)).numpy()


def _mean(found: list[Numbers]) -> Numbers:
    return {
        space: {
            name: float(np.mean([one[space][name] for one in found])) for name in found[0][space]
        }
        for space in found[0]
    }


def _gained(ours: Numbers, plain: Numbers) -> Numbers:
    """What the one rule has more of than the other, space by space."""
    return {
        space: {name: found[name] - plain[space][name] for name in found}
        for space, found in ours.items()
    }


def _expected() -> tuple[Expected, ...]:
    rows: list[Expected] = []
    for subject in SUBJECTS:
        rows.append(
            Expected(
                what=f"{subject}, classes never met: area under the ROC of newness, together",
                number=(subject, "newness", TOGETHER, "area"),
                at_least=0.85,
                source="requirement",
            )
        )
        rows += [
            Expected(
                what=f"{subject}, classes never met: area under the ROC of newness, {space}, less "
                "that of the distance to the nearest",
                number=(subject, "newness gained", space, "area"),
                at_least=0.0,
                source="ours",
            )
            for space in (PIXELS, LATENTS, TRAINED, TOGETHER)
        ]
        rows += [
            Expected(
                what=f"{subject}, classes never met: share that joins a concept, {space}",
                number=(subject, "newness", space, "false joins"),
                at_most=0.05,
                source="requirement",
            )
            for space in (PIXELS, LATENTS, TRAINED, TOGETHER)
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
            "small": Config(cues=20, unlabelled=2400, epochs=6),
            "paper": Config(cues=100, unlabelled=9000, epochs=20),
        },
        load=load,
        compute=compute,
        figures={"naming": naming, "newness": newness_by_space},
    ),
)
