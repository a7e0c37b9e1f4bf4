"""What a stream says of its own difference from the original: chunk `f` (spec/image.md)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from pauca.container.chunks import Chunk
from pauca.container.cursor import Cursor
from pauca.errors import FormatError

FIDELITY = "f"
FIDELITY_BYTES = 11
TILE = 64  # samples a side; a mean over the picture hides a spoilt face of this size
MAX_TILES = 1 << 16  # along a side

HUNDREDTHS = 100  # a PSNR counts 1/100 dB
MILLIONTHS = 1_000_000  # an MS-SSIM counts these
EQUAL = 0xFFFF  # a PSNR without end: no sample differs
TINY = 1e-6  # of a unit, so that a figure read from a stream is written as it was


@dataclass(frozen=True)
class Fidelity:
    """The payload of chunk `f`: `psnr` and `tile_psnr`, of the worst tile of 64 x 64, in dB, `inf`
    where no sample differs; `ms_ssim` 0..1; `tile`: x and y of that tile's upper left pixel.
    """

    psnr: float
    ms_ssim: float
    tile_psnr: float
    tile: tuple[int, int]


def encode_fidelity(fidelity: Fidelity) -> bytes:
    """Return the payload of chunk `f`, 11 bytes; figures are rounded down, so that none claims too
    much. `ValueError` if invalid.
    """
    x, y = (place // TILE for place in fidelity.tile)
    if not (0 <= x < MAX_TILES and 0 <= y < MAX_TILES) or not 0 <= fidelity.ms_ssim <= 1:
        raise ValueError(f"fidelity out of range: {fidelity}")
    return b"".join(
        [
            _hundredths(fidelity.psnr).to_bytes(2, "little"),
            math.floor(fidelity.ms_ssim * MILLIONTHS + TINY).to_bytes(3, "little"),
            _hundredths(fidelity.tile_psnr).to_bytes(2, "little"),
            x.to_bytes(2, "little"),
            y.to_bytes(2, "little"),
        ]
    )


def decode_fidelity(payload: bytes | memoryview, width: int, height: int) -> Fidelity:
    """Return what chunk `f` of a picture of this size says.

    Raises `FormatError`, `TruncatedError`.
    """
    cursor = Cursor(payload, "fidelity")
    psnr, similarity = cursor.u16(), cursor.u16() | cursor.u8() << 16
    tile_psnr, x, y = cursor.u16(), cursor.u16(), cursor.u16()
    cursor.finish()
    if similarity > MILLIONTHS:
        raise FormatError(f"fidelity: MS-SSIM of {similarity} millionths")
    if x * TILE >= width or y * TILE >= height:
        raise FormatError(f"fidelity: tile ({x}, {y}) is outside the picture")
    if tile_psnr > psnr or (psnr == EQUAL) != (tile_psnr == EQUAL):
        raise FormatError("fidelity: the worst tile is better than the picture")
    return Fidelity(
        _decibels(psnr), similarity / MILLIONTHS, _decibels(tile_psnr), (x * TILE, y * TILE)
    )


def find_fidelity(chunks: Sequence[Chunk], width: int, height: int) -> Fidelity | None:
    """Return what a picture stream of these chunks says of its fidelity; None if nothing.

    Raises `FormatError` (malformed, or more than one chunk `f`), `TruncatedError`.
    """
    found = [chunk for chunk in chunks if chunk.type == FIDELITY]
    if len(found) > 1:
        raise FormatError("a picture stream has at most one chunk 'f'")
    return decode_fidelity(found[0].payload, width, height) if found else None


def _hundredths(psnr: float) -> int:
    if not psnr >= 0:
        raise ValueError(f"a PSNR of {psnr} dB")
    return EQUAL if math.isinf(psnr) else min(math.floor(psnr * HUNDREDTHS + TINY), EQUAL - 1)


def _decibels(hundredths: int) -> float:
    return math.inf if hundredths == EQUAL else hundredths / HUNDREDTHS
