"""The parts of the demo: each does one thing with the memory, measures it, and draws it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from mnemic import plots
from mnemic.demo.cues import LOWER_HALF, SPOILINGS, Cue, Spoiling, noisy
from mnemic.demo.world import Picture, World
from mnemic.hippocampus import AIM, EpisodicMemory
from mnemic.memory import Memory
from mnemic.points import stacked
from mnemic.senses import Pixels

SHOWN = 9  # pictures in a row
LESIONS = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass
class Demo:
    """What the sections share."""

    world: World
    memory: Memory
    out: Path
    seed: int
    probes: int
    scenes: int  # rendered rooms of the second memory
    ids: list[int] = field(default_factory=list[int])

    @property
    def sense(self) -> Pixels:
        """How the memory sees pictures."""
        return Pixels(**self.world.create)

    def chosen(self) -> list[int]:
        """Which of the stored pictures are asked for."""
        rng = np.random.default_rng(self.seed)
        count = min(self.probes, len(self.world.stored))
        return rng.choice(len(self.world.stored), count, replace=False).tolist()

    def rng(self, name: str) -> np.random.Generator:
        """A generator for one use."""
        return np.random.default_rng([self.seed, *name.encode()])

    def features(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """All stored pictures as features, and which of them are known."""
        return stacked([self.sense.encode(pixels) for pixels in self.world.stored])


def remember(demo: Demo) -> dict[str, Any]:
    """One exposure each, on disk when the call returns."""
    world = demo.world
    started = time.perf_counter()
    engrams = demo.memory.remember_many(image=world.stored, label=world.labels)
    seconds = time.perf_counter() - started
    demo.ids = [engram.id for engram in engrams]
    size = sum(file.stat().st_size for file in demo.memory.path.iterdir())
    return {
        "pictures": len(engrams),
        "seconds": seconds,
        "pictures per second": len(engrams) / seconds,
        "bytes on disk per picture": size / len(engrams),
    }


def recall(demo: Demo) -> dict[str, Any]:
    """From torn, noisy, shifted and dimmed cues; the published rule beside ours."""
    published = published_memory(demo)
    return {spoiling.name: _recall_spoiled(demo, spoiling, published) for spoiling in SPOILINGS}


def _recall_spoiled(demo: Demo, spoiling: Spoiling, published: EpisodicMemory) -> dict[str, Any]:
    chosen, rng = demo.chosen(), demo.rng(spoiling.name)
    cues = [spoiling.spoil(demo.world.stored[index], rng) for index in chosen]
    found = recall_cues(demo.memory, cues)
    features, known = stacked([demo.sense.encode(cue.pixels, cue.known) for cue in cues])
    theirs = published.recall(2 * features - 1, known, k=1)
    truth = [demo.ids[index] for index in chosen]
    rows = range(min(SHOWN, len(cues)))
    plots.contact_sheet(
        [
            [_shown(cues[row]) for row in rows],
            [_published_picture(demo, theirs.pattern[row]) for row in rows],
            [_picture(found[row].image) for row in rows],
            [demo.world.stored[chosen[row]] for row in rows],
        ],
        ["cue", "published rule", "mnemic", "what was stored"],
    ).save(demo.out / f"recall {spoiling.name.replace('%', 'percent')}.png")
    return {
        "cues": len(cues),
        "exact": _share([one.engram.id == id for one, id in _answered(found, truth)], len(cues)),
        "remembered": _share([one.remembered for one in found], len(cues)),
        "exact, published rule": _share(
            [int(id) == index + 1 for id, index in zip(theirs.ids[:, 0], chosen, strict=True)],
            len(cues),
        ),
    }


def replay(demo: Demo) -> dict[str, Any]:
    """As many draws from noise as there are pictures, by both rules."""
    features, known = demo.features()
    ours = EpisodicMemory(features.shape[-1], grid=demo.sense.grid, seed=demo.seed)
    ours.store(features, known)
    rules = {"mnemic": ours, "published rule": published_memory(demo)}
    numbers: dict[str, Any] = {}
    histograms: dict[str, list[int]] = {}
    pictures: list[list[Picture]] = []
    classes = demo.world.classes
    for rule, memory in rules.items():
        started = time.perf_counter()
        replayed = memory.replay(len(memory))
        labels = [demo.world.labels[id - 1] for id in replayed.ids.tolist()]
        histograms[rule] = [labels.count(name) for name in classes]
        patterns = replayed.patterns[:SHOWN]
        if rule == "published rule":
            pictures.append([_published_picture(demo, pattern) for pattern in patterns])
        else:
            pictures.append([_decoded(demo, pattern) for pattern in patterns])
        numbers[rule] = {
            "draws": len(replayed.ids),
            "coverage": replayed.coverage,
            "purity": replayed.purity,
            "entropy": replayed.entropy,
            "beta": replayed.beta,
            "seconds": time.perf_counter() - started,
            "by class": dict(zip(classes, histograms[rule], strict=True)),
        }
    plots.contact_sheet(pictures, list(rules)).save(demo.out / "replay.png")
    if classes:
        even = len(demo.world.stored) / len(classes)
        figure = plots.histogram_by_class(histograms, classes, even=even)
        plots.save(figure, demo.out / "replay by class.png")
    return numbers


def verdict(demo: Demo) -> dict[str, Any]:
    """Stored pictures under noise, against held-out ones under the same noise, and others."""
    spoil = noisy(0.1)
    stored = [demo.world.stored[index] for index in demo.chosen()]
    groups: dict[str, list[float]] = {}
    numbers: dict[str, Any] = {"false accepts aimed at, at most": 0.05}
    for view in ("all known", "upper half known"):
        confidence: dict[str, list[float]] = {}
        for name, pictures in (
            ("stored", stored),
            ("held out", demo.world.held_out),
            (demo.world.other_name, demo.world.others),
        ):
            rng = demo.rng(view + name)
            cues = [spoil(pixels, rng) for pixels in pictures]
            if view == "upper half known":
                cues = [LOWER_HALF.spoil(cue.pixels, rng) for cue in cues]
            found = recall_cues(demo.memory, cues)
            confidence[name] = [one.confidence for one in found]
            numbers[f"{name}, {view}: remembered"] = _share(
                [one.remembered for one in found], len(found)
            )
        numbers[f"AUROC, stored against held out, {view}"] = _auroc(
            confidence["stored"], confidence["held out"]
        )
        groups = groups or confidence
    figure = plots.cumulative(groups, measure="confidence", threshold=1 - AIM)
    plots.save(figure, demo.out / "verdict.png")
    rng = demo.rng("shown")
    shown = [spoil(pixels, rng) for pixels in demo.world.held_out[:SHOWN]]
    answers = [_picture(one.image) for one in recall_cues(demo.memory, shown)]
    plots.contact_sheet(
        [[cue.pixels for cue in shown], answers], ["never stored", "nearest engram"]
    ).save(demo.out / "never stored.png")
    return numbers


def lesion(demo: Demo) -> dict[str, Any]:
    """Silence more and more of the engrams; what is recalled from the upper half?"""
    chosen, rng = demo.chosen(), demo.rng("lesion")
    cues = [LOWER_HALF.spoil(demo.world.stored[index], rng) for index in chosen]
    truth = [demo.ids[index] for index in chosen]
    exact: list[float] = []
    remembered: list[float] = []
    for fraction in LESIONS:
        with demo.memory.lesion("engrams", fraction):
            found = recall_cues(demo.memory, cues)
        exact.append(
            _share([one.engram.id == id for one, id in _answered(found, truth)], len(cues))
        )
        remembered.append(_share([one.remembered for one in found], len(cues)))
    plots.save(
        plots.lesion_curve(
            LESIONS, {"recalled exactly": exact, "said to be remembered": remembered}, cues="cues"
        ),
        demo.out / "lesion.png",
    )
    return {"silenced": list(LESIONS), "exact": exact, "remembered": remembered}


def forget(demo: Demo) -> dict[str, Any]:
    """Forget one picture for good, and look for its bytes."""
    index = demo.chosen()[0]
    pixels, id = demo.world.stored[index], demo.ids[index]
    twins = sum(np.array_equal(pixels, other) for other in demo.world.stored) - 1
    before = demo.memory.recall(image=pixels)
    code = demo.sense.encode(pixels).point.code
    demo.memory.forget(id)
    after = demo.memory.recall(image=pixels)
    files = [file.read_bytes() for file in demo.memory.path.rglob("*") if file.is_file()]
    plots.contact_sheet(
        [[pixels, _picture(before.image), _picture(after.image)]],
    ).save(demo.out / "forget.png")
    return {
        "remembered before": before.remembered,
        "remembered after": after.remembered,
        "identical pictures also stored": twins,
        "its bytes found on disk after": sum(data.count(code) for data in files),
    }


def recall_cues(memory: Memory, cues: Sequence[Cue]) -> list[Any]:
    """Recall a batch, with masks where the cues have any."""
    masks = [cue.known for cue in cues]
    known = None if all(mask is None for mask in masks) else {"image": masks}
    return memory.recall_many(image=[cue.pixels for cue in cues], known=known)


def published_memory(demo: Demo) -> EpisodicMemory:
    """The same pictures in the published network, which wants them in -1..1."""
    features, known = demo.features()
    memory = EpisodicMemory(
        features.shape[-1], rule="spens2022", grid=demo.sense.grid, seed=demo.seed
    )
    memory.store(2 * features - 1, known)
    return memory


def _published_picture(demo: Demo, pattern: torch.Tensor) -> Picture:
    return _decoded(demo, (pattern + 1) / 2)


def _decoded(demo: Demo, pattern: torch.Tensor) -> Picture:
    return demo.sense.decode(pattern.cpu().numpy(), None)


def _shown(cue: Cue) -> Picture:
    return cue.pixels if cue.known is None else plots.show_unknown(cue.pixels, cue.known)


def _picture(image: Picture | None) -> Picture:
    return np.full((8, 8), 255, np.uint8) if image is None else image


def _answered(found: Sequence[Any], truth: Sequence[int]) -> list[tuple[Any, int]]:
    return [(one, id) for one, id in zip(found, truth, strict=True) if one.engram is not None]


def _share(hits: Sequence[bool], of: int) -> float:
    return sum(hits) / of if of else 0.0


def _auroc(positive: Sequence[float], negative: Sequence[float]) -> float | None:
    if not positive or not negative:
        return None
    truth = [1] * len(positive) + [0] * len(negative)
    return float(roc_auc_score(truth, [*positive, *negative]))
