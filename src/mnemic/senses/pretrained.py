"""Senses whose weights come in packages: the extra ``senses``."""

from collections.abc import Callable, Mapping

from mnemic.errors import ConfigError
from mnemic.protocols import Sense
from mnemic.senses.faces import faces
from mnemic.senses.reading import minilm, use
from mnemic.senses.seeing import efficientnet
from mnemic.senses.voices import said, voice

PRETRAINED: Mapping[str, Callable[[], Sense]] = {
    "efficientnet": efficientnet,
    "faces": faces,
    "minilm": minilm,
    "use": use,
    "voice": voice,
    "said": said,
}
"""By the names ``MemoryConfig(pretrained=…)`` knows."""


def pretrained(name: str) -> Sense:
    """A pretrained sense. Its weights are read when it first encodes.

    Raises:
        ConfigError: there is none of this name.
        MissingExtraError: the extra ``senses`` is not installed.
    """
    if name not in PRETRAINED:
        raise ConfigError(
            f"there is no pretrained sense {name!r}; there are {', '.join(PRETRAINED)}"
        )
    return PRETRAINED[name]()
