"""Super-resolution by an integer network that mends a bicubic interpolation (spec/upscale.md).

Data order: luma x -> windows of pixels around cells of fold x fold -> blocks on the grid of cells
-> residual of every output pixel of the cell -> bicubic x plus residual. Working on folded cells
makes a network of equal cost several times faster than one at full resolution (space to depth: Shi
et al., arXiv:1609.05158, the other way round).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pauca.errors import InputError
from pauca.nets.integer import UNIT, IntBlock, IntConv, round_ste
from pauca.nets.interpolate import bicubic

RESIDUAL = 2.0  # grey levels of a head's unit: heads count 1/16 levels in 1/32 units


@dataclass(frozen=True)
class SrConfig:
    """Sizes of a network: `planes` 1 for luma alone, 3 for all of YCbCr at once."""

    scale: int = 2
    fold: int = 2
    margin: int = 2  # pixels around a cell that its window holds
    channels: int = 32
    blocks: int = 3
    expand: int = 2
    planes: int = 1
    branches: bool = False  # while training: depthwise layers as sums, folded on export

    def __post_init__(self) -> None:
        """Raise `InputError` on sizes that streams and kernels do not know."""
        if self.scale not in (2, 4) or self.fold not in (1, 2, 4) or self.planes not in (1, 3):
            raise InputError("scale must be 2 or 4, fold 1, 2 or 4, planes 1 or 3")
        if not 0 <= self.margin <= 4 or min(self.channels, self.expand) < 1 or self.blocks < 0:
            raise InputError("margin must be 0..4, channels and expand at least 1")

    @property
    def window(self) -> int:
        """Pixels of a window."""
        return (self.fold + 2 * self.margin) ** 2

    @property
    def outputs(self) -> int:
        """Output pixels of a cell."""
        return (self.fold * self.scale) ** 2

    @property
    def macs(self) -> float:
        """Multiply-accumulates for each input pixel."""
        c = self.channels
        block = 9 * c + 2 * self.expand * c * c
        ends = self.planes * (self.window + self.outputs) * c
        return (ends + self.blocks * block) / self.fold**2

    @property
    def halo(self) -> int:
        """Input pixels around a tile that its output depends on."""
        return self.margin + self.blocks * self.fold + 2


# 640 x 360 has 230,400 pixels: nano 0.94, small 11.7 GMAC.
SIZES = {
    "sr-x2-nano": SrConfig(2, 2, 2, 24, 6),
    "sr-x2-small": SrConfig(2, 2, 2, 64, 12),
    "sr-x4-small": SrConfig(4, 2, 2, 64, 12),
    "teacher": SrConfig(2, 2, 2, 128, 24),
}


class SrModel(nn.Module):
    """The network in floating point, or as integers once `set_exact`."""

    def __init__(self, config: SrConfig = SrConfig()):
        super().__init__()
        self.config = config
        c, planes = config.channels, config.planes
        self.stem = IntConv(planes * config.window, c)
        self.blocks = nn.ModuleList(
            [IntBlock(c, config.expand, config.branches) for _ in range(config.blocks)]
        )
        self.head = IntConv(c, planes * config.outputs, zero=True)
        with torch.no_grad():
            # Rows that sum to zero see edges, not brightness, which would fill the 8 bits.
            weight = self.stem.weight.view(c, planes, -1)
            weight -= weight.mean(2, keepdim=True)
            self.stem.bias.fill_(1.0)  # type: ignore[union-attr]

    def windows(self, x: Tensor) -> Tensor:
        """(N, P, H, W) levels 0..255 to (N, P * window, H / fold, W / fold), units of 1/32."""
        fold, margin = self.config.fold, self.config.margin
        n, p, h, w = x.shape
        seen = (torch.floor(x + 0.5) - 128.0).clamp(-128.0, 127.0) / UNIT
        seen = F.pad(seen, (margin,) * 4, mode="replicate")
        columns = F.unfold(seen, fold + 2 * margin, stride=fold)
        return columns.view(n, -1, h // fold, w // fold)

    def forward(self, x: Tensor) -> Tensor:
        """x (N, P, H, W) in levels 0..255, sides multiples of `fold`, to (N, P, sH, sW)."""
        f = self.stem.u8(self.windows(x))
        for block in self.blocks:
            f = block(f)
        residual = RESIDUAL * self.head.wide(f)
        if self.head.exact:
            residual = round_ste(residual * 16.0) / 16.0
        side = self.config.fold * self.config.scale
        return bicubic(x, self.config.scale) + F.pixel_shuffle(residual, side)
