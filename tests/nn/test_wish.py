"""Wishes for a size or an accuracy, with every named quantizer."""

import numpy as np
import pytest
import torch

import pauca
from pauca.errors import InputError
from pauca.nn.calibration import Calibration
from pauca.nn.model import Network
from pauca.nn.quantizers import QUANTIZERS
from pauca.nn.train import layer_statistics
from pauca.nn.wish import Wish, compress_at, compress_to

from .trained import dense


@pytest.fixture(scope="module")
def network() -> Network:
    return Network(dict(dense().weights()))


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    torch.manual_seed(0)
    weights = dense().weights()
    flat = {name: np.full(array.shape, 0.05) for name, array in weights.items()}
    return Calibration({}, flat, layer_statistics(dense().module, dense().batches[:5]))


def accuracy(network: Network) -> float:
    return dense().accuracy({n: np.asarray(a, np.float64) for n, a in network.tensors.items()})


def test_max_drop_holds_and_a_stronger_quantizer_is_smaller(
    network: Network, calibration: Calibration
) -> None:
    heard = []
    wish = Wish(max_drop=0.5, evaluate=accuracy)
    nearest = compress_to(network, wish, "nearest", report=heard.append)
    strong = compress_to(network, wish, calibration=calibration)
    assert tuple(heard) == nearest.trials
    for answer in (nearest, strong):
        decoded = pauca.decode_weights(answer.stream)
        assert accuracy(decoded) == answer.best.accuracy >= accuracy(network) - 0.5
        assert len(answer.stream) == answer.best.size
    assert len(strong.stream) < 0.9 * len(nearest.stream) < network.nbytes / 8


@pytest.mark.parametrize("name", QUANTIZERS)
def test_target_size_is_kept_and_used(
    name: str, network: Network, calibration: Calibration
) -> None:
    size = 5000
    answer = compress_to(network, Wish(target_size=size, rounds=7), name, calibration)
    assert len(answer.stream) <= size
    assert len(answer.stream) > (0.75 if QUANTIZERS[name].whole else 0.9) * size
    decoded = pauca.decode_weights(answer.stream)
    assert [t.shape for t in decoded.tensors.values()] == [
        t.shape for t in network.tensors.values()
    ]


def test_bits_per_weight(network: Network) -> None:
    stream = pauca.encode_weights(network, bits_per_weight=2.5)
    assert 2.2 < 8 * len(stream) / network.elements <= 2.5


def test_one_setting(network: Network) -> None:
    fine = pauca.encode_weights(dict(network.tensors), quantizer="weighted@0.02=0.2")
    coarse = compress_at(network, "weighted@0.02=0.8")
    assert len(coarse) < len(fine) < network.nbytes / 4


def test_half_precision_is_quantized_too(network: Network) -> None:
    half = Network({n: a.astype(np.float16) for n, a in network.tensors.items()})
    stream = compress_at(half, "nearest=0.5")
    assert len(stream) < 1.1 * len(compress_at(network, "nearest=0.5"))
    decoded = pauca.decode_weights(stream)
    assert all(array.dtype == np.float16 for array in decoded.tensors.values())


def test_values_that_are_not_finite_are_kept_as_they_are(network: Network) -> None:
    odd = dict(network.tensors)
    odd["1.weight"] = odd["1.weight"].copy()
    odd["1.weight"][3, 4] = np.nan
    decoded = pauca.decode_weights(compress_at(Network(odd), "nearest=0.5"))
    assert decoded.tensors["1.weight"].tobytes() == odd["1.weight"].tobytes()


def test_what_cannot_be() -> None:
    network = Network({"w": np.ones((4, 4), np.float32)})
    with pytest.raises(InputError, match="one wish"):
        Wish(max_drop=1.0, target_size=9)
    with pytest.raises(InputError, match="needs an evaluation"):
        Wish(max_drop=1.0)
    with pytest.raises(InputError, match="gives 3 bytes"):
        compress_to(network, Wish(target_size=3))
    with pytest.raises(InputError, match="no quantizer"):
        compress_to(network, Wish(target_size=99), "best")
    with pytest.raises(InputError, match="=NUMBER"):
        compress_at(network, "nearest")
    with pytest.raises(InputError, match="needs a --calibration"):
        compress_at(network, "second-order=1e-7")
    with pytest.raises(InputError, match="cannot read a network"):
        pauca.encode_weights(3)
