"""Pictures <-> streams: pad, analyse, walk the levels, entropy code, and back (spec/image.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pauca.coding import LatentDecoder, encode_latents
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.headers import ImageHeader, decode_image_header, encode_image_header
from pauca.errors import EntropyError, FormatError, InputError
from pauca.image import layout, lowband
from pauca.image.choose import cost_table
from pauca.image.filters import residuals
from pauca.image.layout import ALIGN, LEVELS
from pauca.image.networks import Networks
from pauca.image.post import mended_pixels
from pauca.image.symbols import Decoder, Encoder
from pauca.image.walk import Reconstruction, walk
from pauca.limits import Limits
from pauca.pack.image import ImagePack
from pauca.pack.registry import find_pack
from pauca.pack.runtime import default_threads
from pauca.pixels.colour import grey_from_rgb, ycc_from_rgb
from pauca.pixels.lifting import analysis

BYTES_PER_PIXEL = 60  # of working memory, measured at its peak, rounded up
PAYLOAD = "D"
ALPHA = "A"
CODED = ("I", ALPHA, PAYLOAD)  # what a picture is made of, in its order


@dataclass(frozen=True)
class EncodeOptions:
    """`quality` 0..100 (higher is better), `effort` 1..9 (higher is slower), `threads` 0 for all
    cores.
    """

    quality: float = 50.0
    effort: int = 3
    threads: int = 0
    runtime: str = "native"


def padded_size(height: int, width: int) -> tuple[int, int]:
    """Sides rounded up to what the transform needs."""
    return height + -height % ALIGN, width + -width % ALIGN


@dataclass(frozen=True)
class Coded:
    """A picture coded at one quality: what its stream is made of."""

    header: ImageHeader
    payload: bytes

    def stream(self, extras: Sequence[Chunk] = ()) -> bytes:
        """The complete stream, with chunks `extras` between header and payload."""
        header = Chunk("I", encode_image_header(self.header))
        return encode_stream([header, *extras, Chunk(PAYLOAD, self.payload)])


class PictureEncoder:
    """Codes one picture at any quality; what does not depend on the quality is done once.

    pixels: (H, W) grey or (H, W, 3) RGB uint8. `InputError` on other arrays or options.
    """

    def __init__(
        self, pixels: NDArray[np.uint8], pack: ImagePack, options: EncodeOptions = EncodeOptions()
    ):
        _check(pixels, options)
        self.pixels = pixels
        self.networks = Networks(pack, options.runtime, options.threads or default_threads())
        height, width = pixels.shape[:2]
        self._full = padded_size(height, width)
        padded = np.pad(
            pixels,
            ((0, self._full[0] - height), (0, self._full[1] - width))
            + ((0, 0),) * (pixels.ndim - 2),
            "edge",
        )
        planes = ycc_from_rgb(padded)
        self._planes = planes if "pre" in pack.programs else None
        self._analysed = None if "pre" in pack.programs else analysis(planes, LEVELS)
        self._costs = cost_table(pack) if options.effort > 1 else None

    def encode(self, code: int) -> tuple[Coded, Reconstruction]:
        """Code at quality code 0..400; the reconstruction is that of decoders."""
        pack = self.networks.pack
        bands, low = self._analysis(code)
        encoder = Encoder(pack, code, low, bands, self._costs)
        picture = walk(self.networks, *self._full, code, encoder)
        segments = [part.size for part in encoder.symbols]
        latents = encode_latents(
            np.concatenate(encoder.symbols), np.concatenate(encoder.indexes), pack.tables, segments
        )
        height, width = self.pixels.shape[:2]
        channels = 1 if self.pixels.ndim == 2 else 3
        header = ImageHeader(width, height, channels, pack.info.pack_id, code)
        return Coded(header, encoder.head + latents), picture

    def _analysis(self, code: int) -> tuple[list[NDArray[np.float32]], NDArray[np.float32]]:
        if self._analysed is not None:
            return self._analysed
        assert self._planes is not None  # one of the two is there
        return analysis(prefiltered(self.networks, self._planes.copy(), code), LEVELS)


def quality_code(quality: float) -> int:
    """Code 0..400 in the header of quality 0..100."""
    return round(quality * (layout.QUALITIES - 1) / 100)


def encode_image(
    pixels: NDArray[np.uint8],
    pack: ImagePack,
    options: EncodeOptions = EncodeOptions(),
    extras: Sequence[Chunk] = (),
) -> bytes:
    """Code (H, W) grey or (H, W, 3) RGB uint8 pixels with a pack; InputError on other arrays or
    options. `extras` are chunks that stand between header and payload.
    """
    encoder = PictureEncoder(pixels, pack, options)
    return encoder.encode(quality_code(options.quality))[0].stream(extras)


def _check(pixels: NDArray[np.uint8], options: EncodeOptions) -> None:
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
    networks = Networks(find_pack(header.pack_id, packs), runtime, threads or default_threads())
    return decode_payload(header, payload, networks, limits)


def decode_payload(
    header: ImageHeader, payload: bytes, networks: Networks, limits: Limits
) -> NDArray[np.uint8]:
    """Decode the two parts of a stream with the networks of its pack, as `decode_image`."""
    tables = networks.pack.tables
    full = padded_size(header.height, header.width)
    limits.check_memory(full[0] * full[1] * BYTES_PER_PIXEL, "decoding")
    if header.quality >= layout.QUALITIES:
        raise FormatError(f"quality code {header.quality} is above {layout.QUALITIES - 1}")
    if len(payload) < lowband.HEAD_BYTES:
        raise EntropyError("the payload is too short")
    lowband.check(payload[: lowband.HEAD_BYTES], tables)
    decoder = Decoder(
        payload[: lowband.HEAD_BYTES], LatentDecoder(payload[lowband.HEAD_BYTES :], tables)
    )
    picture = walk(networks, *full, header.quality, decoder)
    decoder.latents.finish()
    return finished_pixels(networks, picture, header)


def finished_pixels(
    networks: Networks, picture: Reconstruction, header: ImageHeader
) -> NDArray[np.uint8]:
    """What all levels gave to the (H, W) or (H, W, 3) uint8 pixels of the picture."""
    rgb = mended_pixels(networks, picture, header.quality)[: header.height, : header.width]
    return grey_from_rgb(rgb) if header.channels == 1 else np.ascontiguousarray(rgb)


def parse(data: bytes, limits: Limits) -> tuple[ImageHeader, bytes]:
    """Header and payload of a picture stream."""
    return parse_chunks(decode_stream(data, CODED, limits), limits)


def parse_chunks(chunks: Sequence[Chunk], limits: Limits) -> tuple[ImageHeader, bytes]:
    """Header and payload of a picture stream of these chunks, all that are CODED."""
    if [chunk.type for chunk in chunks] not in (["I", PAYLOAD], ["I", ALPHA, PAYLOAD]):
        raise FormatError("a picture stream has one header and one payload, and alpha between them")
    return decode_image_header(chunks[0].payload, limits), bytes(chunks[-1].payload)
