"""Figure 6, right, of Spens & Burgess (2022): how few examples a label is learned from.

Classifiers of a student's latents, of pixels, and a network taught from scratch until it has
learned its examples; logistic regression on pixels, the strongest of the simple ones, among them.
"""

import math
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from statistics import fmean
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float, Int
from sklearn.linear_model import LogisticRegression, Perceptron
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from mnemic.neocortex.student import Grid, Kind
from mnemic.nn.layers import convolution, dense, keep_variance
from mnemic.plots.imagination import accuracy_by_examples
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
from mnemic.reproduce.registry import Data, Expected, Numbers, Result, ScaleName
from mnemic.reproduce.teaching import taught_by_replay
from mnemic.reproduce.workshop import Doing, Workshop

EXAMPLES = (10, 20, 50, 100, 200, 500, 1000)
FEW = 4  # of these sizes: up to 100
LATENTS: dict[int, float] = {10: 0.40, 50: 0.60, 100: 0.75, 200: 0.856, 500: 0.889, 1000: 0.918}
PIXELS: dict[int, float] = {50: 0.305, 100: 0.336, 200: 0.428, 500: 0.633, 1000: 0.755}
"""Published accuracy of a support vector classifier: Spens & Burgess (2024), 3D Shapes."""
KINDS: tuple[Kind, ...] = ("mnemic", "spens2022")
FROM_SCRATCH = "network from scratch"
FILTERS = (16, 32, 64, 128)
BATCH = 32
LEAD = "perceptron of latents less network from scratch, 10 to 100 examples"
LEARNED = 0.01  # nats an example: the training loss below which nothing is left to learn

Way = tuple[str, str]  # codes of what, classified by what


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """How often examples are drawn, and how long a network may take to learn them.

    The largest set is all there are, and only one.
    """

    draws: int
    least_steps: int  # so that averages of batches settle, however soon the examples are learned
    most_steps: int


class Network(nn.Module):
    """A convolutional network that tells one or several labels from a picture.

    Each of four layers halves the picture: 3×3 convolution, batch normalisation, rectifier; two
    dense layers follow. ``classes`` are those of each label; logits of all stand side by side.
    """

    def __init__(self, grid: Grid, classes: tuple[int, ...], *, rng: torch.Generator) -> None:
        super().__init__()
        height, width, channels = grid
        layers: list[nn.Module] = []
        for filters in FILTERS:
            layer = convolution(channels, filters, size=3, stride=2, padding=1, rng=rng)
            keep_variance(layer.weight, rng=rng)
            layers += [layer, nn.BatchNorm2d(filters), nn.ReLU(inplace=True)]
            height, width, channels = -(-height // 2), -(-width // 2), filters
        self.seen = nn.Sequential(
            *layers, nn.Flatten(), dense(channels * height * width, 128, rng=rng), nn.ReLU()
        )
        self.told = dense(128, sum(classes), rng=rng)
        self.classes = classes
        self.grid = grid
        self.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]

    def forward(self, pictures: Float[Tensor, "batch dim"]) -> tuple[Tensor, ...]:
        """Logits of each label."""
        return self.told(self.look(pictures)).split(self.classes, dim=-1)

    def look(self, pictures: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch seen"]:
        """What it sees in flat features, before it tells anything."""
        height, width, _ = self.grid
        shown = rearrange(pictures, "batch (h w c) -> batch c h w", h=height, w=width)
        return self.seen(shown)


def learn(
    network: Network,
    pictures: Float[Tensor, "count dim"],
    labels: Int[Tensor, "count labels"],
    *,
    least_steps: int,
    most_steps: int,
    rng: torch.Generator,
) -> Iterator[float]:
    """Teach a network its examples with Adam; the mean loss of each epoch.

    It ends with the epoch whose mean loss is below ``LEARNED``, if ``least_steps`` have been
    taken; at the latest with the one in which ``most_steps`` are reached.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-3)
    mean, steps = math.inf, 0
    while steps < most_steps and (steps < least_steps or mean >= LEARNED):
        losses: list[float] = []
        network.train()  # whoever looked in between left it otherwise
        for rows in torch.randperm(len(pictures), generator=rng).split(BATCH):
            told = network(pictures[rows])
            loss = torch.stack(
                [cross_entropy(each, labels[rows, at]) for at, each in enumerate(told)]
            ).sum()
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            losses.append(loss.item() * len(rows))
        steps += len(losses)
        mean = sum(losses) / len(pictures)
        yield mean


@torch.no_grad()
def read(network: Network, pictures: Float[Tensor, "count dim"]) -> Int[Tensor, "count labels"]:
    """The likeliest class of each label."""
    network.eval()
    return torch.cat(
        [
            torch.stack([each.argmax(-1) for each in network(some)], -1)
            for some in pictures.split(256)
        ]
    )


@torch.no_grad()
def look(network: Network, pictures: Float[Tensor, "count dim"]) -> Float[Tensor, "count seen"]:
    """What a network that has learned sees in each picture."""
    network.eval()
    return torch.cat([network.look(some) for some in pictures.split(256)])


def balanced(
    labels: Int[np.ndarray, " count"], examples: int, *, rng: torch.Generator
) -> Int[np.ndarray, " examples"]:
    """Rows of so many random examples, as many of each class as of any other where there are.

    Classes take turns; one that has run out is passed over. All rows, if there are no more.
    """
    order = torch.randperm(len(labels), generator=rng).numpy()
    turn = np.empty(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        mine = labels[order] == label
        turn[mine] = np.arange(mine.sum())
    return order[np.argsort(turn, kind="stable")[:examples]]


def in_their_span(
    examples: Float[np.ndarray, "count width"], others: Float[np.ndarray, "others width"]
) -> tuple[Float[np.ndarray, "count spanned"], Float[np.ndarray, "others spanned"]]:
    """Codes rotated so that there are no more dimensions than examples, and one.

    What others have outside the examples' span is its length, in that last dimension. Products
    with the examples and distances to them stay, and so does what classifiers that use nothing
    else say; of pictures they say it many times sooner.
    """
    basis, _ = np.linalg.qr(examples.T.astype(np.float64))
    within = others @ basis
    outside = np.square(others, dtype=np.float64).sum(axis=1) - np.square(within).sum(axis=1)
    outside = np.sqrt(outside.clip(min=0))[:, None]
    return (
        np.hstack([examples @ basis, np.zeros((len(examples), 1))]),
        np.hstack([within, outside]),
    )


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Fit every classifier to the same examples, and ask all about the same other pictures."""
    unseen = features(data["images"])[config.stored :]
    labels = data["labels"][config.stored :]
    codes: dict[str, np.ndarray] = {}
    for kind in KINDS:
        taught = yield from taught_by_replay(config, data, seed, workshop, kind)
        codes[kind] = taught.student.encode(unseen).numpy()
    codes["pixels"] = unseen.numpy()
    pool = 2 * len(unseen) // 3
    found: dict[Way, list[float]] = {}
    for count in EXAMPLES:
        draws = config.draws if count < pool else 1
        scores: dict[Way, list[float]] = {}
        for draw in range(draws):
            yield Doing(f"{count} examples", draw, draws)
            rng = generator(seed, f"examples {count} {draw}")
            rows = balanced(labels[:pool], count, rng=rng)
            network = Network(grid_of(data["images"]), (int(labels.max()) + 1,), rng=rng)
            score = _classified(codes, labels, rows, pool) | (
                yield from _from_scratch(config, network, unseen, labels, rows, pool, rng)
            )
            for way, value in score.items():
                scores.setdefault(way, []).append(value)
        for way, values in scores.items():
            found.setdefault(way, []).append(fmean(values))
    chance = float(np.bincount(labels[pool:]).max() / len(labels[pool:]))
    return _told(found) | {"examples": [float(count) for count in EXAMPLES], "chance": chance}


def _classified(
    codes: Mapping[str, np.ndarray], labels: np.ndarray, rows: np.ndarray, pool: int
) -> dict[Way, float]:
    """Accuracy of classifiers as they come, of standardised codes."""
    classifiers: dict[str, Callable[[], Any]] = {
        "perceptron": Perceptron,
        "SVC": SVC,
        "logistic regression": lambda: LogisticRegression(max_iter=2000),
    }
    scores: dict[Way, float] = {}
    for of, code in codes.items():
        scaler: Any = StandardScaler().fit(code[rows])
        examples, others = in_their_span(
            scaler.transform(code[rows]), scaler.transform(code[pool:])
        )
        for by, make in classifiers.items():
            classifier = make().fit(examples, labels[rows])
            scores[of, by] = float(classifier.score(others, labels[pool:]))
    return scores


def _from_scratch(
    config: Config,
    network: Network,
    pictures: Tensor,
    labels: np.ndarray,
    rows: np.ndarray,
    pool: int,
    rng: torch.Generator,
) -> Generator[Doing, None, dict[Way, float]]:
    """Accuracy of the network, and how well it had learned its examples."""
    told = torch.from_numpy(labels)[:, None]
    steps = {"least_steps": config.least_steps, "most_steps": config.most_steps}
    losses: list[float] = []
    for loss in learn(network, pictures[rows], told[rows], **steps, rng=rng):
        losses.append(loss)
        at_most = -(-config.most_steps // -(-len(rows) // BATCH))
        yield Doing(f"{len(rows)} examples, {FROM_SCRATCH}: epochs", len(losses), at_most)
    right = read(network, pictures[pool:]) == told[pool:]
    return {
        ("pixels", FROM_SCRATCH): float(right.double().mean()),
        (FROM_SCRATCH, "epochs"): float(len(losses)),
        (FROM_SCRATCH, "loss on its examples"): losses[-1],
    }


def _told(found: Mapping[Way, list[float]]) -> Numbers:
    """Curves over the examples, points of them that are judged, and what the figure claims."""
    numbers: Numbers = {}
    for (of, by), curve in found.items():
        numbers.setdefault(of, {})[by] = curve
    numbers["SVC at"] = {
        kind: dict(zip(map(str, EXAMPLES), found[kind, "SVC"], strict=True)) for kind in KINDS
    }
    numbers[LEAD] = {
        kind: fmean(found[kind, "perceptron"][:FEW]) - fmean(found["pixels", FROM_SCRATCH][:FEW])
        for kind in KINDS
    }
    return numbers


def _result(name: Name, file: str, expected: tuple[Expected, ...], published: bool) -> Result:
    scales: dict[ScaleName, Config] = {
        "toy": Config(**sizes(name, "toy"), draws=1, least_steps=1, most_steps=1),
        "small": Config(**sizes(name, "small"), draws=5, least_steps=200, most_steps=2000),
        "paper": Config(**sizes(name, "paper"), draws=20, least_steps=200, most_steps=2000),
    }
    marks = {"SVC of latents": LATENTS, "SVC of pixels": PIXELS} if published else {}
    return Result(
        name=f"spens2022/few-shot-{file}",
        paper="Spens & Burgess 2022",
        figure="figure 6, right",
        claim=f"From 10 to 100 labelled {TITLES[name]} more is learned on a student's latents "
        "than by a network from scratch.",
        expected=(
            *expected,
            Expected(
                what="accuracy of a perceptron of our student's latents less that of a network "
                "from scratch, mean of 10, 20, 50 and 100 examples",
                number=(LEAD, "mnemic"),
                at_least=0.0,
                source="figure 6, right",
            ),
        ),
        scales=scales,
        load=stored_and_unseen,
        compute=compute,
        figures={"accuracy": partial(accuracy_by_examples, published=marks)},
        stands_in=stand_in(name),
    )


def _by_support_vectors(examples: int, at_least: float, published: float | None) -> Expected:
    return Expected(
        what=f"accuracy of SVC of our student's latents, {examples} examples",
        number=("SVC at", "mnemic", str(examples)),
        at_least=at_least,
        source="requirement",
        published=published,
    )


RESULTS = (
    _result(
        "shapes3d",
        "shapes3d",
        tuple(
            _by_support_vectors(count, round(LATENTS[count] - 0.03, 3), LATENTS[count])
            for count in (50, 200, 1000)
        ),
        published=True,
    ),
    _result("fashion", "fashion", (_by_support_vectors(200, 0.70, None),), published=False),
)
