"""The passes of a level, and where their symbols come from: rounding or entropy decoding."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pauca.image.window import Window

CHROMA = "c"
PARTS = (
    "0",
    "1",
    "2",
    "3",
    CHROMA,
    "d",
)  # four passes of luma, one of chroma, what leaves the level


class TileCoder(Protocol):
    """Source of the symbols of one tile of a level."""

    def mask(self, octaves: NDArray[np.int8]) -> None:
        """Octaves (h, w, 2) in 1/8 that the steps of luma and chroma grow by; before `details`."""

    def details(
        self, part: str, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Symbols (h * w * k,) of pass `part` ("0".."3", "c") from means and indexes (h, w, k)."""

    def finish(self) -> None:
        """The tile has no more symbols."""


class Coder(Protocol):
    """Source of symbols; tiles of one level may be coded side by side if `tile_cells` is not 0."""

    tile_cells: int  # side of a tile in cells, 0 where a level is one tile

    def low(self, shape: tuple[int, int, int]) -> NDArray[np.int32]:
        """Quantized lowest band (3, h, w)."""

    def tile(self, level: int, number: int, window: Window) -> TileCoder:
        """Tile `number`, row after row, of a level: the cells in `window`."""


def code_pass(
    coder: TileCoder, part: str, head: NDArray[np.integer]
) -> tuple[NDArray[np.int16], NDArray[np.int16]]:
    """Head (h, w, 2k) of a pass to its means (h, w, k) and symbols (h * w * k,)."""
    half = head.shape[2] // 2
    wide = np.ascontiguousarray(head, dtype=np.int16)
    indexes = np.ascontiguousarray(head[..., half:], dtype=np.uint8)
    return wide[..., :half], coder.details(part, wide[..., :half], indexes)
