"""Recall among a million patterns, beside the ways others compute it."""

import ctypes
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import Tensor

from benchmarks.fresh import in_fresh_process, peak_memory
from benchmarks.joules import joules
from benchmarks.peers import ATTENTION, FAISS, HAMUX, NAIVE, PEERS, TORCHHD
from benchmarks.registry import Measurement, Must, Numbers, WrongAnswerError
from mnemic.datasets import fashion_mnist
from mnemic.randomness import generator
from mnemic.search.attend import Attended, Method, attend
from mnemic.search.index import Index

DENSE, CERTIFIED, APPROXIMATE = "mnemic dense", "mnemic certified", "mnemic approximate"
GIVING_BACK = {"MALLOC_MMAP_THRESHOLD_": "65536"}  # memory goes back as soon as it is freed
NOISE = 0.02  # sd a coordinate of a cue; patterns have length 1
UNCOUNTED = "no counter on this machine"
SPARE = 3e-7  # rounding of an output in single precision


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much to measure."""

    stored: int = 1_000_000
    smaller: int = 100_000
    cues: int = 192
    many: int = 1024
    repeats: int = 5
    sizes: tuple[int, ...] = (1_000, 10_000, 100_000, 1_000_000)
    peers: tuple[str, ...] = (NAIVE, ATTENTION, TORCHHD, HAMUX, FAISS)
    kinds: int = 20_000  # patterns of each kind on which every bound is checked
    seed: int = 0


def measure(scale: Scale) -> Numbers:
    """Everything on one thread, each ratio within one run."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return measured(scale)
    finally:
        torch.set_num_threads(threads)


def measured(scale: Scale) -> Numbers:
    patterns = latents(scale.stored, 64, seed=scale.seed)
    index = Index.of(patterns)
    cues = noisy(patterns, scale.cues, seed=scale.seed)
    numbers: Numbers = {
        "bounds": bounds(scale),
        "certified": certified(index, cues, scale),
        "one cue": one_cue(index, cues[:1], scale),
        "little to omit": little_to_omit(index, cues, scale),
        "approximate": approximate(index, cues, scale),
        "memory": in_fresh_process(
            "attend", "memory_of", stored=scale.stored, cues=256, environment=GIVING_BACK
        ),
        "by size": by_size(index, scale),
    }
    del index, patterns
    wide = Index.of(latents(scale.smaller, 128, seed=scale.seed))
    numbers["certified, many cues"] = certified(
        wide, noisy(wide.patterns.rows, scale.many, seed=scale.seed), scale
    )
    return numbers


def latents(count: int, dim: int, *, seed: int) -> Tensor:
    """Unit vectors as Fashion-MNIST's would be if there were so many: clustered, unevenly wide.

    Principal components of the pictures; each vector is one picture's moved along a part of the
    difference between two others.
    """
    images = torch.from_numpy(fashion_mnist().images.reshape(-1, 784)).float()[:10_000] / 255
    centred = images - images.mean(dim=0)
    known = centred @ torch.linalg.svd(centred, full_matrices=False).Vh[:dim].T
    rng = generator(seed, "latents")
    made = torch.empty(count, dim)
    for some in torch.arange(count).split(100_000):
        of = torch.randint(len(known), (3, len(some)), generator=rng)
        moved = known[of[0]] + 0.35 * (known[of[1]] - known[of[2]])
        made[some] = torch.nn.functional.normalize(moved, dim=-1)
    return made


def noisy(patterns: Tensor, count: int, *, seed: int) -> Tensor:
    """Cues near a pattern each."""
    rng = generator(seed, "cues")
    chosen = torch.randint(len(patterns), (count,), generator=rng)
    return patterns[chosen] + NOISE * torch.randn(count, patterns.shape[1], generator=rng)


def exact(cues: Tensor, patterns: Tensor, beta: float) -> Tensor:
    """The definition, in double precision, block by block."""
    blocks = patterns.split(50_000)
    logits = torch.cat([beta * cues.double() @ block.double().T for block in blocks], dim=1)
    weights = logits.softmax(dim=-1).split(50_000, dim=1)
    each = [weight @ block.double() for weight, block in zip(weights, blocks, strict=True)]
    return torch.stack(each).sum(dim=0)


def seconds(run: Callable[[], object], repeats: int) -> float:
    """The median of a few runs, after one that warms up."""
    run()
    each: list[float] = []
    for _ in range(repeats):
        started = time.perf_counter()
        run()
        each.append(time.perf_counter() - started)
    return median(each)


def certified(index: Index, cues: Tensor, scale: Scale) -> Numbers:
    """Against the naive form and the fused attention, at two temperatures."""
    patterns = index.patterns.rows
    naive, fused = PEERS[NAIVE](patterns), PEERS[ATTENTION](patterns)
    found: Numbers = {}
    for beta in (300.0, 1000.0):
        answer = attend(cues, index, beta=beta, method="certified")
        error = _errors(answer, exact(cues, patterns, beta))
        if answer.method != "certified" or bool((error > answer.bound + SPARE).any()):
            raise WrongAnswerError(f"{answer.method} at beta {beta}: off by {float(error.max())}")
        runs: tuple[Callable[[], object], ...] = (
            lambda b=beta: attend(cues, index, beta=b, method="certified"),
            lambda b=beta: naive(cues, b),
            lambda b=beta: fused(cues, b),
        )
        ours, theirs, attention = (seconds(run, scale.repeats) for run in runs)
        found[f"beta {beta:g}"] = {
            "ms": 1e3 * ours,
            "naive ms": 1e3 * theirs,
            "torch attention ms": 1e3 * attention,
            "times naive": theirs / ours,
            "times torch attention": attention / ours,
            "largest error": float(error.max()),
            "largest bound": float(answer.bound.max()),
            "joules": {"ours": joules(runs[0]) or UNCOUNTED, "naive": joules(runs[1]) or UNCOUNTED},
        }
    return found


def one_cue(index: Index, cue: Tensor, scale: Scale) -> Numbers:
    """A dense pass for one cue, against reading the patterns at all."""
    patterns, beta = index.patterns.rows, 30.0
    answer = attend(cue, index, beta=beta, method="dense")
    error = _errors(answer, exact(cue, patterns, beta))
    if bool((error > answer.bound + SPARE).any()):
        raise WrongAnswerError(f"dense, one cue: off by {float(error.max())}")
    rows = patterns.numpy()
    ours = seconds(lambda: attend(cue, index, beta=beta, method="dense"), 5 * scale.repeats)
    reads = (lambda: np.max(rows), lambda: np.add.reduce(rows, axis=None), patterns.sum)
    read = min(seconds(each, 3 * scale.repeats) for each in reads)
    naive = PEERS[NAIVE](patterns)
    theirs = seconds(lambda: naive(cue, beta), 3 * scale.repeats)
    return {
        "ms": 1e3 * ours,
        "naive ms": 1e3 * theirs,
        "reading once, ms": 1e3 * read,
        "read, GB/s": rows.nbytes / read / 1e9,
        "share of the read bandwidth": read / ours,
        "times naive": theirs / ours,
    }


def little_to_omit(index: Index, cues: Tensor, scale: Scale) -> Numbers:
    """Where nearly everything weighs something: what choosing costs."""
    runs: dict[Method, list[float]] = {"auto": [], "dense": []}
    for _ in range(scale.repeats):
        for method, each in runs.items():
            each.append(seconds(lambda m=method: attend(cues, index, beta=30.0, method=m), 1))
    return {
        "ms": {method: 1e3 * median(each) for method, each in runs.items()},
        "chosen": attend(cues, index, beta=30.0).method,
        "auto over dense": median(runs["auto"]) / median(runs["dense"]),
    }


def approximate(index: Index, cues: Tensor, scale: Scale) -> Numbers:
    """A graph over all of it: how often right, how fast, how that grows."""
    beta, patterns = 1000.0, index.patterns.rows
    started = time.perf_counter()
    answer = attend(cues, index, beta=beta, method="approximate")
    building = time.perf_counter() - started
    right = _errors(answer, exact(cues, patterns, beta)) <= 1e-3
    naive = PEERS[NAIVE](patterns)
    theirs = seconds(lambda: naive(cues, beta), scale.repeats)
    ours = seconds(lambda: attend(cues, index, beta=beta, method="approximate"), 3 * scale.repeats)
    small = Index.of(patterns[: scale.stored // 100])
    nearby = noisy(small.patterns.rows, len(cues), seed=scale.seed)
    less = seconds(
        lambda: attend(nearby, small, beta=beta, method="approximate"), 3 * scale.repeats
    )
    return {
        "built in, s": building,
        "ms": 1e3 * ours,
        "naive ms": 1e3 * theirs,
        "times naive": theirs / ours,
        "within .001": float(right.double().mean()),
        "ms with a hundredth stored": 1e3 * less,
        "growth over a hundredfold": ours / less,
    }


def bounds(scale: Scale) -> Numbers:
    """Every cue's true error against its bound: kinds of patterns, betas, and cues of noise."""
    worst: dict[str, float] = {}
    beyond = checked = 0
    for kind, (patterns, cues) in _kinds(scale).items():
        index = Index.of(patterns)
        if kind == "true neighbour deleted":
            index.remove(range(len(cues)))
        rows = index.patterns.rows
        across = _diameter(rows)
        spare = SPARE * float(rows.norm(dim=-1).max())
        for beta in (1.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0):
            truth = exact(cues, rows, beta)
            for method in ("dense", "certified", "auto"):
                answer = attend(cues, index, beta=beta, method=method)
                error = (answer.output.double() - truth).norm(dim=-1)
                over = error - answer.bound * across - spare
                beyond += int((over > 0).sum())
                checked += len(cues)
                worst[kind] = max(worst.get(kind, -math.inf), float((error / across).max()))
    return {"cues checked": checked, "cues beyond their bound": beyond, "largest error": worst}


def _kinds(scale: Scale) -> dict[str, tuple[Tensor, Tensor]]:
    rng = generator(scale.seed, "kinds")
    clustered = latents(scale.kinds, 64, seed=scale.seed + 1)
    isotropic = torch.nn.functional.normalize(torch.randn(scale.kinds, 64, generator=rng), dim=-1)
    lengths = torch.exp(torch.rand(scale.kinds, 1, generator=rng) * 4 - 2)
    few = 48
    near = clustered[:few] + NOISE * torch.randn(few, 64, generator=rng)
    doubled = clustered[: scale.kinds // 2].repeat(2, 1)
    return {
        "clustered": (clustered, near),
        "isotropic": (isotropic, isotropic[:few] + NOISE * torch.randn(few, 64, generator=rng)),
        "duplicated": (doubled, near),
        "unequal lengths": (isotropic * lengths, isotropic[:few]),
        "pure noise": (clustered, torch.randn(few, 64, generator=rng) / 8),
        "true neighbour deleted": (clustered, near),
    }


def _diameter(rows: Tensor) -> float:
    """Of a part of the values, in pairs: at most the diameter of all, so the check is stricter."""
    some = rows[:: max(1, len(rows) // 2000)].double()
    return float(torch.cdist(some, some).max())


def _errors(answer: Attended, truth: Tensor) -> Tensor:
    return (answer.output.double() - truth).norm(dim=-1) / 2  # unit vectors are at most 2 apart


def memory_of(*, stored: int, cues: int) -> Numbers:
    """Peak memory of a certified call beyond what is held before it, after one that warms up."""
    torch.set_num_threads(1)
    index = Index.of(latents(stored, 64, seed=0))
    asked = noisy(index.patterns.rows, cues, seed=0)
    attend(asked[:8], index, beta=300.0, method="certified")
    grown = _grown(lambda: attend(asked, index, beta=300.0, method="certified"))
    return {"MiB beyond patterns and index": grown / 2**20}


def _grown(run: Callable[[], object]) -> int:
    """How far memory rises above what is held, at most, while this runs."""
    ctypes.CDLL(None).malloc_trim(0)  # what was freed and not given back would hide it
    Path("/proc/self/clear_refs").write_text("5")  # the high-water mark starts anew
    held = peak_memory()
    run()
    return peak_memory() - held


def by_size(whole: Index, scale: Scale) -> Numbers:
    """Time and memory of all ways for 64 cues, as the number stored grows."""
    beta, found = 300.0, {}
    for count in scale.sizes:
        stored = whole.patterns.rows[:count].clone()
        cues = noisy(stored, 64, seed=scale.seed)
        index = whole if count == len(whole) else Index.of(stored)
        ways: dict[str, Callable[[], Tensor]] = {
            DENSE: lambda c=cues, i=index: attend(c, i, beta=30.0, method="dense").output,
            CERTIFIED: lambda c=cues, i=index: attend(c, i, beta=beta, method="certified").output,
            APPROXIMATE: lambda c=cues, i=index: (
                attend(c, i, beta=beta, method="approximate").output
            ),
        }
        for name in scale.peers:
            recall = PEERS[name](stored)
            ways[name] = lambda c=cues, r=recall: r(c, beta)
        repeats = scale.repeats if count < 200_000 else max(1, scale.repeats // 2)
        found[str(count)] = {
            name: {"ms": 1e3 * seconds(way, repeats), "MiB": _grown(way) / 2**20}
            for name, way in ways.items()
        }
        rows = stored.numpy()
        found[str(count)]["reading once"] = {"ms": 1e3 * seconds(lambda r=rows: np.max(r), 5)}
    return found


MEASUREMENT = Measurement(
    name="attend",
    claim="Recall among a million patterns: certified, several times faster than computing it all.",
    musts=(
        *(
            Must(
                claim=f"certified to 1e-3, 1 M × 64, 192 cues, β = {beta}, times naive",
                number=("certified", f"beta {beta}", "times naive"),
                at_least=least,
                source=f"requirement; aim {aim}",
            )
            for beta, least, aim in ((300, 5.0, 15), (1000, 6.0, 25))
        ),
        Must(
            claim="the same against scaled_dot_product_attention, β = 300",
            number=("certified", "beta 300", "times torch attention"),
            at_least=2.0,
            source="requirement; aim 6",
        ),
        Must(
            claim="certified, 100k × 128, 1,024 cues, β = 300, times naive",
            number=("certified, many cues", "beta 300", "times naive"),
            at_least=3.0,
            source="requirement; aim 10",
        ),
        Must(
            claim="dense, one cue, share of the measured read bandwidth",
            number=("one cue", "share of the read bandwidth"),
            at_least=0.5,
            source="requirement; aim .85",
        ),
        Must(
            claim="peak memory beyond patterns and index, 1 M × 64, 256 cues",
            number=("memory", "MiB beyond patterns and index"),
            at_most=64.0,
            unit="MiB",
            source="requirement; aim 16",
        ),
        Must(
            claim="approximate, 1 M × 64, β = 1000, times naive",
            number=("approximate", "times naive"),
            at_least=50.0,
            source="requirement; aim 200",
        ),
        Must(
            claim="approximate, noisy cues within 1e-3 of double precision",
            number=("approximate", "within .001"),
            at_least=0.99,
            source="requirement",
        ),
        Must(
            claim="approximate, time of 1e6 over 1e4 memories",
            number=("approximate", "growth over a hundredfold"),
            at_most=12.0,
            source="requirement; aim 5",
        ),
        Must(
            claim="at β = 30, auto over dense",
            number=("little to omit", "auto over dense"),
            at_most=1.2,
            source="requirement",
        ),
        Must(
            claim="cues whose true error is beyond their bound, all kinds and β",
            number=("bounds", "cues beyond their bound"),
            at_most=0.0,
            source="requirement",
        ),
    ),
    measure=measure,
    full=Scale(),
    quick=Scale(
        stored=20_000,
        smaller=20_000,
        cues=8,
        many=16,
        repeats=1,
        sizes=(1_000, 2_000),
        peers=(NAIVE, ATTENTION),
        kinds=10_000,
    ),
)
