"""Where the symbols of a walk come from: rounding (encoder) or entropy decoding (decoder)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from pauca.coding import LatentDecoder
from pauca.image import glue, layout, lowband
from pauca.image.choose import CostTable, round_plain, round_thrifty
from pauca.image.walk import CHROMA, PARTS
from pauca.pack.image import ImagePack

LOW_MAX = (1 << 14) - 1  # so that differences of the lowest band fit int16


@dataclass
class Encoder:
    """Symbols by rounding; keeps them, in order, for the entropy coder."""

    pack: ImagePack
    code: int
    low_band: NDArray[np.float32]
    bands: list[NDArray[np.float32]]
    costs: CostTable | None
    symbols: list[NDArray[np.int16]] = field(default_factory=list)
    indexes: list[NDArray[np.uint8]] = field(default_factory=list)
    head: bytes = b""
    parts: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    shrink: NDArray[np.float32] | None = None  # (h, w, 2): factors that mask luma and chroma

    def low(self, shape: tuple[int, int, int]) -> NDArray[np.int32]:
        """Quantize the lowest band and keep its differences."""
        step = float(self.pack.low_steps[self.code]) / 256.0
        low: NDArray[np.int32] = (
            np.rint(self.low_band / step).clip(-LOW_MAX, LOW_MAX).astype(np.int32)
        )
        symbols, self.head = lowband.to_symbols(low, self.pack.tables)
        self.symbols.append(symbols)
        self.indexes.append(lowband.indexes(self.head, shape))
        return low

    def mask(self, level: int, octaves: NDArray[np.int8]) -> None:
        """Keep by how much the coefficients of the level shrink."""
        factors = np.float32(4096) / layout.mask_table().astype(np.float32)
        self.shrink = factors[octaves.astype(np.intp) + layout.MASK_REACH]

    def details(
        self, level: int, part: str, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Round the pass's coefficients around their means."""
        steps = self.pack.steps[self.code, level - 1]
        if part == PARTS[0]:
            scaled = glue.gather(self.bands[level - 1], steps.astype(np.float32) / np.float32(256))
            self.parts = dict(zip(PARTS, scaled, strict=False))
            if self.shrink is not None:
                for name, values in self.parts.items():
                    values *= self.shrink[..., 1:] if name == CHROMA else self.shrink[..., :1]
        residual = (self.parts[part] - mean16.astype(np.float32) / np.float32(16)).ravel()
        if self.costs is None:
            symbols = round_plain(residual)
        else:
            weights = self.costs.weights(self.code, level, part, mean16.shape[2])
            symbols = round_thrifty(residual, indexes.ravel(), weights, self.costs)
        self.symbols.append(symbols)
        self.indexes.append(indexes.ravel())
        return symbols


@dataclass
class Decoder:
    """Symbols by entropy decoding."""

    head: bytes
    latents: LatentDecoder

    def low(self, shape: tuple[int, int, int]) -> NDArray[np.int32]:
        """Decode the lowest band and sum its differences."""
        return lowband.from_symbols(self.latents.decode(lowband.indexes(self.head, shape)), shape)

    def mask(self, level: int, octaves: NDArray[np.int8]) -> None:
        """Nothing to do: symbols are what they are."""

    def details(
        self, level: int, part: str, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Decode the pass's symbols."""
        return self.latents.decode(indexes.ravel())
