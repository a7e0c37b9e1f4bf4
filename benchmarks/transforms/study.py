"""Transforms, contexts and priors of pictures at equal time of training and about equal cost.

    python benchmarks/transforms/study.py --data photos --val kodak --hours 0.15

Rates are estimated (the lowest band of wavelets, about 2 % at 0.1 bpp, is not counted), networks
in floating point, MACs of encoding and decoding a picture of 256 x 256 together. The same command
goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.flop_counter import FlopCounterMode
from variants import LATENTS, VARIANTS

from pauca.bench.machine import describe_machine
from pauca.container.files import atomic_write
from pauca.image.data import load_pictures
from pauca.image.train import Model, TrainConfig, evaluate, train
from pauca.image.vae.model import basis_of
from pauca.metrics.bdrate import bd_rate
from pauca.pixels.folders import find_pictures

QUALITIES = (8, 20, 32, 45, 60)
SIDE = 256
NEVER = 2.0  # share of the time after which networks would be integers


def macs_a_pixel(model: Model) -> float:
    """Multiply-accumulates of encoding and decoding, a pixel."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        model(torch.zeros(1, 3, SIDE, SIDE), torch.tensor([40.0]))
    return counter.get_total_flops() / 2 / SIDE**2


def measured(
    name: str,
    options: argparse.Namespace,
    basis: NDArray[np.float32],
    held: list[NDArray[np.uint8]],
) -> dict[str, object]:
    """Train a variant, and what it reaches."""
    config = TrainConfig(
        options.data, options.out / name, options.hours, batch=options.batch, size=SIDE,
        exact_from=NEVER, threads=options.threads,
    )  # fmt: skip
    state = torch.load(train(config, lambda: VARIANTS[name](basis)), weights_only=True)
    model = VARIANTS[name](basis)
    model.load_state_dict(state["ema"])
    return {
        "kmacs": macs_a_pixel(model.eval()) / 1000,
        "parameters": sum(p.numel() for p in model.parameters()),
        "steps": state["step"],
        "points": evaluate(model, held, QUALITIES),
    }


def table(results: dict[str, dict[str, object]]) -> str:
    """Markdown: a row for each variant, BD-rates against the first."""
    head = "| variant | kMAC a pixel | parameters | steps | BD-rate, PSNR |"
    lines = [head, "|---|---:|---:|---:|---:|"]
    first: list[tuple[float, float]] = []
    for name, result in results.items():
        points = [(p["bpp"], p["psnr"]) for p in result["points"]]  # type: ignore[attr-defined]
        first = first or points
        rate = bd_rate(first, points)
        cost = f"{result['kmacs']:.1f} | {result['parameters']:,} | {result['steps']:,}"
        lines.append(f"| {name} | {cost} | {rate:+.1f} % |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure the variants, and print and keep the table."""
    parser = argparse.ArgumentParser(description="Transforms at equal time of training.")
    parser.add_argument("--data", type=Path, action="append", required=True)
    parser.add_argument("--val", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("runs/transforms"))
    parser.add_argument("--hours", type=float, default=0.15)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    options = parser.parse_args()
    basis = basis_of(load_pictures(find_pictures(options.data), SIDE), LATENTS, 0)
    held = load_pictures(find_pictures([options.val]), 1)
    results = {name: measured(name, options, basis, held) for name in options.variants.split(",")}
    text = "\n".join(f"- {k}: {v}" for k, v in describe_machine().facts()) + "\n\n" + table(results)
    atomic_write(options.out / "transforms.json", json.dumps(results, indent=1).encode(), True)
    atomic_write(options.out / "transforms.md", text.encode(), True)
    print(text)


if __name__ == "__main__":
    main()
