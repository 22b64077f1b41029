"""What one sense has learned in sleep: its student, and what is usual for it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from mnemic.errors import DamagedError
from mnemic.neocortex import Student
from mnemic.neocortex.completion import explain, impute
from mnemic.neocortex.residual import Residual, pack_residual, residual_of, unpack_residual
from mnemic.neocortex.surprise import prediction_error, surprise
from mnemic.protocols import KeptStudent, Sense
from mnemic.records import Schema

Keep = Literal["original", "detail", "schema"]
KEEPS: tuple[Keep, ...] = ("original", "detail", "schema")  # the less, the later

STUDENTS = "students"  # the folder of their weights, within a memory


class Perceived(NamedTuple):
    """Parts as a student sees them."""

    latents: Float[Tensor, "batch latent"]  # to half precision, as they are stored
    predicted: Float[Tensor, "batch dim"]  # what the student decodes from them
    errors: Float[Tensor, " batch"]


class KeptPart(NamedTuple):
    """What is to be kept of a part."""

    schema: Schema
    strength: float  # share of its known features that are kept in detail


class Cortex:
    """A sense's student, of one version.

    Raises:
        StoreError, DamagedError, NewerVersionError: the student's file cannot be used.
    """

    def __init__(self, sense: Sense, student: Student, version: int, usual: Sequence[float]):
        self.sense = sense
        self.student = student
        self.version = version
        self.usual = list(usual)

    @classmethod
    def load(cls, folder: Path, sense: Sense, kept: KeptStudent) -> "Cortex":
        """The student the store names, from its file."""
        student = Student.load(folder / STUDENTS / kept.file)
        if student.grid != sense.grid:
            raise DamagedError(f"{kept.file} holds a student of {student.grid}, not {sense.grid}")
        return cls(sense, student, kept.version, kept.report["usual errors"])

    def perceive(
        self, features: Float[Tensor, "batch dim"], known: Bool[Tensor, "batch dim"] | None
    ) -> Perceived:
        """Code parts and decode them again, each from what is known of it."""
        latents = self.student.encode(features)
        if known is not None:
            partly = ~known.all(dim=-1)
            if bool(partly.any()):
                latents[partly] = impute(self.student, features[partly], known[partly])
        latents = latents.half().float()
        predicted = self.student.decode(latents)
        return Perceived(latents, predicted, self.errors(features, predicted, known))

    def errors(
        self,
        features: Float[Tensor, "batch dim"],
        predicted: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None,
    ) -> Float[Tensor, " batch"]:
        """By how much predictions miss what is known."""
        return prediction_error(features, predicted, known, grid=self.student.grid)

    def surprise(self, errors: Float[Tensor, " batch"]) -> list[float]:
        """Those errors as calibrated numbers in 0..1."""
        return surprise(errors, self.usual).tolist()

    def kept(
        self,
        perceived: Perceived,
        features: Float[Tensor, "batch dim"],
        known: Bool[Tensor, "batch dim"] | None,
        *,
        keep: Keep,
        tolerance: float,
    ) -> list[KeptPart]:
        """What to keep of each part, beside its features or instead of them."""
        parts: list[KeptPart] = []
        for row, latent in enumerate(perceived.latents):
            packed = latent.numpy().astype("<f2").tobytes()
            if keep != "detail":
                schema = Schema(student=self.version, latent=packed)
                parts.append(KeptPart(schema, 1.0 if keep == "original" else 0.0))
                continue
            mask = None if known is None else known[row].numpy()
            residual = residual_of(
                features[row].numpy(), perceived.predicted[row].numpy(), mask, tolerance=tolerance
            )
            schema = Schema(student=self.version, latent=packed, residual=pack_residual(residual))
            count = residual.steps.size if mask is None else int(mask.sum())
            parts.append(KeptPart(schema, float(residual.detailed.sum()) / count))
        return parts

    def rebuilt(self, schemas: Sequence[Schema]) -> Float[np.ndarray, "batch dim"]:
        """Features from schemas and residuals.

        Raises:
            DamagedError: a schema belongs to another student, or cannot be read.
        """
        for schema in schemas:
            if schema.student != self.version:
                raise DamagedError(
                    f"a schema is of student {schema.student}, but the memory's is"
                    f" {self.version}; restore a backup"
                )
        decoded = self.student.decode(self.latents([one.latent for one in schemas])).numpy()
        for row, schema in enumerate(schemas):
            if schema.residual:
                decoded[row] += self.residual(schema).difference
        return decoded.clip(0, 1)

    def residual(self, schema: Schema) -> Residual:
        """What is kept of a point beside its schema."""
        return unpack_residual(schema.residual or b"", self.student.dim)

    def latents(self, packed: Sequence[bytes]) -> Float[Tensor, "batch latent"]:
        """Latents as they are stored, unpacked.

        Raises:
            DamagedError: one has another size than this student's.
        """
        size = self.student.latent_dim
        try:
            latents = np.frombuffer(b"".join(packed), "<f2").reshape(len(packed), size)
        except ValueError as error:
            raise DamagedError(f"a latent has not {size} numbers; restore a backup") from error
        return torch.from_numpy(latents.astype(np.float32))

    def explain(
        self, features: Float[Tensor, "batch dim"], known: Bool[Tensor, "batch dim"] | None
    ) -> Float[Tensor, "batch latent"]:
        """The most probable latent of each part, from what is known of it."""
        if known is None:
            return self.student.encode(features)
        return explain(self.student, features, known)
