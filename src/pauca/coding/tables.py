"""Integer probability tables: made once from probabilities, exact on every machine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.errors import PackError

PRECISION = 16
TOTAL = 1 << PRECISION
MAX_TABLES = 256
MAX_INTERVALS = 65536  # over all tables of a set, escapes included


@dataclass(frozen=True, eq=False)
class Tables:
    """A set of up to 256 cumulative tables; each has `size` symbols from `offset` and one escape.

    `cdf`: (n, max(size) + 2) uint32; row i rises strictly from 0 to 65536 over `size[i] + 1`
    intervals, the last of them the escape, and repeats 65536 after that.
    `size`: (n,) int32, at least 1. `offset`: (n,) int32; every symbol fits int16.
    """

    cdf: NDArray[np.uint32]
    size: NDArray[np.int32]
    offset: NDArray[np.int32]

    def __len__(self) -> int:
        """Return the number of tables."""
        return int(self.size.shape[0])

    def bits(self) -> NDArray[np.float64]:
        """Return the bits of every interval (n, max(size) + 1); 16 where a table has none."""
        mass = np.diff(self.cdf.astype(np.float64), axis=1) / 65536.0
        return np.asarray(-np.log2(mass.clip(2.0**-16)), np.float64)


def validate(tables: Tables) -> None:
    """Raise `PackError` unless the tables are well-formed: packs may come from strangers."""
    cdf, size, offset = tables.cdf, tables.size, tables.offset
    if cdf.dtype != np.uint32 or size.dtype != np.int32 or offset.dtype != np.int32:
        raise PackError("tables: cdf must be uint32, size and offset int32")
    if cdf.ndim != 2 or size.ndim != 1 or size.shape != offset.shape or len(cdf) != len(size):
        raise PackError("tables: cdf must be (n, k), size and offset (n,)")
    if not 1 <= len(size) <= MAX_TABLES:
        raise PackError(f"tables: {len(size)} tables, allowed are 1 to {MAX_TABLES}")
    if size.min() < 1 or int(size.max()) + 2 > cdf.shape[1]:
        raise PackError("tables: a size is below 1 or beyond the cdf's width")
    if int(size.astype(np.int64).sum()) + len(size) > MAX_INTERVALS:
        raise PackError(f"tables: more than {MAX_INTERVALS} intervals")
    last = offset.astype(np.int64) + size - 1
    if offset.min() < -(1 << 15) or last.max() >= 1 << 15:
        raise PackError("tables: a symbol does not fit int16")
    used = np.arange(cdf.shape[1]) <= (size + 1)[:, None]
    rising = np.diff(cdf.astype(np.int64), axis=1) > 0
    if not np.array_equal(rising, used[:, 1:]) or np.any(cdf[:, 0] != 0):
        raise PackError("tables: a row is not a strictly rising cumulative distribution")
    if np.any(cdf[~used] != TOTAL) or np.any(cdf[np.arange(len(size)), size + 1] != TOTAL):
        raise PackError(f"tables: a row does not end at {TOTAL}")


def _quantize(pmf: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return frequencies of at least 1 that sum to 65536 and minimise the Kullback-Leibler loss.

    The loss -sum p log f is convex and separable: a choice that no move of a single unit
    improves is optimal. The start is near it, so few moves are left.
    """
    p = pmf / pmf.sum()
    low, high = 0.0, float(TOTAL)
    for _ in range(60):  # the scale at which the floors, with their minimum of 1, just fit
        scale = (low + high) / 2
        fits = np.maximum(1, np.floor(p * scale)).sum() <= TOTAL
        low, high = (scale, high) if fits else (low, scale)
    freq: NDArray[np.int64] = np.maximum(1, np.floor(p * low)).astype(np.int64)
    while (gap := TOTAL - int(freq.sum())) > 0:
        gain = p * np.log1p(1.0 / freq)
        freq[np.argsort(-gain, kind="stable")[:gap]] += 1
    while True:
        gain = p * np.log1p(1.0 / freq)
        loss = np.where(freq > 1, -p * np.log1p(-1.0 / np.maximum(freq, 2)), np.inf)
        to, off = int(np.argmax(gain)), int(np.argmin(loss))
        if gain[to] <= loss[off] * (1 + 1e-9):
            return freq
        freq[to] += 1
        freq[off] -= 1


def tables_from_pmfs(
    pmfs: Sequence[NDArray[np.float64]],
    offset: Sequence[int],
    escape: float | Sequence[float] = 0.0,
) -> Tables:
    """Make tables from probabilities; `escape` is the mass outside each pmf (its interval is >= 1).

    `pmfs[i][k]` is the probability of symbol `offset[i] + k`, finite and not negative; a pmf need
    not be normalised against `escape`. Raises `PackError` on anything else.
    """
    escapes = [float(escape)] * len(pmfs) if isinstance(escape, int | float) else list(escape)
    if not len(pmfs) == len(offset) == len(escapes):
        raise PackError("tables: pmfs, offset and escape differ in length")
    if not pmfs:
        raise PackError("tables: no pmf given")
    sizes = [len(pmf) for pmf in pmfs]
    if min(sizes) < 1 or max(sizes) >= TOTAL or len(sizes) > MAX_TABLES:
        raise PackError("tables: number or size of the pmfs out of range")
    cdf = np.full((len(pmfs), max(sizes) + 2), TOTAL, np.uint32)
    for row, pmf, mass in zip(cdf, pmfs, escapes, strict=True):
        full = np.append(np.asarray(pmf, np.float64), mass)
        if not np.all(np.isfinite(full)) or np.any(full < 0) or not full.sum() > 0:
            raise PackError("tables: probabilities must be finite, not negative and not all zero")
        row[0] = 0
        row[1 : len(full) + 1] = np.cumsum(_quantize(full))
    tables = Tables(cdf, np.array(sizes, np.int32), np.array(offset, np.int32))
    validate(tables)
    return tables


def gaussian_tables(scales: Sequence[float], tail_mass: float = 2.0**-14) -> Tables:
    """Make one zero-mean table per standard deviation of a Gaussian rounded to integers.

    Both tails together hold at most `tail_mass`; what lies beyond is coded by the escape. At the
    default the loss against the density is below 0.001 bit per symbol for scales up to 64;
    longer tables lose more, since every interval takes at least 2^-16.
    """
    if not 0 < tail_mass < 1:
        raise PackError("tables: tail_mass must lie between 0 and 1")
    pmfs: list[NDArray[np.float64]] = []
    escapes: list[float] = []
    for scale in scales:
        if not (math.isfinite(scale) and scale > 0):
            raise PackError("tables: scales must be positive")
        reach = 0
        while _tail(reach + 0.5, scale) * 2 > tail_mass:
            reach += 1
        # Differences of upper tails keep their digits where differences of the CDF lose them.
        side = [_tail(k - 0.5, scale) - _tail(k + 0.5, scale) for k in range(1, reach + 1)]
        centre = 1.0 - 2.0 * _tail(0.5, scale)
        pmfs.append(np.array([*side[::-1], centre, *side]))
        escapes.append(2.0 * _tail(reach + 0.5, scale))
    return tables_from_pmfs(pmfs, [-(len(pmf) // 2) for pmf in pmfs], escapes)


def _tail(x: float, scale: float) -> float:
    return 0.5 * math.erfc(x / (scale * math.sqrt(2.0)))
