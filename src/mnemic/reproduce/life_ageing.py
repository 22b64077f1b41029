"""A memory that ages: weeks of days and nights on one ``Memory``, and what lesions leave of it.

Spens & Burgess (2022): "reliance on the generative model increases over time as it learns to
remember a particular episode, and the hippocampal encoding decays"; lesions of the hippocampal
formation "preserve remote memories in semantic form". Pictures are met once, every other one with
its name; each night the memory sleeps, and keeps of an engram its schema and what the student
misses of it (``keep="detail"``). Nothing here depends on age but by the nights themselves.
"""

from collections.abc import Generator, Sequence
from contextlib import closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from jaxtyping import Float, UInt8

from mnemic.cortex import STUDENTS
from mnemic.lesions import Lesion
from mnemic.memory import Memory
from mnemic.neocortex import Student, complete
from mnemic.plots.ageing import ageing, amnesia, lesions, pictures_of_a_life
from mnemic.randomness import generator
from mnemic.reproduce.pictures import draw, features
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.weeks import (
    FOLLOWED,
    WEEK,
    Kept,
    Life,
    asked,
    by_age,
    facts,
    hidden_error,
    kept,
    kept_by_age,
    live,
    recalled,
    shown_by,
)
from mnemic.reproduce.workshop import Doing, Workshop

BATCH = 128  # pictures the student completes at a time


@dataclass(frozen=True, kw_only=True)
class Config:
    """How long a life is, how full, and when it is looked at."""

    days: int
    a_day: int = 24
    unseen: int
    epochs: int  # a night
    replays: int  # a night at least; as many as there are engrams, once those are more
    tolerance: float  # to which detail is kept
    lesioned: tuple[int, ...]  # days on whose evenings the hippocampus is lost; the last, too
    checked: int  # pictures that the student completes and the memory is asked for, too
    silenced: tuple[float, ...] = (0.25, 0.5, 0.75)  # shares of the engrams
    pictured: tuple[int, ...]  # ages


def load(config: Config, seed: int) -> Data:
    """What is met, in order, and after it what never is."""
    drawn = draw("fashion", config.days * config.a_day + config.unseen, seed)
    return {"images": drawn.images, "labels": drawn.labels}


def life_of(config: Config, data: Data) -> Life:
    """The life that data are the pictures of."""
    met, names = config.days * config.a_day, [str(label) for label in data["labels"]]
    day, images = np.arange(met) // config.a_day, data["images"]
    return Life(images[:met], names[:met], day, images[met:], names[met:])


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Live, look at what is kept every evening, and lesion at the end."""
    life, evenings, amnesic = life_of(config, data), list[Kept](), Numbers()
    create = {"resolution": life.unseen.shape[1], "channels": 1}
    create |= {"keep": "detail", "tolerance": config.tolerance}
    with TemporaryDirectory(prefix="mnemic-life-") as folder:
        path = Path(folder) / "life"
        with Memory.open(path, create=create, seed=seed) as memory:
            for day in range(config.days):
                live(memory, life, day)
                evenings.append(kept(memory, life))
                if day + 1 in config.lesioned:
                    yield Doing(f"lesion on day {day + 1}", day, config.days)
                    amnesic[str(day + 1)] = without_hippocampus(path, life.until(day), config, seed)
                if day + 1 < config.days:
                    yield from _night(memory, config, day)
        numbers: Numbers = {"kept": kept_by_age(evenings, life), "lesioned on day": amnesic}
        numbers["pictures"] = _followed(evenings, life, config)
        yield Doing("lesions at the end", 0, 1)
        with damaged(path, None, seed) as (memory, _):
            numbers["intact"] = asked(memory, life)
        with damaged(path, "decoder", seed) as (memory, _):
            numbers["decoder silenced"] = asked(memory, life)
        numbers["engrams silenced"] = {}
        for share in config.silenced:
            yield Doing(f"{share:.0%} of the engrams silenced", 0, 1)
            numbers["engrams silenced"][f"{share:g}"] = without_some(path, life, share, seed)
    return numbers | told(numbers, config)


def _night(memory: Memory, config: Config, day: int) -> Generator[Doing, None, None]:
    replays = max(config.replays, len(memory))
    steps = memory.sleep_steps(replays, config.epochs, batch=32, precision="bfloat16")
    with closing(steps):
        for step in steps:
            if step.phase == "train":
                yield Doing(f"night {day + 1} of {config.days - 1}", step.done, step.total)


@contextmanager
def damaged(
    path: Path, what: Lesion | None, seed: int, share: float = 1.0
) -> Generator[tuple[Memory, list[int]]]:
    """The memory, opened anew and a part of it silenced before it is asked for anything."""
    with Memory.open(path, seed=seed) as memory:
        lesion = nullcontext(list[int]()) if what is None else memory.lesion(what, share)
        with lesion as silent:
            yield memory, silent


def without_hippocampus(path: Path, life: Life, config: Config, seed: int) -> Numbers:
    """What is left where no engram can answer, beside recall as it was, by age.

    The student, as the memory's folder holds it, completes all pictures side by side; some are
    asked of the memory, too, to see that it shows the same.
    """
    with damaged(path, None, seed) as (memory, _):
        whole = recalled(memory, life)
    (weights,) = (path / STUDENTS).iterdir()
    student = Student.load(weights)
    alone, strange = (_completed(student, some, life) for some in (life.pictures, life.unseen))
    errors = hidden_error(alone, life.pictures, life.upper)
    baseline = float(hidden_error(strange, life.unseen, life.upper).mean())
    some = np.linspace(0, len(errors) - 1, config.checked).round().astype(int)
    with damaged(path, "hippocampus", seed) as (memory, _):
        spared = facts(memory, life)
        found = memory.recall_many(image=life.pictures[some], known=life.upper)
    intact = by_age(whole.errors, life.age)
    left = by_age(errors, life.age)
    return {
        "error, intact": intact,
        "error, student alone": left,
        "mean error, student alone": float(errors.mean()),
        "error, never met": baseline,
        "loss": [one - other for one, other in zip(left, intact, strict=True)],
        "spared": [
            (baseline - one) / (baseline - other) for one, other in zip(left, intact, strict=True)
        ],
        "facts": spared,
        "recalled as engrams": float(np.mean([one.engram is not None for one in found])),
        "the memory shows otherwise by": float(np.abs(shown_by(found) - alone[some]).mean()),
    }


def _completed(
    student: Student, pictures: UInt8[np.ndarray, "count height width"], life: Life
) -> Float[np.ndarray, "count height width"]:
    cue = torch.from_numpy(life.upper.reshape(1, -1))
    parts = [
        complete(student, some, cue.expand_as(some)) for some in features(pictures).split(BATCH)
    ]
    drawn = torch.cat(parts).numpy().reshape(pictures.shape)
    return np.where(life.upper, pictures / 255, drawn)  # what is known is shown as it is


def without_some(path: Path, life: Life, share: float, seed: int) -> Numbers:
    """Recall and facts with a share of the engrams silenced; facts, too, with as many removed.

    Facts of a silenced engram's name were learned by heart, as it were: to be sure that nothing of
    the engrams is read, as many are taken out of a copy for good.
    """
    with damaged(path, "engrams", seed, share) as (memory, silent):
        found, gone = recalled(memory, life), np.isin(memory.ids(), silent)
        numbers: Numbers = {"facts": facts(memory, life)}
    for name, which in (("silenced", gone), ("others", ~gone), ("all", gone | ~gone)):
        numbers[name] = {
            "detail error": float(found.errors[which].mean()),
            "recalled": float((found.remembered & found.own)[which].mean()),
            "taken for another": float((found.remembered & ~found.own)[which].mean()),
        }
    with TemporaryDirectory(prefix="mnemic-life-") as folder:
        copy = Path(folder) / "copy"
        with Memory.open(path, seed=seed) as memory:
            memory.backup(copy)
        with Memory.open(copy, seed=seed) as memory:
            ids = memory.ids()
            order = torch.randperm(len(ids), generator=generator(seed, "removed")).tolist()
            memory.forget(*(ids[place] for place in order[: len(silent)]))
            numbers["facts where they are removed"] = facts(memory, life)
    return numbers


def told(numbers: Numbers, config: Config) -> Numbers:
    """What was measured, and what is so by construction, in few numbers."""
    intact, decoder = numbers["intact"], numbers["decoder silenced"]
    half = numbers["engrams silenced"][f"{config.silenced[len(config.silenced) // 2]:g}"]
    last = numbers["lesioned on day"][str(config.days)]
    fresh, strange = intact["by age"]["detail error"][0], last["error, never met"]
    alone, loss = last["error, student alone"], last["loss"]
    slept = float(np.mean(alone[1:]))

    def change(found: Numbers) -> float:
        return abs(found["met"] - intact["facts"]["met"])

    return {
        "measured": {
            "facts, intact": intact["facts"]["met"],
            "change of facts, decoder silenced": change(decoder["facts"]),
            "change of facts, hippocampus silenced": change(last["facts"]),
            "change of facts, engrams silenced": change(half["facts"]),
            "change of facts, engrams removed": change(half["facts where they are removed"]),
            "detail error over intact, decoder silenced": decoder["detail error"]
            / intact["detail error"],
            "detail error over intact, engrams silenced": half["silenced"]["detail error"]
            / intact["detail error"],
            "error without hippocampus over that of the never met, slept on": slept / strange,
            "error without hippocampus over that of the never met, of today": alone[0] / strange,
            "detail error, oldest over fresh": _oldest(intact["by age"]["detail error"]) / fresh,
            "share invented, oldest less fresh": _oldest(intact["by age"]["share invented"])
            - intact["by age"]["share invented"][0],
            "loss by the lesion, oldest over fresh": _oldest(loss) / loss[0],
        },
        "by construction": {
            "engrams recalled, hippocampus silenced": last["recalled as engrams"],
            "silenced engrams recalled": half["silenced"]["recalled"],
        },
    }


def _oldest(curve: Sequence[float]) -> float:
    """The mean over the last week of ages."""
    return float(np.mean(curve[-WEEK:]))


def _followed(evenings: Sequence[Kept], life: Life, config: Config) -> Numbers:
    """Two engrams of the first day, as they were met and as they are kept at some ages."""
    return {
        f"engram {row + 1}": {
            "as met": _levels(life.pictures[row]),
            "by age": {str(age): _levels(evenings[age].followed[row]) for age in config.pictured},
        }
        for row in range(FOLLOWED)
    }


def _levels(picture: UInt8[np.ndarray, "height width"]) -> list[float]:
    return (picture.ravel() / 255).round(3).tolist()


def _bound(
    what: str,
    *number: str,
    source: str = "requirement",
    at_least: float | None = None,
    at_most: float | None = None,
) -> Expected:
    return Expected(what=what, number=number, source=source, at_least=at_least, at_most=at_most)


SPARED, LOST = 0.02, 3.0
GRADIENT = {
    "detail error, oldest over fresh": {"at_least": 1.0},
    "share invented, oldest less fresh": {"at_least": 0.0},
    "error without hippocampus over that of the never met, slept on": {"at_most": 1.0},
    "loss by the lesion, oldest over fresh": {"at_most": 1.0},
}
PAPER = "Spens & Burgess 2022: reliance on the generative model grows, the hippocampal code decays"


RESULTS = (
    Result(
        name="life/ageing",
        paper="Spens & Burgess 2022",
        figure="table 1, and the discussion of consolidation",
        claim="Night by night detail fades and recall leans more on the student. A lost "
        "hippocampus takes what was never slept on; of older engrams something remains, and the "
        "older they are the less the loss adds. Facts need neither engrams nor decoder.",
        expected=(
            *(
                _bound(
                    f"change of facts, {what}",
                    "measured",
                    f"change of facts, {what}",
                    at_most=SPARED,
                )
                for what in ("decoder silenced", "engrams silenced", "hippocampus silenced")
            ),
            *(
                _bound(
                    f"detail error over that of the same engrams intact, {what}",
                    "measured",
                    f"detail error over intact, {what}",
                    at_least=LOST,
                )
                for what in ("decoder silenced", "engrams silenced")
            ),
            *(
                _bound(f"{what}: the sign", "measured", what, source=PAPER, **end)
                for what, end in GRADIENT.items()
            ),
        ),
        scales={
            "toy": Config(
                days=2,
                a_day=12,
                unseen=8,
                epochs=1,
                replays=32,
                tolerance=0.05,
                lesioned=(2,),
                checked=1,
                silenced=(0.25,),
                pictured=(0, 1),
            ),
            "small": Config(
                days=21,
                unseen=150,
                epochs=40,
                replays=200,
                lesioned=(7, 14, 21),
                checked=2,
                pictured=(0, 1, 3, 7, 14, 20),
                tolerance=0.05,
            ),
            "paper": Config(
                days=56,
                unseen=300,
                epochs=60,
                replays=400,
                lesioned=(7, 14, 28, 56),
                checked=10,
                pictured=(0, 1, 7, 14, 28, 55),
                tolerance=0.05,
            ),
        },
        load=load,
        compute=compute,
        figures={
            "ageing": ageing,
            "amnesia": amnesia,
            "lesions": lesions,
            "pictures": pictures_of_a_life,
        },
    ),
)
