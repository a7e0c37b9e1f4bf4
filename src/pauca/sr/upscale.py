"""Pictures and planes at twice or four times their size, tile by tile (spec/upscale.md).

Networks are integers, so tiles change no bit of the output, nor do threads or the processor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pauca._core import upscale_interpolate, upscale_windows
from pauca.errors import InputError
from pauca.pack.runtime import Runner, make_runner, threads_of
from pauca.pack.sr import SrPack
from pauca.pixels.colour import grey_from_rgb
from pauca.pixels.hidden import fill_hidden
from pauca.pixels.tiles import tiles
from pauca.pixels.ycc601 import rgb_from_ycc16, ycc16_from_rgb

TILE = 512  # input pixels: bounds the memory of a large picture
Plane = NDArray[np.int16]  # 1/16 grey levels


@dataclass(frozen=True)
class Upscaler:
    """A pack on one runtime, `times` one after the other.

    `tile` is a multiple of 8 input pixels, 0 for none.
    """

    pack: SrPack
    threads: int = 0
    runtime: str = "native"
    tile: int = TILE
    times: int = 1

    def __post_init__(self) -> None:
        """Raise `InputError` on a tile that cells do not fit."""
        if self.tile < 0 or self.tile % 8:
            raise InputError("a tile must be a multiple of 8 pixels")

    @property
    def scale(self) -> int:
        """How many times the sides grow."""
        return int(self.pack.scale**self.times)

    def picture(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(H, W), (H, W, 3) RGB or (H, W, 4) RGBA uint8 to `scale` times its sides.

        Colour and alpha are interpolated unless the pack mends all planes. Raises `InputError` on
        other arrays.
        """
        _check(pixels)
        if pixels.ndim == 2 and self.pack.planes == 3:
            return grey_from_rgb(self.picture(np.repeat(pixels[..., None], 3, 2)))
        if pixels.ndim == 2:
            grey = pixels.astype(np.int16) * 16
            return _to_bytes(self.planes([grey])[0])
        if pixels.shape[2] == 4:
            alpha = np.ascontiguousarray(pixels[..., 3])
            # Colours that nobody sees would be mixed into the edges of what is seen.
            colour = self.picture(fill_hidden(pixels[..., :3], alpha))
            return np.dstack([colour, _to_bytes(self.interpolated(alpha.astype(np.int16) * 16))])
        return rgb_from_ycc16(self.planes(list(ycc16_from_rgb(pixels))))

    def planes(self, planes: list[Plane]) -> list[Plane]:
        """Luma, and chroma of the same or of half the sides, each (h, w), to `scale` times those.

        The network mends luma, or all three where it is made for that and their sizes agree.
        """
        count = self.pack.planes
        if count == 3 and [p.shape for p in planes] != [planes[0].shape] * 3:
            raise InputError(f"{self.pack.info.name} needs three planes of one size")
        mended = planes[:count]
        for _ in range(self.times):
            mended = self._mended(mended)
        return mended + [self.interpolated(plane) for plane in planes[count:]]

    def interpolated(self, plane: Plane) -> Plane:
        """Bicubic interpolation alone, (h, w) to `scale` times that."""
        return interpolate(plane, self.scale)

    def _mended(self, planes: list[Plane]) -> list[Plane]:
        fold, scale = self.pack.fold, self.pack.scale
        height, width = planes[0].shape
        pad = ((0, -height % fold), (0, -width % fold))
        full = [np.pad(plane, pad, mode="edge") if any(sum(pad, ())) else plane for plane in planes]
        h, w = full[0].shape
        halo = -(-self.pack.halo // fold) * fold
        out = [np.empty((h * scale, w * scale), np.int16) for _ in full]
        for tile in tiles(h, w, self.tile or max(h, w), halo):
            parts = self._tile([plane[tile.seen_rows, tile.seen_columns] for plane in full])
            for whole, part in zip(out, parts, strict=True):
                whole[tile.outside(scale)] = part[tile.inside(scale)]
        return [plane[: height * scale, : width * scale] for plane in out]

    def _tile(self, planes: list[Plane]) -> list[Plane]:
        pack = self.pack
        planes = [np.ascontiguousarray(plane) for plane in planes]
        seen = [upscale_windows(plane, pack.fold, pack.margin) for plane in planes]
        windows = seen[0] if len(seen) == 1 else np.concatenate(seen, 2)
        (head,) = self._runner().run({pack.program.inputs[0][0]: windows}).values()
        parts = np.split(head.astype(np.int16, copy=False), len(planes), 2)
        return [
            upscale_interpolate(plane, pack.scale, pack.fold, np.ascontiguousarray(part))
            for plane, part in zip(planes, parts, strict=True)
        ]

    def _runner(self) -> Runner:
        threads = threads_of(self.threads)
        key = f"{self.runtime}.{threads}"
        if key not in self.pack.runtimes:
            self.pack.runtimes[key] = make_runner(
                self.runtime, self.pack.program, self.pack.layers, threads
            )
        runner: Runner = self.pack.runtimes[key]
        return runner


def upscaler_by(scale: int, pack: SrPack, threads: int = 0, runtime: str = "native") -> Upscaler:
    """What enlarges by `scale` with a pack for that, or for half of it, used twice; `InputError`
    if it is for neither.
    """
    if pack.scale not in (scale, scale // 2):
        raise InputError(f"{pack.info.name} upscales by {pack.scale}, not by {scale}")
    return Upscaler(pack, threads, runtime, times=1 if pack.scale == scale else 2)


def interpolate(plane: Plane, scale: int) -> Plane:
    """Bicubic interpolation of a plane (h, w) by 2 or 4."""
    return upscale_interpolate(np.ascontiguousarray(plane), scale, 1)


def _check(pixels: NDArray[np.uint8]) -> None:
    good = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if pixels.dtype != np.uint8 or not good or min(pixels.shape) < 1:
        raise InputError(
            f"pixels must be uint8 (H, W), (H, W, 3) or (H, W, 4), not {pixels.dtype} "
            f"{pixels.shape}"
        )


def _to_bytes(plane: Plane) -> NDArray[np.uint8]:
    return ((plane + np.int16(8)) >> 4).clip(0, 255).astype(np.uint8)
