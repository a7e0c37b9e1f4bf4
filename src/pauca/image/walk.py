"""Coarse to fine through the levels of a picture, the same steps for encoder and decoder
(spec/image.md).

The only difference between the two is where symbols come from: a `Coder` that is handed means and
table indexes and returns the symbols, by rounding coefficients (encoder) or by entropy decoding
(decoder).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from pauca.image import layout
from pauca.image.coder import Coder
from pauca.image.layout import CELL
from pauca.image.level import Level
from pauca.image.networks import Networks
from pauca.image.qualities import Qualities
from pauca.image.window import Span, Window
from pauca.image.workers import Workers
from pauca.pack.wavelet import wavelet_of

Rows = NDArray[np.uint8]


class Walk:
    """A walk through a padded picture (sides multiples of 128) at its qualities, down to the
    picture reduced by 2**`reduce`, of which `region` is wanted, all by default.
    """

    def __init__(
        self,
        networks: Networks,
        size: tuple[int, int],
        qualities: Qualities,
        coder: Coder,
        reduce: int = 0,
        region: Window | None = None,
    ) -> None:
        self.networks, self.pack, self.coder = networks, wavelet_of(networks.pack), coder
        self.qualities = qualities
        self.size, self.reduce = size, reduce
        self.table = layout.compand_table()
        full = Window(Span(0, size[0] >> reduce), Span(0, size[1] >> reduce))
        self.region = region or full
        self.workers = Workers(networks)
        self.finest = Level(self, reduce + 1, self.region.shrink(CELL))

    def cells(self, level: int) -> tuple[int, int]:
        """Height and width of a level in cells."""
        return self.size[0] >> (level + 1), self.size[1] >> (level + 1)

    def code_all(self) -> None:
        """Code all symbols; no picture is made."""
        for _ in self.finest.tiles.rows.tiles(self.finest.side):
            self.finest.code_row(keep=False)

    def pictures(self) -> Iterator[Rows]:
        """The region's rows (h, W, 3) RGB uint8 from top to bottom, as many at once as are done."""
        out, (rows, columns) = self.finest.out, self.region
        done = rows.start
        while done < rows.stop:
            self.finest.advance()
            stop = min(out.bottom, rows.stop)
            if stop > done:
                yield out.view(Window(Span(done, stop), columns))
                out.drop(stop)
                done = stop

    def close(self) -> None:
        """End the threads of the walk."""
        self.workers.close()
