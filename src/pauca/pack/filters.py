"""A filter pack in memory: one integer network for decoded video, and the geometry around it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pauca.errors import PackError
from pauca.pack.intnet import Layer, Program
from pauca.pack.store import (
    PackInfo,
    geometry_number,
    layers_from_arrays,
    program_from_json,
    read_arrays,
    read_manifest,
)

FOLD = 2  # luma samples a side of a cell; one sample of U, one of V
CODECS = ("h264", "hevc", "av1")
SIDE = 2 * len(CODECS)  # channels that say which codec it was, and how coarse
HEAD = "head"


@dataclass(frozen=True)
class FilterPack:
    """All that filtering needs; `runtimes` caches what is built from it.

    A cell of 2 x 2 coded luma samples, seen with `margin` samples around it, becomes
    `(2 scale)^2` residuals of luma and `scale^2` of U and of V.
    """

    info: PackInfo
    layers: dict[str, Layer]
    program: Program
    scale: int
    margin: int
    runtimes: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def outputs(self) -> tuple[int, int, int]:
        """Residuals of a cell, of Y, U and V."""
        return residuals_of(self.scale)

    @property
    def direct(self) -> int:
        """Inputs of the head that are samples of the windows themselves; they come first."""
        step = self.program.steps[-2]
        seen = step.op == "cat" and step.sources[0] == self.program.inputs[0][0]
        return window_size(self.margin) - SIDE if seen else 0

    @property
    def halo(self) -> int:
        """Coded luma samples around a tile that its output depends on, a multiple of 2."""
        depth = sum(self.layers[s.layer].depthwise for s in self.program.steps if s.layer)
        return self.margin + depth * FOLD + FOLD

    @property
    def macs(self) -> float:
        """Multiply-accumulates for each coded luma sample, counted from the layers."""
        used = [self.layers[step.layer] for step in self.program.steps if step.layer]
        return sum(layer.weight.size for layer in used) / FOLD**2


def residuals_of(scale: int) -> tuple[int, int, int]:
    """Samples of the result that a cell becomes, of Y, U and V."""
    chroma = scale**2
    return FOLD**2 * chroma, chroma, chroma


def window_size(margin: int) -> int:
    """Channels of the network's input: windows of Y, U and V, and side channels."""
    return (FOLD + 2 * margin) ** 2 + 2 * (1 + margin) ** 2 + SIDE


def load_filter_pack(folder: Path) -> FilterPack:
    """Read and check a filter pack; PackError with the reason otherwise."""
    info, manifest = read_manifest(folder)
    if info.domain != "filter":
        raise PackError(f"pack {info.name} is for {info.domain}, not a video filter")
    scale, margin = (geometry_number(manifest, key) for key in ("scale", "margin"))
    if scale not in (1, 2) or margin not in (2, 4):
        raise PackError(f"pack {info.name}: a geometry that this version does not know")
    program = program_from_json(manifest.get("program"))
    layers = layers_from_arrays(read_arrays(info, manifest))
    pack = FilterPack(info, layers, program, scale, margin)
    if [c for _, c in program.inputs] != [window_size(margin)] or program.outputs != (HEAD,):
        raise PackError(f"pack {info.name}: the network does not fit its geometry")
    last = program.steps[-1] if len(program.steps) > 1 else None
    head = layers.get(HEAD)
    if last is None or (last.op, last.out, last.layer) != ("conv", HEAD, HEAD) or head is None:
        raise PackError(f"pack {info.name}: the network does not end in a head")
    if head.depthwise or head.weight.shape[0] != sum(pack.outputs):
        raise PackError(f"pack {info.name}: the network's output does not fit its geometry")
    return pack
