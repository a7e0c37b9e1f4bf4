"""Colours that nobody sees, under transparent pixels: replaced by ones that cost few bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

NEUTRAL = 128  # of a picture without any visible pixel
FLAT = 0  # of hidden pixels that are coded without loss
CELL = 8  # samples along the side of a cell of `Smoothed`
HALO = 2  # cells around a window that its interpolation sees


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


def flatten_hidden(colour: NDArray[np.uint8], alpha: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return `colour` (H, W) or (H, W, 3) with one value where `alpha` (H, W) is 0: what costs
    least without loss.
    """
    seen = alpha > 0
    if bool(seen.all()):
        return colour
    return np.where(seen if colour.ndim == 2 else seen[..., None], colour, np.uint8(FLAT))


class Smoothed:
    """Rows of a picture with a smooth continuation in place of some blocks, made when asked for.

    `pixels`: (H, W) or (H, W, C) uint8, or what gives their rows and columns; `hidden`
    (ceil(H / side), ceil(W / side)): the blocks, `side` a multiple of CELL.
    """

    dtype = np.dtype(np.uint8)

    def __init__(self, pixels: Any, hidden: NDArray[np.bool_], side: int) -> None:
        self._pixels, self._hidden, self._side = pixels, hidden, side
        self.shape: tuple[int, ...] = pixels.shape
        self.ndim = len(self.shape)
        cells = np.repeat(np.repeat(~hidden, side // CELL, 0), side // CELL, 1)
        high, wide = (-(-length // CELL) for length in self.shape[:2])
        weight = cells[:high, :wide].astype(np.float32)
        bands = range(0, self.shape[0], side)
        means = np.concatenate([self._means(top) for top in bands])
        if not weight.any():
            means = np.full_like(means, NEUTRAL)
            weight[...] = 1
        self._coarse = _fill(means, weight)

    def __getitem__(self, index: tuple[slice, slice]) -> NDArray[np.uint8]:
        """Consecutive rows and columns."""
        spans = [part.indices(side)[:2] for part, side in zip(index, self.shape, strict=False)]
        pixels: NDArray[np.uint8] = self._pixels[slice(*spans[0]), slice(*spans[1])]
        rows, columns = (np.arange(*span) // self._side for span in spans)
        mask = self._hidden[np.ix_(rows, columns)]
        if not mask.any():
            return pixels
        starts = [max(start // CELL - HALO, 0) for start, _ in spans]
        smooth = self._coarse[
            tuple(
                slice(a, -(-stop // CELL) + HALO)
                for a, (_, stop) in zip(starts, spans, strict=True)
            )
        ]
        for _ in range(CELL.bit_length() - 1):
            smooth = _double(smooth)
        inside = (
            slice(start - CELL * a, stop - CELL * a)
            for a, (start, stop) in zip(starts, spans, strict=True)
        )
        filled = np.rint(smooth[tuple(inside)]).clip(0, 255).astype(np.uint8).reshape(pixels.shape)
        return np.where(mask if pixels.ndim == 2 else mask[..., None], filled, pixels)

    def _means(self, top: int) -> NDArray[np.float32]:
        """Means (h, w, C) of the cells of a row of blocks."""
        rows = self._pixels[
            slice(top, min(top + self._side, self.shape[0])), slice(0, self.shape[1])
        ]
        rows = rows if rows.ndim == 3 else rows[..., None]
        pad = ((0, -len(rows) % CELL), (0, -rows.shape[1] % CELL), (0, 0))
        whole = np.pad(rows, pad, "edge").astype(np.float32)
        cells = whole.reshape(len(whole) // CELL, CELL, -1, CELL, rows.shape[2])
        means: NDArray[np.float32] = cells.mean((1, 3))
        return means


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
