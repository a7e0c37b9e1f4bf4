"""The lowest band, H/64 x W/64: too small for a network, coded as differences along rows and down
the first column.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pauca.coding import Tables, entropy_bits
from pauca.errors import EntropyError

HEAD_BYTES = 3  # one table index per colour


def to_symbols(low: NDArray[np.int32], tables: Tables) -> tuple[NDArray[np.int16], bytes]:
    """(3, h, w) integers to symbols (3 * h * w,) and the three table indexes that make them
    smallest.
    """
    rows = np.diff(low, axis=2, prepend=np.int32(0))
    rows[:, :, 0] = np.diff(low[:, :, 0], axis=1, prepend=np.int32(0))
    symbols = rows.astype(np.int16)  # |low| < 2**14, so differences fit
    head = bytearray()
    for plane in symbols:
        flat = plane.ravel()
        bits = [
            entropy_bits(flat, np.full(flat.size, i, np.uint8), tables) for i in range(len(tables))
        ]
        head.append(int(np.argmin(bits)))
    return symbols.ravel(), bytes(head)


def from_symbols(symbols: NDArray[np.int16], shape: tuple[int, int, int]) -> NDArray[np.int32]:
    """Inverse of `to_symbols`; sums are taken modulo 2**32 and bounded by the caller."""
    rows = symbols.astype(np.int32).reshape(shape)
    rows[:, :, 0] = np.cumsum(rows[:, :, 0], axis=1, dtype=np.int32)
    return np.cumsum(rows, axis=2, dtype=np.int32)


def indexes(head: bytes, shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Table index of every symbol."""
    return np.repeat(np.frombuffer(head, np.uint8), shape[1] * shape[2])


def check(head: bytes, tables: Tables) -> None:
    """EntropyError unless every index names a table."""
    if max(head) >= len(tables):
        raise EntropyError("a table index of the lowest band is out of range")
