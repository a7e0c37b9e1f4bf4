"""From a training checkpoint to a filter pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from pauca.nets.export import S8, U8, WIDE, block_steps, integer_layer
from pauca.nets.integer import IntConv
from pauca.pack.coded import CODED, encode_arrays
from pauca.pack.filters import HEAD, SIDE
from pauca.pack.intnet import Layer, Program, Step
from pauca.pack.store import PackInfo, layers_to_arrays, program_to_json, write_pack
from pauca.video.filters.model import FilterModel
from pauca.video.filters.train import load_model

CLAMPS = {"stem": U8, "depth": S8, "up": U8, "down": WIDE, HEAD: (-8191, 8191)}


def filter_layers(model: FilterModel) -> dict[str, Layer]:
    """All integer layers by name; a head counts 1/64 levels: 32 of them are its unit."""
    layers = {
        name: integer_layer(conv, CLAMPS[name.rsplit(".", 1)[-1]])
        for name, conv in model.named_modules()
        if isinstance(conv, IntConv)
    }
    # The network sees samples as they are, training saw them less 128.
    samples = model.config.window - SIDE
    for name in ("stem", HEAD) if model.config.direct else ("stem",):
        layer = layers[name]
        moved = 128 * layer.weight[:, :samples].astype(np.int64).sum(1)
        layers[name] = replace(layer, bias=(layer.bias - moved).astype(np.int32))
    return layers


def filter_program(model: FilterModel) -> Program:
    """The steps from windows to residuals."""
    last = f"t{model.config.blocks}"
    steps = [Step("conv", "t0", ("windows",), "stem")]
    for i in range(model.config.blocks):
        steps += block_steps(f"blocks.{i}", f"t{i}", f"t{i + 1}")
    steps += [
        Step("conv", "depth", (last,), "depth"),
        Step("conv", "up", ("depth",), "up"),
        Step("cat", "features", ("windows", last, "up") if model.config.direct else (last, "up")),
        Step("conv", HEAD, ("features",), HEAD),
    ]
    return Program((("windows", model.config.window),), (HEAD,), tuple(steps))


def export(checkpoint: Path, folder: Path, name: str, version: str, data: str) -> PackInfo:
    """Write a pack folder from a checkpoint."""
    model = load_model(checkpoint)
    sizes = model.config
    layers = filter_layers(model)
    for key, layer in layers.items():
        layer.check(key)
    what = "restoration" if sizes.scale == 1 else "restoration and super-resolution by 2"
    manifest = {
        "name": name,
        "version": version,
        "domain": "filter",
        "summary": f"{what} of decoded video, {sizes.macs:.0f} MACs a coded sample of luma",
        "license": "Apache-2.0",
        "data": data,
        "geometry": {"scale": sizes.scale, "margin": sizes.margin},
        "program": program_to_json(filter_program(model)),
    }
    return write_pack(folder, manifest, {CODED: encode_arrays(layers_to_arrays(layers))})
