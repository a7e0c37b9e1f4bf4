"""The wavelet: the C++ core against numpy, numpy against torch, synthesis against analysis."""

from __future__ import annotations

import numpy as np
import pytest

from pauca.errors import InputError
from pauca.pixels import lifting

SIZES = [(1, 1), (1, 7), (5, 3), (2, 1), (2, 2), (3, 64), (33, 40)]
INT32 = np.iinfo(np.int32)
each_wavelet = pytest.mark.parametrize("wavelet", lifting.WAVELETS)


def extreme(rng, shape):
    values = rng.integers(INT32.min, INT32.max, shape, endpoint=True)
    return np.where(
        rng.random(shape) < 0.2, rng.choice([INT32.min, INT32.max], shape), values
    ).astype(np.int32)


@each_wavelet
@pytest.mark.parametrize("size", SIZES)
def test_synthesis_equals_numpy_on_any_integers(size, wavelet):
    rng = np.random.default_rng(size)
    for draw in (extreme, lambda g, s: g.integers(-5000, 5000, s).astype(np.int32)):
        low, details = draw(rng, (3, *size)), draw(rng, (3, 3, *size))
        got = lifting.synthesis_level(low, details, wavelet)
        assert got.dtype == np.int32
        expected = lifting.synthesis_level_plain(low, details, wavelet)
        np.testing.assert_array_equal(got, expected)


@each_wavelet
@pytest.mark.parametrize("size", SIZES)
def test_analysis_equals_numpy_to_the_bit(size, wavelet):
    rng = np.random.default_rng(size)
    planes = rng.normal(0, 100, (3, 2 * size[0], 2 * size[1])).astype(np.float32)
    for got, expected in zip(
        lifting.analysis_level(planes, wavelet),
        lifting.analysis_level_plain(planes, wavelet),
        strict=True,
    ):
        assert got.dtype == np.float32
        np.testing.assert_array_equal(got, expected)


@each_wavelet
def test_bands_are_what_they_are_called(wavelet):
    """Stripes along one axis leave the high bands of the other axis empty."""
    stripes = np.tile(np.float32([0, 100]), 8)
    vertical_lines = np.broadcast_to(stripes, (1, 16, 16))
    (details,), _ = lifting.analysis(vertical_lines, [wavelet])
    energy = np.abs(details[0]).sum((1, 2))
    assert energy[0] > 1000 and energy[1] < 10 and energy[2] < 10
    (details,), _ = lifting.analysis(vertical_lines.swapaxes(1, 2), [wavelet])
    energy = np.abs(details[0]).sum((1, 2))
    assert energy[1] > 1000 and energy[0] < 10 and energy[2] < 10


def test_a_ramp_has_no_details_inside():
    """Four vanishing moments: polynomials of degree 3 vanish but at borders."""
    x = np.arange(64, dtype=np.float32) / 8
    planes = np.broadcast_to(x**3, (1, 64, 64))
    (details,), _ = lifting.analysis(planes, [lifting.CDF97])
    assert np.abs(details[0, :, :, 3:-3]).max() < 0.2  # the constants are rounded
    assert np.abs(details[0, 0, :, -1]).max() > 1


def test_means_are_the_low_band_of_2_6_and_lines_have_no_details():
    rng = np.random.default_rng(2)
    planes = rng.normal(0, 100, (1, 16, 24)).astype(np.float32)
    low, _ = lifting.analysis_level(planes, lifting.BOX26)
    np.testing.assert_allclose(low, planes.reshape(1, 8, 2, 12, 2).mean((2, 4)), atol=1e-4)
    ramp = np.broadcast_to(np.arange(64, dtype=np.float32), (1, 64, 64))
    _, details = lifting.analysis_level(ramp, lifting.BOX26)
    assert np.abs(details[..., 1:-1]).max() == 0
    assert np.abs(details[0, 0, :, -1]).max() == 0.5


@pytest.mark.parametrize(
    "wavelets",
    [[lifting.CDF97] * 6, [lifting.BOX26] * 6, [lifting.BOX26] * 2 + [lifting.CDF97] * 4],
)
def test_levels_go_there_and_back(wavelets):
    rng = np.random.default_rng(3)
    planes = rng.uniform(-128, 127, (3, 128, 192)).astype(np.float32)
    details, low = lifting.analysis(planes, wavelets)
    assert [d.shape for d in details] == [(3, 3, 128 >> n, 192 >> n) for n in range(1, 7)]
    assert low.shape == (3, 2, 3)
    x = np.rint(16 * low).astype(np.int32)
    for d, wavelet in zip(reversed(details), reversed(wavelets), strict=True):
        x = lifting.synthesis_level(x, np.rint(16 * d).astype(np.int32), wavelet)
    assert np.abs(x / 16 - planes).max() < 0.5


@each_wavelet
def test_analysis_equals_the_training_wavelet(wavelet):
    torch = pytest.importorskip("torch")
    from pauca.nets.lifting import analysis_level, synthesis_level

    rng = np.random.default_rng(4)
    planes = rng.normal(0, 100, (3, 32, 48)).astype(np.float32)
    bands = analysis_level(torch.from_numpy(planes)[None], wavelet)
    np.testing.assert_allclose(synthesis_level(*bands, wavelet)[0].numpy(), planes, atol=1e-3)
    low, details = (t[0].numpy() for t in bands)
    got_low, got_details = lifting.analysis_level(planes, wavelet)
    np.testing.assert_allclose(got_low, low, atol=1e-3)
    np.testing.assert_allclose(got_details, details, atol=1e-3)


def test_shapes_that_do_not_fit_are_refused():
    planes = np.zeros((3, 12, 16), np.float32)
    for bad, levels in ((planes, 3), (planes, 0), (planes[0], 1), (planes[:, :0], 1)):
        with pytest.raises(InputError):
            lifting.analysis(bad, [lifting.CDF97] * levels)
    with pytest.raises(InputError):
        lifting.analysis_level(planes[:, :3])
    low, details = np.zeros((3, 4, 4), np.int32), np.zeros((3, 3, 4, 4), np.int32)
    for bad_low, bad_details in (
        (low.astype(np.int64), details),
        (low[:2], details),
        (low[:, :3], details),
        (low, details[:, :2]),
        (low[:, :0], details[:, :, :0]),
    ):
        with pytest.raises(InputError):
            lifting.synthesis_level(bad_low, bad_details)
