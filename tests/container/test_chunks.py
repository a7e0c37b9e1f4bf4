import zlib

import pytest

from pauca.container.chunks import Chunk, decode_stream, encode_stream, scan_stream
from pauca.container.headers import ImageHeader, encode_image_header
from pauca.errors import ChecksumError, FormatError, LimitError, UnsupportedError
from pauca.limits import Limits

HEADER = Chunk("I", encode_image_header(ImageHeader(768, 512, 3, b"12345678", 50)))


def test_stream_has_these_bytes() -> None:
    stream = encode_stream([Chunk("W", b""), Chunk("D", b"abc")])
    preamble = b"\xb5PAUCA\x1a\n\x10"
    first = zlib.crc32(preamble + b"W\x00").to_bytes(4, "little")
    second = zlib.crc32(preamble + b"W\x00" + b"D\x03abc").to_bytes(4, "little")
    assert stream == preamble + b"W\x00" + first + b"D\x03abc" + second + b"E"


def test_fixed_overhead_of_a_picture_is_37_bytes() -> None:
    payload = bytes(2000)
    assert len(encode_stream([HEADER, Chunk("D", payload)])) - len(payload) == 37


def test_round_trip_keeps_types_payloads_and_order() -> None:
    chunks = [HEADER, Chunk("D", b"one"), Chunk("x", b"n\0note"), Chunk("D", b"")]
    read = decode_stream(encode_stream(chunks), known="IDx")
    assert [(c.type, bytes(c.payload)) for c in read] == [(c.type, c.payload) for c in chunks]


def test_offset_points_at_the_payload() -> None:
    stream = encode_stream([HEADER, Chunk("D", b"payload")])
    (_, data) = decode_stream(stream, known="ID")
    assert stream[data.offset : data.offset + 7] == b"payload"


def test_unknown_ancillary_is_skipped_and_unknown_critical_refused() -> None:
    read = decode_stream(encode_stream([HEADER, Chunk("q", b"?"), Chunk("D", b"x")]), known="ID")
    assert [chunk.type for chunk in read] == ["I", "D"]
    with pytest.raises(UnsupportedError, match="'Q'"):
        decode_stream(encode_stream([HEADER, Chunk("Q", b"?")]), known="ID")


def test_header_is_readable_before_a_later_chunk_fails() -> None:
    stream = bytearray(encode_stream([HEADER, Chunk("D", b"payload")]))
    stream[-8] ^= 1
    chunks = scan_stream(stream, Limits())
    assert next(chunks).type == "I"
    with pytest.raises(ChecksumError):
        next(chunks)


@pytest.mark.parametrize(
    "chunks",
    [
        [],
        [Chunk("D", b"")],
        [HEADER, HEADER],
        [HEADER, Chunk("E", b"")],
        [HEADER, Chunk("1", b"")],
        [HEADER, Chunk("DD", b"")],
        [HEADER, Chunk("é", b"")],
    ],
)
def test_encoder_refuses_streams_that_no_reader_may_accept(chunks: list[Chunk]) -> None:
    with pytest.raises(ValueError, match=r"header chunk|cannot stand|ASCII letter"):
        encode_stream(chunks)


def test_limits_hold_for_stream_chunks_and_payloads() -> None:
    stream = encode_stream([HEADER, Chunk("D", bytes(100)), Chunk("D", b"")])
    decode_stream(stream, "ID", Limits(max_bytes=len(stream), max_chunks=3, max_chunk_bytes=100))
    for limits in (
        Limits(max_bytes=len(stream) - 1),
        Limits(max_chunks=2),
        Limits(max_chunk_bytes=99),
    ):
        with pytest.raises(LimitError):
            decode_stream(stream, "ID", limits)


def test_removed_doubled_and_exchanged_chunks_are_seen() -> None:
    stream = encode_stream([HEADER, Chunk("D", b"aa"), Chunk("D", b"bb"), Chunk("D", b"cc")])
    start = stream.index(b"D\x02aa")
    a, b, rest = stream[start : start + 8], stream[start + 8 : start + 16], stream[start + 16 :]
    head = stream[:start]
    decode_stream(head + a + b + rest, "ID")
    for damaged in (head + b + rest, head + a + a + b + rest, head + b + a + rest):
        with pytest.raises(ChecksumError):
            decode_stream(damaged, "ID")


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(FormatError, match="2 bytes after the end"):
        decode_stream(encode_stream([HEADER]) + b"..", "ID")
