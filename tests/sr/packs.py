"""Packs with made-up weights: what upscaling does must not depend on what a network has learned."""

from pathlib import Path

import numpy as np
from safetensors.numpy import save

from pauca.pack.intnet import Layer, Program, Step
from pauca.pack.sr import SrPack, load_sr_pack
from pauca.pack.store import ARRAYS, layers_to_arrays, program_to_json, write_pack

CLAMP = {"u8": (0, 255), "s8": (-128, 127), "wide": (-8191, 8191)}


def layer(rng: np.random.Generator, shape: tuple[int, ...], kind: str, shift: int) -> Layer:
    rows = shape[0]
    low, high = CLAMP[kind]
    return Layer(
        rng.integers(-60, 61, shape).astype(np.int8),
        rng.integers(-2000, 2000, rows).astype(np.int32),
        np.full(rows, shift, np.uint8),
        np.full(rows, low, np.int16),
        np.full(rows, high, np.int16),
    )


def write_random_pack(
    folder: Path,
    name: str = "random",
    scale: int = 2,
    fold: int = 2,
    planes: int = 1,
    look: str | None = None,
) -> Path:
    """One block of 16 channels on windows with a margin of 1; residuals of a few levels."""
    rng = np.random.default_rng(scale * 10 + fold + planes)
    window, outputs = planes * (fold + 2) ** 2, planes * (fold * scale) ** 2
    layers = {
        "stem": layer(rng, (16, window), "u8", 8),
        "depth": layer(rng, (16, 3, 3), "s8", 8),
        "up": layer(rng, (32, 16), "u8", 8),
        "down": layer(rng, (16, 32), "wide", 8),
        "head": layer(rng, (outputs, 16), "wide", 8),
    }
    steps = (
        Step("conv", "a", ("windows",), "stem"),
        Step("conv", "b", ("a",), "depth"),
        Step("conv", "c", ("b",), "up"),
        Step("residual", "d", ("c", "a"), "down"),
        Step("conv", "head", ("d",), "head"),
    )
    program = Program((("windows", window),), ("head",), steps)
    manifest = {
        "name": name, "version": "0", "domain": "sr", "summary": "-", "license": "-", "data": "-",
        "geometry": {"scale": scale, "fold": fold, "margin": 1, "planes": planes},
        "program": program_to_json(program),
    } | ({"look": look} if look else {})  # fmt: skip
    write_pack(folder, manifest, {ARRAYS: save(layers_to_arrays(layers))})
    return folder


def random_pack(folder: Path, scale: int = 2, fold: int = 2, planes: int = 1) -> SrPack:
    return load_sr_pack(write_random_pack(folder, "random", scale, fold, planes))
