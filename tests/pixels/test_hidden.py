"""Colours under transparent pixels."""

import numpy as np
import pytest
from skimage import data

from pauca.pixels.hidden import fill_hidden


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (7, 1), (33, 50)])
@pytest.mark.parametrize("channels", [(), (3,)])
def test_visible_colours_stay(shape: tuple[int, int], channels: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    colour = rng.integers(0, 256, shape + channels, dtype=np.uint8)
    for alpha in (rng.integers(0, 3, shape), np.ones(shape), np.zeros(shape)):
        out = fill_hidden(colour, alpha.astype(np.uint8))
        assert out.shape == colour.shape and out.dtype == np.uint8
        np.testing.assert_array_equal(out[alpha > 0], colour[alpha > 0])


def test_a_flat_picture_is_filled_with_its_colour() -> None:
    colour = np.random.default_rng(1).integers(0, 256, (37, 41, 3), dtype=np.uint8)
    alpha = np.zeros((37, 41), np.uint8)
    alpha[5:9, 30:35] = 255
    colour[alpha > 0] = (10, 120, 230)
    assert (fill_hidden(colour, alpha) == (10, 120, 230)).all()


def test_what_is_hidden_becomes_smooth() -> None:
    photo = data.astronaut()
    y, x = np.mgrid[:512, :512]
    alpha = ((np.hypot(y - 256, x - 256) < 150) * 255).astype(np.uint8)
    out = fill_hidden(photo, alpha)

    def roughness(pixels: np.ndarray) -> float:
        hidden = alpha[:, 1:] + alpha[:, :-1] == 0
        return float(np.abs(np.diff(pixels.astype(int), axis=1))[hidden].mean())

    assert roughness(out) < 0.2 * roughness(photo)


def test_a_picture_that_nobody_sees_is_one_colour() -> None:
    colour = np.random.default_rng(2).integers(0, 256, (9, 9, 3), dtype=np.uint8)
    assert len(np.unique(fill_hidden(colour, np.zeros((9, 9), np.uint8)))) == 1
