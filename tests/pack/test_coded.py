"""Arrays of a pack under the coder of weights: there and back, and damage is named."""

import json

import numpy as np
import pytest

from pauca.coding.weights import encode_levels
from pauca.container.cursor import encode_varint
from pauca.errors import PackError
from pauca.pack.coded import decode_arrays, encode_arrays


def arrays() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {
        "a": rng.integers(-127, 128, (7, 30)).astype(np.int8),
        "b": rng.integers(-(1 << 24), 1 << 24, 7).astype(np.int32),
        "c": rng.normal(0, 20, (5, 3, 3)).astype(np.int8),
        "d": np.full(9, 255, np.uint8),
        "e": np.array([-32768, 32767], np.int16),
    }


def test_there_and_back() -> None:
    found = decode_arrays(encode_arrays(arrays()))
    assert list(found) == list(arrays())
    for name, array in arrays().items():
        assert found[name].dtype == array.dtype and np.array_equal(found[name], array)


def test_damage_is_named() -> None:
    data = encode_arrays(arrays())
    for cut in (0, 1, 40, len(data) - 1):
        with pytest.raises(PackError):
            decode_arrays(data[:cut])
    with pytest.raises(PackError):
        decode_arrays(data + b"\0")
    for old, new in (
        (b'"int32"', b'"int09"'), (b'"int32"', b'"uint8"'), (b"[7, 30]", b"[7, -3]"),
        (b"[7, 30]", b'["abc"]'), (b"[7, 30]", b"9999999"), (b"[2]", b"[0]"),
    ):  # fmt: skip
        assert old in data and len(old) == len(new)
        with pytest.raises(PackError):
            decode_arrays(data.replace(old, new))


def test_giants_are_refused_before_they_are_made() -> None:
    for shape in ([1 << 27], [1 << 20, 1 << 20], [3] * 5):
        head = json.dumps([["a", "int8", shape]]).encode()
        stream = encode_levels(np.zeros(4, np.int32), 4)  # a constant: few bytes for any number
        data = encode_varint(len(head)) + head + encode_varint(len(stream)) + stream
        with pytest.raises(PackError):
            decode_arrays(data)
