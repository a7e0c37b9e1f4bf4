"""Which channels of a network belong together: cut one, and all of its group must go.

A walk over the graph that torch.fx traces. Every tensor has a space of channels: segments of
groups, each channel repeated where a picture was flattened. Convolutions and linear layers start a
new group; normalizations, activations, poolings and depthwise convolutions keep it; sums join
groups; concatenations line them up. Whatever is not known keeps all of its channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from pauca.errors import UnsupportedError
from pauca.nn.passes.cost_torch import arguments, copied

ELEMENTWISE_MODULES = (
    nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Hardtanh,
    nn.Hardsigmoid, nn.Sigmoid, nn.Tanh, nn.Softplus, nn.Dropout, nn.Dropout1d, nn.Dropout2d,
    nn.Identity,
)  # fmt: skip
SPATIAL_MODULES = (
    nn.MaxPool1d, nn.MaxPool2d, nn.AvgPool1d, nn.AvgPool2d, nn.AdaptiveAvgPool1d,
    nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.Upsample,
)  # fmt: skip
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d)
ELEMENTWISE = {
    "relu", "relu_", "relu6", "leaky_relu", "elu", "gelu", "silu", "mish", "hardswish", "hardtanh",
    "hardsigmoid", "sigmoid", "tanh", "softplus", "dropout", "dropout2d", "clamp", "contiguous",
    "abs", "neg", "clone",
}  # fmt: skip
SPATIAL = {
    "max_pool1d", "max_pool2d", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d",
    "adaptive_avg_pool2d", "adaptive_max_pool2d", "interpolate", "boolean_dispatch",
}  # fmt: skip
BINARY = {"add", "add_", "iadd", "sub", "mul", "mul_", "imul", "truediv", "div", "maximum"}


@dataclass(frozen=True)
class Space:
    """Channels of a tensor along `axis`: (group, how often each of its channels repeats)."""

    segments: tuple[tuple[int, int], ...]
    axis: int = 1


@dataclass(frozen=True)
class Use:
    """A layer's tie to a space: its outputs ("out"), inputs ("in"), or both as one ("each")."""

    layer: str
    role: str
    space: Space


@dataclass
class Groups:
    """Sizes of the groups, which ones are joined, and which must keep every channel."""

    sizes: list[int] = field(default_factory=list)
    fixed: set[int] = field(default_factory=set)
    uses: list[Use] = field(default_factory=list)
    _parent: list[int] = field(default_factory=list)

    def new(self, size: int, fixed: bool = False) -> Space:
        """Return a space of one new group."""
        self._parent.append(len(self.sizes))
        self.sizes.append(size)
        if fixed:
            self.fixed.add(len(self.sizes) - 1)
        return Space(((len(self.sizes) - 1, 1),))

    def root(self, group: int) -> int:
        """Return the group that stands for all that are joined with `group`."""
        while self._parent[group] != group:
            group = self._parent[group]
        return group

    def fix(self, *spaces: Space | None) -> None:
        """Keep all channels of these spaces."""
        for space in spaces:
            self.fixed.update(self.root(g) for g, _ in (space.segments if space else ()))

    def width(self, space: Space) -> int:
        """Return the channels of a space."""
        return sum(self.sizes[group] * repeat for group, repeat in space.segments)

    def join(self, a: Space, b: Space) -> Space:
        """Make channel i of both spaces one; spaces built differently keep all channels."""
        shapes = [[(self.sizes[g], r) for g, r in space.segments] for space in (a, b)]
        if shapes[0] != shapes[1] or a.axis != b.axis:
            self.fix(a, b)
            return a
        for (first, _), (second, _) in zip(a.segments, b.segments, strict=True):
            one, other = self.root(first), self.root(second)
            self._parent[other] = one
            if other in self.fixed:
                self.fixed.add(one)
        return a


def trace_groups(module: nn.Module, example: Any) -> Groups:
    """Return the groups of a module; `UnsupportedError` in one line where it cannot be traced."""
    plain = copied(module).eval()
    try:
        traced = fx.symbolic_trace(plain)
        ShapeProp(traced).propagate(*arguments(example))
    except UnsupportedError:
        raise
    except Exception as error:  # whatever a foreign forward does when traced
        line = str(error).strip().split("\n")[0]
        raise UnsupportedError(f"torch.fx cannot trace this module: {line}") from error
    return _Walk(traced).groups


class _Walk:
    def __init__(self, traced: fx.GraphModule) -> None:
        self.traced = traced
        self.groups = Groups()
        self.spaces: dict[fx.Node, Space | None] = {}
        self.seen: dict[str, tuple[Space | None, Space | None]] = {}
        self.tied = _tied(traced)
        for node in traced.graph.nodes:
            self.spaces[node] = self._space(node)

    def _space(self, node: fx.Node) -> Space | None:
        shape = _shape(node)
        inputs = [self.spaces[n] for n in node.all_input_nodes]
        if node.op == "output":
            self.groups.fix(*inputs)
            return None
        if shape is None:  # sizes and other numbers
            return None
        if node.op == "placeholder":
            return self.groups.new(shape[1], fixed=True) if len(shape) > 1 else None
        found: Space | None = None
        if node.op == "call_module":
            found = self._module(str(node.target), inputs[0] if inputs else None, shape)
        elif node.op in ("call_function", "call_method"):
            found = self._function(node, shape)
        if found is None:
            self.groups.fix(*inputs)
        return found

    def _module(self, name: str, x: Space | None, shape: tuple[int, ...]) -> Space | None:
        layer = self.traced.get_submodule(name)
        if name in self.seen:  # called again: both calls see the same weights
            before, out = self.seen[name]
            if x is not None and before is not None:
                self.groups.join(before, x)
            return out
        out = self._layer(name, layer, x, shape)
        self.seen[name] = (x, out)
        return out

    def _layer(
        self, name: str, layer: nn.Module, x: Space | None, shape: tuple[int, ...]
    ) -> Space | None:
        if isinstance(layer, ELEMENTWISE_MODULES):
            return x
        if name in self.tied:
            return None
        if isinstance(layer, nn.Linear):
            return self._producer(name, x, layer.out_features, len(shape) - 1)
        if isinstance(layer, nn.Conv1d | nn.Conv2d) and layer.groups == 1:
            return self._producer(name, x, layer.out_channels, 1)
        if x is None:
            return None
        if isinstance(layer, SPATIAL_MODULES):
            return x if x.axis == 1 else None
        if isinstance(layer, nn.Flatten):
            return self._flattened(x, shape) if layer.start_dim == 1 else None
        if isinstance(layer, NORMS) or (isinstance(layer, nn.PReLU) and layer.num_parameters > 1):
            return self._each(name, x) if x.axis == 1 else None
        if isinstance(layer, nn.PReLU):
            return x
        if isinstance(layer, nn.Conv1d | nn.Conv2d) and x.axis == 1:
            if layer.groups == layer.in_channels == layer.out_channels:
                return self._each(name, x)
        return None

    def _each(self, name: str, x: Space) -> Space:
        self.groups.uses.append(Use(name, "each", x))
        return x

    def _producer(self, name: str, x: Space | None, outputs: int, axis: int) -> Space:
        out = Space(self.groups.new(outputs).segments, axis)
        self.groups.uses.append(Use(name, "out", out))
        if x is not None and x.axis == axis:
            self.groups.uses.append(Use(name, "in", x))
        else:  # the inputs are not channels, or nobody knows whose
            self.groups.fix(x)
        return out

    def _function(self, node: fx.Node, shape: tuple[int, ...]) -> Space | None:
        target = node.target if isinstance(node.target, str) else node.target.__name__
        if target == "cat":
            return self._concatenated(node)
        if target in BINARY:
            return self._sum(node)
        x = (
            self.spaces.get(node.args[0])
            if node.args and isinstance(node.args[0], fx.Node)
            else None
        )
        if x is None or target in ELEMENTWISE:
            return x
        if target in SPATIAL:
            return x if x.axis == 1 else None
        if target == "flatten":
            start = node.args[1] if len(node.args) > 1 else node.kwargs.get("start_dim", 0)
            return self._flattened(x, shape) if start == 1 else None
        if target in ("view", "reshape"):
            # A size that is written out would be wrong once channels are gone.
            return self._flattened(x, shape) if node.args[-1] == -1 and len(shape) == 2 else None
        if target == "mean":
            return x if x.axis == 1 and _spatial_mean(node) else None
        return None

    def _flattened(self, x: Space, shape: tuple[int, ...]) -> Space | None:
        before = self.groups.width(x)
        if x.axis != 1 or len(shape) != 2 or shape[1] % before:
            return None
        times = shape[1] // before
        return Space(tuple((group, repeat * times) for group, repeat in x.segments))

    def _sum(self, node: fx.Node) -> Space | None:
        nodes = [n for n in node.args if isinstance(n, fx.Node) and _shape(n) is not None]
        found = [self.spaces[n] for n in nodes]
        if len(nodes) == 1:  # with a number
            return found[0]
        a, b = found
        if a is None or b is None or len(_shape(nodes[0]) or ()) != len(_shape(nodes[1]) or ()):
            return None
        if self.groups.width(a) != self.groups.width(b):  # one of them is broadcast
            narrow, wide = sorted((a, b), key=self.groups.width)
            self.groups.fix(narrow)
            return wide
        return self.groups.join(a, b)

    def _concatenated(self, node: fx.Node) -> Space | None:
        parts = node.args[0]
        if not isinstance(parts, list | tuple):
            return None
        spaces = [self.spaces[n] for n in parts if isinstance(n, fx.Node)]
        axis = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim", 0)
        known = [space for space in spaces if space is not None]
        if len(known) != len(parts) or any(space.axis != axis for space in known):
            return None
        return Space(tuple(segment for space in known for segment in space.segments), known[0].axis)


def _shape(node: fx.Node) -> tuple[int, ...] | None:
    meta: Any = node.meta.get("tensor_meta")
    return tuple(meta.shape) if hasattr(meta, "shape") else None


def _spatial_mean(node: fx.Node) -> bool:
    dims = node.args[1] if len(node.args) > 1 else node.kwargs.get("dim")
    shape = _shape(node.all_input_nodes[0]) or ()
    wanted: Iterable[Any] = dims if isinstance(dims, list | tuple) else [dims]
    return all(isinstance(d, int) and d % len(shape) > 1 for d in wanted)


def _tied(module: nn.Module) -> set[str]:
    """Return the layers whose parameters another layer has too."""
    owners: dict[int, list[str]] = {}
    for name, layer in module.named_modules():
        for parameter in layer.parameters(recurse=False):
            owners.setdefault(id(parameter), []).append(name)
    return {name for names in owners.values() if len(names) > 1 for name in names}


def kept_index(groups: Groups, space: Space, kept: dict[int, torch.Tensor]) -> torch.Tensor:
    """Return which channels of a space stay, (n,) int64; `kept` holds those of each root group."""
    parts, start = [], 0
    for group, repeat in space.segments:
        chosen = kept.get(groups.root(group))
        size = groups.sizes[group]
        index = torch.arange(size) if chosen is None else chosen
        parts.append(start + (index[:, None] * repeat + torch.arange(repeat)).reshape(-1))
        start += size * repeat
    return torch.cat(parts)
