"""Efforts 4 to 6: how much rounding weighs bits, chosen block by block by what it does.

The encoder's own choice of integers sees neither contexts nor filters (image/choose.py). So the
picture is coded several times, with another weight of bits each, and every block keeps the weight
that made its bits and its error, as a decoder has it, cost least.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

from pauca.coding import Tables
from pauca.image.analysis import Rows
from pauca.image.window import Window

BLOCK = 32  # pixels along the side
LOG_BLOCK = 5
# Weights that are tried, in the usual one; by effort.
_THREE = (0.3, 1.0, 2.0)
FACTORS = {4: (0.5, 1.5), 5: _THREE, 6: (0.0, 0.5, 1.0, 1.6, 2.4), 7: _THREE, 8: _THREE, 9: _THREE}

Weights = NDArray[np.float32]  # (blocks down, blocks across)


class Ledger:
    """Bits and squared error of every block of a padded picture."""

    def __init__(self, size: tuple[int, int], tables: Tables) -> None:
        shape = (size[0] >> LOG_BLOCK, size[1] >> LOG_BLOCK)
        self.bits, self.error = np.zeros(shape), np.zeros(shape)
        self._tables = tables
        self._price = tables.bits().astype(np.float32)

    def spend(
        self, level: int, window: Window, symbols: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> None:
        """Note the bits of the symbols of a pass (h * w * k,) on the cells of a window."""
        reach = -self._tables.offset[indexes].astype(np.int32)
        bits = self._price[indexes, reach + symbols.clip(-reach, reach)]
        rows, columns = (span.stop - span.start for span in window)
        cells = bits.reshape(rows, columns, -1).sum(2, dtype=np.float64)
        log = level + 1 - LOG_BLOCK  # of the side of a cell in blocks
        if log >= 0:
            spread = np.ones((1 << log, 1 << log)) / 4**log
            self.bits[window.scale(1 << log).slices] += np.kron(cells, spread)
        else:
            self.bits[window.shrink(1 << -log).slices] += _sums(cells, 1 << -log)

    def see(self, pixels: Rows, decoded: Iterable[NDArray[np.uint8]]) -> None:
        """Note the error of a decoded picture, given from top to bottom."""
        width, top = pixels.shape[1], 0
        for rows in decoded:
            error = np.square(rows.astype(np.int32) - pixels[top : top + len(rows), 0:width])
            error = 3 * error if error.ndim == 2 else error.sum(2)
            across = np.zeros((len(rows), self.error.shape[1] * BLOCK))
            across[:, :width] = error
            blocks = across.reshape(len(rows), -1, BLOCK).sum(2)
            np.add.at(self.error, np.arange(top, top + len(rows)) >> LOG_BLOCK, blocks)
            top += len(rows)


def on_cells(weights: Weights, level: int, window: Window) -> NDArray[np.float32]:
    """Weights of blocks on the cells of a window of a level (h, w)."""
    log = level + 1 - LOG_BLOCK
    if log < 0:
        part = weights[window.shrink(1 << -log).slices]
        return np.kron(part, np.ones((1 << -log, 1 << -log), np.float32))
    part = weights[window.scale(1 << log).slices]
    mean: NDArray[np.float32] = _sums(part, 1 << log) / np.float32(4**log)
    return mean


def cheapest(
    effort: int,
    price: float,
    size: tuple[int, int],
    trial: Callable[[Weights], Ledger],
) -> Weights:
    """The best of FACTORS for every block; `trial` codes with weights of blocks, `price` is what a
    squared level costs in bits.
    """
    shape = (size[0] >> LOG_BLOCK, size[1] >> LOG_BLOCK)
    factors = np.array(FACTORS[effort], np.float32)
    costs = []
    for factor in factors:
        ledger = trial(np.full(shape, factor, np.float32))
        costs.append(ledger.bits + price * ledger.error)
    best: Weights = factors[np.argmin(costs, 0)]
    return best


def _sums(values: NDArray[np.floating], side: int) -> NDArray[np.floating]:
    """Sums of side x side values."""
    h, w = values.shape
    total: NDArray[np.floating] = values.reshape(h // side, side, w // side, side).sum((1, 3))
    return total
