"""Odd input and options of pictures, from outside."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image.screens import screen
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from process import Cli

import pauca
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.headers import ImageHeader, encode_image_header
from pauca.errors import InputError, LimitError, PackError
from pauca.limits import Limits


def with_alpha(pixels: NDArray[np.uint8], alpha: Any) -> NDArray[np.uint8]:
    return np.dstack([pixels, np.broadcast_to(np.asarray(alpha, np.uint8), pixels.shape[:2])])


def test_damaged_exif_is_left_out(cli: Cli, picture: Path, model: str) -> None:
    with Image.open(picture) as image:
        image.save(picture, exif=b"Exif\0\0garbage")
    stream = cli("encode", "in.png", "-o", "-").out
    assert not pauca.info(stream).has("e")
    chunks = [Chunk(c.type, bytes(c.payload)) for c in decode_stream(stream, ("I", "G", "D"))]
    older = encode_stream([chunks[0], Chunk("e", b"\0garbage"), Chunk("m", b"\0<x/>"), *chunks[1:]])
    for suffix in ("tif", "avif", "png"):
        result = cli("decode", "-", "-o", f"out.{suffix}", input=older)
        assert result.code == 0
        assert ("cannot hold exif" in result.err) == (suffix != "png")
    with pytest.raises(InputError, match="II or MM"):
        pauca.encode(picture, metadata=pauca.Metadata(exif=b"garbage"))


def test_alpha_that_hides_nothing_is_no_obstacle(
    cli: Cli, picture: Path, pixels: NDArray[np.uint8], model: str
) -> None:
    Image.fromarray(with_alpha(pixels, 255)).save(picture.with_name("opaque.png"))
    assert cli("encode", "opaque.png", "-o", "opaque.pauca").code == 0
    assert cli("encode", "in.png", "-o", "in.pauca").code == 0
    for suffix in ("jpg", "bmp", "ppm"):
        assert cli("decode", "opaque.pauca", "-o", f"out.{suffix}").code == 0
        with Image.open(picture.with_name(f"out.{suffix}")) as out:
            assert out.mode == "RGB"
    assert cli("verify", "in.png", "opaque.pauca").code == 0
    assert cli("verify", "opaque.png", "in.pauca").code == 0


def test_what_formats_would_change_is_refused(
    cli: Cli, picture: Path, pixels: NDArray[np.uint8], model: str
) -> None:
    soft = with_alpha(pixels, np.linspace(0, 255, 56).astype(np.uint8))
    picture.with_name("a.pauca").write_bytes(pauca.encode(soft))
    cli("decode", "a.pauca", "-o", "out.gif").fails(1, "half transparent")
    for suffix in ("ico", "icns"):
        cli("decode", "a.pauca", "-o", f"out.{suffix}").fails(1, f"'.{suffix}'")


def test_reported_size_is_that_of_the_file(cli: Cli, picture: Path, model: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(picture) as image:
        image.save(picture, exif=exif)
    assert cli("encode", "in.png", "-o", "a.pauca").code == 0
    for suffix, size in (("png", (56, 40)), ("bmp", (40, 56))):
        record = json.loads(cli("decode", "a.pauca", "-o", f"out.{suffix}", "--json").out)
        with Image.open(picture.with_name(f"out.{suffix}")) as out:
            assert (record["width"], record["height"]) == out.size == size


def test_deep_originals_can_be_verified(cli: Cli, tmp_path: Path, model: str) -> None:
    Image.fromarray((np.arange(48 * 48, dtype=np.uint16) * 28).reshape(48, 48)).save(
        tmp_path / "in.png"
    )
    assert cli("encode", "in.png", "-o", "a.pauca", "--to-8-bit", "--fidelity").code == 0
    cli("verify", "in.png", "a.pauca").fails(1, "--to-8-bit")
    assert cli("verify", "in.png", "a.pauca", "--to-8-bit").out.endswith(b": true\n")


def test_numbers_beyond_all_reason(cli: Cli, picture: Path, model: str) -> None:
    for option in (["--bpp", "1e308"], ["--target-size", "1" + 400 * "0"]):
        cli("encode", "in.png", "-o", "a.pauca", *option).fails(1, "cannot be")
    assert cli("encode", "in.png", "-o", "a.pauca", "-j", "9" * 20).code == 0
    assert cli("decode", "a.pauca", "-o", "b.png", "-j", "9" * 20).code == 0
    with pytest.raises(InputError, match="threads"):
        pauca.encode(picture, threads=-1)


def test_empty_options_are_given_options(cli: Cli, picture: Path, model: str) -> None:
    assert cli("encode", "in.png", "-o", "a.pauca").code == 0
    assert cli("decode", "a.pauca", "-o", "b.png", "--region", "").code == 2
    cli("encode", "in.png", "-o", "b.pauca", "-m", "").fails(1, "no model named")
    cli("encode", "", "-o", "b.pauca").fails(1, "cannot read")
    cli("decode", "a.pauca", "-o", "b.png", "-m", "missing").fails(1, "no model named missing")
    for other in ("a.pauca", "in.png"):
        cli("verify", "in.png", other, "-m", "missing").fails(1, "no model named missing")
    for options in (["--look-bound", "20"], ["--look", "natural", "--look-bound", "nan"]):
        assert cli("decode", "a.pauca", "-o", "b.png", *options).code == 2


def test_large_text_in_png_is_no_damage(cli: Cli, picture: Path, model: str) -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", "x" * 20_000_000, zip=True)
    with Image.open(picture) as image:
        image.save(picture, pnginfo=text)
    cli("encode", "in.png", "-o", "a.pauca").fails(1, "XMP is larger")


def test_text_on_nothing_is_graphics(model: str) -> None:
    drawn = screen(256, 320)
    stream = pauca.encode(with_alpha(drawn, np.where(drawn.mean(2) < 128, 255, 0)))
    assert pauca.info(stream).content == "graphics"


def test_a_forged_size_is_refused_before_its_alpha(monkeypatch: pytest.MonkeyPatch) -> None:
    from pauca.image import picture

    def untouched(*_: object) -> None:
        raise AssertionError("alpha was decoded first")

    stream = pauca.encode(with_alpha(np.zeros((8, 8, 3), np.uint8), 0), content="photo")
    chunks = [Chunk(c.type, bytes(c.payload)) for c in decode_stream(stream, ("I", "A", "D"))]
    pack_id = pauca.info(stream).header.pack_id  # type: ignore[union-attr]
    header = encode_image_header(ImageHeader(9000, 9000, 3, pack_id, 200))
    forged = encode_stream([Chunk("I", header), *chunks[1:]])
    monkeypatch.setattr(picture, "decode_alpha", untouched)
    with pytest.raises(LimitError, match="decoding needs"):
        pauca.decode(forged, limits=Limits(max_memory=1 << 30))


@pytest.mark.parametrize(
    "options",
    [
        {"region": (0, 0, 10)}, {"region": ()}, {"region": (0, 0, 9.0, 9.0)}, {"scale": 2.0},
        {"scale": "2"}, {"region": "0,0,1,1"},
        {"region": (np.uint8(200), np.uint8(0), np.uint8(100), np.uint8(10))},
    ],
)  # fmt: skip
def test_views_that_cannot_be_are_named(
    options: dict[str, Any], pixels: NDArray[np.uint8], model: str
) -> None:
    wide = np.tile(pixels, (1, 5, 1))
    with pytest.raises(InputError):
        pauca.decode(pauca.encode(wide), **options)


def test_views_of_numpy_integers(pixels: NDArray[np.uint8], model: str) -> None:
    stream = pauca.encode(pixels)
    part = pauca.decode(stream, region=np.array([0, 0, 5, 4]))  # type: ignore[arg-type]
    assert np.array_equal(part, pauca.decode(stream)[:4, :5])


def test_sources_that_are_none(pixels: NDArray[np.uint8], model: str) -> None:
    for call in (pauca.decode, pauca.info):
        with pytest.raises(InputError, match="binary"):
            call(io.StringIO("x"))
    for call in (pauca.encode, pauca.decode):
        with pytest.raises(InputError):
            call("a\0b")
    for wrong in (None, 3):
        with pytest.raises(PackError, match="a name, a folder or a pack"):
            pauca.encode(pixels, model=wrong)  # type: ignore[arg-type]
