"""Colours that nobody sees, under transparent pixels: replaced by ones that cost few bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEUTRAL = 128  # of a picture without any visible pixel


def fill_hidden(colour: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `colour` (H, W) or (H, W, 3) with a smooth continuation where `alpha` (H, W) is 0.

    Pull and push (Gortler et al., "The Lumigraph", 1996): means of visible colours on ever
    coarser grids, and from these, interpolated, what is missing on finer ones.
    """
    seen = alpha > 0
    if bool(seen.all()):
        return colour
    if not bool(seen.any()):
        return np.full_like(colour, NEUTRAL)
    planes = colour if colour.ndim == 3 else colour[..., None]
    filled = np.rint(_fill(planes.astype(np.float32), seen.astype(np.float32)))
    out = np.where(seen[..., None], planes, filled.clip(0, 255).astype(np.uint8))
    return np.ascontiguousarray(out.reshape(colour.shape))


def _fill(planes: NDArray[np.float32], weight: NDArray[np.float32]) -> NDArray[np.float32]:
    """Fill (H, W, C) where `weight` (H, W), 0..1, is below 1."""
    height, width = weight.shape
    if float(weight.min()) >= 1.0 or height == width == 1:
        return planes
    total = _sum_cells(weight[..., None])
    mean = _sum_cells(planes * weight[..., None]) / total.clip(1e-6)
    coarse = _fill(mean, np.minimum(total[..., 0], np.float32(1)))
    smooth = _double(coarse)[:height, :width]
    return planes * weight[..., None] + smooth * (1 - weight[..., None])


def _sum_cells(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, C) to sums over 2 x 2 samples, (ceil H/2, ceil W/2, C)."""
    height, width = planes.shape[:2]
    even = np.pad(planes, ((0, height % 2), (0, width % 2), (0, 0)))
    return (even[0::2, 0::2] + even[1::2, 0::2]) + (even[0::2, 1::2] + even[1::2, 1::2])


def _double(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """(H, W, C) to (2H, 2W, C), linearly interpolated."""
    for axis in (0, 1):
        count = planes.shape[axis]
        index = np.arange(count)
        before = planes.take(np.maximum(index - 1, 0), axis)
        after = planes.take(np.minimum(index + 1, count - 1), axis)
        pair = np.stack([0.75 * planes + 0.25 * before, 0.75 * planes + 0.25 * after], axis + 1)
        shape = list(planes.shape)
        shape[axis] *= 2
        planes = pair.astype(np.float32, copy=False).reshape(shape)
    return planes
