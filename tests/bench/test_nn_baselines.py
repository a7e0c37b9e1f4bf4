"""Coders that the network bench compares with: exact sizes where theory gives them, round trips."""

import numpy as np
import pytest

from pauca.bench.nn_baselines import (
    CODERS,
    PACKERS,
    columns_of,
    entropy_bytes,
    find_coder,
    find_packer,
)
from pauca.bench.nn_huffman import (
    RUN_BITS,
    decode_csr,
    decode_huffman,
    encode_csr,
    encode_huffman,
)
from pauca.errors import FormatError, InputError, MissingExtraError

HEAD = 16  # of a Huffman-coded array: four 32-bit numbers


def fibonacci(n: int) -> np.ndarray:
    """Symbols whose counts are Fibonacci numbers: they have the longest codes there are."""
    counts = [1, 1]
    while len(counts) < n:
        counts.append(counts[-1] + counts[-2])
    symbols = np.repeat(np.arange(n), counts).astype(np.int32)
    np.random.default_rng(5).shuffle(symbols)
    return symbols


def laplacian(n: int, scale: float, seed: int = 1) -> np.ndarray:
    return np.rint(np.random.default_rng(seed).laplace(size=n) * scale).astype(np.int32)


ARRAYS = {
    "empty": np.zeros(0, np.int32),
    "one": np.array([7], np.int32),
    "constant": np.full(999, -3, np.int32),
    "zeros": np.zeros(70_000, np.int32),
    "extremes": np.array([-(2**31) + 1, 2**31 - 1, 0, 5, 5], np.int32),
    "laplace": laplacian(300_000, 2.0),
    "sparse": laplacian(50_000, 0.12),
    "lonely": np.eye(1, 40_000, 39_999, dtype=np.int32)[0],
    "first": np.eye(1, 40_000, 0, dtype=np.int32)[0],
    "fibonacci": fibonacci(22),
    "wide": np.arange(-5000, 5000, dtype=np.int32) ** 3,
}


@pytest.mark.parametrize("name", ARRAYS)
def test_huffman_and_csr_give_everything_back(name: str) -> None:
    array = ARRAYS[name]
    for encode, decode in ((encode_huffman, decode_huffman), (encode_csr, decode_csr)):
        decoded = decode(encode(array))
        assert decoded.dtype == np.int32
        np.testing.assert_array_equal(decoded, array)


def test_huffman_of_equally_frequent_symbols_takes_the_bits_of_their_number() -> None:
    array = np.tile(np.arange(8, dtype=np.int32), 10_000)
    table = len(encode_huffman(np.arange(8, dtype=np.int32))) - HEAD - 3
    assert len(encode_huffman(array)) == HEAD + table + 80_000 * 3 // 8


@pytest.mark.parametrize("name", ["laplace", "sparse", "fibonacci", "wide"])
def test_huffman_lies_between_the_entropy_and_one_bit_more(name: str) -> None:
    array = ARRAYS[name]
    size, bound = len(encode_huffman(array)), entropy_bytes([array])
    assert bound <= size <= bound + array.size / 8 + HEAD + 5 * len(np.unique(array)) + 8


def test_huffman_code_lengths_are_optimal() -> None:
    # Counts 1, 1, 2, 3, 5: lengths 4, 4, 3, 2, 1 make 25 bits, and no code makes fewer.
    array = np.repeat(np.arange(5), [1, 1, 2, 3, 5]).astype(np.int32)
    more = np.tile(array, 800)
    assert len(encode_huffman(more)) - len(encode_huffman(array)) == 25 * 800 // 8 - 4


def test_cut_huffman_codes_are_an_error() -> None:
    data = encode_huffman(ARRAYS["laplace"])
    with pytest.raises(FormatError):
        decode_huffman(data[:-2000])


@pytest.mark.parametrize("gap", [0, 6, 7, 8, 254, 255, 256, 257, 5000])
def test_csr_fills_long_runs(gap: int) -> None:
    array = np.zeros(3 * (gap + 1) + 11, np.int32)
    array[gap :: gap + 1] = 9
    np.testing.assert_array_equal(decode_csr(encode_csr(array)), array)
    assert max(RUN_BITS) == 8  # the gaps above go around the longest run of 255


def test_csr_wins_where_most_are_zero_and_loses_where_few_are() -> None:
    sparse = np.where(np.random.default_rng(2).random(100_000) < 0.02, laplacian(100_000, 9), 0)
    sparse = sparse.astype(np.int32)
    assert len(encode_csr(sparse)) < 0.5 * len(encode_huffman(sparse))
    dense = laplacian(100_000, 1.5)
    assert len(encode_csr(dense)) > 1.02 * len(encode_huffman(dense))


def test_entropy_is_summed_over_tensors() -> None:
    fair, sure = np.tile([0, 1], 400).astype(np.int32), np.zeros(5000, np.int32)
    assert entropy_bytes([fair]) == pytest.approx(100)
    assert entropy_bytes([fair, sure, np.zeros(0, np.int32)]) == pytest.approx(100)
    quarter = np.tile([0, 0, 0, 1], 200).astype(np.int32)
    assert entropy_bytes([quarter]) == pytest.approx(0.811278 * 100, rel=1e-5)


TENSORS = [
    laplacian(6000, 3).reshape(20, 30, 10),
    laplacian(50, 3),
    np.zeros((4, 0), np.int32),
    laplacian(600, 3, seed=4).reshape(60, 10),
]


@pytest.mark.parametrize("factor", [1, 40, 10_000_000])
@pytest.mark.parametrize("name", CODERS)
def test_coders_give_tensors_back_in_their_shapes(name: str, factor: int) -> None:
    try:
        coder = find_coder(name)
    except MissingExtraError:
        pytest.skip(f"{name} is not installed")
    tensors = [np.clip(t, -90, 90) * np.int32(factor) for t in TENSORS]
    data = coder.encode(tensors)
    decoded = coder.decode(data, [t.shape for t in tensors])
    assert [t.shape for t in decoded] == [t.shape for t in tensors]
    assert all(np.array_equal(a, b) for a, b in zip(decoded, tensors, strict=True))
    assert 0.9 * entropy_bytes(tensors) < len(data) < 5 * sum(t.size for t in tensors)


def test_general_purpose_coders_get_the_smallest_integers() -> None:
    noise = np.random.default_rng(0).integers(-128, 128, 10_000).astype(np.int32)
    coder = find_coder("gzip")
    assert len(coder.encode([noise])) < 10_100  # a byte each; noise does not shrink
    assert len(coder.encode([noise * 2])) > 12_000  # two bytes each


@pytest.mark.parametrize("name", PACKERS)
def test_packers_give_floats_back_and_leave_their_input_alone(name: str) -> None:
    try:
        packer = find_packer(name)
    except MissingExtraError:
        pytest.skip(f"{name} is not installed")
    floats = (np.random.default_rng(0).normal(size=30_000) * 0.05).astype(np.float32)
    raw, copy = floats.tobytes(), floats.copy().tobytes()
    data = packer.encode(raw)
    assert raw == copy
    assert packer.decode(data) == raw
    assert len(data) < len(raw)


def test_unknown_names_are_told() -> None:
    with pytest.raises(InputError, match="lzw"):
        find_coder("lzw")
    with pytest.raises(InputError, match="huffman"):
        find_packer("huffman")


def test_columns_are_all_axes_but_the_first() -> None:
    assert columns_of((20, 30, 10)) == 300
    assert columns_of((7,)) == 7
    assert columns_of(()) == 1
    assert columns_of((4, 0)) == 1
