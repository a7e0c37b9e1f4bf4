"""The Pillow plugin, as a user of Pillow meets it."""

import io
import shutil
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from image.photos import photo
from PIL import Image, UnidentifiedImageError

import pauca
import pauca.image.pillow
from pauca.container.chunks import Chunk, encode_stream
from pauca.container.headers import ImageHeader, encode_image_header

ICC, XMP = bytes(range(128)) * 4, b"<x:xmpmeta/>"


def picture(mode: str = "RGB") -> Image.Image:
    image = Image.fromarray(photo(40, 56)).convert(mode.removesuffix("A"))
    if mode.endswith("A"):
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    exif = image.getexif()
    exif[0x010F] = "maker"
    image.info.update(icc_profile=ICC, exif=exif.tobytes(), xmp=XMP)
    return image


@pytest.fixture
def path(tmp_path: Path) -> Path:
    picture("RGBA").save(tmp_path / "a.pauca", quality=70)
    return tmp_path / "a.pauca"


@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA"])
def test_saved_pictures_open(mode: str, tmp_path: Path) -> None:
    picture(mode).save(tmp_path / "a.pauca", quality=70, effort=2, model="img-psnr")
    expected = pauca.encode(picture(mode), quality=70, effort=2)
    assert (tmp_path / "a.pauca").read_bytes() == expected
    with Image.open(tmp_path / "a.pauca") as image:
        assert (image.format, image.mode, image.size) == ("PAUCA", mode, (56, 40))
        assert image.get_format_mimetype() == "image/x-pauca"
        assert image.info["icc_profile"] == ICC and image.info["xmp"] == XMP
        assert image.getexif()[0x010F] == "maker"
        np.testing.assert_array_equal(np.asarray(image), pauca.decode(expected))


def test_opening_reads_no_samples(path: Path) -> None:
    data = path.read_bytes()
    payload = pauca.info(data).chunks[-1]
    with Image.open(io.BytesIO(data[: payload.offset])) as image:
        assert (image.mode, image.size) == ("RGBA", (56, 40))
        with pytest.raises(OSError, match="truncated"):
            image.load()


def test_options_of_save(tmp_path: Path) -> None:
    def size(**options: object) -> int:
        buffer = io.BytesIO()
        picture("RGBA").save(buffer, "PAUCA", **options)
        return buffer.tell()

    assert size(quality=10) < size() < size(quality=90)
    assert size(icc_profile=b"", exif=b"", xmp=b"") == len(
        pauca.encode(np.asarray(picture("RGBA")))
    )
    exif = Image.Exif()
    exif[0x0112] = 6
    picture().save(tmp_path / "b.pauca", exif=exif, xmp="<y/>", icc_profile=b"other" * 9)
    with Image.open(tmp_path / "b.pauca") as image:
        assert (image.getexif()[0x0112], image.size) == (6, (56, 40))
        assert (image.info["xmp"], image.info["icc_profile"]) == (b"<y/>", b"other" * 9)
    for options in ({"quality": 101}, {"effort": 0}):
        with pytest.raises(ValueError, match="outside"):
            picture().save(tmp_path / "c.pauca", **options)
    with pytest.raises(OSError, match="img-nope"):
        picture().save(tmp_path / "c.pauca", model="img-nope")
    assert not (tmp_path / "c.pauca").exists()


def test_other_modes_are_converted_or_refused(tmp_path: Path) -> None:
    palette = Image.fromarray(photo(40, 56)).quantize(9)
    palette.save(tmp_path / "a.pauca")
    assert (tmp_path / "a.pauca").read_bytes() == pauca.encode(palette.convert("RGB"))
    deep = Image.new("I;16", (9, 9), 4000)
    with pytest.raises(OSError, match="more than 8 bits"):
        deep.save(tmp_path / "b.pauca")
    deep.save(tmp_path / "b.pauca", to_8_bit=True)
    assert Image.open(tmp_path / "b.pauca").convert("RGB").size == (9, 9)


def test_convert_thumbnail_and_copy_work_on_an_open_picture(path: Path) -> None:
    with Image.open(path) as image:
        copy = image.copy()
        image.thumbnail((20, 20))
        assert max(image.size) == 20
    copy.save(path.with_name("b.png"))
    with Image.open(path.with_name("b.png")) as image:
        np.testing.assert_array_equal(np.asarray(image), pauca.decode(path))


def test_foreign_files_are_not_identified(tmp_path: Path) -> None:
    weights = encode_stream([Chunk("W", b""), Chunk("D", b"")])
    for data in (b"", b"nothing of ours", b"\xb5PAUCA", weights):
        (tmp_path / "a.pauca").write_bytes(data)
        with pytest.raises(UnidentifiedImageError):
            Image.open(tmp_path / "a.pauca")


def test_damage_is_an_os_error(path: Path) -> None:
    good = path.read_bytes()
    rng = np.random.default_rng(0)
    cuts = [good[: rng.integers(10, len(good))] for _ in range(20)]
    flips = [bytearray(good) for _ in range(40)]
    for flip in flips:
        flip[rng.integers(10, len(good))] ^= 1 << rng.integers(8)
    for data in [*cuts, *flips]:
        with pytest.raises(OSError), Image.open(io.BytesIO(data)) as image:
            image.load()


def test_verify_finds_damage_without_decoding(path: Path) -> None:
    data = bytearray(path.read_bytes())
    with Image.open(io.BytesIO(data)) as image:
        image.verify()
    data[-9] ^= 1
    with Image.open(io.BytesIO(data)) as image, pytest.raises(OSError, match="checksum"):
        image.verify()


def test_unknown_pack_is_an_os_error_on_load() -> None:
    header = encode_image_header(ImageHeader(24, 16, 1, bytes(8), 40))
    stream = encode_stream([Chunk("I", header), Chunk("D", b"")])
    with Image.open(io.BytesIO(stream)) as image:
        assert image.mode == "L"
        with pytest.raises(OSError, match="0000000000000000"):
            image.load()


def test_packs_of_ones_own_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(pauca.create_model("img-psnr").info.path, folder)
    manifest = folder / "model.json"
    manifest.write_text(manifest.read_text().replace('"img-psnr"', '"mine"', 1))
    file = io.BytesIO()
    Image.new("RGB", (30, 20), (80, 80, 80)).save(file, "PAUCA", model=str(folder))
    with Image.open(file) as image, pytest.raises(OSError, match="not installed"):
        image.load()
    monkeypatch.setattr(pauca.image.pillow, "PACKS", [folder])
    with Image.open(file) as image:
        assert np.abs(np.asarray(image).astype(int) - 80).max() < 9


def test_pillow_guards_against_bombs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 56 * 40 // 2 - 1)
    with pytest.raises(Image.DecompressionBombError):
        Image.open(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 56 * 40 - 1)
    with pytest.warns(Image.DecompressionBombWarning):
        Image.open(path).close()
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    giant = encode_image_header(ImageHeader(2**30, 2**30, 3, bytes(8), 40))
    stream = encode_stream([Chunk("I", giant), Chunk("D", b"")])
    with warnings.catch_warnings(), Image.open(io.BytesIO(stream)) as image:
        assert image.size == (2**30, 2**30)


def test_import_registers_the_format_and_nothing_heavy() -> None:
    script = (
        "import sys, pauca\nfrom PIL import Image\n"
        "assert '.pauca' not in Image.registered_extensions()\n"
        "import pauca.image.pillow\n"
        "assert Image.registered_extensions()['.pauca'] == 'PAUCA'\n"
        "assert Image.MIME['PAUCA'] == 'image/x-pauca'\n"
        "sys.exit(bool({'torch', 'onnxruntime', 'av'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == 0
