"""What is chosen for the concepts of a memory; kept with it, the same for every process."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_args

from mnemic.concepts.space import Kind, Rule
from mnemic.errors import ConfigError

Weights = Literal["analogue", "binary"]


@dataclass(frozen=True, kw_only=True)
class ConceptSettings:
    """How experiences are bound.

    ``window`` seconds before an experience count as the same time for synchrony; 0: only its own
    parts do. ``links`` weigh 0..1 ("analogue") or are there or not ("binary"). ``space`` is what
    locality measures distances in: "features", or the "latents" of the student, once there is one.
    ``locality`` goes by the "nearest" alone, or by what names have taught of what is near
    ("learned"); where nothing has a name the two are the same.
    With ``classes`` a concept that is founded by a picture, and that no label places, is placed
    below what a pretrained network takes the picture for.
    """

    window: float = 0.0
    links: Weights = "analogue"
    space: Kind = "features"
    locality: Rule = "nearest"
    classes: bool = False

    def __post_init__(self) -> None:
        if not 0 <= self.window < 1e9:
            raise ConfigError(f"window must be a number of seconds from 0, got {self.window}")
        if self.links not in get_args(Weights):
            raise ConfigError(f"links must be one of {get_args(Weights)}, got {self.links!r}")
        if self.space not in get_args(Kind):
            raise ConfigError(f"space must be one of {get_args(Kind)}, got {self.space!r}")
        if self.locality not in get_args(Rule):
            raise ConfigError(f"locality must be one of {get_args(Rule)}, got {self.locality!r}")
        if not isinstance(self.classes, bool):  # pyright: ignore[reportUnnecessaryIsInstance]
            raise ConfigError(f"classes must be True or False, got {self.classes!r}")

    def changed(self, changes: Mapping[str, Any]) -> "ConceptSettings":
        """Others; ConfigError names one that does not exist."""
        names = [field.name for field in fields(self)]
        unknown = sorted(set(changes) - set(names))
        if unknown:
            raise ConfigError(f"concepts know {', '.join(names)}; got {', '.join(unknown)}")
        window = changes.get("window", self.window)
        return replace(self, **{**changes, "window": float(window)})

    @property
    def document(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)
