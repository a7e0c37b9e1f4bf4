"""MATLAB's imresize: its weights are known, and so is what they do."""

import numpy as np
import pytest

from pauca.errors import InputError
from pauca.pixels.resize import resample_weights, resize_bicubic


def test_weights_of_halving_are_those_that_everyone_prints() -> None:
    weights, where = resample_weights(32, 16)
    row = weights[8][np.abs(weights[8]) > 0]
    assert (row * 256).tolist() == [-3, -9, 29, 111, 111, 29, -9, -3]
    assert where[8][np.abs(weights[8]) > 0].tolist() == list(range(13, 21))


def test_weights_of_doubling() -> None:
    weights, _ = resample_weights(16, 32)
    row = weights[9][np.abs(weights[9]) > 0]
    assert np.allclose(row * 128, [-9, 111, 29, -3])


def test_borders_are_mirrored() -> None:
    weights, where = resample_weights(8, 4)
    used = np.abs(weights[0]) > 0
    assert where[0][used].tolist() == [2, 1, 0, 0, 1, 2, 3, 4]


@pytest.mark.parametrize("size", [(5, 9), (31, 18), (64, 64), (1, 1)])
def test_flat_pictures_stay_flat_and_slopes_stay_straight(size: tuple[int, int]) -> None:
    assert (resize_bicubic(np.full((20, 30, 3), 77, np.uint8), *size) == 77).all()
    slope = np.tile(np.arange(64, dtype=np.float32), (64, 1))
    down = resize_bicubic(slope, 32, 32)
    assert np.allclose(down[:, 4:-4], (np.arange(32) * 2 + 0.5)[4:-4], atol=1e-4)


def test_like_pillow_where_the_two_agree() -> None:
    from PIL import Image

    data = pytest.importorskip("skimage.data")
    x = data.camera().astype(np.float32)
    ours = resize_bicubic(x, 256, 256)
    theirs = np.asarray(Image.fromarray(x).resize((256, 256), Image.Resampling.BICUBIC))
    assert np.abs(ours - theirs)[8:-8, 8:-8].max() < 0.01


def test_bad_sizes() -> None:
    for shape, size in (((0, 4), (2, 2)), ((4, 4), (0, 2)), ((4,), (2, 2))):
        with pytest.raises(InputError):
            resize_bicubic(np.zeros(shape, np.uint8), *size)
