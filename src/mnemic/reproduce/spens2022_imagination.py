"""Figure 6, left, of Spens & Burgess (2022): what a student imagines, measured.

The paper shows pictures; here a reader, a network taught what real pictures show, says what is on
the imagined ones. Whatever is done to latents is done to pixels too: is it more than blending?
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata
from torch import Tensor
from torch.nn.functional import interpolate

from mnemic import datasets
from mnemic.datasets.scenes import NAMES, SIZES
from mnemic.neocortex.imagination import analogous, between, dreamt, resembling
from mnemic.neocortex.student import Grid, Kind
from mnemic.plots.imagination import changed_scenes, samples, sheet, ways_between
from mnemic.randomness import generator
from mnemic.reproduce.pictures import (
    STAND_IN,
    TITLES,
    Experiment,
    Name,
    draw,
    features,
    grid_of,
    sizes,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result, ScaleName
from mnemic.reproduce.spens2022_few_shot import BATCH, Network, learn, look, read
from mnemic.reproduce.teaching import taught_by_replay
from mnemic.reproduce.workshop import Doing, Workshop

KINDS: tuple[Kind, ...] = ("mnemic", "spens2022")
PIXELS = "pixels"
DECODED = "decoded pixels"
STEPS = 9  # of a way from one picture to another, ends included
STEADY = 0.9  # rank correlation with the steps; one jump halfway has .87
NEIGHBOURS = 3
CHANGED = ("shape", "object hue")
COLUMNS = 5  # pictures in a row of the sheet
LEVELS = 1800  # at most, of a picture that is kept among the numbers


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """How long the reader is taught, and how many things of each sort are imagined."""

    reading_steps: int
    imagined: int


class Attributes(NamedTuple):
    """What a picture shows, and how many values of each; a label is one of them."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    ordered: tuple[str, ...]  # read right, if one off
    label: str


SCENES = Attributes(NAMES, SIZES, ("scale", "orientation"), "shape")
CLASSES = Attributes(("class",), (10,), (), "class")


@runtime_checkable
class Space(Protocol):
    """Where imagination happens: a student's latents, or the pixels themselves."""

    def encode(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch latent"]:
        """Where pictures are in it."""
        ...

    def decode(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch dim"]:
        """What is there."""
        ...


class Pixels:
    """No latents at all: imagination that only blends."""

    def encode(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """The features as they are."""
        return features

    def decode(self, latents: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """The features, as far as there are such colours."""
        return latents.clamp(0, 1)


class Decoded(Pixels):
    """Pixels as a student decodes them: what it makes smooth is smooth on blends of them too."""

    def __init__(self, student: Space) -> None:
        self.student = student

    def encode(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch dim"]:
        """The features as they are coded and decoded."""
        return self.student.decode(self.student.encode(features))


Scenes = tuple[np.ndarray, ...]  # factors of scenes that belong together, row by row


def scenes_between(name: str, count: int, *, rng: torch.Generator) -> Scenes:
    """Pairs of scenes that differ in one ordered factor, far apart in it, and those halfway."""
    at, size = NAMES.index(name), SIZES[NAMES.index(name)]
    starts = _any_scenes(count, rng)
    gap = size // 4 * 2  # even, so that there is a middle
    starts[:, at] = torch.randint(size - gap, (count,), generator=rng).numpy()
    ends, middles = starts.copy(), starts.copy()
    ends[:, at] += gap
    middles[:, at] += gap // 2
    return starts, ends, middles


def scenes_of_analogies(name: str, count: int, *, rng: torch.Generator) -> Scenes:
    """Scenes a : b = c : d, as c, b, a and d.

    a and b differ in one factor, c and d in the same way; else c is any scene.
    """
    at, size = NAMES.index(name), SIZES[NAMES.index(name)]
    minus, like = _any_scenes(count, rng), _any_scenes(count, rng)
    plus = minus.copy()
    plus[:, at] += torch.randint(1, size, (count,), generator=rng).numpy()
    plus[:, at] %= size
    like[:, at] = minus[:, at]
    true = like.copy()
    true[:, at] = plus[:, at]
    return like, plus, minus, true


def never_stored(scenes: Scenes, stored: np.ndarray, count: int) -> Scenes:
    """The first so many scenes that belong together, of which none is among the stored."""
    known = _number(stored)
    new = ~np.any([np.isin(_number(each), known) for each in scenes], axis=0)
    return tuple(each[new][:count] for each in scenes)


def _any_scenes(count: int, rng: torch.Generator) -> np.ndarray:
    columns = [torch.randint(size, (count,), generator=rng) for size in SIZES]
    return torch.stack(columns, dim=-1).numpy()


def _number(factors: np.ndarray) -> np.ndarray:
    return np.asarray(np.ravel_multi_index(tuple(factors.T), SIZES))


def walk(
    space: Space, starts: Float[Tensor, "ways dim"], ends: Float[Tensor, "ways dim"], steps: int
) -> Float[Tensor, "ways steps dim"]:
    """Pictures on the straight line, in some space, from each picture to another."""
    pairs = zip(space.encode(starts), space.encode(ends), strict=True)
    latents = torch.cat([between(start, end, steps) for start, end in pairs])
    return rearrange(space.decode(latents), "(ways steps) dim -> ways steps dim", steps=steps)


def combine(
    space: Space,
    like: Float[Tensor, "count dim"],
    plus: Float[Tensor, "count dim"],
    minus: Float[Tensor, "count dim"],
) -> Float[Tensor, "count dim"]:
    """Pictures ``like``, changed in some space as ``plus`` differ from ``minus``."""
    coded = zip(*(space.encode(each) for each in (like, plus, minus)), strict=True)
    return space.decode(torch.stack([analogous(*each) for each in coded]))


def distance_to_nearest(
    pictures: Float[Tensor, "count dim"], real: Float[Tensor, "many dim"]
) -> Float[Tensor, " count"]:
    """Root mean square difference of each picture from the nearest real one."""
    nearest = [torch.cdist(some, real).amin(dim=-1) for some in pictures.split(256)]
    return torch.cat(nearest) / pictures.shape[1] ** 0.5


def reach(seen: Float[Tensor, "count seen"]) -> Float[Tensor, " count"]:
    """How far the surroundings of each point go: to its third nearest other."""
    nth = min(NEIGHBOURS + 1, len(seen))  # the nearest of all is itself
    return torch.cat(
        [torch.cdist(some, seen).kthvalue(nth, dim=-1).values for some in seen.split(256)]
    )


def within(
    points: Float[Tensor, "count seen"],
    others: Float[Tensor, "others seen"],
    reached: Float[Tensor, " others"],
) -> Bool[Tensor, " count"]:
    """Whether a point lies in the surroundings of any of the others.

    Of imagined among real it is precision, of real among imagined recall: Kynkäänniemi et al.
    2019, *Improved precision and recall metric for assessing generative models*.
    """
    near = [(torch.cdist(some, others) <= reached).any(dim=-1) for some in points.split(256)]
    return torch.cat(near)


def rank_correlation(read: Int[np.ndarray, "ways steps"]) -> Float[np.ndarray, " ways"]:
    """Spearman's, of what is read along each way with the steps; 0 where nothing changes."""
    ranks = rankdata(read, axis=1) - (read.shape[1] + 1) / 2
    steps = np.arange(read.shape[1]) - (read.shape[1] - 1) / 2
    length = np.linalg.norm(ranks, axis=1) * np.linalg.norm(steps)
    return np.divide(ranks @ steps, length, out=np.zeros(len(read)), where=length > 0)


class Judge:
    """Tells what a picture shows, and whether it is like real ones, from pixels alone."""

    def __init__(
        self, reader: Network, attributes: Attributes, real: Float[Tensor, "many dim"]
    ) -> None:
        self.reader = reader
        self.attributes = attributes
        self.real = real
        self.seen = look(reader, real)
        self.reached = reach(self.seen)
        self.off = torch.tensor([int(name in attributes.ordered) for name in attributes.names])

    def like_the_real(self, pictures: Float[Tensor, "count dim"]) -> float:
        """Share that lies among the real: precision.

        An average is like the real too: it means little without ``variety``.
        """
        near = within(look(self.reader, pictures), self.seen, self.reached)
        return float(near.double().mean())

    def realism(self, pictures: Float[Tensor, "count dim"]) -> Numbers:
        """Two measures: in what the reader sees, and in pixels."""
        return {
            "like the real": self.like_the_real(pictures),
            "distance": float(distance_to_nearest(pictures, self.real).mean()),
        }

    def variety(self, pictures: Float[Tensor, "count dim"]) -> Numbers:
        """How much of the real is reached (recall), and how far pictures are from one another."""
        seen = look(self.reader, pictures)
        near = within(self.seen[: len(seen)], seen, reach(seen))
        return {
            "real reached": float(near.double().mean()),
            "spread": float(torch.pdist(pictures).mean()) / pictures.shape[1] ** 0.5,
        }

    def right(
        self, pictures: Float[Tensor, "count dim"], truth: Int[np.ndarray, "count attributes"]
    ) -> Bool[Tensor, "count attributes"]:
        """Whether each attribute is read as it should be; of ordered ones, nearly."""
        return (read(self.reader, pictures) - torch.from_numpy(truth)).abs() <= self.off

    def steadiness(
        self,
        ways: Float[Tensor, "ways steps dim"],
        starts: Int[np.ndarray, "ways attributes"],
        ends: Int[np.ndarray, "ways attributes"],
    ) -> Numbers:
        """How steadily each ordered attribute goes from one end of a way to the other.

        Ways whose ends lie less than a third of its range apart are left out.
        """
        told = read(self.reader, ways.flatten(0, 1)).view(*ways.shape[:2], -1).numpy()
        numbers: Numbers = {}
        for name in self.attributes.ordered:
            at = self.attributes.names.index(name)
            apart = ends[:, at] - starts[:, at]
            far = np.abs(apart) >= self.attributes.sizes[at] / 3
            ranks = rank_correlation(told[far, :, at]) * np.sign(apart[far])
            numbers[name] = {
                "share": float((ranks >= STEADY).mean()),
                "rank correlation": float(ranks.mean()),
            }
        return numbers

    def compared(
        self,
        pictures: Float[Tensor, "count dim"],
        true: Float[Tensor, "count dim"],
        truth: Int[np.ndarray, "count attributes"],
        name: str,
    ) -> Numbers:
        """Imagined scenes beside those they should be, which another attribute was given."""
        at, right = self.attributes.names.index(name), self.right(pictures, truth)
        rest = [other for other in range(right.shape[1]) if other != at]
        return {
            "shown": float(right[:, at].double().mean()),
            "rest kept": float(right[:, rest].all(dim=-1).double().mean()),
            "both": float(right.all(dim=-1).double().mean()),
            "error": float((pictures - true).abs().mean()),
        }


def load(config: Config, seed: int) -> Data:
    """What ``stored_and_unseen`` gives, and every factor of each picture."""
    drawn = draw(config.dataset, config.stored + config.unseen, seed)
    return {"images": drawn.images, "labels": drawn.labels, "factors": drawn.factors}


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Imagine in the latents of both students and in pixels, and judge all alike."""
    grid, pictures, count = grid_of(data["images"]), features(data["images"]), config.imagined
    stored, unseen = pictures[: config.stored], pictures[config.stored :]
    known, unknown = data["factors"][: config.stored], data["factors"][config.stored :]
    learned = {name: data[name] for name in ("images", "labels")}
    spaces: dict[str, Space] = {}
    for kind in KINDS:
        taught = yield from taught_by_replay(config, learned, seed, workshop, kind)
        spaces[kind] = taught.student
    spaces[PIXELS] = Pixels()
    judge = yield from _judge(config, grid, stored, known, seed)
    right = judge.right(unseen, unknown).double().mean(dim=0).tolist()
    numbers: Numbers = {"reader": dict(zip(judge.attributes.names, right, strict=True))}

    yield Doing("walking between pictures", 0, 1)
    pairs = torch.randperm(len(unseen), generator=generator(seed, "pairs"))[: 2 * count]
    pairs = pairs.view(2, -1)
    numbers["between"] = _between(judge, spaces, unseen[pairs], unknown[pairs.numpy()])
    shown = (("one", 0, "mnemic"), ("one", 0, PIXELS), ("another", 1, "mnemic"))
    rows = {
        f"{name} pair, {'latents' if of in KINDS else of}": walk(
            spaces[of], unseen[pairs[0, at, None]], unseen[pairs[1, at, None]], COLUMNS
        )[0]
        for name, at, of in shown
    }
    if judge.attributes is SCENES:
        yield Doing("changing scenes", 0, 1)
        changes, more = _changed(judge, spaces, known, count, seed)
        numbers, rows = numbers | changes, rows | more
    yield Doing("sampling", 0, 1)
    rng = generator(seed, "samples")
    codes = {name: space.encode(stored) for name, space in spaces.items()}
    numbers["sampled"] = _sampled(judge, spaces, codes, unseen[:count], rng=rng)
    labels = torch.from_numpy(data["labels"][: config.stored])
    numbers["of a kind"] = _of_a_kind(judge, spaces, codes, labels, count, rng=rng)
    dreams = dreamt(COLUMNS, codes["mnemic"].shape[1], rng=rng)
    rows["dreams"] = spaces["mnemic"].decode(dreams)
    small = {name: thumbnails(row, grid) for name, row in rows.items()}
    numbers["sheet"] = {name: packed(row) for name, row in small.items()}
    numbers["size"] = [float(side) for side in small["dreams"].shape[1:]]
    return numbers


def _judge(
    config: Config, grid: Grid, stored: Tensor, known: np.ndarray, seed: int
) -> Generator[Doing, None, Judge]:
    """A judge whose reader was taught the real pictures that are stored, never a student's."""
    attributes = SCENES if known.shape[1] == len(NAMES) else CLASSES
    rng, steps = generator(seed, "reader"), config.reading_steps
    reader, told = Network(grid, attributes.sizes, rng=rng), torch.from_numpy(known)
    losses = learn(reader, stored, told, least_steps=steps, most_steps=steps, rng=rng)
    for epoch, _ in enumerate(losses, start=1):
        yield Doing("teaching the reader", epoch, -(-steps * BATCH // len(stored)))
    return Judge(reader, attributes, stored)


def _between(
    judge: Judge, spaces: Mapping[str, Space], pairs: Tensor, factors: np.ndarray
) -> Numbers:
    """Ways from one unseen picture to another, which have nothing in common but by chance."""
    starts, ends = pairs
    numbers: Numbers = {}
    blends = {DECODED: Decoded(spaces["mnemic"])}
    for name, space in {**spaces, **blends}.items():
        ways = walk(space, starts, ends, STEPS)
        numbers[name] = {
            "halfway": judge.realism(ways[:, STEPS // 2]),
            "like the real": [judge.like_the_real(ways[:, step]) for step in range(STEPS)],
            "coded and decoded": judge.realism(space.decode(space.encode(starts))),
            "steady": judge.steadiness(ways, *factors),
        }
    ours = numbers["mnemic"]
    for of in (PIXELS, DECODED):
        blend = numbers[of]
        numbers[f"mnemic beside {of}"] = {
            "distance halfway, over": ours["halfway"]["distance"] / blend["halfway"]["distance"],
            "like the real halfway, less": ours["halfway"]["like the real"]
            - blend["halfway"]["like the real"],
            "steady, less": {
                name: ours["steady"][name]["share"] - blend["steady"][name]["share"]
                for name in judge.attributes.ordered
            },
        }
    return numbers


def _changed(
    judge: Judge, spaces: Mapping[str, Space], known: np.ndarray, count: int, seed: int
) -> tuple[Numbers, dict[str, Tensor]]:
    """Scenes halfway between two, and changed as two others differ, beside the true ones.

    Of the latter, one of each for the sheet: all terms, what came out, and what should have.
    """
    middles: Numbers = {}
    for name in SCENES.ordered:
        rng = generator(seed, f"middle {name}")
        scenes = never_stored(scenes_between(name, 2 * count, rng=rng), known, count)
        starts, ends, true = (_rendered(each) for each in scenes)
        made = {of: walk(space, starts, ends, 3)[:, 1] for of, space in spaces.items()}
        middles[name] = _beside_the_true(judge, spaces, made, true, scenes[-1], name)
    sums: Numbers = {}
    rows: dict[str, Tensor] = {}
    for name in CHANGED:
        rng = generator(seed, f"analogies {name}")
        scenes = never_stored(scenes_of_analogies(name, 2 * count, rng=rng), known, count)
        *terms, true = (_rendered(each) for each in scenes)
        made = {of: combine(space, *terms) for of, space in spaces.items()}
        sums[name] = _beside_the_true(judge, spaces, made, true, scenes[-1], name)
        rows[f"arithmetic, {name}"] = torch.stack(
            [each[0] for each in (*terms, made["mnemic"], true)]
        )
    return {"in the middle": middles, "arithmetic": sums}, rows


def _beside_the_true(
    judge: Judge,
    spaces: Mapping[str, Space],
    made: Mapping[str, Tensor],
    true: Tensor,
    truth: np.ndarray,
    name: str,
) -> Numbers:
    """What was made in each space; "itself" is what it should be, coded and decoded there."""
    numbers: Numbers = {
        of: judge.compared(made[of], true, truth, name)
        | {"itself": judge.compared(space.decode(space.encode(true)), true, truth, name)}
        for of, space in spaces.items()
    }
    lead = numbers["mnemic"]["both"] - numbers[PIXELS]["both"]
    return numbers | {"mnemic beside pixels": {"both, less": lead}}


def _sampled(
    judge: Judge,
    spaces: Mapping[str, Space],
    codes: Mapping[str, Tensor],
    real: Tensor,
    *,
    rng: torch.Generator,
) -> Numbers:
    """Pictures from the prior, from the Gaussian that fits what is stored, and real ones."""
    numbers: Numbers = {"real": judge.realism(real) | judge.variety(real)}
    for kind in KINDS:
        drawn = {
            "prior": dreamt(len(real), codes[kind].shape[1], rng=rng),
            "fitted": resembling(codes[kind], len(real), rng=rng),
        }
        decoded = {name: spaces[kind].decode(latents) for name, latents in drawn.items()}
        numbers[kind] = {
            name: judge.realism(pictures) | judge.variety(pictures)
            for name, pictures in decoded.items()
        }
    spread = numbers["mnemic"]["prior"]["spread"] / numbers["real"]["spread"]
    return numbers | {"mnemic beside real": {"spread, over": spread}}


def _of_a_kind(
    judge: Judge,
    spaces: Mapping[str, Space],
    codes: Mapping[str, Tensor],
    labels: Tensor,
    count: int,
    *,
    rng: torch.Generator,
) -> Numbers:
    """New pictures that resemble the stored ones of each class: share that shows it."""
    at = judge.attributes.names.index(judge.attributes.label)
    classes = labels.unique()
    each = max(1, count // len(classes))
    numbers: Numbers = {}
    for name, space in spaces.items():
        latents = [resembling(codes[name][labels == kind], each, rng=rng) for kind in classes]
        pictures = space.decode(torch.cat(latents))
        shown = read(judge.reader, pictures)[:, at] == classes.repeat_interleave(each)
        numbers[name] = {
            "shown": float(shown.double().mean()),
            "like the real": judge.like_the_real(pictures),
        }
    return numbers


def _rendered(factors: np.ndarray) -> Float[Tensor, "count dim"]:
    return features(datasets.shapes3d(factors=factors).images)


def thumbnails(
    pictures: Float[Tensor, "count dim"], grid: Grid
) -> Float[Tensor, "count height width channels"]:
    """Flat features as pictures small enough to be kept, each pixel the mean of what it covers."""
    height, width, channels = grid
    shown = pictures.view(-1, height, width, channels).movedim(-1, 1)
    scale = min(1.0, (LEVELS / (height * width * channels)) ** 0.5)
    size = (int(height * scale), int(width * scale))
    return interpolate(shown, size=size, mode="area").movedim(1, -1)


def packed(pictures: Float[Tensor, "count height width channels"]) -> list[float]:
    """Pictures as few numbers, six levels in each: ``plots.imagination.unpacked`` undoes it.

    Only a seed's own are pictures; means and intervals of such numbers are nothing.
    """
    levels = (pictures.flatten() * 255).round().long().numpy()
    levels = np.append(levels, np.zeros(-len(levels) % 6, dtype=np.int64)).reshape(-1, 6)
    return (levels @ 256 ** np.arange(6)).astype(float).tolist()


def _result(name: Name, file: str, claim: str, expected: tuple[Expected, ...]) -> Result:
    scenes = name == "shapes3d"
    figures = {"sheet": sheet, "between": ways_between, "samples": samples}
    scales: dict[ScaleName, Config] = {
        "toy": Config(**sizes(name, "toy"), reading_steps=1, imagined=20),
        "small": Config(**sizes(name, "small"), reading_steps=1500, imagined=300),
        "paper": Config(**sizes(name, "paper"), reading_steps=5000, imagined=700),
    }
    return Result(
        name=f"spens2022/imagination-{file}",
        paper="Spens & Burgess 2022",
        figure="figure 6, left",
        claim=claim,
        expected=(
            Expected(
                what="pictures halfway between two, our student: distance to the nearest real one, "
                "over that of blends of the two",
                number=("between", "mnemic beside pixels", "distance halfway, over"),
                at_most=1.0,
                source="figure 6, left: imagined is not blended",
            ),
            Expected(
                what="pictures halfway between two, our student: share that is like real ones, "
                "less that of blends of the two",
                number=("between", "mnemic beside pixels", "like the real halfway, less"),
                at_least=0.1,
                source="figure 6, left: imagined is not blended",
            ),
            Expected(
                what="the same, less that of blends of the two as our student decodes them",
                number=("between", "mnemic beside decoded pixels", "like the real halfway, less"),
                at_least=0.0,
                source="as above: what a student makes smooth is like the real too",
            ),
            *expected,
            Expected(
                what="difference between two pictures dreamt by our student, over that of two real",
                number=("sampled", "mnemic beside real", "spread, over"),
                at_least=0.5,
                source="section 2: sampled items vary as experience does",
            ),
        ),
        scales=scales,
        load=load,
        compute=compute,
        figures=figures | ({"scenes": changed_scenes} if scenes else {}),
        stands_in=STAND_IN if scenes else "",
    )


def _steadier(name: str) -> Expected:
    return Expected(
        what=f"ways on which {name} changes steadily, our student: share, less that of blending",
        number=("between", "mnemic beside pixels", "steady, less", name),
        at_least=0.1,
        source="figure 6, left: what lies between changes bit by bit",
    )


def _shown(name: str, at_least: float, chance: float) -> Expected:
    return Expected(
        what=f"arithmetic with another {name}, our student: share that shows it "
        f"(by chance {chance:g})",
        number=("arithmetic", name, "mnemic", "shown"),
        at_least=at_least,
        source="section 2: imagined by vector arithmetic",
    )


def _beside_pixels(name: str) -> Expected:
    return Expected(
        what=f"arithmetic with another {name}, our student: share right in everything, less that "
        "of arithmetic with pixels",
        number=("arithmetic", name, "mnemic beside pixels", "both, less"),
        at_least=0.0,
        source="section 2: imagined by vector arithmetic",
    )


def _of_its_kind(at_least: float, chance: float) -> Expected:
    return Expected(
        what="new pictures that resemble the stored ones of a class, our student: share that shows "
        f"it (by chance {chance:g})",
        number=("of a kind", "mnemic", "shown"),
        at_least=at_least,
        source="section 2: imagined by sampling",
    )


def _claim(name: Name, more: str) -> str:
    return (
        f"What lies between two {TITLES[name]} in a student's latents, and what is drawn from "
        f"them, is like the real and no blend{more}."
    )


RESULTS = (
    _result(
        "shapes3d",
        "shapes3d",
        _claim("shapes3d", "; sums and differences of latents change one thing and leave the rest"),
        (
            _steadier("scale"),
            _steadier("orientation"),
            _shown("shape", 0.5, 0.25),
            _shown("object hue", 0.3, 0.1),
            _beside_pixels("shape"),
            _beside_pixels("object hue"),
            _of_its_kind(0.5, 0.25),
        ),
    ),
    _result("fashion", "fashion", _claim("fashion", ""), (_of_its_kind(0.5, 0.1),)),
    _result("mnist", "mnist", _claim("mnist", ""), (_of_its_kind(0.5, 0.1),)),
)
