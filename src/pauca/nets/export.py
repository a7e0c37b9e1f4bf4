"""Trained integer layers as the layers and steps of a pack, for every kind of network."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from pauca.nets.integer import WEIGHT_MAX, IntConv, weight_shift
from pauca.pack.intnet import Layer, Step

U8, S8, WIDE = (0, 255), (-128, 127), (-32768, 32767)


def integer_layer(
    conv: IntConv, clamp: tuple[int, int], extra: NDArray[np.int64] | int = 0
) -> Layer:
    """Round a trained layer as its fake quantization does; `extra` is added to the shift, per
    output.
    """
    kernel = conv.kernel.detach()
    k = weight_shift(kernel, conv.shift_max).long()
    scale = torch.exp2(k.float())
    weight = kernel[:, 0] if conv.groups > 1 else kernel[:, :, 0, 0]
    weight = torch.floor(weight * scale.view(-1, *([1] * (weight.ndim - 1))) + 0.5).clamp(
        -WEIGHT_MAX, WEIGHT_MAX
    )
    assert conv.bias is not None
    shift = k.numpy() + np.asarray(extra)
    half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
    bias = torch.floor(conv.bias.detach().double() * 32.0 * scale + 0.5).long().numpy() + half
    rows = conv.out_channels
    return Layer(
        weight.to(torch.int8).numpy(),
        bias.astype(np.int32),
        shift.astype(np.uint8),
        np.full(rows, clamp[0], np.int16),
        np.full(rows, clamp[1], np.int16),
    )


def block_steps(name: str, source: str, out: str) -> list[Step]:
    """Steps of an IntBlock whose layers are NAME.depth, NAME.up and NAME.down."""
    return [
        Step("conv", f"{out}.d", (source,), f"{name}.depth"),
        Step("conv", f"{out}.u", (f"{out}.d",), f"{name}.up"),
        Step("residual", out, (f"{out}.u", source), f"{name}.down"),
    ]
