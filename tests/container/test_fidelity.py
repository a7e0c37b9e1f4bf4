"""Chunk `f`: figures that claim no more than they may, and bytes that lie."""

import math
import random

import pytest

from pauca.container.chunks import Chunk, encode_stream
from pauca.container.fidelity import Fidelity, decode_fidelity, encode_fidelity
from pauca.container.headers import ImageHeader, encode_image_header, read_info
from pauca.errors import FormatError, PaucaError, TruncatedError

HEADER = Chunk("I", encode_image_header(ImageHeader(200, 130, 3, bytes(8), 200)))
DATA = Chunk("D", b"payload")
GOOD = Fidelity(36.01, 0.991337, 31.86, (192, 128))


def test_the_payload_has_these_bytes() -> None:
    payload = encode_fidelity(GOOD)
    assert payload == bytes.fromhex("110e 69200f 720c 0300 0200")
    assert decode_fidelity(payload, 200, 130) == GOOD


def test_figures_are_rounded_down_and_then_stay() -> None:
    rng = random.Random(2)
    for _ in range(2000):
        psnr = rng.uniform(0, 100)
        figures = Fidelity(psnr, rng.random(), psnr * rng.random(), (0, 0))
        stated = decode_fidelity(encode_fidelity(figures), 1, 1)
        assert -1e-7 < figures.psnr - stated.psnr < 0.01
        assert -1e-7 < figures.tile_psnr - stated.tile_psnr < 0.01
        assert -1e-11 < figures.ms_ssim - stated.ms_ssim < 1e-6
        assert decode_fidelity(encode_fidelity(stated), 1, 1) == stated


def test_ends_of_the_scales() -> None:
    equal = Fidelity(math.inf, 1.0, math.inf, (0, 0))
    assert decode_fidelity(encode_fidelity(equal), 1, 1) == equal
    far = Fidelity(900.0, 0.0, 0.0, (64 * 65535, 64 * 65535))
    stated = decode_fidelity(encode_fidelity(far), 2**22, 2**22)
    assert (stated.psnr, stated.tile) == (655.34, far.tile)
    for bad in (
        Fidelity(1.0, 1.1, 1.0, (0, 0)),
        Fidelity(1.0, math.nan, 1.0, (0, 0)),
        Fidelity(math.nan, 1.0, 1.0, (0, 0)),
        Fidelity(-1.0, 1.0, -1.0, (0, 0)),
        Fidelity(1.0, 1.0, 1.0, (2**22, 0)),
    ):
        with pytest.raises(ValueError, match="out of range|PSNR of"):
            encode_fidelity(bad)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", TruncatedError),
        (encode_fidelity(GOOD)[:-1], TruncatedError),
        (encode_fidelity(GOOD) + b"\0", FormatError),
        (encode_fidelity(Fidelity(36, 0.9, 31, (256, 0))), FormatError),
        (encode_fidelity(Fidelity(36, 0.9, 31, (0, 192))), FormatError),
        (encode_fidelity(Fidelity(36, 0.9, 36.01, (0, 0))), FormatError),
        (encode_fidelity(Fidelity(math.inf, 1, 99, (0, 0))), FormatError),
        (encode_fidelity(Fidelity(36, 0.9, 31, (0, 0)))[:4] + b"\x10" + bytes(6), FormatError),
    ],
)
def test_a_statement_that_cannot_be_is_a_named_error(
    payload: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        decode_fidelity(payload, 200, 130)
    with pytest.raises(error):
        read_info(encode_stream([HEADER, Chunk("f", payload), DATA]))


def test_any_bytes_are_a_statement_or_a_named_error() -> None:
    rng = random.Random(4)
    outcomes = set()
    for _ in range(5000):
        payload = bytearray(encode_fidelity(GOOD))
        payload[rng.randrange(11)] = rng.randrange(256)
        try:
            stated = decode_fidelity(payload, 200, 130)
            assert 0 <= stated.tile_psnr <= stated.psnr and 0 <= stated.ms_ssim <= 1
            assert stated.tile[0] < 200 and stated.tile[1] < 130
            outcomes.add("statement")
        except PaucaError:
            outcomes.add("error")
    assert outcomes == {"statement", "error"}


def test_one_statement_at_most_wherever_it_stands() -> None:
    chunk = Chunk("f", encode_fidelity(GOOD))
    assert read_info(encode_stream([HEADER, chunk, DATA])).fidelity == GOOD
    assert read_info(encode_stream([HEADER, DATA, chunk])).fidelity == GOOD
    assert read_info(encode_stream([HEADER, DATA])).fidelity is None
    with pytest.raises(FormatError, match="one chunk 'f'"):
        read_info(encode_stream([HEADER, chunk, DATA, chunk]))
    weights = read_info(encode_stream([Chunk("W", b""), Chunk("f", b"theirs")]))
    assert weights.fidelity is None
