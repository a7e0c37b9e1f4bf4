"""The CDF 9/7 wavelet by unscaled lifting in torch, differentiable, same constants as the integer
synthesis.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pauca.pixels.lifting import LIFT, LIFT_BITS


def shifted(x: Tensor, step: int, axis: int) -> Tensor:
    """Neighbour at `step` (+1 or -1) along `axis`; the border sample repeats (symmetric extension
    on the pair grid).
    """
    n = x.shape[axis]
    if step > 0:
        return torch.cat([x.narrow(axis, 1, n - 1), x.narrow(axis, n - 1, 1)], axis)
    return torch.cat([x.narrow(axis, 0, 1), x.narrow(axis, 0, n - 1)], axis)


def pair(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """Even and odd samples along `axis` (-1 or -2)."""
    even = x[..., 0::2, :] if axis == -2 else x[..., 0::2]
    odd = x[..., 1::2, :] if axis == -2 else x[..., 1::2]
    return even, odd


def split(x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
    """One analysis step along `axis` (-1 or -2): (..., n) to low and high halves (..., n/2)."""
    a, b, c, d = (v / (1 << LIFT_BITS) for v in LIFT)
    s, h = pair(x, axis)
    h = h + a * (s + shifted(s, 1, axis))
    s = s + b * (h + shifted(h, -1, axis))
    h = h + c * (s + shifted(s, 1, axis))
    s = s + d * (h + shifted(h, -1, axis))
    return s, h


def merge(s: Tensor, h: Tensor, axis: int) -> Tensor:
    """Inverse of `split`."""
    a, b, c, d = (v / (1 << LIFT_BITS) for v in LIFT)
    s = s - d * (h + shifted(h, -1, axis))
    h = h - c * (s + shifted(s, 1, axis))
    s = s - b * (h + shifted(h, -1, axis))
    h = h - a * (s + shifted(s, 1, axis))
    return joined(s, h, axis)


def joined(s: Tensor, h: Tensor, axis: int) -> Tensor:
    """Inverse of `pair`."""
    if axis == -1:
        return torch.stack([s, h], -1).flatten(-2)
    return torch.stack([s, h], -2).flatten(-3, -2)


def analysis_level(x: Tensor) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) to low (N, C, H/2, W/2) and details (N, C, 3, H/2, W/2)."""
    low_w, high_w = split(x, -1)
    low, vertical = split(low_w, -2)
    horizontal, diagonal = split(high_w, -2)
    return low, torch.stack([horizontal, vertical, diagonal], 2)


def synthesis_level(low: Tensor, details: Tensor) -> Tensor:
    """Inverse of `analysis_level`."""
    horizontal, vertical, diagonal = details.unbind(2)
    return merge(merge(low, vertical, -2), merge(horizontal, diagonal, -2), -1)
