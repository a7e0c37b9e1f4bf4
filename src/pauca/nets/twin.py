"""Integer networks executed by torch in float32: the same integers (spec/intnet.md)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch.nn import functional as F

from pauca.errors import PackError
from pauca.pack.intnet import Layer, Program, Tensor


class TorchRunner:
    """A program in torch, float32 without autocast."""

    def __init__(self, program: Program, layers: Mapping[str, Layer], threads: int):
        self._program, self._layers = program, layers
        torch.set_num_threads(threads)

    @torch.no_grad()
    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(h, w, c) integers in and out."""
        values = {
            name: torch.from_numpy(np.ascontiguousarray(x.transpose(2, 0, 1)[None])).float()
            for name, x in inputs.items()
        }
        for step in self._program.steps:
            x = values[step.sources[0]]
            if step.op == "cat":
                values[step.out] = torch.cat([values[s] for s in step.sources], 1)
            elif step.op == "unfold":
                values[step.out] = F.pixel_shuffle(x, 2)
            elif step.op == "conv":
                layer = self._layers[step.layer]
                low, high = (torch.from_numpy(v).float() for v in (layer.low, layer.high))
                y = convolve(layer, x)
                values[step.out] = y.clamp(low.view(1, -1, 1, 1), high.view(1, -1, 1, 1))
            elif step.op == "residual":
                y = convolve(self._layers[step.layer], x) + values[step.sources[1]]
                values[step.out] = y.clamp(0, 255)
            else:
                raise PackError(f"integer network: unknown step {step.op!r}")
        outputs = {name: values[name][0].permute(1, 2, 0) for name in self._program.outputs}
        return {name: y.contiguous().numpy().astype(np.int16) for name, y in outputs.items()}


def convolve(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    """floor((bias + weights * x) / 2**shift) in float32, exact because sums stay below 2**24."""
    weight = torch.from_numpy(layer.weight).float()
    weight = weight[:, None] if layer.depthwise else weight[:, :, None, None]
    groups, pad = (len(layer.bias), 1) if layer.depthwise else (1, 0)
    y = F.conv2d(x, weight, torch.from_numpy(layer.bias).float(), 1, pad, 1, groups)
    return torch.floor(y * torch.exp2(-torch.from_numpy(layer.shift).float()).view(1, -1, 1, 1))
