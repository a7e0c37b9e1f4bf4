"""Chunks found without reading them, and opened one by one."""

import pytest

from pauca.container.chunks import Chunk, encode_stream, locate_chunks, open_chunk, scan_stream
from pauca.errors import ChecksumError, FormatError, LimitError, TruncatedError
from pauca.limits import Limits

STREAM = encode_stream(
    [Chunk("W", b"head"), Chunk("x", b"note"), Chunk("D", b"one" * 99), Chunk("D", b"")]
)


def test_located_chunks_are_the_scanned_ones() -> None:
    located = locate_chunks(STREAM, Limits())
    opened = [open_chunk(STREAM, place) for place in located]
    assert opened == list(scan_stream(STREAM, Limits()))


def test_damage_concerns_its_own_chunk_alone() -> None:
    place = locate_chunks(STREAM, Limits())[2]
    damaged = bytearray(STREAM)
    damaged[place.offset + 5] ^= 4
    located = locate_chunks(damaged, Limits())
    assert open_chunk(damaged, located[1]).payload == b"note"
    assert open_chunk(damaged, located[3]).payload == b""
    with pytest.raises(ChecksumError, match="'D' at byte"):
        open_chunk(damaged, located[2])


def test_framing_is_checked() -> None:
    for size in range(len(STREAM)):
        with pytest.raises(TruncatedError):
            locate_chunks(STREAM[:size], Limits())
    with pytest.raises(FormatError, match="after the end"):
        locate_chunks(STREAM + b"!", Limits())
    with pytest.raises(FormatError, match="header"):
        locate_chunks(STREAM[:9] + b"D\0" + STREAM[9:], Limits())
    with pytest.raises(FormatError, match="no header"):
        locate_chunks(STREAM[:9] + b"E", Limits())
    with pytest.raises(LimitError, match="chunks"):
        locate_chunks(STREAM, Limits(max_chunks=3))
    with pytest.raises(LimitError, match="297 bytes"):
        locate_chunks(STREAM, Limits(max_chunk_bytes=296))
