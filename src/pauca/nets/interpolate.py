"""Interpolation in torch, as the integer kernels of the core do it (spec/upscale.md)."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from pauca.pixels.resize import cubic


def bicubic(x: Tensor, scale: int) -> Tensor:
    """(N, C, H, W) to (N, C, sH, sW): Keys's cubic with a = -1/2, the border repeated."""
    n, c, h, w = x.shape
    for axis, size in ((2, h), (3, w)):
        pad = (0, 0, 2, 2) if axis == 2 else (2, 2, 0, 0)
        p = F.pad(x, pad, mode="replicate")
        phases = []
        for phase in range(scale):
            position = (2 * phase + 1) / (2 * scale) - 0.5
            first = -2 if position < 0 else -1
            taps = cubic(position - first - np.arange(4.0, dtype=np.float64)).tolist()
            parts = [p.narrow(axis, 2 + first + k, size) * taps[k] for k in range(4)]
            phases.append(parts[0] + parts[1] + parts[2] + parts[3])
        x = torch.stack(phases, axis + 1).flatten(axis, axis + 1)
    return x
