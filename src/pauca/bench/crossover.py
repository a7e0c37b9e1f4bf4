"""Where two curves cross: the rate up to which half the size is the better choice."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

STEPS = 2000  # rates that are looked at between the ends that both curves have


def crossover(full: Sequence[tuple[float, float]], half: Sequence[tuple[float, float]]) -> float:
    """The rate below which `half` is better than `full`, curves of (rate, quality) pairs.

    Quality is linear in log rate between points. 0 where `half` is never better in the range that
    both share, infinity where it is better in all of it, NaN where they share none. Where it is
    worse at the lowest rate and better above, the rate is the last that it is better at.
    """
    curves = [_sorted(full), _sorted(half)]
    low = max(curve[0, 0] for curve in curves)
    high = min(curve[-1, 0] for curve in curves)
    if not low < high:
        return math.nan
    at = np.linspace(low, high, STEPS)
    gain = np.interp(at, *curves[1].T) - np.interp(at, *curves[0].T)
    better = np.flatnonzero(gain > 0)
    if not len(better):
        return 0.0
    last = int(better[-1])
    return math.inf if last == STEPS - 1 else float(np.exp(at[last]))


def _sorted(curve: Sequence[tuple[float, float]]) -> NDArray[np.float64]:
    points = np.array(sorted(p for p in curve if math.isfinite(p[1])), np.float64).reshape(-1, 2)
    if not len(points):
        return np.array([[math.inf, 0.0]])
    points[:, 0] = np.log(points[:, 0])
    return points


def rate_text(rate: float) -> str:
    """A crossover as tables show it."""
    if math.isnan(rate):
        return "-"
    return "all" if math.isinf(rate) else "none" if not rate else f"{rate:.0f}"
