"""The wavelet picture model: fixed 9/7 wavelet, integer networks for context and post-filter.

Data order: x -> YCbCr -> coefficients y -> per level, coarse to fine, in five passes (luma in four,
then chroma): context -> mean, scale index -> y_hat -> synthesis -> post-filter -> x_hat. Every
tensor that a network sees is an integer of 8 bits in the decoder (nets/integer.py).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pauca.image import layout
from pauca.image.layout import BANDS, COLOURS, LEVELS, LUMA_PASSES
from pauca.nets.colour import to_rgb, to_ycc
from pauca.nets.integer import UNIT, IntBlock, IntConv, round_ste
from pauca.nets.lifting import analysis_level, synthesis_level
from pauca.nets.priors import Prior
from pauca.pixels.lifting import ZETA

UP = 32  # channels passed from a level to the next finer one
DIFFS = 3  # horizontal, vertical and cross difference of the low band
INPUTS = COLOURS * DIFFS * 4 + UP + 2
KNOTS = 6  # of the learned step weights over quality


@dataclass(frozen=True)
class ModelConfig:
    """Sizes of the networks: channels and trunk blocks of levels 1, 2, 3 and of the shared coarse
    one.
    """

    channels: tuple[int, int, int, int] = (64, 96, 96, 96)
    trunk: tuple[int, int, int, int] = (2, 3, 4, 6)
    post_channels: int = 96
    post_blocks: int = 4
    lmbda: float = 0.13  # of the squared step: where the Lagrangian sits


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


def base_step(quality: Tensor) -> Tensor:
    """Step in grey levels at quality 0..100, as `layout.base_step`."""
    return torch.exp2(layout.STEP_OCTAVES[0] - layout.STEP_OCTAVES[1] * quality / 100.0)


class LevelContext(nn.Module):
    """Context of one level: five passes of (mean, index) from what is already decoded.

    Four passes code luma: every band on another phase of the cell in each (layout.LUMA_ORDER), so
    that a value soon has neighbours of its own band and the other bands at its own place. The fifth
    codes chroma.
    """

    def __init__(self, channels: int, trunk: int):
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
        for head in self.heads:
            nn.init.constant_(head.bias[head.out_channels // 2 :], 2.5)  # type: ignore[index, operator]

    def first(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """(N, INPUTS, h, w) to features and the head of pass 0."""
        f = self.stem.u8(inputs)
        for block in self.trunk:
            f = block(f)
        return f, self.heads[0].wide(f)  # type: ignore[operator]

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


class PostFilter(nn.Module):
    """Integer network on cells of 4 x 4 pixels that mends the synthesis: a residual in steps."""

    def __init__(self, channels: int, blocks: int, features: int):
        super().__init__()
        self.stem = IntConv(96 + features + 1, channels)
        self.blocks = nn.ModuleList([IntBlock(channels) for _ in range(blocks)])
        self.head = IntConv(channels, 48, zero=True)

    def forward(self, ycc: Tensor, features: Tensor, step: Tensor, quality: Tensor) -> Tensor:
        """Mend centred YCbCr (N, 3, H, W).

        features (N, C, H/4, W/4) of level 1; step (N,) in grey levels; quality (N,) 0..100.
        """
        x = F.pixel_unshuffle(ycc, 4)  # (N, 48, H/4, W/4)
        n, _, h, w = x.shape
        mean = x.view(n, 3, 16, h, w).mean(2, keepdim=True)
        detail = (x.view(n, 3, 16, h, w) - mean).view(n, 48, h, w)
        pixels = round_ste(x).clamp(-128.0, 127.0) / UNIT
        plane = torch.floor(quality + 0.5).view(-1, 1, 1, 1).expand(n, 1, h, w) / UNIT
        seen = [pixels, compand(detail / step.view(-1, 1, 1, 1)), features, plane]
        f = self.stem.u8(torch.cat(seen, 1))
        for block in self.blocks:
            f = block(f)
        residual = self.head.wide(f) * (step / 8.0).view(-1, 1, 1, 1)
        return ycc + F.pixel_shuffle(residual, 4)


@dataclass
class Forward:
    """What training needs of one batch: per-picture bits per pixel and mean squared error (RGB,
    8-bit units).
    """

    x_hat: Tensor
    bpp: Tensor
    mse: Tensor


class WaveletModel(nn.Module):
    """The whole codec in floating point; `forward` estimates rate and distortion at given
    qualities.
    """

    def __init__(self, config: ModelConfig = ModelConfig()):
        super().__init__()
        self.config = config
        self.thrift = 0.0  # share of lmbda at which rounding weighs bits; 0 rounds to the nearest
        self.levels = nn.ModuleList(
            [LevelContext(c, t) for c, t in zip(config.channels, config.trunk, strict=True)]
        )
        self.prior = Prior()
        self.post = PostFilter(config.post_channels, config.post_blocks, config.channels[0])
        self.log_steps = nn.Parameter(torch.zeros(LEVELS, COLOURS, BANDS, KNOTS))

    def level(self, number: int) -> LevelContext:
        """Network of level 1..6; the coarse ones share theirs."""
        return self.levels[min(number, len(self.levels)) - 1]  # type: ignore[return-value]

    def step_weights(self, quality: Tensor) -> Tensor:
        """(N,) quality to (N, LEVELS, COLOURS, BANDS) learned factors of the base step."""
        t = (quality / 100.0 * (KNOTS - 1)).clamp(0, KNOTS - 1 - 1e-4)
        k = t.floor().long()
        f = (t - k).view(-1, 1, 1, 1)
        table = self.log_steps.permute(3, 0, 1, 2)
        return torch.exp2(table[k] * (1 - f) + table[k + 1] * f)

    def steps(self, quality: Tensor) -> Tensor:
        """(N,) quality to (N, LEVELS, COLOURS, BANDS) steps in units of the unscaled lifting."""
        gain = torch.tensor(
            [[layout.band_gain(lv + 1, b) for b in range(BANDS)] for lv in range(LEVELS)]
        )
        gain = gain.to(quality.device).view(1, LEVELS, 1, BANDS)
        return base_step(quality).view(-1, 1, 1, 1) * self.step_weights(quality) * gain

    def forward(self, x: Tensor, quality: Tensor) -> Forward:
        """x (N, 3, H, W) RGB 0..255, sides multiples of 128; quality (N,) 0..100."""
        n, _, height, width = x.shape
        low, details = to_ycc(x), []
        for _ in range(LEVELS):
            low, d = analysis_level(low)
            details.append(d)
        base = base_step(quality)
        steps = self.steps(quality)
        prices = self.thrift * self.config.lmbda / self.step_weights(quality).square()
        dc = (base * layout.band_gain(LEVELS, 3)).view(-1, 1, 1, 1)
        low = low + (torch.round(low / dc) * dc - low).detach()
        up = low.new_zeros(n, UP, low.shape[2] // 2, low.shape[3] // 2)
        bits = low.new_zeros(n)
        for number in range(LEVELS, 0, -1):
            y = details[number - 1] / steps[:, number - 1].view(n, COLOURS, BANDS, 1, 1)
            y_hat, level_bits, features = self.code_level(
                number, y, self.inputs(number, low, base, up, quality), prices[:, number - 1]
            )
            bits = bits + level_bits
            if number > 1:
                up = self.level(number).pass_up(features)
            low = synthesis_level(low, y_hat * steps[:, number - 1].view(n, COLOURS, BANDS, 1, 1))
        x_hat = to_rgb(self.post(low, features, base, quality))
        mse = (x_hat - x).square().mean((1, 2, 3))
        return Forward(x_hat, bits / (height * width), mse)

    def inputs(self, number: int, low: Tensor, base: Tensor, up: Tensor, quality: Tensor) -> Tensor:
        """What the trunk of a level sees: (N, INPUTS, h, w)."""
        n, _, h, w = up.shape
        d = low_differences(low, base * ZETA ** (-2.0 * number))
        plane = torch.floor(quality + 0.5).view(-1, 1, 1, 1).expand(n, 1, h, w) / UNIT
        return torch.cat([d, up, plane, torch.full_like(plane, 16.0 * number / UNIT)], 1)

    def code_level(
        self, number: int, y: Tensor, inputs: Tensor, prices: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """y (N, 3, 3, 2h, 2w) in steps to y_hat, bits (N,) and features (N, C, h, w).

        prices (N, 3, 3): of a bit in squared steps, for thrifty rounding.
        """
        n, _, _, hh, ww = y.shape
        net = self.level(number)
        p = fold(y.reshape(n, 9, hh, ww)).view(n, COLOURS, BANDS, 4, hh // 2, ww // 2)
        passes, seen, bits = [], [], y.new_zeros(n)
        f, head = net.first(inputs)
        for k in range(LUMA_PASSES):
            values = torch.stack([p[:, 0, j, layout.LUMA_ORDER[j][k]] for j in range(BANDS)], 1)
            values, spent = self.code_pass(values, head, prices[:, 0])
            passes.append(values)
            seen.append(compand(values))
            bits = bits + spent
            f, head = net.following(k + 1, f, torch.cat(seen, 1))
        y_c, spent = self.code_pass(
            p[:, 1:].flatten(1, 3), head, prices[:, 1:].flatten(1).repeat_interleave(4, 1)
        )
        f = net.finish(f, compand(y_c))
        where = layout.luma_pass_of_phase()
        luma = [passes[where[j][phase]][:, j] for j in range(BANDS) for phase in range(4)]
        p_hat = torch.cat([torch.stack(luma, 1), y_c], 1)  # (N, 36, h, w)
        y_hat = unfold(p_hat).view(n, COLOURS, BANDS, hh, ww)
        return y_hat, bits + spent, f

    def code_pass(self, y: Tensor, head: Tensor, prices: Tensor) -> tuple[Tensor, Tensor]:
        """y (N, k, h, w) in steps, its head (N, 2k, h, w), prices (N, k) to y_hat and bits (N,)."""
        half = y.shape[1]
        mean = round_ste(32.0 * head[:, :half]) / 16.0
        index = 8.0 * head[:, half:]
        if self.level(1).stem.exact:
            index = round_ste(index)
        r = y - mean
        q = self.prior.thrifty(r, index, prices[..., None, None]) if self.thrift else torch.round(r)
        y_hat = mean + r + (q - r).detach()
        # Uniform noise stands for rounding in the rate (Balle 2017), but not where a value moved.
        noisy = r + torch.rand_like(r) - 0.5 if self.training else q
        v = torch.where(q == torch.round(r), noisy, q)
        return y_hat, self.prior.bits(v, index).sum((1, 2, 3))
