"""Geometry and integer rules of the autoencoder family, for both directions (spec/vae.md).

A picture is cut into blocks of 16 x 16 pixels; each has a vector y. Its channels are dealt to four
groups, and the blocks to cells of 2 x 2. In four passes every group is coded at another block of
the cell (quadtree partition: Li et al., DCVC-DC, arXiv:2302.14402); in two passes all groups are
coded at two blocks (checkerboard: He et al., arXiv:2103.15306).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca.image.glue import DETAIL_MAX
from pauca.pack.vae import SIDE

GROUPS = 4  # channel c is in group c mod 4
PHASES = ((0, 3, 1, 2), (3, 0, 2, 1), (1, 2, 0, 3), (2, 1, 3, 0))
CHECKER = ((0, 3), (1, 2))

# What a pass codes: of every group the blocks of the cell, 2 * row + column.
Places = tuple[tuple[int, ...], ...]
ORDERS: dict[int, tuple[Places, ...]] = {
    4: tuple(tuple((phases[k],) for phases in PHASES) for k in range(4)),
    2: tuple((blocks,) * GROUPS for blocks in CHECKER),
}
HYPER_REACH = 127  # of |z|
HYPER_GAIN = 4  # units of the networks for one of z
SCALE_BITS = 14  # of the linear transforms
PLANE_BOUND = 1 << 17  # of the linear synthesis, in 1/16 grey levels

A = TypeVar("A", bound=NDArray[Any])


def dealt(channels: NDArray[Any], places: Places) -> NDArray[Any]:
    """Figures (M,) of channels for what a pass codes of a cell (K,)."""
    cell: NDArray[Any] = np.broadcast_to(channels, (2, 2, len(channels)))
    dealt: NDArray[Any] = gather(cell, places)[0, 0]
    return dealt


def gather(y: A, places: Places) -> A:
    """What a pass codes of (h, w, M): (h / 2, w / 2, K), in the order of coding."""
    return np.ascontiguousarray(np.concatenate(_parts(y, places), 2))  # type: ignore[return-value]


def scatter(values: NDArray[Any], y: NDArray[Any], places: Places) -> None:
    """Write what a pass coded, as of `gather`, to its places in y."""
    parts = _parts(y, places)
    for part, own in zip(parts, np.split(values, len(parts), 2), strict=True):
        part[:] = own


def _parts(y: NDArray[Any], places: Places) -> list[NDArray[Any]]:
    """Views of y (h, w, M): of each block of each group."""
    return [
        y[block // 2 :: 2, block % 2 :: 2, group::GROUPS]
        for group, blocks in enumerate(places)
        for block in blocks
    ]


def fold(x: NDArray[Any]) -> NDArray[Any]:
    """Space to depth by 2: (2h, 2w, C) to (h, w, 4C), channel = 4c + phase."""
    h, w, c = x.shape
    cells = x.reshape(h // 2, 2, w // 2, 2, c).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(cells).reshape(h // 2, w // 2, 4 * c)


def blocks_of(planes: NDArray[Any]) -> NDArray[Any]:
    """Planes (3, 16h, 16w) to (h, w, 768), channel = 256 colour + 16 row + column."""
    _, height, width = planes.shape
    h, w = height // SIDE, width // SIDE
    cells = planes.reshape(3, h, SIDE, w, SIDE).transpose(1, 3, 0, 2, 4)
    return np.ascontiguousarray(cells).reshape(h, w, 3 * SIDE * SIDE)


def dequantize(y16: NDArray[np.int32], steps: NDArray[np.int32]) -> NDArray[np.int64]:
    """Values (..., M) in 1/16 steps to coefficients in 1/16 grey levels; steps (M,) of 1/256."""
    value = (y16.astype(np.int64) * steps + 128) >> 8
    return value.clip(-DETAIL_MAX, DETAIL_MAX)


def linear_synthesis(
    coefficients: NDArray[np.int64], synthesis: NDArray[np.float64]
) -> NDArray[np.int32]:
    """Coefficients (h, w, M) in 1/16 grey levels to planes (3, 16h, 16w), the same unit.

    `synthesis` (M, 768) holds integers of 2**-14. All sums are integers below 2**53, so that
    float64 gives the same everywhere, in whatever order it adds.
    """
    h, w, m = coefficients.shape
    sums = coefficients.reshape(h * w, m).astype(np.float64) @ synthesis
    sums += float(1 << (SCALE_BITS - 1))
    sums *= 2.0**-SCALE_BITS
    np.floor(sums, out=sums)
    planes = sums.clip(-PLANE_BOUND, PLANE_BOUND).astype(np.int32)
    cells = planes.reshape(h, w, 3, SIDE, SIDE).transpose(2, 0, 3, 1, 4)
    return np.ascontiguousarray(cells).reshape(3, h * SIDE, w * SIDE)
