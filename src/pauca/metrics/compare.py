"""How far two pictures are apart, as a whole and where it is worst."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.container.fidelity import TILE
from pauca.errors import InputError
from pauca.metrics.psnr import PEAK, check_pair, psnr
from pauca.metrics.ssim import ms_ssim


@dataclass(frozen=True)
class Comparison:
    """`psnr` and `tile_psnr`, of the worst tile of 64 x 64, in dB, `inf` for equal pixels;
    `ms_ssim` 0..1; `tile`: x and y of that tile's upper left pixel; `largest` absolute difference
    of a sample, 0..255; `differing`: share of the pixels, 0..1, with any difference.
    """

    psnr: float
    ms_ssim: float
    tile_psnr: float
    tile: tuple[int, int]
    largest: int
    differing: float


def compare(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> Comparison:
    """Compare two uint8 pictures (H, W[, C]); `InputError` where shapes or types do not fit."""
    tiles = tile_psnr(a, b)
    row, column = np.unravel_index(np.argmin(tiles), tiles.shape)
    apart = largest_differences(a, b)
    return Comparison(
        psnr(a, b),
        ms_ssim(a, b),
        float(tiles[row, column]),
        (int(column) * TILE, int(row) * TILE),
        int(apart.max()),
        float(np.count_nonzero(apart)) / apart.size,
    )


def tile_psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.float64]:
    """PSNR in dB over all samples of each 64 x 64 tile of two uint8 pictures (H, W[, C]).

    (rows, columns) of tiles from the upper left; the last ones are cut where the picture ends.
    """
    check_pair(a, b)
    difference = a.astype(np.int16) - b
    squares = np.square(difference, dtype=np.int32)
    if squares.ndim == 3:
        squares = squares.sum(2, dtype=np.int32)
    height, width = squares.shape
    rows, columns = np.arange(0, height, TILE), np.arange(0, width, TILE)
    # 64 * 64 * 4 squares of at most 65025 fit 31 bits.
    sums = np.add.reduceat(np.add.reduceat(squares, rows, axis=0), columns, axis=1)
    sides = (np.minimum(TILE, side - starts) for side, starts in ((height, rows), (width, columns)))
    samples = np.multiply.outer(*sides) * (difference.size // squares.size)
    with np.errstate(divide="ignore"):
        tiles: NDArray[np.float64] = 10 * np.log10(PEAK * PEAK * samples / sums)
    return tiles


def largest_differences(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W): the largest absolute difference in each pixel of two uint8 pictures (H, W[, C])."""
    check_pair(a, b)
    apart: NDArray[np.uint8] = np.maximum(a, b) - np.minimum(a, b)
    return apart if apart.ndim == 2 else apart.max(2)


def same_channels(
    a: NDArray[np.uint8], b: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Two pictures, (H, W) or (H, W, 3), with a grey one repeated on three channels where only the
    other has colours; `InputError` unless their sizes agree.
    """
    if a.shape[:2] != b.shape[:2]:
        sizes = " and ".join(f"{x.shape[1]} x {x.shape[0]}" for x in (a, b))
        raise InputError(f"pictures differ in size: {sizes}")
    if a.ndim == b.ndim:
        return a, b
    return _colours(a), _colours(b)


def _colours(a: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.repeat(a[:, :, None], 3, 2) if a.ndim == 2 else a


def difference_map(
    apart: NDArray[np.uint8], frame: tuple[int, int] | None = None
) -> NDArray[np.uint8]:
    """Largest differences (H, W) to a picture (H, W, 3): black where equal, then 32 levels
    brighter for every octave, 32 log2(1 + difference); the tile with upper left pixel (x, y)
    `frame` is framed in red.
    """
    octaves = np.log2(1.0 + np.arange(256))
    grey = np.minimum(255, np.rint(32 * octaves)).astype(np.uint8)[apart]
    picture = _colours(grey)
    if frame is not None:
        x, y = frame
        tile = picture[y : y + TILE, x : x + TILE]
        for edge in (tile[:1], tile[-1:], tile[:, :1], tile[:, -1:]):
            edge[:] = (255, 0, 0)
    return picture
