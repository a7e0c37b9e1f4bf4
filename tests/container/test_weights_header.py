import pytest
from hypothesis import given
from hypothesis import strategies as st

from pauca.container.chunks import Chunk, encode_stream
from pauca.container.headers import (
    SOURCES,
    WeightsHeader,
    decode_weights_header,
    encode_weights_header,
    read_info,
)
from pauca.container.identify import Kind
from pauca.errors import FormatError, LimitError, TruncatedError, UnsupportedError
from pauca.limits import Limits

HEADER = WeightsHeader("onnx", 6, 300, 1200, 90)
UNLIMITED = Limits(max_tensors=2**62, max_memory=2**63)


def test_weights_header_has_these_bytes() -> None:
    assert encode_weights_header(HEADER) == b"\x01\x06\xac\x02\xb0\x09\x5a"


@given(
    st.sampled_from(SOURCES),
    st.integers(0, 2**40),
    st.integers(0, 2**40),
    st.integers(1, 16),
    st.integers(0, 2**40),
    st.sampled_from([b"", b"12345678"]),
)
def test_round_trip(
    source: str, tensors: int, elements: int, size: int, table: int, base: bytes
) -> None:
    header = WeightsHeader(source, tensors, elements, size * elements, table, base)
    kind = Kind.UPDATE if base else Kind.WEIGHTS
    assert decode_weights_header(encode_weights_header(header), kind, UNLIMITED) == header


@pytest.mark.parametrize(
    ("payload", "kind", "error"),
    [
        (b"", Kind.WEIGHTS, TruncatedError),
        (b"\x01\x06\xac\x02\xb0\x09", Kind.WEIGHTS, TruncatedError),
        (b"\x01\x06\xac\x02\xb0\x09\x5a", Kind.UPDATE, TruncatedError),
        (b"\x01\x06\xac\x02\xb0\x09\x5a\x00", Kind.WEIGHTS, FormatError),
        (b"\x04\x06\xac\x02\xb0\x09\x5a", Kind.WEIGHTS, UnsupportedError),
        (b"\x01\x06\xac\x02\x01\x5a", Kind.WEIGHTS, FormatError),
        (b"\x01\x06\x02\xac\x02\x5a", Kind.WEIGHTS, FormatError),
    ],
)
def test_bad_header_is_a_named_error(payload: bytes, kind: Kind, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_weights_header(payload, kind)


def test_limits_are_held_before_anything_is_read() -> None:
    payload = encode_weights_header(HEADER)
    assert decode_weights_header(payload, Kind.WEIGHTS, Limits(max_tensors=6, max_memory=1290))
    with pytest.raises(LimitError, match="6 tensors"):
        decode_weights_header(payload, Kind.WEIGHTS, Limits(max_tensors=5))
    with pytest.raises(LimitError, match="1290 bytes"):
        decode_weights_header(payload, Kind.WEIGHTS, Limits(max_memory=1289))


def test_info_shows_the_header_or_that_it_is_of_a_later_version() -> None:
    stream = encode_stream([Chunk("W", encode_weights_header(HEADER)), Chunk("T", b"")])
    assert read_info(stream).header == HEADER
    assert read_info(encode_stream([Chunk("W", b"\x77new")])).header is None


@pytest.mark.parametrize(
    "header", [WeightsHeader("zip", 1, 1, 1, 1), WeightsHeader("npz", 1, 1, 1, 1, b"short")]
)
def test_bad_header_is_not_written(header: WeightsHeader) -> None:
    with pytest.raises(ValueError, match="bad source or base"):
        encode_weights_header(header)
