"""XNOR-Net's "58x faster convolutions" put to the test: signs on our kernels against float32.

python benchmarks/xnor.py [--seconds 1] [--torch]

Every line is one convolution at batch 1, processor time of one thread, best of many runs. The time
of signs includes taking the signs of the inputs, the columns, the product and the scaling back to
float32; float32 is ONNX Runtime's (and torch's) convolution of the same shape.

The paper compares with a plain float convolution and counts 64 signs an instruction against one
product; a processor of today does 16 to 32 products an instruction, two a cycle.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from pauca import _core
from pauca.bench.machine import describe_machine
from pauca.nn.passes.onnx_graph import onnx_package
from pauca.nn.passes.timing import best_ms
from pauca.nn.xnor import pack_layer, run_conv
from pauca.pack.runtime import float_session

SHAPES = (  # channels, rows, side, kernel
    (64, 64, 56, 3),
    (128, 128, 28, 3),
    (256, 256, 14, 3),
    (512, 512, 7, 3),
    (256, 256, 28, 3),
    (256, 256, 28, 1),
    (512, 512, 28, 5),
)
CLAIM = 58
CLOCK = time.process_time  # float convolutions outlast a time slice of a busy machine


def float_conv(x: np.ndarray, weight: np.ndarray) -> Callable[[], object]:
    """ONNX Runtime's convolution on one thread."""
    onnx = onnx_package()
    info, side = onnx.helper.make_tensor_value_info, weight.shape[-1] // 2
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], pads=[side] * 4)
    constant = onnx.numpy_helper.from_array(weight, "w")
    graph = onnx.helper.make_graph(
        [node], "conv", [info("x", 1, x.shape)], [info("y", 1, None)], [constant]
    )
    opset = [onnx.helper.make_opsetid("", 17)]
    model = onnx.helper.make_model(graph, opset_imports=opset, ir_version=8)
    session = float_session(model.SerializeToString(), 1)
    return lambda: session.run(None, {"x": x})


def torch_conv(x: np.ndarray, weight: np.ndarray) -> Callable[[], object]:
    """Torch's convolution on one thread."""
    import torch

    torch.set_num_threads(1)
    a, b = torch.from_numpy(x), torch.from_numpy(weight)

    def run() -> object:
        with torch.inference_mode():
            return torch.nn.functional.conv2d(a, b, padding=weight.shape[-1] // 2)

    return run


def measure(shape: tuple[int, int, int, int], seconds: float, with_torch: bool) -> float:
    """Print a line a kernel; return the best speed-up over ONNX Runtime."""
    channels, rows, side, size = shape
    rng = np.random.default_rng(0)
    x = rng.normal(size=(1, channels, side, side)).astype(np.float32)
    weight = rng.normal(size=(rows, channels, size, size)).astype(np.float32)
    macs = channels * rows * size * size * side * side
    peers = {"ort fp32": float_conv(x, weight)}
    if with_torch:
        peers["torch fp32"] = torch_conv(x, weight)
    layer = pack_layer(weight, padding=size // 2)
    print(f"{channels} -> {rows}, {side} x {side}, {size} x {size}: {macs / 1e6:.0f} MMAC")
    floats = 4 * weight.size
    print(f"  weights {floats} -> {layer.nbytes} bytes, {floats / layer.nbytes:.1f}x smaller")
    times = {name: best_ms(run, seconds, CLOCK) for name, run in peers.items()}
    for kernel in _core.xnor_kernels():
        times[f"xnor {kernel}"] = best_ms(lambda k=kernel: run_conv(x, layer, k), seconds, CLOCK)  # type: ignore[misc]
    base = times["ort fp32"]
    for name, ms in times.items():
        print(f"  {name:12} {ms:9.3f} ms {macs / ms / 1e6:8.1f} GMAC/s {base / ms:6.2f}x")
    return base / min(ms for name, ms in times.items() if name.startswith("xnor"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--torch", action="store_true", help="torch's convolution too")
    options = parser.parse_args()
    machine = describe_machine()
    print(f"{machine.cpu}, one thread; kernels {', '.join(_core.xnor_kernels())}")
    found = [measure(shape, options.seconds, options.torch) for shape in SHAPES]
    print(f"claimed {CLAIM}x; measured {min(found):.1f}x to {max(found):.1f}x over ONNX Runtime")


if __name__ == "__main__":
    main()
