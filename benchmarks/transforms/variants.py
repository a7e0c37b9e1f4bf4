"""The transforms and contexts that are compared, each as a picture model of about equal cost.

All are trained in floating point; the wavelet ones differ from `fixed` in one thing each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pauca.image.layout import LEVELS
from pauca.image.model import ModelConfig, WaveletModel
from pauca.image.parts import UP
from pauca.image.train import Model
from pauca.image.vae.model import VaeConfig, VaeModel
from pauca.nets.integer import U8_MAX
from pauca.nets.lifting import joined, pair, shifted
from pauca.pixels.lifting import LIFT, LIFT_BITS

BASE = ModelConfig(channels=(48, 64, 64, 64), trunk=(1, 2, 2, 3), post_channels=64, post_blocks=2)
HIDDEN = 8  # functions of a nonlinear lifting step
WINDOW = 8  # cells along the side of a window of attention
HEADS = 4


class LearnedLifting(WaveletModel):
    """Four lifting factors of its own for every level, that begin as those of the 9/7 wavelet."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        start = torch.tensor(LIFT, dtype=torch.float32) / (1 << LIFT_BITS)
        self.factors = nn.Parameter(start.repeat(LEVELS, 1))

    def lift(self, number: int, step: int, x: Tensor, axis: int) -> Tensor:
        """What step 0..3 adds to the other half, from x (N, C, h, w) and its neighbour."""
        near = shifted(x, 1 if step % 2 == 0 else -1, axis)
        return self.factors[number - 1, step] * (x + near)

    def split(self, number: int, x: Tensor, axis: int) -> tuple[Tensor, Tensor]:
        """(N, C, H, W) to low and high halves along an axis."""
        s, h = pair(x, axis)
        for step in range(0, 4, 2):
            h = h + self.lift(number, step, s, axis)
            s = s + self.lift(number, step + 1, h, axis)
        return s, h

    def merge(self, number: int, s: Tensor, h: Tensor, axis: int) -> Tensor:
        """Inverse of `split`."""
        for step in (2, 0):
            s = s - self.lift(number, step + 1, h, axis)
            h = h - self.lift(number, step, s, axis)
        return joined(s, h, axis)

    def analyse(self, number: int, low: Tensor) -> tuple[Tensor, Tensor]:
        """As of `WaveletModel`."""
        low_w, high_w = self.split(number, low, -1)
        low, vertical = self.split(number, low_w, -2)
        horizontal, diagonal = self.split(number, high_w, -2)
        return low, torch.stack([horizontal, vertical, diagonal], 2)

    def synthesise(self, number: int, low: Tensor, details: Tensor) -> Tensor:
        """As of `WaveletModel`."""
        horizontal, vertical, diagonal = details.unbind(2)
        left = self.merge(number, low, vertical, -2)
        return self.merge(number, left, self.merge(number, horizontal, diagonal, -2), -1)


class NonlinearLifting(LearnedLifting):
    """A small network adds to every lifting step, zero at first (iWave++: Ma et al.,
    arXiv:2011.08368); one for each step and level, the same for rows and columns and all colours.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.nets = nn.ModuleList([LiftNet() for _ in range(4 * LEVELS)])

    def lift(self, number: int, step: int, x: Tensor, axis: int) -> Tensor:
        """As of `LearnedLifting`, with what the network adds."""
        added = self.nets[4 * (number - 1) + step](x if axis == -1 else x.transpose(-1, -2))
        added = added if axis == -1 else added.transpose(-1, -2)
        return super().lift(number, step, x, axis) + added


class LiftNet(nn.Module):
    """Bounded functions of three neighbours along the last axis, summed."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, HIDDEN, 1)
        self.last = nn.Conv2d(HIDDEN, 1, 1, bias=False)
        nn.init.zeros_(self.last.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w), every colour alone, to the same shape."""
        n, c, h, w = x.shape
        near = torch.stack([shifted(x, -1, -1), x, shifted(x, 1, -1)], 2)
        inner = torch.tanh(self.first(near.view(n * c, 3, h, w) / 32.0))
        out: Tensor = 32.0 * self.last(inner)
        return out.view(n, c, h, w)


class AttentionBlock(nn.Module):
    """In place of an IntBlock: attention of windows, then the two pointwise layers; identity at
    first.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seen = nn.Conv2d(channels, 3 * channels, 1)
        self.out = nn.Conv2d(channels, channels, 1)
        self.up = nn.Conv2d(channels, channels, 1)
        self.down = nn.Conv2d(channels, channels, 1)
        self.place = nn.Parameter(torch.zeros(HEADS, 2 * WINDOW - 1, 2 * WINDOW - 1))
        for layer in (self.out, self.down):
            nn.init.zeros_(layer.weight)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) activations of [0, 255] / 32 to the same."""
        x = F.hardtanh(x + self.out(self.attended(x)), 0.0, U8_MAX)
        return F.hardtanh(x + self.down(F.relu(self.up(x))), 0.0, U8_MAX)

    def attended(self, x: Tensor) -> Tensor:
        """Values of every window, weighed; the border is repeated until windows are whole."""
        n, c, height, width = x.shape
        side = (min(WINDOW, height), min(WINDOW, width))
        x = F.pad(x, (0, -width % side[1], 0, -height % side[0]), mode="replicate")
        h, w = x.shape[2:]
        q, k, v = (
            part.reshape(n, HEADS, c // HEADS, h // side[0], side[0], w // side[1], side[1])
            .permute(0, 3, 5, 1, 4, 6, 2)
            .reshape(-1, HEADS, side[0] * side[1], c // HEADS)
            for part in self.seen(x).chunk(3, 1)
        )
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.places(*side).to(q.dtype))
        y = y.view(n, h // side[0], w // side[1], HEADS, *side, c // HEADS)
        y = y.permute(0, 3, 6, 1, 4, 2, 5).reshape(n, c, h, w)
        return y[..., :height, :width]

    def places(self, h: int, w: int) -> Tensor:
        """What the place of a key beside a query adds (HEADS, h * w, h * w)."""
        rows, columns = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
        dy, dx = (a.reshape(-1, 1) - a.reshape(1, -1) + WINDOW - 1 for a in (rows, columns))
        return self.place[:, dy, dx]


class AttentionModel(WaveletModel):
    """Blocks of the trunks at levels 2 and coarser attend to windows of 8 x 8 cells."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        for net, channels in zip(list(self.levels)[1:], config.channels[1:], strict=True):
            net.trunk = nn.ModuleList([AttentionBlock(channels) for _ in net.trunk])  # type: ignore[union-attr, arg-type]


class RecurrentModel(WaveletModel):
    """What a level passes on is the state of one gated recurrent unit for all levels (ConvGRU:
    Ballas et al., arXiv:1511.06432), with pointwise gates.
    """

    def __init__(self, config: ModelConfig) -> None:
        super().__init__(config)
        self.gates = nn.Conv2d(2 * UP, 2 * UP, 1)
        self.candidate = nn.Conv2d(2 * UP, UP, 1)
        self.before: Tensor | None = None

    def inputs(self, number: int, low: Tensor, base: Tensor, up: Tensor, quality: Tensor) -> Tensor:
        """As of `WaveletModel`, with the state in place of what came up."""
        if number == LEVELS:
            self.before = torch.zeros_like(up)
        assert self.before is not None
        old = self.before
        if old.shape != up.shape:
            old = F.interpolate(old, scale_factor=2)
        both = torch.cat([up, old], 1)
        reset, update = torch.sigmoid(self.gates(both)).chunk(2, 1)
        new = F.hardtanh(self.candidate(torch.cat([up, reset * old], 1)), 0.0, U8_MAX)
        state = update * old + (1 - update) * new
        self.before = state
        return super().inputs(number, low, base, state, quality)


LATENTS = 320
AUTOENCODER = VaeConfig(
    LATENTS, channels=128, wide=(128, 96), wide_blocks=(1, 2), features=32, post_channels=64,
    post_blocks=2, pre_channels=24, pre_blocks=1,
)  # fmt: skip

# Each from the KLT of the training pictures (LATENTS, 768), which the autoencoder begins with. The
# last three are `klt-vae`, of four passes and one Gaussian a value, with other priors.
VARIANTS: dict[str, Callable[[NDArray[np.float32]], Model]] = {
    "fixed": lambda basis: WaveletModel(BASE),
    "learned-lifting": lambda basis: LearnedLifting(BASE),
    "nonlinear-lifting": lambda basis: NonlinearLifting(BASE),
    "attention": lambda basis: AttentionModel(BASE),
    "recurrent": lambda basis: RecurrentModel(BASE),
    "klt-vae": lambda basis: VaeModel(AUTOENCODER, basis),
    "mixture": lambda basis: VaeModel(replace(AUTOENCODER, parts=3), basis),
    "checkerboard": lambda basis: VaeModel(replace(AUTOENCODER, passes=2), basis),
    "checkerboard-mixture": lambda basis: VaeModel(replace(AUTOENCODER, passes=2, parts=3), basis),
}
