"""The parts of the demo that take a sleep: it replays, learns, and is then asked what it knows."""

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool
from sklearn.manifold import TSNE
from sklearn.metrics import roc_auc_score

from mnemic import plots
from mnemic.demo.cues import LOWER_HALF
from mnemic.demo.sections import SHOWN, Demo
from mnemic.demo.world import Picture
from mnemic.memory import Memory
from mnemic.records import SleepReport, SleepStep

SEEN = 30_000  # pictures a student sees in the demo's night, at 28 × 28; larger ones count for more
EPOCHS = 6
ASKED = 300  # pictures whose facts and surprise are asked for
INFERRED = 24
MAPPED = 1000
STEPS = 9


def sleep(demo: Demo) -> Generator[str, None, dict[str, Any]]:
    """Replay and learn; what the night did, and how the student improved."""
    area = np.prod(demo.sense.grid) / 28**2
    replays = round(min(2 * len(demo.memory), max(len(demo.memory), 64), SEEN / EPOCHS / area**0.5))
    report = yield from slept(demo.memory, max(replays, 64), EPOCHS)
    return night(demo, demo.memory, report, "sleep")


def slept(memory: Memory, replays: int, epochs: int) -> Generator[str, None, SleepReport]:
    """Sleep, saying what is going on; the report."""
    report = None
    for step in memory.sleep_steps(replays, epochs):
        report = step.report
        if step.phase != "done":
            yield _told(step)
    assert report is not None
    return report


def _told(step: SleepStep) -> str:
    share = f"{step.done / max(step.total, 1):.0%}"
    if step.phase == "train" and step.loss is not None:
        return f"sleep: epoch {step.epoch}, {share}, loss {step.loss:.0f}"
    return f"sleep: {step.phase}, {share}"


def night(demo: Demo, memory: Memory, report: SleepReport, name: str) -> dict[str, Any]:
    """A night's numbers, and its training curves."""
    [sense] = report.senses.values()
    curves = {"replayed": sense.replayed_errors}
    held_out = [error for error in sense.held_out_errors if error is not None]
    if held_out:
        curves["held out"] = tuple(held_out)
    figure = plots.training_curves(curves, of="absolute error, sum over pixels")
    plots.save(figure, demo.out / f"{name} curves.png")
    return {
        "engrams": sense.engrams,
        "replayed": sense.replayed,
        "epochs": len(sense.losses),
        "coverage": sense.coverage,
        "purity": sense.purity,
        "losses": list(sense.losses),
        "replayed errors": list(sense.replayed_errors),
        "held-out errors": list(sense.held_out_errors),
        "seconds": report.seconds,
        "bytes by keep": dict(report.space),
    }


def understand(demo: Demo) -> dict[str, Any]:
    """The same torn cues after the night: recalled by the engram, and inferred without it."""
    chosen = demo.chosen()[1 : INFERRED + 1]  # the first one was forgotten
    rng = demo.rng("understand")
    cues = [LOWER_HALF.spoil(demo.world.stored[index], rng) for index in chosen]
    unseen = [LOWER_HALF.spoil(pixels, rng) for pixels in demo.world.held_out[:INFERRED]]
    recalled = [demo.memory.recall(image=cue.pixels, known=cue.known) for cue in cues]
    exact = [
        one.engram is not None and one.engram.id == demo.ids[index]
        for one, index in zip(recalled, chosen, strict=True)
    ]
    inferred = [demo.memory.infer(image=cue.pixels, known=cue.known) for cue in unseen]
    truth = [_at_resolution(demo, pixels) for pixels in demo.world.held_out[:INFERRED]]
    rows = range(min(SHOWN, len(unseen)))
    plots.contact_sheet(
        [
            [plots.show_unknown(unseen[row].pixels, _mask(unseen[row])) for row in rows],
            [inferred[row].image for row in rows],
            [truth[row] for row in rows],
        ],
        ["never seen", "inferred", "truth"],
    ).save(demo.out / "inferred.png")
    blank = _mean_picture(demo)
    return {
        "recalled exactly after the night": sum(exact) / len(exact),
        "inferred": len(inferred),
        "error of what was unknown, inferred": _error(inferred, truth),
        "error of what was unknown, mean picture": float(
            np.mean(
                [
                    np.abs(blank.astype(float) - pixels)[one.invented].mean() / 255
                    for one, pixels in zip(inferred, truth, strict=True)
                ]
            )
        ),
    }


def surprise(demo: Demo) -> dict[str, Any]:
    """How surprising are held-out pictures, and another kind of picture?"""
    groups = {
        "stored": [demo.world.stored[index] for index in demo.chosen()[:ASKED]],
        "held out": demo.world.held_out[:ASKED],
        demo.world.other_name: demo.world.others[:ASKED],
    }
    found = {
        name: [demo.memory.surprise(image=pixels) for pixels in pictures]
        for name, pictures in groups.items()
    }
    plots.save(plots.cumulative(found, measure="surprise"), demo.out / "surprise.png")
    usual, new = found["held out"], found[demo.world.other_name]
    truth = [0] * len(usual) + [1] * len(new)
    return {
        "mean": {name: float(np.mean(values)) for name, values in found.items() if values},
        "AUROC, held out against the other kind": (
            float(roc_auc_score(truth, [*usual, *new])) if usual and new else None
        ),
    }


def imagine(demo: Demo) -> dict[str, Any]:
    """Dreams, the way between two pictures, and arithmetic with a label."""
    memory, classes = demo.memory, demo.world.classes
    rows = [list(memory.imagine(STEPS, seed=demo.seed))]
    captions = ["dreamt"]
    for name in classes[:3]:
        rows.append(list(memory.imagine(STEPS, label=name, seed=demo.seed)))
        captions.append(name)
    first, *others = memory.ids()[:STEPS]
    ends = [id for id in others if memory[id].label != memory[first].label] or others
    ways = [(first, ends[0]), (ends[0], ends[len(ends) // 2])]
    for start, end in ways:
        rows.append(list(memory.imagine(between=(start, end), steps=STEPS)))
        captions.append("between two")
    plots.contact_sheet(rows, captions).save(demo.out / "imagined.png")
    numbers: dict[str, Any] = {"pictures": sum(map(len, rows))}
    if classes:
        numbers |= _named(demo, rows[1 : 1 + len(classes[:3])], classes[:3])
    return numbers


def _named(demo: Demo, rows: Sequence[Sequence[Picture]], names: Sequence[str]) -> dict[str, Any]:
    """Whether pictures imagined of a label are taken for it."""
    right = [
        _top(demo.memory.facts(image=pixels)["label"]) == name
        for row, name in zip(rows, names, strict=True)
        for pixels in row
    ]
    return {"imagined of a label, and taken for it": sum(right) / len(right)}


def facts(demo: Demo) -> dict[str, Any]:
    """What held-out pictures are, read off their latents; with and without the hippocampus."""
    if len(demo.world.classes) < 2:
        return {}
    pictures = demo.world.held_out[:ASKED]
    truth = demo.world.held_out_labels[:ASKED]
    whole = [_top(demo.memory.facts(image=pixels)["label"]) for pixels in pictures]
    with demo.memory.lesion("hippocampus"):
        spared = [_top(demo.memory.facts(image=pixels)["label"]) for pixels in pictures]
        lost = [demo.memory.recall(image=demo.world.stored[i]).remembered for i in range(SHOWN)]
    return {
        "held-out pictures": len(pictures),
        "right": _share(whole, truth),
        "right without the hippocampus": _share(spared, truth),
        "stored pictures remembered without the hippocampus": sum(lost) / len(lost),
        "by chance": max(truth.count(name) for name in set(truth)) / len(truth),
    }


def keep(demo: Demo) -> dict[str, Any]:
    """What keeping less would save, and what it would cost."""
    numbers = {}
    for level in ("detail", "schema"):
        report = demo.memory.keep(level)
        numbers[level] = {
            "bytes an engram": report.bytes_after / report.points,
            "bytes an engram now": report.bytes_before / report.points,
            "mean error": report.mean_error,
            "greatest error": report.greatest_error,
        }
    return numbers


def latents(demo: Demo) -> dict[str, Any]:
    """A map of the latent space, by t-SNE."""
    ids = demo.memory.ids()[:MAPPED]
    vectors = demo.memory.latents(ids)
    neighbours = min(30.0, (len(ids) - 1) / 3)
    places = TSNE(perplexity=neighbours, init="pca", random_state=demo.seed).fit_transform(vectors)
    labels = [demo.memory[id].label for id in ids]
    figure = plots.latent_map(places, labels, axes_are="t-SNE of latents")
    plots.save(figure, demo.out / "latents.png")
    return {"points": len(ids)}


def _top(probabilities: dict[str, float]) -> str:
    return max(probabilities, key=lambda value: probabilities[value])


def _share(given: Sequence[str | None], truth: Sequence[str | None]) -> float:
    return sum(a == b for a, b in zip(given, truth, strict=True)) / len(truth)


def _mask(cue: Any) -> Bool[np.ndarray, "height width"]:
    return np.ones(cue.pixels.shape[:2], np.bool_) if cue.known is None else cue.known


def _at_resolution(demo: Demo, pixels: Picture) -> Picture:
    return demo.sense.decode(demo.sense.encode(pixels).features, None)


def _mean_picture(demo: Demo) -> Picture:
    features, _ = demo.features()
    return demo.sense.decode(features.mean(dim=0).numpy(), None)


def _error(inferred: Sequence[Any], truth: Sequence[Picture]) -> float:
    """Mean absolute error, in 0..1, of the pixels that were filled in."""
    return float(
        np.mean(
            [
                np.abs(one.image.astype(float) - pixels)[one.invented].mean() / 255
                for one, pixels in zip(inferred, truth, strict=True)
            ]
        )
    )
