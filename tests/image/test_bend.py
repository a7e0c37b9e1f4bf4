"""Bent values come back, in integers, without jumps, however large they are."""

import numpy as np
import pytest

from pauca.image.bend import DIRECT, LIMIT, bend, between, knots, places, unbend
from pauca.pack.wavelet import BEND_KNOTS as KNOTS


def test_places_are_where_integers_look() -> None:
    assert len(places()) == KNOTS and places()[-1] == 1 << 20
    assert np.array_equal(
        between(places().astype(np.int32), places().astype(np.int32)[:-1]), places()[:-1]
    )


@pytest.mark.parametrize("power", [0.3, 0.5, 0.8, 1.0])
def test_what_is_bent_comes_back(power: float) -> None:
    y = np.concatenate([np.linspace(-8, 8, 401), [-300.0, 250.0, 90.0]]).astype(np.float32)
    bent = np.rint(16 * bend(y, power)).astype(np.int32)
    back = unbend(knots(power))(bent) / 16
    # Half a sixteenth of the bent value, stretched by the slope, and the chord of a knot.
    slope = (1 + np.abs(y)) ** (1 - power)
    assert (np.abs(back - y) <= 0.08 * slope + 0.003 * np.abs(y)).all()


def test_a_power_of_one_changes_nothing() -> None:
    v = np.array([0, 1, -5, 4095, -4096, 70000, -500000], np.int32)
    assert np.array_equal(unbend(knots(1.0))(v), v)
    assert np.array_equal(bend(np.float32([-2.5, 0.0, 7.0]), 1.0), np.float32([-2.5, 0.0, 7.0]))


def test_looked_up_and_computed_values_meet() -> None:
    inverse = unbend(knots(0.45))
    v = np.arange(DIRECT - 50, DIRECT + 50, dtype=np.int32)
    found = inverse(v)
    assert np.array_equal(found, between(inverse.knots, v))
    assert (np.diff(found) >= 0).all()
    assert np.array_equal(inverse(-v), -found)


def test_the_largest_value_is_bounded() -> None:
    out = unbend(knots(0.3))(np.array([LIMIT, np.int32(2**31 - 1)], np.int32))
    assert (out == LIMIT).all()
