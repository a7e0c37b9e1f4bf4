"""Which way up a picture is, and what its file formats hold besides the samples."""

import io

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps, features
from PIL.PngImagePlugin import PngInfo

from pauca import Metadata
from pauca.errors import UnsupportedError
from pauca.pixels.carried import held_metadata
from pauca.pixels.files import encode_picture, read_image, read_picture
from pauca.pixels.picture import Picture, orientation, turn, with_metadata

RGB = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/">\u00fc</x:xmpmeta>'.encode()


def exif(turned: int = 0) -> bytes:
    tags = Image.Exif()
    tags[0x010F] = "maker"
    if turned:
        tags[0x0112] = turned
    tags.get_ifd(0x8769)[0x9003] = "2020:02:02 02:02:02"
    return tags.tobytes()[6:]


CARRIED = Metadata(ICC, exif(6), XMP)


def loaded(data: bytes) -> Image.Exif:
    tags = Image.Exif()
    tags.load(data)
    return tags


@pytest.mark.parametrize("turned", range(9))
def test_turning_is_what_pillow_does(turned: int) -> None:
    image = Image.fromarray(RGB)
    image.getexif()[0x0112] = turned
    expected = np.asarray(ImageOps.exif_transpose(image))
    np.testing.assert_array_equal(turn(RGB, turned), expected)
    assert orientation(exif(turned)) == turned


def test_damaged_exif_says_nothing() -> None:
    for data in (b"", b"II*\0", b"nothing", exif(6)[:20], b"II*\0" + b"\xff" * 40, bytes(100)):
        assert orientation(data) == 0


def test_new_metadata_turns_the_samples_unless_it_says_how_they_are() -> None:
    picture = Picture(RGB, CARRIED)
    np.testing.assert_array_equal(with_metadata(picture, CARRIED).pixels, RGB)
    np.testing.assert_array_equal(with_metadata(picture, Metadata(exif=exif(1))).pixels, RGB)
    for metadata in (Metadata(), Metadata(exif=exif())):
        turned = with_metadata(picture, metadata)
        np.testing.assert_array_equal(turned.pixels, np.rot90(RGB, -1))
        assert turned.metadata == metadata


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".avif"])
@pytest.mark.parametrize("carried", [CARRIED, Metadata(ICC), Metadata(xmp=XMP), Metadata()])
def test_formats_give_back_what_they_hold(suffix: str, carried: Metadata) -> None:
    if suffix == ".avif" and not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    picture = read_picture(io.BytesIO(encode_picture(RGB, suffix, metadata=carried)))
    assert picture.metadata == carried
    assert picture.pixels.shape == RGB.shape


def test_tiff_gives_back_tags_and_pillow_has_turned_the_samples() -> None:
    file = encode_picture(RGB, ".tif", metadata=CARRIED)
    picture = read_picture(io.BytesIO(file))
    np.testing.assert_array_equal(picture.pixels, np.rot90(RGB, -1))
    assert (picture.metadata.icc, picture.metadata.xmp) == (ICC, XMP)
    tags = loaded(picture.metadata.exif)
    assert tags[0x010F] == "maker" and tags.get_ifd(0x8769)[0x9003] == "2020:02:02 02:02:02"
    assert 0x0112 not in tags


@pytest.mark.parametrize("suffix", [".bmp", ".ppm"])
def test_samples_are_turned_where_no_exif_can_say_so(suffix: str) -> None:
    picture = read_picture(io.BytesIO(encode_picture(RGB, suffix, metadata=CARRIED)))
    np.testing.assert_array_equal(picture.pixels, np.rot90(RGB, -1))
    assert picture.metadata == Metadata()


def test_jpeg_leaves_out_what_is_too_long_for_a_segment() -> None:
    large = Metadata(bytes(range(256)) * 400, b"II*\0" + bytes(70000), b"x" * 70000)
    assert held_metadata(large, "JPEG") == Metadata(large.icc)
    assert held_metadata(large, "PNG") == large
    picture = read_picture(io.BytesIO(encode_picture(RGB, ".jpg", metadata=large)))
    assert picture.metadata == Metadata(large.icc)


def test_png_leaves_out_xmp_that_is_no_utf_8() -> None:
    assert held_metadata(Metadata(ICC, xmp=b"\xff\xfe<\0"), "PNG") == Metadata(ICC)


def test_exif_that_imagemagick_wrote_is_found() -> None:
    data = b"Exif\0\0" + exif(3)
    info = PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(data):8}\n{data.hex()}\n", zip=True)
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "PNG", pnginfo=info)
    file.seek(0)
    assert read_picture(file).metadata.exif == exif(3)


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tif", ".tga"])
@pytest.mark.parametrize("channels", [2, 4])
def test_alpha_survives_in_lossless_formats(suffix: str, channels: int) -> None:
    pixels = np.dstack([RGB, RGB[..., :1]])[..., -channels:]
    pixels[..., -1] |= 1  # WebP clears the colours of transparent pixels
    file = io.BytesIO(encode_picture(pixels, suffix))
    expected = pixels if channels == 4 else pixels[..., [0, 0, 0, 1]]
    np.testing.assert_array_equal(read_image(file, alpha=True), expected)


@pytest.mark.parametrize("suffix", [".jpg", ".bmp", ".ppm"])
@pytest.mark.parametrize("channels", [2, 4])
def test_formats_without_alpha_refuse_it(suffix: str, channels: int) -> None:
    pixels = np.zeros((4, 4, channels), np.uint8)
    with pytest.raises(UnsupportedError, match=r"transparency.*\.png"):
        encode_picture(pixels, suffix)
