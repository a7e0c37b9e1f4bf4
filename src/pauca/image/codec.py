"""Pictures <-> streams: pad, analyse, walk the levels, entropy code, and back (spec/image.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pauca.coding import LatentDecoder, encode_latents
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.headers import ImageHeader, decode_image_header, encode_image_header
from pauca.errors import EntropyError, FormatError, InputError
from pauca.image import glue, layout, lowband
from pauca.image.choose import CostTable, cost_table, round_plain, round_thrifty
from pauca.image.filters import residuals
from pauca.image.layout import ALIGN, LEVELS
from pauca.image.networks import Networks
from pauca.image.post import mended_pixels
from pauca.image.walk import CHROMA, PARTS, walk
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pack.registry import find_pack
from pauca.pack.runtime import default_threads
from pauca.pixels.colour import grey_from_rgb, ycc_from_rgb
from pauca.pixels.lifting import analysis

BYTES_PER_PIXEL = 60  # of working memory, measured at its peak, rounded up
PAYLOAD = "D"
ALPHA = "A"
LOW_MAX = (1 << 14) - 1  # so that differences of the lowest band fit int16


@dataclass(frozen=True)
class EncodeOptions:
    """`quality` 0..100 (higher is better), `effort` 1..9 (higher is slower), `threads` 0 for all
    cores.
    """

    quality: float = 50.0
    effort: int = 3
    threads: int = 0
    runtime: str = "native"


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


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Sides rounded up to what the transform needs."""
    return height + -height % ALIGN, width + -width % ALIGN


def encode_image(
    pixels: NDArray[np.uint8],
    pack: ImagePack,
    options: EncodeOptions = EncodeOptions(),
    extras: Sequence[Chunk] = (),
) -> bytes:
    """Code (H, W) grey or (H, W, 3) RGB uint8 pixels with a pack; InputError on other arrays or
    options. `extras` are chunks that stand between header and payload.
    """
    if (
        pixels.dtype != np.uint8
        or pixels.ndim not in (2, 3)
        or (pixels.ndim == 3 and pixels.shape[2] != 3)
    ):
        raise InputError(
            f"pixels must be uint8 (H, W) or (H, W, 3), not {pixels.dtype} {pixels.shape}"
        )
    if min(pixels.shape[:2]) < 1 or not 0 <= options.quality <= 100 or not 1 <= options.effort <= 9:
        raise InputError("an empty picture, a quality outside 0..100 or an effort outside 1..9")
    height, width = pixels.shape[:2]
    full = padded_size(height, width)
    code = round(options.quality * (layout.QUALITIES - 1) / 100)
    padded = np.pad(
        pixels,
        ((0, full[0] - height), (0, full[1] - width)) + ((0, 0),) * (pixels.ndim - 2),
        "edge",
    )
    networks = Networks(pack, options.runtime, options.threads or default_threads())
    bands, low = analysis(prefiltered(networks, ycc_from_rgb(padded), code), LEVELS)
    costs = cost_table(pack) if options.effort > 1 else None
    encoder = Encoder(pack, code, low, bands, costs)
    walk(networks, *full, code, encoder)
    segments = [part.size for part in encoder.symbols]
    latents = encode_latents(
        np.concatenate(encoder.symbols), np.concatenate(encoder.indexes), pack.tables, segments
    )
    channels = 1 if pixels.ndim == 2 else 3
    header = ImageHeader(width, height, channels, pack.info.pack_id, code)
    return encode_stream(
        [Chunk("I", encode_image_header(header)), *extras, Chunk(PAYLOAD, encoder.head + latents)]
    )


def prefiltered(networks: Networks, planes: NDArray[np.float32], code: int) -> NDArray[np.float32]:
    """Centred YCbCr (3, H, W) without what costs more bits than it is worth, if the pack says."""
    if "pre" not in networks.pack.programs:
        return planes
    planes16 = np.rint(planes * np.float32(16)).astype(np.int32)
    for tile, residual in residuals(networks, "pre", planes16, None, code):
        planes[:, *tile.outside()] += residual.astype(np.float32) / np.float32(16)
    return planes


def decode_image(
    data: bytes,
    limits: Limits | None = None,
    packs: Sequence[Path] = (),
    threads: int = 0,
    runtime: str = "native",
) -> NDArray[np.uint8]:
    """Decode a picture stream to (H, W) or (H, W, 3) uint8, its alpha left out; `packs` are folders
    searched besides the shipped packs.
    """
    limits = limits or Limits()
    header, payload = parse(data, limits)
    pack = find_pack(header.pack_id, packs)
    full = padded_size(header.height, header.width)
    limits.check_memory(full[0] * full[1] * BYTES_PER_PIXEL, "decoding")
    if header.quality >= layout.QUALITIES:
        raise FormatError(f"quality code {header.quality} is above {layout.QUALITIES - 1}")
    if len(payload) < lowband.HEAD_BYTES:
        raise EntropyError("the payload is too short")
    lowband.check(payload[: lowband.HEAD_BYTES], pack.tables)
    decoder = Decoder(
        payload[: lowband.HEAD_BYTES], LatentDecoder(payload[lowband.HEAD_BYTES :], pack.tables)
    )
    threads = threads or default_threads()
    networks = Networks(pack, runtime, threads)
    picture = walk(networks, *full, header.quality, decoder)
    decoder.latents.finish()
    rgb = mended_pixels(networks, picture, header.quality)[: header.height, : header.width]
    return grey_from_rgb(rgb) if header.channels == 1 else np.ascontiguousarray(rgb)


def parse(data: bytes, limits: Limits) -> tuple[ImageHeader, bytes]:
    """Header and payload of a picture stream."""
    chunks = decode_stream(data, ("I", ALPHA, PAYLOAD), limits)
    if [chunk.type for chunk in chunks] not in (["I", PAYLOAD], ["I", ALPHA, PAYLOAD]):
        raise FormatError("a picture stream has one header and one payload, and alpha between them")
    return decode_image_header(chunks[0].payload, limits), bytes(chunks[-1].payload)
