"""A checkpoint for `pauca train video-filter --init` out of one of a super-resolution network.

Both see the same windows of luma and have the same blocks; what is new (chroma, the encoder's
setting, further features) begins at random and small. At scale 2 luma begins with what the given
network makes of it.

python benchmarks/filter_start.py training/sr-x2-nano-0.1.0.pt -m vf-restore -o start.pt
"""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

import torch

from pauca.sr.model import RESIDUAL as SR_RESIDUAL
from pauca.video.filters.model import RESIDUAL, FilterModel
from pauca.video.filters.train import sizes_of


def start(source: Path, name: str, seed: int = 0) -> dict[str, object]:
    torch.manual_seed(seed)
    model = FilterModel(sizes_of(name))
    state = model.state_dict()
    given = torch.load(source, map_location="cpu", weights_only=True)["ema"]
    last = f"blocks.{model.config.blocks}."
    for key, value in given.items():
        own = key.removeprefix(last)
        if own in state and not own.startswith("head"):  # the head begins at zero
            part = state[own][tuple(slice(n) for n in value.shape)]
            part.copy_(value)
    new = given["stem.weight"].shape[1]
    state["stem.weight"][:, new:] *= 0.2
    if model.config.scale == 2:
        put_head(state, given, last)
    return {"ema": state, "sizes": asdict(model.config)}


def put_head(state: dict[str, torch.Tensor], given: dict[str, torch.Tensor], last: str) -> None:
    """The given head for luma, with the mixing of the last block before it."""
    head, down = (given[f"{k}.weight"][:, :, 0, 0] for k in ("head", f"{last}down"))
    trunk, features = head.shape[1], down.shape[1]
    unit = SR_RESIDUAL / RESIDUAL
    luma = state["head.weight"][: len(head), :, 0, 0]
    luma[:, :trunk] = unit * head
    luma[:, trunk : trunk + features] = unit * head @ down
    state["head.bias"][: len(head)] = unit * (given["head.bias"] + head @ given[f"{last}down.bias"])


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("source", type=Path)
    parser.add_argument("-m", "--model", default="vf-restore")
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    torch.save(start(args.source, args.model), args.out)
