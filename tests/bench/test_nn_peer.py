"""Talking to nncodec in another Python: with a stand-in, and with itself where it is installed.

`PAUCA_NNCODEC` may name a Python that has nncodec.
"""

import importlib.util
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pauca.bench.nn_baselines import entropy_bytes
from pauca.bench.nn_peer import VARIANTS, Nncodec
from pauca.errors import InputError, MissingExtraError


@pytest.fixture(scope="module")
def peer(stand_in: str) -> Iterator[Nncodec]:
    with Nncodec(stand_in) as running:
        yield running


def network() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(3)
    return {
        "conv.weight": (rng.normal(size=(6, 5, 3, 3)) * 0.2).astype(np.float32),
        "bias": rng.normal(size=6).astype(np.float32),
    }


def test_networks_come_back_quantized(peer: Nncodec) -> None:
    tensors = network()
    result = peer.code_network(tensors, "nncodec", -12)
    assert peer.version == "9.8.7"
    assert result.bytes > 0 and result.encode_s > 0 and result.decode_s > 0
    assert list(result.tensors) == list(tensors)
    error = np.abs(result.tensors["conv.weight"] - tensors["conv.weight"]).max()
    assert 0.01 < error <= 2.0**-3 / 2 + 1e-6
    assert np.abs(result.tensors["bias"] - tensors["bias"]).max() <= 2.0**-10
    assert result.tensors["conv.weight"].shape == (6, 5, 3, 3)


def test_one_process_serves_many_requests(peer: Nncodec) -> None:
    sizes = [peer.code_network(network(), "nncodec-uniform", qp).bytes for qp in (-36, -24, -8)]
    assert sizes == sorted(sizes, reverse=True) and len(set(sizes)) == 3


def test_integers_come_back_as_they_were(peer: Nncodec) -> None:
    levels = [np.arange(-6, 6, dtype=np.int32).reshape(3, 4), np.array([2**20], np.int32)]
    result = peer.code_levels(levels)
    for found, given in zip(result.tensors.values(), levels, strict=True):
        np.testing.assert_array_equal(found, given)


def test_a_failure_is_its_last_words(stand_in: str) -> None:
    with Nncodec(stand_in) as peer, pytest.raises(InputError, match="cannot quantize with 13"):
        peer.code_network(network(), "nncodec", 13)


def test_its_folder_goes_with_it(stand_in: str) -> None:
    with Nncodec(stand_in) as peer:
        folder = Path(peer._folder.name)
        peer.code_network(network(), "nncodec", -8)
        assert folder.is_dir()
    assert not folder.exists()
    assert peer._process.returncode == 0


def test_a_python_without_it_is_told(tmp_path: Path) -> None:
    bare = tmp_path / "python"
    bare.write_text(f'#!/bin/sh\nexec "{sys.executable}" -S "$@"\n')
    bare.chmod(0o755)
    with pytest.raises(MissingExtraError, match="--nncodec"):
        Nncodec(str(bare))
    with pytest.raises(InputError, match="nowhere/python"):
        Nncodec("nowhere/python")


@pytest.mark.slow
def test_nncodec_itself() -> None:
    python = os.environ.get("PAUCA_NNCODEC", "")
    if not python and importlib.util.find_spec("nncodec") is None:
        pytest.skip("no nncodec here, and PAUCA_NNCODEC names no Python that has it")
    rng = np.random.default_rng(4)
    weights = {"w": (rng.laplace(size=(300, 200)) * 0.05).astype(np.float32)}
    with Nncodec(python) as peer:
        for variant in VARIANTS:
            fine = peer.code_network(weights, variant, -28)
            coarse = peer.code_network(weights, variant, -16)
            assert coarse.bytes < fine.bytes < 4 * 60_000
            assert 0 < np.abs(fine.tensors["w"] - weights["w"]).max() < 0.05
        levels = [np.rint(weights["w"] / 0.03).astype(np.int32)]
        result = peer.code_levels(levels)
        np.testing.assert_array_equal(result.tensors["0"], levels[0])
        assert result.bytes == pytest.approx(entropy_bytes(levels), rel=0.03)
