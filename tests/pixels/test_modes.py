"""Pictures that are not 8-bit RGB or grey: converted exactly, or refused with what to do."""

import io
import struct
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from pauca.errors import MissingExtraError, UnsupportedError
from pauca.pixels.files import read_picture

RGB = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
IMAGE = Image.fromarray(RGB)
GREY = IMAGE.convert("L")
DEEP = np.arange(63, dtype=np.uint16).reshape(9, 7) * 1040


def saved(image: Image.Image, format: str = "PNG", **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    buffer.seek(0)
    return buffer


def deep_png(colour: int, channels: int, sample: int) -> io.BytesIO:
    """Return a PNG of one pixel with 16 bits per sample."""

    def chunk(type: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(type + data))
        return struct.pack(">I", len(data)) + type + data + crc

    rows = b"\0" + channels * sample.to_bytes(2, "big")
    data = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 16, colour, 0, 0, 0))
    data += chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + data)


def frames(format: str) -> io.BytesIO:
    other = Image.fromarray(255 - RGB)
    return saved(IMAGE, format, save_all=True, append_images=[other])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (saved(IMAGE), IMAGE),
        (saved(GREY), GREY),
        (saved(IMAGE.quantize(16)), IMAGE.quantize(16).convert("RGB")),
        (saved(GREY.quantize(8)), GREY.quantize(8).convert("RGB")),
        (saved(GREY.convert("1")), GREY.convert("1").convert("L")),
        (saved(GREY.convert("1"), "TIFF", compression="group4"), GREY.convert("1").convert("L")),
        (saved(IMAGE, "JPEG"), Image.open(saved(IMAGE, "JPEG"))),
        (saved(IMAGE.convert("YCbCr"), "TIFF"), IMAGE.convert("YCbCr").convert("RGB")),
        (IMAGE.convert("RGBX"), IMAGE),
        (saved(IMAGE.convert("CMYK"), "TIFF"), IMAGE.convert("CMYK").convert("RGB")),
        (saved(IMAGE, "GIF"), Image.open(saved(IMAGE, "GIF")).convert("RGB")),
        (saved(IMAGE.convert("RGBA")), IMAGE.convert("RGBA")),
        (saved(GREY.convert("LA")), GREY.convert("LA")),
    ],
)
def test_what_fits_in_8_bits_is_converted_exactly(source: object, expected: Image.Image) -> None:
    np.testing.assert_array_equal(read_picture(source).pixels, np.asarray(expected))


def test_transparent_colours_become_alpha() -> None:
    palette = IMAGE.quantize(16)
    for transparency in (3, bytes([255, 0, 128])):
        stored = saved(palette, transparency=transparency)
        expected = np.asarray(Image.open(stored).convert("RGBA"))
        assert expected[..., 3].min() == 0
        stored.seek(0)
        np.testing.assert_array_equal(read_picture(stored).pixels, expected)
    key = tuple(RGB[2, 3].tolist())
    pixels = read_picture(saved(IMAGE, transparency=key)).pixels
    assert pixels[..., 3].tolist() == np.where((key == RGB).all(2), 0, 255).tolist()
    grey = read_picture(saved(GREY, transparency=GREY.getpixel((1, 1)))).pixels
    assert grey.shape == (9, 7, 2) and grey[1, 1, 1] == 0


def test_a_palette_that_hides_nothing_is_rgb() -> None:
    stored = saved(IMAGE.quantize(16), transparency=bytes([255] * 16))
    assert read_picture(stored).pixels.shape == (9, 7, 3)


def test_icc_profile_of_cmyk_is_not_falsified() -> None:
    for format in ("JPEG", "TIFF"):
        stored = saved(IMAGE.convert("CMYK"), format, icc_profile=bytes(200))
        with pytest.raises(UnsupportedError, match="ICC profile"):
            read_picture(stored)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (saved(Image.fromarray(DEEP)), "more than 8 bits"),
        (saved(Image.fromarray(DEEP), "TIFF"), "more than 8 bits"),
        (saved(Image.fromarray(DEEP), "PPM"), "more than 8 bits"),
        (Image.fromarray(DEEP), "more than 8 bits"),
        (deep_png(2, 3, 1), "more than 8 bits"),
        (deep_png(4, 2, 1), "more than 8 bits"),
        (deep_png(6, 4, 1), "more than 8 bits"),
        (io.BytesIO(b"P6 1 1 65535\n" + bytes(6)), "more than 8 bits"),
        (io.BytesIO(b"P6 1 1 1023\n" + bytes(6)), "more than 8 bits"),
        (DEEP, "uint16"),
    ],
)
def test_deep_samples_are_cut_only_where_allowed(source: object, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=rf"{reason}.*--to-8-bit"):
        read_picture(source)
    if isinstance(source, io.BytesIO):
        source.seek(0)
    assert read_picture(source, to_8_bit=True).pixels.dtype == np.uint8


def test_upper_byte_is_what_is_kept() -> None:
    for source in (DEEP, Image.fromarray(DEEP), saved(Image.fromarray(DEEP), "TIFF")):
        np.testing.assert_array_equal(read_picture(source, to_8_bit=True).pixels, DEEP >> 8)
    pixels = read_picture(deep_png(6, 4, 0xABFF), to_8_bit=True).pixels
    assert pixels.tolist() == [[[0xAB] * 4]]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (saved(Image.fromarray(DEEP.astype(np.float32)), "TIFF"), "floating-point"),
        (Image.fromarray(DEEP.astype(np.int32) * 70000), "32 bits"),
        (Image.frombytes("LAB", IMAGE.size, RGB.tobytes()), "LAB"),
        (IMAGE.convert("HSV"), "HSV"),
        (RGB / 255.0, "float64"),
        (frames("GIF"), "2 frames"),
        (frames("PNG"), "2 frames"),
        (frames("TIFF"), "2 frames"),
        (frames("WEBP"), "2 frames"),
    ],
)
def test_what_cannot_be_converted_says_what_to_do(source: object, reason: str) -> None:
    with pytest.raises(UnsupportedError, match=reason) as caught:
        read_picture(source, to_8_bit=True)
    assert "\n" not in str(caught.value)


def test_16_bit_colours_of_bitmaps_are_no_16_bit_samples() -> None:
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    head = struct.pack("<IiiHHIIiiII", 40, 2, 2, 1, 16, 3, 8, 0, 0, 0, 0) + masks
    file = b"BM" + struct.pack("<IHHI", 14 + len(head) + 8, 0, 0, 14 + len(head)) + head
    assert read_picture(io.BytesIO(file + b"\xff" * 8)).pixels.tolist() == [[[255] * 3] * 2] * 2


def test_heif_is_read_or_names_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    heif = pytest.importorskip("pillow_heif")
    flat = np.full((32, 48, 3), 90, np.uint8)
    stored = io.BytesIO()
    heif.from_bytes("RGB", (48, 32), flat.tobytes()).save(stored, quality=90)
    stored.seek(0)
    assert np.abs(read_picture(stored).pixels.astype(int) - 90).max() < 4
    deep = io.BytesIO()
    heif.from_bytes("RGB;16", (48, 32), (flat.astype(np.uint16) * 257).tobytes()).save(deep)
    deep.seek(0)
    with pytest.raises(UnsupportedError, match="10 bits"):
        read_picture(deep)
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    stored.seek(0)
    with pytest.raises(MissingExtraError, match=r"pauca\[heif\]"):
        read_picture(stored)
