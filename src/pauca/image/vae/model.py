"""The autoencoder: linear transforms of blocks with networks around them, a hyperprior, and four
passes of contexts (spec/vae.md).

Data order: x -> YCbCr -> pre-filter and blocks (g_a) -> y -> h_a -> z -> h_s -> per pass: mean,
scale index -> y_hat -> blocks, networks and post-filter (g_s) -> x_hat. The linear parts start as
the KLT of blocks of photographs and the networks as identity, so that training begins with a
block-transform codec (Goyal, 2001). One model serves all rates: steps follow the quality.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pauca.coding.mixture import PARTS
from pauca.errors import InputError
from pauca.image.model import KNOTS, Forward, base_step, between
from pauca.image.parts import CellFilter, compand, fold, unfold
from pauca.image.vae.layout import GROUPS, HYPER_GAIN, HYPER_REACH, ORDERS, Places
from pauca.nets.colour import to_rgb, to_ycc
from pauca.nets.integer import UNIT, IntBlock, IntConv, round_ste
from pauca.nets.priors import Prior, mixture_bits
from pauca.pack.vae import BLOCK, SIDE

HYPER_INDEX = 12.0  # where the tables of z begin: narrow


@dataclass(frozen=True)
class VaeConfig:
    """Sizes: channels of y and z, of the networks of z (1/32), of contexts (1/16) and of g_s (1/16
    and 1/8), what g_s hands to the post-filter, and the filters of pixels.
    """

    latents: int = 320
    hyper: int = 64
    hyper_channels: int = 96
    channels: int = 192
    trunk: int = 2
    wide: tuple[int, int] = (192, 128)
    wide_blocks: tuple[int, int] = (2, 3)
    features: int = 48
    post_channels: int = 96
    post_blocks: int = 4
    pre_channels: int = 64
    pre_blocks: int = 3
    passes: int = 4  # of contexts: 4, or 2 for a checkerboard
    parts: int = 1  # Gaussians of a mixture for each value; 1 for a table of residuals, or 3
    lmbda: float = 0.13

    def __post_init__(self) -> None:
        """Raise `InputError` on sizes that streams do not know."""
        if self.passes not in ORDERS or self.parts not in (1, PARTS):
            raise InputError(f"passes must be 2 or 4, parts 1 or {PARTS}")

    @property
    def heads(self) -> int:
        """Outputs of a head for each latent: means and scale indexes, of a mixture also weights."""
        return 2 if self.parts == 1 else 3 * self.parts


class Hyper(nn.Module):
    """h_a and h_s: y to z, and z_hat to what the contexts begin with."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        m, c, wide = config.latents, config.hyper_channels, config.channels
        self.a0, self.b0 = IntConv(m + 1, c), IntBlock(c)
        self.a1, self.b1 = IntConv(4 * c, c), IntBlock(c)
        self.a2 = IntConv(4 * c, config.hyper, zero=True)
        self.s0, self.t0 = IntConv(config.hyper + 1, c), IntBlock(c)
        self.s1, self.t1 = IntConv(c, 4 * c), IntBlock(c)
        self.s2 = IntConv(c, 4 * wide)
        self.trunk = nn.ModuleList([IntBlock(wide) for _ in range(config.trunk)])

    def analysis(self, y: Tensor, plane: Tensor) -> Tensor:
        """y (N, M, h, w) in steps and a plane of the quality to z (N, Z, h/4, w/4), not rounded."""
        f = self.b0(self.a0.u8(torch.cat([compand(y), plane], 1)))
        f = self.b1(self.a1.u8(fold(f)))
        z: Tensor = UNIT / HYPER_GAIN * self.a2.wide(fold(f))
        return z

    def synthesis(self, z_hat: Tensor, plane: Tensor) -> Tensor:
        """z_hat (N, Z, h/4, w/4) to features (N, C, h, w)."""
        seen = (HYPER_GAIN * z_hat).clamp(-128.0, 127.0) / UNIT
        f = self.t0(self.s0.u8(torch.cat([seen, plane], 1)))
        f = self.t1(unfold(self.s1.u8(f)))
        out: Tensor = unfold(self.s2.u8(f))
        for block in self.trunk:
            out = block(out)
        return out


class Contexts(nn.Module):
    """Means, scale indexes and weights of the passes, each from what is already decoded."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        m, c = config.latents, config.channels
        later = config.passes - 1
        self.stems = nn.ModuleList([IntConv(c + m, c) for _ in range(later)])
        self.blocks = nn.ModuleList([IntBlock(c) for _ in range(later)])
        self.heads = nn.ModuleList(
            [IntConv(c, config.heads * m, zero=True) for _ in range(config.passes)]
        )
        for head in self.heads:
            start_head(head.bias.view(config.heads, m), config.parts)  # type: ignore[operator]

    def following(self, number: int, f: Tensor, known: Tensor) -> Tensor:
        """Features for pass 1.. from those before it and y_hat so far, companded (N, M, h, w)."""
        f = self.stems[number - 1].u8(torch.cat([f, known], 1))  # type: ignore[operator]
        out: Tensor = self.blocks[number - 1](f)
        return out


class Synthesis(nn.Module):
    """What g_s knows besides the linear reconstruction: features for its post-filter."""

    def __init__(self, config: VaeConfig) -> None:
        super().__init__()
        (a, b), (coarse, fine) = config.wide, config.wide_blocks
        self.stem = IntConv(config.channels + config.latents + 1, a)
        self.coarse = nn.ModuleList([IntBlock(a) for _ in range(coarse)])
        self.up = IntConv(a, 4 * b)
        self.fine = nn.ModuleList([IntBlock(b) for _ in range(fine)])
        self.last = IntConv(b, 4 * config.features)

    def forward(self, f: Tensor, known: Tensor, plane: Tensor) -> Tensor:
        """Features and companded y_hat (N, ., h, w) to features (N, C, 4h, 4w)."""
        f = self.stem.u8(torch.cat([f, known, plane], 1))
        for block in self.coarse:
            f = block(f)
        f = unfold(self.up.u8(f))
        for block in self.fine:
            f = block(f)
        return unfold(self.last.u8(f))


class VaeModel(nn.Module):
    """The whole codec in floating point; `forward` estimates rate and distortion at given
    qualities.
    """

    def __init__(self, config: VaeConfig = VaeConfig(), basis: NDArray[np.float32] | None = None):
        """`basis` (latents, 768): orthonormal rows that the linear transforms begin with."""
        super().__init__()
        self.config = config
        self.thrift = 0.0  # share of lmbda at which rounding weighs bits; 0 rounds to the nearest
        start = np.eye(config.latents, BLOCK, dtype=np.float32) if basis is None else basis
        rows = torch.from_numpy(start)
        self.analysis = nn.Parameter(rows[:, :, None, None].clone())
        self.synthesis = nn.Parameter(rows.T[:, :, None, None].clone())
        self.log_steps = nn.Parameter(torch.zeros(config.latents, KNOTS))
        self.hyper_indexes = nn.Parameter(torch.full((config.hyper, KNOTS), HYPER_INDEX / 8))
        self.pre = CellFilter(config.pre_channels, config.pre_blocks, 0)
        self.hyper = Hyper(config)
        self.contexts = Contexts(config)
        self.gs = Synthesis(config)
        self.post = CellFilter(config.post_channels, config.post_blocks, config.features)
        self.prior = Prior()

    def steps(self, quality: Tensor) -> Tensor:
        """(N,) quality to (N, latents) steps in grey levels."""
        return base_step(quality)[:, None] * torch.exp2(between(self.log_steps, quality))

    def indexes(self, quality: Tensor) -> Tensor:
        """(N,) quality to (N, hyper) scale indexes of z."""
        return 8.0 * between(self.hyper_indexes, quality)

    def forward(self, x: Tensor, quality: Tensor) -> Forward:
        """x (N, 3, H, W) RGB 0..255, sides multiples of 64; quality (N,) 0..100."""
        base, steps = base_step(quality), self.steps(quality)[:, :, None, None]
        ycc = self.pre(to_ycc(x), None, base, quality)
        with torch.autocast(x.device.type, enabled=False):
            y = F.conv2d(F.pixel_unshuffle(ycc.float(), SIDE), self.analysis) / steps
        plane = torch.floor(quality + 0.5).view(-1, 1, 1, 1) / UNIT
        z_hat, bits = self.code_hyper(self.hyper.analysis(y, as_plane(plane, y)), quality)
        f = self.hyper.synthesis(z_hat, as_plane(plane, z_hat))
        y_hat, y_bits, f = self.code(y, f, quality)
        features = self.gs(f, compand(y_hat), as_plane(plane, y))
        with torch.autocast(x.device.type, enabled=False):
            linear = F.pixel_shuffle(F.conv2d(y_hat * steps, self.synthesis), SIDE)
        x_hat = to_rgb(self.post(linear, features, base, quality))
        return Forward(x_hat, (bits + y_bits) / (x.shape[2] * x.shape[3]))

    def code_hyper(self, z: Tensor, quality: Tensor) -> tuple[Tensor, Tensor]:
        """z (N, Z, h, w) to z_hat and bits (N,)."""
        z_hat = round_ste(z).clamp(-HYPER_REACH, HYPER_REACH)
        noisy = z + torch.rand_like(z) - 0.5 if self.training else z_hat
        index = self.indexes(quality)[:, :, None, None].expand_as(z)
        return z_hat, self.prior.bits(noisy, index).sum((1, 2, 3))

    def code(self, y: Tensor, f: Tensor, quality: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """y (N, M, h, w) in steps to y_hat, bits (N,) and the last features."""
        prices = self.thrift * self.config.lmbda * torch.exp2(-2 * between(self.log_steps, quality))
        y_hat, bits = torch.zeros_like(y), y.new_zeros(len(y))
        for k, places in enumerate(ORDERS[self.config.passes]):
            if k:
                f = self.contexts.following(k, f, compand(y_hat))
            head = self.contexts.heads[k].wide(f)  # type: ignore[operator]
            part, spent = self.code_pass(gather(y, places), head, prices, places)
            y_hat, bits = y_hat + scattered(part, places), bits + spent
        return y_hat, bits, f

    def code_pass(
        self, y: Tensor, head: Tensor, prices: Tensor, places: Places
    ) -> tuple[Tensor, Tensor]:
        """What a pass codes, y (N, K, h, w) in steps, by a head to y_hat and bits (N,)."""
        parts = [gather(part, places) for part in head.chunk(self.config.heads, 1)]
        n = self.config.parts
        means = [round_ste(32.0 * part) / 16.0 for part in parts[:n]]
        codes = [8.0 * part for part in parts[n:]]
        if self.hyper.a0.exact:
            codes = [round_ste(code) for code in codes]
        if n == 1:
            wanted = dealt(prices, places) if self.thrift else None
            return self.prior.code(y, means[0], codes[0], wanted, self.training)
        y_hat = round_ste(y)
        noisy = y + torch.rand_like(y) - 0.5 if self.training else y_hat
        bits = mixture_bits(noisy, means, codes[:n], codes[n:])
        return y_hat, bits.sum((1, 2, 3))


def as_plane(value: Tensor, like: Tensor) -> Tensor:
    """(N, 1, 1, 1) as a channel of the size of `like`."""
    return value.expand(-1, 1, *like.shape[2:])


def start_head(bias: Tensor, parts: int) -> None:
    """What the heads (outputs, M) of a pass say at first: means of 0 and narrow scales; the later
    parts of a mixture are wider and weigh less.
    """
    with torch.no_grad():
        for part in range(parts):
            bias[parts + part] = 2.0 + part
            if parts > 1:
                bias[2 * parts + part] = float(part)


def dealt(channels: Tensor, places: Places) -> Tensor:
    """Figures (N, M) of channels for what a pass codes (N, K, 1, 1)."""
    return gather(channels[..., None, None].expand(-1, -1, 2, 2), places)


def gather(y: Tensor, places: Places) -> Tensor:
    """What a pass codes of (N, M, h, w): (N, K, h / 2, w / 2), in the order of coding."""
    return torch.cat([y[index] for index in _indexes(places)], 1)


def scattered(values: Tensor, places: Places) -> Tensor:
    """Inverse of `gather`: (N, M, 2h, 2w), zero elsewhere."""
    n, k, h, w = values.shape
    indexes = _indexes(places)
    y = values.new_zeros(n, k * GROUPS // len(indexes), 2 * h, 2 * w)
    for index, part in zip(indexes, values.chunk(len(indexes), 1), strict=True):
        y[index] = part
    return y


def _indexes(places: Places) -> list[tuple[slice, ...]]:
    """Where each block of each group lies in (N, M, h, w)."""
    return [
        (
            slice(None),
            slice(group, None, GROUPS),
            slice(block // 2, None, 2),
            slice(block % 2, None, 2),
        )
        for group, blocks in enumerate(places)
        for block in blocks
    ]


def basis_of(pictures: Sequence[NDArray[np.uint8]], latents: int, seed: int) -> NDArray[np.float32]:
    """The KLT of blocks of the pictures: (latents, 768) orthonormal rows, by falling variance."""
    rng = np.random.default_rng(seed)
    second = np.zeros((BLOCK, BLOCK))
    for picture in pictures:
        top, left = (int(rng.integers(SIDE)) for _ in range(2))
        h, w = (picture.shape[0] - top) // SIDE, (picture.shape[1] - left) // SIDE
        rgb = torch.from_numpy(picture[top : top + h * SIDE, left : left + w * SIDE].copy())
        blocks = F.pixel_unshuffle(to_ycc(rgb.permute(2, 0, 1)[None].float()), SIDE)[0]
        flat = blocks.flatten(1).double().numpy()
        second += flat @ flat.T
    vectors = np.linalg.eigh(second)[1]
    return np.ascontiguousarray(vectors.T[::-1][:latents], np.float32)
