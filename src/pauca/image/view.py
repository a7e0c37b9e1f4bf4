"""What of a picture a decoder is asked for."""

from __future__ import annotations

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
        if self.scale not in SCALES:
            raise InputError(f"scale {self.scale}; 1, 2, 4 or 8 expected")
        if self.region is not None and (min(self.region) < 0 or not all(self.region[2:])):
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
