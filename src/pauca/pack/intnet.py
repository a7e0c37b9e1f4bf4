"""Integer networks: their description, and the plain int64 execution that defines them
(spec/intnet.md).

A program is a list of steps over named tensors of shape (h, w, channels). All activations are
integers of 8 bits, all weights int8; a layer computes `acc = bias + sum(weight * x)` exactly, then
`(acc >> shift)` per output channel, then a clamp per output channel. `bias` already holds the half
that makes the shift round. Every partial sum stays below 2**24, so float32 arithmetic of any order
gives the same integers; `check` proves it from the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.errors import PackError

Tensor = NDArray[np.integer]
SUM_LIMIT = 1 << 24


@dataclass(frozen=True)
class Layer:
    """A pointwise (weight (O, I)) or depthwise 3x3 (weight (C, 3, 3), zero padding) integer
    convolution.
    """

    weight: NDArray[np.int8]
    bias: NDArray[np.int32]  # (O,)
    shift: NDArray[np.uint8]  # (O,) 0..24
    low: NDArray[np.int16]  # (O,) clamp
    high: NDArray[np.int16]

    @property
    def depthwise(self) -> bool:
        """Whether this is a depthwise 3x3 layer."""
        return self.weight.ndim == 3

    def check(self, name: str) -> None:
        """PackError unless shapes fit and no sum can reach 2**24 with inputs in [-255, 255]."""
        rows = self.weight.shape[0] if self.weight.ndim else 0
        if self.weight.ndim not in (2, 3) or (self.depthwise and self.weight.shape[1:] != (3, 3)):
            raise PackError(f"integer layer {name}: bad weight shape {self.weight.shape}")
        if any(a.shape != (rows,) for a in (self.bias, self.shift, self.low, self.high)):
            raise PackError(
                f"integer layer {name}: bias, shift and clamps must have {rows} entries"
            )
        if int(self.shift.max(initial=0)) > 24:
            raise PackError(f"integer layer {name}: shift above 24")
        reach = np.abs(self.weight.astype(np.int64)).reshape(rows, -1).sum(1) * 255 + np.abs(
            self.bias.astype(np.int64)
        )
        if int(reach.max(initial=0)) >= SUM_LIMIT:
            raise PackError(
                f"integer layer {name}: sums may reach {int(reach.max())}, the limit is 2**24"
            )


@dataclass(frozen=True)
class Step:
    """One step: `op` is conv (one source), residual (source, then what is added, clamped 0..255),
    cat, or unfold.
    """

    op: str
    out: str
    sources: tuple[str, ...]
    layer: str = ""


@dataclass(frozen=True)
class Program:
    """Steps from `inputs` (name to channels) to `outputs`; layers are looked up in the pack by
    name.
    """

    inputs: tuple[tuple[str, int], ...]
    outputs: tuple[str, ...]
    steps: tuple[Step, ...]


def run_plain(
    program: Program, layers: Mapping[str, Layer], inputs: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """Execute in int64 numpy: slow, obvious, the oracle of every other runtime. Tensors are (h, w,
    channels).
    """
    values: dict[str, NDArray[np.int64]] = {
        name: inputs[name].astype(np.int64) for name, _ in program.inputs
    }
    for step in program.steps:
        x = values[step.sources[0]]
        if step.op == "cat":
            values[step.out] = np.concatenate([values[s] for s in step.sources], 2)
        elif step.op == "unfold":
            values[step.out] = unfold(x)
        elif step.op == "conv":
            layer = layers[step.layer]
            values[step.out] = np.clip(convolve(layer, x), layer.low, layer.high)
        elif step.op == "residual":
            values[step.out] = np.clip(
                convolve(layers[step.layer], x) + values[step.sources[1]], 0, 255
            )
        else:
            raise PackError(f"integer network: unknown step {step.op!r}")
    return {name: values[name] for name in program.outputs}


def convolve(layer: Layer, x: NDArray[np.int64]) -> NDArray[np.int64]:
    """(bias + weights * x) >> shift, before the clamp."""
    weight = layer.weight.astype(np.int64)
    if layer.depthwise:
        h, w, _ = x.shape
        padded = np.pad(x, ((1, 1), (1, 1), (0, 0)))
        acc = sum(
            padded[i : i + h, j : j + w] * weight[:, i, j] for i in range(3) for j in range(3)
        )
    else:
        acc = x @ weight.T
    return (acc + layer.bias) >> layer.shift


def unfold(x: NDArray[np.int64]) -> NDArray[np.int64]:
    """Depth to space by 2: (h, w, 4c) with channel 4c + phase to (2h, 2w, c)."""
    h, w, c = x.shape
    return x.reshape(h, w, c // 4, 2, 2).transpose(0, 3, 1, 4, 2).reshape(2 * h, 2 * w, c // 4)
