"""Figure 6, left, of Spens & Burgess (2022): what a student imagines, measured.

The paper shows pictures; here a reader, a network taught what real pictures show, says what is on
the imagined ones. Whatever is done to latents is done to pixels too: is it more than blending?
"""

from collections.abc import Generator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import interpolate

from mnemic.datasets.scenes import NAMES
from mnemic.neocortex.imagination import dreamt, resembling
from mnemic.neocortex.student import Grid, Kind
from mnemic.plots.imagination import changed_scenes, samples, sheet, ways_between
from mnemic.randomness import generator
from mnemic.reproduce.imagined_judge import CLASSES, SCENES, Judge
from mnemic.reproduce.imagined_scenes import (
    never_stored,
    rendered,
    scenes_between,
    scenes_of_analogies,
)
from mnemic.reproduce.imagined_spaces import Decoded, Pixels, Space, combine, walk
from mnemic.reproduce.pictures import (
    TITLES,
    Experiment,
    Name,
    draw,
    features,
    grid_of,
    sizes,
    stand_in,
)
from mnemic.reproduce.registry import Data, Expected, Numbers, Result, ScaleName
from mnemic.reproduce.spens2022_few_shot import BATCH, Network, learn, read
from mnemic.reproduce.teaching import taught_by_replay
from mnemic.reproduce.workshop import Doing, Workshop

KINDS: tuple[Kind, ...] = ("mnemic", "spens2022")
PIXELS = "pixels"
DECODED = "decoded pixels"
STEPS = 9  # of a way from one picture to another, ends included
CHANGED = ("shape", "object hue")
COLUMNS = 5  # pictures in a row of the sheet
LEVELS = 1800  # at most, of a picture that is kept among the numbers


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """How long the reader is taught, and how many things of each sort are imagined."""

    reading_steps: int
    imagined: int


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
        starts, ends, true = (rendered(each) for each in scenes)
        made = {of: walk(space, starts, ends, 3)[:, 1] for of, space in spaces.items()}
        middles[name] = _beside_the_true(judge, spaces, made, true, scenes[-1], name)
    sums: Numbers = {}
    rows: dict[str, Tensor] = {}
    for name in CHANGED:
        rng = generator(seed, f"analogies {name}")
        scenes = never_stored(scenes_of_analogies(name, 2 * count, rng=rng), known, count)
        *terms, true = (rendered(each) for each in scenes)
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
        stands_in=stand_in(name),
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
