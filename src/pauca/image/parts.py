"""Parts of the wavelet picture model: what a level knows of a value, and filters on cells."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pauca.image import layout
from pauca.image.layout import COLOURS, LUMA_PASSES
from pauca.nets.integer import UNIT, IntBlock, IntConv, round_ste

UP = 32  # channels passed from a level to the next finer one
DIFFS = 3  # horizontal, vertical and cross difference of the low band
INPUTS = COLOURS * DIFFS * 4 + UP + 2


def fold(x: Tensor) -> Tensor:
    """Space to depth by 2: (N, C, 2h, 2w) to (N, 4C, h, w), channel = 4c + phase."""
    return F.pixel_unshuffle(x, 2)


def unfold(x: Tensor) -> Tensor:
    """Inverse of `fold`."""
    return F.pixel_shuffle(x, 2)


def compand(v: Tensor) -> Tensor:
    """Steps (float) to signed 8-bit units of the networks: 16 log2(1 + 2|v|) / 32."""
    c = layout.COMPAND_GAIN * torch.log2(1.0 + 2.0 * v.abs())
    return torch.copysign(round_ste(c.clamp_max(127.0)), v) / UNIT


def low_differences(low: Tensor, step: Tensor) -> Tensor:
    """(N, 3, 2h, 2w) low band and (N,) step in its units to companded differences (N, 36, h, w)."""
    p = F.pad(low, (1, 1, 1, 1), mode="replicate")
    dx = p[..., 1:-1, 2:] - p[..., 1:-1, :-2]
    dy = p[..., 2:, 1:-1] - p[..., :-2, 1:-1]
    cross = 4 * low - p[..., 1:-1, 2:] - p[..., 1:-1, :-2] - p[..., 2:, 1:-1] - p[..., :-2, 1:-1]
    d = torch.cat([dx, dy, cross], 1) / step.view(-1, 1, 1, 1)
    return fold(compand(d))


class LevelContext(nn.Module):
    """Context of one level: five passes of (mean, index) from what is already decoded.

    Four passes code luma: every band on another phase of the cell in each (layout.LUMA_ORDER), so
    that a value soon has neighbours of its own band and the other bands at its own place. The fifth
    codes chroma.
    """

    def __init__(self, channels: int, trunk: int, masking: bool = False):
        super().__init__()
        c = channels
        self.stem = IntConv(INPUTS, c)
        self.trunk = nn.ModuleList([IntBlock(c) for _ in range(trunk)])
        self.stems = nn.ModuleList([IntConv(c + 3 * k, c) for k in range(1, LUMA_PASSES + 1)])
        self.blocks = nn.ModuleList([IntBlock(c) for _ in range(LUMA_PASSES)])
        self.heads = nn.ModuleList(
            [IntConv(c, 6 if k < LUMA_PASSES else 48, zero=True) for k in range(LUMA_PASSES + 1)]
        )
        self.tail = IntConv(c + 24, c)
        self.up = IntConv(c, 4 * UP)
        self.mask = IntConv(c, 2, zero=True) if masking else None
        for head in self.heads:
            nn.init.constant_(head.bias[head.out_channels // 2 :], 2.5)  # type: ignore[index, operator]

    def first(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """(N, INPUTS, h, w) to features and the head of pass 0."""
        f = self.stem.u8(inputs)
        for block in self.trunk:
            f = block(f)
        return f, self.heads[0].wide(f)  # type: ignore[operator]

    def masks(self, f: Tensor) -> Tensor | None:
        """Features (N, C, h, w) of the trunk to octaves (N, 2, h, w) that steps of luma and chroma
        grow by, multiples of 1/8 once exact.
        """
        if self.mask is None:
            return None
        octaves = self.mask.wide(f) * (UNIT / layout.MASK_OCTAVE)
        if self.mask.exact:
            octaves = round_ste(octaves * layout.MASK_OCTAVE) / layout.MASK_OCTAVE
        return octaves.clamp(
            -layout.MASK_REACH / layout.MASK_OCTAVE, layout.MASK_REACH / layout.MASK_OCTAVE
        )

    def following(self, number: int, f: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        """Features and the companded luma so far (N, 3 * number, h, w) to those of pass 1..4."""
        f = self.blocks[number - 1](self.stems[number - 1].u8(torch.cat([f, y], 1)))  # type: ignore[operator]
        return f, self.heads[number].wide(f)  # type: ignore[operator]

    def finish(self, f: Tensor, y_c: Tensor) -> Tensor:
        """Features and companded chroma (N, 24, h, w) to the features leaving the level."""
        return self.tail.u8(torch.cat([f, y_c], 1))

    def pass_up(self, f: Tensor) -> Tensor:
        """Features to (N, UP, 2h, 2w) for the next finer level."""
        return unfold(self.up.u8(f))


class CellFilter(nn.Module):
    """Integer network on cells of 4 x 4 pixels that adds a residual, in steps.

    Behind the synthesis it mends what quantization did (post-filter), between two levels it does so
    for the low band that the finer level's context and synthesis begin with, and before the
    analysis it leaves out what costs more bits than it is worth, which only the encoder needs.
    """

    def __init__(self, channels: int, blocks: int, features: int):
        super().__init__()
        self.features = features
        self.stem = IntConv(96 + features + 1, channels)
        self.blocks = nn.ModuleList([IntBlock(channels) for _ in range(blocks)])
        self.head = IntConv(channels, 48, zero=True)

    def forward(
        self, ycc: Tensor, features: Tensor | None, step: Tensor, quality: Tensor
    ) -> Tensor:
        """Filter centred YCbCr (N, 3, H, W).

        features (N, C, H/4, W/4) of the level, None where there are none; step (N,) in units of
        ycc; quality (N,) 0..100.
        """
        x = F.pixel_unshuffle(ycc, 4)  # (N, 48, H/4, W/4)
        n, _, h, w = x.shape
        mean = x.view(n, 3, 16, h, w).mean(2, keepdim=True)
        detail = (x.view(n, 3, 16, h, w) - mean).view(n, 48, h, w)
        pixels = round_ste(x).clamp(-128.0, 127.0) / UNIT
        plane = torch.floor(quality + 0.5).view(-1, 1, 1, 1).expand(n, 1, h, w) / UNIT
        seen = [pixels, compand(detail / step.view(-1, 1, 1, 1)), features, plane]
        f = self.stem.u8(torch.cat([part for part in seen if part is not None], 1))
        for block in self.blocks:
            f = block(f)
        residual = self.head.wide(f) * (step / 8.0).view(-1, 1, 1, 1)
        return ycc + F.pixel_shuffle(residual, 4)
