"""The post-filter's integers: tiles join without seams, colours come back."""

import numpy as np
import pytest
from image.photos import photo

from pauca import create_model
from pauca.image import filters
from pauca.image.networks import Networks
from pauca.image.post import mended_pixels, rgb_from_planes
from pauca.image.walk import Reconstruction
from pauca.pixels.colour import grey_from_rgb, ycc_from_rgb

PACK = create_model("img-psnr")


def test_tiles_join_without_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    planes = rng.integers(-2000, 2000, (3, 256, 384), dtype=np.int32)
    channels = dict(PACK.programs["post"].inputs)["features"]
    features = rng.integers(0, 256, (64, 96, channels), dtype=np.uint8)
    networks = Networks(PACK, "native", 2)
    whole = mended_pixels(networks, Reconstruction(planes, features), 160)
    for tile in (64, 100):
        monkeypatch.setattr(filters, "TILE", tile)
        assert np.array_equal(mended_pixels(networks, Reconstruction(planes, features), 160), whole)


def test_zero_residual_returns_the_picture() -> None:
    pixels = photo(64, 96)
    planes = np.rint(ycc_from_rgb(pixels) * 16).astype(np.int32)
    out = rgb_from_planes(planes + filters.from_head(np.zeros((16, 24, 48), np.int16), 256))
    assert np.abs(out.astype(int) - pixels).max() <= 1


def test_residual_counts_1_256_of_a_step() -> None:
    planes = np.zeros((3, 4, 4), np.int32)
    head = np.zeros((1, 1, 48), np.int16)
    head[0, 0, 5] = 256  # luma, row 1, column 1
    out = rgb_from_planes(planes + filters.from_head(head, 10 * 256))
    assert out[1, 1].tolist() == [138, 138, 138]
    assert np.delete(out.reshape(16, 3), 5, 0).tolist() == [[128, 128, 128]] * 15


def test_inputs_are_pixels_and_differences() -> None:
    planes = np.zeros((3, 4, 8), np.int32)
    planes[1, 2, 7] = 160
    table = np.arange(2048).clip(0, 127).astype(np.int8)
    out = filters.cell_inputs(planes, 1 << 15, table)
    assert out.shape == (1, 2, 96)
    assert out[0, 1, 16 + 4 * 2 + 3] == 10
    mean = (160 + 8) >> 4
    assert out[0, 1, 48 + 16 + 11] == min(160 - mean, 127)
    assert out[0, 1, 48 + 16] == -mean and not out[0, 0].any()


def test_grey_is_luma() -> None:
    rgb = np.array([[[255, 255, 255], [0, 0, 0], [255, 0, 0]]], np.uint8)
    assert grey_from_rgb(rgb).tolist() == [[255, 0, 76]]
