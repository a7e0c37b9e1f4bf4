"""A filter on frames of decoded video (spec/filter.md), tile by tile.

Networks are integers, so tiles change no bit of the output, nor do threads or the processor.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pauca._core import cells_mend, cells_mend_large, cells_windows, upscale_interpolate
from pauca.errors import InputError
from pauca.pack.filters import FOLD, HEAD, FilterPack
from pauca.pack.registry import create_filter, find_filter
from pauca.pack.runtime import Runner, make_runner
from pauca.pixels.tiles import tiles
from pauca.video.filters.cells import side_channels
from pauca.video.filters.update import Update, changed_head, decode_update

TILE = 1024  # coded luma samples: bounds the memory of a large frame

Plane = NDArray[np.uint8]
Planes = tuple[Plane, Plane, Plane]


@dataclass(frozen=True)
class Filter:
    """A filter of a pack, with the head and the planes of an update if it has one.

    `tile` is an even number of coded luma samples, 0 for none.
    """

    pack: FilterPack
    update: Update = Update((True, True, True), {})
    runtime: str = "native"
    tile: int = TILE
    runners: dict[tuple[str, int], Runner] = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Raise `InputError` on a tile that cells do not fit."""
        if self.tile < 0 or self.tile % FOLD:
            raise InputError("a tile must be a multiple of 2 samples")

    @property
    def scale(self) -> int:
        """1 for restoration, 2 for restoration with super-resolution."""
        return self.pack.scale

    @property
    def pack_id(self) -> bytes:
        """The 8 bytes that name the pack in a stream."""
        return self.pack.info.pack_id

    @property
    def halo(self) -> int:
        """Coded luma samples around a tile that its output depends on."""
        return self.pack.halo

    def updated(self, payload: bytes) -> Filter:
        """This pack's filter with the update of a payload; b"" is the filter as it comes.

        Raises `FormatError` and its children on a bad payload, `LimitError` above 64 KiB.
        """
        if not payload:
            return replace(self, update=Update((True, True, True), {}), runners={})
        features = self.pack.layers[HEAD].weight.shape[1]
        update = decode_update(payload, self.pack.outputs, features)
        changed_head(self.pack.layers[HEAD], update, self.pack.outputs, self.pack.direct)
        return replace(self, update=update, runners={})

    def apply(
        self, y: Plane, u: Plane, v: Plane, qp: int, threads: int = 1, codec: str = "h264"
    ) -> Planes:
        """Mended planes of a frame, `scale` times as large.

        y (H, W), u and v (ceil(H / 2), ceil(W / 2)), uint8, to the same of s H, s W; `qp` 0..63,
        what the encoder was set to on the scale of `codec` (h264, hevc or av1). Raises `InputError`
        on other arrays.
        """
        planes = _checked(y, u, v)
        side = side_channels(codec, qp)
        h, w = planes[0].shape
        if not self.tile or (h <= self.tile and w <= self.tile):
            return self._tile(planes, side, threads)
        scale = self.scale
        ch, cw = planes[1].shape
        sizes = [(h * scale, w * scale)] + 2 * [(-(-h * scale // 2), -(-w * scale // 2))]
        out = [np.empty(size, np.uint8) for size in sizes]
        for tile in tiles(ch, cw, self.tile // FOLD, self.halo // FOLD):
            seen = (
                planes[0][_doubled(tile.seen_rows), _doubled(tile.seen_columns)],
                *(p[tile.seen_rows, tile.seen_columns] for p in planes[1:]),
            )
            parts = self._tile((seen[0], seen[1], seen[2]), side, threads)
            outside, inside = tile.outside(scale), tile.inside(scale)
            for i, (whole, part) in enumerate(zip(out, parts, strict=True)):
                to, of = (outside, inside) if i else (_pair(outside), _pair(inside))
                target, source = whole[to], part[of]
                target[:] = source[: target.shape[0], : target.shape[1]]
        return out[0], out[1], out[2]

    def _tile(self, planes: Planes, side: NDArray[np.uint8], threads: int) -> Planes:
        windows = cells_windows(*planes, self.pack.margin, side)
        name = self.pack.program.inputs[0][0]
        head = self._runner(threads).run({name: windows})[HEAD]
        residual = np.ascontiguousarray(head, np.int16)
        offsets = np.cumsum([0, *self.pack.outputs])
        mended = [
            self._mended(plane, residual, int(offsets[p]), p) for p, plane in enumerate(planes)
        ]
        h, w = (-(-side // 2) for side in mended[0].shape)
        return mended[0], mended[1][:h, :w], mended[2][:h, :w]

    def _mended(self, plane: Plane, residual: NDArray[np.int16], offset: int, number: int) -> Plane:
        fold = FOLD if number == 0 else 1
        if self.scale == 1:
            mended = self.update.mended[number]
            return cells_mend(plane, fold, residual, offset) if mended else plane.copy()
        base = upscale_interpolate(plane.astype(np.int16) << np.int16(4), 2, 1)
        if self.update.mended[number]:
            return cells_mend_large(base, 2 * fold, residual, offset)
        return ((base + np.int16(8)) >> 4).astype(np.uint8)

    def _runner(self, threads: int) -> Runner:
        key = (self.runtime, threads)
        if key not in self.runners:
            layers = dict(self.pack.layers)
            pack = self.pack
            layers[HEAD] = changed_head(layers[HEAD], self.update, pack.outputs, pack.direct)
            self.runners[key] = make_runner(self.runtime, pack.program, layers, threads)
        return self.runners[key]


def load_filter(name: str | Path | bytes) -> Filter:
    """The filter that is shipped under this name or has this path, or, by bytes, this id.

    Raises `PackError` where there is none.
    """
    if isinstance(name, bytes):
        return Filter(find_filter(name))
    return Filter(create_filter(name))


def _checked(y: Plane, u: Plane, v: Plane) -> Planes:
    planes = (y, u, v)
    if any(p.dtype != np.uint8 or p.ndim != 2 or min(p.shape) < 1 for p in planes):
        raise InputError("planes must be uint8 (H, W) and not empty")
    half = (-(-y.shape[0] // 2), -(-y.shape[1] // 2))
    if u.shape != half or v.shape != half:
        raise InputError(f"chroma must be {half[0]} x {half[1]}, not {u.shape} and {v.shape}")
    return tuple(p if p.strides[1] == 1 else np.ascontiguousarray(p) for p in planes)  # type: ignore[return-value]


def _doubled(part: slice) -> slice:
    return slice(2 * part.start, 2 * part.stop)


def _pair(parts: tuple[slice, slice]) -> tuple[slice, slice]:
    return _doubled(parts[0]), _doubled(parts[1])
