"""MATLAB's `imresize`, bicubic with antialiasing: what super-resolution is trained and measured
with everywhere.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError

Array = NDArray[np.float32]


def resize_bicubic(
    x: NDArray[np.uint8] | NDArray[np.float32], height: int, width: int
) -> NDArray[np.uint8] | NDArray[np.float32]:
    """(H, W) or (H, W, C) to (height, width) or (height, width, C) of the same type.

    uint8 is rounded after each direction, as imresize does; the direction that shrinks more comes
    first. Raises `InputError` on empty sides.
    """
    if x.ndim not in (2, 3) or min(*x.shape[:2], height, width) < 1:
        raise InputError(f"cannot resize {x.shape} to {height} x {width}")
    order = sorted((0, 1), key=lambda axis: (height, width)[axis] / x.shape[axis])
    for axis in order:
        size = (height, width)[axis]
        if size != x.shape[axis]:
            y = _along(x.astype(np.float32, copy=False), size, axis)
            x = np.rint(y).clip(0, 255).astype(np.uint8) if x.dtype == np.uint8 else y
    return x


def resample_weights(before: int, after: int) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Weights (after, taps) and the positions (after, taps) that they belong to, mirrored at the
    borders.
    """
    scale = after / before
    shrink = min(scale, 1.0)
    reach = 4.0 / shrink
    centre = (np.arange(1, after + 1) / scale) + 0.5 * (1 - 1 / scale)
    left = np.floor(centre - reach / 2)
    where = left[:, None] + np.arange(math.ceil(reach) + 2)
    weights = shrink * cubic(shrink * (centre[:, None] - where))
    weights /= weights.sum(1, keepdims=True)
    mirror = np.concatenate([np.arange(before), np.arange(before)[::-1]])
    return weights, mirror[np.mod(where.astype(np.intp) - 1, 2 * before)]


def cubic(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Keys's kernel, "Cubic convolution interpolation" (1981), a = -1/2."""
    a = np.abs(x)
    near = 1.5 * a**3 - 2.5 * a**2 + 1
    far = -0.5 * a**3 + 2.5 * a**2 - 4 * a + 2
    value: NDArray[np.float64] = np.where(a <= 1, near, np.where(a <= 2, far, 0.0))
    return value


def _along(x: Array, size: int, axis: int) -> Array:
    weights, where = resample_weights(x.shape[axis], size)
    used = np.flatnonzero(np.abs(weights).max(0) > 0)
    out: Array | None = None
    shape = [1] * x.ndim
    shape[axis] = size
    for tap in used:  # a handful; each is one pass over the picture
        part = x.take(where[:, tap], axis) * weights[:, tap].astype(np.float32).reshape(shape)
        out = part if out is None else out + part
    assert out is not None
    return out
