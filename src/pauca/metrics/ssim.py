"""Multi-scale structural similarity (Wang, Simoncelli, Bovik, Asilomar 2003), numpy only.

Conventions follow what learned-compression papers report (pytorch-msssim, CompressAI): an
11-tap Gaussian of sigma 1.5 on the valid area only, 2x2 averages between the scales, contrast
times structure on every scale and luminance on the last, each channel on its own, then the
mean over channels.
"""

import math

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.metrics.psnr import PEAK, check_pair

WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # Wang 2003, section 4
WINDOW = 11
SIGMA = 1.5
SMALLEST = ((WINDOW - 1) << (len(WEIGHTS) - 1)) + 1  # shorter side that has all five scales
C1 = (0.01 * PEAK) ** 2
C2 = (0.03 * PEAK) ** 2

Plane = NDArray[np.float32]


def ms_ssim(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """MS-SSIM of two uint8 pictures (H, W[, C]), 0..1, mean over channels; 1 for equal ones.

    Five scales need a shorter side of at least 161. Smaller pictures use the scales on which
    the 11-pixel window still fits, with the weights renormalized to sum 1; below 11 pixels the
    one remaining scale uses a window cut to the side. `InputError` where shapes do not fit.
    """
    check_pair(a, b)
    planes_a = a[:, :, None] if a.ndim == 2 else a
    planes_b = b[:, :, None] if b.ndim == 2 else b
    channels = range(planes_a.shape[2])
    return sum(_plane(planes_a[..., c], planes_b[..., c]) for c in channels) / len(channels)


def ssim(a: NDArray[np.generic], b: NDArray[np.generic]) -> float:
    """SSIM of two planes (H, W), uint8 or float in 0..255, on the valid area of one scale (Wang et
    al., IEEE TIP 13(4), 2004); `InputError` where shapes do not fit.
    """
    if a.ndim != 2 or a.shape != b.shape or min(a.shape) < 1:
        raise InputError(f"planes of shape {a.shape} and {b.shape}")
    x, y = (plane.astype(np.float32) - np.float32(128) for plane in (a, b))
    return _similarity(x, y, luminance=True)


def ms_ssim_db(value: float) -> float:
    """MS-SSIM on the decibel scale of rate-distortion plots, -10 log10(1 - value); `inf` at 1."""
    return math.inf if value >= 1 else -10 * math.log10(1 - value)


def scales(height: int, width: int) -> int:
    """How many of the five scales a picture of this size has: the window must fit the last."""
    side = min(height, width)
    return max(1, sum(side > (WINDOW - 1) << level for level in range(len(WEIGHTS))))


def _plane(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    levels = scales(a.shape[0], a.shape[1])
    total = sum(WEIGHTS[:levels])
    # Variances do not move with a shift, but float32 keeps more of their digits around zero.
    x = a.astype(np.float32) - np.float32(128)
    y = b.astype(np.float32) - np.float32(128)
    result = 1.0
    for level in range(levels):
        similarity = max(_similarity(x, y, luminance=level == levels - 1), 0.0)
        result *= math.pow(similarity, WEIGHTS[level] / total)
        if level < levels - 1:
            x, y = _halve(x), _halve(y)
    return result


def _similarity(x: Plane, y: Plane, luminance: bool) -> float:
    """Mean of contrast-structure (times luminance) over the valid windows; pixels minus 128."""
    mu_x, mu_y = _blur(x), _blur(y)
    covariance = _blur(x * y) - mu_x * mu_y
    # The two variances only ever appear as their sum: one blur less.
    variances = _blur(x * x + y * y) - (mu_x * mu_x + mu_y * mu_y)
    ratio = (2 * covariance + np.float32(C2)) / (variances + np.float32(C2))
    if luminance:
        mu_x += np.float32(128)
        mu_y += np.float32(128)
        ratio *= (2 * mu_x * mu_y + np.float32(C1)) / (mu_x**2 + mu_y**2 + np.float32(C1))
    return float(ratio.mean(dtype=np.float64))


def _blur(x: Plane) -> Plane:
    return _blur_rows(_blur_rows(x).T).T


def _blur_rows(x: Plane) -> Plane:
    """Gaussian window along axis 0, valid part only, adding mirrored rows first."""
    taps = _window(min(WINDOW, x.shape[0]))
    size = x.shape[0] - len(taps) + 1
    half = len(taps) // 2
    out = np.zeros((size, x.shape[1]), np.float32)
    for i in range(half):
        j = len(taps) - 1 - i
        pair = x[i : i + size] + x[j : j + size]
        pair *= taps[i]
        out += pair
    if len(taps) % 2:
        out += x[half : half + size] * taps[half]
    return out


def _window(size: int) -> Plane:
    at = np.arange(size) - (size - 1) / 2
    taps: NDArray[np.float64] = np.exp(-(at**2) / (2 * SIGMA**2))
    return np.asarray(taps / taps.sum(), np.float32)


def _halve(x: Plane) -> Plane:
    """2x2 averages; an odd side gets one line of black before it, as the reference pads."""
    height, width = x.shape
    padded = np.pad(x, ((height % 2, 0), (width % 2, 0)), constant_values=-128)
    rows = padded[0::2] + padded[1::2]
    halved: Plane = rows[:, 0::2] + rows[:, 1::2]
    halved *= np.float32(0.25)
    return halved
