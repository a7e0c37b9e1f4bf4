import numpy as np
import pytest
from coding.levels_priors_twin import Priors
from coding.levels_twin import CabacBand, MixBand
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from pauca.coding import level_forms
from pauca.coding.weights import (
    CODERS,
    LevelOptions,
    decode_levels,
    encode_levels,
    level_bits,
)
from pauca.errors import EntropyError, FormatError, InputError, TruncatedError

Levels = NDArray[np.int32]
CODED = ("cabac", "mix", "rans")


def matrix(rows: int, columns: int, scale: float, seed: int = 1, spread: float = 0.5) -> Levels:
    """Laplacian levels whose rows and columns differ in scale by `spread` nepers."""
    rng = np.random.default_rng(seed)
    by_row = np.exp(spread * rng.standard_normal((rows, 1)))
    by_column = np.exp(spread * rng.standard_normal((1, columns)))
    values = rng.laplace(size=(rows, columns)) * scale * by_row * by_column
    return np.rint(values).astype(np.int32)


def entropy_bytes(levels: Levels) -> float:
    counts = np.unique(levels, return_counts=True)[1]
    return float(-(counts * np.log2(counts / levels.size)).sum() / 8)


def round_trip(levels: Levels, columns: int, coder: str, options: LevelOptions) -> bytes:
    data = encode_levels(levels, columns, coder, options=options)
    back = decode_levels(data, levels.size, columns)
    assert back.dtype == np.int32
    np.testing.assert_array_equal(back, levels.reshape(-1))
    return data


@pytest.mark.parametrize("coder", CODERS)
@pytest.mark.parametrize("scale", [0.05, 0.7, 4.0, 60.0, 900.0])
@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (500, 1), (37, 19), (60, 200)])
def test_every_coder_returns_every_matrix(coder: str, scale: float, shape: tuple[int, int]) -> None:
    levels = matrix(*shape, scale)
    round_trip(levels, shape[1], coder, LevelOptions())


@settings(deadline=None, max_examples=60)
@given(
    arrays(np.int32, st.integers(0, 60), elements=st.integers(-(2**31) + 1, 2**31 - 1)),
    st.sampled_from(["auto", "fast", "cabac", "mix", "raw"]),
    st.builds(
        LevelOptions,
        greater_flags=st.integers(0, 15),
        order=st.integers(0, 15),
        pace=st.integers(0, 3),
    ),
)
def test_any_levels_and_parameters_survive(
    levels: Levels, coder: str, options: LevelOptions
) -> None:
    round_trip(levels, max(levels.size, 1), coder, options)


@pytest.mark.parametrize("coder", CODED)
def test_contexts_beat_the_histogram_where_rows_and_columns_differ(coder: str) -> None:
    levels = matrix(400, 300, 4.0)
    assert len(encode_levels(levels, 300, coder)) < 0.98 * entropy_bytes(levels)


@pytest.mark.parametrize("scale", [0.3, 3.0, 30.0])
def test_independent_levels_cost_their_entropy(scale: float) -> None:
    levels = matrix(500, 400, scale, spread=0.0)
    assert len(encode_levels(levels, 400)) < 1.003 * entropy_bytes(levels)


def test_small_tensors_pay_little() -> None:
    levels = matrix(64, 192, 3.0, spread=0.0)
    assert len(encode_levels(levels, 192)) < 1.01 * entropy_bytes(levels)
    # One row of few levels: no form of ours may cost more than plain packing and its head.
    for n in (1, 2, 10, 64):
        few = matrix(1, n, 5.0, seed=n)
        bits = int(few.max() - few.min()).bit_length()
        assert len(encode_levels(few, n)) <= 4 + -(-n * bits // 8)


def test_equal_and_sparse_levels_take_next_to_nothing() -> None:
    assert len(encode_levels(np.full(10**6, -3, np.int32), 1000)) == 2
    sparse = np.zeros(10**6, np.int32)
    sparse[::100_000] = 1
    assert len(encode_levels(sparse, 1000)) < 110


def test_auto_is_the_smallest() -> None:
    for levels in (matrix(100, 200, 3.0), matrix(2, 8, 40.0), matrix(50, 90, 0.02)):
        width = levels.shape[1]
        sizes = [len(encode_levels(levels, width, coder)) for coder in CODERS[1:]]
        assert len(encode_levels(levels, width)) == min(sizes)


def test_options_are_used_and_signalled() -> None:
    levels = matrix(80, 80, 5.0)
    plain = round_trip(levels, 80, "cabac", LevelOptions())
    other = round_trip(levels, 80, "cabac", LevelOptions(greater_flags=1, order=4))
    assert plain != other and other[0] & 0x40 and not plain[0] & 0x40


@pytest.mark.parametrize("coder", ["cabac", "mix"])
@pytest.mark.parametrize("scale", [0.2, 3.0, 400.0])
def test_the_plain_twin_decodes_both_adaptive_forms(coder: str, scale: float) -> None:
    pytest.importorskip("scipy")
    levels = matrix(40, 30, scale)
    levels[5, 7], levels[20, 3] = 2**31 - 1, -(2**31) + 1
    options = LevelOptions(greater_flags=3, order=2, pace=1)
    data = encode_levels(levels, 30, coder, options=options)
    assert data[0] & 0xC0 == 0x40 and data[2:4] == bytes([3 | 2 << 4, 1])
    band = (MixBand if coder == "mix" else CabacBand)(data[4:], 40, 30, data[1])
    band.start(Priors(3, 2, data[0] >> 3 & 7), 1)
    np.testing.assert_array_equal(band.decode(3, 2), levels)
    assert band.coder.whole()


@pytest.fixture
def small_bands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(level_forms, "BAND", 1000)


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize("coder", CODED)
def test_bands_do_not_depend_on_threads(coder: str) -> None:
    levels = matrix(70, 50, 3.0)
    data = encode_levels(levels, 50, coder)
    assert data[0] & 0x80
    assert encode_levels(levels, 50, coder, threads=3) == data
    for threads in (1, 3):
        back = decode_levels(data, levels.size, 50, threads)
        np.testing.assert_array_equal(back.reshape(70, 50), levels)


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize("coder", CODED)
def test_rows_wider_than_a_band_are_cut(coder: str) -> None:
    levels = matrix(2, 3001, 3.0)
    data = encode_levels(levels, 3001, coder)
    assert data[0] & 0x80
    back = decode_levels(data, levels.size, 3001, threads=2)
    np.testing.assert_array_equal(back.reshape(2, 3001), levels)


@pytest.mark.usefixtures("small_bands")
@pytest.mark.parametrize("coder", (*CODED, "raw"))
def test_damage_is_named(coder: str) -> None:
    levels = matrix(60, 50, 2.0)
    data = encode_levels(levels, 50, coder)
    rng = np.random.default_rng(3)
    for size in [*range(12), *rng.integers(0, len(data), 80)]:
        with pytest.raises(FormatError):
            decode_levels(data[:size], levels.size, 50)
    with pytest.raises(FormatError):
        decode_levels(data + b"\0", levels.size, 50)
    silent = 0
    for place in [*range(12), *rng.integers(0, len(data), 200)]:
        damaged = bytearray(data)
        damaged[place] ^= 1 << rng.integers(0, 8)
        try:
            decode_levels(bytes(damaged), levels.size, 50)
        except FormatError:
            continue
        silent += 1
    # What packed bits say cannot be wrong; in a coded stream the final state shows the damage.
    assert silent == 0 or coder == "raw"


@settings(deadline=None, max_examples=300)
@given(st.binary(max_size=120), st.integers(0, 40), st.integers(1, 40))
def test_noise_decodes_or_raises_a_named_error(data: bytes, rows: int, columns: int) -> None:
    try:
        levels = decode_levels(data, rows * columns, columns)
    except FormatError:
        return
    assert levels.size == rows * columns


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", TruncatedError),
        (b"\x05\x00\x00\x00", EntropyError),  # no such form
        (b"\x00", TruncatedError),  # constant without its level
        (b"\x00\x80\x00", EntropyError),  # not the shortest number
        (b"\x00\xff\xff\xff\xff\x7f", EntropyError),  # beyond int32
        (b"\x00" + b"\xff" * 9, EntropyError),  # endless number
        (b"\x00\x02\x00", EntropyError),  # a byte too many
        (b"\x08\x02", EntropyError),  # constant with parameters
        (b"\x01\x00\x00", EntropyError),  # packed in no bits
        (b"\x01\x21\x00" + bytes(40), EntropyError),  # packed in 33 bits
        (b"\x01\x01\x00\x40", EntropyError),  # a bit beyond the last level
        (b"\x01\x01\xfe\xff\xff\xff\x0f\x3f", EntropyError),  # 2^31 - 1 and one more
        (b"\x02", TruncatedError),
        (b"\x02\x70\x00\x00\x00", EntropyError),  # scale 112
        (b"\x42\x00\x0a\x03\x00\x00", EntropyError),  # defaults spelled out
        (b"\x42\x00\x0a\x04\x00\x00", EntropyError),  # pace 4
        (b"\x0c\x00\x00\x00", EntropyError),  # static tables with a prior
        (b"\x83\x00\x01\x00\x00", EntropyError),  # one band, spelled out
        (b"\x83\x00\x07\x00\x00", EntropyError),  # more bands than rows
        (b"\x83\x00\x02\x09\x00", TruncatedError),  # a band beyond the end
    ],
)
def test_impossible_heads(data: bytes, error: type[FormatError]) -> None:
    with pytest.raises(error):
        decode_levels(data, 6, 1)


def test_no_levels_are_no_bytes() -> None:
    empty = np.zeros((0, 7), np.int32)
    assert encode_levels(empty, 7) == b""
    assert decode_levels(b"", 0, 7).size == 0
    with pytest.raises(EntropyError):
        decode_levels(b"\0", 0, 7)


def test_wrong_arguments() -> None:
    levels = matrix(4, 6, 2.0)
    with pytest.raises(InputError, match="int32"):
        encode_levels(levels.astype(np.int64), 6)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="rows"):
        encode_levels(levels, 5)
    with pytest.raises(InputError, match="rows"):
        decode_levels(b"\0\0", 24, 0)
    with pytest.raises(InputError, match="coder"):
        encode_levels(levels, 6, "huffman")
    with pytest.raises(InputError, match="32767"):
        encode_levels(levels + np.int32(40_000), 6, "rans")
    with pytest.raises(InputError, match="2\\*\\*31"):
        encode_levels(np.array([0, -(2**31)], np.int32), 1)
    with pytest.raises(InputError, match="pace"):
        encode_levels(levels, 6, options=LevelOptions(pace=4))


def test_rates_are_what_the_coder_takes() -> None:
    assert level_bits(np.zeros(0, np.int32), 3) == 0.0
    for scale in (0.1, 2.0, 50.0):
        levels = matrix(100, 120, scale)
        size = len(encode_levels(levels, 120, "cabac"))
        assert level_bits(levels, 120) / 8 == pytest.approx(size, rel=2e-3, abs=8)


def test_an_empty_beginning_does_not_choose_the_coder() -> None:
    levels = np.zeros((2200, 1000), np.int32)
    mask = np.random.default_rng(0).random((1100, 1000)) < 0.02
    levels[1100:] = np.cumsum(mask, axis=1) % 2  # edges of a mask
    sizes = {coder: len(encode_levels(levels, 1000, coder)) for coder in ("auto", "mix", "rans")}
    assert sizes["auto"] == sizes["mix"] < 0.8 * sizes["rans"]
