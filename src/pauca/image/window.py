"""Parts of a plane by their place in the whole, and planes of which only the last rows are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray


class Span(NamedTuple):
    """Places start <= i < stop along one side of a plane."""

    start: int
    stop: int

    def grow(self, halo: int, side: int) -> Span:
        """`halo` more at both ends, within 0..side."""
        return Span(max(self.start - halo, 0), min(self.stop + halo, side))

    def align(self, step: int, side: int) -> Span:
        """Ends moved outwards to multiples of `step`, within 0..side."""
        return Span(self.start // step * step, min(-(-self.stop // step) * step, side))

    def scale(self, factor: int) -> Span:
        """The same place on a grid `factor` times as fine."""
        return Span(self.start * factor, self.stop * factor)

    def shrink(self, factor: int) -> Span:
        """What covers it on a grid `factor` times as coarse."""
        return Span(self.start // factor, -(-self.stop // factor))

    def within(self, outer: Span) -> slice:
        """The slice of it in an array that holds `outer`."""
        return slice(self.start - outer.start, self.stop - outer.start)

    def tiles(self, size: int) -> list[Span]:
        """Cut at the multiples of `size`."""
        cuts = [self.start, *range((self.start // size + 1) * size, self.stop, size), self.stop]
        return [Span(a, b) for a, b in zip(cuts, cuts[1:], strict=False)]


class Window(NamedTuple):
    """A rectangle of a plane."""

    rows: Span
    columns: Span

    def grow(self, halo: int, size: tuple[int, int]) -> Window:
        """`halo` more on every side that has it in a plane of `size`."""
        return Window(self.rows.grow(halo, size[0]), self.columns.grow(halo, size[1]))

    def align(self, step: int, size: tuple[int, int]) -> Window:
        """Sides moved outwards to multiples of `step`, within a plane of `size`."""
        return Window(self.rows.align(step, size[0]), self.columns.align(step, size[1]))

    def scale(self, factor: int) -> Window:
        """The same place on a grid `factor` times as fine."""
        return Window(self.rows.scale(factor), self.columns.scale(factor))

    def shrink(self, factor: int) -> Window:
        """What covers it on a grid `factor` times as coarse."""
        return Window(self.rows.shrink(factor), self.columns.shrink(factor))

    @property
    def slices(self) -> tuple[slice, slice]:
        """The slices of it in an array that holds the whole plane."""
        return slice(*self.rows), slice(*self.columns)

    def within(self, outer: Window) -> tuple[slice, slice]:
        """The slices of it in an array that holds `outer`."""
        return self.rows.within(outer.rows), self.columns.within(outer.columns)


@dataclass
class Strip:
    """Rows `top`.. of an array that grows downwards, columns from `left` on; its rows run along
    `axis`, its columns along the next.
    """

    axis: int
    top: int
    left: int
    data: NDArray[Any] | None = None

    @property
    def bottom(self) -> int:
        """The first row that is not there yet."""
        return self.top + (0 if self.data is None else self.data.shape[self.axis])

    def append_beside(self, parts: list[NDArray[Any]]) -> None:
        """Add rows that are given in parts, from left to right, and forget these one by one: there
        is never room for two of a large row.
        """
        first, old = parts[0], self.data
        if len(parts) == 1:
            self.append(parts.pop())
            return
        carried = 0 if old is None else old.shape[self.axis]
        shape = list(first.shape)
        shape[self.axis] += carried
        shape[self.axis + 1] = sum(part.shape[self.axis + 1] for part in parts)
        before = (slice(None),) * self.axis
        self.data = np.empty(shape, first.dtype)
        if old is not None:
            self.data[(*before, slice(carried))] = old
        del first, old
        right = shape[self.axis + 1]
        while parts:
            part = parts.pop()
            left = right - part.shape[self.axis + 1]
            self.data[(*before, slice(carried, None), slice(left, right))] = part
            right = left

    def append(self, rows: NDArray[Any]) -> None:
        """Add rows at the bottom."""
        old = self.data
        whole = old is None or old.shape[self.axis] == 0
        self.data = rows if whole else np.concatenate([old, rows], self.axis)

    def view(self, window: Window) -> NDArray[Any]:
        """The window, whose rows must be there."""
        assert self.data is not None
        rows, columns = window.rows, window.columns
        cut = slice(rows.start - self.top, rows.stop - self.top)
        across = slice(columns.start - self.left, columns.stop - self.left)
        index: tuple[slice, ...] = (*[slice(None)] * self.axis, cut, across)
        return self.data[index]

    def drop(self, before: int) -> None:
        """Forget the rows before this one."""
        before = min(before, self.bottom)
        if self.data is None or before <= self.top:
            return
        index = (*[slice(None)] * self.axis, slice(before - self.top, None))
        self.data = self.data[index].copy()
        self.top = before
