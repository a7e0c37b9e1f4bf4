"""Low-rank factorization of ONNX graphs: one node becomes two thinner ones (low_rank.py)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from pauca.errors import UnsupportedError
from pauca.nn.passes.coded import skipped
from pauca.nn.passes.interface import NO_CONTEXT, Context
from pauca.nn.passes.low_rank import (
    Floats,
    Split,
    channel_split,
    linear_split,
    spatial_split,
    thinner,
)
from pauca.nn.passes.onnx_graph import matrices, onnx_package
from pauca.nn.passes.options import LowRankOptions


@dataclass(frozen=True)
class _Pair:
    # Two nodes, and the arrays of their weights by name.
    nodes: tuple[Any, Any]
    arrays: dict[str, Floats]


def factorize(model: Any, options: LowRankOptions, context: Context = NO_CONTEXT) -> Any:
    """Return a copy with products and convolutions factorized; the caller's `train` is for torch.

    Weights that several nodes share, grouped convolutions and products of more than two dimensions
    stay. `UnsupportedError` if no node would cost less.
    """
    onnx = onnx_package()
    weights = {m.name: m.values for m in matrices(model) if not skipped(m.name, options.skip)}
    uses = Counter(name for node in model.graph.node for name in node.input)
    out = onnx.ModelProto()
    out.CopyFrom(model)
    nodes: list[Any] = []
    arrays: dict[str, Floats] = {}
    for node in model.graph.node:
        name = node.input[1] if len(node.input) > 1 else ""
        pair = None
        if name in weights and uses[name] == 1:
            pair = thinner(_splits(node, weights[name], options), options)
        nodes += [node] if pair is None else pair.nodes
        arrays |= {} if pair is None else pair.arrays
    if not arrays:
        raise UnsupportedError("no layer gets cheaper by factorization with these options")
    _rebuild(out.graph, nodes, arrays, onnx)
    return out


def _rebuild(graph: Any, nodes: list[Any], arrays: dict[str, Floats], onnx: Any) -> None:
    used = {name for node in nodes for name in node.input}
    gone = {t.name for t in graph.initializer if t.name not in used}
    kept = [t for t in graph.initializer if t.name in used]
    new = [onnx.numpy_helper.from_array(np.ascontiguousarray(a), n) for n, a in arrays.items()]
    inputs = [value for value in graph.input if value.name not in gone]  # older models list them
    for field, items in (("initializer", kept + new), ("node", nodes), ("input", inputs)):
        graph.ClearField(field)
        getattr(graph, field).extend(items)


def _splits(node: Any, weight: Floats, options: LowRankOptions) -> list[Split[_Pair]]:
    facts = {a.name: onnx_package().helper.get_attribute_value(a) for a in node.attribute}
    if node.op_type in ("MatMul", "Gemm"):
        if weight.ndim != 2 or facts.get("transA"):
            return []
        rows = weight if facts.get("transB") else weight.T
        return [linear_split(np.ascontiguousarray(rows), _product(node, facts))]
    plain = facts.get("group", 1) == 1 and facts.get("auto_pad", b"NOTSET") == b"NOTSET"
    if node.op_type != "Conv" or not plain:
        return []
    splits = [channel_split(weight, _channel(node, facts))] if options.split != "spatial" else []
    if options.split != "channel" and weight.ndim == 4 and min(weight.shape[2:]) > 1:
        stride = facts.get("strides", (1, 1))[1]
        splits.append(spatial_split(weight, stride, _spatial(node, facts)))
    return splits


def _product(node: Any, facts: dict[str, Any]) -> Callable[[Floats, Floats], _Pair]:
    kept = {key: value for key, value in facts.items() if key in ("alpha", "beta")}

    def build(left: Floats, right: Floats) -> _Pair:
        return _pair(node, ("MatMul", {}, right.T), (node.op_type, kept, left.T))

    return build


def _channel(node: Any, facts: dict[str, Any]) -> Callable[[Floats, Floats], _Pair]:
    def build(left: Floats, right: Floats) -> _Pair:
        return _pair(node, ("Conv", facts, right), ("Conv", {}, left))

    return build


def _spatial(node: Any, facts: dict[str, Any]) -> Callable[[Floats, Floats], _Pair]:
    steps, holes = facts.get("strides", (1, 1)), facts.get("dilations", (1, 1))
    top, left_pad, bottom, right_pad = facts.get("pads", (0, 0, 0, 0))
    down = {"strides": (steps[0], 1), "dilations": (holes[0], 1), "pads": (top, 0, bottom, 0)}
    across = {
        "strides": (1, steps[1]), "dilations": (1, holes[1]), "pads": (0, left_pad, 0, right_pad),
    }  # fmt: skip

    def build(left: Floats, right: Floats) -> _Pair:
        return _pair(node, ("Conv", down, right), ("Conv", across, left))

    return build


def _pair(
    node: Any, first: tuple[str, dict[str, Any], Floats], second: tuple[str, dict[str, Any], Floats]
) -> _Pair:
    # The bias, if there is one, belongs to the second node.
    make = onnx_package().helper.make_node
    name = node.input[1]
    between, down, up = (f"{name}/{part}" for part in ("between", "down", "up"))
    attributes = {k: v for k, v in first[1].items() if k != "kernel_shape"}
    nodes = (
        make(first[0], [node.input[0], down], [between], f"{node.name or name}/down", **attributes),
        make(
            second[0], [between, up, *node.input[2:]], list(node.output),
            f"{node.name or name}/up", **second[1],
        ),
    )  # fmt: skip
    return _Pair(nodes, {down: first[2], up: second[2]})
