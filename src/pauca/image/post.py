"""The post-filter: integers from planes to pixels, so that a picture is the same everywhere."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from pauca.image import glue, layout
from pauca.image.walk import Networks, Reconstruction
from pauca.pixels.tiles import tiles

TILE = 512  # pixels: bounds the memory of a large picture
CELL = 4
PLANE_MAX = (1 << 13) - 1  # 1/16 grey levels


def mend(networks: Networks, picture: Reconstruction, code: int) -> NDArray[np.uint8]:
    """Planes (3, H, W) and features (H/4, W/4, C) to RGB (H, W, 3) uint8, tile by tile."""
    pack = networks.pack
    halo = CELL * sum(name.endswith(".depth") for name in pack.layers if name.startswith("post."))
    _, height, width = picture.planes.shape
    table = layout.compand_table()
    rgb = np.empty((height, width, 3), np.uint8)
    for part in tiles(height, width, TILE, halo):
        planes = np.ascontiguousarray(picture.planes[:, part.seen_rows, part.seen_columns])
        features = picture.features[_cells_of(part.seen_rows), _cells_of(part.seen_columns)]
        pixels = post_inputs(planes, int(pack.reciprocals[code, 0]), table)
        plane = np.full((*pixels.shape[:2], 1), (code + 2) // 4, np.uint8)
        inputs = {"pixels": pixels, "features": np.ascontiguousarray(features), "plane": plane}
        (head,) = networks.run_program("post", inputs).values()
        tile = finish(planes, head.astype(np.int16, copy=False), int(pack.base_steps[code]))
        rgb[part.outside()] = tile[part.inside()]
    return rgb


def _cells_of(pixels: slice) -> slice:
    return slice(pixels.start // CELL, pixels.stop // CELL)


def post_inputs(
    planes: NDArray[np.int32], reciprocal: int, table: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Planes (3, H, W) in 1/16 grey levels to (H/4, W/4, 96) int8.

    Channels: 48 pixels in grey levels, then 48 companded differences from the mean of the cell's
    plane; within each, channel = 16 * colour + 4 * (row in the cell) + column.
    """
    cells = _cells(planes)
    total = cells.sum(-1, keepdims=True, dtype=np.int32)
    mean = (total + 8) >> 4
    detail = (cells - mean).clip(-glue.DIFFERENCE_MAX, glue.DIFFERENCE_MAX)
    n16 = (detail * np.int32(reciprocal) + np.int32(1 << 14)) >> 15
    pixels = ((cells + 8) >> 4).clip(-128, 127).astype(np.int8)
    h, w = cells.shape[:2]
    companded = glue.compand(n16.reshape(h, w, 48), table)
    return np.concatenate([pixels.reshape(h, w, 48), companded], 2)


def finish(planes: NDArray[np.int32], head: NDArray[np.int16], step: int) -> NDArray[np.uint8]:
    """Planes (3, H, W) plus the residual (H/4, W/4, 48) to RGB (H, W, 3) uint8.

    The residual counts 1/256 of the base step, `step` is that step in 1/256 grey levels.
    """
    h, w, _ = head.shape
    residual = (head.astype(np.int32) * np.int32(step) + np.int32(1 << 11)) >> 12
    grid = residual.reshape(h, w, 3, CELL, CELL).transpose(2, 0, 3, 1, 4)
    mended = planes + grid.reshape(3, h * CELL, w * CELL)
    y, cb, cr = mended.clip(-PLANE_MAX, PLANE_MAX)
    # BT.601 in units of 2**-14; 1/16 grey levels, so 18 bits in all, and the offset of Y is 128.
    y = (y << 14) + np.int32((128 << 18) + (1 << 17))
    red = (y + 22970 * cr) >> 18
    green = (y - 5638 * cb - 11698 * cr) >> 18
    blue = (y + 29032 * cb) >> 18
    rgb: NDArray[np.uint8] = np.stack([red, green, blue], 2).clip(0, 255).astype(np.uint8)
    return rgb


def _cells(planes: NDArray[np.int32]) -> NDArray[np.int32]:
    """(3, H, W) to (H/4, W/4, 3, 16)."""
    _, height, width = planes.shape
    cells = planes.reshape(3, height // CELL, CELL, width // CELL, CELL).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(cells).reshape(height // CELL, width // CELL, 3, CELL * CELL)
