"""Lossless WebP by Pillow; what its header declares is checked before anything is decoded."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray

from pauca.errors import FormatError, InputError, LimitError

Pixels = NDArray[np.uint8]

MAX_SIDE = 16383
HEAD_BYTES = 20  # RIFF, size, WEBP, VP8L, size
_SIGNATURE, _SIDE_BITS = 0x2F, 14


def can_write() -> bool:
    """Whether this Pillow knows WebP."""
    from PIL import features

    return bool(features.check("webp"))


def encode_lossless(pixels: Pixels, quality: int = 75, method: int = 4) -> bytes:
    """Return a WebP file of one lossless frame of (H, W) or (H, W, 3) samples, sides up to 16383.

    `quality` 0..100 and `method` 0..6: effort. `InputError` where Pillow has no WebP.
    """
    from PIL import Image

    if not can_write():
        raise InputError("this Pillow cannot write WebP, which codes graphics")
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "WEBP", lossless=True, quality=quality, method=method)
    return buffer.getvalue()


def decode_lossless(file: bytes, shape: tuple[int, int], what: str) -> Pixels:
    """Return the samples (H, W, 3) of a file of one lossless frame of `shape` without alpha.

    Raises `FormatError` on any other; `what` names the picture in it.
    """
    from PIL import Image

    if file[12:16] != b"VP8L":
        raise FormatError(f"{what} is not a lossless WebP picture")
    if _declared(file[HEAD_BYTES : HEAD_BYTES + 5]) != shape:
        raise FormatError(f"{what} is a WebP picture of another size or kind")
    try:
        with Image.open(io.BytesIO(file), formats=["WEBP"]) as image:
            frames = getattr(image, "n_frames", 1)
            if image.size != shape[::-1] or image.mode != "RGB" or frames > 1:
                raise FormatError(f"{what} is a WebP picture of another size or kind")
            return np.asarray(image)
    except (FormatError, MemoryError):
        raise
    except Image.DecompressionBombError as error:
        raise LimitError(f"{what}: {error}") from error
    except Exception as error:  # a parser of foreign bytes: any exception means bad bytes
        raise FormatError(f"{what} is a damaged WebP picture: {error}") from error


def bare(file: bytes) -> bytes:
    """The VP8L bitstream of a lossless file, without the 20 bytes around it."""
    size = int.from_bytes(file[HEAD_BYTES - 4 : HEAD_BYTES], "little")
    return file[HEAD_BYTES : HEAD_BYTES + size]


def dressed(bitstream: bytes) -> bytes:
    """Inverse of `bare`."""
    padded = bitstream + bytes(len(bitstream) % 2)
    sizes = [size.to_bytes(4, "little") for size in (len(padded) + 12, len(bitstream))]
    return b"RIFF" + sizes[0] + b"WEBPVP8L" + sizes[1] + padded


def _declared(head: bytes) -> tuple[int, int] | None:
    """Height and width in the header of a VP8L bitstream without alpha, None of any other."""
    bits = int.from_bytes(head[1:5], "little")
    if len(head) < 5 or head[0] != _SIGNATURE or bits >> 2 * _SIDE_BITS:
        return None
    side = (1 << _SIDE_BITS) - 1
    return (bits >> _SIDE_BITS & side) + 1, (bits & side) + 1
