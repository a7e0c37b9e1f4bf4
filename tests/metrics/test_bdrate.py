"""BD-rate against curves whose answer is known and against the `bjontegaard` package."""

import itertools
import math

import numpy as np
import pytest

from pauca.errors import InputError
from pauca.metrics.bdrate import Method, bd_rate

# Shaped like Kodak averages of a JPEG, a WebP, an HEVC-intra and a learned codec.
OLD = [(0.21, 25.85), (0.3, 27.33), (0.45, 29.14), (0.61, 30.49), (0.81, 31.82), (1.0, 32.91),
       (1.34, 34.52), (1.84, 36.46)]  # fmt: skip
MIDDLE = [(0.155, 26.98), (0.274, 28.93), (0.427, 30.72), (0.577, 32.2), (0.855, 34.32),
          (1.448, 37.61)]  # fmt: skip
NEW = [(0.068, 26.19), (0.136, 28.15), (0.223, 29.8), (0.351, 31.6), (0.533, 33.54), (0.772, 35.55),
       (1.081, 37.59), (1.455, 39.58)]  # fmt: skip
LEARNED = [(0.13, 28.0), (0.29, 30.9), (0.6, 34.2), (1.1, 37.5), (2.2, 41.9)]
KINKED = [(0.1, 27.0), (0.2, 27.1), (0.4, 31.0), (0.8, 34.0), (1.2, 34.2), (1.6, 38.0)]
# A rate that dips, as encoders' do: the end slope must be cut to keep the first piece monotone.
DIPPING = [(0.2, 27.0), (0.199, 28.0), (0.5, 31.0), (0.9, 34.0), (0.899, 36.0)]
CURVES = [OLD, MIDDLE, NEW, LEARNED, KINKED, DIPPING]
METHODS: list[Method] = ["pchip", "akima"]

Curve = list[tuple[float, float]]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("pair", itertools.permutations(range(len(CURVES)), 2))
def test_agrees_with_the_bjontegaard_package(method: Method, pair: tuple[int, int]) -> None:
    package = pytest.importorskip("bjontegaard")
    anchor, test = (np.array(CURVES[i]).T for i in pair)
    expected = package.bd_rate(
        *anchor, *test, method=method, require_matching_points=False, min_overlap=0
    )
    ours = bd_rate(CURVES[pair[0]], CURVES[pair[1]], method=method, max_bpp=None)
    assert ours == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("curve", CURVES)
def test_a_fifth_fewer_bits_everywhere_is_minus_20(method: Method, curve: Curve) -> None:
    test = [(0.8 * bpp, quality) for bpp, quality in curve]
    assert bd_rate(curve, test, method=method) == pytest.approx(-20, abs=1e-9)
    assert bd_rate(test, curve, method=method) == pytest.approx(25, abs=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_two_straight_lines_worked_by_hand(method: Method) -> None:
    # log10(bpp) over dB: lines from -1 at 30 dB, rising 0.1 and 0.2 per dB.
    anchor = [(10 ** (-1 + 0.1 * d), 30.0 + d) for d in range(5)]
    test = [(10 ** (-1 + 0.2 * d), 30.0 + d) for d in range(5)]
    # Whole curves: the difference grows from 0 to 0.4, so its mean is 0.2.
    whole = bd_rate(anchor, test, method=method, max_bpp=None)
    assert whole == pytest.approx(100 * (10**0.2 - 1))
    # The test line reaches 0.3 bpp at 30 + log10(3) / 0.2 dB and the difference there is half.
    limited = bd_rate(anchor, test, method=method, max_bpp=0.3)
    assert limited == pytest.approx(100 * (10 ** (math.log10(3) / 4) - 1))


def test_points_beyond_the_limit_shape_but_do_not_count() -> None:
    changed = [*LEARNED[:-1], (4.4, LEARNED[-1][1])]
    # The last point lies at 2.2 bpp: its neighbour's slope moves a little, the area stays out.
    assert bd_rate(NEW, changed) == pytest.approx(bd_rate(NEW, LEARNED), abs=1.5)
    assert bd_rate(NEW, changed) != bd_rate(NEW, LEARNED)


def test_order_of_points_does_not_matter() -> None:
    assert bd_rate(OLD[::-1], NEW) == bd_rate(OLD, NEW[::-1]) == bd_rate(OLD, NEW)


def test_two_points_are_a_line() -> None:
    assert bd_rate(NEW[:2], NEW[:2], method="akima") == pytest.approx(0)
    assert bd_rate(NEW[:2], [(2 * r, q) for r, q in NEW[:2]]) == pytest.approx(100)


def test_curves_that_share_no_quality_give_nan() -> None:
    assert math.isnan(bd_rate([(0.1, 20.0), (0.2, 21.0)], NEW))
    assert math.isnan(bd_rate(NEW, [(2.0, 30.0), (3.0, 35.0)]))  # nothing within 1.5 bpp


@pytest.mark.parametrize(
    "curve",
    [[(0.1, 30.0)], [(0.1, 30.0), (0.2, 30.0)], [(0.0, 29.0), (0.2, 30.0)],
     [(0.1, 29.0), (0.2, math.inf)], []],
)  # fmt: skip
def test_unusable_curves_are_named(curve: Curve) -> None:
    with pytest.raises(InputError, match="curve"):
        bd_rate(curve, NEW)
