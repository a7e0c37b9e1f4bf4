"""The dense network of `trained` as an ONNX graph, made by hand: no exporter, hence quick."""

import numpy as np
import onnx
from nn.trained import Trained
from onnx import helper, numpy_helper
from onnx.reference import ReferenceEvaluator


def graph_of(trained: Trained) -> onnx.ModelProto:
    """Three layers: one as MatMul and Add, one as Gemm, one as Gemm with a turned weight."""
    w = trained.weights()
    arrays = {
        "w1": w["1.weight"].T,
        "b1": w["1.bias"],
        "w2": w["3.weight"],
        "b2": w["3.bias"],
        "w3": w["5.weight"].T,
        "b3": w["5.bias"],
    }
    nodes = [
        helper.make_node("Flatten", ["x"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w1"], ["p1"]),
        helper.make_node("Add", ["p1", "b1"], ["s1"]),
        helper.make_node("Relu", ["s1"], ["h1"]),
        helper.make_node("Gemm", ["h1", "w2", "b2"], ["s2"], transB=1),
        helper.make_node("Relu", ["s2"], ["h2"]),
        helper.make_node("Gemm", ["h2", "w3", "b3"], ["y"]),
    ]
    return model_of(nodes, arrays, ["n", 1, 8, 8], ["n", 8])


def model_of(
    nodes: list[onnx.NodeProto],
    arrays: dict[str, np.ndarray],
    takes: list[object],
    gives: list[object],
) -> onnx.ModelProto:
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, takes)],
        [helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, gives)],
        [numpy_helper.from_array(np.ascontiguousarray(a), n) for n, a in arrays.items()],
    )
    opsets = [helper.make_opsetid("", 17)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def accuracy(model: onnx.ModelProto, x: np.ndarray, y: np.ndarray) -> float:
    """Percent of samples that the graph gets right, by the reference implementation."""
    (logits,) = ReferenceEvaluator(model).run(None, {"x": x})
    return float((logits.argmax(1) == y).mean()) * 100
