"""A label bends what is remembered (Carmichael, Hogan & Walter 1932; Spens & Burgess 2024).

A picture that could be either of two things is remembered in the extended model together with a
label: in place of the picture's own latent, the teacher stores one drawn towards what the label
means, beside the features that the picture's own schema missed. What is recalled is read by a
classifier of pixels that knows nothing of latents, to which each stimulus is as much the one as
the other: it is mixed so.

"shapes3d" follows the article's code: the middle of a scene is blurred, there are white squares
on it, and what a label means is the latent of the same scene with a cube, or a sphere. There it
takes the place of the picture's own altogether; here by a weight, of which 1 is the article's.
In "mnist" a label means the mean latent of what was stored under it.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int, UInt8
from scipy.ndimage import gaussian_filter
from sklearn.linear_model import LogisticRegression
from torch import Tensor

from mnemic import datasets
from mnemic.neocortex import Student
from mnemic.neocortex.student import Kind
from mnemic.plots.distortion import bent_by_label, labelled
from mnemic.randomness import generator
from mnemic.reproduce.pictures import (
    SHAPE,
    TITLES,
    Experiment,
    Name,
    draw,
    features,
    grid_of,
    sizes,
    stand_in,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.spens2024_boundary import FLOOR, OBJECT, WALL
from mnemic.reproduce.spens2024_extended import (
    ExtendedMemory,
    packed,
    traces_of,
    with_squares,
)
from mnemic.reproduce.teaching import taught_by_replay
from mnemic.reproduce.workshop import Doing, Workshop

KINDS: tuple[Kind, ...] = ("mnemic", "spens2022")
WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0)  # of the label in the latent that is stored
THRESHOLD = 0.2  # as published, for labels
SHAPES = (0, 2)  # cube and sphere, as published
DIGITS = ((4, 9), (3, 5), (7, 9), (3, 8))  # what is often taken for one another
MIDDLE, RADIUS, BLUR = (32, 34), 20, 3.0  # pixels; of the part of a scene that is blurred


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """How many stimuli at most (of each pair), and what the classifier is fitted on."""

    stimuli: int
    examples: int


def load(config: Config, seed: int) -> Data:
    """What the student is taught and its unseen pictures, with all their factors."""
    drawn = draw(config.dataset, config.stored + config.unseen, seed)
    return {"images": drawn.images, "labels": drawn.labels, "factors": drawn.factors}


class Stimuli(NamedTuple):
    """Pictures that could be either of two things."""

    pictures: Float[Tensor, "count dim"]
    either: Int[np.ndarray, "count 2"]  # the two classes
    meanings: Float[Tensor, "2 count latent"]  # what each label means


class Reader:
    """Tells classes from pixels: multinomial logistic regression."""

    def __init__(
        self, pictures: Float[Tensor, "count dim"], labels: Int[np.ndarray, " count"]
    ) -> None:
        self.classifier = LogisticRegression(max_iter=3000).fit(pictures.numpy(), labels)
        self.column = {int(label): at for at, label in enumerate(self.classifier.classes_)}

    def log_odds(
        self, pictures: Float[Tensor, "count dim"], either: Int[np.ndarray, "count 2"]
    ) -> Float[np.ndarray, " count"]:
        """Of the first of two classes against the second; linear in the picture."""
        margins = self.classifier.decision_function(pictures.numpy())
        if margins.ndim == 1:  # two classes have one margin
            margins = np.stack([-margins, margins], axis=1) / 2
        columns = np.vectorize(self.column.get)(either)
        chosen = np.take_along_axis(margins, columns, axis=1)
        return chosen[:, 0] - chosen[:, 1]

    def leaning(
        self, pictures: Float[Tensor, "count dim"], either: Int[np.ndarray, "count 2"]
    ) -> Float[np.ndarray, " count"]:
        """0..1: the probability of the first class, where it must be one of two."""
        return 1 / (1 + np.exp(-self.log_odds(pictures, either)))


def mixed(
    first: Float[Tensor, "count dim"],
    second: Float[Tensor, "count dim"],
    odds_first: Float[np.ndarray, " count"],
    odds_second: Float[np.ndarray, " count"],
) -> tuple[Float[Tensor, "kept dim"], Bool[np.ndarray, " count"]]:
    """Pictures mixed until a linear classifier gives even odds, where it tells the two apart.

    Log odds being linear, they are even at the share o₂ / (o₂ - o₁) of the first picture.
    """
    apart = (odds_first > 0) & (odds_second < 0)
    share = torch.from_numpy(odds_second[apart] / (odds_second[apart] - odds_first[apart]))
    share = share.float()[:, None]
    rows = torch.from_numpy(apart)
    return share * first[rows] + (1 - share) * second[rows], apart


def remembered(
    student: Student,
    pictures: Float[Tensor, "count dim"],
    meanings: Float[Tensor, "count latent"],
    weight: float,
    seed: int,
) -> Float[Tensor, "count dim"]:
    """What comes back of pictures whose latents were drawn towards a label's meaning, by weight.

    The cue is each picture again, without the label.
    """
    own = traces_of(student, pictures, THRESHOLD)
    drawn = own._replace(latents=(1 - weight) * own.latents + weight * meanings)
    return ExtendedMemory(student, drawn, seed).recall(pictures)


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Remember the same pictures under either label, and under none, with both students."""
    taught_on = {name: data[name] for name in ("images", "labels")}
    yield Doing("fitting the classifier", 0, 1)
    fitted, unseen = slice(config.examples), slice(config.stored, None)
    reader = Reader(features(data["images"][fitted]), data["labels"][fitted])
    told = reader.classifier.predict(features(data["images"][unseen]).numpy())
    numbers: Numbers = {
        "accuracy of the classifier": float((told == data["labels"][unseen]).mean())
    }
    for kind in KINDS:
        taught = yield from taught_by_replay(config, taught_on, seed, workshop, kind)
        student = taught.student
        ambiguous = _scenes if config.dataset == "shapes3d" else _digits
        stimuli = ambiguous(student, reader, data, config, seed)
        recalled: dict[float, list[Tensor]] = {}
        for index, weight in enumerate(WEIGHTS):
            yield Doing(f"{kind} remembering labels", index, len(WEIGHTS))
            recalled[weight] = [
                remembered(student, stimuli.pictures, meanings, weight, seed)
                for meanings in stimuli.meanings
            ]
        leanings = {
            weight: [reader.leaning(each, stimuli.either) for each in both]
            for weight, both in recalled.items()
        }
        shift = [float((first - second).mean() / 2) for first, second in leanings.values()]
        numbers[kind] = {
            "stimuli": len(stimuli.pictures),
            "leaning": {
                label: [float(both[at].mean()) for both in leanings.values()]
                for at, label in enumerate(("first label", "second label"))
            },
            "shift": shift,
            "shift, half": shift[WEIGHTS.index(0.5)],
            "shift, whole": shift[-1],
            "named as labelled": [
                float(np.mean([first > 0.5, second < 0.5])) for first, second in leanings.values()
            ],
        }
        if kind == KINDS[0]:
            numbers["pictures"] = _shown(stimuli, recalled)
    return numbers


def _scenes(student: Student, reader: Reader, data: Data, config: Config, seed: int) -> Stimuli:
    """Scenes whose object is half a cube, half a sphere, and blurred."""
    factors = data["factors"][config.stored :]
    visible = (factors[:, OBJECT, None] != factors[:, [FLOOR, WALL]]).all(axis=1)
    chosen = factors[visible][: config.stimuli]
    plain: list[Tensor] = []
    painted: list[Tensor] = []
    for shape in SHAPES:
        images = datasets.shapes3d(factors=_with(chosen, shape)).images
        plain.append(features(images))
        squares = generator(seed, "squares")  # the same on both
        painted.append(with_squares(features(blurred(images)), grid_of(images), rng=squares))
    either = np.tile(SHAPES, (len(chosen), 1))
    first, second = painted
    odds = reader.log_odds(first, either), reader.log_odds(second, either)
    pictures, kept = mixed(first, second, *odds)
    meanings = torch.stack([student.encode(each[torch.from_numpy(kept)]) for each in plain])
    return Stimuli(pictures, either[kept], meanings)


def _digits(student: Student, reader: Reader, data: Data, config: Config, seed: int) -> Stimuli:
    """Each digit of one class mixed with the one of the other class that is most like it."""
    pictures, labels = features(data["images"]), torch.from_numpy(data["labels"])
    stored, unseen = slice(config.stored), slice(config.stored, None)
    latents = student.encode(pictures[stored])
    found: list[Stimuli] = []
    for pair in DIGITS:
        if not set(pair) <= set(reader.column):
            continue
        one, other = (pictures[unseen][labels[unseen] == digit] for digit in pair)
        one = one[: config.stimuli]
        like = other[torch.cdist(one, other).argmin(dim=-1)]
        either = np.tile(pair, (len(one), 1))
        halves, kept = mixed(one, like, reader.log_odds(one, either), reader.log_odds(like, either))
        meanings = torch.stack([latents[labels[stored] == digit].mean(dim=0) for digit in pair])
        meanings = meanings[:, None].expand(-1, len(halves), -1)
        found.append(Stimuli(halves, either[kept], meanings))
    return Stimuli(
        torch.cat([each.pictures for each in found]),
        np.concatenate([each.either for each in found]),
        torch.cat([each.meanings for each in found], dim=1),
    )


def blurred(
    images: UInt8[np.ndarray, "count height width 3"],
) -> UInt8[np.ndarray, "count height width 3"]:
    """Pictures with a circle in their middle out of focus."""
    side = images.shape[1]
    rows, columns = np.mgrid[:side, :side]
    inside = (columns - MIDDLE[0]) ** 2 + (rows - MIDDLE[1]) ** 2 <= RADIUS**2
    soft = gaussian_filter(images.astype(np.float64), (0, BLUR, BLUR, 0), mode="nearest")
    return np.where(inside[..., None], soft.round().astype(np.uint8), images)


def _with(factors: np.ndarray, shape: int) -> np.ndarray:
    changed = factors.copy()
    changed[:, SHAPE] = shape
    return changed


def _shown(stimuli: Stimuli, recalled: dict[float, list[Tensor]]) -> Numbers:
    """The first stimulus of each pair: seen, and recalled under each label and under none."""
    names = np.unique(stimuli.either, axis=0, return_index=True)[1]
    return {
        f"stimulus {at + 1}": {
            "seen": packed(stimuli.pictures[row]),
            "first label": packed(recalled[1.0][0][row]),
            "no label": packed(recalled[0.0][0][row]),
            "second label": packed(recalled[1.0][1][row]),
        }
        for at, row in enumerate(sorted(names.tolist()))
    }


def _result(name: Name, file: str, *, toy: Config, small: Config, paper: Config) -> Result:
    return Result(
        name=f"spens2024/labels-{file}",
        paper="Spens & Burgess 2024",
        figure="labels, after Carmichael, Hogan & Walter 1932",
        claim=f"Of {TITLES[name]} that could be either of two things, each is recalled as more "
        "like the one it was labelled.",
        expected=(
            Expected(
                what="shift towards the label, half of it in the latent, in probability",
                number=("mnemic", "shift, half"),
                at_least=0.1,
                source="requirement",
            ),
        ),
        scales={"toy": toy, "small": small, "paper": paper},
        load=load,
        compute=compute,
        figures={
            "labels": partial(bent_by_label, weights=WEIGHTS),
            "recall": partial(labelled, grid=(64, 64, 3) if name == "shapes3d" else (28, 28, 1)),
        },
        stands_in=stand_in(name),
    )


RESULTS = (
    _result(
        "shapes3d",
        "shapes3d",
        toy=Config(**sizes("shapes3d", "toy"), stimuli=6, examples=32),
        small=Config(**sizes("shapes3d", "small"), stimuli=100, examples=1500),
        paper=Config(**sizes("shapes3d", "paper"), stimuli=300, examples=3000),
    ),
    _result(
        "mnist",
        "mnist",
        toy=Config(**sizes("mnist", "toy"), stimuli=6, examples=32),
        small=Config(**sizes("mnist", "small"), stimuli=40, examples=5000),
        paper=Config(**sizes("mnist", "paper"), stimuli=100, examples=10000),
    ),
)
