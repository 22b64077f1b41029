"""Thoughts: latents of engrams, of pictures, and of what never was, and what they look like."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from mnemic.answers import refuse_lesioned
from mnemic.collection import Collection
from mnemic.cues import Part, encode_parts
from mnemic.errors import ConfigError, CueError
from mnemic.neocortex import imagination
from mnemic.points import Points, stacked
from mnemic.records import Engram, Imagined

Thing = Any  # an Engram, its id, or a picture


def sight(collection: Collection) -> Points:
    """Where pictures are kept.

    Raises:
        CueError: the memory has no pictures.
    """
    for points in collection.points.values():
        if points.sense.modality == "image":
            return points
    raise CueError("this memory has no pictures to imagine from; give it resolution=")


def seen(collection: Collection, image: Any, known: Any = None) -> Part:
    """A picture as its sense encodes it.

    Raises:
        CueError: there is none, or no sense for it.
    """
    masks = {} if known is None else {"image": [known]}
    parts = encode_parts({"image": [image]}, masks, collection.senses)
    if not parts:
        raise CueError("this takes a picture, and none was given")
    return parts[0]


def latent_of(collection: Collection, part: Part) -> Float[Tensor, " latent"]:
    """The latent of a part; of one that is known in part, the most probable.

    Raises:
        NeverSleptError: there is no student yet.
        LesionedError: finding it takes the decoder, which is silenced.
    """
    cortex = collection.points[part.sense].student
    if part.encoded.known is not None:
        refuse_lesioned(collection.lesioned, "decoder")
    return cortex.explain(*stacked([part.encoded]))[0]


def thought(collection: Collection, thing: Thing) -> Float[Tensor, " latent"]:
    """The latent of an engram or a picture.

    Raises:
        NotStoredError: no engram has this id.
        LesionedError: the hippocampus, which would bring the engram, is silenced.
    """
    if isinstance(thing, (int, np.integer, Engram)):
        refuse_lesioned(collection.lesioned, "hippocampus")
        id = thing.id if isinstance(thing, Engram) else int(thing)
        latents = sight(collection).latents_of([id])
        if len(latents):
            return latents[0]
        thing = collection.engrams([id])[0].image
    return latent_of(collection, seen(collection, thing))


def one_way(
    label: str | None,
    between: tuple[Thing, Thing] | None,
    like: Thing | None,
    plus: Thing | None,
    minus: Thing | None,
) -> None:
    """ConfigError unless one way of imagining is asked for, and asked for in full."""
    ways = sum(way is not None for way in (label, between, like))
    if ways > 1 or (plus is None) != (minus is None) or (plus is not None and like is None):
        raise ConfigError(
            "imagine takes one of label=, between=(a, b) and like= with plus= and minus="
        )


def dreamt(
    collection: Collection, count: int, label: str | None, *, rng: torch.Generator
) -> Float[Tensor, "count latent"]:
    """Latents of anything at all, or of things like those of a label.

    Raises:
        EmptyMemoryError: nothing with that label is stored.
        LesionedError: the hippocampus, which would bring those, is silenced.
    """
    points = sight(collection)
    if label is None:
        return imagination.dreamt(count, points.student.student.latent_dim, rng=rng)
    refuse_lesioned(collection.lesioned, "hippocampus")
    kind = points.latents_of(collection.store.ids(label=label))
    return imagination.resembling(kind, count, rng=rng)


def analogous(
    collection: Collection, like: Thing, plus: Thing | None, minus: Thing | None
) -> Float[Tensor, "1 latent"]:
    """The latent of a thing, changed as ``plus`` differs from ``minus`` where those are given."""
    start = thought(collection, like)
    if plus is None or minus is None:
        return start[None]
    changed = imagination.analogous(start, thought(collection, plus), thought(collection, minus))
    return changed[None]


def drawn(collection: Collection, latents: Float[Tensor, "count latent"], seed: int) -> Imagined:
    """What latents look like."""
    points = sight(collection)
    features = points.student.student.decode(latents).numpy()
    pictures = np.stack([points.sense.decode(one, None) for one in features])
    return Imagined(images=pictures, latents=latents.numpy(), seed=seed)
