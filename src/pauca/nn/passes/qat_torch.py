"""Quantization-aware training: layers that compute with rounded weights and inputs.

Own layers, not torch.ao's: its eager mode is deprecated, its graph mode wants torch.export, and
the exporter to ONNX takes neither's per-channel weights; see docs/decisions.md. Rounding is
`torch.fake_quantize_*`, whose gradient is straight-through inside the range (arXiv:1712.05877).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.fx.experimental.optimization import fuse

from pauca.errors import UnsupportedError
from pauca.nn.passes.coded import skipped
from pauca.nn.passes.cost_torch import copied, run_some, tuned
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.options import QatOptions


class FakeQuantize(nn.Module):
    """Activations rounded to uint8 over the range that moving averages of extremes give."""

    low: Tensor
    high: Tensor

    def __init__(self, momentum: float) -> None:
        super().__init__()
        self.momentum = momentum
        self.register_buffer("low", torch.tensor(0.0))
        self.register_buffer("high", torch.tensor(0.0))

    def forward(self, x: Tensor) -> Tensor:
        """Any shape to the same."""
        if self.training:
            self._observe(x.detach())
        scale = ((self.high - self.low) / 255).clamp_min(1e-8)
        zero = (-self.low / scale).round().clamp(0, 255).to(torch.int32)
        return torch.fake_quantize_per_tensor_affine(x, scale, zero, 0, 255)

    def _observe(self, x: Tensor) -> None:
        low, high = x.min().clamp_max(0), x.max().clamp_min(0)
        first = self.high == self.low
        step = torch.where(first, 1.0, self.momentum)
        self.low += step * (low - self.low)
        self.high += step * (high - self.high)


def _rounded(weight: Tensor, bits: int) -> Tensor:
    most = 2 ** (bits - 1) - 1
    scales = weight.detach().abs().flatten(1).amax(1).clamp_min(1e-8) / most
    zeros = torch.zeros_like(scales, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scales, zeros, 0, -most, most)


class QatConv2d(nn.Conv2d):
    """A convolution with rounded inputs and weights."""

    quantize: FakeQuantize
    bits: int

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Conv2d`."""
        weight = _rounded(self.weight, self.bits)
        out: Tensor = self._conv_forward(self.quantize(x), weight, self.bias)
        return out


class QatLinear(nn.Linear):
    """A linear layer with rounded inputs and weights."""

    quantize: FakeQuantize
    bits: int

    def forward(self, x: Tensor) -> Tensor:
        """As `nn.Linear`."""
        weight = _rounded(self.weight, self.bits)
        return nn.functional.linear(self.quantize(x), weight, self.bias)


_TWINS: dict[type, type] = {nn.Conv2d: QatConv2d, nn.Linear: QatLinear}


def train_quantized(
    module: nn.Module, options: QatOptions, context: Context = NO_CONTEXT
) -> nn.Module:
    """Return a copy with rounding layers, trained by `context.train` if given.

    Batch normalizations are folded first where the module can be traced. Ranges start from
    `context.batches` or `context.example`. `UnsupportedError` if no layer can be rounded.
    """
    was = module.training
    out = folded(module)
    found = False
    for name, layer in list(out.named_modules()):
        if type(layer) in _TWINS and not skipped(name, options.skip):
            found = True
            # The layer stays what it is, with its parameters, hooks and name; forward is new.
            layer.__class__ = _TWINS[type(layer)]
            layer.bits = options.bits
            layer.quantize = FakeQuantize(options.momentum).to(_device(layer))
    if not found:
        raise UnsupportedError("the module has no convolution or linear layer")
    out.train()
    run_some(out, context)
    tuned(out, context.train)
    return out.train(was)


def folded(module: nn.Module) -> nn.Module:
    """Return a copy in eval mode with batch normalizations folded into convolutions, if traced."""
    out = copied(module).eval()
    try:
        return fuse(out, inplace=False)
    except Exception:  # a module that cannot be traced keeps its normalizations
        return out


def unwrapped(module: nn.Module) -> tuple[nn.Module, dict[str, tuple[float, float]], int]:
    """Return a float copy, the ranges of inputs by name of the weight, and the bits of weights."""
    out = copied(module)
    ranges, bits = {}, 8
    plain = {twin: kind for kind, twin in _TWINS.items()}
    for name, layer in list(out.named_modules()):
        if type(layer) in plain:
            quantize: Any = layer.quantize
            ranges[f"{name}.weight"] = (float(quantize.low), float(quantize.high))
            bits = int(layer.bits)
            del layer.quantize
            layer.__class__ = plain[type(layer)]
    return out, ranges, bits


def _device(layer: nn.Module) -> torch.device:
    return next(layer.parameters()).device
