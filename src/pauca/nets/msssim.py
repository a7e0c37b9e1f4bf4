"""MS-SSIM in torch, differentiable: the loss of packs that are judged by it.

The same conventions as `metrics/ssim.py` (Wang, Simoncelli, Bovik, Asilomar 2003), for pictures
whose shorter side is at least 161.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from pauca.metrics.ssim import C1, C2, SIGMA, WEIGHTS, WINDOW


def ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    """(N, C, H, W) float in 0..255 to (N,): the mean over channels, as the metric has it.

    In float32 whatever autocast says: variances are small differences of large numbers.
    """
    with torch.autocast(a.device.type, enabled=False):
        return _ms_ssim(a.float() - 128.0, b.float() - 128.0)


def _ms_ssim(a: Tensor, b: Tensor) -> Tensor:
    result = torch.ones(a.shape[:2], device=a.device)
    for level, weight in enumerate(WEIGHTS):
        last = level == len(WEIGHTS) - 1
        # Below zero a power has no gradient; early in training a coarse scale may be there.
        result = result * _similarity(a, b, last).clamp_min(1e-3) ** weight
        if not last:
            pad = (a.shape[3] % 2, 0, a.shape[2] % 2, 0)
            a, b = (F.avg_pool2d(F.pad(x, pad, value=-128.0), 2) for x in (a, b))
    return result.mean(1)


def _similarity(a: Tensor, b: Tensor, luminance: bool) -> Tensor:
    mu_a, mu_b = _blur(a), _blur(b)
    covariance = _blur(a * b) - mu_a * mu_b
    variances = _blur(a * a + b * b) - mu_a.square() - mu_b.square()
    ratio = (2 * covariance + C2) / (variances + C2)
    if luminance:
        mu_a, mu_b = mu_a + 128.0, mu_b + 128.0
        ratio = ratio * (2 * mu_a * mu_b + C1) / (mu_a.square() + mu_b.square() + C1)
    return ratio.mean((2, 3))


def _blur(x: Tensor) -> Tensor:
    """The Gaussian window along both sides, without padding, as two products with band matrices:
    nine times as fast on a CPU as convolutions of one channel.
    """
    rows, columns = (_bands(side, x.device) for side in x.shape[2:])
    return rows @ (x @ columns.T)


def _bands(side: int, device: torch.device) -> Tensor:
    """(side - WINDOW + 1, side): the window at every place."""
    at = torch.arange(side, device=device, dtype=torch.float32)
    middle = at[: side - WINDOW + 1, None] + (WINDOW - 1) / 2
    distance = at - middle
    taps = torch.exp(-distance.square() / (2 * SIGMA**2))
    taps = torch.where(distance.abs() <= (WINDOW - 1) / 2, taps, 0.0)
    return taps / taps.sum(1, keepdim=True)
