"""What an imagined picture shows, and whether it is like the real ones."""

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy.stats import rankdata
from torch import Tensor

from mnemic.datasets.scenes import NAMES, SIZES
from mnemic.reproduce.registry import Numbers
from mnemic.reproduce.spens2022_few_shot import Network, look, read

STEADY = 0.9  # rank correlation with the steps; one jump halfway has .87
NEIGHBOURS = 3


class Attributes(NamedTuple):
    """What a picture shows, and how many values of each; a label is one of them."""

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    ordered: tuple[str, ...]  # read right, if one off
    label: str


SCENES = Attributes(NAMES, SIZES, ("scale", "orientation"), "shape")
CLASSES = Attributes(("class",), (10,), (), "class")


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
