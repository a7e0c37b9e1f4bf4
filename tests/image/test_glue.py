"""Level kernels: the C++ core against numpy, numpy against the training model's definitions."""

from __future__ import annotations

import numpy as np
import pytest

from pauca.errors import InputError
from pauca.image import glue, layout

SIZES = [(1, 1), (1, 7), (5, 3), (2, 1), (20, 33)]
INT32 = np.iinfo(np.int32)
TABLE = layout.compand_table()


def integers(rng, shape, low=INT32.min, high=INT32.max):
    return rng.integers(low, high, shape, endpoint=True).astype(np.int32)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("reach", [3000, INT32.max])
def test_differences_equal_numpy(size, reach):
    rng = np.random.default_rng(size)
    low = integers(rng, (3, 2 * size[0], 2 * size[1]), -reach, reach)
    for reciprocal in (0, 1, 900, glue.RECIPROCAL_MAX - 1):
        got = glue.differences(low, reciprocal, TABLE)
        assert got.shape == (*size, 36) and got.dtype == np.int8
        np.testing.assert_array_equal(got, glue.differences_plain(low, reciprocal, TABLE))


def test_differences_see_what_the_trained_networks_saw():
    torch = pytest.importorskip("torch")
    from pauca.image.parts import low_differences

    rng = np.random.default_rng(1)
    low = integers(rng, (3, 8, 12), -1500, 1500)
    step = 64.0  # a power of two: no rounding in the reciprocal
    got = glue.differences(low, int(16 * 2**15 / step), TABLE)
    seen = 32 * low_differences(torch.from_numpy(low).float()[None], torch.tensor([step]))[0]
    # 1/16 of a step is one place in the table; the model does not round to it.
    assert np.abs(got - seen.numpy().transpose(1, 2, 0)).max() <= 2


@pytest.mark.parametrize("size", SIZES)
def test_values_equal_numpy(size):
    rng = np.random.default_rng(size)
    head = rng.integers(-32768, 32767, (*size, 12), endpoint=True).astype(np.int16)
    symbols = rng.integers(-32768, 32767, size[0] * size[1] * 6, endpoint=True).astype(np.int16)
    means = head[..., :6]
    y16 = glue.merge_values(symbols, means)
    np.testing.assert_array_equal(y16, glue.merge_values_plain(symbols, means))
    np.testing.assert_array_equal(y16, glue.merge_values(symbols, means.copy()))
    for channels in (0, 3, 9):
        known = rng.integers(-128, 127, (*size, channels), endpoint=True).astype(np.int8)
        again, wider = glue.extend(symbols, means, known, TABLE)
        np.testing.assert_array_equal(again, y16)
        expected = np.concatenate([known, glue.compand_plain(y16, TABLE)], 2)
        np.testing.assert_array_equal(wider, expected)
    for values in (y16, integers(rng, (*size, 6)), integers(rng, (*size, 24), -3000, 3000)):
        got = glue.compand(values, TABLE)
        assert got.dtype == np.int8
        np.testing.assert_array_equal(got, glue.compand_plain(values, TABLE))


@pytest.mark.parametrize("size", SIZES)
def test_dequantize_equals_numpy(size):
    rng = np.random.default_rng(size)
    for reach, step_reach in ((INT32.max, INT32.max), (3000, 9000)):
        luma = [integers(rng, (*size, 3), -reach, reach) for _ in range(4)]
        passes = (luma, integers(rng, (*size, 24), -reach, reach))
        steps = integers(rng, (3, 3), 1, step_reach)
        got = glue.dequantize(*passes, steps)
        assert got.dtype == np.int32 and np.abs(got).max() <= glue.DETAIL_MAX
        np.testing.assert_array_equal(got, glue.dequantize_plain(*passes, steps))


def test_dequantize_undoes_gather():
    rng = np.random.default_rng(2)
    details = rng.normal(0, 50, (3, 3, 8, 12)).astype(np.float32)
    steps = rng.uniform(1, 9, (3, 3)).astype(np.float32)
    *luma, chroma = (np.rint(16 * y).astype(np.int32) for y in glue.gather(details, steps))
    assert [p.shape[2] for p in (*luma, chroma)] == [3, 3, 3, 3, 24]
    back = glue.dequantize(luma, chroma, np.rint(256 * steps).astype(np.int32)) / 16
    assert np.abs(back - details).max() < steps.max() / 32 + 0.5


def test_passes_hold_every_band_on_another_phase():
    details = np.zeros((3, 3, 2, 2), np.float32)
    details[0, 1] = [[10, 11], [12, 13]]
    details[2, 0] = [[20, 21], [22, 23]]
    details[0, 2] = [[30, 31], [32, 33]]
    *luma, y_c = glue.gather(details, np.ones((3, 3), np.float32))
    assert [y[0, 0].tolist() for y in luma] == [[0, 13, 31], [0, 10, 32], [0, 12, 30], [0, 11, 33]]
    assert y_c[0, 0].tolist() == [0] * 12 + [20, 21, 22, 23] + [0] * 8


def test_bad_arguments_are_refused():
    low = np.zeros((3, 4, 4), np.int32)
    y3, y6, y24 = (np.zeros((2, 2, k), np.int32) for k in (3, 6, 24))
    known, few = np.zeros((2, 2, 3), np.int8), np.zeros(24, np.int16)
    steps, means = np.ones((3, 3), np.int32), np.zeros((2, 2, 6), np.int16)
    calls = [
        lambda: glue.differences(low, glue.RECIPROCAL_MAX, TABLE),
        lambda: glue.differences(low, -1, TABLE),
        lambda: glue.differences(low[:2], 9, TABLE),
        lambda: glue.differences(low[:, :3], 9, TABLE),
        lambda: glue.differences(low.astype(np.int64), 9, TABLE),
        lambda: glue.differences(low, 9, TABLE[:-1]),
        lambda: glue.differences(low, 9, -TABLE),
        lambda: glue.compand(y6, -TABLE),
        lambda: glue.merge_values(np.zeros(23, np.int16), means),
        lambda: glue.merge_values(np.zeros(24, np.int16), means.transpose(1, 0, 2)),
        lambda: glue.merge_values(np.zeros(24, np.int16), means[..., ::-1]),
        lambda: glue.extend(few, means, known[:1], TABLE),
        lambda: glue.extend(few, means, known, -TABLE),
        lambda: glue.extend(few[1:], means, known, TABLE),
        lambda: glue.dequantize([y3] * 4, y6, steps),
        lambda: glue.dequantize([y3] * 3, y24, steps),
        lambda: glue.dequantize([y3] * 3 + [y3[:1]], y24, steps),
        lambda: glue.dequantize([y3] * 4, y24, steps[:2]),
    ]
    for call in calls:
        with pytest.raises(InputError):
            call()
