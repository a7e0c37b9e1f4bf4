"""A super-resolution pack in memory: one integer network and the geometry around it."""

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

FAITHFUL, NATURAL = "faithful", "natural"  # looks: true, or with texture that is invented
GEOMETRY = ("scale", "fold", "margin", "planes")


@dataclass(frozen=True)
class SrPack:
    """All that upscaling needs; `runtimes` caches what is built from it.

    A cell of `fold` x `fold` input pixels becomes `fold * scale` squared output pixels, from a
    window that reaches `margin` pixels further, for each of `planes` planes.
    """

    info: PackInfo
    layers: dict[str, Layer]
    program: Program
    scale: int
    fold: int
    margin: int
    planes: int
    look: str = FAITHFUL
    runtimes: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def halo(self) -> int:
        """Input pixels around a tile that its output depends on."""
        depth = sum(self.layers[s.layer].depthwise for s in self.program.steps if s.layer)
        return max(self.margin + depth * self.fold, 2)

    @property
    def macs(self) -> float:
        """Multiply-accumulates for each input pixel, counted from the layers."""
        used = [self.layers[step.layer] for step in self.program.steps if step.layer]
        return sum(layer.weight.size for layer in used) / self.fold**2

    @property
    def parameters(self) -> int:
        """Weights and biases of all layers."""
        return sum(layer.weight.size + layer.bias.size for layer in self.layers.values())


def load_sr_pack(folder: Path) -> SrPack:
    """Read and check a super-resolution pack; PackError with the reason otherwise."""
    info, manifest = read_manifest(folder)
    if info.domain != "sr":
        raise PackError(f"pack {info.name} is for {info.domain}, not for super-resolution")
    scale, fold, margin, planes = (geometry_number(manifest, key) for key in GEOMETRY)
    if scale not in (2, 4) or fold not in (1, 2, 4) or not 0 <= margin <= 8 or planes not in (1, 3):
        raise PackError(f"pack {info.name}: a geometry that this version does not know")
    program = program_from_json(manifest.get("program"))
    layers = layers_from_arrays(read_arrays(info, manifest))
    window = planes * (fold + 2 * margin) ** 2
    if [c for _, c in program.inputs] != [window] or len(program.outputs) != 1:
        raise PackError(f"pack {info.name}: the network does not fit its geometry")
    last = layers.get(program.steps[-1].layer) if program.steps else None
    if last is None or last.weight.shape[0] != planes * (fold * scale) ** 2:
        raise PackError(f"pack {info.name}: the network's output does not fit its geometry")
    look = manifest.get("look", FAITHFUL)
    if look not in (FAITHFUL, NATURAL):
        raise PackError(f"pack {info.name}: a look that this version does not know")
    return SrPack(info, layers, program, scale, fold, margin, planes, look)


def natural_scale(folder: Path) -> int:
    """The scale that a pack is the natural look of; 0 if it is none."""
    info, manifest = read_manifest(folder)
    natural = info.domain == "sr" and manifest.get("look") == NATURAL
    return geometry_number(manifest, "scale") if natural else 0
