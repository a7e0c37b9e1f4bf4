"""Trained networks of pictures as integer layers, programs, tables and steps of a pack."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pauca.coding import Tables, tables_from_pmfs
from pauca.image import layout
from pauca.image.model import WaveletModel
from pauca.image.parts import UP, CellFilter, LevelContext
from pauca.nets.export import S8, U8, WIDE, block_steps, integer_layer
from pauca.nets.integer import IntConv
from pauca.nets.priors import SCALES, Prior
from pauca.pack.intnet import Layer, Program, Step

QUALITY_GRID = np.arange(layout.QUALITIES) / 4.0
MEAN_LIMIT = 8191  # of a mean, in 1/16 steps
REACH = 512  # largest regular symbol of a table; larger ones are escaped


def head_layer(conv: IntConv, means: int | None = None) -> Layer:
    """A head: first means in 1/16 steps, by default half of its outputs, then scale indexes (and
    weights) 0..63, which have two more bits of shift: 8 h, not 32 h.
    """
    means = conv.out_channels // 2 if means is None else means
    extra = np.where(np.arange(conv.out_channels) < means, 0, 2)
    layer = integer_layer(conv, (-MEAN_LIMIT, MEAN_LIMIT), extra)
    low, high = layer.low.copy(), layer.high.copy()
    low[means:], high[means:] = 0, SCALES - 1
    return replace(layer, low=low, high=high)


def level_programs(
    prefix: str, net: LevelContext, channels: int, mended: bool = False
) -> dict[str, Program]:
    """The programs of a level: luma passes 0..3, chroma c, and d, the features that leave it.

    `mended`: a filter of the low band needs the features on the level's own grid too.
    """
    stem = [Step("cat", "x", ("low", "up", "planes")), Step("conv", "t0", ("x",), f"{prefix}.stem")]
    for i in range(len(net.trunk)):
        stem += block_steps(f"{prefix}.trunk.{i}", f"t{i}", f"t{i + 1}")
    last = f"t{len(net.trunk)}"
    stem.append(Step("conv", "head", (last,), f"{prefix}.heads.0"))
    outputs: tuple[str, ...] = (last, "head")
    if net.mask is not None:
        stem.append(Step("conv", "mask", (last,), f"{prefix}.mask"))
        outputs = (last, "head", "mask")
    first = Program((("low", 36), ("up", UP), ("planes", 2)), outputs, tuple(stem))
    passes = {"0": first}
    for k, name in enumerate(("1", "2", "3", "c")):
        steps = [Step("cat", "x", ("f", "y")), Step("conv", "s", ("x",), f"{prefix}.stems.{k}")]
        steps += block_steps(f"{prefix}.blocks.{k}", "s", "g")
        steps.append(Step("conv", "head", ("g",), f"{prefix}.heads.{k + 1}"))
        inputs = (("f", channels), ("y", 3 * (k + 1)))
        passes[name] = Program(inputs, ("g", "head"), tuple(steps))
    tail = [Step("cat", "x", ("f", "y")), Step("conv", "g", ("x",), f"{prefix}.tail")]
    up = [Step("conv", "p", ("g",), f"{prefix}.up"), Step("unfold", "up", ("p",))]
    finest = prefix == "l1"
    passes["d"] = Program(
        (("f", channels), ("y", 24)),
        ("g",) if finest else ("up", "g") if mended else ("up",),
        tuple(tail if finest else tail + up),
    )
    return {f"{prefix}.{name}": program for name, program in passes.items()}


def level_layers(prefix: str, net: LevelContext) -> dict[str, Layer]:
    """All integer layers of a level by name."""
    layers = {}
    for name, conv in net.named_modules():
        if not isinstance(conv, IntConv) or (prefix == "l1" and name == "up"):
            continue
        kind = name.rsplit(".", 1)[-1]
        if name.startswith("heads."):
            layers[f"{prefix}.{name}"] = head_layer(conv)
        elif kind == "mask":
            reach = layout.MASK_REACH
            layers[f"{prefix}.{name}"] = integer_layer(conv, (-reach, reach))
        elif kind == "down":  # the residual step clamps the sum; the branch itself needs 16 bits
            layers[f"{prefix}.{name}"] = integer_layer(conv, WIDE)
        else:
            layers[f"{prefix}.{name}"] = integer_layer(conv, S8 if kind == "depth" else U8)
    return layers


def filter_program(name: str, net: CellFilter) -> Program:
    """The program of a cell filter whose layers are NAME.stem, NAME.blocks.0.depth, ..."""
    sources = ("pixels", "features", "plane") if net.features else ("pixels", "plane")
    blocks = len(net.blocks)
    steps = [Step("cat", "x", sources), Step("conv", "t0", ("x",), f"{name}.stem")]
    for i in range(blocks):
        steps += block_steps(f"{name}.blocks.{i}", f"t{i}", f"t{i + 1}")
    steps.append(Step("conv", "head", (f"t{blocks}",), f"{name}.head"))
    channels = {"pixels": 96, "features": net.features, "plane": 1}
    return Program(tuple((s, channels[s]) for s in sources), ("head",), tuple(steps))


def filter_layers(name: str, net: CellFilter) -> dict[str, Layer]:
    """All layers of a cell filter by name."""
    clamps = {"stem": U8, "depth": S8, "up": U8, "down": WIDE, "head": (-MEAN_LIMIT, MEAN_LIMIT)}
    return {
        f"{name}.{part}": integer_layer(conv, clamps[part.rsplit(".", 1)[-1]])
        for part, conv in net.named_modules()
        if isinstance(conv, IntConv)
    }


def filters_of(model: WaveletModel) -> dict[str, CellFilter]:
    """All cell filters by the name of their program: post, m2, m3, m4 and pre, as far as made."""
    named: list[tuple[str, object]] = [("post", model.post), ("pre", model.pre)]
    named += [(f"m{i + 2}", net) for i, net in enumerate(model.mends)]
    return {name: net for name, net in named if isinstance(net, CellFilter)}


@torch.no_grad()
def prior_tables(prior: Prior) -> Tables:
    """Integer tables of the learned prior, one for each scale index."""
    pmfs, offsets, escapes = [], [], []
    for index in range(SCALES):
        v = torch.arange(-REACH, REACH + 1, dtype=torch.float64)
        p = torch.exp2(-prior.bits(v, torch.full_like(v, float(index)))).numpy()
        reach = int(np.nonzero(p > 2.0**-18)[0].max()) - REACH
        pmfs.append(p[REACH - reach : REACH + reach + 1])
        offsets.append(-reach)
        escapes.append(max(1.0 - float(pmfs[-1].sum()), 2.0**-16))
    return tables_from_pmfs(pmfs, offsets, escapes)


@torch.no_grad()
def step_arrays(model: WaveletModel) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Steps in 1/256 grey levels for every quality code: details (401, 6, 3, 3) and the lowest band
    (401,).
    """
    quality = torch.arange(layout.QUALITIES, dtype=torch.float64) / 4.0
    steps = model.double().steps(quality).numpy()
    model.float()
    low = layout.base_step(quality.numpy()) * layout.band_gain(
        layout.LEVELS, 3, model.config.wavelets
    )
    return (
        np.rint(steps * 256).clip(1).astype(np.int32),
        np.rint(low * 256).clip(1).astype(np.int32),
    )


def reciprocals(wavelets: Sequence[str]) -> NDArray[np.int32]:
    """Factors (401, 7) in units of 2**-15 from low-band differences to 1/16 steps.

    They are kept in the pack, since pow may differ by machine.
    """
    base = layout.base_step(QUALITY_GRID)
    gains = np.array([layout.low_gain(level, wavelets) for level in range(layout.LEVELS + 1)])
    factors: NDArray[np.float64] = np.rint(2.0**15 / (gains * base[:, None]))
    return factors.astype(np.int32)


def filter_steps(wavelets: Sequence[str]) -> NDArray[np.int32]:
    """The base step (401, 6) in 1/256 grey levels, as the low band that each level leaves has it:
    column 0 for the picture itself. Kept in the pack, since pow may differ by machine.
    """
    gains = np.array([layout.low_gain(level, wavelets) for level in range(layout.LEVELS)])
    steps: NDArray[np.float64] = np.rint(256 * layout.base_step(QUALITY_GRID)[:, None] * gains)
    return steps.astype(np.int32)


def wavelet_parts(
    model: WaveletModel,
) -> tuple[dict[str, Layer], dict[str, Program], dict[str, Any]]:
    """Layers, programs and arrays of a pack."""
    layers: dict[str, Layer] = {}
    programs: dict[str, Program] = {}
    for i, net in enumerate(model.levels):
        assert isinstance(net, LevelContext)
        layers |= level_layers(f"l{i + 1}", net)
        programs |= level_programs(f"l{i + 1}", net, model.config.channels[i], bool(model.mends))
    for key, cells in filters_of(model).items():
        layers |= filter_layers(key, cells)
        programs[key] = filter_program(key, cells)
    steps, low_steps = step_arrays(model)
    arrays = {
        "steps": steps,
        "low_steps": low_steps,
        "reciprocals": reciprocals(model.config.wavelets),
        "filter_steps": filter_steps(model.config.wavelets),
    }
    return layers, programs, arrays
