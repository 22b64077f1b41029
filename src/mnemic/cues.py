"""What a person hands over, sorted into parts: one row and one sense each."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from mnemic.errors import ConfigError, CueError, ShapeError
from mnemic.protocols import Encoded, Finder, Sense
from mnemic.records import Experience

Columns = Mapping[str, Sequence[Any]]
Time = datetime | str | float


class Part(NamedTuple):
    """One part of one experience or cue, encoded."""

    row: int  # which experience or cue of a batch
    sense: str
    encoded: Encoded


def encode_parts(given: Columns, known: Columns, senses: Iterable[Sense]) -> list[Part]:
    """Encode columns of parts, an entry a row; an entry may be a list of parts, or None.

    Every sense of a modality encodes its parts; the first keeps the original. ``known`` has the
    masks of the same rows and parts, where there are any.

    Raises:
        CueError: there is no sense of a modality, or not a mask for each of several parts, or
            no sense finds anything in a part.
        MediaError, ShapeError, CueError: as the senses find.
    """
    senses = list(senses)
    parts: list[Part] = []
    for modality, column in given.items():
        able = able_to(modality, senses)
        masks = known.get(modality, [None] * len(column))
        for row, (entry, mask) in enumerate(zip(column, masks, strict=True)):
            several = listed(entry, modality)
            shown = list(mask) if isinstance(mask, (list, tuple)) else [mask] * len(several)
            if len(shown) != len(several):
                raise CueError(f"{len(several)} parts of {modality!r} have {len(shown)} masks")
            for part, seen in zip(several, shown, strict=True):
                found = [
                    Part(row, sense.name, one)
                    for sense in able
                    for one in _found(sense, part, seen)
                ]
                if not found:  # a part that leaves nothing behind would be lost without a word
                    raise CueError(
                        f"nothing was found in this {modality} by"
                        f" {', '.join(sense.name for sense in able)}; give the memory another"
                        " sense of such parts, or leave this one out"
                    )
                parts += [found[0], *map(_without_original, found[1:])]
    return parts


def able_to(modality: str, senses: Iterable[Sense]) -> list[Sense]:
    """The senses of a modality; CueError where there is none."""
    senses = list(senses)
    able = [sense for sense in senses if sense.modality == modality]
    if not able:
        raise CueError(
            f"this memory has no sense for {modality!r}, only for"
            f" {', '.join(dict.fromkeys(sense.modality for sense in senses))};"
            " senses are chosen when a memory is made"
        )
    return able


def _found(sense: Sense, part: Any, known: Any) -> list[Encoded]:
    return sense.find(part, known) if isinstance(sense, Finder) else [sense.encode(part, known)]


def _without_original(part: Part) -> Part:
    encoded = part.encoded
    bare = replace(encoded.point, original=None, media_type=None)
    return part._replace(encoded=encoded._replace(point=bare))


def listed(entry: Any, modality: str) -> list[Any]:
    """An entry as the list of its parts: none, one or several.

    Of sounds, a pair of samples and their rate is one.
    """
    if entry is None:
        return []
    if modality == "sound" and isinstance(entry, tuple) and isinstance(entry[0], np.ndarray):
        return [entry]
    return list(entry) if isinstance(entry, (list, tuple)) else [entry]


def columns_of(given: Mapping[str, Any]) -> tuple[dict[str, list[Any]], int]:
    """The columns that were given, and how many rows they all have.

    Raises:
        ShapeError: columns of different length.
    """
    columns = {name: list(column) for name, column in given.items() if column is not None}
    rows = {name: len(column) for name, column in columns.items()}
    if len(set(rows.values())) > 1:
        listing = ", ".join(f"{name} {count}" for name, count in rows.items())
        raise ShapeError(f"every column needs one entry an experience; got {listing}")
    return columns, next(iter(rows.values()), 0)


def masks_by_modality(known: Any, modalities: Sequence[str]) -> dict[str, Any]:
    """A mask, or a mapping from modality to masks, as a mapping.

    Raises:
        CueError: one mask for cues in several modalities, or a mask for one without a cue.
    """
    if known is None:
        return {}
    if not isinstance(known, Mapping):
        if len(modalities) > 1:
            raise CueError(
                f"the cue has {' and '.join(modalities)}; say whose mask it is, as in"
                f" known={{{modalities[0]!r}: mask}}"
            )
        return dict.fromkeys(modalities, known)
    astray = [modality for modality in known if modality not in modalities]
    if astray:
        raise CueError(f"known has a mask for {astray[0]!r}, but the cue has no such part")
    return dict(known)


def mask_column(masks: Any, rows: int, axes: int) -> Sequence[Any]:
    """Masks of a batch, one a row: from a list, a stack, or one mask for all."""
    if isinstance(masks, (list, tuple)):
        column: Sequence[Any] = masks
    elif np.ndim(masks) > axes:
        column = list(np.asarray(masks))
    else:
        return [masks] * rows
    if len(column) != rows:
        raise ShapeError(f"{rows} cues have {len(column)} masks")
    return column


def experience(
    text: str | Sequence[str] | None,
    label: str | None,
    time: Time | None,
    metadata: Mapping[str, Any] | None,
) -> Experience:
    """What goes with the parts of an experience, checked.

    Raises:
        ConfigError: a label or text that is no string, a time that cannot be read, or metadata
            that JSON would change.
    """
    texts = tuple([text] if isinstance(text, str) else text or ())
    for value in (*texts, *(() if label is None else (label,))):
        if not isinstance(value, str):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigError(f"labels and texts are strings, got {value!r}; use str()")
    if label is not None and not label.isprintable():
        raise ConfigError(f"a label is one line of printable characters, got {label!r}")
    document = dict(metadata or {})
    try:
        same = not document or json.loads(json.dumps(document, allow_nan=False)) == document
    except (TypeError, ValueError) as error:
        raise ConfigError(f"metadata must be JSON, and is not: {error}") from error
    if not same:
        raise ConfigError(f"metadata would come back changed from JSON: {document!r}")
    return Experience(
        time=datetime.now(UTC) if time is None else utc(time),
        text=texts,
        label=label,
        metadata=document,
    )


def utc(time: Time) -> datetime:
    """A time as given: aware, naive (taken for UTC), ISO 8601, or seconds since 1970."""
    try:
        if isinstance(time, (int, float)):
            return datetime.fromtimestamp(time, UTC)
        moment = datetime.fromisoformat(time) if isinstance(time, str) else time
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError, OSError, AttributeError) as error:
        raise ConfigError(
            f"{time!r} is no time; give a datetime, ISO 8601, or seconds since 1970"
        ) from error
