"""The student: a generative model of what was replayed, with its place on disk."""

from pathlib import Path
from typing import Any, Literal, cast, get_args

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from mnemic.errors import ConfigError, DamagedError, ShapeError
from mnemic.neocortex.files import read_tensors, write_tensors
from mnemic.nn import Autoencoder, MnemicAutoencoder, Spens2022Autoencoder
from mnemic.randomness import generator

Kind = Literal["mnemic", "spens2022"]
Grid = tuple[int, int, int]

FORMAT = "mnemic student"
CHUNK = 256  # pictures coded side by side


class Student:
    """An autoencoder of flat features, each a picture of ``grid`` (height, width, channels).

    Features are single-precision numbers in 0..1, channels last. Coding neither trains nor draws:
    a picture's latent is the mean of its Gaussian.

    >>> student = make_student(grid=(16, 16, 1), latent_dim=4)
    >>> student.decode(student.encode(torch.rand(2, 256))).shape
    torch.Size([2, 256])
    """

    def __init__(self, model: Autoencoder, kind: Kind) -> None:
        # pictures lie channels last in the features, and convolutions are fastest so
        self.model = model.to(memory_format=torch.channels_last).eval()  # pyright: ignore[reportCallIssue]
        self.kind: Kind = kind

    @property
    def grid(self) -> Grid:
        """Height, width, channels."""
        return self.model.grid

    @property
    def latent_dim(self) -> int:
        """Numbers in a latent."""
        return self.model.latent_dim

    @property
    def dim(self) -> int:
        """Numbers in the features of one picture."""
        height, width, channels = self.grid
        return height * width * channels

    @property
    def config(self) -> dict[str, Any]:
        """All that determines the model but its weights, as JSON."""
        return {"kind": self.kind, "grid": list(self.grid), "latent_dim": self.latent_dim}

    def encode(self, features: Float[Tensor, "batch dim"]) -> Float[Tensor, "batch latent"]:
        """The latent each picture is best described by.

        Raises:
            ShapeError: the features are not those of a picture of this grid.
        """
        if features.shape[-1] != self.dim:
            raise ShapeError(
                f"a picture of {self.grid} has {self.dim} features, got {features.shape[-1]}"
            )
        with self._coding():
            means = [self.model.encode(self.pictures(part)).mean for part in features.split(CHUNK)]
        return torch.cat(means) if len(features) else features.new_empty(0, self.latent_dim)

    def decode(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch dim"]:
        """The picture each latent stands for.

        Raises:
            ShapeError: the latents are of another student.
        """
        if latents.shape[-1] != self.latent_dim:
            raise ShapeError(
                f"this student's latents have {self.latent_dim} numbers, got {latents.shape[-1]}"
            )
        with self._coding():
            parts = [self.rendered(part) for part in latents.split(CHUNK)]
        return torch.cat(parts) if len(latents) else latents.new_empty(0, self.dim)

    def rendered(self, latents: Float[Tensor, "batch latent"]) -> Float[Tensor, "batch dim"]:
        """``decode`` that gradients pass through, all pictures side by side."""
        return self.features(self.model.eval().decode(latents))

    def pictures(
        self, features: Float[Tensor, "batch dim"]
    ) -> Float[Tensor, "batch channels height width"]:
        """Features as the pictures the model sees; the same memory, looked at otherwise."""
        height, width, _ = self.grid
        return rearrange(features, "batch (h w c) -> batch c h w", h=height, w=width)

    def features(
        self, pictures: Float[Tensor, "batch channels height width"]
    ) -> Float[Tensor, "batch dim"]:
        """Pictures as flat features."""
        return rearrange(pictures, "batch c h w -> batch (h w c)")

    def save(self, path: Path | str) -> None:
        """Write configuration and weights; after a crash the file is whole or as it was.

        Raises:
            StoreError: it could not be written.
        """
        write_tensors(Path(path), FORMAT, self.model.state_dict(), self.config)

    @classmethod
    def load(cls, path: Path | str) -> "Student":
        """Read a student back.

        Raises:
            StoreError: there is no such file, or it cannot be read.
            DamagedError: it is cut short, altered, or no student.
            NewerVersionError: a newer mnemic wrote it.
        """
        tensors, config = read_tensors(Path(path), FORMAT)
        try:
            height, width, channels = config["grid"]
            student = make_student(
                config["kind"], (height, width, channels), config["latent_dim"], seed=0
            )
            student.model.load_state_dict(tensors)
        except (ConfigError, KeyError, TypeError, ValueError, RuntimeError) as error:
            raise DamagedError(f"{path} does not fit the student it names: {error}") from error
        return student

    def _coding(self) -> torch.no_grad:
        self.model.eval()
        return torch.no_grad()


def make_student(
    kind: Kind = "mnemic",
    grid: Grid = (64, 64, 3),
    latent_dim: int | None = None,
    *,
    seed: int = 0,
) -> Student:
    """A student that has learned nothing yet; the same arguments make the same one.

    ``kind="spens2022"`` is the published network, kept for comparison. ``latent_dim`` is the
    kind's own unless given.

    Raises:
        ConfigError: there is no such kind, or the grid does not suit it.
    """
    if kind not in get_args(Kind):
        raise ConfigError(f"kind must be {' or '.join(map(repr, get_args(Kind)))}, got {kind!r}")
    if latent_dim is not None and latent_dim < 1:
        raise ConfigError(f"latent_dim must be at least 1, got {latent_dim}")
    height, width, channels = grid
    if min(height, width) < 8 or channels not in (1, 3):
        raise ConfigError(f"a student sees pictures from 8 by 8 with 1 or 3 channels, got {grid}")
    rng = generator(seed, f"student {kind}")
    models = {"mnemic": MnemicAutoencoder, "spens2022": Spens2022Autoencoder}
    return Student(cast(Autoencoder, models[kind](grid, latent_dim, rng=rng)), kind)
