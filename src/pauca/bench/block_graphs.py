"""The light structures of the literature as ONNX graphs, (1, C, S, S) in and out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pauca.nn.passes.onnx_graph import onnx_package

OPSET = 17


@dataclass
class _Graph:
    """Nodes and weights as they are added; every method returns the name of its output."""

    channels: int
    nodes: list[Any] = field(default_factory=list)
    weights: list[Any] = field(default_factory=list)
    draw: np.random.Generator = field(default_factory=lambda: np.random.default_rng(0))

    def _node(self, kind: str, inputs: list[str], **attributes: Any) -> str:
        out = f"t{len(self.nodes)}"
        self.nodes.append(onnx_package().helper.make_node(kind, inputs, [out], **attributes))
        return out

    def _weight(self, value: np.ndarray[Any, Any]) -> str:
        name = f"w{len(self.weights)}"
        self.weights.append(onnx_package().numpy_helper.from_array(value, name))
        return name

    def conv(self, x: str, inputs: int, outputs: int, size: int, groups: int = 1) -> str:
        shape = (outputs, inputs // groups, size, size)
        scale = (inputs // groups * size * size) ** -0.5
        w = self._weight((self.draw.normal(size=shape) * scale).astype(np.float32))
        b = self._weight(np.zeros(outputs, np.float32))
        pads = [size // 2] * 4
        return self._node("Conv", [x, w, b], pads=pads, group=groups)

    def relu(self, x: str) -> str:
        return self._node("Relu", [x])

    def add(self, x: str, y: str) -> str:
        return self._node("Add", [x, y])

    def cat(self, x: str, y: str) -> str:
        return self._node("Concat", [x, y], axis=1)

    def split(self, x: str) -> tuple[str, str]:
        out = [f"t{len(self.nodes)}", f"t{len(self.nodes)}b"]
        self.nodes.append(onnx_package().helper.make_node("Split", [x], out, axis=1))
        return out[0], out[1]

    def shuffle(self, x: str, channels: int, groups: int, size: int) -> str:
        split, whole = (groups, channels // groups, size, size), (1, channels, size, size)
        first = self._weight(np.array((1, *split), np.int64))
        turned = self._node("Transpose", [self._node("Reshape", [x, first])], perm=[0, 2, 1, 3, 4])
        return self._node("Reshape", [turned, self._weight(np.array(whole, np.int64))])


@dataclass(frozen=True)
class Block:
    """A structure: the paper it is from, and what adds it to a graph of (1, C, size, size)."""

    source: str
    add: Callable[[_Graph, int], str]


def _plain(kernel: int, groups: Callable[[int], int] = lambda c: 1) -> Callable[[_Graph, int], str]:
    def add(g: _Graph, size: int) -> str:
        return g.relu(g.conv("x", g.channels, g.channels, kernel, groups(g.channels)))

    return add


def _fire(g: _Graph, size: int) -> str:
    """Squeeze to an eighth, then 1x1 and 3x3 of half the channels each (section 3.2)."""
    c, s = g.channels, g.channels // 8
    x = g.relu(g.conv("x", c, s, 1))
    return g.cat(g.relu(g.conv(x, s, c // 2, 1)), g.relu(g.conv(x, s, c // 2, 3)))


def _mobile_v1(g: _Graph, size: int) -> str:
    c = g.channels
    return g.relu(g.conv(g.relu(g.conv("x", c, c, 3, c)), c, c, 1))


def _mobile_v2(g: _Graph, size: int) -> str:
    """Expansion by 6, depthwise, linear projection, sum."""
    c, wide = g.channels, 6 * g.channels
    x = g.relu(g.conv("x", c, wide, 1))
    return g.add("x", g.conv(g.relu(g.conv(x, wide, wide, 3, wide)), wide, c, 1))


def _shuffle_v1(g: _Graph, size: int) -> str:
    """Grouped 1x1 to a quarter, shuffle, depthwise, grouped 1x1, sum; 4 groups (figure 2b)."""
    c, narrow = g.channels, g.channels // 4
    x = g.shuffle(g.relu(g.conv("x", c, narrow, 1, 4)), narrow, 4, size)
    return g.relu(g.add("x", g.conv(g.conv(x, narrow, narrow, 3, narrow), narrow, c, 1, 4)))


def _shuffle_v2(g: _Graph, size: int) -> str:
    """Half of the channels pass; the other half: 1x1, depthwise, 1x1; shuffle (figure 3c)."""
    half = g.channels // 2
    kept, x = g.split("x")
    x = g.conv(g.relu(g.conv(x, half, half, 1)), half, half, 3, half)
    return g.shuffle(g.cat(kept, g.relu(g.conv(x, half, half, 1))), g.channels, 2, size)


BLOCKS = {
    "conv3x3": Block("plain", _plain(3)),
    "conv5x5": Block("plain", _plain(5)),
    "pointwise": Block("1x1", _plain(1)),
    "depthwise": Block("3x3", _plain(3, lambda c: c)),
    "group4": Block("3x3 in 4 groups", _plain(3, lambda c: 4)),
    "fire": Block("SqueezeNet, arXiv:1602.07360", _fire),
    "mobilenet-v1": Block("arXiv:1704.04861", _mobile_v1),
    "mobilenet-v2": Block("arXiv:1801.04381, expansion 6", _mobile_v2),
    "shufflenet-v1": Block("arXiv:1707.01083, 4 groups", _shuffle_v1),
    "shufflenet-v2": Block("arXiv:1807.11164", _shuffle_v2),
}


def build_block(name: str, channels: int, size: int) -> Any:
    """Return the ONNX model of a block; REQUIRES: channels a multiple of 16."""
    helper = onnx_package().helper
    graph = _Graph(channels)
    out = BLOCKS[name].add(graph, size)
    shape = [1, channels, size, size]
    values = [helper.make_tensor_value_info(n, 1, shape) for n in ("x", out)]
    made = helper.make_graph(graph.nodes, name, values[:1], values[1:], graph.weights)
    opset = [helper.make_opsetid("", OPSET)]
    return helper.make_model(made, opset_imports=opset, ir_version=8)
