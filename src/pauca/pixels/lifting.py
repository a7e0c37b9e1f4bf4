"""Two wavelets by lifting: float analysis to encode, exact integer synthesis to decode.

CDF 9/7 packs energy best. Constants are those of Daubechies and Sweldens (1998) in units of 2**-12.
2/6 (Said and Pearlman, 1996) has means of pairs as its low band, as the coarser scales of MS-SSIM
do: what is lost in details of a level is not seen by any scale beyond. Scaling is left out here and
folded into quantization steps. Borders use symmetric extension. Definition: spec/image.md, "One
level".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca._core import wavelet_analysis_level, wavelet_synthesis_level
from pauca.errors import InputError

LIFT_BITS = 12
LIFT = (-6497, -217, 3616, 1817)  # alpha, beta, gamma, delta
CDF97, BOX26 = WAVELETS = ("9/7", "2/6")
ZETA = {CDF97: 1.149604398, BOX26: 2.0**0.5}  # from orthonormal to unscaled high bands, by side

Scalar = TypeVar("Scalar", np.float32, np.int32)


def analysis(
    planes: NDArray[np.float32], wavelets: Sequence[str]
) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
    """Planes (C, H, W) float32 to details [(C, 3, H/2**l, W/2**l) for l = 1...] and the low band,
    by a wavelet for each level.

    Bands: 0 horizontal (high along width), 1 vertical, 2 diagonal. Raises `InputError` unless the
    sides are multiples of 2**levels.
    """
    levels = len(wavelets)
    low = np.asarray(planes, np.float32)
    if (
        low.ndim != 3
        or levels < 1
        or any(side == 0 or side % (1 << levels) for side in low.shape[1:])
    ):
        raise InputError(f"wavelet: planes {low.shape} do not split into {levels} levels")
    details = []
    for wavelet in wavelets:
        low, detail = analysis_level(low, wavelet)
        details.append(detail)
    return details, low


def analysis_level(
    planes: NDArray[np.float32], wavelet: str = CDF97
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Planes (C, 2h, 2w) float32 to the low band (C, h, w) and details (C, 3, h, w).

    Raises `InputError` if the sides are not even.
    """
    try:
        return wavelet_analysis_level(np.ascontiguousarray(planes, np.float32), wavelet == BOX26)
    except (TypeError, ValueError):
        raise InputError(f"wavelet: planes {planes.shape} do not split") from None


def synthesis_level(
    low: NDArray[np.int32], details: NDArray[np.int32], wavelet: str = CDF97
) -> NDArray[np.int32]:
    """Low band (C, h, w) and details (C, 3, h, w) int32 to planes (C, 2h, 2w) int32, exactly:
    arithmetic is modulo 2**32, and shifts floor.

    Raises `InputError` if the shapes do not fit.
    """
    if low.dtype != np.int32 or details.dtype != np.int32:
        raise InputError(f"wavelet: bands are {low.dtype} and {details.dtype}, not int32")
    try:
        return wavelet_synthesis_level(
            np.ascontiguousarray(low), np.ascontiguousarray(details), wavelet == BOX26
        )
    except (TypeError, ValueError):
        text = f"wavelet: low band {low.shape} and details {details.shape} do not fit"
        raise InputError(text) from None


def analysis_level_plain(
    planes: NDArray[np.float32], wavelet: str = CDF97
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Numpy twin of `analysis_level`."""
    split = _split_box if wavelet == BOX26 else _split
    low_w, high_w = split(planes)
    low, vertical = split(low_w.swapaxes(1, 2))
    horizontal, diagonal = split(high_w.swapaxes(1, 2))
    bands = [band.swapaxes(1, 2) for band in (horizontal, vertical, diagonal)]
    return np.ascontiguousarray(low.swapaxes(1, 2)), np.stack(bands, 1)


def synthesis_level_plain(
    low: NDArray[np.int32], details: NDArray[np.int32], wavelet: str = CDF97
) -> NDArray[np.int32]:
    """Numpy twin of `synthesis_level`."""
    merge = _merge_box if wavelet == BOX26 else _merge
    horizontal, vertical, diagonal = (details[:, band].swapaxes(1, 2) for band in range(3))
    low_w = merge(low.swapaxes(1, 2), vertical)
    high_w = merge(horizontal, diagonal)
    return merge(low_w.swapaxes(1, 2), high_w.swapaxes(1, 2))


def _before(x: NDArray[Scalar]) -> NDArray[Scalar]:
    """Neighbour at -1 along the last axis; the first repeats (symmetric on the pair grid)."""
    return np.concatenate([x[..., :1], x[..., :-1]], -1)


def _after(x: NDArray[Scalar]) -> NDArray[Scalar]:
    return np.concatenate([x[..., 1:], x[..., -1:]], -1)


def _split(x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    a, b, c, d = (np.float32(v / (1 << LIFT_BITS)) for v in LIFT)
    s, h = x[..., 0::2], x[..., 1::2]
    h = h + a * (s + _after(s))
    s = s + b * (h + _before(h))
    h = h + c * (s + _after(s))
    s = s + d * (h + _before(h))
    return s, h


def _merge(s: NDArray[np.int32], h: NDArray[np.int32]) -> NDArray[np.int32]:
    """Integer inverse of `_split`: int32 arithmetic that wraps around, shifts that floor."""
    a, b, c, d = (np.int32(v) for v in LIFT)
    half = np.int32(1 << (LIFT_BITS - 1))
    s = s - ((d * (h + _before(h)) + half) >> LIFT_BITS)
    h = h - ((c * (s + _after(s)) + half) >> LIFT_BITS)
    s = s - ((b * (h + _before(h)) + half) >> LIFT_BITS)
    h = h - ((a * (s + _after(s)) + half) >> LIFT_BITS)
    return np.stack([s, h], -1).reshape(*s.shape[:-1], 2 * s.shape[-1])


def _split_box(x: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    h = x[..., 1::2] - x[..., 0::2]
    s = x[..., 0::2] + np.float32(0.5) * h
    return s, h - np.float32(0.25) * (_after(s) - _before(s))


def _merge_box(s: NDArray[np.int32], h: NDArray[np.int32]) -> NDArray[np.int32]:
    """Integer inverse of `_split_box`, as `_merge`."""
    d = h + ((_after(s) - _before(s) + np.int32(2)) >> 2)
    even = s - ((d + (s & 1)) >> 1)  # halves go up as often as down
    return np.stack([even, even + d], -1).reshape(*s.shape[:-1], 2 * s.shape[-1])
