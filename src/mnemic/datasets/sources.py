"""Where a data set's files are: given, configured, installed, cached, or downloaded once."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pooch

from mnemic.errors import DataError

DEBIAN = Path("/usr/share/datasets")
TIMEOUT = 30
"""Seconds a download may stay silent."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One data set: the folder name it goes by, where it is published, and its checksums.

    ``md5`` maps each published file name to its checksum. Only downloads are compared with it:
    distributions compress the same data anew.
    """

    name: str
    url: str
    md5: Mapping[str, str]
    advice: str


def find_files(source: Source, names: tuple[str, ...], root: Path | None) -> tuple[Path, ...]:
    """Paths of all ``names``, from the first folder that has every one of them.

    The folders, in order: ``root`` itself, then the one called ``source.name`` inside each of
    ``root``, the environment variable ``MNEMIC_DATA``, ``/usr/share/datasets`` (Debian), ``.data``
    in the working directory, and the user's cache. Only ``root`` itself may have another name,
    since several data sets name their files alike. The files may be unzipped, without ``.gz``.
    If no folder has them they are downloaded to the user's cache.

    Raises ``DataError`` if they are nowhere and cannot be downloaded.
    """
    cache = user_cache()
    folders = [place / source.name for place in (*places(root), cache)]
    if root is not None:
        folders.insert(0, root)
    for folder in folders:
        found = [path for name in names if (path := _present(folder / name)) is not None]
        if len(found) == len(names):
            return tuple(found)
    return tuple(_download(source, name, cache / source.name, folders) for name in names)


def places(root: Path | None) -> Iterator[Path]:
    """Folders that may hold data sets, the most deliberate choice first."""
    if root is not None:
        yield root
    if configured := os.environ.get("MNEMIC_DATA"):
        yield Path(configured)
    yield DEBIAN
    yield Path(".data")


def user_cache() -> Path:
    """The folder downloads are kept in."""
    return Path(pooch.os_cache("mnemic"))


def _present(path: Path) -> Path | None:
    return next((each for each in (path, path.with_suffix("")) if each.is_file()), None)


def _download(source: Source, name: str, cache: Path, looked: list[Path]) -> Path:
    url = source.url + name
    try:
        return Path(
            pooch.retrieve(
                url,
                known_hash=f"md5:{source.md5[name]}",
                fname=name,
                path=cache,
                # pooch names the parameters of its own protocol differently
                downloader=cast(Any, pooch.HTTPDownloader(timeout=TIMEOUT)),
            )
        )
    except (OSError, ValueError) as error:  # no network, or a wrong checksum
        raise DataError(
            f"{source.name}: {name} is in none of {', '.join(map(str, looked))}, "
            f"and {url} could not be fetched ({error}). {source.advice}"
        ) from error
