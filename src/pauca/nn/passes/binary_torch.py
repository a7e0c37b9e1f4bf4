"""Layers of signs in torch: trained through a straight-through sign, run on the XNOR kernels.

XNOR-Net (arXiv:1603.05279) with a scale a channel of the weights. Its second scale, a map over the
inputs, is left out: it costs a float convolution and the paper finds it to matter little. Inputs
are compared with a trained threshold a channel (ReActNet, arXiv:2003.03488): behind a rectifier,
which is where layers of ordinary networks stand, all signs would be alike.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from pauca.errors import UnsupportedError
from pauca.nn.passes.coded import skipped
from pauca.nn.passes.cost_torch import copied, run_some, tuned
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.options import BinaryOptions
from pauca.nn.xnor import PackedLayer, pack_layer, run_conv, run_linear


class _Sign(torch.autograd.Function):
    """-1 below zero, else +1; the gradient passes where |x| <= 1 (straight-through)."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return torch.where(x < 0, -1.0, 1.0).to(x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        passed: Tensor = gradient * (x.abs() <= 1)
        return passed


def sign(x: Tensor) -> Tensor:
    """Return the signs of `x`, +1 for zero, with a straight-through gradient."""
    out: Tensor = _Sign.apply(x)  # type: ignore[no-untyped-call]
    return out


class _Binary:
    """What both layers share. `scale` is None while the weight is trained, (rows,) afterwards."""

    weight: Any
    bias: Any
    binary_inputs: bool
    scale: Tensor | None
    threshold: Any
    packed: PackedLayer | None

    def signs(self, x: Tensor) -> Tensor:
        """The inputs as signs, channels on axis 1 of four or on the last."""
        return sign(x - (self.threshold[:, None, None] if x.ndim == 4 else self.threshold))

    def binary_weight(self) -> Tensor:
        """The weight as signs times scales; gradients reach it through both (equation 11)."""
        broad = (-1, *[1] * (self.weight.ndim - 1))
        if self.scale is not None:
            fixed: Tensor = self.weight * self.scale.reshape(broad)
            return fixed
        scale: Tensor = self.weight.abs().flatten(1).mean(1)
        return sign(self.weight) * scale.reshape(broad)

    def finish(self) -> None:
        """Replace the trained weight by its signs and scales."""
        with torch.no_grad():
            self.scale = self.weight.abs().flatten(1).mean(1)
            self.weight.copy_(sign(self.weight))


class BinaryConv2d(_Binary, nn.Conv2d):
    """A convolution with weights, and perhaps inputs, of signs; outside the picture is +1."""

    def forward(self, x: Tensor) -> Tensor:
        """(N, C, H, W) to (N, rows, H', W')."""
        if self.packed is not None and not self.training:
            return torch.from_numpy(run_conv(x.detach().cpu().numpy(), self.packed)).to(x)
        if not self.binary_inputs:
            out: Tensor = self._conv_forward(x, self.binary_weight(), self.bias)
            return out
        tall, wide = (int(p) for p in self.padding)
        x = functional.pad(self.signs(x), (wide, wide, tall, tall), value=1.0)
        return functional.conv2d(x, self.binary_weight(), self.bias, self.stride)


class BinaryLinear(_Binary, nn.Linear):
    """A linear layer with weights, and perhaps inputs, of signs."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., inputs) to (..., rows)."""
        if self.packed is not None and not self.training:
            flat = x.detach().reshape(-1, x.shape[-1]).cpu().numpy()
            found = torch.from_numpy(run_linear(flat, self.packed)).to(x)
            return found.reshape(*x.shape[:-1], -1)
        x = self.signs(x) if self.binary_inputs else x
        return functional.linear(x, self.binary_weight(), self.bias)


def binarize(module: nn.Module, options: BinaryOptions, context: Context = NO_CONTEXT) -> nn.Module:
    """Return a copy with layers of signs, trained by `context.train` if given, then fixed.

    Thresholds start from the means of `context.batches` or `context.example`, else from 0. Grouped,
    dilated and otherwise unusual convolutions stay. `UnsupportedError` if none is left.
    """
    out = with_binary_layers(module, options, context)
    tuned(out, context.train)
    for layer in out.modules():
        if isinstance(layer, _Binary):
            layer.finish()
    return out


def with_binary_layers(
    module: nn.Module, options: BinaryOptions, context: Context = NO_CONTEXT
) -> nn.Module:
    """Return a copy whose layers compute with signs and train their float weights behind them."""
    out = copied(module)
    layers = [(n, m) for n, m in out.named_modules() if type(m) in (nn.Conv2d, nn.Linear)]
    middle = layers if options.ends else layers[1:-1]
    chosen = [m for name, m in middle if _fits(m) and not skipped(name, options.skip)]
    if not chosen:
        raise UnsupportedError("no layer between the first and the last can become binary")
    means = _input_means(out, chosen, context) if options.inputs == "binary" else {}
    for layer in chosen:
        # The layer stays what it is, with its parameters, hooks and name; forward is new.
        layer.__class__ = BinaryConv2d if isinstance(layer, nn.Conv2d) else BinaryLinear
        layer.binary_inputs = options.inputs == "binary"
        layer.packed = None
        layer.register_buffer("scale", None)
        if options.inputs == "binary":
            layer.threshold = nn.Parameter(means.get(layer, _zeros(layer)))
    return out


def _input_means(
    module: nn.Module, layers: list[nn.Module], context: Context
) -> dict[nn.Module, Tensor]:
    """Return the mean input of each channel of the layers that run, over a few batches."""
    found: dict[nn.Module, list[Tensor]] = {}

    def note(layer: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        axis = 1 if isinstance(layer, nn.Conv2d) else -1
        flat = inputs[0].detach().movedim(axis, -1).flatten(0, -2)
        found.setdefault(layer, []).append(flat.mean(0))

    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    run_some(module, context)
    for hook in hooks:
        hook.remove()
    return {layer: torch.stack(means).mean(0) for layer, means in found.items()}


def _zeros(layer: Any) -> Tensor:
    weight: Tensor = layer.weight
    return weight.detach().new_zeros(weight.shape[1])


def with_kernels(module: nn.Module) -> nn.Module:
    """Return a copy in eval mode whose finished layers of binary inputs run on the C++ core."""
    out = copied(module).eval()
    for layer in out.modules():
        if isinstance(layer, _Binary) and layer.binary_inputs and layer.scale is not None:
            weight, scale, bias, bars = (
                None if t is None else t.detach().cpu().numpy()
                for t in (layer.weight, layer.scale, layer.bias, layer.threshold)
            )
            assert weight is not None
            step, pad = 1, 0
            if isinstance(layer, BinaryConv2d):
                step, pad = int(layer.stride[0]), int(layer.padding[0])
            layer.packed = pack_layer(weight, scale, bias, bars, step, pad)
    return out


def _fits(layer: nn.Module) -> bool:
    if not isinstance(layer, nn.Conv2d):
        return True
    return (
        layer.groups == 1
        and layer.padding_mode == "zeros"
        and not isinstance(layer.padding, str)
        and set(layer.dilation) == {1}
        and len(set(layer.stride)) == len(set(layer.padding)) == 1
    )
