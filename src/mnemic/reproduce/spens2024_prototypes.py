"""Recall makes things more like their kind (Spens & Burgess 2024): within-class variance falls.

What the student was never shown is coded and decoded, and the variance of each pixel within a
class is compared before and after. Two things tell a pull towards prototypes from mere fading:
the distance to the mean of the class as it was seen, and the variance between classes, which
fading would shrink as much.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.utils import skip_init

from mnemic.neocortex import ConsolidationConfig, Student, consolidate
from mnemic.neocortex.student import Kind
from mnemic.nn.autoencoder import Autoencoder, Coded, at_least_single
from mnemic.nn.layers import convolution, dense
from mnemic.plots.distortion import examples_by_class, variance_by_class
from mnemic.randomness import generator
from mnemic.reproduce.pictures import (
    CLASSES,
    TITLES,
    Experiment,
    Name,
    features,
    sizes,
    stored_and_unseen,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.spens2024_extended import packed
from mnemic.reproduce.teaching import replayed, taught_by_replay
from mnemic.reproduce.workshop import Doing, Workshop

KINDS: tuple[Kind, ...] = ("mnemic", "spens2022")
DIGITS_NETWORK = "digits network"
PUBLISHED = 0.52
PATIENCE = 3


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """How often at most the article's network for digits looks at what was replayed."""

    looks: int


class Spens2024Digits(Autoencoder):
    """The network of the article's code for 28 by 28 digits, whose variance it reports.

    Encoder: 3×3 convolutions of stride 2 with 32 and 64 filters, rectified; 16 rectified units;
    20 linear ones; mean and log-variance of 20 latents. Decoder: dense to 7×7×64; transposed 3×3
    convolutions of stride 2 with 64 and 32 filters, rectified, one to the picture, a sigmoid. A
    tenth of the input is dropped.
    """

    def __init__(self, *, rng: torch.Generator) -> None:
        super().__init__((28, 28, 1), 20, dropout=0.1)
        self.encoder = nn.Sequential(
            convolution(1, 32, size=3, stride=2, padding=1, rng=rng),
            nn.ReLU(),
            convolution(32, 64, size=3, stride=2, padding=1, rng=rng),
            nn.ReLU(),
            nn.Flatten(),
            dense(7 * 7 * 64, 16, rng=rng),
            nn.ReLU(),
            dense(16, 20, rng=rng),
        )
        self.mean, self.log_variance = dense(20, 20, rng=rng), dense(20, 20, rng=rng)
        self.decoder = nn.Sequential(
            dense(20, 7 * 7 * 64, rng=rng),
            nn.ReLU(),
            nn.Unflatten(1, (64, 7, 7)),
            _transposed(64, 64, stride=2, rng=rng),
            nn.ReLU(),
            _transposed(64, 32, stride=2, rng=rng),
            nn.ReLU(),
            _transposed(32, 1, stride=1, rng=rng),
            nn.Sigmoid(),
        )

    def encode(self, pictures: Float[Tensor, "batch channels height width"]) -> Coded:
        """The Gaussian each picture is coded as."""
        units = self.encoder(pictures)
        return Coded(at_least_single(self.mean(units)), at_least_single(self.log_variance(units)))

    def decode(
        self, latents: Float[Tensor, "batch latent"]
    ) -> Float[Tensor, "batch channels height width"]:
        """The picture each latent stands for."""
        return at_least_single(self.decoder(latents))


def variance_within(pictures: Float[Tensor, "count dim"]) -> float:
    """The variance of each feature over pictures of one class; its mean over features.

    As in the article's code (there of the first 5,000 test digits).
    """
    return float(pictures.var(dim=0, correction=0).mean())


def variance_between(pictures: Float[Tensor, "count dim"], labels: Int[Tensor, " count"]) -> float:
    """The variance of each feature over the means of the classes; its mean over features."""
    means = [pictures[labels == label].mean(dim=0) for label in labels.unique()]
    return variance_within(torch.stack(means))


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Recall what was never stored with each student, class by class."""
    pictures = features(data["images"])
    seen = pictures[config.stored :]
    labels = torch.from_numpy(data["labels"][config.stored :])
    of_class = {
        name: labels == label
        for label, name in enumerate(CLASSES[config.dataset])
        if int((labels == label).sum()) > 1
    }
    before = {name: variance_within(seen[it]) for name, it in of_class.items()}
    shown: Numbers = {name: {"seen": packed(seen[it][0])} for name, it in of_class.items()}
    numbers: Numbers = {"seen": before}
    for kind in (*KINDS, DIGITS_NETWORK):
        if kind == DIGITS_NETWORK:
            memories = pictures[: config.stored]
            student = yield from taught_as_published(memories, config.looks, seed)
        else:
            taught = yield from taught_by_replay(config, data, seed, workshop, kind)
            student = taught.student
        yield Doing(f"{kind} recalling", 0, 1)
        recalled = student.decode(student.encode(seen))
        after = {name: variance_within(recalled[it]) for name, it in of_class.items()}
        ratios = {name: after[name] / before[name] for name in of_class}
        numbers[kind] = {
            "recalled": after,
            "ratio": ratios,
            "all classes": sum(after.values()) / sum(before.values()),
            "largest ratio": max(ratios.values()),
            "between classes": variance_between(recalled, labels) / variance_between(seen, labels),
            "distance to the class": _distance(recalled, seen, labels),
        }
        for name, it in of_class.items():
            shown[name][kind] = packed(recalled[it][0])
    numbers["distance to the class, seen"] = _distance(seen, seen, labels)
    return numbers | {"pictures": shown}


def taught_as_published(
    memories: Float[Tensor, "count dim"], looks: int, seed: int
) -> Generator[Doing, None, Student]:
    """The article's network for digits after the habituated replay of memories.

    As there, it looks at the replay until three looks in a row have brought no lower loss.
    """
    # a student of no kind: it is never written to disk
    student = Student(Spens2024Digits(rng=generator(seed, "digits")), "spens2022")
    lesson = replayed(memories, student.grid, seed)
    config = ConsolidationConfig.spens2022(epochs=looks)
    losses: list[float] = []
    each: list[float] = []
    for step in consolidate(student, lesson, config, rng=generator(seed, "lesson")):
        each.append(step.loss)
        if step.progress is not None:
            losses.append(sum(each) / len(each))
            each.clear()
            if no_lower(losses):
                break
        yield Doing("teaching the network for digits", step.done, step.total)
    student.model.eval()
    return student


def no_lower(losses: Sequence[float]) -> bool:
    """Whether the last three losses are all no lower than one before them."""
    return len(losses) > PATIENCE and min(losses[-PATIENCE:]) >= min(losses[:-PATIENCE])


def _transposed(
    channels: int, filters: int, *, stride: int, rng: torch.Generator
) -> nn.ConvTranspose2d:
    layer = skip_init(nn.ConvTranspose2d, channels, filters, 3, stride, 1, stride - 1)
    nn.init.xavier_uniform_(cast(Tensor, layer.weight), generator=rng)
    nn.init.zeros_(cast(Tensor, layer.bias))
    return cast(nn.ConvTranspose2d, layer)


def _distance(pictures: Tensor, seen: Tensor, labels: Tensor) -> float:
    """Mean distance of pictures to the mean of their class as it was seen."""
    away = [
        (pictures[labels == label] - seen[labels == label].mean(dim=0)).norm(dim=-1)
        for label in labels.unique()
    ]
    return float(torch.cat(away).mean())


def _result(name: Name, file: str) -> Result:
    return Result(
        name=f"spens2024/prototypes-{file}",
        paper="Spens & Burgess 2024",
        figure="variance within the classes of MNIST, before and after recall",
        claim=f"Recalled by a student, {TITLES[name]} pictures vary less within their class: they "
        "are drawn towards its prototype.",
        expected=(
            Expected(
                what="pixel variance within classes, recalled over seen, the article's network",
                number=(DIGITS_NETWORK, "all classes"),
                at_least=0.45,
                at_most=0.65,
                source="requirement",
                published=PUBLISHED if name == "mnist" else None,
            ),
            Expected(
                what="the same in the class where it falls least",
                number=(DIGITS_NETWORK, "largest ratio"),
                at_most=1.0,
                source="requirement",
            ),
        ),
        scales={
            "toy": Config(**sizes(name, "toy"), looks=1),
            "small": Config(**sizes(name, "small"), looks=50),
            "paper": Config(**sizes(name, "paper"), looks=50),
        },
        load=stored_and_unseen,
        compute=compute,
        figures={
            "variance": variance_by_class,
            "examples": partial(examples_by_class, grid=(28, 28, 1)),
        },
    )


RESULTS = (_result("mnist", "mnist"), _result("fashion", "fashion"))
