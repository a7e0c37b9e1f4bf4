"""Write what a network minds, for the quantizers of `pauca bench nn --calibration`.

    python benchmarks/nn/calibrate.py MODEL --out FILE.npz [--data FOLDER] [--samples N]

Runs pictures of the training set through a network that `train.py` trained: Fisher information of
each weight and the deviations that follow from it, second moments of each layer's inputs, and the
worth of its outputs.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from digits import load_split
from networks import load_network, read_tensors

from pauca.nn.calibration import Calibration, save_calibration
from pauca.nn.sensitivity import deviations_from_fisher, normalised
from pauca.nn.train import fisher_diagonal, layer_statistics


def main() -> None:
    parser = argparse.ArgumentParser(description="Write what a network minds.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("data/digits"), help="folder of the npz")
    parser.add_argument("--samples", type=int, default=2000)
    parser.add_argument("--positions", type=int, help="of a picture that convolutions show")
    parser.add_argument("--no-fisher", action="store_true", help="what second-order can do without")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    name, model = load_network(read_tensors(options.model))
    split = load_split(name, options.data, "train")
    # The training set is not sorted by label, so its beginning is a fair sample.
    batches = [split.normalized(part) for part in split.pictures[: options.samples].split(250)]
    fisher = {} if options.no_fisher else fisher_diagonal(model, batches)
    deviations = deviations_from_fisher(fisher, len(split.labels))
    layers = layer_statistics(model, batches, positions=options.positions)
    importance = normalised(fisher) if fisher else {}
    save_calibration(options.out, Calibration(importance, deviations, layers))


if __name__ == "__main__":
    main()
