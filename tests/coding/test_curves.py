import dataclasses
import math

import numpy as np
import pytest

from pauca.coding import Curves, MixtureDecoder, gaussian_curves
from pauca.errors import PackError

ROW = np.array([0, 32768, 65535], np.uint16)
GOOD = Curves(ROW, np.array([1], np.int32), np.array([0], np.uint8), np.array([4096, 1], np.uint16))


def test_a_gaussian_is_what_it_says() -> None:
    for scale in (0.04, 0.9, 3.9, 4.0, 31.0, 64.0, 160.0):
        curves = gaussian_curves([scale])
        reach, shift = int(curves.reach[0]), int(curves.shift[0])
        assert 4 * scale <= (reach << shift) / 16 < 4 * scale + (1 << shift) / 16
        assert shift in (0, 4) or 32 <= scale * 16 / (1 << shift) < 64
        middle = ((np.arange(-reach, reach + 1) << shift) + ((1 << shift) - 1) / 2) / 16
        exact = [32768 * (1 + math.erf(x / scale / math.sqrt(2))) for x in middle]
        assert np.abs(curves.values[1:-1] - np.array(exact)[1:-1]).max(initial=0) <= 1
        assert curves.values[0] == 0 and curves.values[-1] == 65535


def test_shares_fall_by_an_eighth_of_a_bit() -> None:
    shares = gaussian_curves([1.0]).shares.astype(float)
    assert len(shares) == 64 and shares[0] == 4096
    assert np.allclose(np.log2(shares[:-1] / shares[1:]), 1 / 8, atol=0.1)


@pytest.mark.parametrize(
    "scales", [[], [0.0], [-1.0], [math.nan], [math.inf], [600.0], [1.0] * 257]
)
def test_bad_scales_are_named(scales: list[float]) -> None:
    with pytest.raises(PackError):
        gaussian_curves(scales)


@pytest.mark.parametrize(
    "change",
    [
        {"values": ROW.astype(np.int32)},
        {"values": ROW[None]},
        {"values": ROW[:2]},
        {"values": np.append(ROW, ROW[:1])},
        {"values": np.array([1, 2, 65535], np.uint16)},
        {"values": np.array([0, 2, 65534], np.uint16)},
        {
            "values": np.array([0, 40000, 30000, 50000, 65535], np.uint16),
            "reach": np.array([2], np.int32),
        },
        {
            "values": np.zeros(0, np.uint16),
            "reach": np.zeros(0, np.int32),
            "shift": np.zeros(0, np.uint8),
        },
        {"reach": np.array([0], np.int32)},
        {"reach": np.array([-1], np.int32)},
        {"reach": np.array([2**31 - 1], np.int32)},
        {"reach": np.array([1, 1], np.int32)},
        {"shift": np.array([5], np.uint8)},
        {"shift": np.array([0, 0], np.uint8)},
        {"shares": np.zeros(0, np.uint16)},
        {"shares": np.array([0], np.uint16)},
        {"shares": np.array([4097], np.uint16)},
        {"shares": np.ones(257, np.uint16)},
        {"values": np.zeros((1 << 20) + 1, np.uint16)},
    ],
)
def test_bad_curves_are_named(change: dict[str, np.ndarray]) -> None:
    MixtureDecoder(b"\0\0\x10\0", GOOD).finish()
    with pytest.raises(PackError):
        MixtureDecoder(b"\0\0\x10\0", dataclasses.replace(GOOD, **change))


def test_the_longest_curve() -> None:
    row = np.linspace(0, 65535, 65537).astype(np.uint16)
    curves = dataclasses.replace(GOOD, values=row, reach=np.array([32768], np.int32))
    MixtureDecoder(b"\0\0\x10\0", curves).finish()
