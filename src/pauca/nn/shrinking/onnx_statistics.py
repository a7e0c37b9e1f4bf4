"""What samples tell of the layers of an ONNX graph: moments of inputs, worth of outputs.

Without gradients, the worth of a layer's outputs is measured: its weights are shaken a little, and
what arrives at the graph's outputs is set against what left the layer. Losses are then shares of
the power of the graph's outputs, the same unit for every layer, as second order wants them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from pauca.nn.passes.onnx_graph import RECURRENT, onnx_package, with_values
from pauca.nn.quantize.second_order import Layer
from pauca.nn.sensitivity import LayerStatistics
from pauca.nn.shrinking.coding import Known

Floats = NDArray[np.float64]
Feeds = Sequence[Mapping[str, NDArray[Any]]]
MAX_INPUTS = 8192  # of a layer: its moments are a matrix of this side
MAX_TABLE = 4096
ROWS = 20_000  # positions of a convolution that are looked at, of all samples
SHAKE = 0.02  # of the root mean square of the weights


@dataclass(frozen=True)
class _Place:
    """A layer's weight: where its inputs are seen, and how they are to be read."""

    name: str
    kind: str  # product, conv, recurrent, hidden, table
    seen: str
    turned: bool
    attributes: Mapping[str, Any]


def known_of(model: Any, feeds: Feeds) -> list[Known]:
    """Return what is known of the float32 layers of `model` whose inputs can be looked at."""
    values = _values(model)
    places = [p for p in _places(model) if p.name in values and _fits(p, values[p.name])]
    if not places:
        return []
    runner = _Runner(model, feeds)
    seen = runner.seen({place.seen for place in places})
    moments = {p.name: _moments(p, values[p.name], seen[p.seen]) for p in places}
    outputs = runner.outputs(model)
    power = _power(outputs)
    draw = np.random.default_rng(0)
    found = []
    for p in places:
        weight = values[p.name]
        noise = draw.standard_normal(weight.shape) * SHAKE * _rms(weight)
        shaken = runner.outputs(with_values(model, {p.name: (weight + noise).astype(np.float32)}))
        sent = _sent(_matrix(p, noise), moments[p.name])
        arrived = float(sum(np.square(a - b).sum() for a, b in zip(shaken, outputs, strict=True)))
        arrived /= runner.count
        worth = max(arrived / (power * sent), 1e-12) if sent > 0 else 1e-12
        count = len(_matrix(p, weight))
        statistics = LayerStatistics(moments[p.name], np.full(count, worth), None, False)
        found.append(Known(Layer(p.name), statistics, p.turned))
    return found


def tables_of(model: Any) -> dict[str, str]:
    """Return the float tables that are gathered from, and the names of their indexes."""
    values = _values(model)
    return {
        node.input[0]: node.input[1]
        for node in model.graph.node
        if node.op_type == "Gather" and node.input[0] in values and values[node.input[0]].ndim == 2
    }


def _values(model: Any) -> dict[str, NDArray[np.float32]]:
    onnx = onnx_package()
    return {
        t.name: onnx.numpy_helper.to_array(t)
        for t in model.graph.initializer
        if t.data_type == onnx.TensorProto.FLOAT and len(t.dims) >= 2
    }


def _places(model: Any) -> list[_Place]:
    found: dict[str, _Place] = {}
    for node in model.graph.node:
        attributes = {a.name: onnx_package().helper.get_attribute_value(a) for a in node.attribute}
        for place in _of_node(node, attributes):
            found.setdefault(place.name, place)
    return list(found.values())


def _of_node(node: Any, attributes: Mapping[str, Any]) -> list[_Place]:
    kind, inputs = node.op_type, node.input
    if kind == "Conv":
        return [_Place(inputs[1], "conv", inputs[0], False, attributes)]
    if kind == "MatMul" or (kind == "Gemm" and not attributes.get("transA", 0)):
        turned = not attributes.get("transB", 0)
        return [_Place(inputs[1], "product", inputs[0], turned, attributes)]
    if kind == "Gather" and attributes.get("axis", 0) == 0:
        return [_Place(inputs[0], "table", inputs[1], True, attributes)]
    if kind in RECURRENT and attributes.get("layout", 0) == 0:
        places = [_Place(inputs[1], "recurrent", inputs[0], False, attributes)]
        if node.output[0]:
            places.append(_Place(inputs[2], "hidden", node.output[0], False, attributes))
        return places
    return []


def _fits(place: _Place, weight: NDArray[np.float32]) -> bool:
    if place.kind == "table":
        return weight.ndim == 2 and len(weight) <= MAX_TABLE
    if place.kind == "product":
        return weight.ndim == 2 and max(weight.shape) <= MAX_INPUTS
    if place.kind == "conv":
        named = place.attributes.get("auto_pad", b"NOTSET") not in (b"NOTSET", "NOTSET")
        return not named and math.prod(weight.shape[1:]) <= MAX_INPUTS
    return weight.ndim == 3 and weight.shape[2] <= MAX_INPUTS


def _matrix(place: _Place, weight: NDArray[Any]) -> Floats:
    """Return a weight as (outputs, inputs), groups and directions one under the other."""
    if place.turned:
        return np.asarray(weight, np.float64).T
    if place.kind in ("recurrent", "hidden"):
        return np.asarray(weight, np.float64).reshape(-1, weight.shape[2])
    return np.asarray(weight, np.float64).reshape(len(weight), -1)


class _Runner:
    """Runs graphs over the same feeds."""

    def __init__(self, model: Any, feeds: Feeds) -> None:
        self.model, self.feeds = model, feeds
        self.count = sum(len(next(iter(feed.values()))) for feed in feeds)

    def outputs(self, model: Any) -> list[Floats]:
        """Return the float outputs of the graph, an array a feed and output."""
        return [
            np.asarray(value, np.float64)
            for values in self._run(model)
            for value in values
            if value.dtype.kind == "f"
        ]

    def seen(self, names: set[str]) -> dict[str, list[NDArray[Any]]]:
        """Return values inside the graph, an array a feed; inputs and constants included."""
        onnx = onnx_package()
        constants = {t.name: onnx.numpy_helper.to_array(t) for t in self.model.graph.initializer}
        given = {value.name for value in self.model.graph.input}
        inside = [name for name in sorted(names) if name not in constants and name not in given]
        copy = onnx.ModelProto()
        copy.CopyFrom(self.model)
        outputs = {value.name for value in copy.graph.output}
        for name in inside:
            if name not in outputs:
                copy.graph.output.append(onnx.ValueInfoProto(name=name))
        values = self._run(copy, inside) if inside else [[] for _ in self.feeds]
        found = {name: [run[i] for run in values] for i, name in enumerate(inside)}
        for name in names - found.keys():
            found[name] = [
                constants[name] if name in constants else feed[name] for feed in self.feeds
            ]
        return found

    def _run(self, model: Any, names: list[str] | None = None) -> list[list[NDArray[Any]]]:
        from pauca.pack.runtime import float_session

        session = float_session(model.SerializeToString(), 1)
        return [session.run(names, dict(feed)) for feed in self.feeds]


def _moments(place: _Place, weight: NDArray[np.float32], seen: list[NDArray[Any]]) -> Floats:
    """Return (groups, inputs, inputs): second moments of what the layer's weights meet, a sample's
    positions added up, so that losses are those of whole samples.
    """
    if place.kind == "table":
        counts = np.bincount(
            np.concatenate([a.reshape(-1) for a in seen]).astype(np.int64) % len(weight),
            minlength=len(weight),
        )
        samples = sum(len(a) for a in seen if a.ndim) or 1
        return np.diag(counts.astype(np.float64) / samples)[None]
    if place.kind == "conv":
        return _conv_moments(place, weight, seen)
    if place.kind in ("recurrent", "hidden"):
        return _recurrent_moments(place, weight, seen)
    total = np.zeros((weight.shape[place.turned - 1],) * 2)
    samples = 0
    for x in seen:
        rows = x.reshape(-1, x.shape[-1]).astype(np.float64)
        total += rows.T @ rows
        samples += len(x) if x.ndim > 1 else 1
    return total[None] / samples


def _recurrent_moments(
    place: _Place, weight: NDArray[np.float32], seen: list[NDArray[Any]]
) -> Floats:
    directions, _, inputs = weight.shape
    total, samples = np.zeros((directions, inputs, inputs)), 0
    for x in seen:  # (steps, N, inputs), or states (steps, directions, N, hidden)
        for d in range(directions):
            part = x if place.kind == "recurrent" else x[:, d]
            rows = part.reshape(-1, inputs).astype(np.float64)
            total[d] += rows.T @ rows
        samples += x.shape[-2]
    return total / samples


def _conv_moments(place: _Place, weight: NDArray[np.float32], seen: list[NDArray[Any]]) -> Floats:
    groups = int(place.attributes.get("group", 1))
    kernel = weight.shape[2:]
    dims = len(kernel)
    strides = place.attributes.get("strides", [1] * dims)
    dilations = place.attributes.get("dilations", [1] * dims)
    pads = place.attributes.get("pads", [0] * 2 * dims)
    inputs = math.prod(weight.shape[1:])
    total, samples, rows_seen, positions = np.zeros((groups, inputs, inputs)), 0, 0, 0
    draw = np.random.default_rng(0)
    share = ROWS // max(1, len(seen))
    axes = tuple(range(2, 2 + dims))
    for x in seen:
        x = np.pad(x, [(0, 0), (0, 0), *zip(pads[:dims], pads[dims:], strict=True)])
        spans = [(k - 1) * d + 1 for k, d in zip(kernel, dilations, strict=True)]
        windows = sliding_window_view(x, spans, axes)
        steps = [slice(None, None, s) for s in strides]
        holes = [slice(None, None, d) for d in dilations]
        windows = windows[(slice(None), slice(None), *steps, *holes)]  # (N, C, out.., kernel..)
        windows = np.moveaxis(windows, 1, 1 + dims)  # (N, out.., C, kernel..)
        n, places = len(x), windows.shape[1 : 1 + dims]
        count = n * math.prod(places)
        chosen = np.sort(draw.permutation(count)[:share])
        rows = windows[np.unravel_index(chosen, (n, *places))].astype(np.float64)
        parts = rows.reshape(len(chosen), groups, inputs)
        total += np.einsum("ngi,ngj->gij", parts, parts, optimize=True)
        samples, rows_seen, positions = samples + n, rows_seen + len(chosen), positions + count
    return total * (positions / max(1, rows_seen) / max(1, samples))


def _sent(noise: Floats, moments: Floats) -> float:
    """Return the power that weights off by `noise` put on the layer's outputs, a sample."""
    parts = np.split(noise, len(moments))
    return float(sum(((w @ m) * w).sum() for w, m in zip(parts, moments, strict=True)))


def _power(outputs: list[Floats]) -> float:
    rows = np.concatenate([a.reshape(len(a), -1) if a.ndim else a.reshape(1, 1) for a in outputs])
    return float(np.square(rows - rows.mean(0)).sum(1).mean()) or 1.0


def _rms(array: NDArray[Any]) -> float:
    return float(np.sqrt(np.square(array, dtype=np.float64).mean())) or 1.0
