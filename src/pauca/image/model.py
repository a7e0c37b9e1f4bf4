"""The wavelet picture model: fixed 9/7 wavelet, integer networks for context and post-filter.

Data order: x -> YCbCr -> coefficients y -> per level, coarse to fine, in five passes (luma in four,
then chroma): context -> mean, scale index -> y_hat -> synthesis -> post-filter -> x_hat. Every
tensor that a network sees is an integer of 8 bits in the decoder (nets/integer.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pauca.image import layout
from pauca.image.layout import BANDS, COLOURS, LEVELS, LUMA_PASSES
from pauca.image.parts import (
    UP,
    CellFilter,
    LevelContext,
    compand,
    fold,
    low_differences,
    unfold,
)
from pauca.nets.colour import to_rgb, to_ycc
from pauca.nets.integer import UNIT, round_ste
from pauca.nets.lifting import analysis_level, synthesis_level
from pauca.nets.priors import Prior
from pauca.pixels.lifting import CDF97

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
    mend_channels: int = 0  # of the filters between levels; 0 for none
    mend_blocks: int = 2
    pre_channels: int = 0  # of the encoder's filter of pixels; 0 for none
    pre_blocks: int = 4
    masking: bool = False  # steps that follow what is around: coarser where detail hides errors
    wavelets: tuple[str, ...] = (CDF97,) * LEVELS  # of levels 1 to 6
    lmbda: float = 0.13  # of the squared step: where the Lagrangian sits


def base_step(quality: Tensor) -> Tensor:
    """Step in grey levels at quality 0..100, as `layout.base_step`."""
    return torch.exp2(layout.STEP_OCTAVES[0] - layout.STEP_OCTAVES[1] * quality / 100.0)


def between(table: Tensor, quality: Tensor) -> Tensor:
    """A table (..., KNOTS) over quality at (N,) qualities: (N, ...), linear between knots."""
    t = (quality / 100.0 * (KNOTS - 1)).clamp(0, KNOTS - 1 - 1e-4)
    k = t.floor().long()
    f = (t - k).view(-1, *[1] * (table.ndim - 1))
    first = table.movedim(-1, 0)
    return first[k] * (1 - f) + first[k + 1] * f


@dataclass
class Forward:
    """What training needs of one batch: pictures (N, 3, H, W), not clamped, and bits per pixel
    (N,).
    """

    x_hat: Tensor
    bpp: Tensor


class WaveletModel(nn.Module):
    """The whole codec in floating point; `forward` estimates rate and distortion at given
    qualities.
    """

    def __init__(self, config: ModelConfig = ModelConfig()):
        super().__init__()
        self.config = config
        self.thrift = 0.0  # share of lmbda at which rounding weighs bits; 0 rounds to the nearest
        self.levels = nn.ModuleList(
            [
                LevelContext(c, t, config.masking)
                for c, t in zip(config.channels, config.trunk, strict=True)
            ]
        )
        self.prior = Prior()
        self.post = CellFilter(config.post_channels, config.post_blocks, config.channels[0])
        self.mends = nn.ModuleList(
            [
                CellFilter(config.mend_channels, config.mend_blocks, c)
                for c in config.channels[1:]
                if config.mend_channels
            ]
        )
        self.pre = (
            CellFilter(config.pre_channels, config.pre_blocks, 0) if config.pre_channels else None
        )
        self.log_steps = nn.Parameter(torch.zeros(LEVELS, COLOURS, BANDS, KNOTS))

    def level(self, number: int) -> LevelContext:
        """Network of level 1..6; the coarse ones share theirs."""
        return self.levels[min(number, len(self.levels)) - 1]  # type: ignore[return-value]

    def step_weights(self, quality: Tensor) -> Tensor:
        """(N,) quality to (N, LEVELS, COLOURS, BANDS) learned factors of the base step."""
        return torch.exp2(between(self.log_steps, quality))

    def steps(self, quality: Tensor) -> Tensor:
        """(N,) quality to (N, LEVELS, COLOURS, BANDS) steps in units of the unscaled lifting."""
        gain = torch.tensor(
            [
                [layout.band_gain(lv + 1, b, self.config.wavelets) for b in range(BANDS)]
                for lv in range(LEVELS)
            ]
        )
        gain = gain.to(quality.device).view(1, LEVELS, 1, BANDS)
        return base_step(quality).view(-1, 1, 1, 1) * self.step_weights(quality) * gain

    def forward(self, x: Tensor, quality: Tensor) -> Forward:
        """x (N, 3, H, W) RGB 0..255, sides multiples of 128; quality (N,) 0..100."""
        low, details = to_ycc(x), []
        if self.pre is not None:
            low = self.pre(low, None, base_step(quality), quality)
        for number in range(1, LEVELS + 1):
            low, d = self.analyse(number, low)
            details.append(d)
        x_hat, bits = self.code(low, details, quality)
        return Forward(x_hat, bits / (x.shape[2] * x.shape[3]))

    def analyse(self, number: int, low: Tensor) -> tuple[Tensor, Tensor]:
        """The low band that level `number` is made of to its own (N, 3, h, w) and its details."""
        return analysis_level(low, self.config.wavelets[number - 1])

    def synthesise(self, number: int, low: Tensor, details: Tensor) -> Tensor:
        """Inverse of `analyse`."""
        return synthesis_level(low, details, self.config.wavelets[number - 1])

    def code(
        self, low: Tensor, details: Sequence[Tensor], quality: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The lowest band (N, 3, h, w) and details (N, 3, 3, ...) of levels 1..6 to x_hat, not
        clamped, and bits (N,).
        """
        n, base = len(low), base_step(quality)
        steps = self.steps(quality)
        prices = self.thrift * self.config.lmbda / self.step_weights(quality).square()
        dc = (base * layout.band_gain(LEVELS, 3, self.config.wavelets)).view(-1, 1, 1, 1)
        low = low + (torch.round(low / dc) * dc - low).detach()
        up = low.new_zeros(n, UP, low.shape[2] // 2, low.shape[3] // 2)
        bits = low.new_zeros(n)
        for number in range(LEVELS, 0, -1):
            y = details[number - 1] / steps[:, number - 1].view(n, COLOURS, BANDS, 1, 1)
            y_hat, level_bits, features = self.code_level(
                number, y, self.inputs(number, low, base, up, quality), prices[:, number - 1]
            )
            bits = bits + level_bits
            scaled = y_hat * steps[:, number - 1].view(n, COLOURS, BANDS, 1, 1)
            low = self.synthesise(number, low, scaled)
            if number > 1:
                up = self.level(number).pass_up(features)
                low = self.mend(number, low, features, base, quality)
        return to_rgb(self.post(low, features, base, quality)), bits

    def mend(
        self, number: int, low: Tensor, features: Tensor, base: Tensor, quality: Tensor
    ) -> Tensor:
        """The low band that level `number` > 1 leaves, mended where the model does so."""
        if not self.mends:
            return low
        net = self.mends[min(number, len(self.levels)) - 2]
        mended: Tensor = net(
            low, features, base * layout.low_gain(number - 1, self.config.wavelets), quality
        )
        return mended

    def inputs(self, number: int, low: Tensor, base: Tensor, up: Tensor, quality: Tensor) -> Tensor:
        """What the trunk of a level sees: (N, INPUTS, h, w)."""
        n, _, h, w = up.shape
        d = low_differences(low, base * layout.low_gain(number, self.config.wavelets))
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
        masks = net.masks(f)
        if masks is not None:
            growth = torch.exp2(masks)[:, (0, 1, 1)].view(n, COLOURS, 1, 1, hh // 2, ww // 2)
            p = p / growth
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
        p_hat = p_hat.view(p.shape)
        if masks is not None:
            p_hat = p_hat * growth
        y_hat = unfold(p_hat.flatten(1, 3)).view(n, COLOURS, BANDS, hh, ww)
        return y_hat, bits + spent, f

    def code_pass(self, y: Tensor, head: Tensor, prices: Tensor) -> tuple[Tensor, Tensor]:
        """y (N, k, h, w) in steps, its head (N, 2k, h, w), prices (N, k) to y_hat and bits (N,)."""
        half = y.shape[1]
        mean = round_ste(32.0 * head[:, :half]) / 16.0
        index = 8.0 * head[:, half:]
        if self.level(1).stem.exact:
            index = round_ste(index)
        wanted = prices[..., None, None] if self.thrift else None
        return self.prior.code(y, mean, index, wanted, self.training)
