"""The innate sense of sight: a picture's features are its pixels at the memory's resolution."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float, Shaped, UInt8
from PIL import Image

from mnemic.errors import ConfigError, CueError, ShapeError
from mnemic.media import Picture, PictureSource, read_picture
from mnemic.protocols import Encoded
from mnemic.records import Point

CERTAIN = 0.999  # of a pixel at the memory's resolution must come from known pixels


@dataclass(frozen=True)
class Pixels:
    """Pictures as ``resolution`` × ``resolution`` pixels in 0..1, grey or colour.

    The aspect is kept: what was padded is unknown, as are transparent pixels and those that
    ``known`` says are. Stored at 8 bits a feature.
    """

    resolution: int
    channels: int

    name = "pixels"
    modality = "image"
    decodes = True

    def __post_init__(self) -> None:
        if not 8 <= self.resolution <= 256:
            raise ConfigError(f"resolution must be 8 to 256 pixels, got {self.resolution}")
        if self.channels not in (1, 3):
            raise ConfigError(f"channels must be 1 (grey) or 3 (colour), got {self.channels}")

    @property
    def grid(self) -> tuple[int, int, int]:
        """Height, width, channels."""
        return self.resolution, self.resolution, self.channels

    @property
    def config(self) -> dict[str, Any]:
        """All that determines the features."""
        return {"code": "pixels/1", "resolution": self.resolution, "channels": self.channels}

    def encode(
        self, part: PictureSource, known: Shaped[np.ndarray, "..."] | None = None
    ) -> Encoded:
        """Fit a picture into the memory's resolution.

        ``known`` is True where the picture is to be believed, in its own size or the memory's.

        Raises:
            MediaError: it cannot be read as a picture.
            ShapeError: ``known`` fits neither size.
            CueError: no pixel is known.
        """
        picture = read_picture(part)
        believed, seen = self._known(picture, known)
        pixels = picture.pixels
        if believed is not None:  # an unknown pixel weighs nothing even where rounding would let it
            pixels = np.where(believed[..., None], pixels, 0)
        pixels = self._fit(self._coloured(pixels))
        if seen is not None and not seen.any():
            raise CueError("no pixel of the picture is known; its mask is False everywhere")
        if seen is not None:
            pixels = np.where(seen, pixels, 0).astype(np.uint8)
        flat = None if seen is None else seen.reshape(-1)
        point = Point(
            sense=self.name,
            code=pixels.tobytes(),
            known=None if flat is None else np.packbits(flat).tobytes(),
            original=picture.original,
            media_type=picture.media_type,
        )
        return Encoded(self.unpack([point.code])[0], flat, point)

    def decode(
        self, features: Float[np.ndarray, " dim"], known: Bool[np.ndarray, " dim"] | None
    ) -> UInt8[np.ndarray, "height width *channels"]:
        """Pixels to look at; borders that are unknown throughout (padding) are cut, holes black."""
        pixels = np.rint(features.clip(0, 1) * 255).astype(np.uint8).reshape(self.grid)
        if known is not None and not known.all():
            seen = known.reshape(self.grid).any(axis=-1)
            rows, columns = np.flatnonzero(seen.any(axis=-1)), np.flatnonzero(seen.any(axis=0))
            pixels = pixels[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return pixels[..., 0] if self.channels == 1 else pixels

    def unpack(self, codes: Sequence[bytes]) -> Float[np.ndarray, "batch dim"]:
        """Stored codes to features."""
        dim = self.resolution**2 * self.channels
        packed = np.frombuffer(b"".join(codes), np.uint8).reshape(len(codes), dim)
        return np.multiply(packed, np.float32(1 / 255), dtype=np.float32)

    def _coloured(
        self, pixels: UInt8[np.ndarray, "height width channels"]
    ) -> UInt8[np.ndarray, "height width colours"]:
        if pixels.shape[-1] == self.channels:
            return pixels
        if self.channels == 3:
            return np.repeat(pixels, 3, axis=-1)
        return np.asarray(Image.fromarray(pixels).convert("L"))[..., None]

    def _known(
        self, picture: Picture, given: Shaped[np.ndarray, "..."] | None
    ) -> tuple[
        Bool[np.ndarray, "height width"] | None, Bool[np.ndarray, "side side channels"] | None
    ]:
        """Which pixels are known, and at the memory's resolution those that come from them.

        None stands for all.
        """
        height, width = picture.pixels.shape[:2]
        if given is None and picture.known is None and height == width:
            return None, None
        opaque = np.ones((height, width), np.bool_) if picture.known is None else picture.known
        fitted = None
        if given is not None:
            given = np.asarray(given).astype(np.bool_)
            if given.shape == (height, width):
                opaque = opaque & given
            elif given.shape == (self.resolution, self.resolution):
                fitted = given
            else:
                raise ShapeError(
                    f"known has shape {given.shape}; it must be the picture's {height, width}"
                    f" or the memory's {self.resolution, self.resolution}"
                )
        if fitted is None and height == width and opaque.all():
            return opaque, None
        shown = self._fit((opaque * np.uint8(255))[..., None])[..., 0] >= CERTAIN * 255
        if fitted is not None:
            shown = shown & fitted
        return opaque, np.broadcast_to(shown[..., None], self.grid)

    def _fit(
        self, pixels: UInt8[np.ndarray, "height width channels"]
    ) -> UInt8[np.ndarray, "resolution resolution channels"]:
        """Scale to the memory's resolution, aspect kept, and pad with 0 on both sides."""
        height, width = pixels.shape[:2]
        if height == width == self.resolution:
            return pixels
        scale = self.resolution / max(height, width)
        size = max(1, round(width * scale)), max(1, round(height * scale))
        # kernels without negative lobes: a pixel fully covered by known ones is made of them alone
        kernel = Image.Resampling.BOX if scale < 1 else Image.Resampling.BILINEAR
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        small = np.asarray(image.resize(size, kernel)).reshape(size[1], size[0], -1)
        out = np.zeros((self.resolution, self.resolution, pixels.shape[-1]), np.uint8)
        top, left = (self.resolution - size[1]) // 2, (self.resolution - size[0]) // 2
        out[top : top + size[1], left : left + size[0]] = small
        return out
