"""Level coders on networks: bytes against first-order entropy, and speed on one core.

    python benchmarks/levels.py [NETWORK.npz | NETWORK.safetensors ...] [--qp -28] [--json FILE]

Every float32 tensor of two or more dimensions is rounded to multiples of one step,
(4 + qp % 4) 2^(floor(qp / 4) - 2), as nncodec does at the same qp. The entropy is that of each
tensor's own histogram, the histogram itself not counted: no coder that must send or learn it can
reach it on tensors of few levels. Without networks: synthetic matrices.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pauca.coding.weights import decode_levels, encode_levels, level_bits, rdoq_levels

CODERS = ("auto", "mix", "cabac", "fast")

Matrix = NDArray[np.float32]


@dataclass(frozen=True)
class Row:
    """Bytes of all tensors, excess over the entropy in %, speeds in MB/s of the fp32 tensors."""

    network: str
    qp: int
    levels: int
    entropy: int
    coder: str
    bytes: int
    excess: float
    encode: float
    decode: float


def step_of(qp: int) -> float:
    return (4 + qp % 4) * 2.0 ** (qp // 4 - 2)


def load(path: Path) -> list[Matrix]:
    if path.suffix == ".safetensors":
        from safetensors.numpy import load_file

        tensors: dict[str, Any] = load_file(path)
    else:
        tensors = dict(np.load(path))
    arrays = [t for t in tensors.values() if t.dtype == np.float32 and t.ndim > 1 and t.size]
    return [t.reshape(t.shape[0], -1) for t in arrays]


def synthetic() -> dict[str, list[Matrix]]:
    rng = np.random.default_rng(5)
    gauss = rng.standard_normal((2048, 2048), np.float32) * 0.05
    rows = np.exp(rng.standard_normal((2048, 1), np.float32) * 0.4)
    columns = np.exp(rng.standard_normal((1, 2048), np.float32) * 0.4)
    laplace = rng.laplace(size=(2048, 2048)).astype(np.float32) * np.float32(0.04)
    pruned = gauss * (rng.random(gauss.shape) < 0.08)
    small = [rng.standard_normal((64, 192), np.float32) * np.float32(0.05)]
    return {
        "Gaussian, 4 M": [gauss],
        "Gaussian, rows and columns": [gauss * rows * columns],
        "Laplacian, 4 M": [laplace],
        "pruned to 8 %": [pruned],
        "small Gaussian, 12 k": small,
    }


def entropy_bytes(levels: NDArray[np.int32]) -> float:
    counts = np.unique(levels, return_counts=True)[1]
    return float(-(counts * np.log2(counts / levels.size)).sum() / 8)


def fastest(call: Callable[[], Any], repeat: int, threads: int = 1) -> tuple[float, Any]:
    # Processor time on one core: other work on the machine does not count.
    clock = time.process_time if threads == 1 else time.perf_counter
    best, result = float("inf"), None
    for _ in range(repeat):
        start = clock()
        result = call()
        best = min(best, clock() - start)
    return best, result


def measure(name: str, tensors: list[Matrix], qp: int, threads: int, repeat: int) -> list[Row]:
    step = np.float32(step_of(qp))
    matrices = [np.rint(t / step).astype(np.int32) for t in tensors]
    entropy = sum(entropy_bytes(m) for m in matrices)
    count = sum(m.size for m in matrices)
    rows = []
    for coder in CODERS:
        encode_s = decode_s = 0.0
        size = 0
        for m in matrices:
            width = m.shape[1]
            seconds, data = fastest(
                lambda m=m, c=coder: encode_levels(m, m.shape[1], c, threads), repeat, threads
            )
            encode_s += seconds
            size += len(data)
            seconds, back = fastest(
                lambda d=data, n=m.size, w=width: decode_levels(d, n, w, threads), repeat, threads
            )
            decode_s += seconds
            if not np.array_equal(back, m.reshape(-1)):
                raise SystemExit(f"{name}: {coder} does not round-trip")
        mb = 4e-6 * count
        excess = 100 * (size / entropy - 1) if entropy else 0.0
        rows.append(
            Row(name, qp, count, round(entropy), coder, size, excess, mb / encode_s, mb / decode_s)
        )
    return rows


def quantizer(name: str, tensors: list[Matrix], qp: int) -> str:
    """One line on `rdoq_levels`: speed, and bits saved for the error added, at one lambda."""
    step = step_of(qp)
    largest = max(tensors, key=lambda t: t.size)
    seconds, levels = fastest(lambda: rdoq_levels(largest, None, step, 0.1 * step**2), 1)
    plain = np.rint(largest / np.float32(step)).astype(np.int32)
    errors = [float(np.mean((largest - np.float32(step) * k) ** 2)) for k in (plain, levels)]
    bits = [level_bits(k, k.shape[1]) for k in (plain, levels)]
    saved, added = (100 * (pair[1] / pair[0] - 1) for pair in (bits, errors))
    speed = levels.size / seconds / 1e6
    return (
        f"   rdoq, lambda 0.1 step^2: {speed:.1f} M weights/s, "
        f"bits {saved:+.1f} %, error {added:+.1f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Level coders on networks.")
    parser.add_argument("networks", nargs="*", type=Path, help=".npz or .safetensors")
    parser.add_argument("--qp", type=int, nargs="+", default=[-28])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeat", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the rows to this file too")
    arguments = parser.parse_args()
    networks = {path.stem: load(path) for path in arguments.networks} or synthetic()
    rows: list[Row] = []
    head = f"{'coder':8}{'bytes':>10}{'excess':>10}{'encode':>9}{'decode':>9}  MB/s of fp32"
    for name, tensors in networks.items():
        for qp in arguments.qp:
            result = measure(name, tensors, qp, arguments.threads, arguments.repeat)
            rows += result
            print(f"-- {name}, qp {qp}: {result[0].levels} levels, entropy {result[0].entropy}")
            print(head)
            for r in result:
                print(f"{r.coder:8}{r.bytes:10}{r.excess:+9.2f}%{r.encode:9.1f}{r.decode:9.1f}")
            print(quantizer(name, tensors, qp), flush=True)
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(r) for r in rows], indent=1))


if __name__ == "__main__":
    main()
