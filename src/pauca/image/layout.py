"""Geometry and integer rules of the wavelet picture codec, shared by training, encoder and decoder
(spec/image.md).

A picture of H x W is padded to multiples of 128 and split by `LEVELS` = 6 levels of a wavelet. At
level l the three detail bands live on a grid of H/2**l x W/2**l; networks see that grid folded 2x2
(space to depth), so level l is coded on the grid H/2**(l+1) x W/2**(l+1) with four phases.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pauca.pixels.lifting import ZETA

LEVELS = 6
ALIGN = 1 << (LEVELS + 1)
COLOURS = 3
BANDS = 3  # 0: horizontal detail, 1: vertical detail, 2: diagonal detail

FRACTION = 16  # integer samples count 1/16 of a grey level; means and values count 1/16 of a step
QUALITIES = 401  # quality code 0..400 is quality 0..100 in quarters

# Luma of a cell is coded in four passes; LUMA_ORDER[band][pass] is the phase of the cell. After the
# first pass three of four phases have a value of some band, so later passes see the same place in
# another band as well as their own band next door (the idea of Li et al., DCVC-DC, 2023).
LUMA_ORDER = ((0, 3, 1, 2), (3, 0, 2, 1), (1, 2, 0, 3))
LUMA_PASSES = 4

STEP_OCTAVES = (7.5, 6.5)  # log2 of the step at quality 0, and how far it falls until quality 100

# Where a pack masks, steps grow by the octaves that a head of the trunk gives, in 1/8, at most 3.
MASK_OCTAVE, MASK_REACH = 8, 24

COMPAND_GAIN = 16.0
COMPAND_SIZE = 2048
CELL = 4  # samples along the side of a cell in the low band that leaves its level


# What a low band after 0, 1, 2, 3 levels of CDF 9/7 is multiplied with to be a picture,
# (ZETA**2 / 2)**level, in units of 2**-14. Levels of 2/6 leave means.
LOW_FACTORS = (1 << 14, 10826, 7154, 4727)


def base_step(quality: NDArray[np.float64]) -> NDArray[np.float64]:
    """Quantization step in grey levels (orthonormal transform): 181 at quality 0, 2 at 100."""
    step: NDArray[np.float64] = np.exp2(STEP_OCTAVES[0] - STEP_OCTAVES[1] * quality / 100.0)
    return step


def low_gain(level: int, wavelets: Sequence[str]) -> float:
    """Factor from orthonormal to unscaled samples of the low band that the first `level` of the
    levels' wavelets leave.
    """
    return math.prod((float(ZETA[wavelet] ** -2.0) for wavelet in wavelets[:level]), start=1.0)


def band_gain(level: int, band: int, wavelets: Sequence[str]) -> float:
    """Factor from orthonormal to unscaled lifting coefficients of a detail band (band 3: the low
    band).
    """
    area = ZETA[wavelets[level - 1]] ** 2
    factors: tuple[float, ...] = (1.0, 1.0, area, 1.0 / area)
    return low_gain(level - 1, wavelets) * factors[band]


def luma_pass_of_phase() -> list[list[int]]:
    """Inverse of LUMA_ORDER: [band][phase] to the pass that codes it."""
    return [[order.index(phase) for phase in range(4)] for order in LUMA_ORDER]


def compand_table() -> NDArray[np.int8]:
    """|value| in 1/16 steps, below COMPAND_SIZE, to 7 bits: 16 log2(1 + v/8), the input rule of the
    networks.
    """
    v = np.arange(COMPAND_SIZE, dtype=np.float64)
    return np.minimum(127, np.floor(COMPAND_GAIN * np.log2(1.0 + v / 8.0) + 0.5)).astype(np.int8)


def mask_table() -> NDArray[np.int32]:
    """Factors of steps for -MASK_REACH..MASK_REACH, in 1/4096."""
    octaves = np.arange(-MASK_REACH, MASK_REACH + 1) / MASK_OCTAVE
    factors: NDArray[np.float64] = np.rint(4096.0 * np.exp2(octaves))
    return factors.astype(np.int32)
