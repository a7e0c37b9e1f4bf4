"""Coarse to fine through the levels of a picture, the same steps for encoder and decoder
(spec/image.md).

The only difference between the two is where symbols come from: a `Coder` that is handed means and
table indexes and returns the symbols, by rounding coefficients (encoder) or by entropy decoding
(decoder).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pauca.image import glue, layout
from pauca.image.filters import mend
from pauca.image.layout import LEVELS
from pauca.image.networks import SHARED_FROM, Networks
from pauca.pixels.lifting import synthesis_level

UP = 32
CHROMA = "c"
PARTS = (
    "0",
    "1",
    "2",
    "3",
    CHROMA,
    "d",
)  # four passes of luma, one of chroma, what leaves the level


class Coder(Protocol):
    """Source of symbols."""

    def low(self, shape: tuple[int, int, int]) -> NDArray[np.int32]:
        """Quantized lowest band (3, h, w)."""

    def mask(self, level: int, octaves: NDArray[np.int8]) -> None:
        """Octaves (h, w, 2) in 1/8 that the steps of luma and chroma grow by; before `details`."""

    def details(
        self, level: int, part: str, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Symbols (h * w * k,) of pass `part` ("0".."3", "c") of a level from means and indexes (h,
        w, k).
        """


@dataclass(frozen=True)
class Reconstruction:
    """What the post-filter needs: planes (3, H, W) in 1/16 and features (H/4, W/4, C)."""

    planes: NDArray[np.int32]
    features: NDArray[np.uint8]


def walk(networks: Networks, height: int, width: int, code: int, coder: Coder) -> Reconstruction:
    """Go through all levels of a padded picture (sides multiples of 128) at quality code 0..400."""
    pack = networks.pack
    table = layout.compand_table()
    low = coder.low((3, height >> LEVELS, width >> LEVELS))
    low = dequantize_low(low, int(pack.low_steps[code]))
    up = np.zeros((height >> (LEVELS + 1), width >> (LEVELS + 1), UP), np.uint8)
    for level in range(LEVELS, 0, -1):
        h, w = height >> (level + 1), width >> (level + 1)
        planes = np.empty((h, w, 2), np.uint8)
        planes[:] = ((code + 2) // 4, 16 * level)
        seen = glue.differences(low, int(pack.reciprocals[code, level]), table)
        out = dict(networks.run(level, PARTS[0], {"low": seen, "up": up, "planes": planes}))
        mask = out.pop("mask", None)
        if mask is not None:
            coder.mask(level, mask.astype(np.int8, copy=False))
        values, context = [], []
        for part, following in pairwise(PARTS):
            f, head = out.values()
            y = code_pass(coder, level, part, head)
            values.append(y)
            context.append(glue.compand(y, table))
            known = context[-1] if part == CHROMA else np.concatenate(context, 2)
            out = dict(networks.run(level, following, {"f": f, "y": known}))
        up = next(iter(out.values())).astype(np.uint8, copy=False)
        luma, chroma = np.concatenate(values[:-1], 2), values[-1]
        if mask is not None:
            luma, chroma = glue.unmask(luma, mask[..., :1]), glue.unmask(chroma, mask[..., 1:])
        details = glue.dequantize(luma, chroma, pack.steps[code, level - 1])
        low = synthesis_level(low, details)
        if level > 1 and "g" in out:
            name = f"m{min(level, SHARED_FROM)}"
            low = mend(networks, name, low, out["g"].astype(np.uint8), code, level - 1)
    return Reconstruction(low, up)  # at level 1: the features that leave it


def code_pass(coder: Coder, level: int, part: str, head: NDArray[np.integer]) -> NDArray[np.int32]:
    """Head (h, w, 2k) of a pass to its values (h, w, k) in 1/16 steps."""
    half = head.shape[2] // 2
    mean16 = np.ascontiguousarray(head[..., :half], dtype=np.int16)
    indexes = np.ascontiguousarray(head[..., half:], dtype=np.uint8)
    return glue.merge_values(coder.details(level, part, mean16, indexes), mean16)


def dequantize_low(low: NDArray[np.int32], step: int) -> NDArray[np.int32]:
    """Integers of the lowest band to 1/16 grey levels, bounded so that later sums stay small."""
    value = (low.astype(np.int64) * (16 * step) + 128) >> 8
    bounded: NDArray[np.int32] = value.clip(-glue.DETAIL_MAX, glue.DETAIL_MAX).astype(np.int32)
    return bounded
