"""The levels of a picture over whole planes, one after the other: the oracle of `level.py`."""

from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.image import glue, layout
from pauca.image.coder import CHROMA, PARTS, Coder, code_pass
from pauca.image.filters import cell_inputs_plain, from_head, step_of
from pauca.image.layout import LEVELS
from pauca.image.level import UP, dequantize_low
from pauca.image.networks import SHARED_FROM, Networks
from pauca.image.post import rgb_from_planes
from pauca.image.window import Span, Window
from pauca.pixels.lifting import synthesis_level_plain


def plain_walk(
    networks: Networks, size: tuple[int, int], code: int, coder: Coder
) -> NDArray[np.uint8]:
    """RGB (H, W, 3) of a padded picture of `size`."""
    pack, table = networks.pack, layout.compand_table()
    height, width = size
    low = coder.low((3, height >> LEVELS, width >> LEVELS))
    low = dequantize_low(low, int(pack.low_steps[code]))
    up = np.zeros((height >> (LEVELS + 1), width >> (LEVELS + 1), UP), np.uint8)
    for level in range(LEVELS, 0, -1):
        h, w = height >> (level + 1), width >> (level + 1)
        planes = np.empty((h, w, 2), np.uint8)
        planes[:] = ((code + 2) // 4, 16 * level)
        seen = glue.differences_plain(low, int(pack.reciprocals[code, level]), table)
        first = networks.run(level, PARTS[0], {"low": seen, "up": up, "planes": planes})
        side = coder.tile_cells or max(h, w)
        windows = [Window(r, c) for r in Span(0, h).tiles(side) for c in Span(0, w).tiles(side)]
        rows: dict[int, list[Any]] = {}
        for number, window in enumerate(windows):
            (r, c) = window
            out = {k: v[r.start : r.stop, c.start : c.stop] for k, v in first.items()}
            tile = coder.tile(level, number, window)
            rows.setdefault(r.start, []).append(_passes(networks, level, code, tile, out))
        names = rows[0][0].keys()
        whole = {
            name: np.concatenate(
                [np.concatenate([t[name] for t in row], _axis(name) + 1) for row in rows.values()],
                _axis(name),
            )
            for name in names
        }
        low = synthesis_level_plain(low, whole["details"])
        up = whole["up"]
        if level > 1 and "g" in whole:
            mended = _residual(
                networks, f"m{min(level, SHARED_FROM)}", low, whole["g"], code, level - 1
            )
            low = (low + mended).clip(-glue.DETAIL_MAX, glue.DETAIL_MAX)
    return rgb_from_planes(low + _residual(networks, "post", low, up, code, 0))


def _residual(
    networks: Networks,
    name: str,
    planes: NDArray[np.int32],
    features: NDArray[np.uint8],
    code: int,
    level: int,
) -> NDArray[np.int32]:
    reciprocal = int(networks.pack.reciprocals[code, level])
    pixels = cell_inputs_plain(planes, reciprocal, layout.compand_table())
    plane = np.full((*pixels.shape[:2], 1), (code + 2) // 4, np.uint8)
    inputs = {"pixels": pixels, "plane": plane, "features": features}
    (head,) = networks.run_program(name, inputs).values()
    return from_head(head.astype(np.int16), step_of(networks, code, level))


def _axis(name: str) -> int:
    return 2 if name == "details" else 0


def _passes(
    networks: Networks, level: int, code: int, tile: Any, out: dict[str, Any]
) -> dict[str, NDArray[Any]]:
    mask = out.pop("mask", None)
    if mask is not None:
        tile.mask(mask.astype(np.int8))
    values, context = [], []
    for part, following in pairwise(PARTS):
        f, head = out.values()
        mean16, symbols = code_pass(tile, part, head)
        values.append(glue.merge_values_plain(symbols, mean16))
        context.append(glue.compand_plain(values[-1], layout.compand_table()))
        known = context[-1] if part == CHROMA else np.concatenate(context, 2)
        out = dict(networks.run(level, following, {"f": f, "y": known}))
    tile.finish()
    luma, chroma = values[:-1], values[-1]
    if mask is not None:
        luma = [glue.unmask(y, mask[..., :1]) for y in luma]
        chroma = glue.unmask(chroma, mask[..., 1:])
    details = glue.dequantize_plain(luma, chroma, networks.pack.steps[code, level - 1])
    last = [array.astype(np.uint8) for array in out.values()]
    found = {"details": details, "up": last[0]}
    return found if len(last) == 1 else {**found, "g": last[1]}
