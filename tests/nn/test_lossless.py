"""Tensors without loss: every bit back, and small."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pauca.errors import PaucaError
from pauca.nn import lossless
from pauca.nn.dtypes import BY_NAME, DTYPES, DType, from_floats
from pauca.nn.lossless import decode_lossless, encode_lossless
from pauca.nn.squeeze import DICTIONARY, squeeze, unsqueeze

F32 = BY_NAME["float32"]


def round_trip(array: np.ndarray, dtype: DType, columns: int = 1) -> bytes:
    data = encode_lossless(array, dtype, columns)
    back = decode_lossless(data, dtype, array.size, columns)
    assert back.dtype == dtype.numpy
    assert back.tobytes() == array.tobytes()
    return data


def gaussian(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.05, count).astype(np.float32)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.name)
@pytest.mark.parametrize("count", [0, 1, 2, 63, 1000])
def test_any_bits_come_back(dtype: DType, count: int) -> None:
    raw = np.random.default_rng(count).integers(0, 256, count * dtype.size, np.uint8)
    if dtype.name == "bool":
        raw &= 1
    data = round_trip(raw.view(dtype.numpy), dtype)
    assert len(data) <= raw.size + 1  # noise never grows by more than its byte of form


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(DTYPES[:12]), st.lists(st.integers(0, 5), max_size=300), st.integers(0, 63))
def test_few_values_come_back(dtype: DType, values: list[int], shift: int) -> None:
    array = (np.array(values, np.uint64) << np.uint64(shift % (8 * dtype.size))).astype(
        f"<u{dtype.size}"
    )
    round_trip(array.view(dtype.numpy), dtype)


@pytest.mark.parametrize(
    ("name", "ratio"), [("float32", 1.2), ("bfloat16", 1.49), ("float16", 1.14)]
)
def test_trained_floats_shrink_as_their_exponents_allow(name: str, ratio: float) -> None:
    # ZipNN reaches 1.20 (float32) and 1.48 (bfloat16) on such values.
    array = from_floats(gaussian(100_000), BY_NAME[name])
    assert array.nbytes / len(round_trip(array, BY_NAME[name])) > ratio


def test_pruned_floats_cost_their_mask_and_what_is_left() -> None:
    array = gaussian(100_000)
    keep = np.random.default_rng(1).random(array.size) < 0.05
    array[~keep] = 0
    entropy = -(0.05 * np.log2(0.05) + 0.95 * np.log2(0.95)) * array.size
    ideal = (entropy + 27 * np.count_nonzero(keep)) / 8
    assert len(round_trip(array, F32)) < 1.03 * ideal


def test_quantized_floats_cost_their_levels() -> None:
    levels = np.rint(gaussian(50_000) * 100).astype(int)
    counts = np.unique(levels, return_counts=True)[1]
    entropy = float((counts * np.log2(levels.size / counts)).sum()) / 8
    array = (levels * 0.01).astype(np.float32)
    assert len(round_trip(array, F32)) < 1.05 * entropy + 200


def test_repetition_is_found() -> None:
    array = np.tile(gaussian(2000), 20)
    assert len(round_trip(array, F32)) < 12_000


def test_integers_cost_their_entropy() -> None:
    array = np.random.default_rng(0).integers(-3, 4, 20_000).astype(np.int64)
    assert len(round_trip(array, BY_NAME["int64"])) < 1.02 * array.size * np.log2(7) / 8
    assert (
        len(round_trip(array.astype(np.int8), BY_NAME["int8"])) < 1.02 * array.size * np.log2(7) / 8
    )


def test_special_values_keep_their_bits() -> None:
    nan = np.array([0x7FC00001, 0xFF800002, 0x80000000, 0, 1, 0x7F800000], np.uint32)
    round_trip(np.tile(nan, 200).view(np.float32), F32)


def test_blocks_join_seamlessly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lossless, "BLOCK", 1000)
    for columns in (1, 33, 101, 1111, 3333):
        round_trip(gaussian(3333), F32, columns)
        pruned = np.where(np.arange(3333) % 7, 0, gaussian(3333))
        round_trip(pruned.astype(np.float32), F32, columns)
    round_trip(gaussian(6664).view(np.complex128), BY_NAME["complex128"], 1)
    with pytest.raises(PaucaError):
        decode_lossless(encode_lossless(gaussian(3333), F32, 33) + b"\0", F32, 3333, 33)


@pytest.mark.parametrize(
    "array",
    [gaussian(500), np.where(np.arange(3000) % 9, 0, gaussian(3000)), np.tile([1.5, 2, 3], 900)],
    ids=["dense", "sparse", "palette"],
)
def test_damage_is_named_or_harmless(array: np.ndarray) -> None:
    array = array.astype(np.float32)
    data = encode_lossless(array, F32, 50)
    rng = np.random.default_rng(2)
    for _ in range(300):
        damaged = bytearray(data)
        for _ in range(rng.integers(1, 4)):
            damaged[rng.integers(min(len(data), 200))] = rng.integers(256)
        damaged = damaged[: rng.integers(len(damaged) + 1)] if rng.random() < 0.3 else damaged
        try:
            back = decode_lossless(bytes(damaged), F32, array.size, 50)
        except PaucaError:
            continue
        assert back.size == array.size


def test_squeezed_bytes_come_back_and_bombs_do_not() -> None:
    for data in (b"", b"x", b"fc1.weight\0fc1.bias\0", bytes(10**6), bytes(range(256)) * 999):
        squeezed = squeeze(data)
        assert unsqueeze(squeezed, len(data)) == data
        for size in {max(0, len(data) - 1), len(data) + 1} - {len(data)}:
            with pytest.raises(PaucaError):
                unsqueeze(squeezed, size)
    for data in (b"", b"\3x", b"\1\xff\xff", b"\2\xff\xff", squeeze(bytes(999)) + b"!"):
        with pytest.raises(PaucaError):
            unsqueeze(data, 999)
    assert len(squeeze(b"fc1.weight\0fc1.bias\0fc2.weight\0fc2.bias\0")) < 15  # by the dictionary


def test_the_dictionary_is_that_of_the_specification() -> None:
    text = (Path(__file__).parents[2] / "spec/weights.md").read_text()
    block = text.split("every `|` being a zero byte:")[1].split("\n\n")[1]
    lines = [line.removeprefix("    ") for line in block.split("\n")]
    assert "".join(lines).replace("|", "\0").encode() == DICTIONARY
