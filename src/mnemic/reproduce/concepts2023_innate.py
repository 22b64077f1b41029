"""What is innate: naming with front ends that were never trained, after one to five exposures.

Marco de Lucas (2023): "providing newborns with memory capacity and basic learning functions without
the need for initial training on a large data set". One memory has several senses of sight and
of hearing side by side; each is asked alone for the name of pictures never met, and of words said
by another synthesiser. Random front ends are linear projections of the raw pixels and samples;
"untrained network" is the student's encoder before it has learned anything. Innate are
the memory's own: pixels, and the course of the log-mel spectrum. Pretrained are EfficientNet-lite0,
which has seen ImageNet, and the speech embedding, which has heard English.
"""

from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch

from mnemic.memory import Memory
from mnemic.neocortex import make_student
from mnemic.plots.innate import front_ends
from mnemic.reproduce.exposed_memory import CREATE
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.ten_concepts import COUNT, Concepts, Meeting, Subject, concepts_of
from mnemic.reproduce.ten_concepts import load as load_subject
from mnemic.reproduce.workshop import Doing, Workshop
from mnemic.senses import FromCallable

SUBJECTS: tuple[Subject, ...] = ("digits", "fashion")
FRONT_ENDS = {
    "picture": {
        "random projection": "random sight",
        "untrained network": "untrained sight",
        "innate: pixels": "pixels",
        "pretrained: EfficientNet": "efficientnet",
    },
    "sound": {
        "random projection": "random hearing",
        "innate: log-mel": "log-mel",
        "pretrained: speech": "said",
    },
}
SIDE, RATE = 28, 16_000
SIGHT_DIM, HEARING_DIM = 64, 312  # numbers a random projection keeps; log-mel has 312


@dataclass(frozen=True, kw_only=True)
class Config:
    """How often each concept is met, and how many pictures are asked."""

    exposures: tuple[int, ...] = (1, 2, 5)
    cues: int


def _meeting(config: Config, subject: Subject) -> Meeting:
    return Meeting(subject=subject, unlabelled=0, epochs=1, cues=config.cues)


def load(config: Config, seed: int) -> Data:
    """Both subjects."""
    return {
        f"{subject} {name}": array
        for subject in SUBJECTS
        for name, array in load_subject(_meeting(config, subject), seed).items()
    }


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Meet both subjects with all front ends at once, and ask each."""
    numbers: Numbers = {}
    for subject in SUBJECTS:
        mine = {
            name.removeprefix(f"{subject} "): array
            for name, array in data.items()
            if name.startswith(f"{subject} ")
        }
        concepts = concepts_of(_meeting(config, subject), mine)
        numbers[subject] = yield from asked(config, concepts, subject, seed)
    return {"named": numbers, "gain": {subject: _gain(numbers[subject]) for subject in SUBJECTS}}


def asked(
    config: Config, concepts: Concepts, subject: Subject, seed: int
) -> Generator[Doing, None, Numbers]:
    """How often each front end's nearest exposure has the right name."""
    cues: dict[str, tuple[dict[str, Any], np.ndarray]] = {
        "picture": ({"image": concepts.picture_cues}, concepts.picture_truth),
        "sound": ({"sound": concepts.sound_cues}, concepts.sound_truth),
    }
    numbers: Numbers = {sense: {name: {} for name in some} for sense, some in FRONT_ENDS.items()}
    with TemporaryDirectory(prefix="mnemic-concepts-") as folder:
        path = Path(folder) / "memory"
        with Memory.open(
            path, create=CREATE["pretrained"], senses=untaught(seed), seed=seed
        ) as one:
            met = 0
            for often in config.exposures:
                yield Doing(f"{subject}, {often} exposures", met, max(config.exposures))
                rows = range(COUNT * met, COUNT * often)
                labels = [concepts.names[row % COUNT] for row in rows]
                one.remember_many(image=concepts.pictures[rows], label=labels)
                one.remember_many(sound=[concepts.sounds[row] for row in rows], label=labels)
                for sense, (given, of) in cues.items():
                    for name, by in FRONT_ENDS[sense].items():
                        found = one.recall_many(**given, by=by)
                        right = [
                            recall.label == concepts.names[true]
                            for recall, true in zip(found, of, strict=True)
                        ]
                        numbers[sense][name][str(often)] = float(np.mean(right))
                met = often
    return numbers


def untaught(seed: int) -> list[FromCallable]:
    """Front ends that nothing was put into: projections, and a network, drawn at random."""
    rng = np.random.default_rng(seed)
    sight = rng.standard_normal((SIDE * SIDE, SIGHT_DIM)).astype(np.float32)
    hearing = rng.standard_normal((RATE, HEARING_DIM)).astype(np.float32)
    student = make_student(grid=(SIDE, SIDE, 1), seed=seed)
    student.model.eval()

    def grey(picture: np.ndarray) -> np.ndarray:
        return picture.mean(axis=-1).reshape(-1).astype(np.float32) / 255

    def projected(picture: np.ndarray) -> np.ndarray:
        return grey(picture) @ sight

    def network(picture: np.ndarray) -> np.ndarray:
        return student.encode(torch.from_numpy(grey(picture))[None])[0].numpy()

    def samples(sound: np.ndarray) -> np.ndarray:
        return np.pad(sound, (0, max(0, RATE - len(sound))))[:RATE].astype(np.float32) @ hearing

    made_of = f"seed {seed}"
    return [
        FromCallable(
            name="random sight",
            modality="image",
            encoder=projected,
            dim=SIGHT_DIM,
            version=made_of,
        ),
        FromCallable(
            name="untrained sight",
            modality="image",
            encoder=network,
            dim=student.latent_dim,
            version=made_of,
        ),
        FromCallable(
            name="random hearing",
            modality="sound",
            encoder=samples,
            dim=HEARING_DIM,
            rate=RATE,
            version=made_of,
        ),
    ]


def _gain(numbers: Numbers) -> Numbers:
    """By how much innate senses name more than random ones, and pretrained than innate."""
    most = {
        sense: {name: found[max(found, key=int)] for name, found in some.items()}
        for sense, some in numbers.items()
    }
    seen, heard = most["picture"], most["sound"]
    return {
        "innate sight": seen["innate: pixels"]
        - max(seen["random projection"], seen["untrained network"]),
        "innate hearing": heard["innate: log-mel"] - heard["random projection"],
        "pretrained sight": seen["pretrained: EfficientNet"] - seen["innate: pixels"],
        "pretrained hearing": heard["pretrained: speech"] - heard["innate: log-mel"],
    }


def _expected() -> tuple[Expected, ...]:
    rows: list[Expected] = []
    for subject in SUBJECTS:
        rows += [
            Expected(
                what=f"{subject}, heard: named by an innate sense less by a random one",
                number=("gain", subject, "innate hearing"),
                at_least=0.2,
                source="requirement",
            ),
            Expected(
                what=f"{subject}, seen: named by an innate sense less by a random one",
                number=("gain", subject, "innate sight"),
                at_least=0.0,
                source="requirement",
            ),
            Expected(
                what=f"{subject}, heard: named by a pretrained sense less by an innate one",
                number=("gain", subject, "pretrained hearing"),
                at_least=0.0,
                source="requirement",
            ),
        ]
    return tuple(rows)


RESULTS = (
    Result(
        name="concepts2023/innate-prior",
        paper="Marco de Lucas 2023",
        figure='"without the need for initial training on a large data set"',
        claim="Before any training, innate hearing names far more of what was met a few times "
        "than random features do, and pretrained hearing more still; to the eye, pixels are about "
        "what a random projection of them is.",
        expected=_expected(),
        scales={
            "toy": Config(exposures=(1,), cues=4),
            "small": Config(cues=150),
            "paper": Config(cues=1000),
        },
        load=load,
        compute=compute,
        figures={"front-ends": front_ends},
    ),
)
