"""BT.601 as video has it: luma 16..235, chroma 16..240, in floats or in 1/16 levels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

# ITU-R BT.601, of RGB 0..255.
_FORWARD = np.array(
    [[65.481, 128.553, 24.966], [-37.797, -74.203, 112.0], [112.0, -93.786, -18.214]], np.float32
) / np.float32(255)
_OFFSET = np.array([16, 128, 128], np.float32)


def ycc16_from_rgb(rgb: NDArray[np.uint8]) -> NDArray[np.int16]:
    """(H, W, 3) RGB to contiguous planes (3, H, W)."""
    flat = (rgb.reshape(-1, 3).astype(np.float32) @ _FORWARD.T + _OFFSET) * np.float32(16)
    planes = np.rint(flat.T).astype(np.int16).reshape(3, *rgb.shape[:2])
    return np.ascontiguousarray(planes)


def rgb_from_ycc16(planes: Sequence[NDArray[np.int16]]) -> NDArray[np.uint8]:
    """Planes of one size to (H, W, 3) RGB, in integers: the same on every machine."""
    y, cb, cr = (plane.astype(np.int32) for plane in planes)
    # 255/219 and the chroma factors times 2**12, 1/16 levels: 16 bits in all.
    y = (y - 256) * 4769 + (1 << 15)
    cb, cr = cb - 2048, cr - 2048
    red = (y + 6537 * cr) >> 16
    green = (y - 1605 * cb - 3330 * cr) >> 16
    blue = (y + 8263 * cb) >> 16
    return np.stack([red, green, blue], 2).clip(0, 255).astype(np.uint8)


def luma601(rgb: NDArray[np.generic]) -> NDArray[np.float32]:
    """(H, W, 3) RGB 0..255 to BT.601 luma 16..235, (H, W) float32; not rounded."""
    luma: NDArray[np.float32] = rgb.astype(np.float32) @ _FORWARD[0] + _OFFSET[0]
    return luma


def chroma601(rgb: NDArray[np.generic]) -> NDArray[np.float32]:
    """(H, W, 3) RGB 0..255 to BT.601 Cb and Cr around 128, (H, W, 2) float32."""
    chroma: NDArray[np.float32] = rgb.astype(np.float32) @ _FORWARD[1:].T + _OFFSET[1:]
    return chroma
