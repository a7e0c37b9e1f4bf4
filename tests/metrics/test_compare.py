"""Comparisons against PSNR of the same pixels, and pictures made so that the answer is known."""

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.metrics.compare import (
    compare,
    difference_map,
    largest_differences,
    same_channels,
    tile_psnr,
)
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim


def noisy(shape: tuple[int, ...]) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    rng = np.random.default_rng(5)
    a = rng.integers(0, 256, shape, np.uint8)
    return a, np.clip(a + rng.normal(0, 20, shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("shape", [(130, 200, 3), (64, 64), (1, 65), (129, 1, 3), (3, 2)])
def test_every_tile_is_the_psnr_of_its_pixels(shape: tuple[int, ...]) -> None:
    a, b = noisy(shape)
    tiles = tile_psnr(a, b)
    assert tiles.shape == (-(-shape[0] // 64), -(-shape[1] // 64))
    for (row, column), found in np.ndenumerate(tiles):
        part = slice(64 * row, 64 * row + 64), slice(64 * column, 64 * column + 64)
        assert found == pytest.approx(psnr(a[part], b[part]), abs=1e-9)


def test_black_against_white_does_not_overflow() -> None:
    black = np.zeros((64, 64, 3), np.uint8)
    assert tile_psnr(black, black + np.uint8(255)).tolist() == [[0]]


def test_the_worst_tile_is_found_where_it_is() -> None:
    a, _ = noisy((200, 300, 3))
    b = a.copy()
    b[130:140, 193, 1] ^= 64
    found = compare(a, b)
    assert found.tile == (192, 128)
    assert found.tile_psnr == psnr(a[128:192, 192:256], b[128:192, 192:256])
    assert found.psnr == psnr(a, b) > found.tile_psnr
    assert found.ms_ssim == ms_ssim(a, b)
    assert (found.largest, found.differing) == (64, 10 / 60000)


def test_equal_pictures_do_not_differ() -> None:
    a, _ = noisy((70, 80))
    found = compare(a, a.copy())
    assert (found.psnr, found.tile_psnr, found.ms_ssim) == (math.inf, math.inf, 1)
    assert (found.tile, found.largest, found.differing) == ((0, 0), 0, 0)


def test_grey_meets_colour_on_three_channels() -> None:
    a, b = noisy((8, 9))
    colour = np.repeat(b[:, :, None], 3, 2)
    for pair in (same_channels(a, colour), same_channels(colour, a)[::-1]):
        assert psnr(*pair) == psnr(a, b)
    assert same_channels(a, b)[0] is a
    with pytest.raises(InputError, match="9 x 8 and 8 x 8"):
        same_channels(a, colour[:, :8])


def test_map_is_on_octaves_with_the_tile_framed() -> None:
    a = np.zeros((70, 70, 3), np.uint8)
    b = a.copy()
    b[5, 6], b[68, 68], b[66, 66] = (1, 3, 2), (255, 0, 0), (0, 15, 0)
    drawn = difference_map(largest_differences(a, b), (64, 64))
    assert drawn[5, 6].tolist() == [64] * 3
    assert drawn[66, 66].tolist() == [128] * 3
    assert drawn[68, 68].tolist() == [255] * 3
    assert drawn[0, 0].tolist() == [0] * 3
    red = (drawn == (255, 0, 0)).all(2)
    assert red.sum() == 20 and red[64, 64:].all() and red[64:, 69].all()
    assert not difference_map(largest_differences(a, b))[64, 64].any()
