"""Speed of the weights codec beside nncodec, and the memory that a large model takes.

    python benchmarks/nn/speed.py --nncodec /path/to/python [--markdown FILE]
    python benchmarks/nn/speed.py --memory 500

The network is dense: two matrices of 1448 x 1448 Gaussian weights, 4.2 M, and both sides quantize
at the same step before they code (whole call, floats to stream and back, best of `--repeat`, wall
seconds: leave the machine idle). MB are 10^6 bytes of fp32 weights. `--memory` writes a model of so
many MB, encodes and decodes it by the `pauca` command, and reads each process's peak (VmHWM).
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import pauca
from pauca.bench.machine import describe_machine
from pauca.bench.nn_peer import Nncodec
from pauca.nn.model import Network, write_network

SIDE, QPS = 1448, (-28, -20)
DEVIATION = 0.05
MIB = 2**20

PEAK = """
import sys
from pauca.cli.main import main
try:
    code = main()
except SystemExit as end:
    code = end.code
print(open("/proc/self/status").read().split("VmHWM:")[1].split()[0])
sys.exit(code)
"""


def dense() -> dict[str, Any]:
    """Two matrices that share nothing, as layers do."""
    rng = np.random.default_rng(5)
    return {
        name: rng.standard_normal((SIDE, SIDE), np.float32) * np.float32(DEVIATION)
        for name in ("fc1.weight", "fc2.weight")
    }


def fastest(call: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Return the least wall seconds of `repeat` calls, and a result."""
    best, result = float("inf"), None
    for _ in range(repeat):
        begun = time.perf_counter()
        result = call()
        best = min(best, time.perf_counter() - begun)
    return best, result


def ours(tensors: dict[str, Any], qp: int, threads: int, repeat: int) -> tuple[int, float, float]:
    """Return bytes and seconds of encoding and decoding."""
    step = (4 + qp % 4) * 2.0 ** (qp // 4 - 2)
    network = Network(tensors)
    encode_s, stream = fastest(
        lambda: pauca.encode_weights(network, step=step, threads=threads), repeat
    )
    decode_s, back = fastest(lambda: pauca.decode_weights(stream, threads=threads), repeat)
    for name, array in tensors.items():
        assert np.abs(back.tensors[name] - array).max() <= 0.501 * step, name
    return len(stream), encode_s, decode_s


def theirs(
    peer: Nncodec, tensors: dict[str, Any], variant: str, qp: int, repeat: int
) -> tuple[int, float, float]:
    """Return the same of nncodec."""
    results = [peer.code_network(tensors, variant, qp) for _ in range(repeat)]
    return results[0].bytes, min(r.encode_s for r in results), min(r.decode_s for r in results)


def speeds(python: str, repeat: int) -> list[str]:
    """Return the lines of the table, printed as they come."""
    tensors = dense()
    count = sum(a.size for a in tensors.values())
    lines = [
        "| coder | qp | bits/weight | encode MB/s | decode MB/s |",
        "|---|---:|---:|---:|---:|",
    ]
    print("\n".join(lines))
    with Nncodec(python) as peer:
        for qp in QPS:
            calls: dict[str, Callable[[], tuple[int, float, float]]] = {
                "pauca, 1 thread": lambda qp=qp: ours(tensors, qp, 1, repeat),
                "pauca, 2 threads": lambda qp=qp: ours(tensors, qp, 2, repeat),
                f"nncodec {peer.version}, uniform": lambda qp=qp: theirs(
                    peer, tensors, "nncodec-uniform", qp, repeat
                ),
                f"nncodec {peer.version}, dependent": lambda qp=qp: theirs(
                    peer, tensors, "nncodec", qp, repeat
                ),
            }
            for name, call in calls.items():
                size, encode_s, decode_s = call()
                mb = 4e-6 * count
                lines.append(
                    f"| {name} | {qp} | {8 * size / count:.3f} | {mb / encode_s:.1f}"
                    f" | {mb / decode_s:.1f} |"
                )
                print(lines[-1], flush=True)
    return lines


def memory(megabytes: int) -> list[str]:
    """Return the lines of the table: peaks of encoding and decoding a model of so many MB."""
    lines = ["| command | model MB | peak MiB | above the tensors MiB |", "|---|---:|---:|---:|"]
    print("\n".join(lines))
    with tempfile.TemporaryDirectory() as folder:
        names = ("m.safetensors", "m.pauca", "b.safetensors")
        model, stream, back = (Path(folder) / name for name in names)
        rng, shape = np.random.default_rng(6), (2500, 1000)
        tensors = {
            f"layers.{i}.weight": rng.standard_normal(shape, np.float32) * np.float32(DEVIATION)
            for i in range(megabytes // 10)
        }
        size = sum(a.nbytes for a in tensors.values())
        write_network(Network(tensors), model)
        del tensors
        for words in (["encode", model, "-o", stream], ["decode", stream, "-o", back]):
            call = [sys.executable, "-c", PEAK, *map(str, words)]
            done = subprocess.run(call, check=True, capture_output=True, text=True)
            peak = int(done.stdout.split()[-1]) / 1024
            name = f"`pauca {words[0]}`"
            lines.append(f"| {name} | {size / 1e6:.0f} | {peak:.0f} | {peak - size / MIB:.0f} |")
            print(lines[-1], flush=True)
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description="Speed and memory of the weights codec.")
    parser.add_argument("--nncodec", default="", help="Python that has nncodec")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--memory", type=int, metavar="MB", help="a model's size; no speeds then")
    parser.add_argument("--markdown", type=Path)
    options = parser.parse_args()
    lines = [f"- {key}: {value}" for key, value in describe_machine().facts()]
    print("\n".join(lines), end="\n\n")
    if options.memory:
        lines += ["", *memory(options.memory)]
    else:
        lines += ["", *speeds(options.nncodec, options.repeat)]
    if options.markdown:
        options.markdown.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
