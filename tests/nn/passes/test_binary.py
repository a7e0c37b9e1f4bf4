"""Products of signs: kernels against integers, layers against torch, training, size."""

import numpy as np
import pytest
import torch
from nn.glyphs import Parent
from torch import nn
from torch.nn import functional

from pauca import _core
from pauca.errors import InputError, UnsupportedError
from pauca.nn.passes.binary_torch import BinaryConv2d, BinaryLinear, sign, with_kernels
from pauca.nn.passes.interface import Context, apply_pass
from pauca.nn.xnor import pack_layer, run_conv, run_linear

KERNELS = _core.xnor_kernels()


def signs(x: np.ndarray) -> np.ndarray:
    return np.where(x < 0, -1, 1).astype(np.int64)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("depth", [1, 64, 100, 2100])
def test_products_are_those_of_integers(kernel: str, depth: int) -> None:
    rng = np.random.default_rng(depth)
    for rows, columns in ((1, 1), (13, 17), (40, 33)):
        weight = rng.normal(size=(rows, depth)).astype(np.float32)
        x = rng.normal(size=(columns, depth)).astype(np.float32)
        layer = pack_layer(weight, np.ones(rows, np.float32))
        found = run_linear(x, layer, kernel)
        np.testing.assert_array_equal(found, signs(x) @ signs(weight).T)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize(
    ("stride", "padding", "size"), [(1, 1, 3), (2, 2, 5), (1, 0, 1), (3, 1, 2)]
)
def test_convolutions_are_those_of_torch(kernel: str, stride: int, padding: int, size: int) -> None:
    torch.manual_seed(size)
    x, weight = torch.randn(2, 70, 9, 14), torch.randn(20, 70, size, size)
    bars, bias = torch.randn(70), torch.randn(20)
    layer = pack_layer(
        weight.numpy(), None, bias.numpy(), bars.numpy(), stride=stride, padding=padding
    )
    padded = functional.pad(sign(x - bars[:, None, None]), [padding] * 4, value=1.0)
    sums = functional.conv2d(padded, sign(weight), stride=stride)
    scale = weight.abs().mean((1, 2, 3))
    expected = sums * scale[:, None, None] + bias[:, None, None]
    found = torch.from_numpy(run_conv(x.numpy(), layer, kernel))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert layer.words.nbytes == 20 * size * size * 2 * 8


def test_every_kernel_gives_the_same_bits() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, 200, 7, 45)).astype(np.float32)
    layer = pack_layer(rng.normal(size=(37, 200, 3, 3)).astype(np.float32), padding=1)
    first = run_conv(x, layer, "scalar")
    for kernel in KERNELS:
        np.testing.assert_array_equal(run_conv(x, layer, kernel), first)
    assert "scalar" in KERNELS


def test_kernels_refuse_what_does_not_fit() -> None:
    layer = pack_layer(np.ones((4, 8, 3, 3), np.float32))
    with pytest.raises(InputError, match="takes"):
        run_conv(np.zeros((1, 7, 5, 5), np.float32), layer)
    with pytest.raises(ValueError, match="larger than the padded picture"):
        run_conv(np.zeros((1, 8, 2, 5), np.float32), layer)
    with pytest.raises(ValueError, match="kernel: auto"):
        run_conv(np.zeros((1, 8, 5, 5), np.float32), layer, "magic")
    with pytest.raises(InputError, match="2 or 4 dimensions"):
        pack_layer(np.ones((3, 3, 3), np.float32))
    words = np.zeros((2, 3), np.uint64)
    with pytest.raises(ValueError, match="do not fit"):
        _core.xnor_gemm(words, words, 10)
    with pytest.raises(ValueError, match="more bits"):
        _core.xnor_gemm(words, words.T.copy(), 193)


def test_signs_are_trained_and_run_on_the_kernels(parent: Parent) -> None:
    context = Context(batches=parent.batches, train=parent.tune(2, 4e-3), evaluate=parent.accuracy)
    out, report = apply_pass("binary", parent.module, context, skip=["point"])
    assert report.before.accuracy is not None and report.after.accuracy is not None
    assert report.after.accuracy > 60  # chance is 6
    assert report.after.coded_bytes < report.before.coded_bytes / 5
    assert isinstance(out.conv2, BinaryConv2d) and isinstance(out.fc1, BinaryLinear)
    assert type(out.conv1) is nn.Conv2d and type(out.fc2) is nn.Linear  # both ends stay
    assert set(out.conv2.weight.unique().tolist()) == {-1.0, 1.0}
    fast = with_kernels(out)
    assert fast.conv2.packed is not None
    with torch.no_grad():
        a, b = out(parent.test[0]), fast(parent.test[0])
    torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_binary_weights_alone_lose_less(parent: Parent) -> None:
    accuracies = {}
    for inputs in ("float", "binary"):
        context = Context(batches=parent.batches, train=parent.tune(1, 2e-3))
        out, _ = apply_pass("binary", parent.module, context, inputs=inputs)
        accuracies[inputs] = parent.accuracy(out)
    assert accuracies["float"] > max(80, accuracies["binary"])
    with pytest.raises(UnsupportedError, match="can become binary"):
        apply_pass("binary", nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)))


def test_the_gradient_passes_the_sign() -> None:
    x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0], requires_grad=True)
    y = sign(x)
    assert y.tolist() == [-1, -1, 1, 1, 1]
    y.sum().backward()
    assert x.grad is not None and x.grad.tolist() == [0, 1, 1, 1, 0]
