import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pauca.container.identify import encode_preamble
from pauca.errors import InputError, LimitError, PaucaError, UnsupportedError
from pauca.limits import Limits
from pauca.pixels.files import encode_picture, read_image, write_image

RGB = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
GREY = RGB[..., 0].copy()


def saved(image: Image.Image, format: str = "PNG", **options: object) -> io.BytesIO:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    buffer.seek(0)
    return buffer


def png(width: int, height: int, depth: int, colour: int, rows: bytes) -> io.BytesIO:
    def chunk(type: bytes, data: bytes) -> bytes:
        crc = struct.pack(">I", zlib.crc32(type + data))
        return struct.pack(">I", len(data)) + type + data + crc

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return io.BytesIO(b"\x89PNG\r\n\x1a\n" + data)


@pytest.mark.parametrize("pixels", [RGB, GREY])
def test_array_image_path_and_file_give_the_same_pixels(
    pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    image = Image.fromarray(pixels)
    image.save(tmp_path / "a.png")
    for source in (pixels, image, tmp_path / "a.png", str(tmp_path / "a.png"), saved(image)):
        read = read_image(source)
        assert read.dtype == np.uint8
        assert read.flags.c_contiguous
        np.testing.assert_array_equal(read, pixels)


def test_sliced_array_becomes_contiguous() -> None:
    view = RGB[::2, ::-1]
    assert read_image(view).flags.c_contiguous
    np.testing.assert_array_equal(read_image(view), view)


def test_opaque_palette_and_alpha_are_converted_without_loss() -> None:
    image = Image.fromarray(RGB)
    np.testing.assert_array_equal(read_image(saved(image.convert("RGBA"))), RGB)
    np.testing.assert_array_equal(read_image(saved(Image.fromarray(GREY).convert("LA"))), GREY)
    palette = image.quantize(16)
    expected = np.asarray(palette.convert("RGB"))
    np.testing.assert_array_equal(read_image(saved(palette)), expected)


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_pixels_alone_have_alpha_only_where_it_is_asked_for(mode: str) -> None:
    image = Image.fromarray(RGB).convert(mode)
    image.putalpha(200)
    with pytest.raises(UnsupportedError, match="flatten"):
        read_image(saved(image))
    expected = np.asarray(image.convert("RGBA"))
    np.testing.assert_array_equal(read_image(saved(image), alpha=True), expected)


def test_pixels_alone_are_turned_as_exif_says() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    stored = saved(Image.fromarray(RGB), "PNG", exif=exif)
    np.testing.assert_array_equal(read_image(stored), np.rot90(RGB, -1))


@pytest.mark.parametrize(
    "source",
    [
        io.BytesIO(b""),
        io.BytesIO(b"not a picture at all"),
        io.BytesIO(saved(Image.fromarray(RGB)).getvalue()[:-40]),
        io.BytesIO(saved(Image.fromarray(RGB), "JPEG").getvalue()[:300]),
        io.BytesIO(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"),
        np.zeros((0, 4, 3), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((4, 4, 5), np.uint8),
        "/nonexistent/picture.png",
        "/",
        42,
    ],
)
def test_unreadable_input_is_one_line(source: object) -> None:
    with pytest.raises(InputError) as caught:
        read_image(source)
    assert "\n" not in str(caught.value)


def test_stream_of_ours_is_not_a_picture() -> None:
    with pytest.raises(InputError, match="pauca stream already"):
        read_image(io.BytesIO(encode_preamble() + b"I" + bytes(20)))


def test_too_many_pixels_are_refused_before_decoding() -> None:
    with pytest.raises(LimitError):
        read_image(png(2**20, 2**20, 8, 2, b""))
    with pytest.raises(LimitError, match="7 x 9"):
        read_image(saved(Image.fromarray(RGB)), Limits(max_pixels=62))
    with pytest.raises(LimitError):
        read_image(RGB, Limits(max_pixels=62))
    with pytest.raises(LimitError):
        read_image(saved(Image.fromarray(RGB)), Limits(max_bytes=20))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "PPM"])
def test_damaged_files_raise_only_our_errors(format: str) -> None:
    data = saved(Image.fromarray(RGB), format).getvalue()
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x55
        try:
            pixels = read_image(io.BytesIO(damaged), Limits(max_pixels=2**20))
        except PaucaError as error:
            assert "\n" not in str(error)  # noqa: PT017
        else:
            assert pixels.dtype == np.uint8


@pytest.mark.parametrize("suffix", [".png", ".PPM", ".tif", ".webp", ".bmp"])
@pytest.mark.parametrize("pixels", [RGB, GREY])
def test_lossless_formats_return_the_pixels(
    suffix: str, pixels: NDArray[np.uint8], tmp_path: Path
) -> None:
    write_image(tmp_path / f"a{suffix}", pixels)
    read = read_image(tmp_path / f"a{suffix}")
    if read.ndim > pixels.ndim:  # WebP has no grey: three equal channels
        read = read[..., 0]
    np.testing.assert_array_equal(read, pixels)


def test_jpeg_is_close() -> None:
    smooth = np.tile(np.arange(64, dtype=np.uint8)[:, None, None] * 3, (1, 64, 3))
    read = read_image(io.BytesIO(encode_picture(smooth, ".jpg")))
    assert np.abs(read.astype(int) - smooth).max() <= 6


@pytest.mark.parametrize("suffix", ["", ".pauca", ".txt", ".nope"])
def test_unknown_extension_is_refused(suffix: str, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="use .png"):
        write_image(tmp_path / f"a{suffix}", RGB)
    assert list(tmp_path.iterdir()) == []


def test_picture_that_the_format_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="WEBP"):
        write_image(tmp_path / "a.webp", np.zeros((1, 20000), np.uint8))
    assert list(tmp_path.iterdir()) == []


def test_write_image_refuses_to_replace_without_force(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", RGB)
    with pytest.raises(InputError, match="exists"):
        write_image(tmp_path / "a.png", GREY)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), RGB)
    write_image(tmp_path / "a.png", GREY, force=True)
    np.testing.assert_array_equal(read_image(tmp_path / "a.png"), GREY)
