"""Print the accuracy, in percent of the test set, of a network that `train.py` trained.

    python benchmarks/nn/evaluate.py MODEL [--data FOLDER] [--limit N]

MODEL is a safetensors, npz, state-dict or `.pauca` file; names and shapes tell the network.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from digits import Split, load_split
from networks import load_network, read_tensors
from torch import nn


@torch.inference_mode()
def accuracy(model: nn.Module, split: Split, bf16: bool = False) -> float:
    """Return the percentage of the pictures of `split` that `model` names rightly."""
    training = model.training
    model.eval()
    right = 0
    for pictures, labels in zip(split.pictures.split(500), split.labels.split(500), strict=True):
        x = split.normalized(pictures).contiguous(memory_format=torch.channels_last)
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            right += int((model(x).argmax(1) == labels).sum())
    model.train(training)
    return 100 * right / len(split.labels)


def main() -> None:
    parser = argparse.ArgumentParser(description="Accuracy of a network on its test set.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data/digits"), help="folder of the npz")
    parser.add_argument("--limit", type=int, default=None, help="only the first N pictures")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    name, model = load_network(read_tensors(options.model))
    split = load_split(name, options.data, "test").first(options.limit)
    print(f"{accuracy(model.to(memory_format=torch.channels_last), split):.2f}")


if __name__ == "__main__":
    main()
