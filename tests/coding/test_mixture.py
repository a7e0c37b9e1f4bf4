import math

import numpy as np
import pytest
from coding.mixture_twin import MixtureTwin, cumulative
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca._core import rans_paths
from pauca.coding import (
    Curves,
    MixtureDecoder,
    Mixtures,
    encode_mixture,
    gaussian_curves,
    mixture_bits,
)
from pauca.errors import EntropyError, InputError, TruncatedError

SCALES = 0.04 * np.exp(np.arange(64) * math.log(4000) / 63)
CURVES = gaussian_curves(SCALES.tolist())
STEP = Curves(  # two curves that are no Gaussians: a jump, and a slope of whole steps
    np.array([0, 65535, 65535, 0, 0, 30000, 30000, 65535], np.uint16),
    np.array([1, 2], np.int32),
    np.array([0, 4], np.uint8),
    np.array([4096, 1], np.uint16),
)


def draw(n: int, seed: int = 0, top: int = 64) -> tuple[np.ndarray, Mixtures]:
    """Symbols drawn from their own mixtures."""
    rng = np.random.default_rng(seed)
    base = rng.integers(0, top, (n, 1))
    scales = np.clip(base + rng.integers(-8, 9, (n, 3)), 0, 63).astype(np.uint8)
    weights = rng.integers(0, 64, (n, 3)).astype(np.uint8)
    means = np.rint(rng.normal(size=(n, 3)) * SCALES[scales] * 16).astype(np.int16)
    share = 2.0 ** (weights / -8)
    share /= share.sum(1, keepdims=True)
    part = (rng.random((n, 1)) > np.cumsum(share, 1)).sum(1).clip(0, 2)
    at = np.arange(n), part
    symbols = np.rint(rng.normal(size=n) * SCALES[scales[at]] + means[at] / 16)
    return symbols.astype(np.int16), Mixtures(weights, means, scales)


def decode_all(
    data: bytes,
    mixtures: Mixtures,
    segments: list[int],
    curves: Curves = CURVES,
    path: str = "auto",
) -> np.ndarray:
    decoder = MixtureDecoder(data, curves, path)
    ends = np.cumsum(segments)
    parts = [
        decoder.decode(mixtures[end - size : end]) for end, size in zip(ends, segments, strict=True)
    ]
    decoder.finish()
    return np.concatenate(parts)


def wild(rng: np.random.Generator, n: int, curves: int = 64, codes: int = 64) -> Mixtures:
    """Parameters that no network would give: every mean that int16 holds."""
    means = rng.integers(-32768, 32768, (n, 3)) >> rng.integers(0, 16, (n, 1))
    return Mixtures(
        rng.integers(0, codes, (n, 3)).astype(np.uint8),
        means.astype(np.int16),
        rng.integers(0, curves, (n, 3)).astype(np.uint8),
    )


def test_the_example_of_the_specification() -> None:
    values = np.array([0, 32768, 65535, 0, 10000, 30000, 50000, 65535], np.uint16)
    shares = np.array([4096, 2048], np.uint16)
    curves = Curves(values, np.array([1, 2], np.int32), np.array([4, 4], np.uint8), shares)
    weights, means, scales = [0, 1, 1], [0, 0, 16], [0, 1, 1]
    first, row = cumulative(weights, means, scales, curves)
    assert first == -2 and row == [0, 1, 2501, 26384, 52767, 61650, 65535, 65536]
    mixtures = Mixtures(
        np.array([weights] * 9, np.uint8),
        np.array([means] * 9, np.int16),
        np.array([scales] * 9, np.uint8),
    )
    symbols = np.array([0, 1, -1, 0, 1, -1, 4, -1000, 2], np.int16)
    assert encode_mixture(symbols[:3], mixtures[:3], curves).hex() == "ad58270b"
    assert encode_mixture(symbols, mixtures, curves).hex() == "6520380ee8feb3ff01ff689d"


def test_golden_bytes() -> None:
    curves = gaussian_curves([0.3, 2.0, 40.0])
    weights = np.tile(np.array([[0, 8, 63], [20, 20, 20]], np.uint8), (4, 1))
    means = np.tile(np.array([[0, 16, -40], [5, -100, 333]], np.int16), (4, 1))
    scales = np.tile(np.array([[0, 1, 2], [1, 2, 0]], np.uint8), (4, 1))
    symbols = np.array([0, 21, 1, -60, -3000, 0, 2, 3], np.int16)
    mixtures = Mixtures(weights, means, scales)
    one = encode_mixture(symbols, mixtures, curves, [5, 3], lanes=1)
    two = encode_mixture(symbols, mixtures, curves, [5, 3], lanes=2)
    assert one.hex() == "da294f010fffc16240d44d74"
    assert two.hex() == "5f64e71126a82d0b11635300681674"
    assert encode_mixture(symbols[:0], mixtures[:0], curves).hex() == "00001000"


@settings(max_examples=60)
@given(
    st.lists(st.integers(-32768, 32767), max_size=60),
    st.booleans(),
    st.sampled_from([0, 1, 2, 8, 32]),
    st.integers(0, 1 << 30),
    st.data(),
)
def test_round_trip(
    values: list[int], gauss: bool, lanes: int, seed: int, data: st.DataObject
) -> None:
    rng = np.random.default_rng(seed)
    curves = CURVES if gauss else STEP
    mixtures = wild(rng, len(values), len(curves), len(curves.shares))
    near = np.clip(mixtures.means[:, 0] // 16 + rng.integers(-3, 4, len(values)), -32768, 32767)
    symbols = np.where(rng.random(len(values)) < 0.7, near, values).astype(np.int16)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(values)), max_size=3)))
    segments = np.diff([0, *cuts, len(values)]).tolist()
    stream = encode_mixture(symbols, mixtures, curves, segments, lanes)
    for path in rans_paths():
        assert np.array_equal(decode_all(stream, mixtures, segments, curves, path), symbols)
    twin = MixtureTwin(stream, curves)
    ends = np.cumsum(segments)
    parts = [
        twin.segment(mixtures[end - size : end]) for end, size in zip(ends, segments, strict=True)
    ]
    assert sum(parts, []) == symbols.tolist()
    assert twin.whole()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 1 << 30), st.booleans())
def test_every_distribution_is_one(seed: int, gauss: bool) -> None:
    rng = np.random.default_rng(seed)
    curves = CURVES if gauss else STEP
    mixtures = wild(rng, 1, len(curves), len(curves.shares))
    parts = (mixtures.weights, mixtures.means, mixtures.scales)
    first, row = cumulative(*(a[0].tolist() for a in parts), curves)
    assert row[0] == 0 and row[-2:] == [65535, 65536]
    assert min(np.diff(row)) >= 1
    assert -4096 <= first and first + len(row) - 3 <= 4096
    # Frequencies of the core, seen through its code lengths.
    probes = np.clip(rng.integers(first - 2, first + len(row) + 1, 50), -32768, 32767)
    for symbol in probes.astype(np.int16):
        k = int(symbol) - first
        bits = mixture_bits(np.array([symbol]), mixtures, curves)
        if 0 <= k < len(row) - 2:
            assert bits == pytest.approx(16 - math.log2(row[k + 1] - row[k]))
        else:
            assert bits >= 18


@pytest.mark.parametrize("lanes", [1, 4, 16, 32])
def test_all_paths_agree_on_long_streams(lanes: int) -> None:
    symbols, mixtures = draw(50_000)
    symbols[::997] = 30_000  # escapes inside vector groups
    segments = [20_001, 0, 29_999]
    stream = encode_mixture(symbols, mixtures, CURVES, segments, lanes)
    for path in rans_paths():
        assert np.array_equal(decode_all(stream, mixtures, segments, path=path), symbols)


def test_size_is_within_a_thousandth_of_the_entropy() -> None:
    symbols, mixtures = draw(100_000)
    bits = mixture_bits(symbols, mixtures, CURVES)
    size = 8 * len(encode_mixture(symbols, mixtures, CURVES, lanes=2))
    assert bits < size < 1.001 * bits + 32


@pytest.mark.parametrize("top", [8, 32, 64])
def test_integers_cost_little_against_real_numbers(top: int) -> None:
    symbols, mixtures = draw(20_000, top=top)
    share = 2.0 ** (mixtures.weights / -8)
    share /= share.sum(1, keepdims=True)
    erf = np.vectorize(math.erf)
    low, high = (
        erf((symbols[:, None] + half - mixtures.means / 16) / (SCALES[mixtures.scales] * 2**0.5))
        for half in (-0.5, 0.5)
    )
    mass = (share * (high - low) / 2).sum(1)
    sure = mass > 2.0**-20  # the rest are escapes by chance, and differences of erf lose digits
    ideal = -np.log2(mass[sure]).sum()
    bits = mixture_bits(symbols[sure], mixtures[sure], CURVES)
    assert bits < 1.002 * ideal + 100


def test_a_sure_symbol_costs_next_to_nothing() -> None:
    n = 100_000
    sure = Mixtures(
        np.zeros((n, 3), np.uint8), np.zeros((n, 3), np.int16), np.zeros((n, 3), np.uint8)
    )
    assert len(encode_mixture(np.zeros(n, np.int16), sure, CURVES)) < 10


def test_every_truncation_is_a_named_error() -> None:
    symbols, mixtures = draw(300)
    symbols[::50] = 9999
    for lanes in (1, 4):
        stream = encode_mixture(symbols, mixtures, CURVES, lanes=lanes)
        for size in range(len(stream)):
            with pytest.raises((TruncatedError, EntropyError)):
                decode_all(stream[:size], mixtures, [300])
        with pytest.raises(EntropyError):
            decode_all(stream + b"\0", mixtures, [300])


def test_every_bit_flip_is_a_named_error_or_wrong_symbols() -> None:
    symbols, mixtures = draw(200)
    symbols[::50] = 9999
    stream = encode_mixture(symbols, mixtures, CURVES)
    silent = 0
    for bit in range(8 * len(stream)):
        bad = bytearray(stream)
        bad[bit // 8] ^= 1 << bit % 8
        try:
            decoded = decode_all(bytes(bad), mixtures, [200])
        except (TruncatedError, EntropyError):
            continue
        silent += 1
        assert not np.array_equal(decoded, symbols)
    assert silent < 0.1 * 8 * len(stream)


@settings(max_examples=200)
@given(st.binary(max_size=300), st.integers(1, 300), st.integers(0, 1 << 30))
def test_random_bytes_are_a_named_error_on_every_path(data: bytes, n: int, seed: int) -> None:
    mixtures = wild(np.random.default_rng(seed), n)
    head = bytes(data[:3]) + b"\x51" if len(data) > 3 and seed % 2 else data[:4]
    outcomes = []
    for path in rans_paths():
        try:
            outcomes.append(decode_all(head + data[4:], mixtures, [n], path=path).tobytes())
        except (TruncatedError, EntropyError) as error:
            outcomes.append(type(error).__name__.encode())
    assert len(set(outcomes)) == 1


def test_a_failed_decoder_is_spent() -> None:
    symbols, mixtures = draw(300)
    decoder = MixtureDecoder(encode_mixture(symbols, mixtures, CURVES)[:20], CURVES)
    with pytest.raises(TruncatedError):
        decoder.decode(mixtures)
    with pytest.raises(InputError):
        decoder.decode(mixtures)
    with pytest.raises(InputError):
        decoder.finish()


def test_bad_arguments_are_named() -> None:
    symbols, good = draw(10)
    with pytest.raises(InputError, match="int16"):
        encode_mixture(symbols.astype(np.int32), good, CURVES)
    with pytest.raises(InputError, match="uint8"):
        encode_mixture(
            symbols, Mixtures(good.weights, good.means.astype(np.int32), good.scales), CURVES
        )
    with pytest.raises(InputError, match="3"):
        encode_mixture(symbols, Mixtures(good.weights[:, :2], good.means, good.scales), CURVES)
    for bad in (good[:9], Mixtures(good.weights, good.means[:9], good.scales)):
        with pytest.raises(InputError, match="symbols, 3"):
            encode_mixture(symbols, bad, CURVES)
    with pytest.raises(InputError, match="weight code"):
        encode_mixture(
            symbols, Mixtures(good.weights + np.uint8(64), good.means, good.scales), CURVES
        )
    decoder = MixtureDecoder(encode_mixture(symbols, good, CURVES), CURVES)
    with pytest.raises(InputError, match="scale index"):
        decoder.decode(Mixtures(good.weights, good.means, good.scales + np.uint8(64)))
    for segments in ([9], [11], [-1, 11], [2**63, 2**63, 10]):
        with pytest.raises(InputError, match="segments"):
            encode_mixture(symbols, good, CURVES, segments)
    with pytest.raises(InputError, match="lanes"):
        encode_mixture(symbols, good, CURVES, lanes=3)


def test_non_contiguous_parameters() -> None:
    symbols, mixtures = draw(64)
    apart = Mixtures(
        *(np.asfortranarray(p) for p in (mixtures.weights, mixtures.means, mixtures.scales))
    )
    assert encode_mixture(symbols, apart, CURVES) == encode_mixture(symbols, mixtures, CURVES)
