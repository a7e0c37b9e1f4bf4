"""Geometry and integer rules of the autoencoder family, for both directions (spec/vae.md).

A picture is cut into blocks of 16 x 16 pixels; each has a vector y. Its channels are dealt to four
groups, and the blocks to cells of 2 x 2, so that a pass codes every group at another block of the
cell (quadtree partition: Li et al., DCVC-DC, arXiv:2302.14402).
"""

from __future__ import annotations

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca.image.glue import DETAIL_MAX
from pauca.pack.vae import SIDE

GROUPS = 4  # channel c is in group c mod 4
# PHASES[group][pass]: the block of the cell, 2 * row + column.
PHASES = ((0, 3, 1, 2), (3, 0, 2, 1), (1, 2, 0, 3), (2, 1, 3, 0))
PASSES = 4
HYPER_REACH = 127  # of |z|
HYPER_GAIN = 4  # units of the networks for one of z
SCALE_BITS = 14  # of the linear transforms
PLANE_BOUND = 1 << 17  # of the linear synthesis, in 1/16 grey levels

A = TypeVar("A", bound=NDArray[Any])


def dealt(channels: A) -> A:
    """(M,) in the order of a pass: group after group."""
    return np.concatenate([channels[group::GROUPS] for group in range(GROUPS)])  # type: ignore[return-value]


def gather(y: A, number: int) -> A:
    """What pass `number` codes of (h, w, M): (h / 2, w / 2, M), in the order of coding."""
    parts = [part[phase] for part, phase in zip(*_groups(y, number), strict=True)]
    return np.ascontiguousarray(np.concatenate(parts, 2))  # type: ignore[return-value]


def scatter(values: NDArray[Any], y: NDArray[Any], number: int) -> None:
    """Write what pass `number` coded, as of `gather`, to its places in y."""
    parts = np.split(values, GROUPS, 2)
    for part, phase, group in zip(*_groups(y, number), parts, strict=True):
        part[phase] = group


def _groups(y: NDArray[Any], number: int) -> tuple[list[NDArray[Any]], list[Any]]:
    """The groups of channels of y (h, w, M), and of each the places of a pass."""
    parts = [y[..., group::GROUPS] for group in range(GROUPS)]
    phases = [PHASES[group][number] for group in range(GROUPS)]
    return parts, [(slice(p // 2, None, 2), slice(p % 2, None, 2)) for p in phases]


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
