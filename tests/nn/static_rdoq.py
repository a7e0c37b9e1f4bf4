"""Weighted rate-distortion quantization under static rates, to compare the coder's own with."""

import numpy as np
from numpy.typing import NDArray

from pauca.nn.quantize.rates import contexts_of, count_rates


def static_levels(
    scaled: NDArray[np.float64], weight: NDArray[np.float64], lmbda: float, rounds: int = 3
) -> NDArray[np.int64]:
    """Return the levels (rows, columns) under static rates, counted anew after each round.

    `scaled`: weights in steps; `weight`: importance in squared steps, broadcast to them.
    """
    levels = np.rint(scaled).astype(np.int64)
    trial = np.stack([levels, levels - np.sign(levels), np.zeros_like(levels)])
    distortion = weight * (trial - scaled) ** 2
    for _ in range(rounds if lmbda > 0 else 0):
        contexts = contexts_of(levels)
        cost = distortion + lmbda * count_rates(levels, contexts).of(trial, contexts)
        levels = np.take_along_axis(trial, cost.argmin(0)[None], 0)[0]
    return levels
