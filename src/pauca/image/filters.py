"""Filters on cells of 4 x 4: integers from planes to residuals (spec/image.md, "Filters").

The same networks serve behind the synthesis (`post`), between two levels (`m2` ...) and, in the
encoder alone, before the analysis (`pre`).
"""

from __future__ import annotations

from itertools import pairwise, product

import numpy as np
from numpy.typing import NDArray

from pauca._core import filter_inputs, filter_mend, filter_mend_to_rgb
from pauca.image import glue, layout
from pauca.image.glue import refused
from pauca.image.layout import CELL
from pauca.image.networks import Networks
from pauca.image.qualities import Where, by_code, rounded_quality
from pauca.image.window import Span, Window

TILE = 128  # cells: what a thread works on at once


def heads(
    networks: Networks,
    name: str,
    planes: NDArray[np.int32],
    features: NDArray[np.uint8] | None,
    where: Where,
    level: int = 0,
) -> NDArray[np.int16]:
    """Head (H/4, W/4, 48) of filter `name` for planes (3, H, W) in 1/16 grey levels.

    `level`: the one whose low band the planes are, 0 for the picture; `features` (H/4, W/4, C);
    `where`: the quality codes of the cells.
    Where the planes end inside a picture, the outer `networks.reach(name)` cells are not right.
    """

    def seen(code: int) -> NDArray[np.int8]:
        reciprocal = int(networks.pack.reciprocals[code, level])
        return cell_inputs(planes, reciprocal, layout.compand_table())

    pixels = by_code(where, seen)
    plane = np.empty((*pixels.shape[:2], 1), np.uint8)
    plane[..., 0] = rounded_quality(where)
    inputs: dict[str, NDArray[np.integer]] = {"pixels": pixels, "plane": plane}
    if features is not None:
        inputs["features"] = np.ascontiguousarray(features)
    (head,) = networks.run_program(name, inputs).values()
    return np.ascontiguousarray(head, dtype=np.int16)  # runtimes differ in the order of outputs


def step_of(networks: Networks, code: int, level: int = 0) -> int:
    """Step of a filter's residuals, in 1/256 grey levels."""
    return int(networks.pack.filter_steps[code, level])


def pieces(window: Window) -> list[Window]:
    """Cut cells into windows whose sides are at most TILE, and nearly alike."""
    return [Window(rows, columns) for rows, columns in product(*(_cut(side) for side in window))]


def _cut(side: Span) -> list[Span]:
    count = -(-(side.stop - side.start) // TILE)
    ends = [side.start + (side.stop - side.start) * i // count for i in range(count + 1)]
    return [Span(a, b) for a, b in pairwise(ends)]


def cell_inputs(
    planes: NDArray[np.int32], reciprocal: int, table: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Planes (3, H, W) in 1/16 grey levels to (H/4, W/4, 96) int8.

    Channels: 48 pixels in grey levels, then 48 companded differences from the mean of the cell's
    plane; within each, channel = 16 * colour + 4 * (row in the cell) + column. Raises `InputError`
    on other shapes, types and ranges, as every function here.
    """
    try:
        return filter_inputs(planes, reciprocal, table)
    except (TypeError, ValueError) as error:
        raise refused("cell_inputs", error) from None


def mend(
    planes: NDArray[np.int32], head: NDArray[np.int16], step: int, out: NDArray[np.int32]
) -> None:
    """Write planes (3, H, W) plus the residuals of a head, bounded as low bands are, to `out`.

    All may be parts of larger arrays.
    """
    try:
        filter_mend(planes, head, step, out)
    except (TypeError, ValueError) as error:
        raise refused("mend", error) from None


def mend_to_rgb(
    planes: NDArray[np.int32], head: NDArray[np.int16], step: int, out: NDArray[np.uint8]
) -> None:
    """Write planes (3, H, W) plus the residuals of a head as RGB (H, W, 3) to `out`."""
    try:
        filter_mend_to_rgb(planes, head, step, out)
    except (TypeError, ValueError) as error:
        raise refused("mend_to_rgb", error) from None


def cell_inputs_plain(
    planes: NDArray[np.int32], reciprocal: int | NDArray[np.int32], table: NDArray[np.int8]
) -> NDArray[np.int8]:
    """Numpy twin of `cell_inputs`, also for a factor of every cell (H/4, W/4, 1, 1)."""
    cells = _cells(planes)
    total = cells.sum(-1, keepdims=True, dtype=np.int32)
    mean = (total + np.int32(8)) >> 4
    detail = (cells - mean).clip(-glue.DIFFERENCE_MAX, glue.DIFFERENCE_MAX)
    n16 = (detail * np.asarray(reciprocal, np.int32) + np.int32(1 << 14)) >> 15
    pixels = ((cells + np.int32(8)) >> 4).clip(-128, 127).astype(np.int8)
    h, w = cells.shape[:2]
    companded = glue.compand_plain(n16.reshape(h, w, 48), table)
    return np.concatenate([pixels.reshape(h, w, 48), companded], 2)


def from_head(head: NDArray[np.int16], step: int) -> NDArray[np.int32]:
    """A head (H/4, W/4, 48), which counts 1/256 of the step, to residuals (3, H, W).

    `step` is in 1/256 grey levels.
    """
    h, w, _ = head.shape
    residual = (head.astype(np.int32) * np.int32(step) + np.int32(1 << 11)) >> 12
    grid = residual.reshape(h, w, 3, CELL, CELL).transpose(2, 0, 3, 1, 4)
    return grid.reshape(3, h * CELL, w * CELL)


def _cells(planes: NDArray[np.int32]) -> NDArray[np.int32]:
    """(3, H, W) to (H/4, W/4, 3, 16)."""
    _, height, width = planes.shape
    cells = planes.reshape(3, height // CELL, CELL, width // CELL, CELL).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(cells).reshape(height // CELL, width // CELL, 3, CELL * CELL)
