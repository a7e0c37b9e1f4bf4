"""Peak signal-to-noise ratio of 8-bit pictures."""

import math

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError

PEAK = 255.0


def check_pair(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> None:
    """Accept two uint8 pictures of one shape, (H, W) or (H, W, C), or raise `InputError`."""
    if a.dtype != np.uint8 or b.dtype != np.uint8:
        raise InputError(f"metrics compare uint8 pictures, not {a.dtype} with {b.dtype}")
    if a.shape != b.shape:
        raise InputError(f"pictures differ in shape: {a.shape} and {b.shape}")
    if a.ndim not in (2, 3) or a.size == 0:
        raise InputError(f"a picture is (H, W) or (H, W, C) and not empty, not {a.shape}")


def mse(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean squared error over all samples of two uint8 pictures (H, W[, C]); 0..65025."""
    check_pair(a, b)
    difference = (a.astype(np.int16) - b).ravel()
    # A square is at most 65025: the int64 sum is exact for any picture that fits in memory.
    return float(np.sum(np.square(difference, dtype=np.int32), dtype=np.int64)) / difference.size


def psnr(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """PSNR in dB at peak 255 over all samples of two uint8 pictures (H, W[, C]).

    `inf` for equal pictures; `InputError` where shapes or types do not fit.
    """
    error = mse(a, b)
    return math.inf if error == 0 else 10 * math.log10(PEAK * PEAK / error)
