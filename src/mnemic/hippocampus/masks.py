"""Kinds of mask, so that one calibration serves all cues torn in a like manner."""

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool
from torch import Tensor

Shape = Literal["all", "scattered", "window", "hole", "top", "bottom", "left", "right"]

FILLED = 0.98  # a region counts as a rectangle when this share of it is of one kind


class MaskKind(NamedTuple):
    """How much of a cue is known, to within a fifth, and where."""

    shape: Shape
    known: float


def kind_of(known: Bool[Tensor, " dim"], grid: tuple[int, int, int]) -> MaskKind:
    """Tell the kind of a mask over features that lie on a grid (height, width, channels).

    >>> kind_of(torch.arange(16) < 8, (4, 4, 1))
    MaskKind(shape='top', known=0.5)
    """
    share = float(known.float().mean())
    if share == 1.0:
        return MaskKind("all", 1.0)
    # quarter octaves: .5, .42, .35, .3, .25 …
    rounded = round(min(1.0, 2 ** (round(4 * math.log2(share)) / 4)), 3)
    return MaskKind(_shape_of(known.reshape(grid)), rounded)


def typical_mask(
    kind: MaskKind, grid: tuple[int, int, int], *, rng: torch.Generator
) -> Bool[Tensor, " dim"]:
    """A mask of this kind: the same for every cue of it, whichever came first."""
    height, width, channels = grid
    mask = torch.zeros(grid, dtype=torch.bool)
    rows, columns = max(1, round(kind.known * height)), max(1, round(kind.known * width))
    match kind.shape:
        case "all":
            mask[:] = True
        case "top":
            mask[:rows] = True
        case "bottom":
            mask[-rows:] = True
        case "left":
            mask[:, :columns] = True
        case "right":
            mask[:, -columns:] = True
        case "window":
            _centre(mask, kind.known)[:] = True
        case "hole":
            mask[:] = True
            _centre(mask, 1 - kind.known)[:] = False
        case "scattered":
            count = max(1, round(kind.known * height * width))
            chosen = torch.randperm(height * width, generator=rng)[:count]
            mask.view(-1, channels)[chosen] = True
    return mask.reshape(-1)


def _shape_of(known: Bool[Tensor, "height width channels"]) -> Shape:
    here = known.all(dim=-1)
    if not bool((here == known.any(dim=-1)).all()):
        return "scattered"  # channels differ
    height, width = here.shape
    top, bottom, left, right = _bounds(here)
    if float(here[top:bottom, left:right].float().mean()) >= FILLED:
        if (left, right) == (0, width) and (top == 0) != (bottom == height):
            return "top" if top == 0 else "bottom"
        if (top, bottom) == (0, height) and (left == 0) != (right == width):
            return "left" if left == 0 else "right"
        return "window"
    top, bottom, left, right = _bounds(~here)
    if float((~here[top:bottom, left:right]).float().mean()) >= FILLED:
        return "hole"
    return "scattered"


def _bounds(here: Bool[Tensor, "height width"]) -> tuple[int, int, int, int]:
    rows, columns = here.any(dim=1).nonzero()[:, 0], here.any(dim=0).nonzero()[:, 0]
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def _centre(mask: Bool[Tensor, "height width channels"], share: float) -> Tensor:
    height, width, _ = mask.shape
    rows = max(1, round(math.sqrt(share) * height))
    columns = max(1, round(math.sqrt(share) * width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return mask[top : top + rows, left : left + columns]
