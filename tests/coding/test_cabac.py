import numpy as np
import pytest
from coding.twin import RangeTwin
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.coding.cabac import (
    BYPASS,
    RATE_UNIT,
    Binarization,
    Engine,
    Kind,
    decode_bins,
    decode_values,
    encode_bins,
    encode_values,
    rate,
    state_rate,
)
from pauca.errors import EntropyError, InputError, TruncatedError

ENGINES = [Engine.RANGE, Engine.H264]
SCHEMES = [
    Binarization(Kind.UNARY),
    Binarization(Kind.TRUNCATED_UNARY, c_max=40),
    Binarization(Kind.EXP_GOLOMB, order=2),
    Binarization(Kind.FIXED, bits=6),
    Binarization(Kind.MAPPED, table=tuple(f"{v:06b}" for v in range(41))),
    Binarization(Kind.FIXED_UNARY, bits=3, c_max=5),
    Binarization(Kind.UEGK, c_max=14, order=0),
    Binarization(Kind.SIGNED_UEGK, c_max=9, order=3),
]


def text(value: int, scheme: Binarization) -> str:
    return "".join(map(str, scheme.bins(value)))


def draw(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    contexts = rng.integers(0, 4, n).astype(np.uint16)
    bins = (rng.random(n) < np.array([0.01, 0.2, 0.5, 0.97])[contexts]).astype(np.uint8)
    contexts[::7] = BYPASS
    return bins, contexts


@pytest.mark.parametrize("engine", ENGINES)
@given(st.lists(st.tuples(st.integers(0, 1), st.sampled_from([0, 1, 2, BYPASS])), max_size=400))
def test_bins_round_trip(engine: Engine, pairs: list[tuple[int, int]]) -> None:
    bins = np.array([p[0] for p in pairs], np.uint8)
    contexts = np.array([p[1] for p in pairs], np.uint16)
    data = encode_bins(bins, contexts, 3, engine)
    assert np.array_equal(decode_bins(data, contexts, 3, engine), bins)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda s: s.kind.name)
@given(values=st.lists(st.integers(0, 40), max_size=100))
def test_values_round_trip(engine: Engine, scheme: Binarization, values: list[int]) -> None:
    array = np.array(values, np.int32)
    if scheme.kind is Kind.SIGNED_UEGK:
        array = array * 50 - 1000
    data = encode_values(array, scheme, 8, engine)
    assert np.array_equal(decode_values(data, len(array), scheme, 8, engine), array)


def test_bin_strings_of_the_standard() -> None:
    assert text(3, SCHEMES[0]) == "1110"
    assert text(40, SCHEMES[1]) == "1" * 40
    assert text(5, SCHEMES[2]) == "10001"
    assert text(6, SCHEMES[3]) == "011000"
    assert text(2, SCHEMES[4]) == "000010"
    assert text(8 * 2 + 1, SCHEMES[5]) == "100110"
    assert text(16, SCHEMES[6]) == "1" * 14 + "101"
    assert text(-9, SCHEMES[7]) == "1" * 9 + "0000" + "1"


def test_golden_bytes() -> None:
    mixed = np.arange(100, dtype=np.uint64) * np.uint64(2654435761) % np.uint64(1 << 32)
    contexts = (mixed >> np.uint64(28)).astype(np.uint16) % 4
    contexts[::7] = BYPASS
    bins = (mixed >> np.uint64(20) & np.uint64(7) < 2).astype(np.uint8)
    assert encode_bins(bins, contexts, 4, Engine.RANGE).hex() == "fb6197c2a39e3fe4033f060630c4"
    assert encode_bins(bins, contexts, 4, Engine.H264).hex() == "879b2504db55038faa4ef96a70"


def test_the_plain_twin_decodes_the_range_coder() -> None:
    bins, contexts = draw(5000)
    twin = RangeTwin(encode_bins(bins, contexts, 4), 4)
    decoded = [twin.bypass() if c == BYPASS else twin.bin(c) for c in contexts.tolist()]
    assert decoded == bins.tolist()
    assert twin.whole()


def test_the_examples_of_the_specification() -> None:
    none = np.zeros(0, np.uint8), np.zeros(0, np.uint16)
    assert encode_bins(*none, 0, Engine.RANGE).hex() == "ff0000"
    assert encode_bins(*none, 0, Engine.H264).hex() == "fe80"


@pytest.mark.parametrize("engine", ENGINES)
def test_size_approaches_the_entropy(engine: Engine) -> None:
    rng = np.random.default_rng(5)
    bins = (rng.random(100_000) < 0.1).astype(np.uint8)
    data = encode_bins(bins, np.zeros(100_000, np.uint16), 1, engine)
    entropy = 0.46900 * 100_000 / 8
    assert 0.99 * entropy < len(data) < 1.05 * entropy


@pytest.mark.parametrize("engine", ENGINES)
def test_every_truncation_is_a_named_error(engine: Engine) -> None:
    bins, contexts = draw(1500)
    data = encode_bins(bins, contexts, 4, engine)
    for size in range(len(data)):
        with pytest.raises((TruncatedError, EntropyError)):
            decode_bins(data[:size], contexts, 4, engine)
    with pytest.raises(EntropyError):
        decode_bins(data + b"\0", contexts, 4, engine)


@pytest.mark.parametrize("engine", ENGINES)
def test_every_bit_flip_is_a_named_error_or_wrong_bins(engine: Engine) -> None:
    bins, contexts = draw(1500)
    data = encode_bins(bins, contexts, 4, engine)
    for bit in range(8 * len(data)):
        bad = bytearray(data)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            decoded = decode_bins(bytes(bad), contexts, 4, engine)
        except (TruncatedError, EntropyError):
            continue
        assert not np.array_equal(decoded, bins)


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=50)
@given(data=st.binary(max_size=60), which=st.integers(0, len(SCHEMES) - 1))
def test_random_bytes_are_a_named_error_or_values_in_range(
    engine: Engine, data: bytes, which: int
) -> None:
    try:
        values = decode_values(data, 30, SCHEMES[which], 4, engine)
    except (TruncatedError, EntropyError):
        return
    assert len(values) == 30
    for value in values:
        SCHEMES[which].bins(int(value))  # raises if out of range


def test_rates() -> None:
    assert rate(32768, True) == rate(32768, False) == RATE_UNIT
    assert rate(8192, True) == 3 * RATE_UNIT
    assert state_rate(0, True) == state_rate(0, False) == RATE_UNIT
    probability = 0.5 * (0.01875 / 0.5) ** (30 / 63)
    assert state_rate(30, True) == pytest.approx(-np.log2(probability) * RATE_UNIT, rel=1e-3)
    assert state_rate(30, False) == pytest.approx(-np.log2(1 - probability) * RATE_UNIT, rel=1e-2)


def test_bad_arguments_are_named() -> None:
    bins, contexts = draw(20)
    with pytest.raises(InputError, match="uint8"):
        encode_bins(bins.astype(int), contexts, 4)
    with pytest.raises(InputError, match="index"):
        encode_bins(bins, contexts, 3)
    with pytest.raises(InputError, match="length"):
        encode_bins(bins[1:], contexts, 4)
    with pytest.raises(InputError, match="contexts"):
        encode_bins(bins, contexts, 65536)
    with pytest.raises(InputError, match="fit"):
        encode_values(np.array([41], np.int32), SCHEMES[1])
    with pytest.raises(InputError, match="fit"):
        SCHEMES[0].bins(-1)
    with pytest.raises(InputError, match="negative"):
        decode_values(b"", -1, SCHEMES[0])
    with pytest.raises(InputError, match="contexts"):
        decode_values(b"", 1, SCHEMES[0], 0)
    for bad in (
        Binarization(Kind.FIXED, bits=32),
        Binarization(Kind.FIXED, bits=-1),
        Binarization(Kind.EXP_GOLOMB, order=17),
        Binarization(Kind.MAPPED),
        Binarization(Kind.MAPPED, table=("0", "01")),
        Binarization(Kind.MAPPED, table=("2",)),
    ):
        with pytest.raises(InputError):
            encode_values(np.array([0], np.int32), bad)
    for call in (lambda: rate(0, True), lambda: rate(65536, True), lambda: state_rate(63, True)):
        with pytest.raises(InputError):
            call()
