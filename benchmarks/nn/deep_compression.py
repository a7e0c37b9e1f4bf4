"""Deep Compression (Han et al., arXiv:1510.00149) on networks that `train.py` pruned.

    python benchmarks/nn/deep_compression.py runs/nn/lenet5-pruned.safetensors --data data/digits

Pruned weights are shared by k-means (`--clusters` values a tensor) and trained as such (`--epochs`
over `--samples` training pictures, 0 for none), then coded twice: as the paper does, by runs of
zeros and values in Huffman codes, with codebooks and all else in float32; and by pauca's stream,
which keeps the same values. Ratios are to the float32 tensors.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from digits import load_split
from evaluate import accuracy
from networks import load_network, read_tensors
from torch import nn

from pauca.bench.machine import describe_machine
from pauca.bench.nn_huffman import encode_csr
from pauca.nn.codec import encode_network
from pauca.nn.model import Network, Quantized
from pauca.nn.passes.coded import codebooks_of, nonzero_share
from pauca.nn.passes.cost_torch import network_of
from pauca.nn.passes.interface import Context, run_pass
from pauca.nn.shrinking.entry import default_trainer
from pauca.nn.shrinking.samples import samples_of

Trainer = Callable[[Any], None] | None


def by_huffman(network: Network, books: Mapping[str, Quantized]) -> int:
    """Bytes of runs, values and codebooks, and of all that is not shared, in float32."""
    total = sum(array.nbytes for name, array in network.tensors.items() if name not in books)
    for tensor in books.values():
        assert tensor.codebook is not None
        total += len(encode_csr(tensor.levels)) + tensor.codebook.nbytes
    return total


def trainer(name: str, model: nn.Module, options: argparse.Namespace) -> Trainer:
    """What trains shared values on a part of the training pictures."""
    seen = load_split(name, options.data, "train").first(options.samples)
    data = samples_of({"x": seen.normalized(seen.pictures).numpy(), "y": seen.labels.numpy()})
    return default_trainer(model, data, epochs=options.epochs, rate=options.rate, bf16=options.bf16)


def row_of(path: Path, options: argparse.Namespace) -> str:
    """A line of the table: one network."""
    name, model = load_network(read_tensors(path))
    test = load_split(name, options.data, "test")
    context = Context(train=trainer(name, model, options) if options.epochs else None)
    before = accuracy(model, test, options.bf16)
    shared, _ = run_pass("share", model, context, clusters=options.clusters)
    assert isinstance(shared, nn.Module)
    network = network_of(shared)
    books = codebooks_of(network.tensors)
    matrices = {k: v for k, v in network.tensors.items() if v.ndim > 1}
    floats, huffman = network.nbytes, by_huffman(network, books)
    ours = len(encode_network(network, books))
    return (
        f"| {path.stem} | {floats:,} | {100 * nonzero_share(matrices):.1f} % | {before:.2f} "
        f"| {accuracy(shared, test, options.bf16):.2f} | {huffman:,} | {floats / huffman:.1f} "
        f"| {ours:,} | {floats / ours:.1f} |"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Deep Compression on networks of ours.")
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("data/digits"), help="folder of the npz")
    parser.add_argument("--clusters", type=int, default=32, help="values a tensor, zero with them")
    parser.add_argument("--samples", type=int, default=20000, help="training pictures")
    parser.add_argument("--epochs", type=float, default=1.0)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--bf16", action="store_true", help="products in bfloat16")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    print("\n".join(f"- {k}: {v}" for k, v in describe_machine().facts()) + "\n")
    print(
        "| network | fp32 | nonzero | before | shared | Huffman, bytes | smaller | pauca, bytes "
        "| smaller |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|"
    )
    for path in options.models:
        print(row_of(path, options), flush=True)


if __name__ == "__main__":
    main()
