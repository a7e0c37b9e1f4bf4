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
    networks: Networks,
    size: tuple[int, int],
    code: int,
    coder: Coder,
    map: NDArray[np.int16] | None = None,
) -> NDArray[np.uint8]:
    """RGB (H, W, 3) of a padded picture of `size`, at a code or at those of blocks of 64 x 64."""
    pack, table = networks.pack, layout.compand_table()
    fine = np.full((size[0] // 4, size[1] // 4), code, np.int16)
    if map is not None:
        fine = map.repeat(16, 0).repeat(16, 1)
    height, width = size
    low = coder.low((3, height >> LEVELS, width >> LEVELS))
    low = dequantize_low(low, int(pack.low_steps[code]))
    up = np.zeros((height >> (LEVELS + 1), width >> (LEVELS + 1), UP), np.uint8)
    for level in range(LEVELS, 0, -1):
        h, w = height >> (level + 1), width >> (level + 1)
        planes = np.empty((h, w, 2), np.uint8)
        codes = _coarser(fine, level - 1)
        planes[..., 0], planes[..., 1] = (codes + 2) // 4, 16 * level
        factors = pack.reciprocals[codes, level].repeat(2, 0).repeat(2, 1)
        seen = glue.differences_plain(low, factors, table)
        first = networks.run(level, PARTS[0], {"low": seen, "up": up, "planes": planes})
        side = coder.tile_cells or max(h, w)
        windows = [Window(r, c) for r in Span(0, h).tiles(side) for c in Span(0, w).tiles(side)]
        rows: dict[int, list[Any]] = {}
        for number, window in enumerate(windows):
            (r, c) = window
            out = {k: v[r.start : r.stop, c.start : c.stop] for k, v in first.items()}
            tile = coder.tile(level, number, window)
            there = codes[r.start : r.stop, c.start : c.stop]
            rows.setdefault(r.start, []).append(_passes(networks, level, there, tile, out))
        names = rows[0][0].keys()
        whole = {
            name: np.concatenate(
                [np.concatenate([t[name] for t in row], _axis(name) + 1) for row in rows.values()],
                _axis(name),
            )
            for name in names
        }
        low = synthesis_level_plain(low, whole["details"], pack.wavelets[level - 1])
        up = whole["up"]
        if level > 1 and "g" in whole:
            codes = _coarser(fine, level - 1)
            name = f"m{min(level, SHARED_FROM)}"
            mended = _residual(networks, name, low, whole["g"], codes, level - 1)
            low = (low + mended).clip(-glue.DETAIL_MAX, glue.DETAIL_MAX)
    return rgb_from_planes(low + _residual(networks, "post", low, up, fine, 0))


def _coarser(codes: NDArray[np.int16], times: int) -> NDArray[np.int16]:
    """Codes of cells of twice the side, the best of four, so many times."""
    for _ in range(times):
        h, w = codes.shape
        codes = codes.reshape(h // 2, 2, w // 2, 2).max((1, 3))
    return codes


def _residual(
    networks: Networks,
    name: str,
    planes: NDArray[np.int32],
    features: NDArray[np.uint8],
    codes: NDArray[np.int16],
    level: int,
) -> NDArray[np.int32]:
    factors = networks.pack.reciprocals[codes, level][..., None, None]
    pixels = cell_inputs_plain(planes, factors, layout.compand_table())
    plane = ((codes + 2) // 4).astype(np.uint8)[..., None]
    inputs = {"pixels": pixels, "plane": plane, "features": features}
    (head,) = networks.run_program(name, inputs).values()
    out = np.zeros(planes.shape, np.int32)
    for code in np.unique(codes):
        here = (codes == code).repeat(4, 0).repeat(4, 1)
        out[:, here] = from_head(head.astype(np.int16), step_of(networks, code, level))[:, here]
    return out


def _axis(name: str) -> int:
    return 2 if name == "details" else 0


def _passes(
    networks: Networks, level: int, codes: NDArray[np.int16], tile: Any, out: dict[str, Any]
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
    details = np.zeros((3, 3, 2 * codes.shape[0], 2 * codes.shape[1]), np.int32)
    for code in np.unique(codes):
        here = (codes == code).repeat(2, 0).repeat(2, 1)
        steps = networks.pack.steps[code, level - 1]
        details[..., here] = glue.dequantize_plain(luma, chroma, steps)[..., here]
    last = [array.astype(np.uint8) for array in out.values()]
    found = {"details": details, "up": last[0]}
    return found if len(last) == 1 else {**found, "g": last[1]}
