"""Files of trained networks at equal accuracy: pauca's quantizers beside nncodec, in one run.

    python benchmarks/nn/compare.py runs/nn/lenet300-dense.safetensors --data data/digits \
        --nncodec /path/to/python --markdown lenet300.md

Beside the named quantizers (pauca bench nn) stands `in-order`: second order, layer by layer, each
for the inputs that it gets from the network quantized so far. It runs the network, so it needs this
script and training pictures (no labels); nothing here sees the test set but the evaluation.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from digits import load_split
from networks import load_network

from pauca.bench.nn_report import print_report, to_json, to_markdown, to_plot
from pauca.bench.nn_run import QPS, Plan, load_subjects, parse_settings, run_plan
from pauca.container.files import atomic_write
from pauca.nn.quantize.second_order import SecondOrderOptions
from pauca.nn.quantize.train import quantize_in_order
from pauca.nn.quantizers import QUANTIZERS, Quantizer

LAMBDAS = (3e-9, 1e-8, 3e-8, 6e-8, 1e-7, 2e-7, 4e-7)


def in_order(data: Path, samples: int, damping: float, positions: int | None) -> Quantizer:
    """The quantizer that runs the network on `samples` training pictures."""

    def run(tensors: Any, setting: float, _: Any) -> Any:
        known = {name: torch.from_numpy(np.array(array)) for name, array in tensors.items()}
        name, module = load_network(known)
        split = load_split(name, data, "train")
        batches = split.normalized(split.pictures[:samples]).split(250)
        options = SecondOrderOptions(setting, damping=damping)
        found = quantize_in_order(module, batches, options, positions=positions)
        return {name: tensor for name, tensor in found.items() if name in tensors}

    text = f"second order by the quantized network's own inputs, {samples} pictures"
    return Quantizer("in-order", text, LAMBDAS, run)


def main() -> None:
    parser = argparse.ArgumentParser(description="Networks at equal accuracy, beside nncodec.")
    parser.add_argument("models", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=Path("data/digits"), help="folder of the npz")
    parser.add_argument("--calibration", type=Path, action="append", default=[])
    parser.add_argument("--quantizers", default="in-order,nearest")
    parser.add_argument("--settings", action="append", default=[])
    parser.add_argument("--samples", type=int, default=4000, help="pictures that in-order sees")
    parser.add_argument("--positions", type=int, help="of a picture that in-order looks at")
    parser.add_argument("--damping", type=float, default=0.05)
    parser.add_argument("--peers", default="", help="nncodec,nncodec-opt,...")
    parser.add_argument("--nncodec", default="", help="Python that has nncodec")
    parser.add_argument("--qps", default=",".join(map(str, QPS)), help="of the peers, finest first")
    parser.add_argument("--max-drop", type=float, default=0.1)
    parser.add_argument("--refine", type=int, default=3)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(1)
    QUANTIZERS["in-order"] = in_order(
        options.data, options.samples, options.damping, options.positions
    )
    script = Path(__file__).with_name("evaluate.py")
    words = [sys.executable, script, "{model}", "--data", options.data]
    evaluation = shlex.join(map(str, words)).replace("'{model}'", "{model}")
    plan = Plan(
        load_subjects(options.models, options.calibration),
        parse_settings(options.quantizers.split(","), options.settings),
        ("pauca",),
        (),
        tuple(filter(None, options.peers.split(","))),
        tuple(int(word) for word in options.qps.split(",")),
        options.nncodec,
        evaluation,
        options.max_drop,
        options.refine,
    )
    command = shlex.join(["python", "benchmarks/nn/compare.py", *sys.argv[1:]])
    report = run_plan(plan, command, lambda text: print(text, file=sys.stderr, flush=True))
    for path, render in (
        (options.json, to_json), (options.markdown, to_markdown), (options.plot, to_plot),
    ):  # fmt: skip
        if path:
            atomic_write(path, render(report), force=True)
    from rich.console import Console

    print_report(report, Console(width=200))


if __name__ == "__main__":
    main()
