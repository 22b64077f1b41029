"""Senses whose weights come in a package: the extra ``senses``."""

from collections.abc import Callable, Mapping

from mnemic.errors import ConfigError
from mnemic.protocols import Sense

PRETRAINED: Mapping[str, Callable[[], Sense]] = {}


def pretrained(name: str) -> Sense:
    """The sense of this name."""
    if name not in PRETRAINED:
        raise ConfigError(f"there is no pretrained sense {name!r}")
    return PRETRAINED[name]()
