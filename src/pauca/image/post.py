"""The last step of the decoder, from planes to colours: a picture is the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from pauca.image import layout
from pauca.pixels.lifting import CDF97

PLANE_MAX = (1 << 13) - 1  # 1/16 grey levels


SCALED_MAX = (1 << 16) - 1  # of a low band, 1/16 grey levels times the gain of the wavelet


def scaled_planes(planes: NDArray[np.int32], wavelets: Sequence[str]) -> NDArray[np.int32]:
    """A low band (3, H, W) after levels of these wavelets as a picture: without their gain."""
    if not wavelets:
        return planes
    factor = np.int32(layout.LOW_FACTORS[wavelets.count(CDF97)])
    return (planes.clip(-SCALED_MAX, SCALED_MAX) * factor + np.int32(1 << 13)) >> 14


def rgb_from_planes(planes: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Centred YCbCr (3, H, W) in 1/16 grey levels to RGB (H, W, 3) uint8."""
    y, cb, cr = planes.clip(-PLANE_MAX, PLANE_MAX)
    # BT.601 in units of 2**-14; 1/16 grey levels, so 18 bits in all, and the offset of Y is 128.
    y = (y << 14) + np.int32((128 << 18) + (1 << 17))
    red = (y + 22970 * cr) >> 18
    green = (y - 5638 * cb - 11698 * cr) >> 18
    blue = (y + 29032 * cb) >> 18
    return np.stack([red, green, blue], 2).clip(0, 255).astype(np.uint8)
