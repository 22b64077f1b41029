"""Faces in a picture, each by whose it is: dlib's detector and identity network (King 2009)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float, UInt8
from PIL import Image

from mnemic.errors import CueError
from mnemic.media import read_picture
from mnemic.protocols import Encoded
from mnemic.records import Point
from mnemic.senses.extra import extra, folder_of, release
from mnemic.senses.own import in_colour, masked

DIM = 128
PACKAGES = ("dlib-bin", "face-recognition-models")
LEAST_SURE = 0.3  # of the detector's score: below are mostly shadows and folds
MOST_SIDE = 1024  # pixels a side that are searched; a larger picture is made smaller
SMALLEST = 640  # a smaller one is searched at twice its size


class Face(NamedTuple):
    """Where a face is, in pixels of the picture as given, and whose."""

    left: int
    top: int
    right: int
    bottom: int
    features: Float[np.ndarray, " dim"]


@dataclass(frozen=True)
class Faces:
    """Pictures by the faces in them, each a point of its own, the largest first.

    Features are dlib's: faces of one person are less than about .6 apart. A picture without a
    face leaves no point in this sense.
    """

    version: str

    name = "faces"
    modality = "image"
    decodes = False

    @property
    def grid(self) -> tuple[int, int, int]:
        """The features in a row."""
        return DIM, 1, 1

    @property
    def config(self) -> dict[str, Any]:
        """All that determines the features."""
        return {"code": "faces/1", "version": self.version}

    def find(self, part: Any, known: Any = None) -> list[Encoded]:
        """Every face in a picture.

        Raises:
            MediaError, CueError, ShapeError: the picture, or its mask, cannot be used.
        """
        picture = read_picture(part)
        pixels = masked(masked(in_colour(picture.pixels), picture.known), known)
        return [
            Encoded(
                face.features,
                None,
                Point(
                    sense=self.name,
                    code=face.features.astype("<f4").tobytes(),
                    original=picture.original,
                    media_type=picture.media_type,
                ),
            )
            for face in faces_in(pixels)
        ]

    def encode(self, part: Any, known: Any = None) -> Encoded:
        """The largest face of a picture.

        Raises:
            CueError: there is none.
        """
        found = self.find(part, known)
        if not found:
            raise CueError("there is no face in this picture that can be found")
        return found[0]

    def decode(
        self, features: Float[np.ndarray, " dim"], known: Bool[np.ndarray, " dim"] | None
    ) -> Float[np.ndarray, " dim"]:
        """The features as they are: the picture itself is its original."""
        return features

    def unpack(self, codes: Sequence[bytes]) -> Float[np.ndarray, "batch dim"]:
        """Stored codes to features."""
        packed = np.frombuffer(b"".join(codes), "<f4").reshape(len(codes), DIM)
        return packed.astype(np.float32)


def faces() -> Faces:
    """The sense of faces, as it is installed; MissingExtraError where it is not."""
    return Faces(release(*PACKAGES))


def faces_in(pixels: UInt8[np.ndarray, "height width 3"]) -> list[Face]:
    """Where the faces of a picture are, and whose, the largest first."""
    detector, landmarks, identity = _networks()
    side = max(pixels.shape[:2])
    scale = MOST_SIDE / side if side > MOST_SIDE else 2.0 if side < SMALLEST else 1.0
    size = max(1, round(pixels.shape[1] * scale)), max(1, round(pixels.shape[0] * scale))
    searched = np.ascontiguousarray(Image.fromarray(pixels).resize(size)) if scale != 1 else pixels
    found: list[Face] = []
    for box in detector.run(np.ascontiguousarray(searched), 0, LEAST_SURE)[0]:
        shape = landmarks(searched, box)
        features = np.array(identity.compute_face_descriptor(searched, shape), np.float32)
        corners = (box.left(), box.top(), box.right(), box.bottom())
        left, top, right, bottom = (round(corner / scale) for corner in corners)
        found.append(Face(left, top, right, bottom, features))
    return sorted(found, key=lambda face: (face.left - face.right) * (face.bottom - face.top))


@cache
def _networks() -> tuple[Any, Any, Any]:
    """Detector, landmarks, identity."""
    dlib = extra("dlib")
    models = folder_of("face_recognition_models") / "models"
    return (
        dlib.get_frontal_face_detector(),
        dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat")),
        dlib.face_recognition_model_v1(str(models / "dlib_face_recognition_resnet_model_v1.dat")),
    )
