"""A recipe made by hand against `--recipe auto`, on a network that `train.py` trained.

    python benchmarks/nn/shrink.py runs/nn/lenet5-dense.safetensors --data data/digits

Both lose at most `--max-drop` points of the test set, both train between passes on the same part of
the training pictures. The same command goes on where it was stopped. At the end stands the share of
the hand-made recipe's gain that the search found by itself.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
from digits import Split, load_split
from evaluate import accuracy
from networks import load_network, read_tensors
from torch import nn
from train import RECIPES as RECIPES_OF_TRAINING
from train import Run, start, take_step

from pauca.bench.shrink_report import row_of, summary, to_json, to_markdown
from pauca.container.files import atomic_write
from pauca.nn import shrink
from pauca.nn.shrinking.entry import default_trainer
from pauca.nn.shrinking.samples import samples_of
from pauca.nn.shrinking.trial import Trial

RECIPES = Path(__file__).with_name("recipes")


def tell(trial: Trial) -> None:
    print("  ".join(row_of(trial)), file=sys.stderr, flush=True)


def own_trainer(
    name: str, teacher: nn.Module, split: Split, options: argparse.Namespace
) -> Callable[[nn.Module], None]:
    """Training as that of `train.py`: pictures shifted and flipped anew in every epoch."""
    recipe = replace(RECIPES_OF_TRAINING[name], rate=options.rate, small=(0, 0.0), teacher=0.5)
    steps = max(1, round(options.epochs * len(split.labels) / recipe.batch))
    run = Run(name, recipe, False, split, steps, 0, options.bf16, teacher.eval())

    def train(module: nn.Module) -> None:
        state = start(run, module)
        while state.step < steps:
            take_step(run, state)

    return train


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Recipes by hand and by search.")
    parser.add_argument("model", type=Path)
    parser.add_argument("--data", type=Path, default=Path("data/digits"), help="folder of the npz")
    parser.add_argument("--out", type=Path, default=Path("runs/shrink"))
    parser.add_argument("--max-drop", type=float, default=0.3)
    parser.add_argument("--samples", type=int, default=30000, help="training pictures a pass")
    parser.add_argument(
        "--augment", action="store_true", help="train as train.py, on shifted and flipped ones"
    )
    parser.add_argument("--epochs", type=float, default=4.0, help="over them, behind every pass")
    parser.add_argument(
        "--rate", type=float, default=1e-3, help="of Adam, at first, or at the peak of train.py"
    )
    parser.add_argument("--bf16", action="store_true", help="train with products in bfloat16")
    parser.add_argument("--limit", type=int, default=None, help="only the first N test pictures")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", choices=["hand", "auto"], help="one of the two")
    return parser.parse_args()


def main() -> None:
    options = parsed()
    torch.set_num_threads(options.threads)
    name, model = load_network(read_tensors(options.model))
    test = load_split(name, options.data, "test").first(options.limit)
    train = load_split(name, options.data, "train").first(options.samples)
    data = {"x": train.normalized(train.pictures).numpy(), "y": train.labels.numpy()}
    train_by = (
        own_trainer(name, model, train, options)
        if options.augment
        else default_trainer(
            model, samples_of(data), epochs=options.epochs, rate=options.rate, bf16=options.bf16
        )
    )

    def evaluate(module: nn.Module) -> float:
        return accuracy(module, test)

    gains = {}
    for kind in [options.only] if options.only else ["hand", "auto"]:
        recipe = RECIPES / f"{name}.json" if kind == "hand" else "auto"
        folder = options.out / f"{name}-{kind}"
        folder.parent.mkdir(parents=True, exist_ok=True)
        found = shrink(
            model, evaluate, max_drop=options.max_drop, recipe=recipe, data=data, structure=False,
            train=train_by, trials=options.trials, folder=folder, report=tell,
        )  # fmt: skip
        gains[kind] = found.ratio
        command = " ".join(["python", "benchmarks/nn/shrink.py", *sys.argv[1:]])
        atomic_write(folder / "report.json", to_json(found, command), True)
        atomic_write(folder / "report.md", to_markdown(found, command), True)
        atomic_write(folder / f"{name}.pauca", found.stream, True)
        print(f"{name} {kind}: {summary(found)}", flush=True)
    if len(gains) == 2:
        print(
            f"{name}: auto reaches {100 * gains['auto'] / gains['hand']:.0f} % of the gain by hand"
        )


if __name__ == "__main__":
    main()
