"""Where imagination happens and what is done there: a student's latents, or mere pixels."""

from typing import Protocol, runtime_checkable

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mnemic.neocortex.imagination import analogous, between


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
