"""Layers that train in floating point and run as exact integers (spec/image.md, "Integer
networks").

Every activation is an integer of at most 8 bits in units of 1/32, every weight an integer of at
most 8 bits times a power of two chosen per output channel, every sum below 2**24: such a network
gives the same bits in int64 numpy, float32 on any device, and int8 kernels. In training, rounding
is passed straight through (Bengio 2013).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

UNIT = 32.0  # integer activations count 1/32
U8_MAX = 255.0 / UNIT
S8_MIN, S8_MAX = -128.0 / UNIT, 127.0 / UNIT
WEIGHT_MAX = 127.0
SHIFT_MAX = 11


def round_ste(x: Tensor) -> Tensor:
    """floor(x + 1/2) with the gradient of the identity; the rule of the integer networks."""
    return x + (torch.floor(x + 0.5) - x).detach()


class _RoundClamp(torch.autograd.Function):
    """Units of 1/32, rounded and clamped; gradients pass where the clamp does not hold.

    What `round_ste` and a clamp would do in a dozen passes over memory, which is most of the time
    of a small network's training on a CPU; masks of bool would be a third of it.
    """

    @staticmethod
    def forward(ctx: Any, y: Tensor, low: float, high: float) -> Tensor:
        ctx.save_for_backward(y)
        ctx.range = (low, high)
        return (y * UNIT).add_(0.5).floor_().clamp_(low * UNIT, high * UNIT).mul_(1 / UNIT)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return torch.ops.aten.hardtanh_backward(grad, *ctx.saved_tensors, *ctx.range), None, None


class _AddClamp(torch.autograd.Function):
    """x plus the rounded branch y, clamped to [0, 255] / 32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, y: Tensor) -> Tensor:
        total = (y * UNIT).add_(0.5).floor_().mul_(1 / UNIT).add_(x)
        ctx.save_for_backward(total)
        return total.clamp(0.0, U8_MAX)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        passed = torch.ops.aten.hardtanh_backward(grad, *ctx.saved_tensors, 0.0, U8_MAX)
        return passed, passed


def round_clamp(y: Tensor, low: float, high: float) -> Tensor:
    """y rounded to multiples of 1/32 and clamped, straight-through."""
    out: Tensor = _RoundClamp.apply(y, low, high)  # type: ignore[no-untyped-call]
    return out


def weight_shift(weight: Tensor, limit: int = SHIFT_MAX) -> Tensor:
    """Largest k per output channel with |weight| * 2**k <= 127, limited to [0, limit]."""
    peak = weight.detach().abs().flatten(1).amax(1).clamp_min(1e-9)
    return torch.floor(torch.log2(WEIGHT_MAX / peak)).clamp(0, limit)


def quantized_weight(weight: Tensor, limit: int = SHIFT_MAX) -> Tensor:
    """Weights rounded to int8 * 2**-k, straight-through."""
    scale = torch.exp2(weight_shift(weight, limit)).view(-1, *([1] * (weight.ndim - 1)))
    return (round_ste(weight * scale).clamp(-WEIGHT_MAX, WEIGHT_MAX)) / scale


class IntConv(nn.Conv2d):
    """Pointwise or depthwise convolution of an integer network.

    `exact` turns fake quantization on. A low `shift_max` leaves small weights room to grow after
    export.
    """

    def __init__(
        self, cin: int, cout: int, kernel: int = 1, *, depthwise: bool = False,
        zero: bool = False, shift_max: int = SHIFT_MAX,
    ):  # fmt: skip
        super().__init__(cin, cout, kernel, padding=kernel // 2, groups=cin if depthwise else 1)
        self.exact = False
        self.on_grid = False  # weights are what quantization would make of them
        self.shift_max = shift_max
        assert self.bias is not None
        nn.init.zeros_(self.bias)
        if zero:
            nn.init.zeros_(self.weight)
        else:
            nn.init.kaiming_normal_(self.weight, nonlinearity="relu")

    @property
    def kernel(self) -> Tensor:
        """The weights that the layer has when it runs."""
        return self.weight

    def _used(self) -> tuple[Tensor, Tensor]:
        """Weights and bias, rounded as on export once exact."""
        kernel, bias = self.kernel, self.bias
        assert bias is not None
        if not self.exact or self.on_grid:
            return kernel, bias
        grid = UNIT * torch.exp2(weight_shift(kernel, self.shift_max))
        return quantized_weight(kernel, self.shift_max), round_ste(bias * grid) / grid

    def forward(self, x: Tensor) -> Tensor:
        """Convolve, without rounding or clamp."""
        # Weights that were rounded do not say that channels come last, and would turn all around.
        x = x.contiguous(memory_format=torch.channels_last)
        return F.conv2d(x, *self._used(), 1, self.padding, 1, self.groups)

    def u8(self, x: Tensor) -> Tensor:
        """Convolve and clamp to [0, 255] / 32: the rectifier of integer networks."""
        y = self(x)
        return round_clamp(y, 0.0, U8_MAX) if self.exact else F.hardtanh(y, 0.0, U8_MAX)

    def s8(self, x: Tensor) -> Tensor:
        """Convolve and clamp to [-128, 127] / 32."""
        y = self(x)
        return round_clamp(y, S8_MIN, S8_MAX) if self.exact else F.hardtanh(y, S8_MIN, S8_MAX)

    def wide(self, x: Tensor) -> Tensor:
        """Convolve in float32 without a clamp: heads, whose rounding belongs to the caller."""
        with torch.autocast(x.device.type, enabled=False):
            return self.forward(x.float())


class BranchedConv(IntConv):
    """A depthwise 3x3 convolution that trains as a sum of four: 3x3, 1x3, 3x1 and one weight.

    Branches change how weights move, not what the layer can do (Ding et al., arXiv:1908.03930 and
    arXiv:2101.03697); they are linear, so that the layer runs and is exported as one kernel.
    """

    def __init__(self, channels: int):
        super().__init__(channels, channels, 3, depthwise=True)
        self.across = nn.Parameter(torch.zeros(channels, 1, 1, 3))
        self.down = nn.Parameter(torch.zeros(channels, 1, 3, 1))
        self.centre = nn.Parameter(torch.zeros(channels, 1, 1, 1))

    @property
    def kernel(self) -> Tensor:
        """The sum of the branches."""
        thin = F.pad(self.across, (0, 0, 1, 1)) + F.pad(self.down, (1, 1, 0, 0))
        return self.weight + thin + F.pad(self.centre, (1, 1, 1, 1))


class IntBlock(nn.Module):
    """Depthwise 3x3, pointwise to `expand` times the channels, pointwise back, residual sum; starts
    as identity.
    """

    def __init__(self, channels: int, expand: int = 2, branches: bool = False):
        super().__init__()
        self.depth = (
            BranchedConv(channels) if branches else IntConv(channels, channels, 3, depthwise=True)
        )
        self.up = IntConv(channels, channels * expand)
        self.down = IntConv(channels * expand, channels, zero=True)

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, h, w) activations of [0, 255] / 32 to the same."""
        y = self.down(self.up.u8(self.depth.s8(x)))
        if self.down.exact:
            out: Tensor = _AddClamp.apply(x, y)  # type: ignore[no-untyped-call]
            return out
        return F.hardtanh(x + y, 0.0, U8_MAX)


def set_exact(model: nn.Module, exact: bool) -> None:
    """Turn fake quantization on or off in every module of `model` that has it, by its `exact`."""
    for module in model.modules():
        if isinstance(getattr(module, "exact", None), bool):
            module.exact = exact  # type: ignore[assignment]
