"""Integer networks as float32 ONNX graphs, for ONNX Runtime and OpenVINO: the same integers, by
exact float arithmetic.

A layer becomes Conv with weights and bias times 2**-shift (an exact scaling), Floor, Clip. Needs
the package `onnx`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import MissingExtraError, PackError
from pauca.pack.intnet import Layer, Program, Step, Tensor

OPSET = 17


def program_graph(program: Program, layers: Mapping[str, Layer]) -> bytes:
    """The program as a serialized ONNX model; tensors are (1, channels, h, w) float32."""
    try:
        from onnx import TensorProto, helper
    except ImportError as error:
        raise MissingExtraError("graphs need the package onnx: pip install pauca[fast]") from error
    nodes: list[Any] = []
    constants: list[Any] = []
    for i, step in enumerate(program.steps):
        if step.op == "cat":
            nodes.append(helper.make_node("Concat", list(step.sources), [step.out], axis=1))
        elif step.op == "unfold":
            shuffle: dict[str, Any] = {"blocksize": 2, "mode": "CRD"}
            nodes.append(helper.make_node("DepthToSpace", step.sources[:1], [step.out], **shuffle))
        else:
            _append_layer(nodes, constants, f":{i}", step, layers[step.layer])
    float32 = TensorProto.FLOAT
    inputs = [
        helper.make_tensor_value_info(n, float32, [1, c, None, None]) for n, c in program.inputs
    ]
    outputs = [
        helper.make_tensor_value_info(n, float32, [1, None, None, None]) for n in program.outputs
    ]
    graph = helper.make_graph(nodes, "integer", inputs, outputs, constants)
    opset = [helper.make_opsetid("", OPSET)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=8)
    data: bytes = model.SerializeToString()
    return data


def _append_layer(
    nodes: list[Any], constants: list[Any], key: str, step: Step, layer: Layer
) -> None:
    """Conv by weights and bias times 2**-shift, Floor, the residual sum, and the clamp."""
    from onnx import helper, numpy_helper

    def constant(name: str, value: NDArray[Any]) -> str:
        constants.append(numpy_helper.from_array(value.astype(np.float32), name + key))
        return name + key

    scale = np.exp2(-layer.shift.astype(np.float32))
    weight = layer.weight[:, None] if layer.depthwise else layer.weight[:, :, None, None]
    names = [constant("w", weight * scale[:, None, None, None]), constant("b", layer.bias * scale)]
    shape: dict[str, Any] = {}
    if layer.depthwise:
        shape = {"group": len(layer.bias), "pads": [1, 1, 1, 1]}
    nodes.append(helper.make_node("Conv", [step.sources[0], *names], ["c" + key], **shape))
    nodes.append(helper.make_node("Floor", ["c" + key], ["f" + key]))
    total, low, high = "f" + key, layer.low, layer.high
    if step.op == "residual":
        nodes.append(helper.make_node("Add", [total, step.sources[1]], ["s" + key]))
        total, low, high = "s" + key, np.zeros_like(low), np.full_like(high, 255)
    bounds = [constant("l", low[:, None, None]), constant("h", high[:, None, None])]
    nodes.append(helper.make_node("Max", [total, bounds[0]], ["m" + key]))
    nodes.append(helper.make_node("Min", ["m" + key, bounds[1]], [step.out]))


class OnnxRunner:
    """A program on ONNX Runtime."""

    def __init__(self, program: Program, layers: Mapping[str, Layer], threads: int):
        from pauca.pack.runtime import float_session

        self._names = program.outputs
        self._session = float_session(program_graph(program, layers), threads)

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(h, w, c) integers in and out."""
        outputs = self._session.run(list(self._names), {k: to_float(v) for k, v in inputs.items()})
        return {name: to_integers(value) for name, value in zip(self._names, outputs, strict=True)}


class OpenVinoRunner:
    """A program on OpenVINO, told to compute in float32: its default on some processors, bf16, is
    not exact.
    """

    def __init__(self, program: Program, layers: Mapping[str, Layer], threads: int):
        try:
            import openvino
        except ImportError as error:
            raise MissingExtraError("OpenVINO is not installed: pip install pauca[fast]") from error
        core = openvino.Core()
        settings = {"INFERENCE_PRECISION_HINT": "f32", "INFERENCE_NUM_THREADS": str(threads)}
        self._names = program.outputs
        self._model = core.compile_model(
            core.read_model(program_graph(program, layers)), "CPU", settings
        )

    def run(self, inputs: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """(h, w, c) integers in and out."""
        result = self._model({k: to_float(v) for k, v in inputs.items()})
        return {name: to_integers(np.asarray(result[name])) for name in self._names}


def make_graph_runner(
    kind: str, program: Program, layers: Mapping[str, Layer], threads: int
) -> OnnxRunner | OpenVinoRunner:
    """The runner of that kind."""
    return (
        OnnxRunner(program, layers, threads)
        if kind == "onnxruntime"
        else OpenVinoRunner(program, layers, threads)
    )


def to_float(x: Tensor) -> NDArray[np.float32]:
    """(h, w, c) integers to (1, c, h, w) float32."""
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None], dtype=np.float32)


def to_integers(x: NDArray[np.float32]) -> NDArray[np.int16]:
    """(1, c, h, w) float32 holding integers to (h, w, c) int16; PackError on a fraction."""
    out: NDArray[np.int16] = x[0].transpose(1, 2, 0).astype(np.int16)
    if not np.array_equal(out, x[0].transpose(1, 2, 0)):
        raise PackError("a runtime computed a fraction where the network has integers")
    return out
