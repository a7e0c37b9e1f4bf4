"""Ranks: how far a layer's matrix is cut, and which of its forms as two layers is taken.

Linear layers by SVD; convolutions to r channels and then 1 x 1 (Zhang et al., arXiv:1505.06798), or
k x 1 and then 1 x k (Jaderberg et al., arXiv:1405.3866).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from pauca.nn.passes.options import LowRankOptions

Floats = NDArray[np.float32]
Built = TypeVar("Built")


@dataclass(frozen=True)
class Split(Generic[Built]):
    """A layer as a matrix: what a rank costs and the whole, in multiplications an output pixel.

    `build` makes the two layers of the factors (rows, r) and (r, columns).
    """

    matrix: Floats
    per_rank: float
    whole: float
    build: Callable[[Floats, Floats], Built]

    def factors(self, options: LowRankOptions) -> tuple[Floats, Floats, float, float] | None:
        """Return both factors, the cost and the energy lost; None where two layers cost more."""
        u, s, v = np.linalg.svd(self.matrix.astype(np.float64), full_matrices=False)
        energy = np.square(s).cumsum()
        total = float(energy[-1])
        if options.ratio is not None:
            rank = max(1, min(len(s), int(options.ratio * self.whole / self.per_rank)))
        else:
            rank = int((energy < options.energy * total).sum()) + 1
        rank = min(rank, len(s))
        price = rank * self.per_rank
        if price >= self.whole:
            return None
        root = np.sqrt(s[:rank])
        lost = 1 - float(energy[rank - 1]) / total if total else 0.0
        left, right = u[:, :rank] * root, root[:, None] * v[:rank]
        return left.astype(np.float32), right.astype(np.float32), price, lost


def thinner(splits: Sequence[Split[Built]], options: LowRankOptions) -> Built | None:
    """Return the two layers of the best of `splits`: of least cost by energy, of least loss by
    ratio; None where none costs less than the layer.
    """
    found = [(s, f) for s in splits if (f := s.factors(options)) is not None]
    if not found:
        return None
    order = 2 if options.ratio is None else 3
    split, best = min(found, key=lambda item: item[1][order])
    return split.build(best[0], best[1])


def linear_split(matrix: Floats, build: Callable[[Floats, Floats], Built]) -> Split[Built]:
    """A product by (outputs, inputs)."""
    o, i = matrix.shape
    return Split(matrix, o + i, o * i, build)


def channel_split(weight: Floats, build: Callable[[Floats, Floats], Built]) -> Split[Built]:
    """A convolution (outputs, inputs, kernel...) to few channels, then 1 x 1; `build` gets the
    filters (r, inputs, kernel...) second, and (outputs, r, 1...) first.
    """
    o = len(weight)
    matrix = weight.reshape(o, -1)
    points = (1,) * (weight.ndim - 2)

    def shaped(left: Floats, right: Floats) -> Built:
        r = len(right)
        return build(left.reshape(o, r, *points), right.reshape(r, *weight.shape[1:]))

    return Split(matrix, matrix.shape[1] + o, matrix.size, shaped)


def spatial_split(
    weight: Floats, stride: int, build: Callable[[Floats, Floats], Built]
) -> Split[Built]:
    """A convolution (outputs, inputs, h, w) down, then across; `stride` across. `build` gets
    (outputs, r, 1, w) and (r, inputs, h, 1).
    """
    o, i, h, w = weight.shape
    matrix = weight.transpose(0, 3, 1, 2).reshape(o * w, i * h)

    def shaped(left: Floats, right: Floats) -> Built:
        r = len(right)
        across = left.reshape(o, w, r).transpose(0, 2, 1).reshape(o, r, 1, w)
        return build(np.ascontiguousarray(across), right.reshape(r, i, h, 1))

    # The first half runs on all columns, of which the second keeps one in `stride`.
    return Split(matrix, i * h * stride + o * w, weight.size, shaped)
