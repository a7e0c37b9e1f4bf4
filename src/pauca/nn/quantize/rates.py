"""What a level costs in bits: static tables counted from levels, in contexts of left neighbours.

An adaptive coder's contexts end up near these numbers. The tables serve the quantizers that look at
many levels at once (columns, lanes of a trellis), where no coder can be run along.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

CONTEXTS = 5  # min(|left|, 2) + min(|left of that|, 2), as DeepCABAC's neighbours (1907.11900, III)
_PRIOR = 4.0  # observations that a context borrows from the whole, and the whole from a law


@dataclass(frozen=True)
class RateTable:
    """Bits of level k in context c: `bits[c, k + reach]`, `slope` more a level beyond `reach`."""

    bits: NDArray[np.float64]  # (contexts, 2 reach + 1)
    slope: float

    @property
    def reach(self) -> int:
        """Return the largest magnitude that the table holds."""
        return int(self.bits.shape[1]) // 2

    def of(self, levels: NDArray[np.int64], contexts: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the bits of each level in its context; the two arrays broadcast."""
        inside = np.clip(levels, -self.reach, self.reach)
        cost: NDArray[np.float64] = self.bits[contexts, inside + self.reach]
        cost += self.slope * np.abs(levels - inside)
        return cost


def contexts_of(levels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the context 0..4 of each level (rows, columns) from the two before it in its row."""
    magnitude = np.minimum(np.abs(levels), 2)
    out = np.zeros_like(magnitude)
    out[:, 1:] += magnitude[:, :-1]
    out[:, 2:] += magnitude[:, :-2]
    return out


def count_rates(
    levels: NDArray[np.int64], contexts: NDArray[np.int64] | None = None, reach: int | None = None
) -> RateTable:
    """Return the table of an array of levels, in the contexts given or all in context 0.

    Every level has a finite cost: the counts are blended with a two-sided geometric law of the same
    mean magnitude, so that a level not yet used can still be chosen.
    """
    flat = levels.reshape(-1)
    top = int(np.abs(flat).max(initial=0))
    reach = min(max(8, 2 * top) if reach is None else reach, 4096)
    law, slope = _geometric(float(np.abs(flat).mean()) if flat.size else 0.0, reach)
    columns = np.clip(flat, -reach, reach) + reach
    width = 2 * reach + 1
    where = np.zeros(flat.size, np.int64) if contexts is None else contexts.reshape(-1)
    n_contexts = 1 if contexts is None else CONTEXTS
    counts = np.bincount(where * width + columns, minlength=n_contexts * width).astype(np.float64)
    counts = counts.reshape(n_contexts, width)
    whole = (counts.sum(0) + _PRIOR * law) / (flat.size + _PRIOR)
    mass = (counts + _PRIOR * whole) / (counts.sum(1, keepdims=True) + _PRIOR)
    return RateTable(-np.log2(mass), slope)


def entropy_bits(levels: NDArray[np.integer]) -> float:
    """Return the first-order entropy of the levels, in bits for all of them together."""
    if levels.size == 0:
        return 0.0
    _, counts = np.unique(levels, return_counts=True)
    return float(-(counts * np.log2(counts / levels.size)).sum())


def _geometric(mean: float, reach: int) -> tuple[NDArray[np.float64], float]:
    # Mean magnitude m of (1-r)/(1+r) r^|k| is 2r / (1-r^2); solved for r.
    mean = max(mean, 1e-3)
    r = (np.sqrt(1.0 + mean * mean) - 1.0) / mean
    r = float(np.clip(r, 0.05, 0.9995))
    k = np.abs(np.arange(-reach, reach + 1))
    law = (1.0 - r) / (1.0 + r) * r**k
    return np.maximum(law, 1e-30), -float(np.log2(r))  # a floor, not 0: costs stay finite
