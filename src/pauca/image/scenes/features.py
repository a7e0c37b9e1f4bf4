"""What tells graphics from photographs, block by block: counts over samples, in integers.

Drawn pictures repeat: neighbours are equal or far apart, and a block has few colours. Photographs
have noise and slopes. Everything is counted and rounded in integers, so that every machine sees the
same.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pauca.image.analysis import Rows

Grid = NDArray[np.uint8]
Counts = NDArray[np.int32]

BLOCK = 32  # pixels along the side of a block
STEPS = (0, 2, 8, 24, 64)  # differences of neighbours that are counted above
RUNS = (8, 16, 32, 64, 96)  # samples that the most frequent colour of a block may have
SAMPLES = BLOCK * BLOCK // 8  # pixels of a block whose colours are looked at
FEATURES = 2 * len(STEPS) + 5
BAND = 4 * BLOCK  # rows of the picture at once: what lies between stays in the cache


def block_features(pixels: Rows) -> tuple[Grid, NDArray[np.bool_]]:
    """Features (h, w, FEATURES), 0..255, of every block of a picture (H, W) or (H, W, 3) uint8, and
    whether it is all of one colour (h, w), that of the pixels to its left as well; blocks at the
    right and lower border may be cut.
    """
    high, wide = pixels.shape[:2]
    parts: list[Grid] = []
    plain: list[NDArray[np.bool_]] = []
    for top in range(0, high, BAND):
        rows = pixels[slice(top, min(top + BAND, high)), slice(0, wide)]
        rows = rows if rows.ndim == 3 else rows[..., None]
        real = len(rows)
        pad = ((0, -real % BLOCK), (0, -wide % BLOCK), (0, 0))
        whole = np.pad(rows, pad, "edge") if any(map(any, pad)) else np.ascontiguousarray(rows)
        differences = _differences(whole, real, wide)
        colours, spread = _colours(whole)
        parts.append(np.concatenate([differences, colours], 2))
        plain.append((differences[..., -1] == 0) & (spread == 0))
    return np.concatenate(parts), np.concatenate(plain)


def with_surroundings(features: Grid) -> Grid:
    """(h, w, F) to (h, w, 2F): behind each block's own features the means of it and the eight
    around it.
    """
    padded = np.pad(features.astype(np.uint16), ((1, 1), (1, 1), (0, 0)), "edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    sums = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return np.concatenate([features, ((sums + 4) // 9).astype(np.uint8)], 2)


def _differences(rows: NDArray[np.uint8], high: int, wide: int) -> Grid:
    """Shares of samples that differ from their neighbours, by how much; of the rows and columns
    `high` and `wide` are real, the rest repeats them and does not count.

    Every second row is compared, within itself and with the one above.
    """
    channels = rows.shape[2]
    flat = rows.reshape(len(rows), -1)
    even, odd = flat[0::2], flat[1::2]
    above = _distance(odd, even)
    beside = np.zeros_like(above)
    beside[:, channels:] = _distance(odd[:, channels:], odd[:, :-channels])
    beside[high // 2 :] = 0
    above[:, wide * channels :] = 0
    counts = [_sums(plane > step, channels) for plane in (beside, above) for step in STEPS]
    counts.append(_sums((beside | above) != 0, channels))
    samples = np.maximum(_sides(high) // 2, 1)[:, None] * _sides(wide) * channels
    share = np.stack(counts, 2) * 65025 // samples[..., None]
    roots: Grid = np.sqrt(share).astype(np.uint8)  # small shares tell more; exact in floats
    return roots


def _distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = np.maximum(a, b)
    out -= np.minimum(a, b)
    return out


def _sides(length: int) -> Counts:
    """Sides of the blocks along a length, the last one cut."""
    return np.minimum(length - np.arange(0, length, BLOCK, dtype=np.int32), BLOCK)


def _sums(flags: NDArray[np.bool_], channels: int) -> Counts:
    """How many flags (h / 2, W C) of each block are set."""
    side = BLOCK * channels
    columns = flags.view(np.uint8).reshape(-1, BLOCK // 2, flags.shape[1]).sum(1, dtype=np.uint8)
    sums: Counts = columns.reshape(len(columns), -1, side).sum(2, dtype=np.int32)
    return sums


def _colours(rows: NDArray[np.uint8]) -> tuple[Grid, NDArray[np.uint8]]:
    """Of SAMPLES pixels of each block: how many colours, how often the most frequent one, the
    spread of the first channel and the mean saturation; and the largest spread of any channel.
    """
    planes = [_sparse(rows[..., channel]) for channel in range(rows.shape[2])]
    packed = planes[0].astype(np.uint32)
    for channel, plane in enumerate(planes[1:], 1):
        packed |= plane.astype(np.uint32) << np.uint32(8 * channel)
    packed.sort(axis=2)
    distinct = 1 + np.count_nonzero(packed[..., 1:] != packed[..., :-1], axis=2)
    runs = [(packed[..., n - 1 :] == packed[..., : 1 - n]).any(2) for n in RUNS]
    spreads = [plane.max(2) - plane.min(2) for plane in planes]
    columns = [
        np.sqrt(distinct * (65025 // SAMPLES)),
        np.sum(runs, 0) * (255 // len(RUNS)),
        spreads[0],
        np.minimum(255, _saturation(planes) * 2 // SAMPLES),
    ]
    return np.stack([column.astype(np.uint8) for column in columns], 2), np.max(spreads, 0)


def _saturation(planes: list[Grid]) -> Counts:
    """Sum of largest less smallest channel over the samples of a block."""
    if len(planes) == 1:
        return np.zeros(planes[0].shape[:2], np.int32)
    r, g, b = planes
    range_ = np.maximum(np.maximum(r, g), b) - np.minimum(np.minimum(r, g), b)
    total: Counts = range_.sum(2, dtype=np.int32)
    return total


def _sparse(plane: NDArray[np.uint8]) -> Grid:
    """(h, w, SAMPLES): every second row of every block, every fourth column, in turn 1 and 3."""
    side = BLOCK // 4
    parts = [
        part.reshape(len(part) // side, side, -1, side).swapaxes(1, 2)
        for part in (plane[0::4, 1::4], plane[2::4, 3::4])
    ]
    both = np.stack(parts, 3)
    return both.reshape(*both.shape[:2], SAMPLES)
