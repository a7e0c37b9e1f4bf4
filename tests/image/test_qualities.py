"""Maps of qualities: what they change, what they must not, and what is refused."""

import numpy as np
import pytest
from image.photos import photo
from image.plain_walk import plain_walk
from numpy.typing import NDArray

from pauca import create_model, decode, encode, info
from pauca.container.chunks import Chunk, decode_stream, encode_stream
from pauca.container.cursor import encode_varint
from pauca.errors import EntropyError, FormatError, LimitError, PaucaError, TruncatedError
from pauca.image.codec import PictureEncoder, decode_image
from pauca.image.coded import EncodeOptions
from pauca.image.networks import Networks
from pauca.image.parse import CODED, decoder_of, parse_chunks, split_qualities
from pauca.image.qualities import (
    MOST,
    Qualities,
    blocks_of,
    by_code,
    decode_qualities,
    encode_qualities,
)
from pauca.image.targets import Trial
from pauca.image.view import View
from pauca.image.window import Span, Window
from pauca.limits import Limits
from pauca.metrics.compare import tile_psnr

PACK = create_model("img-psnr")
SIZE, PADDED = (280, 421), (384, 512)
CODE = 160


def some_map(seed: int = 0) -> NDArray[np.int16]:
    rng = np.random.default_rng(seed)
    return rng.choice([100, 148, 160, 230], blocks_of(PADDED)).astype(np.int16)


@pytest.fixture(scope="module", params=[0, 128])
def coded(request: pytest.FixtureRequest) -> tuple[bytes, NDArray[np.uint8]]:
    """A stream with a map, without tiles or with them, and its picture as its encoder has it."""
    options = EncodeOptions(effort=3, threads=2, tile=request.param)
    found, seen = PictureEncoder(photo(*SIZE), PACK, options).encode_and_decode(CODE, some_map())
    return found.stream(), seen


def test_decoder_does_what_the_encoder_saw(coded: tuple[bytes, NDArray[np.uint8]]) -> None:
    stream, seen = coded
    for threads in (1, 2):
        assert np.array_equal(decode_image(stream, threads=threads), seen)
    assert [chunk.type for chunk in info(stream).chunks][:2] == ["I", "Q"]


def test_whole_planes_give_the_same(coded: tuple[bytes, NDArray[np.uint8]]) -> None:
    stream, seen = coded
    header, payload = parse_chunks(decode_stream(stream, CODED), Limits())
    qualities, payload = split_qualities(header, payload, PACK, PADDED, Limits())
    assert qualities.code == CODE and np.array_equal(qualities.map, some_map())
    decoder = decoder_of(payload, PACK, PADDED)
    networks = Networks(PACK, "native", 1)
    plain = plain_walk(networks, PADDED, header.quality, decoder, qualities.map)
    assert np.array_equal(plain[: SIZE[0], : SIZE[1]], seen)


def test_regions_and_scales(coded: tuple[bytes, NDArray[np.uint8]]) -> None:
    stream, seen = coded
    part = decode_image(stream, view=View(region=(90, 70, 150, 120)))
    assert np.array_equal(part, seen[70:190, 90:240])
    for scale in (2, 4):
        small = decode_image(stream, view=View(scale))
        mean = seen[: SIZE[0] // scale * scale, : SIZE[1] // scale * scale].astype(float)
        mean = mean.reshape(SIZE[0] // scale, scale, SIZE[1] // scale, scale, 3).mean((1, 3))
        assert np.abs(small[: len(mean), : mean.shape[1]] - mean).mean() < 8


@pytest.mark.parametrize("tile", [0, 128])
def test_a_map_of_one_quality_changes_nothing(tile: int) -> None:
    encoder = PictureEncoder(photo(*SIZE), PACK, EncodeOptions(effort=3, threads=1, tile=tile))
    plain, seen = encoder.encode_and_decode(CODE)
    flat = np.full(blocks_of(PADDED), CODE, np.int16)
    mapped, same = encoder.encode_and_decode(CODE, flat)
    assert np.array_equal(seen, same)
    assert list(mapped.payload)[1:] == list(plain.payload)


def test_blocks_are_as_good_as_their_quality() -> None:
    pixels = photo(256, 384)
    encoder = PictureEncoder(pixels, PACK, EncodeOptions(effort=3, threads=2))
    map = np.full((4, 6), 120, np.int16)
    map[:, 3:] = 220
    _, mixed = encoder.encode_and_decode(120, map)
    low, high = (tile_psnr(pixels, encoder.encode_and_decode(c)[1]) for c in (120, 220))
    tiles = tile_psnr(pixels, mixed)
    assert np.abs(tiles[:, :2] - low[:, :2]).max() < 0.6
    assert np.abs(tiles[:, 4:] - high[:, 4:]).max() < 0.6
    assert (high - low).min() > 1.5


@pytest.mark.parametrize("grey", [False, True])
def test_worst_tile_is_met_by_fewer_bytes(grey: bool) -> None:
    pixels = photo(256, 384, grey)
    trials: list[Trial] = []
    stream = encode(pixels, min_tile_psnr=33.0, threads=2, report=trials.append)
    assert tile_psnr(pixels, decode(stream)).min() >= 33.0
    kinds = [chunk.type for chunk in info(stream).chunks]
    assert "Q" in kinds
    first = decode_stream(stream, CODED)[0]
    uniform = [t for t in trials if t.likeness is not None and t.likeness >= 33.0]
    assert len(stream) < 0.97 * max(t.bytes for t in uniform)
    code = info(stream).header.quality  # type: ignore[union-attr]
    alone = encode(pixels, quality=code / 4, threads=2)
    assert decode_stream(alone, CODED)[0].payload == first.payload
    assert len(stream) < 0.97 * len(alone)


def test_maps_come_back() -> None:
    codes = some_map(3)
    assert np.array_equal(decode_qualities(encode_qualities(codes), PADDED, Limits()), codes)
    with pytest.raises(ValueError, match="different"):
        encode_qualities(np.arange(MOST + 1, dtype=np.int16).reshape(1, -1))


def test_codes_on_cells() -> None:
    codes = np.array([[1, 5], [3, 2]], np.int16).repeat(2, 0).repeat(2, 1)  # 4 x 4 blocks
    codes[0, 0] = 9
    qualities = Qualities(7, codes)
    assert qualities.on(64, Window(Span(0, 2), Span(2, 4))) == 5
    fine = qualities.on(16, Window(Span(6, 10), Span(7, 9)))
    assert np.array_equal(fine, [[1, 5]] * 2 + [[3, 2]] * 2)
    assert np.array_equal(qualities.on(128, Window(Span(0, 2), Span(0, 2))), [[9, 5], [3, 2]])
    assert Qualities(7).on(4, Window(Span(0, 9), Span(0, 9))) == 7
    put = by_code(np.array([[1, 2]], np.int16), lambda c: np.full((3, 2, 4), c), 2, planes=True)
    assert np.array_equal(put[0], [[1, 1, 2, 2]] * 2)


def raw(*numbers: int) -> bytes:
    return b"".join(map(encode_varint, numbers))


@pytest.mark.parametrize(
    ("payload", "error"),
    [
        (b"", TruncatedError),
        (raw(0), FormatError),
        (raw(MOST + 1), FormatError),
        (raw(2, 100), TruncatedError),
        (raw(2, 100, 100), FormatError),
        (raw(2, 100, 401), FormatError),
        (raw(1, 100), PaucaError),
    ],
)
def test_refused(payload: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        decode_qualities(payload, PADDED, Limits())


def test_refused_maps_and_places() -> None:
    good = encode_qualities(some_map())
    with pytest.raises(EntropyError, match="not listed"):
        decode_qualities(raw(2, 100, 148) + good[len(raw(4, 100, 148, 160, 230)) :], PADDED,
                         Limits())  # fmt: skip
    with pytest.raises(LimitError):
        decode_qualities(good, (1 << 17, 1 << 17), Limits(max_memory=1 << 16))
    header, payload = decode_stream(encode(photo(64, 64)), CODED)
    drawn = decode_stream(encode(photo(64, 64), content="graphics"), CODED)[1]
    for chunks in (
        [header, Chunk("Q", good)],
        [header, payload, Chunk("Q", good)],
        [header, Chunk("Q", good), Chunk("Q", good), payload],
        [header, Chunk("Q", good[:-1]), payload],
        [header, drawn, Chunk("Q", good), payload],
        [header, drawn, Chunk("Q", good)],
    ):
        with pytest.raises(PaucaError):
            decode(encode_stream(chunks))


def test_random_damage_is_refused_or_decoded() -> None:
    encoder = PictureEncoder(photo(100, 120), PACK, EncodeOptions(effort=1, threads=1))
    coded, _ = encoder.encode_and_decode(CODE, np.array([[150, 170], [160, 150]], np.int16))
    header, map, payload = decode_stream(coded.stream(), CODED)
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(60):
        bytes_ = bytearray(map.payload)
        bytes_[rng.integers(len(bytes_))] ^= 1 << rng.integers(8)
        try:
            decoded = decode(encode_stream([header, Chunk("Q", bytes(bytes_)), payload]))
            outcomes.add(decoded.shape)
        except PaucaError:
            outcomes.add("refused")
    assert "refused" in outcomes
