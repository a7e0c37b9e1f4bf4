"""The last steps of the decoder, post-filter and colours: a picture is the same everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pauca.image.filters import residuals
from pauca.image.networks import Networks
from pauca.image.walk import Reconstruction

PLANE_MAX = (1 << 13) - 1  # 1/16 grey levels


def mended_pixels(networks: Networks, picture: Reconstruction, code: int) -> NDArray[np.uint8]:
    """Planes (3, H, W) and features (H/4, W/4, C) to RGB (H, W, 3) uint8, tile by tile."""
    _, height, width = picture.planes.shape
    rgb = np.empty((height, width, 3), np.uint8)
    for tile, residual in residuals(networks, "post", picture.planes, picture.features, code):
        rgb[tile.outside()] = rgb_from_planes(picture.planes[:, *tile.outside()] + residual)
    return rgb


def rgb_from_planes(planes: NDArray[np.int32]) -> NDArray[np.uint8]:
    """Centred YCbCr (3, H, W) in 1/16 grey levels to RGB (H, W, 3) uint8."""
    y, cb, cr = planes.clip(-PLANE_MAX, PLANE_MAX)
    # BT.601 in units of 2**-14; 1/16 grey levels, so 18 bits in all, and the offset of Y is 128.
    y = (y << 14) + np.int32((128 << 18) + (1 << 17))
    red = (y + 22970 * cr) >> 18
    green = (y - 5638 * cb - 11698 * cr) >> 18
    blue = (y + 29032 * cb) >> 18
    return np.stack([red, green, blue], 2).clip(0, 255).astype(np.uint8)
