"""Tensors on disk: one safetensors file, whole or not there, checked when it is read."""

import hashlib
import json
import os
from collections.abc import Mapping
from errno import EDQUOT, EFBIG, ENOSPC
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from mnemic.errors import DamagedError, NewerVersionError, StoreError, StoreFullError

VERSION = 1


class Contents(NamedTuple):
    """What a file holds."""

    tensors: dict[str, Tensor]
    config: dict[str, Any]


def write_tensors(
    path: Path, kind: str, tensors: Mapping[str, Tensor], config: Mapping[str, Any]
) -> None:
    """Write a file that, after a crash, is either complete or as it was before.

    ``kind`` says what it is, ``config`` (plain JSON) what made it.

    Raises:
        StoreFullError, StoreError: it could not be written.
    """
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    metadata = {
        "format": kind,
        "version": str(VERSION),
        "config": json.dumps(dict(config), sort_keys=True),
        "checksum": checksum(plain),
    }
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(save(plain, metadata))
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        kind_of_error = StoreFullError if error.errno in (ENOSPC, EDQUOT, EFBIG) else StoreError
        raise kind_of_error(f"could not write {path}: {error.strerror or error}") from error


def read_tensors(path: Path, kind: str) -> Contents:
    """Read back what ``write_tensors`` wrote.

    Raises:
        StoreError: there is no such file, or it cannot be read.
        DamagedError: it is cut short, altered, or something else.
        NewerVersionError: a newer mnemic wrote it.
    """
    if not path.is_file():
        raise StoreError(f"there is no {kind} at {path}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
            tensors: dict[str, Tensor] = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as error:
        raise DamagedError(
            f"{path} is cut short or is no safetensors file ({error}); restore it from a copy"
        ) from error
    except OSError as error:
        raise StoreError(f"could not read {path}: {error.strerror or error}") from error
    if metadata.get("format") != kind:
        raise DamagedError(f"{path} is not a {kind}, but {metadata.get('format', 'unlabelled')}")
    version = metadata.get("version", "")
    if version != str(VERSION):
        raise NewerVersionError(
            f"{path} is a {kind} of version {version or 'unknown'}; this mnemic reads {VERSION}"
        )
    if metadata.get("checksum") != checksum(tensors):
        raise DamagedError(f"the numbers in {path} are not those written; restore it from a copy")
    try:
        return Contents(tensors, json.loads(metadata["config"]))
    except (KeyError, ValueError) as error:
        raise DamagedError(f"the configuration in {path} cannot be read: {error}") from error


def checksum(tensors: Mapping[str, Tensor]) -> str:
    """A fingerprint of named tensors, whatever their order."""
    digest = hashlib.blake2b(digest_size=16)
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        content: Any = tensor.contiguous().reshape(-1).view(torch.uint8).numpy()
        digest.update(content)
    return digest.hexdigest()


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
