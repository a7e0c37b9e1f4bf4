import pytest
from hypothesis import given
from hypothesis import strategies as st

from pauca.container.cursor import Cursor, encode_varint
from pauca.errors import FormatError, TruncatedError


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (0, b"\x00"),
        (127, b"\x7f"),
        (128, b"\x80\x01"),
        (300, b"\xac\x02"),
        (16383, b"\xff\x7f"),
        (16384, b"\x80\x80\x01"),
        (2**63 - 1, b"\xff" * 8 + b"\x7f"),
    ],
)
def test_varint_has_these_bytes(value: int, data: bytes) -> None:
    assert encode_varint(value) == data
    assert Cursor(data).varint() == value


@given(st.integers(0, 2**63 - 1), st.binary(max_size=3))
def test_varint_round_trip_reads_only_its_own_bytes(value: int, rest: bytes) -> None:
    data = encode_varint(value)
    cursor = Cursor(data + rest)
    assert cursor.varint() == value
    assert cursor.remaining == len(rest)


@pytest.mark.parametrize("value", [-1, 2**63])
def test_varint_out_of_range_is_refused(value: int) -> None:
    with pytest.raises(ValueError, match="out of range"):
        encode_varint(value)


@pytest.mark.parametrize("data", [b"\x80\x00", b"\xff\x80\x00"])
def test_varint_must_be_shortest(data: bytes) -> None:
    with pytest.raises(FormatError, match="shortest form"):
        Cursor(data).varint()


def test_varint_of_ten_bytes_is_refused() -> None:
    with pytest.raises(FormatError, match="longer than 9"):
        Cursor(b"\x80" * 9 + b"\x01").varint()


@pytest.mark.parametrize("data", [b"", b"\x80", b"\xff" * 8])
def test_varint_cut_short_is_truncated(data: bytes) -> None:
    with pytest.raises(TruncatedError):
        Cursor(data).varint()


def test_fields_are_little_endian_and_in_order() -> None:
    cursor = Cursor(bytes(range(1, 11)))
    assert cursor.u8() == 1
    assert cursor.u16() == 0x0302
    assert cursor.u32() == 0x07060504
    assert bytes(cursor.take(2)) == b"\x08\x09"
    assert cursor.remaining == 1


def test_take_never_passes_the_end_and_keeps_the_position() -> None:
    cursor = Cursor(b"abc")
    for size in (4, -1, 2**62):
        with pytest.raises(TruncatedError):
            cursor.take(size)
    assert bytes(cursor.take(3)) == b"abc"


def test_finish_refuses_leftover_bytes() -> None:
    cursor = Cursor(b"ab", "header")
    cursor.u8()
    with pytest.raises(FormatError, match="header: 1 bytes left over"):
        cursor.finish()
    cursor.u8()
    cursor.finish()
