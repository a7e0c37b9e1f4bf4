"""Pictures of every kind and size; tiles, threads and runtimes change no bit."""

from pathlib import Path

import numpy as np
import pytest

from pauca.errors import InputError, PackError
from pauca.pack.sr import SrPack, load_sr_pack
from pauca.pixels.colour import grey_from_rgb
from pauca.pixels.ycc601 import rgb_from_ycc16, ycc16_from_rgb
from pauca.sr.upscale import Upscaler

from .packs import random_pack, write_random_pack


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> SrPack:
    return random_pack(tmp_path_factory.mktemp("pack"))


def photo(height: int, width: int) -> np.ndarray:
    data = pytest.importorskip("skimage.data")
    picture: np.ndarray = data.astronaut()[100 : 100 + height, 80 : 80 + width]
    return picture


@pytest.mark.parametrize(("scale", "fold", "planes"), [(2, 2, 1), (4, 4, 1), (2, 1, 3), (4, 2, 3)])
@pytest.mark.parametrize("size", [(1, 1), (7, 5), (64, 50)])
def test_any_size(
    tmp_path: Path, scale: int, fold: int, planes: int, size: tuple[int, int]
) -> None:
    upscaler = Upscaler(random_pack(tmp_path, scale, fold, planes))
    x = photo(*size)
    y = upscaler.picture(x)
    assert y.shape == (size[0] * scale, size[1] * scale, 3) and y.dtype == np.uint8
    blocks = y.reshape(size[0], scale, size[1], scale, 3).mean((1, 3))
    assert np.abs(blocks - x).mean() < 40  # the random network disturbs, but it is the picture
    if planes == 1:
        assert upscaler.picture(x[..., 0]).shape == y.shape[:2]


def test_tiles_threads_and_runtimes_give_the_same_bits(pack: SrPack) -> None:
    x = photo(150, 131)
    whole = Upscaler(pack, 1, tile=0).picture(x)
    for threads, tile, runtime in (
        (2, 0, "native"), (1, 16, "native"), (2, 64, "native"), (1, 48, "plain"),
        (1, 0, "onnxruntime"),
    ):  # fmt: skip
        found = Upscaler(pack, threads, runtime, tile).picture(x)
        assert np.array_equal(found, whole), (threads, tile, runtime)


def test_twice_is_one_after_the_other(pack: SrPack) -> None:
    plane = photo(26, 31)[..., 0].astype(np.int16) * 16
    twice, once = Upscaler(pack, times=2), Upscaler(pack)
    assert (once.scale, twice.scale) == (2, 4)
    grown, chroma = twice.planes([plane, plane[::2, ::2]])
    assert np.array_equal(grown, once.planes(once.planes([plane]))[0])
    assert chroma.shape == (52, 64)
    assert twice.picture(photo(26, 31)).shape == (104, 124, 3)


def test_alpha_is_interpolated_and_colour_is_as_without(pack: SrPack) -> None:
    x = photo(30, 41)
    alpha = np.full((30, 41, 1), 7, np.uint8)
    alpha[:, 20:] = 255
    y = Upscaler(pack).picture(np.concatenate([x, alpha], 2))
    assert np.array_equal(y[..., :3], Upscaler(pack).picture(x))
    assert (y[:, :36, 3] == 7).all() and (y[:, 46:, 3] == 255).all()


def test_hidden_colours_stay_hidden(pack: SrPack) -> None:
    y, x = np.mgrid[:24, :32]
    disc = np.hypot(y - 12, x - 16) < 8
    pixels = np.dstack([np.where(disc, 250, 0).astype(np.uint8)] * 3 + [disc * np.uint8(255)])
    large = Upscaler(pack, 1).picture(pixels)
    smooth = Upscaler(pack, 1).picture(np.full((24, 32, 3), 250, np.uint8))
    seen = large[..., 3] > 0
    assert np.array_equal(large[seen][:, :3], smooth[seen])


def test_grey_by_a_pack_for_three_planes(tmp_path: Path) -> None:
    coloured = Upscaler(random_pack(tmp_path, planes=3), 1)
    grey = np.random.default_rng(0).integers(0, 256, (14, 18), dtype=np.uint8)
    large = coloured.picture(grey)
    rgb = coloured.picture(np.repeat(grey[..., None], 3, 2))
    assert np.array_equal(large, grey_from_rgb(rgb))


def test_flat_colours_pass_through_the_colour_space() -> None:
    colours = np.random.default_rng(0).integers(0, 256, (50, 60, 3)).astype(np.uint8)
    back = rgb_from_ycc16(list(ycc16_from_rgb(colours))).astype(int)
    assert np.abs(back - colours).max() <= 1 and (back == colours).mean() > 0.98


def test_refused(pack: SrPack, tmp_path: Path) -> None:
    for bad in (
        np.zeros((4, 4), np.uint16),
        np.zeros((4, 4, 2), np.uint8),
        np.zeros((0, 4), np.uint8),
        np.zeros(4, np.uint8),
    ):
        with pytest.raises(InputError):
            Upscaler(pack).picture(bad)
    with pytest.raises(InputError, match="multiple of 8"):
        Upscaler(pack, tile=13)
    rgb = random_pack(tmp_path, planes=3)
    with pytest.raises(InputError, match="one size"):
        Upscaler(rgb).planes([np.zeros((4, 4), np.int16), *[np.zeros((2, 2), np.int16)] * 2])


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ('"scale": 2', '"scale": 3'),
        ('"fold": 2', '"fold": 4'),
        ('"planes": 1', '"planes": true'),
        ('"margin": 1', '"margin": 2'),
        ('"geometry"', '"geometri"'),
        ('"domain": "sr"', '"domain": "image"'),
    ],
)
def test_packs_that_do_not_fit(tmp_path: Path, text: str, replaced: str) -> None:
    folder = write_random_pack(tmp_path)
    manifest = folder / "model.json"
    assert text in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(text, replaced))
    with pytest.raises(PackError):
        load_sr_pack(folder)
