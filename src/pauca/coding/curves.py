"""Integer cumulative curves, of which mixtures are made (spec/mixture.md); kept as data."""

from __future__ import annotations

import math
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca._core import NativeCurves
from pauca.errors import PackError

TOP = 65535  # where curves end
UNIT = 16  # positions in a step
CODES = 64  # of weights, an eighth of a bit apart
DEVIATIONS = 4.0  # half the length of a Gaussian's curve


@dataclass(frozen=True, eq=False)
class Curves:
    """A set of up to 256 curves, and the shares that weight codes stand for.

    `values`: (sum of 2 reach + 1,) uint16, the rows of all curves one after another; a row never
    falls, begins with 0 and ends with 65535. `reach`: (n,) int32, at least 1. `shift`: (n,) uint8,
    0 to 4: a value every 2^shift sixteenths of a step, reach * 2^shift at most 32768.
    `shares`: (1 to 256,) uint16 of 1 to 4096.
    """

    values: NDArray[np.uint16]
    reach: NDArray[np.int32]
    shift: NDArray[np.uint8]
    shares: NDArray[np.uint16]

    def __len__(self) -> int:
        """Return the number of curves."""
        return int(self.reach.shape[0])


# As for tables: a parsed set lives as long as its Curves.
_native: weakref.WeakKeyDictionary[Curves, NativeCurves] = weakref.WeakKeyDictionary()


def native_curves(curves: Curves) -> NativeCurves:
    """Return the curves in the core's form, made once; `PackError` if they are not well-formed."""
    native = _native.get(curves)
    if native is None:
        parts: tuple[NDArray[Any], ...] = (curves.values, curves.reach, curves.shift, curves.shares)
        kinds = (np.uint16, np.int32, np.uint8, np.uint16)
        if any(
            part.dtype != kind or part.ndim != 1 for part, kind in zip(parts, kinds, strict=True)
        ):
            raise PackError(
                "curves: values and shares must be (n,) uint16, reach int32, shift uint8"
            )
        native = NativeCurves(
            np.ascontiguousarray(curves.values),
            np.ascontiguousarray(curves.reach),
            np.ascontiguousarray(curves.shift),
            np.ascontiguousarray(curves.shares),
        )
        _native[curves] = native
    return native


def gaussian_curves(scales: Sequence[float]) -> Curves:
    """Make one Gaussian curve per standard deviation, in steps, of 0.01 to 512.

    Where the deviation is large the grid is coarser, down to whole steps: 32 values a deviation
    lose less than 0.0001 bit. Weight code w, 0 to 63, stands for 2^(-w / 8). `PackError` otherwise.
    """
    rows, shifts = [], []
    for scale in scales:
        if not 0.01 <= scale <= 512:
            raise PackError("curves: scales must lie between 0.01 and 512")
        shift = min(4, max(0, math.floor(math.log2(scale / 2))))
        reach = math.ceil(DEVIATIONS * scale * UNIT / (1 << shift))
        rows.append(_gaussian_row(scale * UNIT, reach, shift))
        shifts.append(shift)
    if not rows:
        raise PackError("curves: no scale given")
    shares = np.rint(4096 * 2.0 ** (-np.arange(CODES) / 8)).astype(np.uint16)
    curves = Curves(
        np.concatenate(rows),
        np.array([len(row) // 2 for row in rows], np.int32),
        np.array(shifts, np.uint8),
        shares,
    )
    native_curves(curves)
    return curves


def _gaussian_row(scale: float, reach: int, shift: int) -> NDArray[np.uint16]:
    """Return the values, each at the middle of the 2^shift positions that share it.

    `scale` is in positions, too.
    """
    middle = ((1 << shift) - 1) / 2
    places = [((g << shift) + middle) / (scale * math.sqrt(2.0)) for g in range(-reach, reach + 1)]
    row = np.array([min(TOP, round(32768 * math.erfc(-z))) for z in places], np.uint16)
    row[0], row[-1] = 0, TOP
    return row
