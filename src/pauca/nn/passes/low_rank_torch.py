"""Low-rank factorization of torch modules: one layer becomes two thinner ones (low_rank.py)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from pauca.errors import UnsupportedError
from pauca.nn.passes.coded import skipped
from pauca.nn.passes.cost_torch import copied, tuned
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.low_rank import (
    Floats,
    Split,
    channel_split,
    linear_split,
    spatial_split,
    thinner,
)
from pauca.nn.passes.options import LowRankOptions


def factorize(
    module: nn.Module, options: LowRankOptions, context: Context = NO_CONTEXT
) -> nn.Module:
    """Return a copy with layers factorized, fine-tuned by `context.train` if given.

    Grouped and otherwise unusual layers stay. `UnsupportedError` if no layer would cost less.
    """
    out = copied(module)
    changed = False
    for name, layer in list(out.named_modules()):
        if skipped(name, options.skip) or not name:
            continue
        with torch.no_grad():
            pair = thinner(_splits(layer, options), options)
        if pair is not None:
            parent, _, key = name.rpartition(".")
            setattr(out.get_submodule(parent), key, pair.train(layer.training))
            changed = True
    if not changed:
        raise UnsupportedError("no layer gets cheaper by factorization with these options")
    tuned(out, context.train)
    return out


def _splits(layer: nn.Module, options: LowRankOptions) -> list[Split[nn.Sequential]]:
    if isinstance(layer, nn.Linear):
        return [_linear(layer)]
    if not isinstance(layer, nn.Conv2d) or not _is_plain(layer):
        return []
    splits = [_channel(layer)] if options.split != "spatial" else []
    if options.split != "channel" and min(layer.kernel_size) > 1:
        splits.append(_spatial(layer))
    return splits


def _is_plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.padding_mode == "zeros" and layer.padding != "same"


def _linear(layer: nn.Linear) -> Split[nn.Sequential]:
    def build(left: Floats, right: Floats) -> nn.Sequential:
        (o, r), i = left.shape, right.shape[1]
        first = nn.Linear(i, r, bias=False)
        return _filled(first, right, nn.Linear(r, o, bias=layer.bias is not None), left, layer)

    return linear_split(_values(layer.weight), build)


def _channel(layer: nn.Conv2d) -> Split[nn.Sequential]:
    def build(left: Floats, right: Floats) -> nn.Sequential:
        r, i, h, w = right.shape
        size, dilation = (h, w), layer.dilation
        first = nn.Conv2d(i, r, size, layer.stride, layer.padding, dilation, bias=False)  # type: ignore[arg-type]
        second = nn.Conv2d(r, len(left), 1, bias=layer.bias is not None)
        return _filled(first, right, second, left, layer)

    return channel_split(_values(layer.weight), build)


def _spatial(layer: nn.Conv2d) -> Split[nn.Sequential]:
    pads = (0, 0) if isinstance(layer.padding, str) else layer.padding
    steps, holes = layer.stride, layer.dilation

    def build(left: Floats, right: Floats) -> nn.Sequential:
        r, i, h, _ = right.shape
        o, w, bias = len(left), left.shape[3], layer.bias is not None
        first = nn.Conv2d(i, r, (h, 1), (steps[0], 1), (pads[0], 0), (holes[0], 1), bias=False)
        second = nn.Conv2d(r, o, (1, w), (1, steps[1]), (0, pads[1]), (1, holes[1]), bias=bias)
        return _filled(first, right, second, left, layer)

    return spatial_split(_values(layer.weight), steps[1], build)


def _values(weight: Tensor) -> Floats:
    values: Floats = weight.detach().float().cpu().numpy()
    return values


def _filled(
    first: nn.Linear | nn.Conv2d,
    right: Floats,
    second: nn.Linear | nn.Conv2d,
    left: Floats,
    layer: nn.Linear | nn.Conv2d,
) -> nn.Sequential:
    for half, values in ((first, right), (second, left)):
        half.to(layer.weight)
        half.weight.copy_(torch.from_numpy(values))
    if layer.bias is not None and second.bias is not None:
        second.bias.copy_(layer.bias)
    return nn.Sequential(first, second)
