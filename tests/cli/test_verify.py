"""`verify` from outside: figures, statements, thresholds, maps."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from process import Cli, Result

import pauca
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.fidelity import Fidelity, encode_fidelity
from pauca.metrics.psnr import psnr
from pauca.metrics.ssim import ms_ssim


@pytest.fixture
def pair(picture: Path, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return a picture like `pixels` but for a corner; it is b.png, and `pixels` in.png."""
    other = pixels.copy()
    other[30:, 40:, 1] += 15
    Image.fromarray(other).save(picture.parent / "b.png")
    return other


def fails_after_its_report(result: Result, *words: str) -> None:
    assert result.code == 1
    assert result.out
    assert result.err.startswith("pauca: error: ") and result.err.count("\n") == 1
    for word in words:
        assert word in result.err


def test_figures_of_two_pictures(
    cli: Cli, pixels: NDArray[np.uint8], pair: NDArray[np.uint8]
) -> None:
    record = json.loads(cli("verify", "in.png", "b.png", "--json").out)
    assert record["psnr"] == pytest.approx(psnr(pixels, pair))
    assert record["ms_ssim"] == pytest.approx(ms_ssim(pixels, pair))
    assert (record["tile"], record["tile_psnr"]) == ([0, 0], record["psnr"])
    assert (record["largest"], record["differing"]) == (15, 160 / 2240)
    assert record["stated"] is record["stated_is_true"] is None
    lines = cli("verify", "in.png", "b.png").out.decode().splitlines()
    assert lines[0].split() == ["PSNR:", f"{int(100 * record['psnr']) / 100:.2f}", "dB"]
    assert lines[3:] == ["largest:    15", "differing:  7.143 % of the pixels"]


def test_equal_pictures(cli: Cli, picture: Path) -> None:
    record = json.loads(cli("verify", "-", "in.png", "--json", input=picture.read_bytes()).out)
    assert (record["psnr"], record["tile_psnr"], record["ms_ssim"]) == (None, None, 1)
    assert cli("verify", "in.png", "in.png", "--min-psnr", "99").out.startswith(b"PSNR:       inf")


def test_statement_is_held_against_the_original(
    cli: Cli, picture: Path, pair: NDArray[np.uint8], model: str
) -> None:
    stream = pauca.encode(picture, quality=40, fidelity=True)
    (picture.parent / "a.pauca").write_bytes(stream)
    result = cli("verify", "in.png", "a.pauca")
    assert (result.code, result.err) == (0, "")
    assert b"stated:" in result.out and result.out.endswith(b": true\n")
    fails_after_its_report(cli("verify", "b.png", "a.pauca"), "not the picture that was encoded")

    chunks = [Chunk(c.type, bytes(c.payload)) for c in decode_stream(stream, ("I", "f", "D"))]
    claim = encode_fidelity(Fidelity(48.0, 0.999, 47.0, (0, 0)))
    forged = encode_stream([chunks[0], Chunk("f", claim), chunks[2]])
    result = cli("verify", "in.png", "-", "--json", input=forged)
    fails_after_its_report(result, "false statement")
    record = json.loads(result.out)
    assert (record["stated"]["psnr"], record["stated_is_true"]) == (48, False)
    broken = encode_stream([chunks[0], Chunk("f", claim + b"\0"), chunks[2]])
    cli("verify", "in.png", "-", input=broken).fails(1, "fidelity")


def test_stream_without_a_statement(cli: Cli, picture: Path, model: str) -> None:
    (picture.parent / "a.pauca").write_bytes(pauca.encode(picture, quality=40))
    result = cli("verify", "in.png", "a.pauca")
    assert result.code == 0
    assert b"stated" not in result.out


def test_thresholds(cli: Cli, pair: NDArray[np.uint8]) -> None:
    options = ["--min-psnr", "20", "--min-ms-ssim", "0.5", "--min-tile-psnr", "20"]
    assert cli("verify", "in.png", "b.png", *options).code == 0
    options = ["--min-psnr", "60", "--min-ms-ssim", "0.9999", "--min-tile-psnr", "61"]
    result = cli("verify", "in.png", "b.png", *options)
    fails_after_its_report(result, "PSNR is", "below 60", "MS-SSIM is", "worst tile is", "below 61")


def test_map(cli: Cli, picture: Path, pair: NDArray[np.uint8]) -> None:
    assert cli("verify", "in.png", "b.png", "--map", "m.png").code == 0
    drawn = np.asarray(Image.open(picture.parent / "m.png"))
    assert drawn.shape == (40, 56, 3)
    assert drawn[35, 45].tolist() == [128] * 3  # 15 is four octaves
    assert drawn[10, 10].tolist() == [0] * 3
    assert drawn[0, 0].tolist() == drawn[39, 55].tolist() == [255, 0, 0]
    cli("verify", "in.png", "b.png", "--map", "m.png").fails(1, "--force")
    assert cli("verify", "in.png", "in.png", "--map", "m.png", "-f").code == 0
    assert not np.asarray(Image.open(picture.parent / "m.png")).any()


def test_grey_meets_colour(cli: Cli, picture: Path, pixels: NDArray[np.uint8]) -> None:
    Image.fromarray(pixels).convert("L").save(picture.parent / "g.png")
    assert cli("verify", "g.png", "in.png").code == 0


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["in.png", "small.png"], 1, ["differ in size", "56 x 40 and 9 x 8"]),
        (["in.png", "none.png"], 1, ["none.png", "No such file"]),
        (["bad", "in.png"], 1, ["bad", "not a picture"]),
        (["in.png", "net.pauca"], 1, ["kind weights"]),
        (["a.pauca", "in.png"], 1, ["a.pauca", "decode it first"]),
        (["-", "-"], 2, ["standard input"]),
        (["in.png", "in.png", "--map", "m.jpg"], 2, [".png"]),
        (["in.png", "in.png", "--map", "none/m.png"], 1, ["no folder"]),
        (["in.png"], 2, ["B"]),
    ],
)
def test_what_cannot_be_compared(
    cli: Cli, picture: Path, stream: bytes, args: list[str], code: int, words: list[str]
) -> None:
    Image.new("RGB", (9, 8)).save(picture.parent / "small.png")
    (picture.parent / "bad").write_bytes(b"neither")
    (picture.parent / "a.pauca").write_bytes(stream)
    (picture.parent / "net.pauca").write_bytes(encode_stream([Chunk("W", b"")]))
    before = sorted(os.listdir(picture.parent))
    cli("verify", *args).fails(code, *words)
    assert sorted(os.listdir(picture.parent)) == before


@pytest.mark.parametrize("hidden", [[], ["--keep-hidden"]])
def test_transparent_original_meets_its_stream(cli: Cli, tmp_path: Path, hidden: list[str]) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (70, 90, 4), np.uint8)
    pixels[..., 3] = np.where(np.arange(90) < 40, 0, 255)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert cli("encode", "a.png", "-o", "a.pauca", "--fidelity", *hidden).code == 0
    assert b": true" in cli("verify", "a.png", "a.pauca").out
    pixels[0, 0, 3] = 9
    Image.fromarray(pixels).save(tmp_path / "b.png")
    cli("verify", "b.png", "a.pauca").fails(1, "transparency")


def test_turned_original_meets_its_stream(cli: Cli, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (70, 90, 3), np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(pixels).save(tmp_path / "a.png", exif=exif)
    for options in ([], ["--no-metadata"]):
        assert cli("encode", "a.png", "-o", "a.pauca", "-f", "--fidelity", *options).code == 0
        assert b": true" in cli("verify", "a.png", "a.pauca").out
