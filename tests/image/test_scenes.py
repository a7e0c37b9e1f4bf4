"""The classifier of blocks: what it counts, and what it says of drawings and photographs."""

import subprocess
import sys

import numpy as np
import pytest
from image.photos import photo
from image.screens import PHOTO_AT, PHOTO_SIZE, mixed, screen

from pauca.image.scenes.classify import find_graphics, settle
from pauca.image.scenes.features import BLOCK, FEATURES, block_features, with_surroundings


def test_features_of_blocks_that_are_known() -> None:
    pixels = np.full((64, 96, 3), 90, np.uint8)
    pixels[:32, 32:64] = np.where(np.arange(32) % 2, 255, 0).astype(np.uint8)[:, None]  # stripes
    pixels[32:, :32] = np.random.default_rng(0).integers(0, 256, (32, 32, 3))
    features, plain = block_features(pixels)
    assert features.shape == (2, 3, FEATURES)
    # A block is of one colour if what is beside it to the left has that, too.
    assert plain.tolist() == [[True, False, False], [False, False, True]]
    stripes, noise, flat = features[0, 1], features[1, 0], features[1, 2]
    assert (stripes[:5] > 245).all() and (stripes[5:10] == 0).all()  # across, not along
    assert not flat[:11].any()
    assert noise[11] == 254 and flat[11] == 22  # 128 and 1 of 128 colours
    assert (noise[12], flat[12]) == (0, 255)  # repeated colours
    assert noise[13] > 200 and noise[14] > 100 and stripes[14] == 0


@pytest.mark.parametrize("size", [(64, 64), (70, 97), (33, 161), (65, 64)])
def test_cut_blocks_count_what_is_there(size: tuple[int, int]) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (*size, 3)).astype(np.uint8)
    features, _ = block_features(noise)
    assert features.shape[:2] == (-(-size[0] // BLOCK), -(-size[1] // BLOCK))
    whole, _ = block_features(np.pad(noise, ((0, 64), (0, 64), (0, 0)), "reflect"))
    # A cut block of noise is as noisy as a whole one, with two rows and columns at least.
    assert np.abs(features[:1, :1, :11].astype(int) - whole[:1, :1, :11]).max() <= 0
    assert features[0, :, 0].min() > 200


def test_surroundings_are_means() -> None:
    features = np.arange(4 * 5 * 2, dtype=np.uint8).reshape(4, 5, 2)
    both = with_surroundings(features)
    assert both.shape == (4, 5, 4) and np.array_equal(both[..., :2], features)
    assert both[1, 1, 2] == features[1, 1, 0]  # a slope's mean is its middle
    assert both[0, 0, 2] == round(features[:2, :2, 0].astype(float).ravel() @ [4, 2, 2, 1] / 9)


def test_single_blocks_go_with_their_neighbours() -> None:
    plain = np.zeros((8, 8), bool)
    drawn = np.zeros((8, 8), bool)
    drawn[2, 2] = drawn[5, 6] = True
    assert settle(drawn, plain) is None
    assert settle(~drawn, plain).all()  # type: ignore[union-attr]
    drawn[:4] = True
    drawn[6, 6] = False
    expected = drawn.copy()
    expected[5, 6] = False
    assert np.array_equal(settle(drawn, plain), expected)  # type: ignore[arg-type]
    plain[7] = True
    expected[7] = True
    assert np.array_equal(settle(drawn, plain), expected)  # type: ignore[arg-type]
    assert settle(np.zeros((8, 8), bool), plain) is None


def test_drawings_are_graphics_in_any_colours() -> None:
    for seed in range(3):
        pixels = screen(seed=seed)
        for version in (pixels, 255 - pixels, pixels[..., 1].copy(), pixels[:, :, ::-1] // 2):
            blocks = find_graphics(version)
            assert blocks is not None and blocks.mean() > 0.95


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "camera", "grass", "rocket"])
def test_photographs_are_not(name: str) -> None:
    data = pytest.importorskip("skimage.data")
    assert find_graphics(getattr(data, name)()) is None


def test_a_photograph_among_text_is_found() -> None:
    blocks = find_graphics(mixed())
    assert blocks is not None
    top, left = (-(-start // BLOCK) for start in PHOTO_AT)
    bottom, right = (
        (start + side) // BLOCK for start, side in zip(PHOTO_AT, PHOTO_SIZE, strict=True)
    )
    assert not blocks[top:bottom, left:right].any()
    outside = blocks.copy()
    outside[top - 2 : bottom + 2, left - 2 : right + 2] = True
    assert outside.all()


def test_small_pictures_are_not_judged() -> None:
    assert find_graphics(screen()[:60, :60]) is None
    assert find_graphics(photo(64, 64)) is None


def test_encoding_imports_nothing_heavy() -> None:
    script = (
        "import sys, numpy as np, pauca\n"
        "x = np.zeros((128, 128, 3), np.uint8); x[::3, ::5] = 255\n"
        "assert pauca.info(pauca.encode(x)).content == 'graphics'\n"
        "sys.exit(bool({'torch', 'matplotlib', 'skimage', 'onnxruntime'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=120).returncode == 0
