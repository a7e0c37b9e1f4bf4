"""Qualities block by block for a likeness that every tile has to reach.

With one quality for all, the worst tile decides and all others are better than asked. Here every
block of 64 x 64, the tiles that likeness is measured on, gets the quality at which it is just good
enough; blocks see their neighbours, so this is repeated with what decoders really have.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from pauca.image import layout
from pauca.image.codec import PictureEncoder
from pauca.image.coded import Coded
from pauca.image.qualities import Codes, blocks_of
from pauca.metrics.compare import tile_psnr

LADDER = 13  # codes between two rungs: 0.75 dB
RUNGS = (-12, 8)  # below and above the code that one quality for all takes
DB_PER_CODE = 0.058
ROUNDS = 6  # in which blocks go down; then they only go up, until all are good enough
PATIENCE = 12  # rounds in all


def by_blocks(
    encoder: PictureEncoder,
    goal: float,
    code: int,
    tell: Callable[[Coded, float], int],
) -> Coded:
    """The smallest coding found whose worst tile has `goal` dB of PSNR, which it has at quality
    `code` everywhere; `tell` is told of every coding and its worst tile, and gives its bytes.
    """
    pixels = np.asarray(encoder.pixels)
    blocks = blocks_of(encoder.size)
    rungs = np.zeros(blocks, np.int64)
    best, seen = encoder.encode_and_decode(code)
    tiles = tile_psnr(pixels, seen)
    smallest = tell(best, float(tiles.min()))
    for number in range(PATIENCE):
        slack = _padded(tiles - goal, blocks)
        step = np.floor(slack.clip(-9, 9) / (LADDER * DB_PER_CODE)).astype(np.int64)
        if number >= ROUNDS:
            step = np.where(slack < 0, step, 0)
        if not step.any():
            break
        rungs = (rungs - step).clip(*RUNGS)
        coded, seen = encoder.encode_and_decode(code, _codes(code, rungs))
        tiles = tile_psnr(pixels, seen)
        size = tell(coded, float(tiles.min()))
        if tiles.min() >= goal and size < smallest:
            best, smallest = coded, size
    return best


def _codes(code: int, rungs: NDArray[np.int64]) -> Codes:
    codes: Codes = (code + LADDER * rungs).clip(0, layout.QUALITIES - 1).astype(np.int16)
    return codes


def _padded(tiles: NDArray[np.float64], blocks: tuple[int, int]) -> NDArray[np.float64]:
    """Values of tiles of the picture on all blocks of the padded one."""
    pad = [(0, there - here) for there, here in zip(blocks, tiles.shape, strict=True)]
    return np.pad(tiles, pad, "edge")
