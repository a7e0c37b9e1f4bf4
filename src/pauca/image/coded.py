"""What every encoder of pictures is asked for, and what it makes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pauca.container.chunks import Chunk, encode_stream
from pauca.container.headers import ImageHeader, encode_image_header
from pauca.errors import InputError
from pauca.image import layout
from pauca.image.analysis import Rows
from pauca.pack.image import ImagePack


@dataclass(frozen=True)
class EncodeOptions:
    """`quality` 0..100 (higher is better), `effort` 1..9 (higher is slower), `threads` 0 for all
    cores; `tile`: pixels along the side of a tile, a power of two, 0 for none, by default 1024 in
    pictures of more than 4 megapixels, 512 in those of more than 8192 columns.
    """

    quality: float = 50.0
    effort: int = 3
    threads: int = 0
    runtime: str = "native"
    tile: int | None = None


DEFAULTS = EncodeOptions()


@dataclass(frozen=True)
class Coded:
    """A picture coded at one quality: what its stream is made of."""

    header: ImageHeader
    payload: Sequence[Chunk]

    def stream(self, extras: Sequence[Chunk] = ()) -> bytes:
        """The complete stream, with chunks `extras` between header and payload."""
        header = Chunk("I", encode_image_header(self.header))
        return encode_stream([header, *extras, *self.payload])


def quality_code(quality: float) -> int:
    """Code 0..400 in the header of quality 0..100."""
    return round(quality * (layout.QUALITIES - 1) / 100)


def check_pixels(pixels: Rows, options: EncodeOptions) -> None:
    """Raise `InputError` unless there is a picture in `pixels` and `options` say how to code it."""
    shape = pixels.shape
    dtype = getattr(pixels, "dtype", np.dtype(np.uint8))
    if dtype != np.uint8 or len(shape) not in (2, 3) or (len(shape) == 3 and shape[2] != 3):
        raise InputError(f"pixels must be uint8 (H, W) or (H, W, 3), not {dtype} {shape}")
    if min(shape[:2]) < 1:
        raise InputError(f"a picture of {shape[1]} x {shape[0]} has no pixels")
    if not 0 <= options.quality <= 100:
        raise InputError(f"quality {options.quality} is outside 0..100")
    if not 1 <= options.effort <= 9:
        raise InputError(f"effort {options.effort} is outside 1..9")


def header_of(pixels: Rows, pack: ImagePack, code: int) -> ImageHeader:
    """The header of a picture at quality code 0..400."""
    height, width = pixels.shape[:2]
    channels = 1 if len(pixels.shape) == 2 else 3
    return ImageHeader(width, height, channels, pack.info.pack_id, code)
