"""The kernel against its definition, and networks that break a rule."""

from dataclasses import replace

import numpy as np
import pytest

from pauca._core import NgramNetwork as Kernel
from pauca.apps.dga.ngram import NgramNetwork, run_plain
from pauca.errors import PackError


def kernel_of(network: NgramNetwork) -> Kernel:
    tables = [
        (order, 0 if order < 3 else network.bits, table)
        for order, table in zip(network.orders, network.tables, strict=True)
    ]
    n = network
    return Kernel(tables, n.bias, n.first, n.first_bias, n.second, n.second_bias, n.mix, n.mix_bias)


def test_the_kernel_gives_the_integers_of_the_definition(network: NgramNetwork) -> None:
    network.check()
    rng = np.random.default_rng(2)
    strings = [rng.integers(1, 40, n).astype(np.uint8) for n in [*range(65), *range(64, 0, -3)]]
    starts = np.cumsum([0, *map(len, strings)])
    found = kernel_of(network).run(np.concatenate(strings), starts)
    assert found.tolist() == run_plain(network, strings).tolist()
    assert len(set(found.tolist())) > 60


def test_the_convolution_gives_the_integers_of_the_definition(mixing: NgramNetwork) -> None:
    mixing.check()
    rng = np.random.default_rng(3)
    strings = [rng.integers(1, 40, n).astype(np.uint8) for n in range(65)]
    starts = np.cumsum([0, *map(len, strings)])
    found = kernel_of(mixing).run(np.concatenate(strings), starts)
    assert found.tolist() == run_plain(mixing, strings).tolist()
    without = replace(mixing, mix=np.zeros_like(mixing.mix))
    assert found.tolist() != run_plain(without, strings).tolist()


def test_extremes_stay_in_their_integers(network: NgramNetwork) -> None:
    largest = replace(
        network,
        tables=tuple(np.full_like(table, 127) for table in network.tables),
        bias=np.full_like(network.bias, 1 << 12),
        first=np.full_like(network.first, 127),
    )
    largest.check()
    string = np.full(64, 39, np.uint8)
    found = kernel_of(largest).run(string, np.array([0, 64]))
    assert found.tolist() == run_plain(largest, [string]).tolist()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"bits": 17}, "bits"),
        ({"orders": (1, 2, 3)}, "number of tables"),
        ({"orders": (1, 2, 3, 7)}, "order"),
        ({"orders": (2, 1, 3, 5)}, "shape"),
        ({"scale": float("nan")}, "scale"),
        ({"second_bias": 1 << 60}, "bias of the second"),
        ({"first_bias": np.full(9, (1 << 31) - 1, np.int32)}, "sums"),
        ({"bias": np.full(32, 32767, np.int16)}, "bias out of range"),
        ({"first": np.zeros((9, 63), np.int8)}, "shape of first"),
        ({"mix": np.zeros((16, 32, 3), np.int8)}, "shape of mix"),
        ({"mix_bias": np.zeros(16, np.int32)}, "shape of mix"),
        ({"mix_bias": np.zeros(9, np.int32), "mix": np.zeros((9, 32, 3), np.int8)}, "sizes"),
    ],
)
def test_networks_that_break_a_rule_are_refused(
    network: NgramNetwork, change: dict[str, object], words: str
) -> None:
    with pytest.raises(PackError, match=words):
        replace(network, **change).check()


@pytest.mark.parametrize(
    ("codes", "starts"),
    [([1] * 65, [0, 65]), ([1, 2], [0, 1]), ([1, 2], [0, 2, 1, 2]), ([40], [0, 1]), ([1], [1, 1])],
)
def test_the_kernel_refuses_what_it_cannot_read(
    network: NgramNetwork, codes: list[int], starts: list[int]
) -> None:
    with pytest.raises(ValueError):
        kernel_of(network).run(np.array(codes, np.uint8), np.array(starts, np.int64))
