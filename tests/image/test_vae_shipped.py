"""The shipped autoencoders: packs like any other, and better than JPEG at equal bytes."""

import numpy as np
import pytest
from image.photos import photo

import pauca
from pauca.bench.codecs import encode_within, find_codec
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim, ms_ssim_db

PACKS = ("vae-psnr", "vae-ssim")


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
    codec = find_codec("jpeg")
    seen, jpeg = pauca.decode(stream), codec.decode(encode_within(codec, pixels, len(stream))[1])
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
