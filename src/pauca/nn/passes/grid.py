"""Int8 graphs of weights that a codec left on a grid: the grid's step becomes their scale.

A library that sees floats alone stretches the largest weight to 127 and rounds a second time, which
costs more accuracy than coarse steps did. Levels of a step are integers already.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.nn.passes.onnx_graph import onnx_package
from pauca.nn.passes.qdq import whole_bias

MOST = 127  # magnitude of a level
NEAR = 1e-3  # of a step, that a value of a grid may be off

Floats = NDArray[np.float32]


def step_of(weight: Floats) -> float | None:
    """The step of which all of `weight` are multiples, at most MOST of it; None without one."""
    values = np.unique(np.abs(weight))
    if not len(values) or len(values) > MOST + 1 or not np.isfinite(values).all() or not values[-1]:
        return None
    step = float(np.diff(values[values > 0], prepend=np.float32(0)).min())
    levels = values / step
    fits = levels[-1] <= MOST + NEAR and (np.abs(levels - np.rint(levels)) < NEAR).all()
    return step if fits else None


def keep_grids(plain: Any, quantized: Any) -> None:
    """Give weights of `quantized`, a QDQ graph of `plain`, the levels that those of `plain` are.

    Weights that are on no grid, and graphs of another form, stay as they are.
    """
    arrays = onnx_package().numpy_helper
    floats = {t.name: t for t in plain.graph.initializer}
    tensors = {t.name: t for t in quantized.graph.initializer}
    by_output = {n.output[0]: n for n in quantized.graph.node if n.op_type == "DequantizeLinear"}
    uses = _uses(quantized)
    for node in by_output.values():
        name = node.input[0].removesuffix("_quantized")
        if name not in floats or node.input[0] not in tensors or len(uses[node.output[0]]) != 1:
            continue
        weight = arrays.to_array(floats[name])
        old = arrays.to_array(tensors[node.input[0]])
        zeros = arrays.to_array(tensors[node.input[2]]) if len(node.input) > 2 else np.zeros(1)
        if old.dtype != np.int8 or weight.dtype != np.float32 or old.shape != weight.shape:
            continue
        step = step_of(weight)
        if step is None or zeros.any():
            continue
        _put(tensors[node.input[0]], np.rint(weight / step).astype(np.int8))
        scales = arrays.to_array(tensors[node.input[1]])
        _put(tensors[node.input[1]], np.full_like(scales, step))
        _fit_bias(uses[node.output[0]][0], by_output, tensors, floats, step)


def _fit_bias(
    user: Any, by_output: Mapping[str, Any], tensors: Mapping[str, Any],
    floats: Mapping[str, Any], step: float,
) -> None:  # fmt: skip
    """Runtimes take the scale of a bias for granted: that of the input times the weights'."""
    if len(user.input) < 3 or user.input[2] not in by_output or user.input[0] not in by_output:
        return
    arrays = onnx_package().numpy_helper
    bias, source = by_output[user.input[2]], by_output[user.input[0]]
    name = bias.input[0].removesuffix("_quantized")
    if name not in floats or source.input[1] not in tensors:
        return
    scale = np.float32(arrays.to_array(tensors[source.input[1]]).item() * step)
    _put(tensors[bias.input[0]], whole_bias(arrays.to_array(floats[name]), scale))
    scales = arrays.to_array(tensors[bias.input[1]])
    _put(tensors[bias.input[1]], np.full_like(scales, scale))


def _uses(model: Any) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for node in model.graph.node:
        for name in node.input:
            found.setdefault(name, []).append(node)
    for value in model.graph.output:
        found.setdefault(value.name, []).append(None)
    return found


def _put(tensor: Any, value: NDArray[Any]) -> None:
    tensor.CopyFrom(
        onnx_package().numpy_helper.from_array(np.ascontiguousarray(value), tensor.name)
    )
