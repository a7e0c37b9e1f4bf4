"""What of a picture a decoder is asked for."""

from __future__ import annotations

import operator
from dataclasses import dataclass

from pauca.errors import InputError
from pauca.image.kind import Look
from pauca.image.window import Span, Window

SCALES = (1, 2, 4, 8)


@dataclass(frozen=True)
class View:
    """What of a picture is decoded: all of it or `region` (left, top, width, height) in pixels,
    `scale` 1, 2, 4 or 8 times smaller. With `prefix` the stream may end where it is not needed.
    `look`: the natural one puts back texture, which smaller pictures do without.
    """

    scale: int = 1
    region: tuple[int, int, int, int] | None = None
    prefix: bool = False
    look: Look = Look.FAITHFUL

    def __post_init__(self) -> None:
        """Raise `InputError` on a scale or region that cannot be."""
        try:
            # Numpy's integers would be computed in their own few bits.
            region = None if self.region is None else tuple(map(operator.index, self.region))
            object.__setattr__(self, "scale", operator.index(self.scale))
            object.__setattr__(self, "region", region)
        except TypeError:
            raise InputError("scale and region are given in whole numbers") from None
        if self.scale not in SCALES:
            raise InputError(f"scale {self.scale}; 1, 2, 4 or 8 expected")
        if region is not None and (len(region) != 4 or min(region) < 0 or not all(region[2:])):
            raise InputError("a region is X,Y,W,H in pixels, W and H above 0")

    @property
    def reduce(self) -> int:
        """Levels that are not decoded."""
        return SCALES.index(self.scale)

    @property
    def natural(self) -> bool:
        """Whether the last filter is that of a look."""
        return self.look is Look.NATURAL and self.scale == 1

    def window(self, height: int, width: int) -> Window:
        """Samples of the picture to be decoded; `InputError` if the region is not inside."""
        left, top, across, down = self.region or (0, 0, width, height)
        if left + across > width or top + down > height:
            raise InputError(f"the region ends outside the picture of {width} x {height}")
        whole = Window(Span(top, top + down), Span(left, left + across))
        return whole.shrink(self.scale)


WHOLE = View()
