"""Windows and interpolation against plain numpy, which defines them (spec/upscale.md)."""

from fractions import Fraction

import numpy as np
import pytest
from numpy.typing import NDArray

from pauca._core import upscale_interpolate, upscale_windows

Plane = NDArray[np.int16]


def cubic(t: Fraction) -> Fraction:
    t = abs(t)
    if t <= 1:
        return Fraction(3, 2) * t**3 - Fraction(5, 2) * t**2 + 1
    return max(Fraction(0), 2 - t) ** 2 * (t - 1) / -2


def along(x: NDArray[np.int64], scale: int, axis: int, shift: int) -> NDArray[np.int64]:
    x = np.moveaxis(x, axis, 0)
    n = len(x)
    out = np.empty((n * scale, *x.shape[1:]), np.int64)
    for o in range(n * scale):
        position = Fraction(2 * o + 1, 2 * scale) - Fraction(1, 2)
        first = position.__floor__() - 1
        total = np.zeros(x.shape[1:], np.int64)
        for k in range(first, first + 4):
            tap = cubic(position - k) * 1024
            assert tap.denominator == 1
            total = total + int(tap) * x[min(max(k, 0), n - 1)]
        out[o] = (total + (1 << (shift - 1))) >> shift
    return np.moveaxis(out, 0, axis)


def plain_interpolate(
    plane: Plane, scale: int, fold: int, residual: NDArray[np.int16] | None
) -> NDArray[np.int64]:
    out = along(along(plane.astype(np.int64), scale, 0, 7), scale, 1, 13)
    if residual is not None:
        h, w, _ = residual.shape
        side = fold * scale
        grid = residual.astype(np.int64).reshape(h, w, side, side).transpose(0, 2, 1, 3)
        out = out + grid.reshape(h * side, w * side)
    return out.clip(0, 4095)


@pytest.mark.parametrize("scale", [2, 4])
@pytest.mark.parametrize(("fold", "shape"), [(1, (1, 1)), (1, (3, 70)), (2, (2, 34)), (4, (16, 8))])
def test_interpolation(scale: int, fold: int, shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    cells = (shape[0] // fold, shape[1] // fold, (fold * scale) ** 2)
    for top in (4096, 32768):  # planes, and whatever else an int16 may hold
        plane = rng.integers(0 if top == 4096 else -top, top, shape).astype(np.int16)
        residual = rng.integers(-700, 700, cells).astype(np.int16)
        for added in (None, residual):
            found = upscale_interpolate(plane, scale, fold, added)
            assert np.array_equal(found, plain_interpolate(plane, scale, fold, added))


@pytest.mark.parametrize(("fold", "margin"), [(1, 0), (1, 3), (2, 2), (4, 1), (8, 8)])
def test_windows(fold: int, margin: int) -> None:
    rng = np.random.default_rng(1)
    plane = rng.integers(-100, 4300, (16, 24)).astype(np.int16)
    side = fold + 2 * margin
    padded = np.pad((plane.astype(np.int64) + 8) // 16 - 128, margin, "edge").clip(-128, 127)
    found = upscale_windows(plane, fold, margin)
    for y, x in ((0, 0), (1, 2), (16 // fold - 1, 24 // fold - 1)):
        wanted = padded[y * fold : y * fold + side, x * fold : x * fold + side]
        if wanted.shape == (side, side):
            assert np.array_equal(found[y, x], wanted.ravel())
    assert found.shape == (16 // fold, 24 // fold, side * side)


def test_what_does_not_fit_is_refused() -> None:
    plane = np.zeros((6, 8), np.int16)
    for call in (
        lambda: upscale_windows(plane, 4, 1),
        lambda: upscale_windows(plane, 0, 1),
        lambda: upscale_windows(plane, 2, 9),
        lambda: upscale_windows(plane[:0], 2, 1),
        lambda: upscale_interpolate(plane, 3, 1),
        lambda: upscale_interpolate(plane, 2, 2, np.zeros((3, 4, 4), np.int16)),
        lambda: upscale_interpolate(plane, 2, 4),
    ):
        with pytest.raises(ValueError):
            call()
    with pytest.raises(TypeError):
        upscale_windows(plane.astype(np.int32), 2, 1)  # type: ignore[arg-type]
