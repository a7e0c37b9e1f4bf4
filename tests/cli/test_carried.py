"""Alpha, metadata and deep samples from outside, with the shipped model."""

import io
import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from process import Cli

import pauca

ICC, XMP = bytes(range(128)) * 4, b"<x:xmpmeta/>"


@pytest.fixture
def carrying(tmp_path: Path, pixels: NDArray[np.uint8], model: str) -> Path:
    """Return the path of a WebP with alpha, profile, XMP and an EXIF that turns it."""
    image = Image.fromarray(pixels)
    image.putalpha(Image.radial_gradient("L").resize(image.size))
    exif = Image.Exif()
    exif[0x0112] = 8
    image.save(tmp_path / "in.webp", lossless=True, exif=exif, icc_profile=ICC, xmp=XMP)
    return tmp_path / "in.webp"


def test_round_trip_keeps_all_of_it(cli: Cli, carrying: Path) -> None:
    assert cli("encode", carrying, "-o", "a.pauca").code == 0
    for suffix in ("png", "tif"):
        result = cli("decode", "a.pauca", "-o", f"out.{suffix}")
        assert (result.code, "cannot hold" in result.err) == (0, False)
        with Image.open(carrying) as before, Image.open(carrying.with_name(f"out.{suffix}")) as out:
            assert out.info["icc_profile"] == ICC
            assert out.info["xmp"] == XMP
            assert out.getexif()[0x0112] == 8
            assert out.mode == "RGBA"
            if suffix != "tif":  # where Pillow turns the samples
                alpha = np.asarray(before.getchannel("A"))
                np.testing.assert_array_equal(np.asarray(out.getchannel("A")), alpha)


def test_info_lists_it_with_sizes(cli: Cli, carrying: Path) -> None:
    report = json.loads(cli("encode", carrying, "-o", "a.pauca", "--json").out)
    assert (
        report["channels"] == 4 and report["bytes"] == (carrying.parent / "a.pauca").stat().st_size
    )
    record = json.loads(cli("info", "a.pauca", "--json").out)
    sizes = {chunk["type"]: chunk["size"] for chunk in record["chunks"]}
    assert list(sizes) == ["I", "i", "e", "m", "A", "D"]
    for name, type in [("icc", "i"), ("exif", "e"), ("xmp", "m"), ("alpha", "A")]:
        assert record[name] == sizes[type] > 0
    lines = cli("info", "a.pauca").out.decode().splitlines()
    assert f"xmp:       {sizes['m']} bytes" in lines


def test_no_metadata_turns_the_samples(cli: Cli, carrying: Path) -> None:
    assert cli("encode", carrying, "-o", "a.pauca", "--no-metadata").code == 0
    stream = (carrying.parent / "a.pauca").read_bytes()
    assert [chunk.type for chunk in pauca.info(stream).chunks] == ["I", "A", "D"]
    with Image.open(carrying) as before:
        alpha = np.rot90(np.asarray(before.getchannel("A")))
    np.testing.assert_array_equal(pauca.decode(stream)[..., 3], alpha)


def test_what_a_format_cannot_hold_is_said(cli: Cli, carrying: Path) -> None:
    (carrying.parent / "a.pauca").write_bytes(pauca.encode(carrying))
    cli("decode", "a.pauca", "-o", "out.jpg").fails(1, "JPEG cannot hold transparency", ".png")
    with Image.open(carrying) as image:
        flat = image.convert("RGB")
        flat.save(carrying.with_name("flat.png"), exif=image.getexif(), icc_profile=ICC)
    (carrying.parent / "b.pauca").write_bytes(pauca.encode(carrying.with_name("flat.png")))
    result = cli("decode", "b.pauca", "-o", "out.ppm")
    assert result.code == 0
    assert "PPM cannot hold icc, exif" in result.err
    with Image.open(carrying.with_name("out.ppm")) as out:
        assert out.size == flat.size[::-1]  # nothing would turn it later
    assert sorted(os.listdir(carrying.parent)) == [
        "a.pauca", "b.pauca", "flat.png", "in.webp", "out.ppm",
    ]  # fmt: skip


def test_keep_hidden_keeps_what_nobody_sees(cli: Cli, tmp_path: Path, model: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    noise[..., 3] = 0
    Image.fromarray(noise).save(tmp_path / "in.png")
    sizes = [
        len(cli("encode", "in.png", "-o", "-", *options).out) for options in ([], ["--keep-hidden"])
    ]
    assert sizes[0] < 100 and sizes[1] > 1000


def test_deep_samples_need_leave(cli: Cli, tmp_path: Path, model: str) -> None:
    deep = (np.arange(48 * 48, dtype=np.uint16) * 28).reshape(48, 48)
    Image.fromarray(deep).save(tmp_path / "in.png")
    cli("encode", "in.png", "-o", "a.pauca").fails(1, "more than 8 bits", "--to-8-bit")
    assert os.listdir(tmp_path) == ["in.png"]
    assert cli("encode", "in.png", "-o", "a.pauca", "--to-8-bit").code == 0
    assert (tmp_path / "a.pauca").read_bytes() == pauca.encode((deep >> 8).astype(np.uint8))


def test_palette_passes(cli: Cli, picture: Path, model: str) -> None:
    with Image.open(picture) as image:
        image.quantize(16).save(picture.with_name("p.png"))
    stream = cli("encode", "p.png", "-o", "-").out
    with Image.open(io.BytesIO(cli("decode", "-", "-o", "-", input=stream).out)) as image:
        assert image.mode == "RGB"


def test_options_of_pictures_are_refused_for_networks(cli: Cli, tmp_path: Path) -> None:
    np.savez(tmp_path / "net.npz", w=np.zeros((4, 4), np.float32))
    for option in ("--no-metadata", "--keep-hidden"):
        cli("encode", "net.npz", "-o", "a.pauca", option).fails(2, option, "pictures")
