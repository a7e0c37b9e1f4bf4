"""The shipped autoencoders: packs like any other, and better than JPEG at equal bytes."""

import io

import numpy as np
import pytest
from image.photos import photo
from numpy.typing import NDArray
from PIL import Image

import pauca
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim, ms_ssim_db

PACKS = ("vae-psnr", "vae-ssim")


def best_jpeg(pixels: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """The finest JPEG 4:2:0 of at most `size` bytes."""
    found = b""
    for quality in range(1, 96):
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "JPEG", quality=quality, optimize=True, subsampling=2)
        if file.tell() > size:
            break
        found = file.getvalue()
    return np.asarray(Image.open(io.BytesIO(found)))


@pytest.mark.parametrize("name", PACKS)
def test_it_says_what_it_is(name: str) -> None:
    pack = pauca.create_model(name)
    assert (pack.info.name, f"vae-{pack.measure}") == (name, name)
    assert name in [info.name for info in pauca.list_models("vae-*")]


@pytest.mark.parametrize("quality", [20, 45])
@pytest.mark.parametrize("name", PACKS)
def test_better_than_jpeg_by_its_measure(name: str, quality: int) -> None:
    pixels = photo(280, 400)
    stream = pauca.encode(pixels, model=name, quality=quality, content="photo")
    seen, jpeg = pauca.decode(stream), best_jpeg(pixels, len(stream))
    if name == "vae-psnr":
        assert psnr(pixels, seen) > psnr(pixels, jpeg) + 1.5
    else:
        better = ms_ssim_db(ms_ssim(pixels, seen)) - ms_ssim_db(ms_ssim(pixels, jpeg))
        assert better > 1.5
    assert np.array_equal(seen, pauca.decode(stream, threads=1))


def test_any_size_and_grey() -> None:
    pixels = photo(75, 131)
    for part in (pixels, pixels[..., 1], pixels[:1, :1]):
        seen = pauca.decode(pauca.encode(part, model="vae-psnr", quality=60, content="photo"))
        assert seen.shape == part.shape
        assert psnr(part, seen) > 30
