"""Packages of the extra ``senses``: imported when first needed, and named when missing."""

import warnings
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mnemic.errors import MissingExtraError

ADVICE = "install what the pretrained senses take: pip install 'mnemic[senses]'"


def extra(module: str) -> Any:
    """A module of a package that only a pretrained sense takes.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about what these packages themselves import
            return import_module(module)
    except ImportError as error:
        raise MissingExtraError(f"{module} cannot be imported ({error}); {ADVICE}") from error


def folder_of(module: str) -> Path:
    """Where a package lies, without importing it.

    Raises:
        MissingExtraError: it is not installed.
    """
    found = find_spec(module)
    if found is None or found.origin is None:
        raise MissingExtraError(f"{module} is not installed; {ADVICE}")
    return Path(found.origin).parent


def release(*packages: str) -> str:
    """Their names and versions, which never change what they hold.

    Raises:
        MissingExtraError: one is not installed.
    """
    try:
        return ", ".join(f"{package} {version(package)}" for package in packages)
    except PackageNotFoundError as error:
        raise MissingExtraError(f"{error.name} is not installed; {ADVICE}") from error
