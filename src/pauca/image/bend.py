"""Values whose steps grow with them (spec/image.md, "Bent values").

Where a pack bends, a coefficient y in steps is coded as sign(y) ((1 + |y|)**p - 1) / p: errors may
be larger where detail is strong, which MS-SSIM asks for and one step for all cannot give (pointwise
masking: Zeng, Daly and Lei, 2002). Decoders take the inverse from integers that the pack holds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.image.glue import VALUE_MAX
from pauca.pack.wavelet import BEND_KNOTS as KNOTS

SUB = 16  # knots of an octave, from 0 to 2**20 sixteenths of a step
OCTAVES = (KNOTS - 1) // SUB - 1
DIRECT = 4096  # magnitudes that are looked up; larger ones are rare
LIMIT = (1 << 20) - 1  # of a magnitude, as that of every value


def places() -> NDArray[np.int64]:
    """Magnitudes (KNOTS,) in 1/16 steps where the inverse is kept: 0..32, then 16 an octave."""
    first = np.arange(2 * SUB, dtype=np.int64)
    later = [np.arange(SUB, 2 * SUB, dtype=np.int64) << e for e in range(1, OCTAVES)]
    return np.concatenate([first, *later, [np.int64(2 * SUB) << (OCTAVES - 1)]])


def knots(power: float) -> NDArray[np.int32]:
    """The inverse at `places`, in 1/16 steps, (KNOTS,) for 0 < power <= 1."""
    bent = places() / 16.0
    values: NDArray[np.float64] = 16.0 * ((1.0 + power * bent) ** (1.0 / power) - 1.0)
    return np.rint(values).clip(0, VALUE_MAX).astype(np.int32)


def bend(y: NDArray[np.float32], power: float) -> NDArray[np.float32]:
    """Values in steps as they are coded."""
    magnitude = (np.float32(1) + np.abs(y)) ** np.float32(power)
    bent: NDArray[np.float32] = np.copysign((magnitude - np.float32(1)) / np.float32(power), y)
    return bent


@dataclass(frozen=True)
class Unbend:
    """The inverse of one level and colour."""

    knots: NDArray[np.int32]  # (KNOTS,)
    direct: NDArray[np.int32]  # (DIRECT,)

    def __call__(self, y16: NDArray[np.int32]) -> NDArray[np.int32]:
        """Decoded values of any shape, in 1/16 steps, to those before they were bent."""
        magnitude = np.abs(y16)
        large = magnitude >= DIRECT
        out = self.direct[np.minimum(magnitude, DIRECT - 1)]
        if large.any():
            out[large] = between(self.knots, magnitude[large])
        return np.where(y16 < 0, -out, out)


def unbend(knots: NDArray[np.int32]) -> Unbend:
    """The inverse that these knots describe."""
    return Unbend(knots, between(knots, np.arange(DIRECT, dtype=np.int32)))


def between(knots: NDArray[np.int32], magnitude: NDArray[np.int32]) -> NDArray[np.int32]:
    """The inverse at magnitudes in 1/16 steps: integers, linear between knots."""
    m = np.minimum(magnitude, LIMIT).astype(np.int64)
    e = np.maximum(np.frexp(m.astype(np.float64))[1].astype(np.int64) - 5, 0)
    at = SUB * e + (m >> e)
    low, high = knots[at].astype(np.int64), knots[at + 1].astype(np.int64)
    value: NDArray[np.int64] = low + (((high - low) * (m & ((1 << e) - 1))) >> e)
    return value.astype(np.int32)
