"""Quantizers as `pauca bench nn` and `pauca encode` drive them, and calibrations as files."""

from pathlib import Path

import numpy as np
import pytest
from bench.networks import network

from pauca.errors import InputError
from pauca.nn.calibration import Calibration, load_calibration, save_calibration
from pauca.nn.quantize.second_order import Layer
from pauca.nn.quantizers import (
    QUANTIZERS,
    find_quantizer,
    is_scale,
    quantize_all,
    round_scales,
    unit_of,
)
from pauca.nn.sensitivity import LayerStatistics


def calibration() -> Calibration:
    rng = np.random.default_rng(1)
    tensors = network()
    importance = {n: rng.uniform(0.5, 2, t.shape) for n, t in tensors.items() if t.ndim == 2}
    deviations = {n: rng.uniform(0.02, 0.05, t.shape) for n, t in importance.items()}
    layers = {}
    for weight, bias, inputs, outputs in (
        ("fc1.weight", "fc1.bias", 60, 40),
        ("fc2.weight", None, 40, 10),
    ):
        samples = rng.normal(size=(500, inputs + (bias is not None)))
        moments = (samples.T @ samples / 500)[None]
        worth = rng.uniform(0.5, 2, outputs)
        layers[Layer(weight, bias)] = LayerStatistics(moments, worth, None, bias is not None)
    return Calibration(importance, deviations, layers)


def error(tensors: dict[str, np.ndarray], coded: dict[str, object], name: str) -> float:
    values = coded[name].values()  # type: ignore[attr-defined]
    return float(np.sqrt(np.mean((values - tensors[name]) ** 2)))


@pytest.mark.parametrize("name", QUANTIZERS)
def test_every_quantizer_covers_the_matrices_and_coarsens_along_its_grid(name: str) -> None:
    tensors, quantizer = network(), find_quantizer(name)
    fine = quantize_all(quantizer, tensors, quantizer.grid[0], calibration())
    coarse = quantize_all(quantizer, tensors, quantizer.grid[-2], calibration())
    assert {"fc1.weight", "fc2.weight", "fc1.bias"} == fine.keys() == coarse.keys()
    for matrix in ("fc1.weight", "fc2.weight"):
        assert fine[matrix].levels.shape == tensors[matrix].shape
        assert error(tensors, fine, matrix) < error(tensors, coarse, matrix)
        assert error(tensors, fine, matrix) < 0.2 * float(tensors[matrix].std())
    assert error(tensors, fine, "fc1.bias") < 0.1


def test_vectors_keep_fine_steps_and_scales_relative_ones() -> None:
    tensors = network()
    coded = quantize_all(find_quantizer("nearest"), tensors, 2.0)
    rms = float(np.sqrt(np.mean(tensors["fc1.bias"] ** 2)))
    assert np.abs(coded["fc1.bias"].values() - tensors["fc1.bias"]).max() <= rms / 128 * 1.001
    assert is_scale(tensors["norm.running_var"]) and not is_scale(tensors["fc1.bias"])
    rounded = round_scales(tensors)
    assert list(rounded) == ["norm.running_var"]
    ratio = rounded["norm.running_var"] / tensors["norm.running_var"]
    assert 0 < np.abs(ratio - 1).max() <= 2.0**-8


def test_the_unit_is_the_size_of_the_weights_that_are_left() -> None:
    pruned = np.zeros((10, 100), np.float32)
    pruned[:, ::10] = 0.5
    assert unit_of({"w": pruned}) == pytest.approx(0.5)
    assert unit_of({"w": np.zeros((3, 3), np.float32)}) == 1
    coded = quantize_all(find_quantizer("nearest"), {"w": pruned}, 1.0)
    assert set(np.unique(coded["w"].levels)) == {0, 1}


def test_names_with_a_second_dial() -> None:
    tensors = network()
    free = quantize_all(find_quantizer("dc2@0"), tensors, 1.0)
    nearest = quantize_all(find_quantizer("nearest"), tensors, 1.0)
    np.testing.assert_array_equal(free["fc1.weight"].levels, nearest["fc1.weight"].levels)
    dear = quantize_all(find_quantizer("dc2@0.4"), tensors, 1.0)
    zeros = [int((q["fc1.weight"].levels == 0).sum()) for q in (free, dear)]
    assert zeros[0] < zeros[1]
    assert find_quantizer("dc2@0.4").name == "dc2@0.4"
    for wrong in ("dc3", "nearest@1", "dc2@x", "dc2@-1", "dc2@inf"):
        with pytest.raises(InputError):
            find_quantizer(wrong)


def test_quantizers_that_need_a_calibration_say_so() -> None:
    for name in ("dc1", "second-order"):
        with pytest.raises(InputError, match="--calibration"):
            quantize_all(find_quantizer(name), network(), 1.0)


def test_calibrations_come_back_from_their_file(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    given = calibration()
    save_calibration(path, given)
    found = load_calibration(path)
    assert found.layers.keys() == given.layers.keys()
    for layer, statistics in given.layers.items():
        np.testing.assert_allclose(found.layers[layer].moments, statistics.moments, rtol=1e-6)
        np.testing.assert_allclose(found.layers[layer].output, statistics.output, rtol=1e-6)
        assert found.layers[layer].has_bias == statistics.has_bias
    for name, array in given.importance.items():
        np.testing.assert_allclose(found.importance[name], array, rtol=1e-6)
        np.testing.assert_allclose(found.deviations[name], given.deviations[name], rtol=1e-6)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 not really", b"text"])
def test_other_files_are_no_calibration(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(InputError, match=r"a\.npz"):
        load_calibration(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", weight=np.zeros(3))
    with pytest.raises(InputError, match=r"b\.npz"):
        load_calibration(tmp_path / "b.npz")
