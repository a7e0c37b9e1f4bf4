"""Train a network of the DeepCABAC paper, dense or pruned, to weigh codecs on.

    python benchmarks/nn/train.py lenet300 --data data/digits --out runs/nn
    python benchmarks/nn/train.py lenet300 --variant pruned --data data/digits --out runs/nn

A run writes NETWORK-VARIANT.safetensors (with its test accuracy in the metadata), a .json of what
happened, and a .pt to resume from: the same command goes on where it was stopped, step for step.
The pruned variant starts from the dense one in the same folder.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from checkpoint import State
from digits import Split, augment, load_split
from evaluate import accuracy
from networks import NETWORKS, load_network, prunable, read_tensors
from prune import FREEZE, masked, masks_for, share_at
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.func import functional_call

SAVE_EVERY = 120  # seconds between checkpoints
WARM_UP = 0.15  # of the steps
REMASK_EVERY = 50  # steps between new masks: sorting 15 M weights costs about one step


@dataclass(frozen=True)
class Recipe:
    """How a network is trained; `nonzero` is the share of weights that pruning leaves."""

    epochs: int
    pruned_epochs: int
    nonzero: float
    batch: int = 128
    rate: float = 1e-3
    decay: float = 1e-4
    shift: int = 2
    flip: bool = False
    sgd: bool = False
    small: tuple[int, float] = (0, 0.0)  # picture size of the first steps, and their share
    teacher: float = 0.0  # weight of the dense parent's opinion while pruning


# The shares of the DeepCABAC paper's table: 9.05 %, 1.90 % and 7.57 %.
RECIPES = {
    "lenet300": Recipe(40, 60, 0.09, teacher=0.5, shift=1),
    "lenet5": Recipe(15, 20, 0.019, teacher=0.5, shift=1),
    "vgg16": Recipe(
        24, 20, 0.075, rate=0.1, decay=5e-4, shift=4, flip=True, sgd=True, small=(24, 0.5)
    ),
}


@dataclass(frozen=True)
class Run:
    """One training run: what, from where, for how long."""

    network: str
    recipe: Recipe
    pruned: bool
    train: Split
    steps: int
    seed: int
    bf16: bool
    teacher: nn.Module | None

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches in the training set."""
        return len(self.train.labels) // self.recipe.batch


def start(run: Run, model: nn.Module) -> State:
    """Return the state before the first step."""
    recipe, rate = run.recipe, peak_rate(run)
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1]},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    optimizer: torch.optim.Optimizer
    if recipe.sgd:
        optimizer = torch.optim.SGD(
            groups, rate, momentum=0.9, nesterov=True, weight_decay=recipe.decay
        )
    else:
        optimizer = torch.optim.AdamW(groups, rate, weight_decay=recipe.decay)
    return State(model, optimizer)


def peak_rate(run: Run) -> float:
    """Return the highest learning rate: SGD would undo a trained parent at its full rate."""
    return run.recipe.rate * (0.3 if run.pruned and run.recipe.sgd else 1)


def rate_at(progress: float) -> float:
    """Return the learning rate at `progress` 0..1 as a share of its peak: up, then a cosine."""
    if progress < WARM_UP:
        return 0.05 + 0.95 * progress / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (progress - WARM_UP) / (1 - WARM_UP)))


def batch_of(run: Run, step: int) -> tuple[Tensor, Tensor]:
    """Return normalized pictures and labels of a step: a function of seed and step alone."""
    epoch, index = divmod(step, run.steps_per_epoch)
    order = torch.Generator().manual_seed(run.seed * 1_000_003 + epoch)
    items = torch.randperm(len(run.train.labels), generator=order)
    items = items[index * run.recipe.batch : (index + 1) * run.recipe.batch]
    noise = torch.Generator().manual_seed(run.seed * 7_919_003 + step)
    pictures = augment(run.train.pictures[items], run.recipe.shift, run.recipe.flip, noise)
    x = run.train.normalized(pictures)
    size, share = run.recipe.small
    if step < share * run.steps and not run.pruned:
        x = nn.functional.interpolate(x, size=size, mode="bilinear", antialias=True)
    return x.contiguous(memory_format=torch.channels_last), run.train.labels[items]


def effective(run: Run, state: State) -> dict[str, Tensor]:
    """Return the pruned weights of this step by name, with new masks when they are due."""
    weights = dict(state.model.named_parameters())
    weights = {name: weights[name] for name in prunable(state.model)}
    last = math.ceil(FREEZE * run.steps)
    due = state.step % REMASK_EVERY == 0 and state.step < last
    if due or state.step == last or not state.masks:
        state.masks = masks_for(weights, share_at(state.step / run.steps, run.recipe.nonzero))
    healing = state.step < last
    return {name: masked(w, state.masks[name], healing) for name, w in weights.items()}


def take_step(run: Run, state: State) -> float:
    """Train on one batch; return its loss."""
    torch.manual_seed(run.seed * 15_485_863 + state.step)  # dropout, the same after a resume
    x, labels = batch_of(run, state.step)
    with torch.autocast("cpu", torch.bfloat16, enabled=run.bf16):
        if run.pruned:
            logits = functional_call(state.model, effective(run, state), (x,))
        else:
            logits = state.model(x)
        loss = nn.functional.cross_entropy(logits.float(), labels)
        if run.teacher is not None:
            with torch.no_grad():
                opinion = (run.teacher(x).float() / 2).softmax(1)
            loss = loss + run.recipe.teacher * 4 * nn.functional.kl_div(
                (logits.float() / 2).log_softmax(1), opinion, reduction="batchmean"
            )
    for group in state.optimizer.param_groups:
        group["lr"] = peak_rate(run) * rate_at(state.step / run.steps)
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    state.optimizer.step()
    state.step += 1
    return loss.item()


def train(run: Run, state: State, checkpoint: Path, test: Split, minutes: float) -> bool:
    """Train to the end, or for `minutes`; return whether the end was reached."""
    begun = saved = time.monotonic()
    before, total = state.seconds, 0.0
    state.model.train()
    while state.step < run.steps:
        total += take_step(run, state)
        now = time.monotonic()
        state.seconds = before + now - begun
        if state.step % run.steps_per_epoch == 0:
            mean, total = total / run.steps_per_epoch, 0.0
            _report(run, state, mean, test)
        if now - saved > SAVE_EVERY or now - begun > 60 * minutes:
            state.save(checkpoint)
            saved = now
        if now - begun > 60 * minutes:
            return False
    return True


def _report(run: Run, state: State, loss: float, test: Split) -> None:
    epoch = state.step // run.steps_per_epoch
    row = {"epoch": epoch, "loss": round(loss, 5), "seconds": round(state.seconds, 1)}
    if epoch % 5 == 0 or state.step >= run.steps:
        row["accuracy"] = accuracy(_cut(run, state), test, run.bf16)
    state.history.append(row)
    print(" ".join(f"{key} {value}" for key, value in row.items()), flush=True)


@torch.no_grad()
def _cut(run: Run, state: State) -> nn.Module:
    """Return the model as it will be saved: a copy with the masked weights at 0."""
    _, copy = load_network({k: v.clone() for k, v in state.model.state_dict().items()})
    for name, parameter in copy.named_parameters():
        if run.pruned and name in state.masks:
            parameter.mul_(state.masks[name])
    return copy.to(memory_format=torch.channels_last)


def finish(run: Run, state: State, stem: Path, test: Split) -> None:
    """Write the network, and beside it how it came to be."""
    model = _cut(run, state)
    weights = dict(model.named_parameters())
    matrices = [weights[name] for name in prunable(model)]
    nonzero = sum(int(m.count_nonzero()) for m in matrices) / sum(m.numel() for m in matrices)
    result = {
        "network": run.network,
        "variant": "pruned" if run.pruned else "dense",
        "accuracy": round(accuracy(model, test), 2),
        "nonzero": round(nonzero, 5),
        "parameters": sum(t.numel() for k, t in model.state_dict().items() if "num_" not in k),
        "steps": state.step,
        "seconds": round(state.seconds),
        "seed": run.seed,
    }
    # The counter of batches is no part of a network that only infers.
    tensors = {k: v.contiguous() for k, v in model.state_dict().items() if "num_" not in k}
    path = stem.with_suffix(".safetensors")
    save_file(tensors, path.with_suffix(".tmp"), {k: str(v) for k, v in result.items()})
    os.replace(path.with_suffix(".tmp"), path)
    stem.with_suffix(".json").write_text(json.dumps(result | {"history": state.history}, indent=1))
    print(json.dumps(result))


def make_run(options: argparse.Namespace, recipe: Recipe) -> tuple[Run, nn.Module, Path]:
    """Load data and parent; return the run, its model before step 0, and where files go."""
    pruned = options.variant == "pruned"
    torch.manual_seed(options.seed)
    build: Callable[[], nn.Module] = NETWORKS[options.network]
    model, teacher = build(), None
    if pruned:
        parent = options.init or options.out / f"{options.network}-dense.safetensors"
        _, teacher = load_network(read_tensors(parent))
        _, model = load_network(read_tensors(parent))
        teacher = teacher.to(memory_format=torch.channels_last) if recipe.teacher else None
    split = load_split(options.network, options.data, "train")
    epochs = recipe.pruned_epochs if pruned else recipe.epochs
    steps = options.steps or epochs * (len(split.labels) // recipe.batch)
    run = Run(options.network, recipe, pruned, split, steps, options.seed, options.bf16, teacher)
    name = f"{options.network}-{options.name or options.variant}"
    return run, model.to(memory_format=torch.channels_last), options.out / name


def main() -> None:
    parser = argparse.ArgumentParser(description="Train a network to weigh codecs on.")
    parser.add_argument("network", choices=list(NETWORKS))
    parser.add_argument("--variant", choices=["dense", "pruned"], default="dense")
    parser.add_argument("--data", type=Path, default=Path("data/digits"), help="folder of the npz")
    parser.add_argument("--out", type=Path, default=Path("runs/nn"))
    parser.add_argument("--name", default="", help="instead of the variant in file names")
    parser.add_argument("--init", type=Path, help="dense parent, if not the one in --out")
    parser.add_argument("--nonzero", type=float, help="share of weights left by pruning")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--steps", type=int, default=0, help="stop early: a test of the set-up")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after these; resumable")
    parser.add_argument("--bf16", action="store_true", help="faster where the CPU has bf16")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    recipe = RECIPES[options.network]
    if options.nonzero is not None:
        recipe = replace(recipe, nonzero=options.nonzero)
    if options.epochs is not None:
        recipe = replace(recipe, epochs=options.epochs, pruned_epochs=options.epochs)
    options.out.mkdir(parents=True, exist_ok=True)
    run, model, stem = make_run(options, recipe)
    test = load_split(options.network, options.data, "test")
    state, checkpoint = start(run, model), stem.with_suffix(".pt")
    if checkpoint.exists():
        state.load(checkpoint)
        print(f"goes on at step {state.step} of {run.steps}")
    if train(run, state, checkpoint, test, options.minutes):
        finish(run, state, stem, test)
        checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    main()
