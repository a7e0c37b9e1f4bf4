"""The wavelets by unscaled lifting in torch, differentiable, same constants as the integer
synthesis.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pauca.pixels.lifting import BOX26, CDF97, LIFT, LIFT_BITS


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


def split(x: Tensor, axis: int, wavelet: str = CDF97) -> tuple[Tensor, Tensor]:
    """One analysis step along `axis` (-1 or -2): (..., n) to low and high halves (..., n/2)."""
    s, h = pair(x, axis)
    if wavelet == BOX26:
        h = h - s
        s = s + h / 2
        return s, h - slope(s, axis)
    a, b, c, d = (v / (1 << LIFT_BITS) for v in LIFT)
    h = h + a * (s + shifted(s, 1, axis))
    s = s + b * (h + shifted(h, -1, axis))
    h = h + c * (s + shifted(s, 1, axis))
    s = s + d * (h + shifted(h, -1, axis))
    return s, h


def merge(s: Tensor, h: Tensor, axis: int, wavelet: str = CDF97) -> Tensor:
    """Inverse of `split`."""
    if wavelet == BOX26:
        h = h + slope(s, axis)
        s = s - h / 2
        return joined(s, s + h, axis)
    a, b, c, d = (v / (1 << LIFT_BITS) for v in LIFT)
    s = s - d * (h + shifted(h, -1, axis))
    h = h - c * (s + shifted(s, 1, axis))
    s = s - b * (h + shifted(h, -1, axis))
    h = h - a * (s + shifted(s, 1, axis))
    return joined(s, h, axis)


def slope(s: Tensor, axis: int) -> Tensor:
    """What means say of the difference within their pair."""
    return (shifted(s, 1, axis) - shifted(s, -1, axis)) / 4


def joined(s: Tensor, h: Tensor, axis: int) -> Tensor:
    """Inverse of `pair`."""
    if axis == -1:
        return torch.stack([s, h], -1).flatten(-2)
    return torch.stack([s, h], -2).flatten(-3, -2)


def analysis_level(x: Tensor, wavelet: str = CDF97) -> tuple[Tensor, Tensor]:
    """(N, C, H, W) to low (N, C, H/2, W/2) and details (N, C, 3, H/2, W/2)."""
    low_w, high_w = split(x, -1, wavelet)
    low, vertical = split(low_w, -2, wavelet)
    horizontal, diagonal = split(high_w, -2, wavelet)
    return low, torch.stack([horizontal, vertical, diagonal], 2)


def synthesis_level(low: Tensor, details: Tensor, wavelet: str = CDF97) -> Tensor:
    """Inverse of `analysis_level`."""
    horizontal, vertical, diagonal = details.unbind(2)
    low_w, high_w = merge(low, vertical, -2, wavelet), merge(horizontal, diagonal, -2, wavelet)
    return merge(low_w, high_w, -1, wavelet)
