"""Levels of a change of the head under the price of their bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import encode_levels
from pauca.pack.intnet import Layer
from pauca.video.filters.update import UNIT

RIDGE = 1e-4  # of the start, in proportion to the mean diagonal
SWEEPS = 6
EXPONENTS = range(6)
TABLE = 512  # magnitudes with a price of their own

Floats = NDArray[np.float64]
Levels = NDArray[np.int32]


@dataclass(frozen=True)
class Problem:
    """A plane's rows of the head: gain of a change d (rows, C + 1) of its integers, in squared
    levels, is `2 g . d - d' H d` for every row, summed.
    """

    gram: Floats  # (C + 1, C + 1)
    cross: Floats  # (C + 1, rows)
    head: Layer
    part: slice

    def scaled(self) -> tuple[Floats, Floats]:
        """Gradients (rows, C + 1), and by row what the Gram matrix is multiplied by."""
        unit = np.exp2(-self.head.shift[self.part].astype(np.float64)) / 16
        return self.cross.T * (unit / 16)[:, None], unit**2

    def bounds(self, step: int) -> tuple[Levels, Levels]:
        """Least and largest levels that keep the head's integers in their ranges."""
        weight = self.head.weight[self.part].astype(np.int64)
        bias = self.head.bias[self.part].astype(np.int64)[:, None]
        room = (1 << 24) - 1 - 255 * 127 * weight.shape[1]
        low = np.concatenate([-(127 + weight), -(room + bias) // UNIT], 1)
        high = np.concatenate([127 - weight, (room - bias) // UNIT], 1)
        return (-(-low // step)).astype(np.int32), (high // step).clip(0, 1 << 14).astype(np.int32)


@dataclass(frozen=True)
class Change:
    """Levels (rows, C + 1) times two to the `exponent`; gain in squared levels, coded bits."""

    exponent: int
    levels: Levels
    gain: float
    bits: float


def best_change(problem: Problem, rate_weight: float) -> Change | None:
    """The change that gains most after its price, None where none gains."""
    best: Change | None = None
    most = 0.0
    for exponent in EXPONENTS:
        for ridge in (RIDGE, None):
            change = _quantized(problem, exponent, ridge, rate_weight)
            value = change.gain - rate_weight * change.bits
            if value > most:
                best, most = change, value
    return best


def _quantized(
    problem: Problem, exponent: int, ridge: float | None, rate_weight: float
) -> Change:
    """Levels at one step, from the rounded least squares solution or, without `ridge`, from zero."""
    gradient, factor = problem.scaled()
    step = float(1 << exponent)
    low, high = problem.bounds(1 << exponent)
    levels = np.zeros(gradient.shape, np.int32)
    if ridge is not None:
        eye = np.eye(len(problem.gram)) * (ridge * problem.gram.diagonal().mean())
        solved = np.linalg.solve(problem.gram + eye, gradient.T / factor).T / step
        levels = np.rint(solved).clip(low, high).astype(np.int32)
    for _ in range(SWEEPS):
        before = levels.copy()
        _sweep(problem.gram, gradient, factor, step, levels, (low, high), rate_weight * _prices(levels))
        if np.array_equal(before, levels):
            break
    d = levels * step
    gain = float((2 * gradient * d).sum() - (((d @ problem.gram) * d).sum(1) * factor).sum())
    bits = 8.0 * (1 + len(encode_levels(levels.reshape(-1), levels.shape[1])))
    return Change(exponent, levels, gain, bits)


def _sweep(
    gram: Floats, gradient: Floats, factor: Floats, step: float, levels: Levels,
    bounds: tuple[Levels, Levels], prices: Floats,
) -> None:  # fmt: skip
    """Move every coordinate to its best level, all rows at once, in place."""
    left = gradient - (levels * step) @ gram * factor[:, None]
    for j in range(levels.shape[1]):
        old = levels[:, j].astype(np.float64)
        curve = gram[j, j] * factor * step**2 + 1e-12
        aim = old + left[:, j] * step / curve
        floor = np.floor(aim)
        tries = np.stack([floor, floor + 1, np.zeros_like(aim), old])
        tries = tries.clip(bounds[0][:, j], bounds[1][:, j])
        cost = curve * np.square(tries - aim) + prices[np.abs(tries).astype(np.intp).clip(0, TABLE - 1)]
        new = tries[cost.argmin(0), np.arange(len(old))]
        moved = new - old
        if moved.any():
            levels[:, j] = new
            left -= (moved * step * factor)[:, None] * gram[j]


def _prices(levels: Levels) -> Floats:
    """Bits by magnitude: an adaptive coder's after levels of this spread."""
    size = np.abs(levels).reshape(-1)
    zero = (size == 0).sum() + 1.0
    mean = max(float(size.mean()) * (1 + zero / (size.size + 2.0)), 0.02)
    keep = mean / (1 + mean)  # geometric magnitudes
    magnitude = np.arange(TABLE)
    share = zero / (size.size + 2.0)
    prices = 1.0 - np.log2(1 - share) - (magnitude - 1) * np.log2(keep) - np.log2(1 - keep)
    prices[0] = -np.log2(share)
    return prices
