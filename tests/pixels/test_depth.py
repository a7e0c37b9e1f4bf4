"""Depth by the header of files whose samples Pillow would cut in silence."""

import io
import struct

import numpy as np
import pytest
from PIL import Image, features

from pauca.errors import UnsupportedError
from pauca.pixels.depth import JPEG2000, sample_bits
from pauca.pixels.files import read_picture


def box(type: bytes, *content: bytes, long: bool = False) -> bytes:
    data = b"".join(content)
    if long:
        return struct.pack(">I4sQ", 1, type, 16 + len(data)) + data
    return struct.pack(">I4s", 8 + len(data), type) + data


def codestream(*bits: int) -> bytes:
    siz = struct.pack(">HHIIIIIIIIH", 38 + 3 * len(bits), 0, 4, 4, 0, 0, 4, 4, 0, 0, len(bits))
    return b"\xff\x4f\xff\x51" + siz + b"".join(bytes([b - 1, 1, 1]) for b in bits)


def avif(*flags: int) -> bytes:
    configs = [box(b"av1C", bytes([0x81, 0, flag, 0])) for flag in flags]
    properties = box(b"iprp", box(b"ipco", box(b"ispe", bytes(12)), *configs))
    meta = box(b"meta", bytes(4), box(b"hdlr", bytes(20)), properties)
    return box(b"ftyp", b"avif", bytes(4)) + meta + box(b"mdat", bytes(50))


@pytest.mark.parametrize(
    ("data", "bits"),
    [
        (codestream(8, 8, 8), 8),
        (codestream(12, 12, 12), 12),
        (codestream(8, 8, 8, 16), 16),
        (JPEG2000 + box(b"ftyp", bytes(12)) + box(b"jp2c", codestream(16)), 16),
        (JPEG2000 + box(b"xml ", bytes(70)) + box(b"jp2c", codestream(10), long=True), 10),
        (JPEG2000 + b"\0\0\0\0jp2c" + codestream(9, 9, 9), 9),
        (avif(0x00), 8),
        (avif(0x40), 10),
        (avif(0x60), 12),
        (avif(0x00, 0x40), 10),
        (b"", 8),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), 8),
    ],
)
def test_header_tells_the_depth(data: bytes, bits: int) -> None:
    assert sample_bits(io.BytesIO(data)) == bits


def test_any_header_is_a_number() -> None:
    rng = np.random.default_rng(1)
    for good in (avif(0x40, 0x60), JPEG2000 + box(b"jp2c", codestream(16, 16)), codestream(12)):
        for cut in range(len(good)):
            assert 1 <= sample_bits(io.BytesIO(good[:cut])) <= 128
        for _ in range(200):
            bad = bytearray(good)
            for at in rng.integers(0, len(bad), 3):
                bad[at] = rng.integers(256)
            assert 1 <= sample_bits(io.BytesIO(bad)) <= 128


def deep_jpeg2000() -> io.BytesIO:
    """Return a JPEG 2000 file whose header says 16 bits, whatever its data are."""
    file = io.BytesIO()
    Image.new("RGB", (16, 16), (9, 8, 7)).save(file, "JPEG2000", no_jp2=True)
    data = bytearray(file.getvalue())
    assert data[42] == 7
    data[42] = 15
    return io.BytesIO(data)


def test_deep_jpeg_2000_is_refused_from_file_and_open_image() -> None:
    if not features.check("jpg_2000"):
        pytest.skip("Pillow without JPEG 2000")
    for source in (deep_jpeg2000(), Image.open(deep_jpeg2000())):
        for allowed in (False, True):  # Pillow turns their white into black
            with pytest.raises(UnsupportedError, match="16 bits"):
                read_picture(source, to_8_bit=allowed)
            if isinstance(source, io.BytesIO):
                source.seek(0)


def test_deep_avif_is_refused_unless_allowed() -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    if not features.check("avif"):
        pytest.skip("Pillow without AVIF")
    pixels = np.full((16, 16, 3), 800, np.uint16)
    data = imagecodecs.avif_encode(pixels, bitspersample=10)
    with pytest.raises(UnsupportedError, match="10 bits"):
        read_picture(io.BytesIO(data))
    read = read_picture(io.BytesIO(data), to_8_bit=True).pixels
    assert np.abs(read.astype(int) - 200).max() <= 2
