"""Tiles with what their filters see around them, for networks whose output must know no seams."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product


@dataclass(frozen=True)
class Tile:
    """A tile: `rows`, `columns` of the plane that it is for, and those `seen`, a halo more."""

    rows: slice
    columns: slice
    seen_rows: slice
    seen_columns: slice

    def inside(self, scale: int = 1) -> tuple[slice, slice]:
        """Where the tile lies in what was made of the seen part, `scale` times as large."""
        return (
            _scaled(self.rows, self.seen_rows.start, scale),
            _scaled(self.columns, self.seen_columns.start, scale),
        )

    def outside(self, scale: int = 1) -> tuple[slice, slice]:
        """Where the tile lies in the whole, `scale` times as large."""
        return _scaled(self.rows, 0, scale), _scaled(self.columns, 0, scale)


def tiles(height: int, width: int, size: int, halo: int) -> Iterator[Tile]:
    """Cut a plane into tiles of `size`, each seen with `halo` more on every side that has it."""
    for top, left in product(range(0, height, size), range(0, width, size)):
        bottom, right = min(top + size, height), min(left + size, width)
        yield Tile(
            slice(top, bottom),
            slice(left, right),
            slice(max(top - halo, 0), min(bottom + halo, height)),
            slice(max(left - halo, 0), min(right + halo, width)),
        )


def _scaled(part: slice, origin: int, scale: int) -> slice:
    return slice((part.start - origin) * scale, (part.stop - origin) * scale)
