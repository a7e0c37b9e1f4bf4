"""Strangers' networks through the codec: sizes, and whether what comes back computes the same.

    python benchmarks/nn/roundtrip.py runs/nn/foreign/* [--bits 8] [--markdown FILE]

Each file is encoded and decoded by the `pauca` command, once quantized and once lossless. What the
weights must be afterwards follows from the original and the integers in the stream; an ONNX graph
is then given those values by the onnx package, which pauca does not use, and both graphs run in
ONNX Runtime on the same seeded inputs. "Equal" means every bit of every output.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from numpy.typing import NDArray
from onnx import numpy_helper

from pauca.nn.codec import decode_quantized
from pauca.nn.model import read_network

# What an input leaves free: first the batch, then sides, which must suit strides of 32. The voice
# detector takes 576 samples at 16 kHz.
SIDES = {"silero-vad-16k": 576}
SIDE, SEED = 64, 1
NUMBERS: dict[str, Any] = {
    "tensor(float)": np.float32, "tensor(int64)": np.int64, "tensor(int32)": np.int32,
}  # fmt: skip

Array = NDArray[Any]


@dataclass(frozen=True)
class Row:
    """Bytes of the file, quantized and lossless; what was compared, and the verdict."""

    name: str
    bytes: int
    quantized: int
    lossless: int
    compared: str
    equal: bool


def pauca(*words: str | Path) -> None:
    """Run the command; raises `CalledProcessError` if it fails."""
    subprocess.run([sys.executable, "-m", "pauca", *map(str, words)], check=True)


def expected(original: Path, stream: Path) -> dict[str, Array]:
    """Return what every tensor must be after decoding: levels times steps, vectors nearly as were.

    Raises `AssertionError` where a value strays further than its quantizer may move it.
    """
    network = read_network(original)
    decoded = pauca_tensors(stream)
    for name, found in decode_quantized(stream.read_bytes()).items():
        values = found.values()
        far = np.abs(values - network.tensors[name].astype(np.float64)).max(initial=0)
        assert far <= 0.5 * found.step * (1 + 1e-6), f"{name}: moved by {far}, step {found.step}"
        decoded[name] = values.astype(network.tensors[name].dtype)
    for name, array in network.tensors.items():
        if array.dtype.kind != "f":
            assert np.array_equal(decoded[name], array), f"{name}: integers changed"
        elif array.ndim < 2 and np.isfinite(array).all():
            assert np.allclose(decoded[name], array, rtol=2.0**-10, atol=0), f"{name}: vector moved"
    return decoded


def pauca_tensors(stream: Path) -> dict[str, Array]:
    """Return the tensors of a stream, by the command."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "tensors.npz"
        pauca("decode", stream, "-o", path)
        with np.load(path) as arrays:
            return {name: arrays[name] for name in arrays.files}


def tensors_of(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a graph and of the graphs in its nodes."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("t"):
                yield attribute.t
            for inner in (attribute.g, *attribute.graphs):
                yield from tensors_of(inner)


def substituted(path: Path, wanted: dict[str, Array]) -> bytes:
    """Return the ONNX model with every tensor that the codec holds replaced by the wanted one.

    Tensors are known by their values, since the two readers name constants of nodes differently.
    """
    model = onnx.load(path)
    originals = read_network(path).tensors
    by_value = {(a.tobytes(), a.shape, a.dtype): wanted[name] for name, a in originals.items()}
    replaced = 0
    for tensor in tensors_of(model.graph):
        array = numpy_helper.to_array(tensor)
        value = by_value.get((array.tobytes(), array.shape, array.dtype))
        if value is not None:
            tensor.CopyFrom(numpy_helper.from_array(value, tensor.name))
            replaced += 1
    assert replaced >= len(wanted), f"{path.name}: {replaced} of {len(wanted)} tensors found"
    data: bytes = model.SerializeToString()
    return data


def outputs(model: str | bytes, side: int) -> list[Array]:
    """Return the outputs on seeded inputs: the first free side of one is 1, others are `side`."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads, options.log_severity_level = 1, 3
    session = onnxruntime.InferenceSession(model, options, ["CPUExecutionProvider"])
    rng, feeds = np.random.default_rng(SEED), {}
    for item in session.get_inputs():
        free = iter([1] + [side] * len(item.shape))
        shape = [s if isinstance(s, int) else next(free) for s in item.shape]
        dtype = NUMBERS[item.type]
        if dtype is np.float32:
            feeds[item.name] = rng.standard_normal(shape, np.float32)
        else:
            # A sampling rate where there is no shape, else bytes or tokens.
            feeds[item.name] = (
                np.array(16000, dtype) if not shape else rng.integers(0, 256, shape, dtype)
            )
    return list(session.run(None, feeds))


def measure(path: Path, bits: int, folder: Path) -> Row:
    """Encode, decode and compare one file."""
    coded, exact = folder / "q.pauca", folder / "l.pauca"
    back, same = folder / f"q{path.suffix}", folder / f"l{path.suffix}"
    pauca("encode", path, "-o", coded, "--bits", str(bits))
    pauca("encode", path, "-o", exact, "--lossless")
    pauca("decode", coded, "-o", back)
    pauca("decode", exact, "-o", same)
    wanted, original = expected(path, coded), read_network(path).tensors
    reread, kept = read_network(back).tensors, read_network(same).tensors
    equal = all(reread[n].tobytes() == wanted[n].tobytes() for n in original)
    equal &= all(kept[n].tobytes() == a.tobytes() for n, a in original.items())
    compared = f"{len(original)} tensors"
    if path.suffix == ".onnx":
        side = SIDES.get(path.stem, SIDE)
        pairs = [
            *zip(outputs(substituted(path, wanted), side), outputs(str(back), side), strict=True),
            *zip(outputs(str(path), side), outputs(str(same), side), strict=True),
        ]
        equal &= all(a.tobytes() == b.tobytes() for a, b in pairs)
        compared += f", {sum(a.size for a, _ in pairs)} outputs"
    sizes = (p.stat().st_size for p in (path, coded, exact))
    return Row(path.name, *sizes, compared, equal)


def main() -> None:
    parser = argparse.ArgumentParser(description="Strangers' networks through the codec.")
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--bits", type=int, default=8)
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    known = (".onnx", ".safetensors", ".pt", ".pth", ".npz")
    lines = [
        f"| network | bytes | {options.bits} bits | lossless | compared | equal |",
        "|---|---:|---:|---:|---|---|",
    ]
    print("\n".join(lines))
    failed = False
    for path in sorted(p for p in options.models if p.suffix in known):
        with tempfile.TemporaryDirectory() as folder:
            row = measure(path, options.bits, Path(folder))
        failed |= not row.equal
        lines.append(
            f"| {row.name} | {row.bytes:,} | {row.quantized:,} ({row.quantized / row.bytes:.1%})"
            f" | {row.lossless:,} ({row.lossless / row.bytes:.1%}) | {row.compared}"
            f" | {'yes' if row.equal else 'NO'} |"
        )
        print(lines[-1], flush=True)
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
