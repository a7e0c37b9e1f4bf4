"""Which blocks of a picture are graphics: a small integer network on features, and neighbours."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from pauca.errors import PackError
from pauca.image.analysis import Rows
from pauca.image.scenes.features import BLOCK, FEATURES, block_features, with_surroundings
from pauca.pack.intnet import Layer, Program, run_plain
from pauca.pack.registry import find_folder
from pauca.pack.store import layers_from_arrays, program_from_json, read_arrays, read_manifest

PACK = "scenes"
LEAST_PIXELS = 4 * BLOCK * BLOCK  # of a picture that is judged: less says too little
LEAST_BLOCKS, LEAST_SHARE = 4, 0.1  # of graphics, among blocks that are not of one colour
ROUNDS = 2  # of asking the neighbours

Blocks = NDArray[np.bool_]


def find_graphics(pixels: Rows) -> Blocks | None:
    """Blocks (ceil(H / BLOCK), ceil(W / BLOCK)) of graphics in (H, W) or (H, W, 3) uint8 pixels;
    None if there are none to speak of.
    """
    if pixels.shape[0] * pixels.shape[1] < LEAST_PIXELS:
        return None
    features, plain = block_features(pixels)
    return settle(scores(features) > 0, plain)


def scores(features: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Features (h, w, FEATURES) of blocks to scores (h, w): graphics where above 0."""
    program, layers = _network()
    out = run_plain(program, layers, {program.inputs[0][0]: with_surroundings(features)})
    result: NDArray[np.int64] = np.asarray(out[program.outputs[0]][..., 0], np.int64)
    return result


def settle(drawn: Blocks, plain: Blocks) -> Blocks | None:
    """What is graphics, where single blocks go with their neighbours: those of a kind that less
    than a third of the nine around have. Blocks of one colour, of which nothing is known, are
    graphics if there are any.
    """
    known, drawn = ~plain, drawn & ~plain
    all_around = _around(known)
    for _ in range(ROUNDS):
        share = 3 * _around(drawn)
        drawn = known & np.where(drawn, share >= all_around, share > 2 * all_around)
    whole = bool((drawn | plain).all())
    if not whole and drawn.sum() < max(LEAST_BLOCKS, LEAST_SHARE * known.sum()):
        return None
    return drawn | plain


def _around(blocks: Blocks) -> NDArray[np.uint8]:
    """How many of a block and the eight around it."""
    padded = np.pad(blocks.view(np.uint8), 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    sums: NDArray[np.uint8] = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]
    return sums


@lru_cache(maxsize=1)
def _network() -> tuple[Program, dict[str, Layer]]:
    info, manifest = read_manifest(find_folder(PACK))
    program = program_from_json(manifest.get("program"))
    layers = layers_from_arrays(read_arrays(info, manifest))
    if [channels for _, channels in program.inputs] != [2 * FEATURES] or len(program.outputs) != 1:
        raise PackError(f"pack {info.name}: the network does not fit the features")
    return program, layers
