"""What happens next: the order of experiences, learned in sleep and read off afterwards."""

from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float
from torch import Tensor

from mnemic.answers import refuse_lesioned
from mnemic.collection import Collection
from mnemic.cortex import STUDENTS
from mnemic.cues import encode_parts
from mnemic.errors import ConfigError, CueError, EmptyMemoryError, NeverSleptError, StoreError
from mnemic.neocortex.sequence import Expected, Order, OrderConfig, OrderStep, learn_order, noted
from mnemic.points import Points, stacked
from mnemic.randomness import generator
from mnemic.records import Engram

LONG = 10.0  # times the median pause: after a longer one, something else begins
ORDER = ".order.safetensors"


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What is expected to come next.

    ``sure`` is the share, 0..1, of all there could be that the expectation accounts for: 0 where
    anything may follow. ``after`` are the engrams it follows from, none where pictures were given.
    """

    image: np.ndarray
    features: Float[np.ndarray, " dim"]
    latent: Float[np.ndarray, " latent"]
    sure: float
    after: tuple[int, ...]
    _judge: Callable[[Any, Any], float] = field(repr=False)

    def surprise(self, *, image: Any, known: Any = None) -> float:
        """0..1: how little what came instead was expected, beside usual errors of prediction.

        Raises:
            CueError, MediaError, ShapeError: as ``Memory.recall``.
        """
        return self._judge(image, known)


class Expecting:
    """Predicts from what the last sleep learned of order, where it did."""

    def __init__(self, collection: Collection) -> None:
        self._all = collection
        self._known: tuple[Path, Order] | None = None

    def predict(self, points: Points, after: Any = None, image: Any = None) -> Prediction:
        """What follows an engram and what led up to it, these engrams in turn, or pictures.

        Raises:
            ConfigError: neither or both of them are given.
            NeverSleptError: there is no student, or no order was learned with it.
            NotStoredError: no engram has such an id.
            CueError: there is no picture to go by.
            LesionedError: the hippocampus, which would bring the engrams, or the decoder.
        """
        if (after is None) == (image is None):
            raise ConfigError("give after=, an engram or several, or image=, a picture or several")
        order = self._order(points)
        refuse_lesioned(self._all.lesioned, "decoder")
        ids: tuple[int, ...] = ()
        if image is not None:
            latents = self._latents(points, image if isinstance(image, list) else [image])
        else:
            refuse_lesioned(self._all.lesioned, "hippocampus")
            ids = self._led_up_to(after, order)
            latents = points.latents_of(ids)
            if not len(latents):
                raise CueError(
                    f"there is no picture in {list(ids)}; what follows is read off those"
                )
        return self._told(points, order, order.expect(latents), ids)

    def _told(
        self, points: Points, order: Order, expected: Expected, ids: tuple[int, ...]
    ) -> Prediction:
        features = points.student.student.decode(expected.latent[None])[0].numpy()

        def judge(image: Any, known: Any) -> float:
            return order.surprise(expected, self._latents(points, [image], known)[0])

        return Prediction(
            image=points.sense.decode(features, None),
            features=features,
            latent=expected.latent.numpy(),
            sure=expected.sure,
            after=ids,
            _judge=judge,
        )

    def _order(self, points: Points) -> Order:
        path = order_file(self._all.folder, points.sense.name, points.student.version)
        if self._known is None or self._known[0] != path:
            if not path.is_file():
                raise NeverSleptError(
                    "no order was learned in the last sleep; sleep(order=True) learns it, from"
                    " experiences that follow one another"
                )
            self._known = path, Order.load(path)
        return self._known[1]

    def _led_up_to(self, after: Any, order: Order) -> tuple[int, ...]:
        """These engrams; of one alone, all that led up to it too."""
        if isinstance(after, Engram):
            after = after.id
        if not isinstance(after, int | np.integer):
            ids = tuple(one.id if isinstance(one, Engram) else int(one) for one in after)
            if not ids:
                raise ConfigError("after= names no engram")
            self._all.store.get(ids)  # refuses those that are not stored
            return ids
        self._all.store.get([int(after)])
        every = self._all.store.ids()
        end = every.index(int(after)) + 1
        some = every[max(0, end - order.config.longest) : end]
        times = [kept.experience.time for kept in self._all.store.get(some)]
        return tuple(strings(some, times, order.notes["pause"])[-1])

    def _latents(
        self, points: Points, images: Sequence[Any], known: Any = None
    ) -> Float[Tensor, "time latent"]:
        masks = {} if known is None else {"image": [known]}
        parts = encode_parts({"image": list(images)}, masks, [points.sense])
        if len(parts) < len(images) or not parts:
            raise CueError("what follows is read off pictures; give image=")
        return points.student.perceive(*stacked([part.encoded for part in parts])).latents


def strings(ids: Sequence[int], times: Sequence[datetime], longest_pause: float) -> list[list[int]]:
    """Experiences, oldest first, cut where more than so many seconds passed between two.

    >>> from datetime import timedelta
    >>> start = datetime(2024, 5, 1)
    >>> strings([1, 2, 3], [start + timedelta(seconds=s) for s in (0, 1, 60)], 5.0)
    [[1, 2], [3]]
    """
    found: list[list[int]] = []
    last: datetime | None = None
    for id, time in zip(ids, times, strict=True):
        if last is None or (time - last).total_seconds() > longest_pause:
            found.append([])
        found[-1].append(id)
        last = time
    return found


def usual_pause(times: Sequence[datetime]) -> float:
    """Seconds after which something else begins: ten times the median pause between two."""
    pauses = [(b - a).total_seconds() for a, b in pairwise(times)]
    return LONG * median(pauses) if pauses else 0.0


def sequences(collection: Collection, order: bool | float) -> tuple[list[list[int]], float]:
    """Engrams in the order of their experiences, cut at pauses, and the longest pause within one.

    ``order`` is that pause in seconds, or True to have it found.

    Raises:
        ConfigError: it is no number of seconds.
        EmptyMemoryError: no experience follows another.
    """
    ids = collection.store.ids()
    times = [kept.experience.time for kept in collection.store.get(ids)]
    pause = usual_pause(times) if order is True else float(order)
    if not 0 <= pause < float("inf"):
        raise ConfigError(f"order must be True, or the longest pause in seconds, got {order!r}")
    found = [one for one in strings(ids, times, pause) if len(one) > 1]
    if not found:
        raise EmptyMemoryError(
            f"no experience follows another within {pause:g} s, so there is no order to learn; "
            "remember them with time=, or say how long a pause may be: order=seconds"
        )
    return found, pause


class OrderLesson(NamedTuple):
    """The latents of what followed one another, and where what is learned of them is kept."""

    latents: list[Float[Tensor, "_ latent"]]
    notes: dict[str, Any]
    version: int  # of the student
    file: Path


def lesson_of(collection: Collection, name: str, order: bool | float) -> OrderLesson:
    """What a sense's student has just coded, in order.

    Raises:
        EmptyMemoryError: no experience follows another.
    """
    points = collection.points[name]
    found, pause = sequences(collection, order)
    version = points.student.version
    return OrderLesson(
        [points.latents_of(one) for one in found],
        {"pause": pause, "order": order},
        version,
        order_file(collection.folder, name, version),
    )


def learn(lesson: OrderLesson, *, seed: int) -> Generator[OrderStep]:
    """Learn it, and keep it beside the student."""
    rng = generator(seed, f"order {lesson.version}")
    order = yield from learn_order(lesson.latents, OrderConfig(), rng=rng)
    order.notes |= lesson.notes
    order.save(lesson.file)


def learned(collection: Collection) -> bool | float:
    """The ``order`` to sleep again with: that of the last sleep, while anything still follows."""
    for name, points in collection.points.items():
        path = order_file(collection.folder, name, points.named)
        if points.cortex is not None and path.is_file():
            order = _asked_for(path)
            with suppress(EmptyMemoryError):
                sequences(collection, order)
                return order
    return False


def _asked_for(path: Path) -> bool | float:
    """The ``order`` a night was given; True where its file cannot be read: forgetting goes on."""
    try:
        return noted(path)["order"]
    except (StoreError, KeyError):
        return True


def order_file(folder: Path, name: str, version: int) -> Path:
    """Where the order learned with a student is kept: beside the student."""
    return folder / STUDENTS / f"{name}-{version}{ORDER}"
