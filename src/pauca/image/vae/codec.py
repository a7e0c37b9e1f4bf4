"""Pictures <-> symbols of an autoencoder pack, the same steps in the same order (spec/vae.md)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca.container.chunks import Chunk
from pauca.container.headers import ImageHeader
from pauca.errors import FormatError
from pauca.image import glue
from pauca.image.analysis import Planes, Rows
from pauca.image.choose import CostTable, is_thrifty, prices_of, savings
from pauca.image.coded import Coded, EncodeOptions, check_pixels, header_of
from pauca.image.filters import heads, mend_to_rgb, pieces, step_of
from pauca.image.graphics import reduced_means
from pauca.image.layout import CELL, base_step, compand_table
from pauca.image.networks import Networks
from pauca.image.parse import PAYLOAD, Payload, check_memory
from pauca.image.tiling import padded_size
from pauca.image.vae import layout
from pauca.image.vae.symbols import Coder, Decoder, Encoder
from pauca.image.view import View
from pauca.image.window import Span, Window
from pauca.image.workers import Workers
from pauca.limits import Limits
from pauca.pack.runtime import threads_of
from pauca.pack.vae import SIDE, VaePack, vae_of
from pauca.pixels.colour import grey_from_rgb

HYPER = 4  # blocks along the side of what a vector z is for
STRIPE = 16  # rows of blocks at once


class VaeEncoder:
    """Codes one picture at any quality, as `PictureEncoder` does. Efforts from 2 on choose symbols
    by what they cost; there is no more to higher ones.
    """

    def __init__(self, pixels: Rows, pack: VaePack, options: EncodeOptions) -> None:
        check_pixels(pixels, options)
        self.pixels, self.pack = pixels, pack
        self.networks = Networks(pack, options.runtime, threads_of(options.threads))
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
        if is_thrifty(pack, self._effort):
            base = base_step(np.array(code / 4.0))
            weight = prices_of(pack.steps[code] / 256.0, base, pack)
            costs = CostTable(savings(pack.tables), weight)
        return Encoder(pack, y, hyper_analysis(self.networks, code, y), costs)

    def _coded(self, code: int, encoder: Encoder) -> Coded:
        payload = encoder.payload()
        return Coded(header_of(self.pixels, self.pack, code), [Chunk(PAYLOAD, payload)])


@dataclass(frozen=True)
class Latents:
    """What the synthesis is given: y_hat (h, w, M) in 1/16 steps and companded, and the last
    features of the contexts (h, w, C).
    """

    y16: NDArray[np.int32]
    known: NDArray[np.int8]
    f: NDArray[np.integer]


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
    for number, places in enumerate(layout.ORDERS[pack.passes]):
        if number:
            out = networks.run_program(f"c{number}", {"f": f, "y": known})
            f = feature_of(out)
        head = out["head"].astype(np.int16, copy=False)
        params = [layout.gather(part, places) for part in np.split(head, pack.heads, 2)]
        values = coder.values(places, params)
        layout.scatter(values, y16, places)
        layout.scatter(glue.compand(values, table), known, places)
    return Latents(y16, known, f)


def synthesis(networks: Networks, code: int, latents: Latents, region: Window) -> NDArray[np.uint8]:
    """g_s: the pixels (h, w, 3) of a region."""
    pack = vae_of(networks.pack)
    matrix = pack.synthesis.T.astype(np.float64)
    inputs = {"f": latents.f, "y": latents.known, "plane": plane(code, latents.known)}
    (made,) = networks.run_program("gs", inputs).values()
    features = made.astype(np.uint8, copy=False)
    cells = tuple(side * (SIDE // CELL) for side in latents.y16.shape[:2])
    halo = networks.reach("post")
    whole = region.shrink(CELL)
    out = np.empty((*(CELL * (s.stop - s.start) for s in whole), 3), np.uint8)

    def one(alone: Networks, own: Window) -> None:
        blocks = own.grow(halo, (cells[0], cells[1])).shrink(SIDE // CELL)
        seen = blocks.scale(SIDE // CELL)
        coefficients = layout.dequantize(latents.y16[blocks.slices], pack.steps[code])
        planes = layout.linear_synthesis(coefficients, matrix)
        head = heads(alone, "post", planes, features[seen.slices], code)
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
    decoder.finish()
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
