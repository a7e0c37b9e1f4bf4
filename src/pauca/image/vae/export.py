"""A trained autoencoder as integer layers, programs, transforms, steps and tables of a pack."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pauca.coding import gaussian_curves
from pauca.image.layers_torch import (
    QUALITY_GRID,
    filter_layers,
    filter_program,
    filter_steps,
    head_layer,
    reciprocals,
)
from pauca.image.vae.layout import HYPER_REACH, SCALE_BITS
from pauca.image.vae.model import Contexts, Hyper, Synthesis, VaeConfig, VaeModel
from pauca.nets.export import S8, U8, WIDE, block_steps, integer_layer
from pauca.nets.integer import IntConv
from pauca.nets.priors import SCALES, deviation
from pauca.pack.intnet import Layer, Program, Step
from pauca.pack.vae import CURVE_FIELDS

HYPER_EXTRA = 2  # z counts 1/8 where activations count 1/32


def vae_programs(config: VaeConfig, model: VaeModel) -> dict[str, Program]:
    """All programs but those of the filters."""
    m, c, wide = config.latents, config.hyper_channels, config.channels
    first = _joined("hyper.a0", "y", "plane") + block_steps("hyper.b0", "s", "f")
    second = [Step("conv", "s", ("x",), "hyper.a1"), *block_steps("hyper.b1", "s", "f")]
    third = (Step("conv", "z", ("x",), "hyper.a2"),)
    programs = {
        "ha0": Program((("y", m), ("plane", 1)), ("f",), tuple(first)),
        "ha1": Program((("x", 4 * c),), ("f",), tuple(second)),
        "ha2": Program((("x", 4 * c),), ("z",), third),
        "hs": _hyper_synthesis(config),
    }
    for k in range(len(model.contexts.stems)):
        steps = _joined(f"contexts.stems.{k}", "f", "y")
        steps += block_steps(f"contexts.blocks.{k}", "s", "g")
        steps.append(Step("conv", "head", ("g",), f"contexts.heads.{k + 1}"))
        programs[f"c{k + 1}"] = Program((("f", wide), ("y", m)), ("g", "head"), tuple(steps))
    return programs | {"gs": _synthesis(config)}


def _joined(layer: str, *sources: str) -> list[Step]:
    """A layer of several inputs; its output is `s`."""
    return [Step("cat", "x", sources), Step("conv", "s", ("x",), layer)]


def _hyper_synthesis(config: VaeConfig) -> Program:
    steps = _joined("hyper.s0", "z", "plane") + block_steps("hyper.t0", "s", "a")
    steps += [Step("conv", "b", ("a",), "hyper.s1"), Step("unfold", "d", ("b",))]
    steps += block_steps("hyper.t1", "d", "e")
    steps += [Step("conv", "h", ("e",), "hyper.s2"), Step("unfold", "f0", ("h",))]
    for i in range(config.trunk):
        steps += block_steps(f"hyper.trunk.{i}", f"f{i}", f"f{i + 1}")
    last = f"f{config.trunk}"
    steps.append(Step("conv", "head", (last,), "contexts.heads.0"))
    return Program((("z", config.hyper), ("plane", 1)), (last, "head"), tuple(steps))


def _synthesis(config: VaeConfig) -> Program:
    steps = [Step("cat", "x", ("f", "y", "plane")), Step("conv", "a0", ("x",), "gs.stem")]
    coarse, fine = config.wide_blocks
    for i in range(coarse):
        steps += block_steps(f"gs.coarse.{i}", f"a{i}", f"a{i + 1}")
    steps += [Step("conv", "u", (f"a{coarse}",), "gs.up"), Step("unfold", "b0", ("u",))]
    for i in range(fine):
        steps += block_steps(f"gs.fine.{i}", f"b{i}", f"b{i + 1}")
    steps += [Step("conv", "v", (f"b{fine}",), "gs.last"), Step("unfold", "features", ("v",))]
    inputs = (("f", config.channels), ("y", config.latents), ("plane", 1))
    return Program(inputs, ("features",), tuple(steps))


def vae_layers(model: VaeModel) -> dict[str, Layer]:
    """All integer layers by name."""
    layers = filter_layers("pre", model.pre) | filter_layers("post", model.post)
    parts: dict[str, Hyper | Contexts | Synthesis] = {
        "hyper": model.hyper,
        "contexts": model.contexts,
        "gs": model.gs,
    }
    for prefix, part in parts.items():
        for name, conv in part.named_modules():
            if isinstance(conv, IntConv):
                means = model.config.parts * model.config.latents
                layers[f"{prefix}.{name}"] = _layer(name, conv, means)
    return layers


def _layer(name: str, conv: IntConv, means: int) -> Layer:
    kind = name.rsplit(".", 1)[-1]
    if name.startswith("heads."):
        return head_layer(conv, means)
    if name == "a2":
        return integer_layer(conv, (-HYPER_REACH, HYPER_REACH), HYPER_EXTRA)
    return integer_layer(conv, {"depth": S8, "down": WIDE}.get(kind, U8))


@torch.no_grad()
def vae_parts(model: VaeModel) -> tuple[dict[str, Layer], dict[str, Program], dict[str, Any]]:
    """Layers, programs and arrays of a pack."""
    programs = vae_programs(model.config, model)
    programs["pre"] = filter_program("pre", model.pre)
    programs["post"] = filter_program("post", model.post)
    quality = torch.from_numpy(QUALITY_GRID).double()
    model.double()
    steps, indexes = model.steps(quality).numpy(), model.indexes(quality).numpy()
    model.float()
    arrays = {
        "analysis": _fixed(model.analysis),
        "synthesis": _fixed(model.synthesis),
        "steps": np.rint(256 * steps).clip(1, (1 << 17) - 1).astype(np.int32),
        "hyper_indexes": np.rint(indexes).clip(0, SCALES - 1).astype(np.uint8),
        "filter_steps": filter_steps(())[:, :1],
        "reciprocals": reciprocals(())[:, :1],
    }
    if model.config.parts > 1:
        curves = gaussian_curves(deviation(torch.arange(SCALES, dtype=torch.float64)).tolist())
        arrays |= {f"curves.{name}": getattr(curves, name) for name, _ in CURVE_FIELDS}
    return vae_layers(model), programs, arrays


def _fixed(transform: torch.Tensor) -> NDArray[np.int16]:
    """A linear transform (O, I, 1, 1) in units of 2**-14."""
    scaled = np.rint(transform.double().numpy()[:, :, 0, 0] * (1 << SCALE_BITS))
    bounded: NDArray[np.int16] = scaled.clip(-32768, 32767).astype(np.int16)
    return bounded
