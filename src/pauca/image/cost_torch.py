"""What a picture model is trained for, and refinement moves symbols for: bits and likeness."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from pauca.image.model import base_step
from pauca.metrics.ssim import SMALLEST
from pauca.nets.msssim import ms_ssim

# Price of 1 - MS-SSIM in bits per pixel at qualities 12 and 60: what makes a codec trained for it
# end up near the rates that squared error has there (Minnen et al., arXiv:1809.02736, and after).
SSIM_PRICES = {12: 1.5, 60: 220.0}


def ssim_price(quality: Tensor) -> Tensor:
    """Bits per pixel that 1 - MS-SSIM costs at a quality: exponential through SSIM_PRICES."""
    (q0, p0), (q1, p1) = SSIM_PRICES.items()
    return p0 * (p1 / p0) ** ((quality - q0) / (q1 - q0))


def distortion(x_hat: Tensor, x: Tensor, quality: Tensor, lmbda: float, measure: str) -> Tensor:
    """What x_hat (N, 3, H, W) lacks of x at qualities (N,), in bits per pixel (N,).

    `measure`: "psnr", squared error over `lmbda` squared base steps; "ssim", MS-SSIM at its price;
    "mix", half of each.
    """
    cost = x_hat.new_zeros(len(x))
    if measure != "ssim":
        squared = (x_hat - x).square().mean((1, 2, 3))
        cost = cost + squared / (lmbda * base_step(quality).square())
    if measure != "psnr":
        cost = cost + ssim_price(quality) * (1.0 - ms_ssim(_large(x_hat), _large(x)))
    return cost / 2 if measure == "mix" else cost


def _large(x: Tensor) -> Tensor:
    """x, its border repeated until MS-SSIM has room."""
    h, w = x.shape[2:]
    pad = (0, max(SMALLEST - w, 0), 0, max(SMALLEST - h, 0))
    return F.pad(x, pad, mode="replicate") if any(pad) else x
