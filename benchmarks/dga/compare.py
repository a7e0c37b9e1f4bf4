"""Detectors side by side on labelled names: bytes, figures, names a second on one core.

    python benchmarks/dga/compare.py --data test.csv.gz --onnx teacher.onnx --onnx small.onnx

An ONNX graph takes codes int64 (n, l) and gives logits (n,); it runs in ONNX Runtime on one thread,
in batches of names of about one length, at the best of a few batch sizes. `--bits`: the graph with
its matrices quantized by pauca, bytes as coded. Its int8 form is made by ONNX Runtime's own static
quantization, calibrated on names of `--calibration`. Rates are names a
second of processor time, the best of `--repeat` runs, scored parts to scores.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from pauca.apps.dga.data import Names, read_names
from pauca.apps.dga.detector import WEIGHTS, load_detector
from pauca.apps.dga.evaluate import intervals
from pauca.apps.dga.figures import figures, sigmoid
from pauca.apps.dga.names import MAX_SCORED, codes_of
from pauca.nn.codec import decode_network
from pauca.nn.compress import compress_network, options_of
from pauca.nn.model import read_network, write_network

Score = Callable[[Sequence[bytes]], np.ndarray]
SIZES = (64, 256)


def rows_of(parts: Sequence[bytes]) -> np.ndarray:
    codes, starts = codes_of(parts)
    rows = np.zeros((len(parts), MAX_SCORED), np.uint8)
    rows[np.arange(MAX_SCORED) < np.diff(starts)[:, None]] = codes
    return rows


def onnx_scorer(path: Path, size: int) -> Score:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def score(parts: Sequence[bytes]) -> np.ndarray:
        rows = rows_of(parts)
        lengths = (rows > 0).sum(1)
        order = np.argsort(lengths, kind="stable")
        logits = np.zeros(len(parts), np.float32)
        for begin in range(0, len(order), size):
            some = order[begin : begin + size]
            x = rows[some, : lengths[some].max()].astype(np.int64)
            logits[some] = session.run(None, {"codes": x})[0]
        return sigmoid(logits)

    return score


def int8_of(path: Path, names: Names, folder: Path) -> Path:
    """Static int8 of a graph: operators in QDQ form, weights by channel."""
    from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

    class Reader(CalibrationDataReader):
        def __init__(self) -> None:
            rows = rows_of(names.part[:2048])
            self.batches = iter([rows[i : i + 128].astype(np.int64) for i in range(0, 2048, 128)])

        def get_next(self) -> dict[str, np.ndarray] | None:
            batch = next(self.batches, None)
            return None if batch is None else {"codes": batch}

    out = folder / f"{path.stem}-int8.onnx"
    quantize_static(
        path,
        out,
        Reader(),
        per_channel=True,
        op_types_to_quantize=["Conv", "Gemm", "MatMul", "Gather"],
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )
    return out


def coded(path: Path, bits: int, folder: Path) -> tuple[Path, int]:
    """A graph as it comes out of a weights stream, and the bytes of the stream."""
    data = compress_network(read_network(path), options_of(bits=bits))
    out = folder / f"{path.stem}-{bits}-bit.onnx"
    write_network(decode_network(data), out)
    return out, len(data)


def measure(name: str, size: int, scorers: Sequence[Score], names: Names, args) -> dict:
    rate, scores = 0.0, np.zeros(len(names))
    for score in scorers:
        score(names.part[:512])
        for _ in range(args.repeat):
            began = time.process_time()
            scores = score(names.part)
            rate = max(rate, len(names) / (time.process_time() - began))
    low, high = intervals(names.label, scores, args.bootstrap, 0)
    found = figures(names.label, scores)
    return {
        "detector": name,
        "bytes": size,
        "figures": found.rounded(),
        "low": low.rounded(),
        "high": high.rounded(),
        "names_per_second": round(rate),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--onnx", type=Path, action="append", default=[])
    parser.add_argument("--calibration", type=Path, help="names for int8 graphs; none: no int8")
    parser.add_argument("--bits", type=int, nargs="+", default=[])
    parser.add_argument("--model", action="append", default=[], help="detectors; dga-ngram")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--bootstrap", type=int, default=300)
    parser.add_argument("--only", default="", help="generated names of these families alone")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    names = read_names(args.data)
    if args.only:
        names = names.only(args.only.split(","))
    rows = []
    with TemporaryDirectory() as temp:
        for path in args.onnx:
            graphs = [(path, path.stat().st_size)]
            graphs += [coded(path, bits, Path(temp)) for bits in args.bits]
            if args.calibration:
                learned = read_names(args.calibration)
                for graph, size in graphs.copy():
                    small = int8_of(graph, learned, Path(temp))
                    graphs.append((small, small.stat().st_size if graph is path else size))
            for graph, size in graphs:
                scorers = [onnx_scorer(graph, batch) for batch in SIZES]
                rows.append(measure(graph.stem, size, scorers, names, args))
    for model in args.model or ["dga-ngram"]:
        detector = load_detector(model)
        size = sum(path.stat().st_size for path in detector.info.path.iterdir())
        weights = (detector.info.path / WEIGHTS).stat().st_size
        row = measure(f"{model} ({weights} in weights)", size, [detector.score_parts], names, args)
        rows.append(row)
    print("| detector | bytes | AUC | TPR at 1e-2 | TPR at 1e-3 (95 %) | names/s |")
    print("|---|---:|---:|---:|---|---:|")
    for r in rows:
        f, low, high = r["figures"], r["low"], r["high"]
        print(
            f"| {r['detector']} | {r['bytes']} | {f['auc']:.5f} | {f['tpr_1e2']:.4f} | "
            f"{f['tpr_1e3']:.4f} ({low['tpr_1e3']:.3f} .. {high['tpr_1e3']:.3f}) | "
            f"{r['names_per_second']} |"
        )
    if args.json:
        args.json.write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    main()
