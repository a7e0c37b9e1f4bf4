"""Chunks `i`, `e`, `m`, and the head of a stream that holds them."""

import io
import zlib

import pytest

from pauca.container.chunks import Chunk, encode_stream
from pauca.container.cursor import encode_varint
from pauca.container.head import read_head
from pauca.container.headers import ImageHeader, encode_image_header
from pauca.container.metadata import Metadata, decode_metadata, encode_metadata
from pauca.errors import (
    ChecksumError,
    FormatError,
    LimitError,
    PaucaError,
    TruncatedError,
    UnsupportedError,
)
from pauca.limits import Limits

FULL = Metadata(bytes(range(200)), b"II*\0" * 100, b"<x/>")


def deflated(data: bytes, size: int | None = None) -> bytes:
    return b"\1" + encode_varint(len(data) if size is None else size) + zlib.compress(data)


def test_all_comes_back_and_repetition_is_packed() -> None:
    chunks = encode_metadata(FULL)
    assert [chunk.type for chunk in chunks] == ["i", "e", "m"]
    assert not any(chunk.critical for chunk in chunks)
    assert [chunk.payload[0] for chunk in chunks] == [0, 1, 0]
    assert len(chunks[1].payload) < 30
    assert decode_metadata(chunks) == FULL
    assert decode_metadata([Chunk("x", b"!"), *chunks[1:], Chunk("D", b"")]).icc == b""
    assert encode_metadata(Metadata()) == []
    assert decode_metadata([]) == Metadata()


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", TruncatedError),
        (b"\0", FormatError),
        (b"\2abc", UnsupportedError),
        (b"\1", TruncatedError),
        (b"\1\0" + zlib.compress(b""), FormatError),
        (deflated(b"abc", 2), FormatError),
        (deflated(b"abc", 4), FormatError),
        (deflated(b"abc")[:-1], FormatError),
        (deflated(b"abc") + b"!", FormatError),
        (b"\1\3abcdef", FormatError),
        (deflated(bytes(2**24 + 1)), LimitError),
        (deflated(bytes(2**26), 100), FormatError),
        (b"\1\xff\xff\xff\xff\xff\xff\xff\xff\x7f" + zlib.compress(b"a"), LimitError),
    ],
)
def test_damage_is_named(payload: bytes, error: type[PaucaError]) -> None:
    with pytest.raises(error) as caught:
        decode_metadata([Chunk("m", payload)])
    assert type(caught.value) is error


def test_two_of_a_kind_are_refused() -> None:
    with pytest.raises(FormatError, match="two"):
        decode_metadata([*encode_metadata(FULL), Chunk("e", b"\0a")])


def test_limits_hold_on_both_sides() -> None:
    small = Limits(max_metadata=199)
    with pytest.raises(LimitError, match="icc has 200 bytes"):
        encode_metadata(FULL, small)
    with pytest.raises(LimitError, match="icc has 200 bytes"):
        decode_metadata(encode_metadata(FULL), small)


HEADER = Chunk("I", encode_image_header(ImageHeader(24, 16, 3, bytes(8), 40)))
STREAM = encode_stream([HEADER, Chunk("x", bytes(5000)), *encode_metadata(FULL), Chunk("D", b"d")])


def test_head_stops_before_the_payload() -> None:
    payload = STREAM.rindex(b"D")
    for data in (STREAM, STREAM[: payload + 1]):
        chunks, stop = read_head(io.BytesIO(data), "Iiem", "AD", Limits())
        assert stop == "D"
        assert [chunk.type for chunk in chunks] == ["I", "i", "e", "m"]
        assert decode_metadata(chunks) == FULL
        assert chunks[0].payload == HEADER.payload


def test_damaged_heads_are_named() -> None:
    for size in range(STREAM.rindex(b"D")):
        with pytest.raises(TruncatedError):
            read_head(io.BytesIO(STREAM[:size]), "Iiem", "AD", Limits())
    for at in range(20):
        damaged = bytearray(STREAM)
        damaged[at] ^= 4
        with pytest.raises(PaucaError):
            read_head(io.BytesIO(damaged), "Iiem", "AD", Limits())
    damaged = bytearray(STREAM)
    damaged[STREAM.index(bytes(range(100)))] ^= 1
    with pytest.raises(ChecksumError):
        read_head(io.BytesIO(damaged), "Iiem", "AD", Limits())
    with pytest.raises(FormatError):
        read_head(io.BytesIO(encode_stream([HEADER])), "Iiem", "AD", Limits(max_chunks=9))
    with pytest.raises(LimitError):
        read_head(io.BytesIO(STREAM), "Iiem", "AD", Limits(max_chunks=2))
    with pytest.raises(LimitError):
        read_head(io.BytesIO(STREAM), "Iiem", "AD", Limits(max_metadata=50))
