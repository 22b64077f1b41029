"""Boundaries extend and contract in memory (Spens & Burgess 2024): views move to the usual one.

The student knows scenes from one distance. A scene never seen, taken from nearer or farther than
that, comes back from the student closer to the usual distance: the object of a close-up shrinks,
as if more had been seen around it (Intraub & Richardson 1989), that of a wide view grows. A large
thing looks like a near one, so all things are of one size here.

As in the article's code: cubes of another hue than floor and wall; views from nearer are cropped,
those from farther have their edge drawn out; a tenth of the features are put out before the
student sees a view. There the object's height is found by clustering colours. Here it is asked, as
one asks people, which view of the same scene is most like what came back: how much nearer or
farther that is than what was seen, beside the same of a scene seen as usual. A second measure
counts the area of the object, whose hue is known; what comes back blurred is a little smaller.
"""

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int, UInt8
from matplotlib.colors import rgb_to_hsv
from PIL import Image
from torch import Tensor

from mnemic.datasets import shapes3d
from mnemic.datasets.scenes import NAMES, SIZES
from mnemic.neocortex import Student
from mnemic.neocortex.student import Kind
from mnemic.plots.distortion import STUDENTS, size_by_zoom, views
from mnemic.randomness import generator
from mnemic.reproduce.pictures import SHAPE, Experiment, features, stand_in
from mnemic.reproduce.registry import Data, Expected, Numbers, Result
from mnemic.reproduce.spens2024_extended import badly_predicted, packed, put_out
from mnemic.reproduce.teaching import taught_by_replay
from mnemic.reproduce.workshop import Doing, Workshop

KINDS: tuple[Kind, ...] = ("mnemic", "spens2022")
ZOOMS = (1.2, 1.15, 1.1, 1.05, 1.0, 0.95, 0.9, 0.85, 0.8)
PUBLISHED = (-0.153, -0.12, -0.04, 0.0, 0.0, 0.044, 0.053, 0.10, 0.158)  # medians
MATCHES = np.linspace(0.7, 1.3, 49)  # views what came back is compared with
USUAL = 4  # of the eight sizes of things: 1.04
DETAILED = 0.2  # the threshold with which detail is kept, in the control
FLOOR, WALL, OBJECT, CUBE = 0, 1, 2, 0
HUES = 10
SHOWN = (1.2, 1.0, 0.8)
SHOWN_KIND: Kind = "spens2022"


@dataclass(frozen=True, kw_only=True)
class Config(Experiment):
    """At most how many scenes are looked at."""

    scenes: int


def load(config: Experiment, seed: int) -> Data:
    """What the student is taught and its unseen scenes, all of one size, with their factors."""
    rng, count = np.random.default_rng(seed), config.stored + config.unseen
    ranges = [size if name != "scale" else 1 for name, size in zip(NAMES, SIZES, strict=True)]
    each = rng.permutation(np.prod(ranges))[:count]
    factors = np.stack(np.unravel_index(each, ranges), axis=1)
    factors[:, NAMES.index("scale")] = USUAL
    scenes = shapes3d(factors=factors)
    return {"images": scenes.images, "labels": factors[:, SHAPE], "factors": factors}


def zoomed(
    picture: UInt8[np.ndarray, "side side 3"], zoom: float
) -> UInt8[np.ndarray, "side side 3"]:
    """A picture taken from nearer (above 1: cropped) or farther (below 1: its edge drawn out).

    What was ``n`` pixels wide is ``zoom * n`` wide.
    """
    side = len(picture)
    border = max(0, int(np.ceil(side * (1 / zoom - 1) / 2)))
    wide = np.pad(picture, ((border, border), (border, border), (0, 0)), mode="edge")
    first = (len(wide) - side / zoom) / 2
    box = (first, first, first + side / zoom, first + side / zoom)
    taken = Image.fromarray(wide).resize((side, side), Image.Resampling.BICUBIC, box)
    return np.asarray(taken)


def is_object(
    pictures: Float[np.ndarray, "count side side 3"], hues: Int[np.ndarray, "count 3"]
) -> Bool[np.ndarray, "count side side"]:
    """Pixels whose hue is nearer to the object's than to the floor's and the wall's."""
    hue = rgb_to_hsv(pictures)[..., 0]
    away = np.abs(hue[..., None] - hues[:, None, None, :] / HUES)
    return np.minimum(away, 1 - away).argmin(axis=-1) == OBJECT


def object_size(
    pictures: Float[np.ndarray, "count side side 3"], hues: Int[np.ndarray, "count 3"]
) -> Float[np.ndarray, " count"]:
    """How large the object is: the square root of its area, in pixels."""
    return np.sqrt(is_object(pictures, hues).sum(axis=(1, 2)))


def compute(
    config: Config, data: Data, seed: int, workshop: Workshop
) -> Generator[Doing, None, Numbers]:
    """Show both kinds of student every view, and measure what comes back."""
    taught_on = {name: data[name] for name in ("images", "labels")}
    factors = data["factors"]
    usable = (factors[:, SHAPE] == CUBE) & (factors[:, OBJECT] != factors[:, FLOOR])
    usable &= factors[:, OBJECT] != factors[:, WALL]
    rows = config.stored + np.flatnonzero(usable[config.stored :])[: config.scenes]
    scenes, hues = data["images"][rows], factors[rows, : OBJECT + 1]
    seen = {zoom: _views(scenes, zoom) for zoom in ZOOMS}
    before = {zoom: object_size(_pictures(seen[zoom]), hues) for zoom in ZOOMS}
    numbers: Numbers = {
        "scenes": len(scenes),
        "size over zoom": [float(np.median(before[z] / before[1.0])) / z for z in ZOOMS],
    }
    for kind in KINDS:
        taught = yield from taught_by_replay(config, taught_on, seed, workshop, kind)
        student = taught.student
        recalled: dict[float, Tensor] = {}
        detailed: dict[float, Tensor] = {}
        for index, zoom in enumerate(ZOOMS):
            yield Doing(f"{kind} recalling views", index, len(ZOOMS))
            cues = put_out(seen[zoom], rng=generator(seed, f"put out {zoom}"))
            recalled[zoom] = student.decode(student.encode(cues))
            detailed[zoom] = _with_detail(student, seen[zoom])
        yield Doing(f"{kind} comparing views", 0, 1)
        sizes_after = {
            name: {z: object_size(_pictures(came[z]), hues) for z in ZOOMS}
            for name, came in (("recalled", recalled), ("detailed", detailed))
        }
        view, usual = most_alike(scenes, recalled), ZOOMS.index(1.0)
        numbers[kind] = {
            "size": [float(np.median(sizes_after["recalled"][z] / before[z] - 1)) for z in ZOOMS],
            "size, with detail": [
                float(np.median(sizes_after["detailed"][z] / before[z] - 1)) for z in ZOOMS
            ],
            "view": view,
            "nearest view": view[0] - view[usual],
            "farthest view": view[-1] - view[usual],
        }
        if kind == SHOWN_KIND:
            numbers["pictures"] = {
                f"{zoom:.0%} {name}": packed(came[zoom][0])
                for name, came in (("seen", seen), ("recalled", recalled))
                for zoom in SHOWN
            }
    return numbers


def _views(scenes: UInt8[np.ndarray, "count side side 3"], zoom: float) -> Tensor:
    return features(np.stack([zoomed(scene, zoom) for scene in scenes]))


def _pictures(flat: Tensor) -> np.ndarray:
    side = int((flat.shape[1] / 3) ** 0.5)
    return rearrange(flat.numpy(), "count (h w c) -> count h w c", h=side, w=side)


def _with_detail(student: Student, seen: Tensor) -> Tensor:
    """The schema of each view, with what it misses badly put over it: the extended model."""
    schemas = student.decode(student.encode(seen))
    return torch.where(badly_predicted(seen, schemas, DETAILED), seen, schemas)


def most_alike(scenes: np.ndarray, recalled: dict[float, Tensor]) -> list[float]:
    """By how much the view most like what came back is nearer than the view that was seen."""
    least = {zoom: torch.full((len(scenes),), torch.inf) for zoom in ZOOMS}
    best = {zoom: torch.ones(len(scenes)) for zoom in ZOOMS}
    for match in MATCHES.tolist():
        candidates = _views(scenes, match)
        for zoom in ZOOMS:
            away = (recalled[zoom] - candidates).square().sum(dim=-1)
            best[zoom] = torch.where(away < least[zoom], match, best[zoom])
            least[zoom] = torch.minimum(away, least[zoom])
    return [float((best[zoom] / zoom - 1).median()) for zoom in ZOOMS]


def _expected(kind: Kind) -> tuple[Expected, ...]:
    return (
        Expected(
            what=f"median change of size, seen at 120 %, {STUDENTS[kind]}, less that at 100 %",
            number=(kind, "nearest view"),
            at_most=-0.1,
            source="requirement",
            published=PUBLISHED[0],
        ),
        Expected(
            what=f"median change of size, seen at 80 %, {STUDENTS[kind]}, less that at 100 %",
            number=(kind, "farthest view"),
            at_least=0.1,
            source="requirement",
            published=PUBLISHED[-1],
        ),
    )


RESULTS = (
    Result(
        name="spens2024/boundary",
        paper="Spens & Burgess 2024",
        figure="boundary extension and contraction",
        claim="A scene seen from nearer than usual comes back from the student as if from farther "
        "away, and one seen from farther as if from nearer.",
        expected=tuple(each for kind in KINDS for each in _expected(kind)),
        scales={
            "toy": Config(dataset="shapes3d", stored=32, unseen=48, epochs=1, scenes=8),
            "small": Config(dataset="shapes3d", stored=3000, unseen=1500, epochs=10, scenes=300),
            "paper": Config(dataset="shapes3d", stored=10_000, unseen=3000, epochs=50, scenes=500),
        },
        load=load,
        compute=compute,
        figures={
            "size": partial(size_by_zoom, zooms=ZOOMS, published=PUBLISHED),
            "views": views,
        },
        stands_in=stand_in("shapes3d"),
    ),
)
