"""The colour space of the picture codec in torch."""

from __future__ import annotations

import torch
from torch import Tensor


def to_ycc(rgb: Tensor) -> Tensor:
    """(N, 3, H, W) RGB 0..255 to centred BT.601 YCbCr."""
    r, g, b = rgb.unbind(1)
    y = 0.299 * r + 0.587 * g + 0.114 * b
    return torch.stack([y - 128.0, (b - y) / 1.772, (r - y) / 1.402], 1)


def to_rgb(ycc: Tensor) -> Tensor:
    """Inverse of `to_ycc`, not clamped."""
    y, cb, cr = ycc.unbind(1)
    y = y + 128.0
    return torch.stack([y + 1.402 * cr, y - 0.344136286 * cb - 0.714136286 * cr, y + 1.772 * cb], 1)
