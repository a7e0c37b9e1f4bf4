"""Layers of signs on the C++ core: weights packed once, inputs packed as they come.

A weight is sign * scale, one scale a row (the mean magnitude: XNOR-Net, arXiv:1603.05279, equation
6); an input is -1 below its channel's threshold and +1 elsewhere, as is everything outside a padded
picture.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca import _core
from pauca.errors import InputError

Floats = NDArray[np.float32]
Words = NDArray[np.uint64]


@dataclass(frozen=True)
class PackedLayer:
    """Signs of a layer: `words` (rows, kh, kw, ceil(inputs / 64)), `scale` and `bias` (rows,).

    `threshold` (inputs,), 0 if None.
    """

    words: Words
    inputs: int
    scale: Floats
    bias: Floats | None = None
    threshold: Floats | None = None
    stride: int = 1
    padding: int = 0

    @property
    def nbytes(self) -> int:
        """Bytes of words, scales, biases and thresholds."""
        arrays = (self.words, self.scale, self.bias, self.threshold)
        return sum(array.nbytes for array in arrays if array is not None)


def pack_layer(
    weight: Floats,
    scale: Floats | None = None,
    bias: Floats | None = None,
    threshold: Floats | None = None,
    stride: int = 1,
    padding: int = 0,
) -> PackedLayer:
    """Pack a weight (rows, inputs) or (rows, inputs, kh, kw); `scale` None: mean magnitudes.

    Raises `InputError` on other shapes.
    """
    if weight.ndim not in (2, 4) or 0 in weight.shape:
        raise InputError("a layer of signs has a weight of 2 or 4 dimensions, none of them 0")
    rows, inputs, *taps = weight.shape
    if scale is None:
        scale = np.abs(weight).reshape(rows, -1).mean(1)
    columns = np.moveaxis(weight.reshape(rows, inputs, -1), 1, 0).reshape(inputs, -1)
    words = _core.xnor_pack(np.ascontiguousarray(columns, np.float32))
    packed = np.ascontiguousarray(words.T).reshape(rows, *(taps or (1, 1)), -1)
    scales, biases, thresholds = (
        None if part is None else np.ascontiguousarray(part, np.float32)
        for part in (scale, bias, threshold)
    )
    assert scales is not None
    return PackedLayer(packed, inputs, scales, biases, thresholds, stride, padding)


def run_conv(x: Floats, layer: PackedLayer, kernel: str = "auto") -> Floats:
    """(N, C, H, W) to (N, rows, H', W'): the convolution of the signs, times scale, plus bias."""
    if x.ndim != 4 or x.shape[1] != layer.inputs:
        raise InputError(f"the layer takes (N, {layer.inputs}, H, W), not {x.shape}")
    x = np.ascontiguousarray(x, np.float32)
    vectors, settings = (layer.scale, layer.bias, layer.threshold), (layer.stride, layer.padding)
    return _core.xnor_conv(x, layer.words, *vectors, *settings, kernel)


def run_linear(x: Floats, layer: PackedLayer, kernel: str = "auto") -> Floats:
    """(N, inputs) to (N, rows): the product of the signs, times scale, plus bias."""
    if x.ndim != 2 or x.shape[1] != layer.inputs:
        raise InputError(f"the layer takes (N, {layer.inputs}), not {x.shape}")
    columns = _core.xnor_pack(np.ascontiguousarray(x.T, np.float32), layer.threshold)
    words = layer.words.reshape(len(layer.words), -1)
    sums = _core.xnor_gemm(words, columns, layer.inputs, kernel)
    out: Floats = sums.T.astype(np.float32) * layer.scale
    return out if layer.bias is None else out + layer.bias
