"""Trained ranges into an ONNX graph: QuantizeLinear and DequantizeLinear around its layers.

The exporter of torch knows no per-channel fake quantization. So the float network is exported, and
the quantizers are put in front of the layers that were trained with them; a runtime that fuses the
pairs computes in int8 (ONNX Runtime does), any other gives the same values in float.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import UnsupportedError
from pauca.nn.passes.onnx_graph import onnx_package

Floats = NDArray[np.float32]


def scale_and_zero(low: float, high: float) -> tuple[float, int]:
    """Return step and zero point of uint8 for values of low..high, 0 being exact."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max(high - low, 1e-8) / 255
    return scale, int(np.clip(round(-low / scale), 0, 255))


def weight_scales(weight: Floats, bits: int) -> Floats:
    """Return the step of each row of a weight whose first axis runs along the outputs."""
    largest = np.abs(weight).reshape(len(weight), -1).max(1)
    scales: Floats = np.maximum(largest, 1e-8).astype(np.float32) / np.float32(2 ** (bits - 1) - 1)
    return scales


def whole_bias(bias: Floats, scale: Floats | np.float32) -> NDArray[np.int32]:
    """Return a bias in units of `scale`, that of the input times the weights', as int32."""
    whole: NDArray[np.int32] = (
        np.rint(bias / scale).clip(-(2**31) + 1, 2**31 - 129).astype(np.int32)
    )
    return whole


def add_qdq(model: Any, ranges: Mapping[str, tuple[float, float]], bits: int) -> Any:
    """Return a copy of `model` with quantizers at the layers whose weights `ranges` names.

    `ranges`: what a layer's input spans, by the name of its weight's initializer. Raises
    `UnsupportedError` where the graph has no layer with such a weight.
    """
    onnx = onnx_package()
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    tensors = {t.name: t for t in copy.graph.initializer}
    nodes: list[Any] = []
    done = set()
    for node in copy.graph.node:
        name = node.input[1] if len(node.input) > 1 else ""
        if name in ranges and node.op_type in ("Conv", "Gemm"):
            nodes += _quantizers(copy.graph, tensors, node, ranges[name], bits)
            done.add(name)
        nodes.append(node)
    if missing := ranges.keys() - done:
        raise UnsupportedError(f"the exported graph has no layer with weight {min(missing)!r}")
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    _drop_unused(copy.graph)
    return copy


def _quantizers(
    graph: Any, tensors: Mapping[str, Any], node: Any, span: tuple[float, float], bits: int
) -> list[Any]:
    """Return the nodes in front of `node`, whose inputs then are what they give."""
    onnx = onnx_package()
    helper, arrays = onnx.helper, onnx.numpy_helper
    weight = arrays.to_array(tensors[node.input[1]])
    scale, zero = scale_and_zero(*span)
    steps = weight_scales(weight, bits)
    key = node.input[1]
    broad = steps.reshape(-1, *[1] * (weight.ndim - 1))
    most = 2 ** (bits - 1) - 1
    levels = np.rint(weight / broad).clip(-most, most).astype(np.int8)

    def constant(end: str, value: NDArray[Any]) -> str:
        graph.initializer.append(arrays.from_array(value, f"{key}.{end}"))
        return f"{key}.{end}"

    at = [constant("in_scale", np.float32(scale)), constant("in_zero", np.uint8(zero))]  # type: ignore[arg-type]
    zeros = constant("zeros", np.zeros(len(steps), np.int8))
    by = [constant("int8", levels), constant("scales", steps), zeros]
    made = [
        helper.make_node("QuantizeLinear", [node.input[0], *at], [f"{key}.q"]),
        helper.make_node("DequantizeLinear", [f"{key}.q", *at], [f"{key}.x"]),
        helper.make_node("DequantizeLinear", by, [f"{key}.w"], axis=0),
    ]
    if len(node.input) > 2 and node.input[2] in tensors:
        bias = arrays.to_array(tensors[node.input[2]])
        both = (steps * np.float32(scale)).astype(np.float32)
        whole = whole_bias(bias, both)
        by = [constant("bias", whole), constant("bias_scales", both)]
        made.append(helper.make_node("DequantizeLinear", by, [f"{key}.b"], axis=0))
        node.input[2] = f"{key}.b"
    node.input[0], node.input[1] = f"{key}.x", f"{key}.w"
    return made


def _drop_unused(graph: Any) -> None:
    used = {name for node in graph.node for name in node.input}
    used |= {value.name for value in graph.output}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
