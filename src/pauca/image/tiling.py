"""The payload of a picture whose levels are cut into tiles (spec/image.md, "Tiles").

Every tile of a level is a stream of its own, so that tiles can be decoded side by side, or a few of
them alone; every level is a chunk, so that a stream that ends early still has the coarser ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pauca.container.chunks import Chunk
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import FormatError, InputError, TruncatedError
from pauca.image import layout
from pauca.image.layout import ALIGN, CELL

LEVEL = "P"  # one chunk for the lowest band, one for every level
MIN_LOG, MAX_LOG = 5, 15  # of the side of a tile in cells
TILED_FROM = 1 << 22  # pixels from which on a picture is cut into tiles
TILE = 1024  # pixels along the side of a tile, unless told
WIDE = 8192  # columns above which tiles are half as large: a row of them is what takes memory


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Sides rounded up to what the transform needs."""
    return height + -height % ALIGN, width + -width % ALIGN


def tile_cells(tile: int | None, size: tuple[int, int]) -> int:
    """Side of a tile in cells, 0 for none; InputError where it cannot be."""
    if tile is None:
        tile = 0 if size[0] * size[1] <= TILED_FROM else TILE if size[1] <= WIDE else TILE // 2
    cells = tile // CELL
    if tile and (tile & (tile - 1) or not MIN_LOG <= cells.bit_length() - 1 <= MAX_LOG):
        low, high = (CELL << log for log in (MIN_LOG, MAX_LOG))
        raise InputError(f"a tile has a power of two pixels, {low}..{high}, or 0 for none")
    return cells


@dataclass(frozen=True)
class Tiled:
    """The parts of a payload: the lowest band, and the tiles of levels 6, 5, ..., as many as there
    are; `log_side` of a tile in cells.
    """

    log_side: int
    lowest: bytes
    levels: Sequence[Sequence[bytes | memoryview]]

    @property
    def tile_cells(self) -> int:
        """Side of a tile in cells."""
        return 1 << self.log_side


def tile_count(size: tuple[int, int], level: int, log_side: int) -> int:
    """Tiles of a level of a padded picture of `size`."""
    down, across = (-(-(side >> (level + 1)) >> log_side) for side in size)
    return down * across


def encode_tiled(tiled: Tiled) -> list[Chunk]:
    """Return the chunks of a payload."""
    chunks = [Chunk(LEVEL, bytes([tiled.log_side]) + tiled.lowest)]
    for tiles in tiled.levels:
        lengths = [encode_varint(len(tile)) for tile in tiles]
        chunks.append(Chunk(LEVEL, b"".join([*lengths, *tiles])))
    return chunks


def decode_tiled(payloads: Sequence[bytes | memoryview], size: tuple[int, int]) -> Tiled:
    """Inverse of `encode_tiled` for a padded picture of `size`; may lack finer levels.

    Raises `FormatError`, `TruncatedError`.
    """
    first = Cursor(payloads[0], "lowest band")
    log_side = first.u8()
    if not MIN_LOG <= log_side <= MAX_LOG:
        raise FormatError(f"tiles of 2**{log_side} cells; {MIN_LOG}..{MAX_LOG} allowed")
    if len(payloads) > 1 + layout.LEVELS:
        raise FormatError("a picture has more levels than there are")
    levels = []
    for number, payload in enumerate(payloads[1:]):
        level = layout.LEVELS - number
        cursor = Cursor(payload, f"level {level}")
        count = tile_count(size, level, log_side)
        if count > cursor.remaining:  # before a list of that length is made
            raise TruncatedError(f"level {level} has no room for {count} tiles")
        lengths = [cursor.varint() for _ in range(count)]
        levels.append([cursor.take(length) for length in lengths])
        cursor.finish()
    return Tiled(log_side, bytes(first.take(first.remaining)), levels)
