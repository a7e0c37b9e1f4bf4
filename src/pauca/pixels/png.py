"""PNG files written row by row: a large picture need not be in memory."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

SIGNATURE = b"\x89PNG\r\n\x1a\n"
COLOUR_TYPES = {1: 0, 3: 2}  # of grey and RGB
LEVEL = 6
AT_ONCE = 1 << 16  # bytes of compressed data in a chunk, at least

SUB, UP, PAETH = 1, 2, 4  # filters that are tried: those that photographs use

Pixels = NDArray[np.uint8]


def write_png(
    file: BinaryIO, rows: Iterable[Pixels], size: tuple[int, int, int], ancillary: bytes = b""
) -> None:
    """Write a PNG of `size` (H, W, channels 1 or 3) from its rows (h, W) or (h, W, 3) uint8.

    `ancillary`: whole chunks between header and data, see `ancillary_chunks`.
    """
    height, width, channels = size
    header = width.to_bytes(4, "big") + height.to_bytes(4, "big")
    file.write(SIGNATURE + _chunk(b"IHDR", header + bytes([8, COLOUR_TYPES[channels], 0, 0, 0])))
    file.write(ancillary)
    packer = zlib.compressobj(LEVEL, strategy=zlib.Z_FILTERED)
    above = np.zeros((1, width * channels), np.uint8)
    waiting = b""
    for part in rows:
        flat = part.reshape(len(part), -1)
        for start in range(0, len(flat), 64):  # the filters' temporaries are larger than the rows
            some = flat[start : start + 64]
            waiting += packer.compress(filtered(some, above, channels).tobytes())
            above = some[-1:].copy()
            if len(waiting) >= AT_ONCE:
                file.write(_chunk(b"IDAT", waiting))
                waiting = b""
    file.write(_chunk(b"IDAT", waiting + packer.flush()) + _chunk(b"IEND", b""))


def filtered(rows: Pixels, above: Pixels, step: int) -> Pixels:
    """Rows (h, n) after a row `above` (1, n) to (h, 1 + n): the filter of every row and its bytes.

    `step`: bytes of a pixel. The filter is the one whose differences have the smallest sum.
    """
    up = np.concatenate([above, rows[:-1]])
    left, corner = (np.pad(x, ((0, 0), (step, 0)))[:, :-step] for x in (rows, up))
    a, b, c = (x.astype(np.int16) for x in (left, up, corner))
    to_left, to_up = np.abs(b - c), np.abs(a - c)
    to_corner = np.abs(a + b - 2 * c)
    paeth = np.where(
        (to_left <= to_up) & (to_left <= to_corner), left, np.where(to_up <= to_corner, up, corner)
    )
    tried = np.stack([rows - left, rows - up, rows - paeth])
    sums = np.abs(tried.view(np.int8).astype(np.int16)).sum(2, dtype=np.int64)
    best = sums.argmin(0)
    out = np.empty((len(rows), 1 + rows.shape[1]), np.uint8)
    out[:, 0] = np.array([SUB, UP, PAETH])[best]
    out[:, 1:] = tried[best, np.arange(len(rows))]
    return out


def ancillary_chunks(png: bytes) -> bytes:
    """The chunks of a PNG file besides those of its pixels: what carries profile, EXIF, XMP."""
    kept, at = [], len(SIGNATURE)
    while at < len(png):
        end = at + 12 + int.from_bytes(png[at : at + 4], "big")
        if png[at + 4 : at + 8] not in (b"IHDR", b"PLTE", b"IDAT", b"IEND"):
            kept.append(png[at:end])
        at = end
    return b"".join(kept)


def _chunk(type: bytes, payload: bytes) -> bytes:
    checksum = zlib.crc32(payload, zlib.crc32(type))
    return len(payload).to_bytes(4, "big") + type + payload + checksum.to_bytes(4, "big")
