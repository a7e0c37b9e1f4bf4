"""The demo on stand-ins for our codec: numbers, sheet, files."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pauca.bench import demo
from pauca.bench.codecs import Codec, Pixels, find_codec
from pauca.bench.sheet import CAPTION, MARGIN, ZOOM, Tile, draw_sheet


def photo(height: int = 200, width: int = 230) -> Pixels:
    y, x, c = np.mgrid[0:height, 0:width, 0:3]
    return np.asarray(120 + 70 * np.sin(x / 9 + c) + 40 * np.cos(y / 6), np.uint8)


def stand_in() -> Codec:
    webp = find_codec("webp")
    return Codec("ours", "", webp.qualities, webp.scale, webp.encode, webp.decode)


def test_run_writes_streams_and_sheet(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "made" / "here"
    for _ in range(2):  # a second run replaces the files of the first
        demo.run(out, "waves", photo(), (10, 20), stand_in(), [20, 70])
    names = sorted(path.name for path in out.iterdir())
    assert names == ["waves-q20.pauca", "waves-q70.pauca", "waves.png"]
    assert (out / "waves-q70.pauca").read_bytes() == find_codec("webp").encode(photo(), 70)
    printed = capsys.readouterr().out
    assert printed.count("ours") == 4 and "jpeg" in printed
    assert str((out / "waves-q20.pauca").stat().st_size) in printed


def test_peers_stay_within_our_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    row = demo._row(stand_in(), [find_codec("jpeg")], "waves", photo(), 60)
    ours, peer = row
    assert peer.measured.bytes == len(peer.file) <= len(ours.file)
    assert find_codec("jpeg").encode(photo(), peer.measured.quality) == peer.file


def test_sheet_has_every_tile_in_its_place() -> None:
    red, blue = (np.zeros((50, 60, 3), np.uint8) for _ in range(2))
    red[..., 0], blue[..., 2] = 255, 255
    data = draw_sheet([[Tile("a", ("",), red), Tile("b", ("",), blue)], [Tile("c", (), blue)]])
    with Image.open(io.BytesIO(data)) as sheet:
        assert sheet.size == (MARGIN + 2 * (ZOOM * 60 + MARGIN), MARGIN + 2 * (ZOOM * 50 + CAPTION))
        second = MARGIN + ZOOM * 60 + MARGIN
        assert sheet.getpixel((MARGIN + 5, MARGIN + 5)) == (255, 0, 0)
        assert sheet.getpixel((second + 5, MARGIN + 5)) == (0, 0, 255)
        assert sheet.getpixel((MARGIN + 5, MARGIN + ZOOM * 50 + CAPTION + 5)) == (0, 0, 255)
        caption = sheet.crop((MARGIN, MARGIN + ZOOM * 50, second - MARGIN, MARGIN + ZOOM * 50 + 30))
        assert np.asarray(caption).min() < 60  # ink


@pytest.mark.parametrize("name", demo.PHOTOS)
def test_photographs_ship_in_the_wheel_and_hold_the_crop(name: str) -> None:
    pytest.importorskip("skimage")
    pixels = demo.load_photo(name)
    y, x = demo.PHOTOS[name]
    assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
    assert y + demo.CROP <= pixels.shape[0] and x + demo.CROP <= pixels.shape[1]


@pytest.mark.parametrize("codec", ["pauca:none-such", "jpeg"])
def test_missing_pack_is_one_line(
    codec: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Image.fromarray(photo()).save(tmp_path / "p.png")
    out = tmp_path / "out"
    arguments = ["--codec", codec, "--picture", str(tmp_path / "p.png"), "--out", str(out)]
    assert demo.main(arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("pauca: error: ") and error.count("\n") == 1 and codec[6:] in error
    assert not out.exists()
