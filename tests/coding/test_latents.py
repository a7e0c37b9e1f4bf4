import threading

import numpy as np
import pytest
from coding.twin import Twin
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca._core import rans_paths
from pauca.coding import (
    LatentDecoder,
    Tables,
    encode_latents,
    entropy_bits,
    gaussian_tables,
    tables_from_pmfs,
)
from pauca.errors import EntropyError, InputError, TruncatedError

SCALES = [0.06, 0.3, 1.0, 5.0, 64.0]
TABLES = gaussian_tables(SCALES)


def draw(n: int, seed: int = 0, scales: list[float] = SCALES) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    indexes = rng.integers(0, len(scales), n).astype(np.uint8)
    symbols = np.rint(rng.normal(size=n) * np.array(scales)[indexes]).astype(np.int16)
    return symbols, indexes


def decode_all(
    data: bytes,
    indexes: np.ndarray,
    segments: list[int],
    tables: Tables = TABLES,
    path: str = "auto",
) -> np.ndarray:
    decoder = LatentDecoder(data, tables, path)
    parts = [decoder.decode(part) for part in np.split(indexes, np.cumsum(segments)[:-1])]
    decoder.finish()
    return np.concatenate(parts)


def test_golden_bytes() -> None:
    tables = tables_from_pmfs([np.array([1.0, 2.0, 1.0]), np.array([0.9, 0.1])], [-1, 0], 0.01)
    symbols = np.array([0, 1, -1, 0, 5, -300, 0, 1, 0, 0], np.int16)
    indexes = np.array([0, 0, 0, 0, 0, 0, 1, 1, 1, 1], np.uint8)
    assert encode_latents(symbols, indexes, tables, [6, 4], lanes=1).hex() == "485f8a0006c86b81b8f4"
    assert (
        encode_latents(symbols, indexes, tables, [6, 4], lanes=2).hex()
        == "6b763e10b1ec2300a7908881b88c"
    )
    assert encode_latents(symbols[:0], indexes[:0], tables).hex() == "00001000"


def test_the_example_of_the_specification() -> None:
    cdf = np.array([[0, 20000, 50000, 65000, 65536]], np.uint32)
    tables = Tables(cdf, np.array([3], np.int32), np.array([-1], np.int32))
    symbols = np.array([0, 1, -1], np.int16)
    assert encode_latents(symbols, np.zeros(3, np.uint8), tables).hex() == "f8bbf101"
    assert encode_latents(np.tile(symbols, 3), np.zeros(9, np.uint8), tables).hex() == "7c64790738"


@given(
    st.lists(st.tuples(st.integers(-32768, 32767), st.integers(0, len(SCALES) - 1)), max_size=200),
    st.sampled_from([0, 1, 2, 4, 8, 16, 32]),
    st.data(),
)
def test_round_trip(pairs: list[tuple[int, int]], lanes: int, data: st.DataObject) -> None:
    symbols = np.array([p[0] for p in pairs], np.int16)
    indexes = np.array([p[1] for p in pairs], np.uint8)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(pairs)), max_size=5)))
    segments = np.diff([0, *cuts, len(pairs)]).tolist()
    stream = encode_latents(symbols, indexes, TABLES, segments, lanes)
    for path in rans_paths():
        assert np.array_equal(decode_all(stream, indexes, segments, path=path), symbols)
    twin = Twin(stream, TABLES.cdf.tolist(), TABLES.offset.tolist())
    decoded = [s for part in np.split(indexes, cuts) for s in twin.decode(part.tolist())]
    assert decoded == symbols.tolist()
    assert twin.whole()


def test_escapes_at_the_extremes_of_int16() -> None:
    symbols = np.array([32767, -32768, 0, 32767, -32768], np.int16)
    indexes = np.array([0, 0, 0, 4, 4], np.uint8)
    assert np.array_equal(
        decode_all(encode_latents(symbols, indexes, TABLES), indexes, [5]), symbols
    )
    edges = tables_from_pmfs([np.ones(2), np.ones(2)], [32766, -32768])
    indexes = np.array([0, 0, 0, 1, 1], np.uint8)
    assert np.array_equal(
        decode_all(encode_latents(symbols, indexes, edges), indexes, [5], edges), symbols
    )


@pytest.mark.parametrize("lanes", [1, 4, 16, 32])
def test_all_paths_agree_on_long_streams(lanes: int) -> None:
    symbols, indexes = draw(50_000)
    symbols[::997] = 30_000  # escapes inside vector groups
    segments = [20_001, 0, 29_999]
    stream = encode_latents(symbols, indexes, TABLES, segments, lanes)
    for path in rans_paths():
        assert np.array_equal(decode_all(stream, indexes, segments, path=path), symbols)


def test_size_is_within_a_thousandth_of_the_entropy() -> None:
    scales = np.exp(np.linspace(np.log(0.06), np.log(64), 64)).tolist()
    tables = gaussian_tables(scales)
    symbols, indexes = draw(200_000, scales=scales)
    bits = entropy_bits(symbols, indexes, tables)
    size = 8 * len(encode_latents(symbols, indexes, tables))
    assert bits < size < 1.001 * bits + 32


def test_small_streams_lose_little() -> None:
    symbols, indexes = draw(8_000)
    excess = (
        len(encode_latents(symbols, indexes, TABLES)) - entropy_bits(symbols, indexes, TABLES) / 8
    )
    assert 0 < excess < 5
    still = np.zeros(
        100_000, np.int16
    )  # 98,000 zeros in a table that expects them: next to nothing
    assert len(encode_latents(still, np.zeros(100_000, np.uint8), TABLES)) < 10


def test_entropy_bits_counts_escapes() -> None:
    tables = tables_from_pmfs([np.array([0.5])], [0], 0.5)
    one = entropy_bits(np.array([0], np.int16), np.zeros(1, np.uint8), tables)
    assert one == pytest.approx(1.0)
    # escape 1 bit, sign 1, excess 6 -> value 7: prefix 001, suffix 11
    assert entropy_bits(np.array([7], np.int16), np.zeros(1, np.uint8), tables) == pytest.approx(
        7.0
    )


def test_every_truncation_is_a_named_error() -> None:
    symbols, indexes = draw(300)
    symbols[::50] = 999
    for lanes in (1, 4):
        stream = encode_latents(symbols, indexes, TABLES, lanes=lanes)
        for size in range(len(stream)):
            with pytest.raises((TruncatedError, EntropyError)):
                decode_all(stream[:size], indexes, [300])
        with pytest.raises(EntropyError):
            decode_all(stream + b"\0", indexes, [300])


def test_every_bit_flip_is_a_named_error_or_wrong_symbols() -> None:
    symbols, indexes = draw(300)
    symbols[::50] = 999
    stream = encode_latents(symbols, indexes, TABLES)
    silent = 0
    for bit in range(8 * len(stream)):
        bad = bytearray(stream)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            decoded = decode_all(bytes(bad), indexes, [300])
        except (TruncatedError, EntropyError):
            continue
        silent += 1
        assert decoded.dtype == np.int16 and len(decoded) == 300
        assert not np.array_equal(decoded, symbols)
    assert silent < 0.1 * 8 * len(stream)


@settings(max_examples=300)
@given(st.binary(max_size=300), st.integers(1, 500))
def test_random_bytes_are_a_named_error_on_every_path(data: bytes, n: int) -> None:
    indexes = (np.arange(n) % len(SCALES)).astype(np.uint8)
    outcomes = []
    for path in rans_paths():
        try:
            outcomes.append(decode_all(data, indexes, [n], path=path).tobytes())
        except (TruncatedError, EntropyError) as error:
            outcomes.append(type(error).__name__.encode())
    assert len(set(outcomes)) == 1


def test_a_failed_decoder_is_spent() -> None:
    symbols, indexes = draw(300)
    stream = encode_latents(symbols, indexes, TABLES)
    decoder = LatentDecoder(stream[:20], TABLES)
    with pytest.raises(TruncatedError):
        decoder.decode(indexes)
    with pytest.raises(InputError):
        decoder.decode(indexes)
    with pytest.raises(InputError):
        decoder.finish()


def test_bad_arguments_are_named() -> None:
    symbols, indexes = draw(10)
    with pytest.raises(InputError, match="int16"):
        encode_latents(symbols.astype(np.int32), indexes, TABLES)
    with pytest.raises(InputError, match="uint8"):
        encode_latents(symbols, indexes.astype(np.int64), TABLES)
    with pytest.raises(InputError, match="length"):
        encode_latents(symbols, indexes[:-1], TABLES)
    with pytest.raises(InputError, match="index"):
        encode_latents(symbols, indexes + np.uint8(5), TABLES)
    for segments in ([9], [11], [-1, 11], [2**63, 2**63, 10]):
        with pytest.raises(InputError, match="segments"):
            encode_latents(symbols, indexes, TABLES, segments)
    with pytest.raises(InputError, match="lanes"):
        encode_latents(symbols, indexes, TABLES, lanes=3)
    decoder = LatentDecoder(encode_latents(symbols, indexes, TABLES), TABLES)
    with pytest.raises(InputError, match="index"):
        decoder.decode(np.array([5], np.uint8))


def test_threads_decode_side_by_side() -> None:
    symbols, indexes = draw(100_000)
    stream = encode_latents(symbols, indexes, TABLES)
    results: list[bool] = []

    def work() -> None:
        results.append(np.array_equal(decode_all(stream, indexes, [100_000]), symbols))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_non_contiguous_and_shaped_input() -> None:
    symbols, indexes = draw(64)
    square, which = symbols.reshape(8, 8).T, indexes.reshape(8, 8).T
    stream = encode_latents(square, which, TABLES)
    assert np.array_equal(decode_all(stream, which.reshape(-1), [64]), square.reshape(-1))
