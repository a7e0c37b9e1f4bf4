"""A detector that strangers trained, made smaller and faster: PyPI's dgaintel 2.3 (MIT).

    pip install h5py && pip download --no-deps --no-binary :all: dgaintel==2.3
    python benchmarks/dga/foreign.py dgaintel-2.3.tar.gz --data test.csv.gz

Its Keras file is read with h5py, none of its code runs. The network (embedding, convolution of
width 3, maximum of pairs, LSTM, dense) is rebuilt in torch and goes to ONNX. Then its matrices are
quantized to `--bits` by pauca, coded, and decoded into the same graph. A convolution over embedded
letters is a sum of three rows of tables, which spares two thirds of the products; the LSTM is made
int8 by ONNX Runtime. Bytes, figures and names a second of processor time, before and after.
"""

from __future__ import annotations

import argparse
import io
import tarfile
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import h5py
import numpy as np
import torch
from torch import Tensor, nn

from pauca.apps.dga.data import Names, read_names
from pauca.apps.dga.figures import figures
from pauca.nn.codec import decode_network
from pauca.nn.compress import compress_network, options_of
from pauca.nn.model import Network

MEMBER = "dgaintel-2.3/dgaintel/domain_classifier_model.h5"
LENGTH = 82
LETTERS = b"-.0123456789_abcdefghijklmnopqrstuvwxyz"  # its codes from 0 on, which also pads


class Dgaintel(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(39, 128)
        self.conv = nn.Conv1d(128, 128, 3, padding=1)
        self.lstm = nn.LSTM(128, 64, batch_first=True)
        self.dense = nn.Linear(64, 1)

    def forward(self, codes: Tensor) -> Tensor:
        x = torch.relu(self.conv(self.embed(codes).transpose(1, 2)))
        x = nn.functional.max_pool1d(x, 2)
        x, _ = self.lstm(x.transpose(1, 2))
        return torch.sigmoid(self.dense(x[:, -1]))[:, 0]


class Folded(Dgaintel):
    """The same with rows of tables for the convolution; past the ends there is no letter."""

    def forward(self, codes: Tensor) -> Tensor:
        taps = torch.einsum("oik,vi->kvo", self.conv.weight, self.embed.weight)
        taps = nn.functional.pad(taps, (0, 0, 0, 1))  # row 39: nothing
        padded = nn.functional.pad(codes, (1, 1), value=39)
        n = codes.shape[1]
        rows = [nn.functional.embedding(padded[:, k : k + n], taps[k]) for k in range(3)]
        x = torch.relu(rows[0] + rows[1] + rows[2] + self.conv.bias)
        x = nn.functional.max_pool1d(x.transpose(1, 2), 2)
        x, _ = self.lstm(x.transpose(1, 2))
        return torch.sigmoid(self.dense(x[:, -1]))[:, 0]


def tensors_of(archive: Path) -> dict[str, np.ndarray]:
    """Its weights by the names of `Dgaintel`; Keras and torch order the gates alike."""
    with tarfile.open(archive) as tar:
        member = tar.extractfile(MEMBER)
        assert member is not None
        file = h5py.File(io.BytesIO(member.read()))["model_weights"]
    found = {}
    for layer in ("embedding_4", "conv1d_4", "lstm_4", "dense_4"):
        for name, value in file[layer][layer].items():
            found[f"{layer}.{name.split(':')[0]}"] = np.asarray(value)
    bias = found["lstm_4.bias"]
    return {
        "embed.weight": found["embedding_4.embeddings"],
        "conv.weight": found["conv1d_4.kernel"].transpose(2, 1, 0),
        "conv.bias": found["conv1d_4.bias"],
        "lstm.weight_ih_l0": found["lstm_4.kernel"].T,
        "lstm.weight_hh_l0": found["lstm_4.recurrent_kernel"].T,
        "lstm.bias_ih_l0": bias,
        "lstm.bias_hh_l0": np.zeros_like(bias),
        "dense.weight": found["dense_4.kernel"].T,
        "dense.bias": found["dense_4.bias"],
    }


def graph_of(tensors: dict[str, np.ndarray], path: Path, model: nn.Module) -> None:
    model.load_state_dict({k: torch.from_numpy(v.copy()) for k, v in tensors.items()})
    axes = {"codes": {0: "n"}, "score": {0: "n"}}
    example = torch.zeros(2, LENGTH, dtype=torch.int64)
    torch.onnx.export(
        model.eval(), (example,), path, input_names=["codes"], output_names=["score"],
        dynamic_axes=axes, opset_version=17, dynamo=False,
    )  # fmt: skip


def codes_of(names: Names) -> np.ndarray:
    rows = np.zeros((len(names), LENGTH), np.int64)
    for row, part in zip(rows, names.part, strict=True):
        row[: len(part)] = [LETTERS.index(letter) for letter in part[:LENGTH]]
    return rows


def measure(label: str, size: int, graph: Path, names: Names, rows: np.ndarray) -> None:
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
    began = time.process_time()
    scores = np.concatenate(
        [session.run(None, {"codes": rows[i : i + 64]})[0] for i in range(0, len(rows), 64)]
    )
    rate = len(rows) / (time.process_time() - began)
    f = figures(names.label, scores)
    print(f"| {label} | {size} | {f.auc:.5f} | {f.tpr_1e2:.4f} | {f.tpr_1e3:.4f} | {rate:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("archive", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--bits", type=int, nargs="+", default=[8, 5])
    args = parser.parse_args()
    names = read_names(args.data)
    rows = codes_of(names)
    original = tensors_of(args.archive)
    print("| network | bytes | AUC | TPR at 1e-2 | TPR at 1e-3 | names/s |")
    print("|---|---:|---:|---:|---:|---:|")
    with TemporaryDirectory() as temp:
        graph, integer = Path(temp) / "graph.onnx", Path(temp) / "int8.onnx"
        graph_of(original, graph, Dgaintel())
        size = sum(array.nbytes for array in original.values())
        measure("as published, fp32", size, graph, names, rows)
        for bits in args.bits:
            data = compress_network(Network(original), options_of(bits=bits))
            decoded = decode_network(data).tensors
            graph_of(decoded, graph, Dgaintel())
            measure(f"{bits} bits, coded by pauca", len(data), graph, names, rows)
            graph_of(decoded, graph, Folded())
            measure("the same, convolution folded", len(data), graph, names, rows)
            int8_of(graph, integer)
            measure("the same, LSTM in int8", len(data), integer, names, rows)


def int8_of(graph: Path, out: Path) -> None:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    quantize_dynamic(graph, out, op_types_to_quantize=["LSTM", "MatMul", "Gemm"],
                     weight_type=QuantType.QInt8)  # fmt: skip


if __name__ == "__main__":
    main()
