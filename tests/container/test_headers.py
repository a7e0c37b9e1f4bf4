import pytest
from hypothesis import given
from hypothesis import strategies as st

from pauca.container.chunks import Chunk, encode_stream
from pauca.container.headers import (
    ChunkInfo,
    ImageHeader,
    decode_image_header,
    encode_image_header,
    read_info,
)
from pauca.container.identify import Kind, identify
from pauca.errors import FormatError, LimitError, TruncatedError, UnsupportedError
from pauca.limits import Limits

PACK = bytes(range(8))
UNLIMITED = Limits(max_pixels=2**62)


def test_image_header_has_these_bytes() -> None:
    payload = encode_image_header(ImageHeader(768, 512, 3, PACK, 50))
    assert payload == b"\x80\x06\x80\x04\x43" + PACK + b"\x32"


@given(
    st.builds(
        ImageHeader,
        st.integers(1, 2**31 - 1),
        st.integers(1, 2**31 - 1),
        st.sampled_from([1, 3]),
        st.binary(min_size=8, max_size=8),
        st.integers(0, 65535),
    )
)
def test_image_header_round_trip(header: ImageHeader) -> None:
    assert decode_image_header(encode_image_header(header), UNLIMITED) == header


@pytest.mark.parametrize(
    "header",
    [
        ImageHeader(0, 1, 3, PACK),
        ImageHeader(1, 2**31, 3, PACK),
        ImageHeader(1, 1, 2, PACK),
        ImageHeader(1, 1, 3, PACK, bit_depth=16),
        ImageHeader(1, 1, 3, PACK[:7]),
        ImageHeader(1, 1, 3, PACK, 65536),
    ],
)
def test_image_header_out_of_range_is_not_written(header: ImageHeader) -> None:
    with pytest.raises(ValueError, match="bad"):
        encode_image_header(header)


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"\x00\x01\x43" + PACK + b"\x00", FormatError),
        (b"\x01\x00\x43" + PACK + b"\x00", FormatError),
        (b"\x80\x80\x80\x80\x08\x01\x43" + PACK + b"\x00", FormatError),
        (b"\x01\x01\x42" + PACK + b"\x00", FormatError),
        (b"\x01\x01\x83" + PACK + b"\x00", UnsupportedError),
        (b"\x01\x01\x43" + PACK + b"\x80\x80\x04", FormatError),
        (b"\x01\x01\x43" + PACK + b"\x00\x00", FormatError),
        (b"\x01\x01\x43" + PACK, TruncatedError),
        (b"\x01\x01\x43" + PACK[:5], TruncatedError),
        (b"", TruncatedError),
    ],
)
def test_bad_image_header_is_a_named_error(payload: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_image_header(payload)


def test_pixel_limit_is_the_product_of_the_sides() -> None:
    payload = encode_image_header(ImageHeader(100, 50, 3, PACK))
    assert decode_image_header(payload, Limits(max_pixels=5000)).width == 100
    with pytest.raises(LimitError, match="100 x 50"):
        decode_image_header(payload, Limits(max_pixels=4999))


def test_info_lists_header_and_every_chunk_of_an_unknown_pack() -> None:
    header = ImageHeader(24, 16, 1, b"nonesuch", 7)
    stream = encode_stream(
        [
            Chunk("I", encode_image_header(header)),
            Chunk("Q", b"unknown"),
            Chunk("z", b"??"),
            Chunk("D", b"data"),
        ]
    )
    info = read_info(stream)
    assert (info.kind, info.version, info.size) == (Kind.IMAGE, (1, 0), len(stream))
    assert info.header == header
    assert [(c.type, c.critical, c.size) for c in info.chunks] == [
        ("I", True, 12),
        ("Q", True, 7),
        ("z", False, 2),
        ("D", True, 4),
    ]
    last = info.chunks[-1]
    assert isinstance(last, ChunkInfo)
    assert stream[last.offset : last.offset + last.size] == b"data"


@pytest.mark.parametrize("kind", list(Kind))
def test_identify_knows_each_kind_from_ten_bytes(kind: Kind) -> None:
    stream = b"\xb5PAUCA\x1a\n\x10" + kind.value.encode()
    assert identify(stream) is kind
    assert identify(stream + b"anything") is kind
    assert identify(stream[:9]) is None


@pytest.mark.parametrize(
    "head", [b"", b"PAUCA", b"\x89PNG\r\n\x1a\n\x00\x00", b"\xb5PAUCA\x1a\n\x10Z", b"\xff" * 16]
)
def test_identify_is_none_for_foreign_bytes(head: bytes) -> None:
    assert identify(head) is None


def test_identify_does_not_depend_on_the_version() -> None:
    assert identify(b"\xb5PAUCA\x1a\n\x73I") is Kind.IMAGE
    assert str(Kind.IMAGE) == "image"
