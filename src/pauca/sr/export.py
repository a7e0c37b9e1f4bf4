"""From a training checkpoint to a super-resolution pack."""

from __future__ import annotations

from pathlib import Path

from pauca.nets.export import S8, U8, WIDE, block_steps, integer_layer
from pauca.nets.integer import IntConv
from pauca.pack.intnet import Layer, Program, Step
from pauca.pack.sr import NATURAL
from pauca.pack.store import ARRAYS, PackInfo, layers_to_arrays, program_to_json, write_pack
from pauca.sr.look_torch import SrLook
from pauca.sr.model import SrModel
from pauca.sr.train import load_either, network_of

CLAMPS = {"stem": U8, "depth": S8, "up": U8, "down": WIDE, "head": (-8191, 8191)}


def sr_layers(model: SrModel) -> dict[str, Layer]:
    """All integer layers by name; a head counts 1/16 levels: its unit is 2 levels, 32 of them."""
    return {
        name: integer_layer(conv, CLAMPS[name.rsplit(".", 1)[-1]])
        for name, conv in model.named_modules()
        if isinstance(conv, IntConv)
    }


def sr_program(model: SrModel) -> Program:
    """The steps from windows to residuals."""
    steps = [Step("conv", "t0", ("windows",), "stem")]
    for i in range(model.config.blocks):
        steps += block_steps(f"blocks.{i}", f"t{i}", f"t{i + 1}")
    steps.append(Step("conv", "head", (f"t{model.config.blocks}",), "head"))
    inputs = (("windows", model.config.planes * model.config.window),)
    return Program(inputs, ("head",), tuple(steps))


def export(checkpoint: Path, folder: Path, name: str, version: str, data: str) -> PackInfo:
    """Write a pack folder from a checkpoint of a network, or of a look without what trained it."""
    from safetensors.numpy import save

    found = load_either(checkpoint)
    model, natural = network_of(found), isinstance(found, SrLook)
    sizes = model.config
    layers = sr_layers(model)
    for key, layer in layers.items():
        layer.check(key)
    manifest = {
        "name": name,
        "version": version,
        "domain": "sr",
        "summary": f"{'natural ' * natural}super-resolution by {sizes.scale},"
        f" {sizes.macs:.0f} MACs an input pixel",
        "license": "Apache-2.0",
        "data": data,
        "geometry": {
            "scale": sizes.scale,
            "fold": sizes.fold,
            "margin": sizes.margin,
            "planes": sizes.planes,
        },
        "program": program_to_json(sr_program(model)),
    }
    if natural:
        manifest["look"] = NATURAL
    return write_pack(folder, manifest, {ARRAYS: save(layers_to_arrays(layers))})
