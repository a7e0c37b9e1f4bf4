"""PSNR against its definition worked by hand."""

import math

import numpy as np
import pytest

from pauca.errors import InputError
from pauca.metrics.psnr import mse, psnr


def test_one_level_everywhere_is_48_13_db() -> None:
    a = np.full((7, 5, 3), 100, np.uint8)
    assert psnr(a, a + np.uint8(1)) == pytest.approx(20 * math.log10(255), abs=1e-12)


def test_black_against_white_is_0_db_without_overflow() -> None:
    black = np.zeros((300, 400), np.uint8)
    assert mse(black, black + np.uint8(255)) == 65025
    assert psnr(black, black + np.uint8(255)) == 0


def test_mean_runs_over_all_samples_of_all_channels() -> None:
    a = np.zeros((2, 2, 3), np.uint8)
    b = a.copy()
    b[0, 0, 1] = 6
    assert mse(a, b) == 3
    assert psnr(a, b) == psnr(b, a) == pytest.approx(10 * math.log10(65025 / 3))


def test_equal_pictures_are_infinite() -> None:
    a = np.arange(12, dtype=np.uint8).reshape(3, 4)
    assert psnr(a, a.copy()) == math.inf


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (np.zeros((2, 3), np.uint8), np.zeros((3, 2), np.uint8)),
        (np.zeros((2, 3), np.uint8), np.zeros((2, 3), np.float32)),
        (np.zeros((0, 3), np.uint8), np.zeros((0, 3), np.uint8)),
        (np.zeros(6, np.uint8), np.zeros(6, np.uint8)),
    ],
)
def test_pictures_that_cannot_be_compared_are_named(a: np.ndarray, b: np.ndarray) -> None:
    with pytest.raises(InputError):
        psnr(a, b)
