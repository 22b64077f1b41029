"""Concept cells: one unit for one concept, in whatever sense it comes.

Marco de Lucas (2023), after Quian Quiroga: a concept is "encoded in a "sparse" mode while at the
same time leading to the activation of a single neuron". A memory sees many pictures that nobody
names, sleeps, meets ten concepts five times each in three senses, and names spread. Then each
concept node is taken for a cell, and shown pictures never met, words in voices of another
synthesiser, and phrases never read.

A node's activation is its share of the excitation where a concept fires (``found.concept`` and its
runners-up). Where none is near enough, it is the weight, in what the cue settles to, of the engrams
that are of it.
A unit is active where its activation is at least half of the strongest. The same is asked of the
units of the encoders, each shown the cues of its own sense, with the class that it answered best
among what was met.
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from jaxtyping import Float, Int

from mnemic.memory import Memory
from mnemic.neocortex import Student
from mnemic.plots.cells import layers, responses_of_cells
from mnemic.records import Recall
from mnemic.reproduce.concepts2023_cross_modal import copied, meeting_of, opened
from mnemic.reproduce.detectors import active, roc_areas, selectivity
from mnemic.reproduce.exposed_memory import (
    BY,
    SENSES,
    ask,
    expose,
    name_of_engram,
    spread_names,
    truth_of,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.slept_memory import slept_on, student_of
from mnemic.reproduce.ten_concepts import (
    COUNT,
    EXPOSURES,
    Concepts,
    Meeting,
    Subject,
    concepts_of,
    load,
)
from mnemic.reproduce.workshop import Doing, Workshop
from mnemic.senses import LogMel, pretrained

RECALLED = 10  # engrams that are asked for their concepts where none fires


@dataclass(frozen=True, kw_only=True)
class Config(Meeting):
    """How many pictures the pretrained network is shown."""

    watched: int


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Show cells, and the units of encoders, what they never met."""
    concepts = concepts_of(config, data)
    slept = yield from slept_on(meeting_of(config), data, seed, workshop)
    yield Doing("concepts", 0, 1)
    shown: dict[str, np.ndarray] = {}
    fired: Numbers = {}
    with copied(slept) as copy:
        with opened(copy, seed, latents=True) as memory:
            truth = expose(memory, concepts, range(EXPOSURES))
            spread_names(memory, concepts, truth, latents=True)
        with opened(copy, seed, latents=True) as memory:
            for sense in SENSES:
                answers = ask(memory, concepts, sense, BY["slept"], k=RECALLED)
                found = [activation(memory, one, concepts.names) for one in answers.recalls]
                shown[sense], fired[sense] = np.stack(found), float(answers.fired.mean())
    of = {sense: truth_of(concepts, sense) for sense in SENSES}
    yield Doing("encoders", 0, 1)
    return {
        "cells": cells(shown, of) | {"fired": fired},
        "responses": {
            sense: {
                name: shown[sense][of[sense] == one].mean(axis=0).tolist()
                if (of[sense] == one).any()
                else [0.0] * COUNT
                for one, name in enumerate(concepts.names)
            }
            for sense in SENSES
        },
        "encoders": encoders(concepts, student_of(slept), config),
    }


def activation(
    memory: Memory, found: Recall, names: tuple[str, ...]
) -> Float[np.ndarray, " concepts"]:
    """How much each concept is excited by what was recalled; the shares of all sum to 1 at most."""
    shares = dict.fromkeys(names, 0.0)
    if found.concept is not None and found.concept.label is not None:
        for one in (found.concept, *found.concept.runners_up):
            if one.label in shares:
                shares[one.label] += one.activation
    elif found.engram is not None:
        weights = {found.engram.id: found.weight}
        weights |= {one.engram.id: one.weight for one in found.runners_up}
        for engram, weight in weights.items():
            name = name_of_engram(memory, engram)
            if name in shares:
                shares[name] += weight
    return np.array([shares[name] for name in names])


def cells(shown: Mapping[str, np.ndarray], of: Mapping[str, np.ndarray]) -> Numbers:
    """The measures of units of which each stands for one concept, in the order of the classes.

    Each sense counts alike, however many cues there are in it.
    """
    by_sense = {
        sense: np.diag(roc_areas(responses, of[sense], COUNT)) for sense, responses in shown.items()
    }
    across = roc_areas(*_alike(shown, of), COUNT)
    units = {sense: active(responses).sum(axis=1) for sense, responses in shown.items()}
    pooled, classes = _alike(shown, of)
    return {
        "roc area": {
            "all senses": float(np.diag(across).mean()),
            "least unit, all senses": float(np.diag(across).min()),
            "least sense of a unit": float(np.min(list(by_sense.values()), axis=0).mean()),
            **{sense: float(areas.mean()) for sense, areas in by_sense.items()},
        },
        "by unit": np.diag(across).tolist(),
        "selectivity": float(selectivity(pooled, classes).mean()),
        "active": {
            "all senses": float(np.mean([some.mean() for some in units.values()])),
            **{sense: float(some.mean()) for sense, some in units.items()},
        },
    }


def _alike(
    shown: Mapping[str, np.ndarray], of: Mapping[str, np.ndarray]
) -> tuple[Float[np.ndarray, "every units"], Int[np.ndarray, " every"]]:
    """All cues of all senses, those of the rarer ones repeated."""
    most = max(len(some) for some in shown.values())
    times = {sense: max(1, round(most / len(some))) for sense, some in shown.items()}
    return (
        np.concatenate([np.tile(some, (times[sense], 1)) for sense, some in shown.items()]),
        np.concatenate([np.tile(some, times[sense]) for sense, some in of.items()]),
    )


def encoders(concepts: Concepts, student: Student, config: Config) -> Numbers:
    """The same measures of the units of each encoder, in its own sense."""
    network, ear = pretrained("efficientnet"), LogMel()
    met, cues = _flat(concepts.pictures), _flat(concepts.picture_cues)
    watched = concepts.picture_cues[: config.watched]
    exposed = concepts.pictures[: COUNT * max(1, EXPOSURES * config.watched // config.cues)]
    seen, heard = concepts.picture_truth, concepts.sound_truth
    return {
        "pixels": units(met, concepts.exposed, cues, seen),
        "student's latents": units(
            _latents(student, met), concepts.exposed, _latents(student, cues), seen
        ),
        "EfficientNet": units(
            np.stack([network.encode(one).features for one in exposed]),
            concepts.exposed[: len(exposed)],
            np.stack([network.encode(one).features for one in watched]),
            seen[: len(watched)],
        ),
        "log-mel": units(
            np.stack([ear.encode(one).features for one in concepts.sounds]),
            concepts.exposed,
            np.stack([ear.encode(one).features for one in concepts.sound_cues]),
            heard,
        ),
    }


def units(
    met: Float[np.ndarray, "met units"],
    told: Int[np.ndarray, " met"],
    cues: Float[np.ndarray, "cues units"],
    of: Int[np.ndarray, " cues"],
) -> Numbers:
    """The measures of the units of an encoder; what they stand for is read off what was met.

    A unit may stand for a class by its response or by the lack of it.
    """
    stands_for, found = roc_areas(met, told, COUNT), roc_areas(cues, of, COUNT)
    lacking = stands_for < 0.5
    stands_for, found = (np.where(lacking, 1 - some, some) for some in (stands_for, found))
    every = found[np.arange(len(found)), stands_for.argmax(axis=1)]
    best = found[stands_for.argmax(axis=0), np.arange(COUNT)]
    return {
        "roc area": {"units": float(every.mean()), "best unit of a class": float(best.mean())},
        "selectivity": float(selectivity(cues, of).mean()),
        "active": float(active(cues).sum(axis=1).mean()),
        "active share": float(active(cues).mean()),
    }


def _flat(pictures: np.ndarray) -> np.ndarray:
    return pictures.reshape(len(pictures), -1) / 255


def _latents(student: Student, features: np.ndarray) -> np.ndarray:
    return student.encode(torch.from_numpy(features).float()).numpy()


def _result(subject: Subject, what: str) -> Result:
    return Result(
        name=f"concepts2023/cells-{subject}",
        paper="Marco de Lucas 2023",
        figure="the concept cells of Quian Quiroga that the JA node is modelled on",
        claim=f"Of ten units for ten {what}, the one of a concept answers whenever it is seen, "
        "heard or read, and hardly any other does; units of the encoders do not.",
        expected=(
            Expected(
                what="area under the ROC of a unit, all senses, mean over units",
                number=("cells", "roc area", "all senses"),
                at_least=0.93,
                source="requirement",
            ),
            Expected(
                what="units active in an experience, mean",
                number=("cells", "active", "all senses"),
                at_most=1.2,
                source="requirement",
            ),
        ),
        scales={
            "toy": Config(subject=subject, unlabelled=60, epochs=1, cues=20, watched=4),
            "small": Config(subject=subject, unlabelled=3000, epochs=8, cues=200, watched=80),
            "paper": Config(subject=subject, unlabelled=8000, epochs=20, cues=1000, watched=500),
        },
        load=load,
        compute=compute,
        figures={
            "responses": responses_of_cells,
            "layers": partial(layers, cells="concepts"),
        },
    )


RESULTS = (_result("digits", "digits"), _result("fashion", "kinds of clothes"))
