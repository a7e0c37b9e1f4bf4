"""`encode` and `decode` from outside, with the shipped model."""

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
from pauca.pixels.files import read_image


def distance(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(float) - b).mean())


def test_file_to_file(cli: Cli, picture: Path, pixels: NDArray[np.uint8], model: str) -> None:
    result = cli("encode", picture, "-o", "a.pauca", "-q", "80")
    assert (result.code, result.out) == (0, b"")
    assert "bpp" in result.err
    stream = (picture.parent / "a.pauca").read_bytes()
    assert len(stream) < pixels.nbytes / 4
    assert cli("decode", "a.pauca", "-o", "out.png").code == 0
    decoded = read_image(picture.parent / "out.png")
    assert decoded.shape == pixels.shape
    assert distance(decoded, pixels) < 8
    assert sorted(os.listdir(picture.parent)) == ["a.pauca", "in.png", "out.png"]


def test_pipe_to_pipe_equals_file_to_file(cli: Cli, picture: Path, model: str) -> None:
    encoded = cli("encode", "-", "-o", "-", input=picture.read_bytes())
    assert encoded.code == 0
    assert cli("encode", picture, "-o", "a.pauca").code == 0
    assert (picture.parent / "a.pauca").read_bytes() == encoded.out
    decoded = cli("decode", "-", "-o", "-", input=encoded.out)
    assert decoded.out.startswith(b"\x89PNG")
    np.testing.assert_array_equal(read_image(io.BytesIO(decoded.out)), pauca.decode(encoded.out))


def test_json_reports_what_is_on_disk(cli: Cli, picture: Path, model: str) -> None:
    record = json.loads(cli("encode", picture, "-o", "a.pauca", "-q", "30", "--json").out)
    size = (picture.parent / "a.pauca").stat().st_size
    assert record["bytes"] == size
    assert (record["width"], record["height"], record["channels"]) == (56, 40, 3)
    assert record["bpp"] == pytest.approx(8 * size / (56 * 40))
    assert (record["model"], record["quality"], record["effort"]) == (model, 30, 3)
    record = json.loads(cli("decode", "a.pauca", "-o", "b.ppm", "--json").out)
    assert record["bytes"] == (picture.parent / "b.ppm").stat().st_size
    assert (record["width"], record["height"], record["channels"]) == (56, 40, 3)


def test_quality_orders_the_sizes(cli: Cli, picture: Path, model: str) -> None:
    sizes = [
        len(cli("encode", picture, "-o", "-", "-q", quality).out) for quality in ("0", "50", "100")
    ]
    assert sizes == sorted(sizes)
    assert sizes[0] < sizes[2]


def test_grey_stays_grey(cli: Cli, pixels: NDArray[np.uint8], tmp_path: Path, model: str) -> None:
    Image.fromarray(pixels[..., 0].copy()).save(tmp_path / "g.png")
    assert cli("encode", "g.png", "-o", "g.pauca").code == 0
    assert cli("decode", "g.pauca", "-o", "out.png").code == 0
    assert read_image(tmp_path / "out.png").shape == (40, 56)


def test_force_replaces(cli: Cli, picture: Path, model: str) -> None:
    (picture.parent / "a.pauca").write_bytes(b"old")
    assert cli("encode", picture, "-o", "a.pauca", "-f").code == 0
    assert pauca.identify((picture.parent / "a.pauca").read_bytes()) is pauca.Kind.IMAGE
    (picture.parent / "out.png").write_bytes(b"old")
    assert cli("decode", "a.pauca", "-o", "out.png", "--force").code == 0
    assert read_image(picture.parent / "out.png").shape == (40, 56, 3)


@pytest.mark.parametrize("suffix", ["jpg", "webp", "tif", "ppm"])
def test_extension_chooses_the_format(cli: Cli, picture: Path, suffix: str, model: str) -> None:
    assert cli("encode", picture, "-o", "a.pauca").code == 0
    assert cli("decode", "a.pauca", "-o", f"out.{suffix}").code == 0
    read = read_image(picture.parent / f"out.{suffix}")
    assert read.shape == (40, 56, 3)
    assert distance(read, pauca.decode(picture.parent / "a.pauca")) < 4


def test_damage_is_refused_and_leaves_no_file(cli: Cli, picture: Path, model: str) -> None:
    stream = pauca.encode(picture)
    for name, data in [("cut", stream[: len(stream) // 2]), ("tail", stream + b"\0")]:
        (picture.parent / name).write_bytes(data)
        cli("decode", name, "-o", "out.png").fails(1)
    assert not (picture.parent / "out.png").exists()


def test_scale_region_and_tile(cli: Cli, picture: Path, model: str) -> None:
    folder = picture.parent
    assert cli("encode", picture, "-o", "a.pauca", "--tile", "128", "-j", "1").code == 0
    stream = (folder / "a.pauca").read_bytes()
    assert pauca.info(stream).has("P")
    assert cli("decode", "a.pauca", "-o", "s.png", "--scale", "4", "-j", "2").code == 0
    np.testing.assert_array_equal(read_image(folder / "s.png"), pauca.decode(stream, scale=4))
    record = json.loads(
        cli("decode", "a.pauca", "-o", "r.png", "--region", "5,6,20,10", "--json").out
    )
    assert (record["width"], record["height"]) == (20, 10)
    np.testing.assert_array_equal(read_image(folder / "r.png"), pauca.decode(stream)[6:16, 5:25])


def test_a_cut_stream_is_a_small_picture(cli: Cli, tmp_path: Path, model: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (128, 128, 3)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "noise.png")  # most of its bytes are of fine levels
    encoded = cli("encode", "noise.png", "-o", "-", "-q", "70").out
    cut = encoded[: len(encoded) // 2]
    assert cli("decode", "-", "-o", "-", "--scale", "8", input=cut).code == 0
    cli("decode", "-", "-o", "-", input=cut).fails(1, "truncated")


def test_wrong_views_are_named(cli: Cli, picture: Path, model: str) -> None:
    assert cli("encode", picture, "-o", "a.pauca").code == 0
    for args, code, word in (
        (("--region", "0,0,57,1"), 1, "outside the picture"),
        (("--region", "1,2,3"), 2, "X,Y,W,H"),
        (("--region", "0,0,0,3"), 1, "region"),
        (("--scale", "3"), 2, "--scale"),
    ):
        cli("decode", "a.pauca", "-o", "b.png", *args).fails(code, word)
    cli("encode", picture, "-o", "c.pauca", "--tile", "100").fails(1, "power of two")
    assert not (picture.parent / "b.png").exists() and not (picture.parent / "c.pauca").exists()


def test_large_pictures_leave_row_by_row(
    cli: Cli, picture: Path, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pauca.cli import main
    from pauca.pixels import rows

    monkeypatch.chdir(picture.parent)
    assert cli("encode", picture, "-o", "a.pauca").code == 0
    monkeypatch.setattr(rows, "LARGE", 10)
    assert main.main(["decode", "a.pauca", "-o", "b.png"]) == 0
    np.testing.assert_array_equal(read_image("b.png"), pauca.decode("a.pauca"))
    assert main.main(["decode", "a.pauca", "-o", "b.png"]) == 1
    assert sorted(os.listdir(picture.parent)) == ["a.pauca", "b.png", "in.png"]
