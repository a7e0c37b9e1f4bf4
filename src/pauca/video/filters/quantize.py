"""Levels of a change of the head under the price of their bits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import encode_levels
from pauca.pack.intnet import Layer
from pauca.video.filters.update import UNIT

RIDGES = (1e-7, 1e-5, 1e-3, 1e-1)  # of the start, in proportion to the mean diagonal
PASSES = 3
SWEEPS = 4
EXPONENTS = range(6)
TABLE = 512  # magnitudes with a price of their own

Floats = NDArray[np.float64]
Levels = NDArray[np.int32]


@dataclass(frozen=True)
class Problem:
    """All rows of a head: the gain of a change d (rows, C + 1) of its integers, in squared levels,
    is `2 g . d - f d' H d` for every row, summed. `parts`: the rows of each plane.
    """

    gram: Floats  # H, (C + 1, C + 1)
    cross: Floats  # (C + 1, rows), in 1/64 levels
    head: Layer
    parts: Sequence[slice]

    def scaled(self) -> tuple[Floats, Floats]:
        """Gradients g (rows, C + 1), and f (rows,)."""
        unit = np.exp2(-self.head.shift.astype(np.float64)) / 64
        return self.cross.T * (unit / 64)[:, None], unit**2

    def bounds(self, step: int) -> tuple[Levels, Levels]:
        """Least and largest levels that keep the head's integers in their ranges."""
        weight = self.head.weight.astype(np.int64)
        bias = self.head.bias.astype(np.int64)[:, None]
        room = (1 << 24) - 1 - 2 * 255 * 127 * weight.shape[1]
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


def best_changes(problem: Problem, rate_weight: float) -> list[Change | None]:
    """For each plane the change that gains most after its price, None where none gains."""
    best: list[Change | None] = [None] * len(problem.parts)
    most = [0.0] * len(problem.parts)
    for exponent in EXPONENTS:
        for p, change in enumerate(_quantized(problem, exponent, rate_weight)):
            value = change.gain - rate_weight * change.bits
            if value > most[p]:
                best[p], most[p] = change, value
    return best


def _quantized(problem: Problem, exponent: int, rate_weight: float) -> list[Change]:
    """Changes at one step by plane, from the least squares solution."""
    gradient, factor = problem.scaled()
    step = float(1 << exponent)
    bounds = problem.bounds(1 << exponent)
    inverse, upper = _inverse(problem.gram)
    solved: Floats = (gradient / factor[:, None]) @ inverse / step
    levels = np.rint(solved).clip(*bounds).astype(np.int32)
    for _ in range(PASSES):
        prices = rate_weight * _prices(levels, problem.parts)
        levels = _in_turn(upper, solved, factor * step**2, bounds, prices)
    for _ in range(SWEEPS):
        before = levels.copy()
        prices = rate_weight * _prices(levels, problem.parts)
        _sweep(problem.gram, gradient, factor, step, levels, bounds, prices)
        if np.array_equal(before, levels):
            break
    d = levels * step
    gains = (2 * gradient * d).sum(1) - ((d @ problem.gram) * d).sum(1) * factor
    return [
        Change(exponent, levels[part], float(gains[part].sum()), _bits(levels[part]))
        for part in problem.parts
    ]


def _inverse(gram: Floats) -> tuple[Floats, Floats]:
    """The inverse of a Gram matrix, and its upper Cholesky factor.

    Flat scenes give matrices that rounding makes indefinite: these get a higher ridge.
    """
    eye = np.eye(len(gram)) * (gram.diagonal().mean() + 1e-9)
    for ridge in RIDGES:
        inverse = np.linalg.inv(gram + ridge * eye)
        inverse = (inverse + inverse.T) / 2
        try:
            return inverse, np.linalg.cholesky(inverse).T.astype(np.float64)
        except np.linalg.LinAlgError:
            continue
    return np.linalg.inv(eye), np.sqrt(np.linalg.inv(eye))


def _bits(levels: Levels) -> float:
    return 8.0 * (1 + len(encode_levels(levels.reshape(-1), levels.shape[1])))


def _in_turn(
    upper: Floats, solved: Floats, factor: Floats, bounds: tuple[Levels, Levels], prices: Floats
) -> Levels:
    """Levels one column after another, those to come making up for what each loses (GPTQ,
    arXiv:2210.17323, with a price): given the former, a column's squared error is its difference
    over the diagonal of `upper`, the Cholesky factor of the inverse.
    """
    left, levels = solved.copy(), np.zeros(solved.shape, np.int32)
    for j in range(solved.shape[1]):
        aim = left[:, j]
        levels[:, j] = _cheapest(aim, factor / upper[j, j] ** 2, bounds, j, prices)
        left -= ((aim - levels[:, j]) / upper[j, j])[:, None] * upper[j]
    return levels


def _sweep(
    gram: Floats, gradient: Floats, factor: Floats, step: float, levels: Levels,
    bounds: tuple[Levels, Levels], prices: Floats,
) -> None:  # fmt: skip
    """Move every coordinate to its best level, all rows at once, in place."""
    left = gradient - (levels * step) @ gram * factor[:, None]
    for j in range(levels.shape[1]):
        curve = gram[j, j] * factor * step**2 + 1e-12
        new = _cheapest(levels[:, j] + left[:, j] * step / curve, curve, bounds, j, prices)
        moved = new - levels[:, j]
        if moved.any():
            levels[:, j] = new
            left -= (moved * step * factor)[:, None] * gram[j]


def _cheapest(
    aim: Floats, curve: Floats, bounds: tuple[Levels, Levels], column: int, prices: Floats
) -> NDArray[np.intp]:
    """By row the level around `aim`, or zero, of least curve * difference^2 + price."""
    floor = np.floor(aim)
    tries = np.stack([floor, floor + 1, np.zeros_like(aim)])
    tries = tries.clip(bounds[0][:, column], bounds[1][:, column]).astype(np.intp)
    rows = np.arange(len(aim))
    cost = curve * np.square(tries - aim) + prices[rows, np.abs(tries).clip(0, TABLE - 1)]
    chosen: NDArray[np.intp] = tries[cost.argmin(0), rows]
    return chosen


def _prices(levels: Levels, parts: Sequence[slice]) -> Floats:
    """Bits by row and magnitude: an adaptive coder's after levels of a plane's spread."""
    table = np.empty((len(levels), TABLE))
    magnitude = np.arange(TABLE)
    for part in parts:
        size = np.abs(levels[part]).reshape(-1)
        zero = (size == 0).sum() + 1.0
        share = zero / (size.size + 2.0)
        mean = max(float(size.sum()) / max(size.size - zero + 1.0, 1.0), 1.02)  # of what is not 0
        keep = 1 - 1 / mean  # geometric magnitudes
        prices = 1.0 - np.log2(1 - share) - (magnitude - 1) * np.log2(keep) - np.log2(1 - keep)
        prices[0] = -np.log2(share)
        table[part] = prices
    return table
