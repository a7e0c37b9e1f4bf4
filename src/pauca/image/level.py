"""One level of a picture, row of tiles after row of tiles (spec/image.md, "One level").

A level asks the coarser one for as many rows as it needs, and keeps no more than it needs, so that
memory grows with the width of a picture and not with its area; of a region, it works on the tiles
that bear on it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pauca.image import glue
from pauca.image.coder import CHROMA, PARTS, code_pass
from pauca.image.filters import heads, mend, mend_to_rgb, pieces, step_of
from pauca.image.layout import CELL, LEVELS
from pauca.image.networks import SHARED_FROM, Networks
from pauca.image.post import rgb_from_planes, scaled_planes
from pauca.image.qualities import by_code, rounded_quality
from pauca.image.window import Span, Strip, Window
from pauca.pixels.lifting import synthesis_level

if TYPE_CHECKING:
    from pauca.image.walk import Walk

UP = 32
LIFTING = 1  # cells that the synthesis of a cell sees on every side


@dataclass
class Lowest:
    """Where the coarsest level begins: the lowest band, and no features."""

    out: Strip
    up: Strip

    def ensure(self, cells: int) -> None:
        """All rows are there."""


def lowest(walk: Walk) -> Lowest:
    """Get the lowest band of a walk."""
    height, width = (side >> LEVELS for side in walk.size)
    low = dequantize_low(
        walk.coder.low((3, height, width)), int(walk.pack.low_steps[walk.qualities.code])
    )
    up = np.zeros((height // 2, width // 2, UP), np.uint8)
    return Lowest(Strip(1, 0, 0, low), Strip(0, 0, 0, up))


@dataclass
class Part:
    """What a tile of a level gives: details (3, 3, 2h, 2w), features (h, w, C) for the filter, and
    (2h, 2w, UP) for the next level.
    """

    details: NDArray[np.int32]
    features: NDArray[np.uint8]
    up: NDArray[np.uint8]


class Level:
    """One level: from the low band and the features of the coarser one to those of the next.

    `need`: the cells whose 4 x 4 samples of the next low band are asked for.
    """

    def __init__(self, walk: Walk, level: int, need: Window) -> None:
        self.walk, self.level, self.need = walk, level, need
        self.size = walk.cells(level)
        self.last = level == walk.reduce + 1
        finer = level - 1
        name = "post" if finer == 0 else f"m{min(level, SHARED_FROM)}"
        self.filter = name if name in walk.pack.programs else ""
        networks = walk.networks
        self.halo = networks.reach(self.filter) if self.filter else 0
        self.side = walk.coder.tile_cells or max(self.size)
        self.tiles = need.grow(self.halo + LIFTING, self.size).align(self.side, self.size)
        self.reach = networks.reach(f"l{min(level, SHARED_FROM)}.{PARTS[0]}")
        self.rows_of_tiles = iter(self.tiles.rows.tiles(self.side))
        top, left = self.tiles.rows.start, self.tiles.columns.start
        self.details, self.features = Strip(2, 2 * top, 2 * left), Strip(0, top, left)
        self.up, self.planes = Strip(0, 2 * top, 2 * left), Strip(1, CELL * top, CELL * left)
        rgb = 0 if self.last else 1
        self.out = Strip(rgb, CELL * need.rows.start, CELL * need.columns.start)

    @cached_property
    def source(self) -> Level | Lowest:
        """The coarser level; made late, so that levels come in their order in the stream."""
        if self.level == LEVELS:
            return lowest(self.walk)
        seen = self.tiles.grow(self.reach + 1, self.size)
        return Level(self.walk, self.level + 1, seen.shrink(2))

    def ensure(self, cells: int) -> None:
        """Go on until the next level has its rows before this one of its cells."""
        while self.out.bottom < 2 * cells or self.up.bottom < cells:
            self.advance()

    def advance(self) -> None:
        """Do the next row of tiles, and all that has become possible with it."""
        self.code_row()
        self._synthesize()
        self._mend()

    def code_row(self, keep: bool = True) -> None:
        """Code the next row of tiles; `keep` what it gives."""
        rows = next(self.rows_of_tiles)
        self.source.ensure(rows.grow(self.reach + 1, self.size[0]).stop)
        columns = self.tiles.columns.tiles(self.side)
        windows = [Window(rows, across) for across in columns]
        parts = self.walk.workers.map(lambda n, w: self._tile(n, w, keep), windows)
        before = rows.stop - self.reach - 1
        self.source.up.drop(before)
        if not keep:
            self.source.out.drop(2 * before)
            return
        details = [part.details for part in parts]
        features = [part.features for part in parts if self.filter]
        up = [part.up for part in parts if not self.last]
        del parts
        for strip, given in ((self.details, details), (self.features, features), (self.up, up)):
            if given:
                strip.append_beside(given)

    def _tile(self, networks: Networks, window: Window, keep: bool) -> Part | Any:
        walk, level = self.walk, self.level
        across = -(-self.size[1] // self.side)
        number = window.rows.start // self.side * across + window.columns.start // self.side
        coder = walk.coder.tile(level, number, window)
        out = self._first(networks, window)
        mask = out.pop("mask", None)
        if mask is not None:
            coder.mask(mask.astype(np.int8, copy=False))
        values: list[NDArray[np.int32]] = []
        known = np.empty((*next(iter(out.values())).shape[:2], 0), np.int8)
        for part, following in pairwise(PARTS):
            f, head = out.values()
            mean16, symbols = code_pass(coder, part, head)
            if part == CHROMA:
                coder.finish()
                if not keep:
                    return None
                known = known[..., :0]
            y, known = glue.extend(symbols, mean16, known, walk.table)
            values.append(y)
            out = dict(networks.run(level, following, {"f": f, "y": known}))
        first = next(iter(out.values())).astype(np.uint8, copy=False)
        features = out["g"].astype(np.uint8, copy=False) if "g" in out and level > 1 else first
        luma, chroma = values[:-1], values[-1]
        if mask is not None:
            luma = [glue.unmask(y, mask[..., :1]) for y in luma]
            chroma = glue.unmask(chroma, mask[..., 1:])
        where = walk.qualities.on(2 << level, window)
        details = by_code(
            where,
            lambda code: glue.dequantize(luma, chroma, walk.pack.steps[code, level - 1]),
            2,
            planes=True,
        )
        return Part(details, features, first)

    def _first(self, networks: Networks, window: Window) -> dict[str, NDArray[np.integer]]:
        """Outputs of network 0 on the cells of a tile, which it sees with what is around them."""
        walk, level = self.walk, self.level
        seen = window.grow(self.reach, self.size)
        outer = seen.grow(1, self.size)  # differences look at the next sample
        low = self.source.out.view(outer.scale(2))
        where = walk.qualities.on(2 << level, outer)
        factors = walk.pack.reciprocals
        found = by_code(
            where, lambda code: glue.differences(low, int(factors[code, level]), walk.table)
        )
        planes = np.empty((*found.shape[:2], 2), np.uint8)
        planes[..., 0], planes[..., 1] = rounded_quality(where), 16 * level
        up = self.source.up.view(seen)
        inside = seen.within(outer)
        inputs = {"low": found[inside], "up": up, "planes": planes[inside]}
        out = networks.run(level, PARTS[0], inputs)
        return {name: array[window.within(seen)] for name, array in out.items()}

    def _synthesize(self) -> None:
        """Rows of the next low band from the details that are there."""
        height = self.size[0]
        done, ready = self.planes.bottom // CELL, self.details.bottom // 2
        stop = ready if ready == height else ready - LIFTING
        if stop <= done:
            return
        pairs = Span(2 * done, 2 * stop)
        top = self.tiles.rows.start
        seen = Span(
            max(pairs.start - 2 * LIFTING, 2 * top), min(pairs.stop + 2 * LIFTING, 2 * ready)
        )
        window = Window(seen, self.tiles.columns.scale(2))
        low, details = self.source.out.view(window), self.details.view(window)
        planes = synthesis_level(low, details, self.walk.pack.wavelets[self.level - 1])
        self.planes.append(planes[:, pairs.scale(2).within(seen.scale(2))])
        self.details.drop(pairs.stop - 2 * LIFTING)
        self.source.out.drop(2 * min(ready - self.reach - 1, stop - LIFTING))

    def _mend(self) -> None:
        """Rows that leave the level, from the planes that are there."""
        done, ready = self.out.bottom // CELL, self.planes.bottom // CELL
        whole = ready == self.size[0]
        stop = min(ready if whole else ready - self.halo, self.need.rows.stop)
        if stop <= done:
            return
        window = Window(Span(done, stop), self.need.columns)
        self.out.append(self._mended(window) if self.filter else self._finished(window))
        self.planes.drop(CELL * (stop - self.halo))
        self.features.drop(stop - self.halo)

    def _finished(self, window: Window) -> NDArray[Any]:
        """Planes of the window, in cells; RGB if they are the last."""
        planes = self.planes.view(window.scale(CELL))
        return self._colours(planes, self.level - 1) if self.last else planes

    def _colours(self, planes: NDArray[np.int32], finer: int) -> NDArray[np.uint8]:
        return rgb_from_planes(scaled_planes(planes, self.walk.pack.wavelets[:finer]))

    def _mended(self, window: Window) -> NDArray[Any]:
        """Planes of the window, in cells, plus what the filter adds; RGB if they are the last."""
        walk, place, finer = self.walk, window.scale(CELL), self.level - 1
        whole = self.planes.view(place)
        out = np.empty((*whole.shape[1:], 3), np.uint8) if self.last else np.empty_like(whole)

        def one(networks: Networks, own: Window) -> None:
            seen = own.grow(self.halo, self.size)
            planes, features = self.planes.view(seen.scale(CELL)), self.features.view(seen)
            codes = walk.qualities.on(CELL << finer, seen)
            head = heads(networks, self.filter, planes, features, codes, finer)
            head = head[own.within(seen)]
            planes = planes[:, *own.scale(CELL).within(seen.scale(CELL))]
            rows, columns = own.scale(CELL).within(place)
            to = out[rows, columns] if self.last else out[:, rows, columns]
            codes = walk.qualities.on(CELL << finer, own)
            if isinstance(codes, int):
                self._add(planes, head, codes, to)
                return

            def added(code: int) -> NDArray[Any]:
                made = np.empty_like(to)
                self._add(planes, head, code, made)
                return made

            to[:] = by_code(codes, added, CELL, planes=not self.last)

        walk.workers.map(one, pieces(window))
        return out

    def _add(
        self, planes: NDArray[np.int32], head: NDArray[np.int16], code: int, out: NDArray[Any]
    ) -> None:
        """Planes plus a filter's residuals, at a quality code, as they leave the level."""
        finer = self.level - 1
        step = step_of(self.walk.networks, code, finer)
        if self.last and finer == 0:
            mend_to_rgb(planes, head, step, out)
        elif self.last:
            mended = np.empty_like(planes)
            mend(planes, head, step, mended)
            out[:] = self._colours(mended, finer)
        else:
            mend(planes, head, step, out)


def dequantize_low(low: NDArray[np.int32], step: int) -> NDArray[np.int32]:
    """Integers of the lowest band to 1/16 grey levels, bounded so that later sums stay small."""
    value = (low.astype(np.int64) * (16 * step) + 128) >> 8
    bounded: NDArray[np.int32] = value.clip(-glue.DETAIL_MAX, glue.DETAIL_MAX).astype(np.int32)
    return bounded
