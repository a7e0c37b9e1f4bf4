"""What lies between the entropy coder and the networks of a level, in exact integers.

Definition: spec/image.md, "One level". A level is coded on h x w cells; its bands have 2h x 2w
samples, folded 2x2: phase = 2 * (row & 1) + (col & 1). Luma has 12 values per cell, channel =
3 * pass + band, at phase `layout.LUMA_ORDER[band][pass]`; chroma has 24, channel =
12 * (colour - 1) + 4 * band + phase. Values y16 count 1/16 of a quantization step.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pauca._core import (
    level_compand,
    level_dequantize,
    level_differences,
    level_extend,
    level_merge_values,
)
from pauca.errors import InputError
from pauca.image.layout import LUMA_ORDER, MASK_REACH, luma_pass_of_phase, mask_table

DIFFERENCE_MAX = 1 << 13  # of the low band, in its integer units
RECIPROCAL_MAX = (1 << 18) - 2  # exclusive: with DIFFERENCE_MAX, plus 2**14, it fits 31 bits
DETAIL_MAX = 1 << 20
VALUE_MAX = (1 << 20) - 1  # of a value in 1/16 steps


def differences(
    low: NDArray[np.int32], reciprocal: int, table: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Low band (3, 2h, 2w) to companded differences (h, w, 36).

    channel = 4 * (3 * difference + colour) + phase for the horizontal, vertical and cross
    difference. `reciprocal` / 2**15 turns a difference into 1/16 steps, 0 <= reciprocal < 2**17;
    `table` is `layout.compand_table()`. Raises `InputError` on other shapes, types and ranges, as
    every function here.
    """
    try:
        return level_differences(np.ascontiguousarray(low), reciprocal, table)
    except (TypeError, ValueError) as error:
        raise refused("differences", error) from None


def compand(y16: NDArray[np.int32], table: NDArray[np.int8]) -> NDArray[np.int8]:
    """Values (h, w, k) in 1/16 steps to signed 8-bit units of the networks."""
    try:
        return level_compand(np.ascontiguousarray(y16), table)
    except (TypeError, ValueError) as error:
        raise refused("compand", error) from None


def merge_values(symbols: NDArray[np.int16], mean16: NDArray[np.int16]) -> NDArray[np.int32]:
    """Symbols (h * w * k,) and means (h, w, k) in 1/16 steps to values y16 (h, w, k).

    The means may be the first channels of a head's output: a view, not copied.
    """
    try:
        return level_merge_values(np.ascontiguousarray(symbols), mean16)
    except (TypeError, ValueError) as error:
        raise refused("merge_values", error) from None


def extend(
    symbols: NDArray[np.int16],
    mean16: NDArray[np.int16],
    known: NDArray[np.int8],
    table: NDArray[np.int8],
) -> tuple[NDArray[np.int32], NDArray[np.int8]]:
    """Values y16 (h, w, k) as of `merge_values`, and `known` (h, w, m) with the companded values
    behind: (h, w, m + k).
    """
    try:
        return level_extend(symbols, mean16, known, table)
    except (TypeError, ValueError) as error:
        raise refused("extend", error) from None


def unmask(y16: NDArray[np.int32], octaves: NDArray[np.integer]) -> NDArray[np.int32]:
    """Values (h, w, k) in 1/16 of steps that grew by `octaves` (h, w, 1) in 1/8, to 1/16 steps."""
    factors = mask_table()[octaves.astype(np.intp) + MASK_REACH].astype(np.int64)
    grown = (y16.astype(np.int64) * factors + 2048) >> 12
    return grown.clip(-VALUE_MAX, VALUE_MAX).astype(np.int32)


def dequantize(
    luma: Sequence[NDArray[np.int32]], chroma: NDArray[np.int32], steps: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Values of four passes of luma (h, w, 3) and of chroma (h, w, 24) to details (3, 3, 2h, 2w).

    `steps` (3, 3) per colour and band count 1/16 of the unit of the details:
    clip((y16 * step + 128) >> 8, +-2**20).
    """
    try:
        passes = [np.ascontiguousarray(values) for values in luma]
        return level_dequantize(passes, *(np.ascontiguousarray(x) for x in (chroma, steps)))
    except (TypeError, ValueError) as error:
        raise refused("dequantize", error) from None


def refused(what: str, error: Exception) -> InputError:
    """What is raised where the core refuses its arguments."""
    return InputError(f"level: {what}: {str(error).splitlines()[0]}")


def differences_plain(
    low: NDArray[np.int32], reciprocal: int | NDArray[np.int32], table: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Numpy twin of `differences`, also for a factor of every sample (2h, 2w)."""
    p = np.pad(low, ((0, 0), (1, 1), (1, 1)), mode="edge")
    left, right, above, below = p[:, 1:-1, :-2], p[:, 1:-1, 2:], p[:, :-2, 1:-1], p[:, 2:, 1:-1]
    d = np.stack([right - left, below - above, np.int32(4) * low - right - left - below - above])
    d = np.clip(d, -DIFFERENCE_MAX, DIFFERENCE_MAX)
    n16 = (d * np.asarray(reciprocal, np.int32) + np.int32(1 << 14)) >> 15
    return _fold(compand_plain(n16, table).reshape(9, *low.shape[1:]))


def compand_plain(y16: NDArray[np.int32], table: NDArray[np.int8]) -> NDArray[np.int8]:
    """Numpy twin of `compand`."""
    largest = table.size - 1
    magnitude = table[np.abs(np.clip(y16, -largest, largest))]
    return np.where(y16 < 0, -magnitude, magnitude)


def merge_values_plain(symbols: NDArray[np.int16], mean16: NDArray[np.int16]) -> NDArray[np.int32]:
    """Numpy twin of `merge_values`."""
    return 16 * symbols.astype(np.int32).reshape(mean16.shape) + mean16


def dequantize_plain(
    luma: Sequence[NDArray[np.int32]], chroma: NDArray[np.int32], steps: NDArray[np.int32]
) -> NDArray[np.int32]:
    """Numpy twin of `dequantize`."""
    h, w, _ = chroma.shape
    cells = np.empty((h, w, 3, 3, 4), np.int64)
    for band, passes in enumerate(luma_pass_of_phase()):
        cells[:, :, 0, band] = np.stack([luma[number][..., band] for number in passes], 2)
    cells[:, :, 1:] = chroma.reshape(h, w, 2, 3, 4)
    value = (cells * steps.astype(np.int64)[:, :, None] + 128) >> 8
    bounded: NDArray[np.int32] = np.clip(value, -DETAIL_MAX, DETAIL_MAX).astype(np.int32)
    grid = bounded.reshape(h, w, 3, 3, 2, 2).transpose(2, 3, 0, 4, 1, 5)
    return grid.reshape(3, 3, 2 * h, 2 * w)


def gather(details: NDArray[np.float32], steps: NDArray[np.float32]) -> list[NDArray[np.float32]]:
    """Float details (3, 3, 2h, 2w) and steps (3, 3) to values in steps, pass by pass.

    Details and steps count the same unit; the results are four of (h, w, 3) and one (h, w, 24).
    """
    h, w = details.shape[2] // 2, details.shape[3] // 2
    y = (details / steps[:, :, None, None]).reshape(3, 3, h, 2, w, 2)
    cells = y.transpose(2, 4, 0, 1, 3, 5).reshape(h, w, 3, 3, 4)
    orders = zip(*LUMA_ORDER, strict=True)
    luma = [cells[:, :, 0, (0, 1, 2), phases] for phases in orders]
    return [*luma, cells[:, :, 1:].reshape(h, w, 24)]


def _fold(x: NDArray[np.int8]) -> NDArray[np.int8]:
    """(c, 2h, 2w) to (h, w, 4c), channel = 4 * c + phase."""
    c, hh, ww = x.shape
    cells = x.reshape(c, hh // 2, 2, ww // 2, 2).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(cells).reshape(hh // 2, ww // 2, 4 * c)
