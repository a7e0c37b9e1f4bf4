"""The shipped packs for MS-SSIM and for both measures: better by theirs at equal bytes, and packs
like any other.
"""

from pathlib import Path

import numpy as np
import pytest
from image.photos import photo
from PIL import Image
from process import Cli

import pauca
from pauca.container.headers import ImageHeader
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim, ms_ssim_db

SSIM, PSNR, MIX = "img-ssim", "img-psnr", "img-mix"
BPP = 0.5


@pytest.mark.parametrize("name", [SSIM, PSNR, MIX])
def test_it_says_what_it_was_trained_for(name: str) -> None:
    assert f"img-{pauca.create_model(name).measure}" == name


def test_each_pack_wins_by_its_own_measure_at_equal_bytes() -> None:
    pixels = photo(280, 400)
    seen = {
        name: pauca.decode(pauca.encode(pixels, model=name, bpp=BPP, content="photo"))
        for name in (SSIM, PSNR, MIX)
    }
    likeness = {name: ms_ssim_db(ms_ssim(pixels, out)) for name, out in seen.items()}
    assert likeness[SSIM] > likeness[PSNR] + 0.2
    assert psnr(pixels, seen[PSNR]) > psnr(pixels, seen[SSIM]) + 0.3
    assert likeness[MIX] > likeness[PSNR] + 0.1
    assert psnr(pixels, seen[MIX]) > psnr(pixels, seen[SSIM]) + 0.1


def test_regions_and_tiles_are_those_of_the_whole() -> None:
    pixels = photo(280, 400)
    stream = pauca.encode(pixels, model=SSIM, quality=40, tile=128, content="photo")
    whole = pauca.decode(stream)
    part = pauca.decode(stream, region=(90, 70, 200, 150))
    assert np.array_equal(part, whole[70:220, 90:290])
    assert np.array_equal(whole, pauca.decode(stream, threads=1))


def test_a_likeness_is_reached() -> None:
    pixels = photo(200, 300)
    stream = pauca.encode(pixels, model=SSIM, min_ms_ssim=0.97, content="photo")
    assert ms_ssim(pauca.decode(stream), pixels) >= 0.97


def test_refinement_follows_the_measure() -> None:
    pytest.importorskip("torch")
    import torch

    from pauca.image.cost_torch import SSIM_PRICES, ssim_price

    pixels = photo(256, 256)

    def cost(quality: float, effort: int) -> float:
        assert min(SSIM_PRICES) < quality < max(SSIM_PRICES)
        price = float(ssim_price(torch.tensor(quality))) * 256 * 256
        stream = pauca.encode(pixels, model=SSIM, quality=quality, effort=effort, content="photo")
        return 8 * len(stream) + price * (1 - ms_ssim(pauca.decode(stream), pixels))

    for quality, share in ((30.0, 0.99), (50.0, 0.98)):
        assert cost(quality, 7) < share * cost(quality, 3)


@pytest.mark.parametrize("name", [SSIM, MIX])
def test_tune_names_it_on_the_command_line(tmp_path: Path, cli: Cli, name: str) -> None:
    Image.fromarray(photo(128, 160)).save(tmp_path / "a.png")
    done = cli("encode", "a.png", "-o", "a.pauca", "--tune", name.removeprefix("img-"))
    assert done.code == 0, done.err
    header = pauca.info(tmp_path / "a.pauca").header
    assert isinstance(header, ImageHeader)
    assert header.pack_id == pauca.create_model(name).info.pack_id


def test_rounding_for_ms_ssim_weighs_no_bits() -> None:
    pixels = photo(180, 200)
    sizes = {
        name: [
            len(pauca.encode(pixels, model=name, quality=40, effort=effort, content="photo"))
            for effort in (1, 3)
        ]
        for name in (SSIM, MIX, PSNR)
    }
    thrift = {name: 1 - thrifty / plain for name, (plain, thrifty) in sizes.items()}
    assert thrift[SSIM] == 0 < thrift[MIX] < thrift[PSNR]
