"""Bjontegaard delta rate (VCEG-M33, 2001) by PCHIP or Akima interpolation, numpy only.

Each curve is interpolated through all of its own points as log10(bpp) over quality. The two are
compared on the qualities both reach: from the higher of the two minima to the lower of the two
maxima, a curve's maximum being its quality at `max_bpp` (read off that same interpolant) where
the curve goes beyond it, so points outside the range still shape the curve but do not count.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pauca.errors import InputError

Method = Literal["pchip", "akima"]
Floats = NDArray[np.float64]

MAX_BPP = 1.5  # the range the field plots Kodak in; beyond it pictures look alike


def bd_rate(
    anchor: Sequence[tuple[float, float]],
    test: Sequence[tuple[float, float]],
    *,
    method: Method = "pchip",
    max_bpp: float | None = MAX_BPP,
) -> float:
    """Mean rate difference of `test` against `anchor` at equal quality, in percent.

    A curve is (bpp, quality) pairs in any order, quality in dB (PSNR, or `ms_ssim_db`); -20
    means a fifth fewer bits. `max_bpp=None` compares the whole curves. `nan` where the curves
    share no quality; `InputError` for fewer than two points, points of one quality, or values
    that are not finite and positive rates.
    """
    anchor_curve, test_curve = _curve(anchor, method), _curve(test, method)
    low = max(anchor_curve.x[0], test_curve.x[0])
    high = min(_top(anchor_curve, max_bpp), _top(test_curve, max_bpp))
    if not low < high:
        return math.nan
    mean = (test_curve.integral(low, high) - anchor_curve.integral(low, high)) / (high - low)
    return float(100 * (10**mean - 1))


@dataclass(frozen=True)
class _Hermite:
    """Piecewise cubic through (x, y) with the given slopes; x strictly increasing."""

    x: Floats
    y: Floats
    slopes: Floats

    def __call__(self, at: ArrayLike) -> Floats:
        at = np.asarray(at, np.float64)
        i = np.clip(np.searchsorted(self.x, at, side="right") - 1, 0, len(self.x) - 2)
        step = self.x[i + 1] - self.x[i]
        t = (at - self.x[i]) / step
        start = (1 + 2 * t) * self.y[i] + t * step * self.slopes[i]
        end = (3 - 2 * t) * self.y[i + 1] + (t - 1) * step * self.slopes[i + 1]
        return (1 - t) ** 2 * start + t**2 * end

    def integral(self, low: float, high: float) -> float:
        """Exact integral: two-point Gauss-Legendre integrates a cubic without error."""
        inner = self.x[(self.x > low) & (self.x < high)]
        edges = np.concatenate(([low], inner, [high]))
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        offset = half / math.sqrt(3)
        return float(np.sum(half * (self(middle - offset) + self(middle + offset))))


def _curve(points: Sequence[tuple[float, float]], method: Method) -> _Hermite:
    array = np.asarray(points, np.float64)
    if array.ndim != 2 or array.shape[1] != 2 or len(array) < 2:
        raise InputError("a rate-distortion curve is at least two (bpp, quality) pairs")
    array = array[np.argsort(array[:, 1])]
    bpp, quality = array.T
    if not np.isfinite(array).all() or (bpp <= 0).any():
        raise InputError("a rate-distortion curve needs finite qualities and positive rates")
    if (np.diff(quality) <= 0).any():
        raise InputError("a rate-distortion curve has two points of the same quality")
    log_bpp = np.log10(bpp)
    slopes = _SLOPES[method](quality, log_bpp)
    return _Hermite(quality, log_bpp, slopes)


def _top(curve: _Hermite, max_bpp: float | None) -> float:
    """Highest quality the curve offers within `max_bpp`."""
    limit = math.inf if max_bpp is None else math.log10(max_bpp)
    inside = np.flatnonzero(curve.y <= limit)
    if len(inside) == 0:
        return -math.inf
    last = inside[-1]
    if last == len(curve.x) - 1:
        return float(curve.x[-1])
    low, high = curve.x[last], curve.x[last + 1]
    for _ in range(60):  # bisection to the last bit of a double
        middle = (low + high) / 2
        low, high = (middle, high) if curve(middle) <= limit else (low, middle)
    return float(low)


def _pchip_slopes(x: Floats, y: Floats) -> Floats:
    """Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984): monotone where the data are."""
    h, d = np.diff(x), np.diff(y) / np.diff(x)
    if len(d) == 1:
        return np.repeat(d, 2)
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    monotone = d[1:] * d[:-1] > 0
    left, right = np.where(monotone, d[:-1], 1), np.where(monotone, d[1:], 1)
    inner = np.where(monotone, (w1 + w2) / (w1 / left + w2 / right), 0)
    first = _end_slope(h[0], h[1], d[0], d[1])
    last = _end_slope(h[-1], h[-2], d[-1], d[-2])
    return np.concatenate(([first], inner, [last]))


def _end_slope(h0: float, h1: float, d0: float, d1: float) -> float:
    """Three-point slope at an end, cut so that the end piece stays monotone."""
    slope = ((2 * h0 + h1) * d0 - h0 * d1) / (h0 + h1)
    if slope * d0 <= 0:
        return 0.0
    return 3 * d0 if d0 * d1 < 0 and abs(slope) > 3 * abs(d0) else slope


def _akima_slopes(x: Floats, y: Floats) -> Floats:
    """Akima (J. ACM 17, 1970): slopes weighted towards the side where the data bend less."""
    d = np.diff(y) / np.diff(x)
    if len(d) == 1:
        return np.repeat(d, 2)
    before = [3 * d[0] - 2 * d[1], 2 * d[0] - d[1]]
    after = [2 * d[-1] - d[-2], 3 * d[-1] - 2 * d[-2]]
    d = np.concatenate((before, d, after))
    bend = np.abs(np.diff(d))
    w1, w2 = bend[2:], bend[:-2]
    total = w1 + w2
    # Straight on both sides: the weights vanish and the plain mean is meant.
    bent = total > 1e-9 * total.max(initial=0)
    weighted = (w1 * d[1:-2] + w2 * d[2:-1]) / np.where(bent, total, 1)
    return np.where(bent, weighted, (d[1:-2] + d[2:-1]) / 2)


_SLOPES = {"pchip": _pchip_slopes, "akima": _akima_slopes}
