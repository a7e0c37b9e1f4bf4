"""RGB and centred BT.601 YCbCr of full range (JFIF), the colour space of the picture codec."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

ROWS = 64  # at once: what lies between is small, and stays in the cache


def ycc_from_rgb(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(H, W, 3) RGB or (H, W) grey uint8 to (3, H, W) float32: Y - 128, Cb, Cr, each about
    -128..128.
    """
    if pixels.ndim == 2:
        planes = np.zeros((3, *pixels.shape), np.float32)
        planes[0] = pixels
        planes[0] -= 128.0
        return planes
    planes = np.empty((3, *pixels.shape[:2]), np.float32)
    for top in range(0, len(pixels), ROWS):
        r, g, b = (pixels[top : top + ROWS, :, i].astype(np.float32) for i in range(3))
        y = np.float32(0.299) * r + np.float32(0.587) * g + np.float32(0.114) * b
        rows = planes[:, top : top + ROWS]
        rows[0] = y - np.float32(128)
        rows[1], rows[2] = (b - y) / np.float32(1.772), (r - y) / np.float32(1.402)
    return planes


def grey_from_rgb(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(H, W, 3) to (H, W): BT.601 luma, rounded."""
    weights = np.array([19595, 38470, 7471], np.uint32)  # units of 2**-16
    return ((rgb.astype(np.uint32) @ weights + np.uint32(1 << 15)) >> np.uint32(16)).astype(
        np.uint8
    )
