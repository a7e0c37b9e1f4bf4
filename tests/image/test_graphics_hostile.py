"""Streams with graphics that break the format: named errors before anything large is made."""

import io
from collections.abc import Callable

import numpy as np
import pytest
from image.photos import photo
from image.screens import mixed, screen
from PIL import Image

from pauca import decode, encode
from pauca.coding.weights import encode_levels
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.cursor import encode_varint
from pauca.errors import FormatError, LimitError, PaucaError, UnsupportedError
from pauca.image.codec import decode_image
from pauca.image.parse import CODED
from pauca.image.view import View
from pauca.limits import Limits


@pytest.fixture(scope="module")
def coded() -> bytes:
    return encode(mixed(), quality=50)


def parts_of(stream: bytes) -> tuple[Chunk, Chunk, Chunk]:
    i, g, d = (Chunk(c.type, bytes(c.payload)) for c in decode_stream(stream, CODED))
    return i, g, d


def file(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", **options)
    return buffer.getvalue()[20:]


def bits(values: list[int]) -> bytes:
    coded = encode_levels(np.array(values, np.int32), 2)
    return encode_varint(len(coded)) + coded


RGB = Image.new("RGB", (64, 64), (1, 2, 3))
GOOD = file(RGB, lossless=True)
ONE = encode_varint(len(GOOD)) + GOOD
BLOCK = b"\1\6\5"  # parts of 64, blocks of 32 pixels


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", FormatError),
        (b"\0", FormatError),
        (b"\2\6" + ONE, UnsupportedError),
        (b"\0\5" + ONE, FormatError),
        (b"\0\x0e" + ONE, FormatError),
        (b"\0\6", FormatError),
        (b"\0\6\0", FormatError),
        (b"\0\6" + ONE[:-1], FormatError),
        (b"\0\6" + ONE + b"\0", FormatError),
        (b"\0\6" + encode_varint(2 * len(GOOD)) + 2 * GOOD, None),
        (b"\0\6" + b"\xff" * 8 + ONE, FormatError),
        (b"\0\6\4" + GOOD[:4], FormatError),
        (b"\0\6\x14" + GOOD[:20], FormatError),
        (b"\0\6" + encode_varint(8) + GOOD[:4] + bytes(4), FormatError),
        *(
            (b"\0\6" + encode_varint(len(bad)) + bad, FormatError)
            for bad in (
                file(Image.new("RGB", (64, 63)), lossless=True),
                file(Image.new("RGB", (128, 64)), lossless=True),
                file(RGB),
                file(Image.new("RGBA", (64, 64), (1, 2, 3, 4)), lossless=True),
            )
        ),
        (b"\1\6\2" + bits([1, 0, 0, 1]) + ONE, FormatError),
        (b"\1\6\7" + bits([1, 0, 0, 1]) + ONE, FormatError),
        (BLOCK + bits([1, 0, 0, 1]) + ONE, None),
        (BLOCK + bits([1, 0, 0, 1]) + b"\0", FormatError),
        (BLOCK + bits([0, 0, 0, 0]) + b"\0", FormatError),
        (BLOCK + bits([0, 0, 0, 0]) + ONE, FormatError),
        (BLOCK + bits([1, 0, 0, 2]) + ONE, FormatError),
        (b"\1\6\3" + bits([1, 0]) + ONE, FormatError),
        (BLOCK + bits(10 * [1, 0]) + ONE, FormatError),
        (BLOCK + b"\x7f" + bits([1, 0, 0, 1]) + ONE, FormatError),
        (BLOCK + b"\0" + ONE, FormatError),
    ],
)
def test_hostile_payloads_are_named_errors(payload: bytes, error: type[PaucaError] | None) -> None:
    learned = encode(photo(64, 64), content="photo")
    i, d = (Chunk(c.type, bytes(c.payload)) for c in decode_stream(learned, CODED))
    chunks = [i, Chunk("G", payload)] + ([] if payload[:1] == b"\0" else [d])
    stream = encode_stream(chunks)
    if error is None:  # the ones that show that the others are wrong for their own reason
        assert decode(stream).shape == (64, 64, 3)
        return
    for view in ({}, {"scale": 4}, {"region": (3, 3, 9, 9)}):
        with pytest.raises(error) as caught:
            decode(stream, **view)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "arrange",
    [
        lambda i, g, d: [i, g, g, d],
        lambda i, g, d: [i, d, g],
        lambda i, g, d: [i, g],
        lambda i, g, d: [i, Chunk("G", b"\0\6" + ONE), d],
        lambda i, g, d: [i, g, d, d],
        lambda i, g, d: [i, g, Chunk("A", b""), d],
        lambda i, g, d: [i],
    ],
)
def test_wrong_orders_are_format_errors(
    coded: bytes, arrange: Callable[[Chunk, Chunk, Chunk], list[Chunk]]
) -> None:
    stream = encode_stream(arrange(*parts_of(coded)))
    for view in ({}, {"scale": 8}):
        with pytest.raises(FormatError):
            decode(stream, **view)


def test_limits_hold_before_work(coded: bytes) -> None:
    for stream in (coded, encode(screen())):
        with pytest.raises(LimitError):
            decode(stream, limits=Limits(max_memory=1 << 20))
        with pytest.raises(LimitError):
            decode(stream, limits=Limits(max_pixels=384 * 480 - 1))


def test_any_payload_is_a_picture_or_a_named_error(coded: bytes) -> None:
    i, g, d = parts_of(coded)
    rng = np.random.default_rng(0)
    outcomes = set()
    for trial in range(40):
        data = bytearray(g.payload)
        near = 60 if trial % 2 else len(data)  # the map and the sizes are at the beginning
        for at in rng.integers(0, near, 2):
            data[at] ^= 1 << rng.integers(8)
        cut = bytes(data) if trial % 3 else bytes(data[: rng.integers(1, len(data))])
        try:
            picture = decode_image(encode_stream([i, Chunk("G", cut), d]), view=View(8), threads=1)
            assert picture.shape == (48, 60, 3)
            outcomes.add("picture")
        except PaucaError as error:
            assert "\n" not in str(error)  # noqa: PT017
            outcomes.add("error")
    assert "error" in outcomes
