"""Pictures <-> symbols of an autoencoder pack, the same steps in the same order (spec/vae.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pauca.coding import LatentDecoder, encode_latents
from pauca.container.chunks import Chunk
from pauca.container.headers import ImageHeader
from pauca.errors import FormatError
from pauca.image import glue
from pauca.image.analysis import Planes, Rows
from pauca.image.choose import CostTable, prices_of, round_plain, round_thrifty, savings
from pauca.image.coded import Coded, EncodeOptions, check_pixels, header_of
from pauca.image.filters import heads, mend_to_rgb, pieces, step_of
from pauca.image.graphics import reduced_means
from pauca.image.layout import CELL, base_step, compand_table
from pauca.image.networks import Networks
from pauca.image.parse import PAYLOAD, Payload, check_memory
from pauca.image.tiling import padded_size
from pauca.image.vae import layout
from pauca.image.view import View
from pauca.image.window import Span, Window
from pauca.image.workers import Workers
from pauca.limits import Limits
from pauca.pack.runtime import default_threads
from pauca.pack.vae import SIDE, VaePack, vae_of
from pauca.pixels.colour import grey_from_rgb

HYPER = 4  # blocks along the side of what a vector z is for
STRIPE = 16  # rows of blocks at once


class Coder(Protocol):
    """Where symbols come from."""

    def hyper(self, indexes: NDArray[np.uint8]) -> NDArray[np.int16]:
        """z_hat (h, w, Z) of these tables."""

    def values(
        self, number: int, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Symbols (h * w * M,) of pass `number` from means and tables (h, w, M)."""


@dataclass
class Encoder:
    """Symbols by rounding y (h, w, M) in steps and z (h/4, w/4, Z), kept in order."""

    y: NDArray[np.float32]
    z: NDArray[np.int16]
    costs: CostTable | None
    segments: list[tuple[NDArray[np.int16], NDArray[np.uint8]]] = field(default_factory=list)

    def hyper(self, indexes: NDArray[np.uint8]) -> NDArray[np.int16]:
        """z as it is."""
        self.segments.append((self.z.ravel(), indexes.ravel()))
        return self.z

    def values(
        self, number: int, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Round around the means."""
        residual = (
            layout.gather(self.y, number) - mean16.astype(np.float32) / np.float32(16)
        ).ravel()
        if self.costs is None:
            symbols = round_plain(residual)
        else:
            prices = layout.dealt(self.costs.weight)
            symbols = round_thrifty(residual, indexes.ravel(), prices, self.costs)
        self.segments.append((symbols, indexes.ravel()))
        return symbols

    def payload(self, pack: VaePack) -> bytes:
        """The payload, once all is coded."""
        symbols, indexes = (np.concatenate(part) for part in zip(*self.segments, strict=True))
        sizes = [part.size for part, _ in self.segments]
        return encode_latents(symbols, indexes, pack.tables, sizes)


class Decoder:
    """Symbols by entropy decoding."""

    def __init__(self, payload: bytes, pack: VaePack) -> None:
        self.latents = LatentDecoder(payload, pack.tables)

    def hyper(self, indexes: NDArray[np.uint8]) -> NDArray[np.int16]:
        """Decode z; FormatError where it is larger than encoders write."""
        z = self.latents.decode(indexes.ravel()).reshape(indexes.shape)
        if np.abs(z.astype(np.int32)).max() > layout.HYPER_REACH:
            raise FormatError(f"a hyper-latent is beyond {layout.HYPER_REACH}")
        return z

    def values(
        self, number: int, mean16: NDArray[np.int16], indexes: NDArray[np.uint8]
    ) -> NDArray[np.int16]:
        """Decode a pass."""
        return self.latents.decode(indexes.ravel())


class VaeEncoder:
    """Codes one picture at any quality, as `PictureEncoder` does. Efforts from 2 on choose symbols
    by what they cost; there is no more to higher ones.
    """

    def __init__(self, pixels: Rows, pack: VaePack, options: EncodeOptions) -> None:
        check_pixels(pixels, options)
        self.pixels, self.pack = pixels, pack
        self.networks = Networks(pack, options.runtime, options.threads or default_threads())
        self.size = padded_size(*pixels.shape[:2])
        self._effort = options.effort

    def encode(self, code: int) -> Coded:
        """Code at quality code 0..400."""
        encoder = self._encoder(code)
        code_all(self.networks, code, self.size, encoder)
        return self._coded(code, encoder)

    def encode_and_decode(self, code: int) -> tuple[Coded, NDArray[np.uint8]]:
        """Code at quality code 0..400; the pixels are those of decoders."""
        encoder = self._encoder(code)
        latents = code_all(self.networks, code, self.size, encoder)
        height, width = self.pixels.shape[:2]
        rgb = synthesis(self.networks, code, latents, Window(Span(0, height), Span(0, width)))
        return self._coded(code, encoder), rgb if len(self.pixels.shape) == 3 else grey_from_rgb(
            rgb
        )

    def _encoder(self, code: int) -> Encoder:
        pack, h, w = self.pack, *(side // SIDE for side in self.size)
        planes = Planes(self.pixels, self.size, self.networks, code)
        rows = pack.analysis.T.astype(np.float32) / np.float32(1 << layout.SCALE_BITS)
        scale = np.float32(256) / pack.steps[code].astype(np.float32)
        y = np.empty((h, w, pack.latents), np.float32)
        for top in range(0, h, STRIPE):
            stripe = Window(Span(top, min(top + STRIPE, h)), Span(0, w)).scale(SIDE)
            blocks = layout.blocks_of(planes.view(stripe))
            y[top : top + STRIPE] = (blocks @ rows) * scale
        costs = None
        if self._effort > 1:
            base = base_step(np.array(code / 4.0))
            weight = prices_of(pack.steps[code] / 256.0, base, pack.lmbda)
            costs = CostTable(savings(pack.tables), weight)
        return Encoder(y, hyper_analysis(self.networks, code, y), costs)

    def _coded(self, code: int, encoder: Encoder) -> Coded:
        payload = encoder.payload(self.pack)
        return Coded(header_of(self.pixels, self.pack, code), [Chunk(PAYLOAD, payload)])


@dataclass(frozen=True)
class Latents:
    """What the synthesis is given: y_hat (h, w, M) in 1/16 steps, and features (4h, 4w, C)."""

    y16: NDArray[np.int32]
    features: NDArray[np.uint8]


def hyper_analysis(networks: Networks, code: int, y: NDArray[np.float32]) -> NDArray[np.int16]:
    """h_a: y (h, w, M) in steps to z (h/4, w/4, Z)."""
    limit = glue.VALUE_MAX
    y16 = np.rint(16 * y).clip(-limit, limit).astype(np.int32)
    seen = glue.compand(y16, compand_table())
    (f,) = networks.run_program("ha0", {"y": seen, "plane": plane(code, seen)}).values()
    (f,) = networks.run_program("ha1", {"x": layout.fold(f)}).values()
    (z,) = networks.run_program("ha2", {"x": layout.fold(f)}).values()
    return z.astype(np.int16)


def code_all(networks: Networks, code: int, size: tuple[int, int], coder: Coder) -> Latents:
    """Code all symbols of a padded picture, z first, then y in four passes."""
    pack, table = vae_of(networks.pack), compand_table()
    h, w = (side // SIDE for side in size)
    indexes = np.broadcast_to(pack.hyper_indexes[code], (h // HYPER, w // HYPER, pack.hyper))
    z = coder.hyper(np.ascontiguousarray(indexes))
    seen = (layout.HYPER_GAIN * z).clip(-128, 127).astype(np.int8)
    out = networks.run_program("hs", {"z": seen, "plane": plane(code, seen)})
    f = feature_of(out)
    y16 = np.zeros((h, w, pack.latents), np.int32)
    known = np.zeros((h, w, pack.latents), np.int8)
    for number in range(layout.PASSES):
        if number:
            out = networks.run_program(f"c{number}", {"f": f, "y": known})
            f = feature_of(out)
        head = out["head"]
        mean16 = layout.gather(head[..., : pack.latents].astype(np.int16, copy=False), number)
        tables = layout.gather(head[..., pack.latents :].astype(np.uint8), number)
        values = glue.merge_values(coder.values(number, mean16, tables), mean16)
        layout.scatter(values, y16, number)
        layout.scatter(glue.compand(values, table), known, number)
    inputs = {"f": f, "y": known, "plane": plane(code, known)}
    (features,) = networks.run_program("gs", inputs).values()
    return Latents(y16, features.astype(np.uint8, copy=False))


def synthesis(networks: Networks, code: int, latents: Latents, region: Window) -> NDArray[np.uint8]:
    """g_s: the pixels (h, w, 3) of a region."""
    pack = vae_of(networks.pack)
    matrix = pack.synthesis.T.astype(np.float64)
    cells = tuple(side * (SIDE // CELL) for side in latents.y16.shape[:2])
    halo = networks.reach("post")
    whole = region.shrink(CELL)
    out = np.empty((*(CELL * (s.stop - s.start) for s in whole), 3), np.uint8)

    def one(alone: Networks, own: Window) -> None:
        blocks = own.grow(halo, (cells[0], cells[1])).shrink(SIDE // CELL)
        seen = blocks.scale(SIDE // CELL)
        coefficients = layout.dequantize(latents.y16[blocks.slices], pack.steps[code])
        planes = layout.linear_synthesis(coefficients, matrix)
        head = heads(alone, "post", planes, latents.features[seen.slices], code)
        inside = own.within(seen)
        planes = planes[:, *own.scale(CELL).within(seen.scale(CELL))]
        to = out[own.scale(CELL).within(whole.scale(CELL))]
        mend_to_rgb(planes, head[inside], step_of(alone, code), to)

    workers = Workers(networks)
    try:
        workers.map(one, pieces(whole))
    finally:
        workers.close()
    return out[region.within(whole.scale(CELL))]


def vae_rows(
    header: ImageHeader, payload: Payload, networks: Networks, limits: Limits, view: View
) -> Iterator[NDArray[np.uint8]]:
    """Rows (h, W) or (h, W, 3) of a stream, all at once."""
    if [chunk.type for chunk in payload] != [PAYLOAD]:
        raise FormatError("a stream of an autoencoder has one payload")
    pack = vae_of(networks.pack)
    if header.quality >= pack.qualities:
        raise FormatError(f"quality code {header.quality} is above {pack.qualities - 1}")
    size = padded_size(header.height, header.width)
    check_memory(size, payload, size[0] * size[1], 0, limits)
    decoder = Decoder(bytes(payload[0].payload), pack)
    latents = code_all(networks, header.quality, size, decoder)
    decoder.latents.finish()
    region = view.window(header.height, header.width).scale(view.scale)
    shown = Window(
        Span(region.rows.start, min(region.rows.stop, header.height)),
        Span(region.columns.start, min(region.columns.stop, header.width)),
    )
    rgb = reduced_means(synthesis(networks, header.quality, latents, shown), view.scale)
    yield grey_from_rgb(rgb) if header.channels == 1 else rgb


def plane(code: int, like: NDArray[np.integer]) -> NDArray[np.uint8]:
    """The quality as a channel (h, w, 1) of the size of `like`."""
    return np.full((*like.shape[:2], 1), (code + 2) // 4, np.uint8)


def feature_of(out: Mapping[str, NDArray[np.integer]]) -> NDArray[np.integer]:
    """What a network hands on besides its head."""
    return next(array for name, array in out.items() if name != "head")
