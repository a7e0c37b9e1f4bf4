"""Quality codes that differ from place to place (spec/image.md, "Qualities").

Steps, and all that networks know of them, follow the code of the cell. Cells that are larger than
a block of the map have the best quality of their blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import decode_levels, encode_levels
from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import EntropyError, FormatError
from pauca.image import layout
from pauca.image.window import Window
from pauca.limits import Limits

QUALITIES = "Q"
SIDE = 64  # pixels of a block of the map
MOST = 32  # different codes

Codes = NDArray[np.int16]
Where = int | Codes  # one code for all cells of a window, or one for each
A = TypeVar("A", bound=NDArray[Any])


@dataclass(frozen=True)
class Qualities:
    """`code` 0..400 of the header; `map` of blocks of the padded picture (h, w), None for none."""

    code: int
    map: Codes | None = None

    def on(self, side: int, window: Window) -> Where:
        """Codes on cells of `side` pixels, a power of two, in a window of them."""
        if self.map is None:
            return self.code
        rows, columns = window
        if side <= SIDE:
            blocks = window.shrink(SIDE // side)
            part = self.map[blocks.slices]
            part = np.repeat(np.repeat(part, SIDE // side, 0), SIDE // side, 1)
            part = part[window.within(blocks.scale(SIDE // side))]
        else:
            factor = side // SIDE
            blocks = window.scale(factor)
            part = self.map[blocks.slices]
            shape = (rows.stop - rows.start, factor, columns.stop - columns.start, factor)
            part = part.reshape(shape).max((1, 3))
        first = int(part[0, 0])
        return first if (part == first).all() else part


def by_code(where: Where, make: Callable[[int], A], spread: int = 1, planes: bool = False) -> A:
    """What `make` gives for the code of each cell, put together; `make` sees all cells.

    Arrays have `spread` samples along the side of a cell, rows and columns first, or last if they
    are `planes`.
    """
    if isinstance(where, int):
        return make(where)
    out: A | None = None
    for code in np.unique(where):
        part = make(int(code))
        if out is None:
            out = part.copy()
            continue
        here = np.repeat(np.repeat(where == code, spread, 0), spread, 1)
        if not planes:
            here = here.reshape(*here.shape, *[1] * (part.ndim - 2))
        np.copyto(out, part, where=here)
    assert out is not None
    return out


def rounded_quality(where: Where) -> Where:
    """The quality that networks are told, 0..100."""
    return (where + 2) // 4


def blocks_of(size: tuple[int, int]) -> tuple[int, int]:
    """Blocks down and across a padded picture."""
    return size[0] // SIDE, size[1] // SIDE


def encode_qualities(codes: Codes) -> bytes:
    """The payload of chunk Q; at most MOST different codes."""
    known, levels = np.unique(codes, return_inverse=True)
    if len(known) > MOST:
        raise ValueError(f"{len(known)} different qualities, at most {MOST}")
    head = b"".join(encode_varint(int(value)) for value in (len(known), *known))
    return head + encode_levels(levels.reshape(codes.shape).astype(np.int32), codes.shape[1], "mix")


def decode_qualities(payload: bytes | memoryview, size: tuple[int, int], limits: Limits) -> Codes:
    """The map in chunk Q for a padded picture of `size`; `FormatError` and its children."""
    cursor = Cursor(payload, "map of qualities")
    count = cursor.varint()
    if not 1 <= count <= MOST:
        raise FormatError(f"a map of {count} different qualities; 1..{MOST} known")
    known = [cursor.varint() for _ in range(count)]
    if known[-1] >= layout.QUALITIES or any(a >= b for a, b in zip(known, known[1:], strict=False)):
        raise FormatError("the qualities of a map must rise and be at most 100")
    high, wide = blocks_of(size)
    limits.check_memory(8 * high * wide, "decoding the map of qualities")
    levels = decode_levels(bytes(cursor.take(cursor.remaining)), high * wide, wide)
    if not 0 <= int(levels.min()) <= int(levels.max()) < count:
        raise EntropyError("the map of qualities names one that is not listed")
    return np.array(known, np.int16)[levels.reshape(high, wide)]
