"""Payloads: there and back, and what is no payload is refused by name."""

from pathlib import Path

import numpy as np
import pytest

from pauca.errors import FormatError, LimitError, PaucaError, TruncatedError
from pauca.video.filters import MAX_BYTES, Filter
from pauca.video.filters.update import Update, decode_update, encode_update

from .packs import photo_planes, random_filter

ROWS = (4, 1, 1)


@pytest.fixture(scope="module")
def filter(tmp_path_factory: pytest.TempPathFactory) -> Filter:
    return random_filter(tmp_path_factory.mktemp("pack"))


def features(filter: Filter) -> int:
    return filter.pack.layers["head"].weight.shape[1]


def update_for(filter: Filter, planes: tuple[int, ...] = (0, 1, 2), seed: int = 0) -> Update:
    rng = np.random.default_rng(seed)
    columns = features(filter) + 1
    changes = {p: (p % 3, rng.integers(-2, 3, (ROWS[p], columns)).astype(np.int32)) for p in planes}
    return Update((True, True, True), changes)


@pytest.mark.parametrize("planes", [(), (0,), (1, 2), (0, 1, 2)])
def test_there_and_back(filter: Filter, planes: tuple[int, ...]) -> None:
    update = update_for(filter, planes)
    found = decode_update(encode_update(update), ROWS, features(filter))
    assert found.mended == update.mended and found.changes.keys() == update.changes.keys()
    for p in planes:
        assert found.changes[p][0] == update.changes[p][0]
        assert np.array_equal(found.changes[p][1], update.changes[p][1])


def test_an_update_changes_the_planes_it_names(filter: Filter) -> None:
    planes = photo_planes(24, 24)
    generic = filter.apply(*planes, qp=30)
    payload = encode_update(update_for(filter, (1,)))
    changed = filter.updated(payload).apply(*planes, qp=30)
    assert np.array_equal(changed[0], generic[0]) and np.array_equal(changed[2], generic[2])
    assert not np.array_equal(changed[1], generic[1])
    alone = filter.updated(encode_update(Update((False, False, True), {}))).apply(*planes, qp=30)
    assert np.array_equal(alone[0], planes[0]) and np.array_equal(alone[1], planes[1])
    assert np.array_equal(alone[2], generic[2])
    again = filter.updated(payload).updated(b"").apply(*planes, qp=30)
    assert all(np.array_equal(a, b) for a, b in zip(again, generic, strict=True))


def test_bias_and_weights_move_as_the_specification_says(filter: Filter) -> None:
    levels = np.zeros((1, features(filter) + 1), np.int32)
    levels[0, 3], levels[0, -1], levels[0, -2] = -3, 5, 1
    update = Update((True, True, True), {2: (1, levels)})
    from pauca.video.filters.update import changed_head

    before = filter.pack.layers["head"]
    assert filter.pack.direct == 54
    after = changed_head(before, update, ROWS, 54)
    assert int(after.weight[5, 3]) - int(before.weight[5, 3]) == -6
    assert int(after.weight[5, -1]) - int(before.weight[5, -1]) == 2
    assert int(after.bias[5]) - int(before.bias[5]) == 2 * (5 * 32 + 3 * 128)
    assert np.array_equal(after.weight[:5], before.weight[:5])


def test_truncated_and_damaged_payloads_have_names(filter: Filter) -> None:
    payload = encode_update(update_for(filter))
    for cut in range(1, len(payload)):
        with pytest.raises(FormatError):
            filter.updated(payload[:cut])
    with pytest.raises(FormatError):
        filter.updated(payload + b"\0")
    rng = np.random.default_rng(1)
    refused = 0
    for _ in range(400):
        data = bytearray(payload)
        for at in rng.integers(0, len(data), rng.integers(1, 4)):
            data[at] ^= 1 << rng.integers(8)
        try:
            filter.updated(bytes(data)).apply(*photo_planes(4, 4), qp=30)
        except PaucaError:
            refused += 1
    assert refused > 100  # others are payloads that say something else
    for _ in range(400):
        data = rng.bytes(int(rng.integers(1, 200)))
        try:
            filter.updated(data)
        except PaucaError:
            refused += 1
    assert refused > 400


@pytest.mark.parametrize("flags", [0b000, 0b001000, 0b1000001, 0b10000001, 0b010001])
def test_flags_without_meaning(filter: Filter, flags: int) -> None:
    with pytest.raises(FormatError):
        filter.updated(bytes([flags, 0]))


def test_sizes_are_bounded(filter: Filter) -> None:
    with pytest.raises(LimitError):
        filter.updated(bytes(MAX_BYTES + 1))
    with pytest.raises(PaucaError):
        filter.updated(b"\x07" + bytes(MAX_BYTES - 1))
    columns = features(filter) + 1
    for level, exponent in ((1 << 20, 0), (200, 0), (2, 7), (-(1 << 30), 7)):
        levels = np.full((4, columns), level, np.int32)
        with pytest.raises(FormatError):
            filter.updated(encode_update(Update((True, True, True), {0: (exponent, levels)})))
    with pytest.raises(FormatError, match="step"):
        filter.updated(bytes([0b001001, 8]) + b"\0" * 20)
    with pytest.raises(TruncatedError):
        filter.updated(bytes([0b001001]))


def test_a_pack_with_a_random_head_is_not_the_shipped_one(filter: Filter, tmp_path: Path) -> None:
    other = random_filter(tmp_path, 2)
    assert other.pack_id != filter.pack_id and len(other.pack_id) == 8
    with pytest.raises(PaucaError):
        other.updated(encode_update(update_for(filter)))
