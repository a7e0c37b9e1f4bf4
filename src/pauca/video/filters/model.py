"""The network of a filter (spec/filter.md): cells of 2 x 2 luma samples with their chroma, and the
encoder's setting, to what is wrong with them.

The head reads all features of the last block, before they are mixed, beside the trunk, and where it
is `direct` the windows as well, which makes it a Wiener filter too: it is linear in what it is
fitted on, so a scene's best head is a least squares problem (fit.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pauca.errors import InputError
from pauca.nets.integer import UNIT, IntBlock, IntConv, round_ste
from pauca.nets.interpolate import bicubic
from pauca.pack.filters import FOLD, SIDE, residuals_of, window_size

RESIDUAL = 0.5  # grey levels of a head's unit: heads count 1/64 levels in 1/32 units
HEAD_SHIFT = 3  # fitted heads have room for weights up to 16: a sample's quarter

Planes = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class FilterConfig:
    """Sizes of a network; `margin` even: luma samples around a cell that its window holds."""

    scale: int = 1
    margin: int = 2
    channels: int = 24
    blocks: int = 5  # whole ones; the last one's features go straight to the head
    expand: int = 2
    features: int = 64  # of the last block
    direct: bool = True  # whether the head sees the windows

    def __post_init__(self) -> None:
        """Raise `InputError` on sizes that streams and kernels do not know."""
        if self.scale not in (1, 2) or self.margin not in (2, 4):
            raise InputError("scale must be 1 or 2, margin 2 or 4")
        if min(self.channels, self.expand, self.features) < 1 or self.blocks < 0:
            raise InputError("channels, expand and features must be at least 1")

    @property
    def window(self) -> int:
        """Samples of a window, side channels included."""
        return window_size(self.margin)

    @property
    def outputs(self) -> tuple[int, int, int]:
        """Output samples of a cell, of Y, U and V."""
        return residuals_of(self.scale)

    @property
    def seen(self) -> int:
        """Inputs of the head."""
        return self.channels + self.features + self.direct * self.window

    @property
    def macs(self) -> float:
        """Multiply-accumulates for each coded luma sample."""
        c = self.channels
        block = 9 * c + 2 * self.expand * c * c
        last = 9 * c + c * self.features + self.seen * sum(self.outputs)
        return (self.window * c + self.blocks * block + last) / FOLD**2


# 640 x 360 has 230,400 samples of luma: 0.96 and 0.99 GMAC.
SIZES = {
    "vf-restore": FilterConfig(1),
    "vf-sr2": FilterConfig(2, features=48, direct=False),
}


class FilterModel(nn.Module):
    """The network in floating point, or as integers once `set_exact`."""

    def __init__(self, config: FilterConfig = FilterConfig()):
        super().__init__()
        self.config = config
        c = config.channels
        self.stem = IntConv(config.window, c)
        self.blocks = nn.ModuleList([IntBlock(c, config.expand) for _ in range(config.blocks)])
        self.depth = IntConv(c, c, 3, depthwise=True)
        self.up = IntConv(c, config.features)
        self.head = IntConv(config.seen, sum(config.outputs), zero=True, shift_max=HEAD_SHIFT)
        with torch.no_grad():
            # Rows that sum to zero see edges, not brightness, which would fill the 8 bits.
            luma = (FOLD + 2 * config.margin) ** 2
            chroma = (1 + config.margin) ** 2
            for start, size in ((0, luma), (luma, chroma), (luma + chroma, chroma)):
                part = self.stem.weight[:, start : start + size]
                part -= part.mean(1, keepdim=True)
            self.stem.weight[:, -SIDE:] *= 0.2
            self.stem.bias.fill_(1.0)  # type: ignore[union-attr]

    def windows(self, planes: Planes, side: Tensor) -> Tensor:
        """Levels 0..255 of Y (N, 1, H, W), U and V, H and W even, to (N, window, H / 2, W / 2)."""
        margin, parts = self.config.margin, []
        n, _, h, w = planes[1].shape
        sizes = ((FOLD, margin), (1, margin // 2), (1, margin // 2))
        for plane, (fold, reach) in zip(planes, sizes, strict=True):
            seen = F.pad((plane - 128.0) / UNIT, (reach,) * 4, mode="replicate")
            columns = F.unfold(seen, fold + 2 * reach, stride=fold)
            parts.append(columns.view(n, -1, h, w))
        parts.append((side / UNIT)[:, :, None, None].expand(-1, -1, h, w))
        return torch.cat(parts, 1).contiguous(memory_format=torch.channels_last)

    def features(self, planes: Planes, side: Tensor) -> Tensor:
        """What the head reads, (N, seen, H / 2, W / 2)."""
        windows = self.windows(planes, side)
        f = self.stem.u8(windows)
        for block in self.blocks:
            f = block(f)
        parts = [f, self.up.u8(self.depth.s8(f))]
        return torch.cat([windows, *parts] if self.config.direct else parts, 1)

    def forward(self, planes: Planes, side: Tensor) -> Tensor:
        """Residuals in levels, by cell: (N, outputs, H / 2, W / 2), Y, then U, then V."""
        residual = RESIDUAL * self.head.wide(self.features(planes, side))
        return round_ste(residual * 64.0) / 64.0 if self.head.exact else residual

    def wrong(self, decoded: Planes, original: Planes) -> Tensor:
        """What `forward` should give: original minus decoded (interpolated), by cell."""
        parts, scale = [], self.config.scale
        for a, b, fold in zip(decoded, original, (FOLD, 1, 1), strict=True):
            base = a if scale == 1 else bicubic(a, scale)
            parts.append(F.pixel_unshuffle(b - base, fold * scale))
        return torch.cat(parts, 1)
