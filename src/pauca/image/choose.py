"""The encoder's choice of integers: plain rounding, or rounding that weighs squared error against
bits.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.coding import Tables
from pauca.image import layout
from pauca.image.coder import CHROMA
from pauca.pack.image import ImagePack
from pauca.pack.wavelet import WaveletPack

# Share of the training's Lagrangian, by what the pack was trained for: a value moved towards zero
# also misleads contexts and the post-filter, which the greedy choice does not see, and takes
# contrast, which MS-SSIM misses more than squared error does. Measured on photographs.
SHARES = {"psnr": 0.25, "mix": 0.0625, "ssim": 0.0}


def is_thrifty(pack: ImagePack, effort: int) -> bool:
    """Whether rounding weighs bits; else it is plain."""
    return effort > 1 and SHARES[pack.measure] > 0


@dataclass(frozen=True)
class CostTable:
    """Bits saved by moving a symbol of magnitude 1..MOVES one towards zero, per table, and the
    steps they are weighed with.
    """

    saving: NDArray[np.float32]  # (tables, MOVES + 1)
    weight: NDArray[
        np.float32
    ]  # (qualities, levels, 3, 3): base step squared over step squared, times lmbda

    def weights(self, code: int, level: int, part: str, channels: int) -> NDArray[np.float32]:
        """Price of a bit in squared steps for each of the channels of a pass (channels,)."""
        w = self.weight[code, level - 1]
        return np.repeat(w[1:].ravel(), 4) if part == CHROMA else w[0]


MOVES = 3


def cost_table(pack: WaveletPack) -> CostTable:
    """The cost table of a pack, made once."""
    if "costs" not in pack.runtimes:
        pack.runtimes["costs"] = CostTable(savings(pack.tables), _weights(pack))
    table: CostTable = pack.runtimes["costs"]
    return table


def savings(tables: Tables) -> NDArray[np.float32]:
    """Bits saved by a step towards zero, (tables, MOVES + 1), by magnitude."""
    rows = np.arange(len(tables))[:, None]
    reach = -tables.offset[:, None]
    magnitude = np.minimum(np.arange(MOVES + 1), reach)
    bits = tables.bits()[rows, reach + magnitude]
    out = np.zeros_like(bits)
    out[:, 1:] = bits[:, 1:] - bits[:, :-1]
    return out.astype(np.float32)


def _weights(pack: WaveletPack) -> NDArray[np.float32]:
    gains = np.array(
        [
            [layout.band_gain(level + 1, b, pack.wavelets) for b in range(layout.BANDS)]
            for level in range(layout.LEVELS)
        ]
    )
    orthonormal = pack.steps / 256.0 / gains[None, :, None, :]
    base = layout.base_step(np.arange(layout.QUALITIES) / 4.0)
    return prices_of(orthonormal, base[:, None, None, None], pack)


def prices_of(
    steps: NDArray[np.float64], base: NDArray[np.float64], pack: ImagePack
) -> NDArray[np.float32]:
    """Price of a bit in squared steps, of steps in grey levels where the base step is `base`."""
    price: NDArray[np.float64] = SHARES[pack.measure] * pack.lmbda * (base / steps) ** 2
    return price.astype(np.float32)


def error_price(code: int, lmbda: float) -> float:
    """Bits that a squared grey level of one of three colours is worth at quality code 0..400."""
    return float(1.0 / (3.0 * lmbda * layout.base_step(np.array(code / 4.0)) ** 2))


def round_plain(residual: NDArray[np.float32]) -> NDArray[np.int16]:
    """Nearest integers, bounded to int16."""
    return np.rint(residual).clip(-32767, 32767).astype(np.int16)


def round_thrifty(
    residual: NDArray[np.float32],
    indexes: NDArray[np.uint8],
    weights: NDArray[np.float32],
    costs: CostTable,
) -> NDArray[np.int16]:
    """Nearest integers, moved one towards zero where the bits saved outweigh the error added.

    residual and indexes (n,), channel-last order; weights (channels,), a divisor of n.
    """
    symbols = round_plain(residual)
    where = np.flatnonzero(symbols)
    if where.size == 0:
        return symbols
    q = symbols[where].astype(np.float32)
    magnitude = np.abs(q)
    away = magnitude - np.abs(residual[where]) * (np.sign(residual[where]) == np.sign(q))
    added = 1.0 - 2.0 * away  # (1 - a)**2 - a**2 where a = distance by which rounding went outwards
    saved = costs.saving[indexes[where], np.minimum(magnitude, MOVES).astype(np.intp)]
    move = weights[where % weights.size] * saved > added
    symbols[where[move]] -= np.sign(q[move]).astype(np.int16)
    return symbols
