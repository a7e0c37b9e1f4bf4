"""A picture as pixels and what surrounds them, and which way up it is."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from pauca.container.metadata import EXIF_HEAD, Metadata

Pixels = NDArray[np.uint8]  # (H, W) grey, (H, W, 2) grey and alpha, (H, W, 3) RGB, (H, W, 4) RGBA

ORIENTATION = 0x0112


@dataclass(frozen=True)
class Picture:
    """`pixels`: uint8, (H, W), (H, W, 2) grey and alpha, (H, W, 3) or (H, W, 4) RGB and alpha; in
    the order they are stored, which the EXIF orientation in `metadata` may turn on display.
    """

    pixels: Pixels
    metadata: Metadata = Metadata()


def colours_of(pixels: Pixels) -> Pixels:
    """The colours, (H, W) or (H, W, 3), of pixels with alpha, (H, W, 2) or (H, W, 4)."""
    return np.ascontiguousarray(pixels[..., 0] if pixels.shape[2] == 2 else pixels[..., :3])


def with_metadata(picture: Picture, metadata: Metadata) -> Picture:
    """Return the picture with `metadata` instead of its own.

    Its samples are turned as its own EXIF says, unless the new EXIF says which way up they are.
    """
    if orientation(metadata.exif):
        return replace(picture, metadata=metadata)
    return Picture(turn(picture.pixels, orientation(picture.metadata.exif)), metadata)


def orientation(exif: bytes) -> int:
    """Return the orientation in EXIF, 1..8, or 0 where there is none or it is damaged."""
    from PIL import Image

    value: object = 0
    if exif:
        with contextlib.suppress(Exception):  # a parser of foreign bytes
            tags = Image.Exif()
            tags.load(EXIF_HEAD + exif)
            value = tags.get(ORIENTATION, 0)
    return value if isinstance(value, int) and 1 <= value <= 8 else 0


def turn(pixels: Pixels, orientation: int) -> Pixels:
    """Return `pixels` (H, W) or (H, W, C) as EXIF `orientation` 1..8 asks; 0 changes nothing."""
    if orientation <= 1:
        return pixels
    pixels = np.asarray(pixels)  # which may be rows of a large picture
    if orientation >= 5:  # rows and columns change places
        pixels = pixels.swapaxes(0, 1)
    rows = -1 if orientation in (3, 4, 7, 8) else 1
    columns = -1 if orientation in (2, 3, 6, 7) else 1
    return np.ascontiguousarray(pixels[::rows, ::columns])
