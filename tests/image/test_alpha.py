"""The alpha plane as chunk `A`."""

import io

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from pauca.coding.weights import encode_levels
from pauca.container.cursor import encode_varint
from pauca.errors import FormatError, LimitError, PaucaError, UnsupportedError
from pauca.image.alpha import CLASSES, DIFFERENCES, WEBP, decode_alpha, encode_alpha
from pauca.limits import Limits

Plane = NDArray[np.uint8]


def disc(softness: float) -> Plane:
    y, x = np.mgrid[:160, :200]
    edge = 60 - np.hypot(y - 80, x - 90)
    return (255 * (edge / softness + 0.5).clip(0, 1)).astype(np.uint8)


PLANES = {
    "opaque": np.full((160, 200), 255, np.uint8),
    "hidden": np.zeros((160, 200), np.uint8),
    "half": np.full((160, 200), 128, np.uint8),
    "hard": disc(1e-3),
    "edge": disc(1.0),
    "soft": disc(60.0),
    "ramp": np.tile(np.arange(200, dtype=np.uint8), (160, 1)),
    "matte": data.camera()[:160, :200],
    "noise": np.random.default_rng(0).integers(0, 256, (160, 200), dtype=np.uint8),
    "letters": np.tile(data.page()[:40, :50], (4, 4)),
    "pixel": np.array([[7]], np.uint8),
    "row": np.arange(0, 256, 3, dtype=np.uint8)[None],
    "column": np.array([[0], [255], [0], [1], [254]], np.uint8),
}


def decoded(payload: bytes, shape: tuple[int, int] = (160, 200)) -> Plane:
    return decode_alpha(payload, shape, Limits())


@pytest.mark.parametrize("name", PLANES)
def test_every_plane_comes_back(name: str) -> None:
    plane = PLANES[name]
    out = decoded(encode_alpha(plane), (plane.shape[0], plane.shape[1]))
    assert out.dtype == np.uint8
    np.testing.assert_array_equal(out, plane)


@pytest.mark.parametrize(
    ("name", "form", "most"),
    [
        ("hidden", DIFFERENCES, 5),
        ("hard", CLASSES, 180),
        ("edge", CLASSES, 600),
        ("ramp", DIFFERENCES, 70),
        ("letters", WEBP, 5000),
    ],
)
def test_each_shape_has_a_form_that_fits(name: str, form: int, most: int) -> None:
    payload = encode_alpha(PLANES[name])
    assert (payload[0], len(payload) <= most) == (form, True), (payload[0], len(payload))


def test_opaque_costs_nothing() -> None:
    assert encode_alpha(PLANES["opaque"]) == b""


@pytest.mark.parametrize("name", ["hard", "edge", "soft", "matte"])
def test_smaller_than_png(name: str) -> None:
    file = io.BytesIO()
    Image.fromarray(PLANES[name]).save(file, "PNG", optimize=True)
    assert len(encode_alpha(PLANES[name])) < 0.9 * file.tell()


def webp(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "WEBP", **options)
    return bytes([WEBP]) + file.getvalue()


def levels(values: list[int]) -> bytes:
    return encode_levels(np.array(values, np.int32), 2)


def classes(first: bytes, rest: bytes) -> bytes:
    return bytes([CLASSES]) + encode_varint(len(first)) + first + rest


@pytest.mark.parametrize(
    "payload",
    [
        bytes([CLASSES]),
        bytes([CLASSES, 200, 1]),
        classes(levels([0, 1, -1, 0]), b""),
        classes(levels([0, 2, -1, 0]), levels([3, 3])),
        classes(levels([0, 1, -1, 1]), levels([3, 127])),
        classes(levels([0, 1, -1, 1]), levels([3, -128])),
        classes(levels([0, -1, -1, 0]), b"\0"),
        bytes([DIFFERENCES]),
        bytes([DIFFERENCES]) + levels([0, 0, 128, 1]),
        bytes([WEBP]),
        bytes([WEBP]) + b"RIFF\x08\0\0\0WEBPVP8L",
        webp(Image.new("RGB", (2, 3)), lossless=True),
        webp(Image.new("RGBA", (2, 2), (1, 2, 3, 4)), lossless=True),
        webp(Image.new("RGB", (2, 2))),
        webp(Image.new("RGB", (2, 2)), lossless=True)[:-6],
    ],
)
def test_damage_is_a_format_error(payload: bytes) -> None:
    with pytest.raises(FormatError) as caught:
        decoded(payload, (2, 2))
    assert "\n" not in str(caught.value)


def test_later_forms_are_unsupported() -> None:
    with pytest.raises(UnsupportedError, match="form 3"):
        decoded(b"\3abc")


def test_limits_hold_before_work() -> None:
    with pytest.raises(LimitError):
        decode_alpha(b"", (1 << 15, 1 << 15), Limits())


@pytest.mark.parametrize("name", ["hard", "edge", "soft", "matte"])
def test_any_payload_is_a_plane_or_a_named_error(name: str) -> None:
    good = encode_alpha(PLANES[name])
    rng = np.random.default_rng(1)
    for _ in range(40):
        bad = bytearray(good)
        for at in rng.integers(0, len(bad), 2):
            bad[at] ^= 1 << rng.integers(8)
        cut = bad[: rng.integers(1, len(bad) + 1)]
        for payload in (bytes(bad), bytes(cut)):
            try:
                assert decoded(payload).shape == (160, 200)
            except PaucaError as error:
                assert "\n" not in str(error)  # noqa: PT017
