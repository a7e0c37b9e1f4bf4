"""MS-SSIM against pytorch-msssim, fixed values, and the rules for small pictures."""

import math
import subprocess
import sys

import numpy as np
import pytest
from numpy.typing import NDArray

from pauca.errors import InputError
from pauca.metrics.ssim import ms_ssim, ms_ssim_db, scales

Pixels = NDArray[np.uint8]


def texture(height: int, width: int, channels: int = 3) -> Pixels:
    """Smooth waves plus hashed noise: the same picture everywhere, without a file."""
    y, x, c = np.mgrid[0:height, 0:width, 0:channels]
    waves = 60 * np.sin(x / 17 + c) + 50 * np.cos(y / 11 - x / 29)
    noise = (x * 2654435761 + y * 40503 + c * 97) % 1009 / 1009 * 30
    return np.clip(128 + waves + noise - 15, 0, 255).astype(np.uint8)


def coarse(a: Pixels, bits: int) -> Pixels:
    return (a >> bits << bits) + np.uint8(1 << bits >> 1)


def reference(a: Pixels, b: Pixels) -> float:
    torch = pytest.importorskip("torch")
    other = pytest.importorskip("pytorch_msssim")
    a, b = (p if p.ndim == 3 else p[:, :, None] for p in (a, b))
    x, y = (torch.from_numpy(p.astype(np.float32)).permute(2, 0, 1)[None] for p in (a, b))
    return float(other.ms_ssim(x, y, data_range=255))


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "camera", "rocket"])
@pytest.mark.parametrize("bits", [4, 6])
def test_agrees_with_pytorch_msssim_on_photographs(name: str, bits: int) -> None:
    photo = getattr(pytest.importorskip("skimage.data"), name)()
    assert ms_ssim(photo, coarse(photo, bits)) == pytest.approx(
        reference(photo, coarse(photo, bits)), abs=1e-4
    )


@pytest.mark.parametrize("size", [(161, 161), (163, 180), (255, 171), (176, 333)])
def test_agrees_on_odd_sizes_where_the_padding_counts(size: tuple[int, int]) -> None:
    a = texture(*size)
    assert ms_ssim(a, coarse(a, 6)) == pytest.approx(reference(a, coarse(a, 6)), abs=1e-4)


def test_value_of_a_made_picture_is_fixed() -> None:
    # Computed once with pytorch-msssim in float64 on the same two arrays.
    a = texture(240, 320)
    assert ms_ssim(a, coarse(a, 6)) == pytest.approx(0.831702, abs=2e-5)


def test_equal_is_one_and_the_order_does_not_matter() -> None:
    a = texture(170, 200)
    assert ms_ssim(a, a.copy()) == 1
    assert ms_ssim(a, coarse(a, 5)) == pytest.approx(ms_ssim(coarse(a, 5), a), abs=1e-7)


def test_opposite_structure_is_clipped_to_zero() -> None:
    a = texture(170, 200)
    assert ms_ssim(a, 255 - a) == 0


def test_more_damage_scores_lower() -> None:
    a = texture(170, 200)
    assert 1 > ms_ssim(a, coarse(a, 4)) > ms_ssim(a, coarse(a, 5)) > ms_ssim(a, coarse(a, 6))


def test_smaller_pictures_use_the_scales_that_fit() -> None:
    sizes = [(1, 1), (11, 400), (20, 20), (21, 21), (41, 41), (80, 90), (81, 99), (160, 999)]
    assert [scales(*size) for size in sizes] == [1, 1, 1, 2, 3, 3, 4, 4]
    assert scales(161, 161) == 5


@pytest.mark.parametrize("size", [(1, 1), (1, 90), (3, 2), (10, 12), (31, 7), (47, 160)])
def test_any_size_has_a_finite_score(size: tuple[int, int]) -> None:
    a = texture(*size)
    assert ms_ssim(a, a) == 1
    assert 0 <= ms_ssim(a, coarse(a, 6)) < 1


def test_one_pixel_is_its_luminance_term() -> None:
    a, b = np.full((1, 1), 100, np.uint8), np.full((1, 1), 50, np.uint8)
    c1 = 2.55**2
    assert ms_ssim(a, b) == pytest.approx((2 * 5000 + c1) / (12500 + c1), abs=1e-6)


def test_shape_mismatch_is_named() -> None:
    with pytest.raises(InputError, match="shape"):
        ms_ssim(np.zeros((20, 20), np.uint8), np.zeros((20, 20, 3), np.uint8))


def test_decibels() -> None:
    assert ms_ssim_db(0.99) == pytest.approx(20)
    assert ms_ssim_db(1.0) == math.inf


def test_metrics_need_nothing_but_numpy() -> None:
    script = (
        "import sys, pauca.metrics.psnr, pauca.metrics.ssim, pauca.metrics.bdrate;"
        "assert not {'torch', 'scipy', 'PIL', 'onnxruntime'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
