"""Streams that lie: every one must end in a named error, at once, and without memory."""

import random
import time
import tracemalloc
import zlib

import pytest

from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.cursor import encode_varint
from pauca.container.headers import ImageHeader, encode_image_header, read_info
from pauca.errors import FormatError, LimitError, PaucaError, TruncatedError, UnsupportedError

HEADER = encode_image_header(ImageHeader(24, 16, 3, b"12345678", 50))
STREAM = encode_stream(
    [Chunk("I", HEADER), Chunk("x", b"name\0value"), Chunk("D", bytes(range(200)))]
)


def forge(*chunks: bytes, end: bytes = b"E") -> bytes:
    """Return a stream of raw chunk bytes (type, length, payload) with right checksums."""
    covered = stream = STREAM[:9]
    for chunk in chunks:
        covered += chunk
        stream += chunk + zlib.crc32(covered).to_bytes(4, "little")
    return stream + end


def chunk(type: bytes, payload: bytes) -> bytes:
    return type + encode_varint(len(payload)) + payload


def test_every_truncation_is_named() -> None:
    for size in range(len(STREAM)):
        with pytest.raises(TruncatedError):
            read_info(STREAM[:size])


def test_every_single_bit_flip_is_named() -> None:
    for position in range(len(STREAM)):
        for bit in range(8):
            damaged = bytearray(STREAM)
            damaged[position] ^= 1 << bit
            with pytest.raises((FormatError, LimitError, UnsupportedError)):
                read_info(damaged)


def test_every_single_byte_value_is_named() -> None:
    # Bytes that steer the parser: version, types, lengths and the end mark.
    for position in (8, 9, 10, 29, 30, 45, 46, 47, len(STREAM) - 1):
        for value in range(256):
            damaged = bytearray(STREAM)
            damaged[position] = value
            if damaged != STREAM:
                with pytest.raises(PaucaError):
                    read_info(damaged)


def test_random_damage_is_named_or_harmless() -> None:
    rng = random.Random(1)
    for _ in range(3000):
        damaged = bytearray(STREAM)
        for _ in range(rng.randrange(1, 6)):
            start = rng.randrange(len(damaged))
            action = rng.randrange(3)
            if action == 0:
                damaged[start : start + rng.randrange(9)] = rng.randbytes(rng.randrange(9))
            elif action == 1:
                damaged[start] = rng.choice(b"IVWUDEx\x00\xff\x80")
            else:
                damaged[start:start] = damaged[: rng.randrange(30)]
            if not damaged:
                break
        if damaged != STREAM:
            with pytest.raises(PaucaError):
                read_info(damaged)


@pytest.mark.parametrize("size", [2**28, 2**31 - 1, 2**31, 2**40, 2**63 - 1])
def test_absurd_chunk_length_is_refused_at_once_and_without_memory(size: int) -> None:
    stream = forge(chunk(b"I", HEADER), b"D" + encode_varint(size))
    tracemalloc.start()
    start = time.perf_counter()
    with pytest.raises((TruncatedError, LimitError)):
        read_info(stream)
    assert time.perf_counter() - start < 1
    assert tracemalloc.get_traced_memory()[1] < 2**20
    tracemalloc.stop()


@pytest.mark.parametrize(("width", "height"), [(2**31 - 1, 2**31 - 1), (2**20, 2**20), (2**28, 2)])
def test_absurd_picture_is_refused_at_once(width: int, height: int) -> None:
    payload = encode_image_header(ImageHeader(width, height, 3, b"12345678"))
    with pytest.raises(LimitError):
        read_info(forge(chunk(b"I", payload), chunk(b"D", b"")))


def test_a_million_empty_chunks_hit_the_chunk_limit_at_once() -> None:
    stream = encode_stream([Chunk("I", HEADER)] + [Chunk("x", b"")] * 10**6)
    start = time.perf_counter()
    with pytest.raises(LimitError, match="chunks"):
        decode_stream(stream, "ID")
    assert time.perf_counter() - start < 1


@pytest.mark.parametrize(
    "stream",
    [
        forge(),
        forge(chunk(b"I", HEADER), end=b"EE"),
        forge(chunk(b"D", b""), chunk(b"I", HEADER)),
        forge(chunk(b"I", HEADER), chunk(b"W", b"")),
        forge(chunk(b"I", HEADER), chunk(b"\x00", b"")),
        forge(chunk(b"I", HEADER), chunk(b"\xe9", b"")),
        forge(chunk(b"I", HEADER), b"D\x80\x00"),
        forge(chunk(b"I", b"")),
    ],
)
def test_broken_rules_with_right_checksums_are_format_errors(stream: bytes) -> None:
    with pytest.raises(FormatError):
        read_info(stream)


@pytest.mark.parametrize(
    "data", [b"", b"\x00", b"\xff" * 100, b"GIF89a" + bytes(20), b"PAUCA" * 9, STREAM[1:]]
)
def test_foreign_bytes_are_format_errors(data: bytes) -> None:
    with pytest.raises(FormatError):
        read_info(data)


def test_text_mode_transfer_is_called_by_its_name() -> None:
    with pytest.raises(FormatError, match="text mode"):
        read_info(STREAM.replace(b"\n", b"\r\n"))
    with pytest.raises(FormatError, match="text mode"):
        read_info(bytes(byte & 0x7F for byte in STREAM))
