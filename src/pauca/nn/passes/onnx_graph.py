"""ONNX models as passes see them: matrices of layers, multiply-accumulates, and cost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.errors import InputError, MissingExtraError
from pauca.limits import Limits
from pauca.nn.model import read_network
from pauca.nn.passes.coded import coded_bytes, nonzero_share
from pauca.nn.passes.interface import Cost

Array = NDArray[Any]
RECURRENT = {"LSTM": 4, "GRU": 3, "RNN": 1}  # gates


@dataclass(frozen=True)
class Matrix:
    """A layer's weights in an ONNX graph: the initializer's name, its values and use.

    `rows` turns the values so that the last axis runs along the inputs; `back` undoes it.
    """

    name: str
    values: Array
    rows: Callable[[Array], Array]
    back: Callable[[Array], Array]


def load_model(source: str | bytes) -> Any:
    """Return the ONNX model in a file or in bytes; `InputError` if it is none."""
    onnx = onnx_package()
    try:
        if isinstance(source, bytes):
            return onnx.load_from_string(source)
        return onnx.load(str(source))
    except OSError as error:
        raise InputError(f"cannot read {source!r}: {error.strerror}") from error
    except Exception as error:  # a parser of foreign bytes: any exception means bad bytes
        raise InputError(f"not an ONNX model: {error}") from error


def onnx_package() -> Any:
    """Return the package onnx, or `MissingExtraError`."""
    try:
        import onnx
    except ImportError as error:
        raise MissingExtraError("passes over ONNX need onnx: pip install pauca[train]") from error
    return onnx


def matrices(model: Any) -> list[Matrix]:
    """Return the float32 weights of convolutions, products and recurrent layers, in their order."""
    numpy_helper = onnx_package().numpy_helper
    tensors = {t.name: t for t in model.graph.initializer}
    found: dict[str, Matrix] = {}
    for node in model.graph.node:
        for name, rows, back in _weights_of(node):
            if name in tensors and name not in found:
                values = numpy_helper.to_array(tensors[name])
                if values.dtype == np.float32 and values.ndim >= 2:
                    found[name] = Matrix(name, values, rows, back)
    return list(found.values())


def _weights_of(
    node: Any,
) -> list[tuple[str, Callable[[Array], Array], Callable[[Array], Array]]]:
    if node.op_type == "Conv":
        return [(node.input[1], lambda w: np.moveaxis(w, 1, -1), lambda w: np.moveaxis(w, -1, 1))]
    if node.op_type == "MatMul":
        return [(node.input[1], _swapped, _swapped)]
    if node.op_type == "Gemm":
        turn = _same if _attribute(node, "transB", 0) else _swapped
        return [(node.input[1], turn, turn)]
    if node.op_type in RECURRENT:
        return [(name, _same, _same) for name in node.input[1:3]]
    return []


def _swapped(array: Array) -> Array:
    return np.swapaxes(array, -1, -2)


def _same(array: Array) -> Array:
    return array


def _attribute(node: Any, name: str, default: int) -> int:
    return next((int(a.i) for a in node.attribute if a.name == name), default)


def with_values(model: Any, values: Mapping[str, Array]) -> Any:
    """Return a copy of `model` with `values` in the initializers of those names."""
    onnx = onnx_package()
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for tensor in copy.graph.initializer:
        if tensor.name in values:
            array = np.ascontiguousarray(values[tensor.name], dtype=np.float32)
            tensor.CopyFrom(onnx.numpy_helper.from_array(array, tensor.name))
    return copy


def count_macs(model: Any, shapes: Mapping[str, Sequence[int]]) -> int | None:
    """Return the multiply-accumulates of convolutions, products and recurrent layers.

    `shapes` are those of the inputs, by name. None if a shape inside the graph stays unknown.
    """
    onnx = onnx_package()
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    for value in copy.graph.input:
        if value.name in shapes:
            dims = value.type.tensor_type.shape.dim
            if len(dims) != len(shapes[value.name]):
                raise InputError(f"input {value.name!r} has {len(dims)} dimensions")
            for dim, size in zip(dims, shapes[value.name], strict=True):
                dim.dim_value = size
    graph = onnx.shape_inference.infer_shapes(copy, data_prop=True).graph
    known: dict[str, Sequence[int]] = {t.name: list(t.dims) for t in graph.initializer}
    for value in [*graph.input, *graph.value_info, *graph.output]:
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField("dim_value") for dim in dims):
            known[value.name] = [dim.dim_value for dim in dims]
    total = 0
    for node in graph.node:
        try:
            total += _node_macs(node, known)
        except KeyError:
            return None
    return total


def _node_macs(node: Any, known: Mapping[str, Sequence[int]]) -> int:
    kind = node.op_type
    if kind in ("Conv", "ConvInteger", "QLinearConv", "FusedConv"):
        weight = known[node.input[3 if kind == "QLinearConv" else 1]]
        out = known[node.output[0]]
        return math.prod(weight) * out[0] * math.prod(out[2:])
    if kind in ("MatMul", "Gemm", "MatMulInteger"):
        depth = known[node.input[0]][-2 if _attribute(node, "transA", 0) else -1]
        return math.prod(known[node.output[0]]) * depth
    if kind in RECURRENT or kind == "DynamicQuantizeLSTM":
        steps = math.prod(known[node.input[0]][:2])
        return steps * sum(math.prod(known[name]) for name in node.input[1:3])
    return 0


def input_names(model: Any) -> list[str]:
    """Return the names of a graph's inputs; older models list their constants among them."""
    constants = {tensor.name for tensor in model.graph.initializer}
    return [value.name for value in model.graph.input if value.name not in constants]


def shapes_of(model: Any, example: Any) -> dict[str, tuple[int, ...]]:
    """Return the shapes of an example by name of the input: a dict of arrays, or in their order."""
    if not isinstance(example, Mapping):
        parts = example if isinstance(example, tuple | list) else (example,)
        names = input_names(model)
        if len(parts) != len(names):
            raise InputError(f"the model has {len(names)} inputs, the example {len(parts)}")
        example = dict(zip(names, parts, strict=True))
    return {name: tuple(array.shape) for name, array in example.items()}


def cost(model: Any, example: Any) -> Cost:
    """What a model costs; `example` holds one run's inputs."""
    data = model.SerializeToString()
    network = read_network(data, Limits())
    return Cost(
        len(data),
        coded_bytes(network),
        sum(math.prod(t.dims) for t in model.graph.initializer),
        nonzero_share({m.name: m.values for m in matrices(model)}),
        None if example is None else count_macs(model, shapes_of(model, example)),
    )


def latency(feeds: Mapping[str, Array], seconds: float = 0.5) -> Callable[[Any], float]:
    """Return a function that gives a model's best milliseconds for `feeds` on one thread.

    It is the processor's time, which other programs do not change.
    """
    from pauca.nn.passes.timing import best_ms
    from pauca.pack.runtime import float_session

    def measure(model: Any) -> float:
        session = float_session(model.SerializeToString(), 1)
        return best_ms(lambda: session.run(None, dict(feeds)), seconds, time.process_time)

    return measure
