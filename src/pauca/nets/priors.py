"""Learned probability models whose tables are chosen by an integer index."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SCALES = 64
SCALE_MIN, SCALE_MAX = 0.04, 160.0


class Prior(nn.Module):
    """Scale index to probabilities: a two-part zero-mean Gaussian mixture per index, learned;
    tables come from it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.full((SCALES,), -2.0))
        self.ratio = nn.Parameter(torch.full((SCALES,), 0.7))

    def code(
        self, y: Tensor, mean: Tensor, index: Tensor, prices: Tensor | None, training: bool
    ) -> tuple[Tensor, Tensor]:
        """y (N, C, h, w) in steps to y_hat, straight-through, and bits (N,); with `prices` of a bit
        in squared steps rounding weighs what it costs.
        """
        r = y - mean
        q = torch.round(r) if prices is None else self.thrifty(r, index, prices)
        y_hat = mean + r + (q - r).detach()
        # Uniform noise stands for rounding in the rate (Balle 2017), but not where a value moved.
        noisy = r + torch.rand_like(r) - 0.5 if training else q
        v = torch.where(q == torch.round(r), noisy, q)
        return y_hat, self.bits(v, index).sum((1, 2, 3))

    @torch.no_grad()
    def thrifty(self, r: Tensor, index: Tensor, price: Tensor) -> Tensor:
        """Nearest integers, one nearer to zero where the bits saved outweigh the error added.

        `price` of a bit is in squared steps; the encoder's rule (image/choose.py).
        """
        q = torch.round(r)
        toward = q - torch.sign(q)
        saved = self.bits(q, index) - self.bits(toward, index)
        added = (r - toward).square() - (r - q).square()
        return torch.where(price * saved > added, toward, q)

    def bits(self, v: Tensor, index: Tensor) -> Tensor:
        """-log2 of the mass of [v - 1/2, v + 1/2]."""
        index = index.clamp(0, SCALES - 1)
        which = index.detach().round().long()
        share = torch.sigmoid(self.weight)[which]
        sigma = deviation(index)
        wide = sigma * (1.0 + F.softplus(self.ratio)[which])
        v = v.abs()

        def mass(s: Tensor) -> Tensor:
            k = 0.7071067811865476 / s
            return 0.5 * (torch.erfc((v - 0.5) * k) - torch.erfc((v + 0.5) * k))

        p = (1 - share) * mass(sigma) + share * mass(wide)
        return -torch.log2(p + 1e-6 / (1 + v.square()))  # the escape costs about 2 log2 v


def mixture_bits(
    v: Tensor, means: Sequence[Tensor], indexes: Sequence[Tensor], weights: Sequence[Tensor]
) -> Tensor:
    """-log2 of the mass of [v - 1/2, v + 1/2] under mixtures of Gaussians (spec/mixture.md).

    Of each part: its mean in steps, scale index 0..63 and weight code 0..63, for a weight of
    2 ** (-code / 8) before all are divided by their sum.
    """
    shares = [torch.exp2(-code.clamp(0, SCALES - 1) / 8) for code in weights]
    mass = torch.zeros_like(v)
    for mean, index, share in zip(means, indexes, shares, strict=True):
        k = 0.7071067811865476 / deviation(index.clamp(0, SCALES - 1))
        d = (v - mean).abs()
        mass = mass + share * 0.5 * (torch.erfc((d - 0.5) * k) - torch.erfc((d + 0.5) * k))
    floor = 1.0 / 65536 / (1 + v.square())  # of what every value in reach has, and the escape
    return -torch.log2(mass / torch.stack(shares).sum(0) + floor)


def deviation(index: Tensor) -> Tensor:
    """Continuous scale index (0..63) to a deviation, in steps."""
    return SCALE_MIN * torch.exp(index * (math.log(SCALE_MAX / SCALE_MIN) / (SCALES - 1)))
