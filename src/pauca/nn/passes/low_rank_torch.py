"""Low-rank factorization: one layer becomes two thinner ones, wherever that costs less.

Linear layers by SVD; convolutions to r channels and then 1 x 1 (Zhang et al., arXiv:1505.06798), or
k x 1 and then 1 x k (Jaderberg et al., arXiv:1405.3866).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pauca.errors import UnsupportedError
from pauca.nn.passes.coded import skipped
from pauca.nn.passes.cost_torch import copied, tuned
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.options import LowRankOptions


@dataclass(frozen=True)
class _Split:
    """A layer as a matrix: what a rank costs and the whole, in multiplications an output pixel."""

    matrix: Tensor
    per_rank: float
    whole: float
    build: Callable[[Tensor, Tensor], nn.Sequential]  # (rows, r), (r, columns)

    def factors(self, options: LowRankOptions) -> tuple[Tensor, Tensor, float, float] | None:
        """Return both factors, the cost and the energy lost; None where two layers cost more."""
        u, s, v = torch.linalg.svd(self.matrix.double(), full_matrices=False)
        energy = s.square().cumsum(0)
        total = float(energy[-1])
        if options.ratio is not None:
            rank = max(1, min(len(s), int(options.ratio * self.whole / self.per_rank)))
        else:
            rank = int((energy < options.energy * total).sum()) + 1
        rank = min(rank, len(s))
        price = rank * self.per_rank
        if price >= self.whole:
            return None
        root = s[:rank].sqrt()
        lost = 1 - float(energy[rank - 1]) / total if total else 0.0
        left, right = u[:, :rank] * root, root[:, None] * v[:rank]
        return left.to(self.matrix), right.to(self.matrix), price, lost


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
        pair = _thinner(layer, options)
        if pair is not None:
            parent, _, key = name.rpartition(".")
            setattr(out.get_submodule(parent), key, pair.train(layer.training))
            changed = True
    if not changed:
        raise UnsupportedError("no layer gets cheaper by factorization with these options")
    tuned(out, context.train)
    return out


def _thinner(layer: nn.Module, options: LowRankOptions) -> nn.Sequential | None:
    if isinstance(layer, nn.Linear):
        splits = [_linear(layer)]
    elif isinstance(layer, nn.Conv2d) and _is_plain(layer):
        splits = [_channel(layer)] if options.split != "spatial" else []
        if options.split != "channel" and min(layer.kernel_size) > 1:
            splits.append(_spatial(layer))
    else:
        return None
    found = [(s, f) for s in splits if (f := s.factors(options)) is not None]
    if not found:
        return None
    order = 2 if options.ratio is None else 3  # least cost, or least lost
    split, best = min(found, key=lambda item: item[1][order])
    with torch.no_grad():
        return split.build(best[0], best[1])


def _is_plain(layer: nn.Conv2d) -> bool:
    return layer.groups == 1 and layer.padding_mode == "zeros" and layer.padding != "same"


def _linear(layer: nn.Linear) -> _Split:
    o, i = layer.weight.shape

    def build(left: Tensor, right: Tensor) -> nn.Sequential:
        first = nn.Linear(i, right.shape[0], bias=False)
        second = nn.Linear(right.shape[0], o, bias=layer.bias is not None)
        return _filled(first, right, second, left, layer.bias)

    return _Split(layer.weight.detach(), o + i, o * i, build)


def _channel(layer: nn.Conv2d) -> _Split:
    o, i, h, w = layer.weight.shape

    def build(left: Tensor, right: Tensor) -> nn.Sequential:
        r = right.shape[0]
        size, dilation = (h, w), layer.dilation
        first = nn.Conv2d(i, r, size, layer.stride, layer.padding, dilation, bias=False)  # type: ignore[arg-type]
        second = nn.Conv2d(r, o, 1, bias=layer.bias is not None)
        shapes = right.reshape(r, i, h, w), left.reshape(o, r, 1, 1)
        return _filled(first, shapes[0], second, shapes[1], layer.bias)

    matrix = layer.weight.detach().reshape(o, i * h * w)
    return _Split(matrix, i * h * w + o, o * i * h * w, build)


def _spatial(layer: nn.Conv2d) -> _Split:
    o, i, h, w = layer.weight.shape
    pads = (0, 0) if isinstance(layer.padding, str) else layer.padding
    steps, holes = layer.stride, layer.dilation

    def build(left: Tensor, right: Tensor) -> nn.Sequential:
        # left (o w, r) across, right (r, i h) down
        r, bias = right.shape[0], layer.bias is not None
        first = nn.Conv2d(i, r, (h, 1), (steps[0], 1), (pads[0], 0), (holes[0], 1), bias=False)
        second = nn.Conv2d(r, o, (1, w), (1, steps[1]), (0, pads[1]), (1, holes[1]), bias=bias)
        across = left.reshape(o, w, r).permute(0, 2, 1).reshape(o, r, 1, w)
        return _filled(first, right.reshape(r, i, h, 1), second, across, layer.bias)

    matrix = layer.weight.detach().permute(0, 3, 1, 2).reshape(o * w, i * h)
    # The first half runs on all columns, of which the second keeps one in `stride`.
    return _Split(matrix, i * h * steps[1] + o * w, o * i * h * w, build)


def _filled(
    first: nn.Linear | nn.Conv2d,
    right: Tensor,
    second: nn.Linear | nn.Conv2d,
    left: Tensor,
    bias: Tensor | None,
) -> nn.Sequential:
    first.to(right)
    second.to(right)
    first.weight.copy_(right)
    second.weight.copy_(left)
    if bias is not None and second.bias is not None:
        second.bias.copy_(bias)
    return nn.Sequential(first, second)
