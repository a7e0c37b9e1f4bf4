"""Where the symbols of a walk come from: rounding (encoder) or entropy decoding (decoder).

One payload is one stream of all symbols, or one stream for every tile (spec/image.md, "Tiles").
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from pauca.coding import LatentDecoder, encode_latents
from pauca.errors import EntropyError, TruncatedError
from pauca.image import glue, layout, lowband, tiling
from pauca.image.choose import CostTable, round_plain, round_thrifty
from pauca.image.coder import CHROMA, PARTS
from pauca.image.qualities import Qualities, by_code
from pauca.image.thrift import Ledger, Weights, on_cells
from pauca.image.window import Window
from pauca.pack.wavelet import WaveletPack

LOW_MAX = (1 << 14) - 1  # so that differences of the lowest band fit int16

Symbols = tuple[NDArray[np.int16], NDArray[np.uint8]]  # and the table of each
Bands = Callable[[int, Window], NDArray[np.float32]]  # level, samples: details (3, 3, h, w)


@dataclass
class TileEncoder:
    """Symbols of one tile by rounding; keeps them, in order, for the entropy coder."""

    encoder: Encoder
    level: int
    number: int
    window: Window  # of cells
    bands: NDArray[np.float32]  # (3, 3, 2h, 2w)
    parts: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    shrink: NDArray[np.float32] | None = None  # (h, w, 2): factors that mask luma and chroma
    segments: list[Symbols] = field(default_factory=list)

    def mask(self, octaves: NDArray[np.int8]) -> None:
        """Keep by how much the coefficients shrink."""
        factors = np.float32(4096) / layout.mask_table().astype(np.float32)
        self.shrink = factors[octaves.astype(np.intp) + layout.MASK_REACH]

    def details(
        self, part: str, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Round the pass's coefficients around their means."""
        level = self.level
        if part == PARTS[0]:
            self.parts = dict(zip(PARTS, self._in_steps(), strict=False))
            if self.shrink is not None:
                for name, values in self.parts.items():
                    values *= self.shrink[..., 1:] if name == CHROMA else self.shrink[..., :1]
        residual = (self.parts[part] - mean16.astype(np.float32) / np.float32(16)).ravel()
        symbols = self._rounded(residual, part, indexes)
        self.segments.append((symbols, indexes.ravel()))
        if self.encoder.ledger is not None:
            self.encoder.ledger.spend(level, self.window, symbols, indexes.ravel())
        return symbols

    def _in_steps(self) -> list[NDArray[np.float32]]:
        """The coefficients of every pass, in steps."""
        all_steps = self.encoder.pack.steps[:, self.level - 1].astype(np.float32) / np.float32(256)
        where = self.encoder.qualities.on(2 << self.level, self.window)
        if isinstance(where, int):
            return glue.gather(self.bands, all_steps[where])
        made = {int(code): glue.gather(self.bands, all_steps[code]) for code in np.unique(where)}

        def of_pass(number: int) -> NDArray[np.float32]:
            return by_code(where, lambda code: made[code][number])

        return [of_pass(number) for number in range(len(PARTS) - 1)]

    def _rounded(
        self, residual: NDArray[np.float32], part: str, indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        costs, thrift = self.encoder.costs, self.encoder.thrift
        if costs is None:
            return round_plain(residual)
        weights = self._prices(costs, part, indexes.shape[2])
        if thrift is not None:
            weights = on_cells(thrift, self.level, self.window)[..., None] * weights
        return round_thrifty(residual, indexes.ravel(), weights.ravel(), costs)

    def _prices(self, costs: CostTable, part: str, count: int) -> NDArray[np.float32]:
        """Price of a bit in squared steps: (count,), or (h, w, count) where qualities differ."""
        where = self.encoder.qualities.on(2 << self.level, self.window)
        if isinstance(where, int):
            return costs.weights(where, self.level, part, count)
        codes, which = np.unique(where, return_inverse=True)
        known = np.stack([costs.weights(int(code), self.level, part, count) for code in codes])
        prices: NDArray[np.float32] = known[which.reshape(where.shape)]
        return prices

    def finish(self) -> None:
        """Hand the symbols over."""
        self.encoder.keep(self.level, self.number, self.segments)
        self.segments, self.parts = [], {}


@dataclass
class Encoder:
    """Symbols by rounding, for one stream of all of them."""

    pack: WaveletPack
    qualities: Qualities
    low_band: NDArray[np.float32]
    bands: Bands
    costs: CostTable | None
    tile_cells: int = 0
    thrift: Weights | None = None  # of bits, in the usual one, by block
    ledger: Ledger | None = None
    head: bytes = b""
    segments: list[Symbols] = field(default_factory=list)

    def again(self, thrift: Weights, ledger: Ledger) -> Encoder:
        """The same for a trial, with nothing coded yet."""
        return replace(self, thrift=thrift, ledger=ledger, segments=[])

    def low(self, shape: tuple[int, int, int]) -> NDArray[np.int32]:
        """Quantize the lowest band and keep its differences."""
        step = float(self.pack.low_steps[self.qualities.code]) / 256.0
        low: NDArray[np.int32] = (
            np.rint(self.low_band / step).clip(-LOW_MAX, LOW_MAX).astype(np.int32)
        )
        symbols, self.head = lowband.to_symbols(low, self.pack.tables)
        self.segments.append((symbols, lowband.indexes(self.head, shape)))
        return low

    def tile(self, level: int, number: int, window: Window) -> TileEncoder:
        """What codes the cells in `window`."""
        return TileEncoder(self, level, number, window, self.bands(level, window.scale(2)))

    def keep(self, level: int, number: int, segments: list[Symbols]) -> None:
        """Take the symbols of a tile."""
        self.segments += segments

    def payload(self) -> bytes:
        """The payload, once all is coded."""
        return self.head + self._stream(self.segments)

    def _stream(self, segments: Sequence[Symbols]) -> bytes:
        symbols, indexes = zip(*segments, strict=True)
        sizes = [part.size for part in symbols]
        return encode_latents(
            np.concatenate(symbols), np.concatenate(indexes), self.pack.tables, sizes
        )


@dataclass
class TiledEncoder(Encoder):
    """Symbols by rounding, for one stream a tile."""

    done: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def again(self, thrift: Weights, ledger: Ledger) -> TiledEncoder:
        """The same for a trial, with nothing coded yet."""
        return replace(self, thrift=thrift, ledger=ledger, segments=[], done={})

    def keep(self, level: int, number: int, segments: list[Symbols]) -> None:
        """Code the symbols of a tile."""
        self.done[level, number] = self._stream(segments)

    def tiled(self) -> tiling.Tiled:
        """The parts of the payload, once all is coded."""
        log_side = self.tile_cells.bit_length() - 1
        levels = [
            [data for (of, _), data in sorted(self.done.items()) if of == level]
            for level in range(layout.LEVELS, 0, -1)
        ]
        return tiling.Tiled(log_side, self.payload(), levels)


class TileDecoder:
    """Symbols of one tile by entropy decoding; `alone` if the stream holds nothing else."""

    def __init__(self, latents: LatentDecoder, alone: bool) -> None:
        self._latents, self._alone = latents, alone

    def mask(self, octaves: NDArray[np.int8]) -> None:
        """Nothing to do: symbols are what they are."""

    def details(
        self, part: str, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Decode the pass's symbols."""
        return self._latents.decode(indexes.ravel())

    def finish(self) -> None:
        """Check that the stream of a tile was whole."""
        if self._alone:
            self._latents.finish()


class Decoder:
    """Symbols by entropy decoding of one stream of all of them, or of its beginning."""

    tile_cells = 0

    def __init__(self, payload: bytes, pack: WaveletPack) -> None:
        self.pack = pack
        if len(payload) < lowband.HEAD_BYTES:
            raise EntropyError("the payload is too short")
        self._head = payload[: lowband.HEAD_BYTES]
        lowband.check(self._head, pack.tables)
        self.latents = LatentDecoder(payload[lowband.HEAD_BYTES :], pack.tables)

    def low(self, shape: tuple[int, int, int]) -> NDArray[np.int32]:
        """Decode the lowest band and sum its differences."""
        return lowband.from_symbols(self.latents.decode(lowband.indexes(self._head, shape)), shape)

    def tile(self, level: int, number: int, window: Window) -> TileDecoder:
        """What decodes the only tile of a level."""
        return TileDecoder(self.latents, alone=False)


class TiledDecoder(Decoder):
    """Symbols by entropy decoding of one stream a tile."""

    def __init__(self, tiled: tiling.Tiled, pack: WaveletPack) -> None:
        super().__init__(tiled.lowest, pack)
        self._levels = tiled.levels
        self.tile_cells = tiled.tile_cells

    def low(self, shape: tuple[int, int, int]) -> NDArray[np.int32]:
        """Decode the lowest band, which is all of its stream."""
        low = super().low(shape)
        self.latents.finish()
        return low

    def tile(self, level: int, number: int, window: Window) -> TileDecoder:
        """What decodes tile `number` of a level."""
        place = layout.LEVELS - level
        if place >= len(self._levels):
            raise TruncatedError(f"the stream ends before level {level}")
        data = bytes(self._levels[place][number])
        return TileDecoder(LatentDecoder(data, self.pack.tables), alone=True)
