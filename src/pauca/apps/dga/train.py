"""Training of teachers and of the n-gram student; the loop is that of every network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from pauca.apps.dga.data import Names, read_names
from pauca.apps.dga.figures import figures, sigmoid
from pauca.apps.dga.model import MODELS, CharConfig, NgramConfig, NgramNet, Sizes, make_model
from pauca.apps.dga.names import MAX_SCORED, codes_of
from pauca.apps.dga.vary import vary
from pauca.errors import InputError
from pauca.nets import loop
from pauca.nets.loop import LoopConfig, Run, load_averaged

Codes = NDArray[np.uint8]  # (n, MAX_SCORED), 0 after the end
HELD = 20  # one name in so many is held out to watch the training
BUCKETS = 32  # batches that are sorted by length together
SUREST = 12.0  # largest logit that is matched


@dataclass(frozen=True)
class DgaTrainConfig(LoopConfig):
    """One training run; `data` are CSV files of labelled names.

    `held`: families that are left out. `sparsity`: how far each step of the optimizer draws table
    entries to zero, in learning rates. `dropout`: share of n-grams that a step leaves out.
    `teacher`: checkpoints to learn from, the mean of their logits, with weight `teaching`, on the
    names and on `variations` unlabelled ones; `matching`: weight of the distance to their logits,
    which says more of the surest names than probabilities do.
    """

    model: str = "cnn"
    sizes: Sizes | None = None  # in place of the named model's
    batch: int = 256
    held: Sequence[str] = ()
    sparsity: float = 0.0
    dropout: float = 0.0
    teacher: Sequence[Path] = ()
    teaching: float = 0.7
    matching: float = 0.0
    variations: int = 300_000


def sizes_of(name: str) -> Sizes:
    """The sizes of a named network; `InputError` if there is none of this name."""
    if name not in MODELS:
        raise InputError(f"no network {name!r}; known: {', '.join(MODELS)}")
    return MODELS[name]


def load_model(path: Path) -> nn.Module:
    """The moving average of a checkpoint, in the arithmetic it was trained for."""

    def make(sizes: dict[str, Any]) -> nn.Module:
        return make_model(CharConfig(**sizes) if "kind" in sizes else NgramConfig(**sizes))

    return load_averaged(path, make)


def train(config: DgaTrainConfig) -> Path:
    """Train until `hours` are used up and return the checkpoint's path; call again to resume."""
    names = _read(config)
    sizes = config.sizes or sizes_of(config.model)
    run = Run(config, lambda: make_model(sizes))
    if isinstance(run.model, NgramNet):
        run.model.dropout = config.dropout
    held = _held(names)
    watched, learned = names.pick(held), names.pick(~held)
    codes, target = _lessons(config, learned)
    stream = batches(codes, target, config.batch, config.seed + run.step)

    def next_loss(run: Run) -> Tensor:
        if config.sparsity and run.step:
            _shrink(run, config.sparsity)
        x, y = next(stream)
        said, (wanted, taught) = run.model(x), y.unbind(1)
        loss = F.binary_cross_entropy_with_logits(said, wanted)
        if config.matching:
            loss = loss + config.matching * F.smooth_l1_loss(said, taught)
        return loss

    def report(run: Run) -> dict[str, Any]:
        run.ema.eval()
        return figures(watched.label, logits(run.ema, padded(watched.part))).rounded()

    return loop.train(run, next_loss, report)


def held_out(config: DgaTrainConfig) -> Names:
    """The names that a training with this data, seed and these families did not learn from."""
    names = _read(config)
    return names.pick(_held(names))


def learned(config: DgaTrainConfig) -> Names:
    """The names that such a training learned from."""
    names = _read(config)
    return names.pick(~_held(names))


def _held(names: Names) -> NDArray[np.bool_]:
    held: NDArray[np.bool_] = np.arange(len(names)) % HELD == 0
    return held


def _read(config: DgaTrainConfig) -> Names:
    tables = [read_names(path) for path in config.data]
    parts = [part for names in tables for part in names.part]
    label = np.concatenate([names.label for names in tables])
    family = np.concatenate([names.family for names in tables])
    names = Names(parts, label, family, tables[0].rejected)
    kept = names.pick(~names.of(config.held))
    if not 0 < kept.label.sum() < len(kept):
        raise InputError("training needs names of both labels")
    return kept.pick(np.random.default_rng(config.seed).permutation(len(kept)))


def _lessons(config: DgaTrainConfig, names: Names) -> tuple[Codes, NDArray[np.float32]]:
    """Codes, and targets (n, 2): probabilities and logits. With teachers also those of variations,
    and what they say of all.
    """
    codes, target = padded(names.part), names.label.astype(np.float32)
    if not config.teacher:
        if config.matching:
            raise InputError("logits are matched with those of a teacher")
        return codes, np.stack([target, np.zeros_like(target)], 1)
    teachers = [load_model(path) for path in config.teacher]
    varied = padded(vary(names.part, config.variations, config.seed))
    said, said_varied = (np.mean([logits(t, x) for t in teachers], 0) for x in (codes, varied))
    mixed = (1 - config.teaching) * target + config.teaching * sigmoid(said)
    wanted = np.concatenate([mixed, sigmoid(said_varied)])
    taught = np.concatenate([said, said_varied]).clip(-SUREST, SUREST)
    return np.concatenate([codes, varied]), np.stack([wanted, taught], 1).astype(np.float32)


def padded(parts: Sequence[bytes]) -> Codes:
    """Codes of scored parts as rows."""
    codes, starts = codes_of(parts)
    rows = np.zeros((len(parts), MAX_SCORED), np.uint8)
    lengths = np.diff(starts)
    rows[np.arange(MAX_SCORED) < lengths[:, None]] = codes
    return rows


def batches(
    codes: Codes, target: NDArray[np.float32], size: int, seed: int
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield batches for ever; names of about one length share a batch, which saves padding."""
    rng = np.random.default_rng(seed)
    lengths = (codes > 0).sum(1)
    while True:
        order = rng.permutation(len(codes))
        for begin in range(0, len(order), size * BUCKETS):
            some = order[begin : begin + size * BUCKETS]
            some = some[np.argsort(lengths[some], kind="stable")]
            for i in rng.permutation(range(0, len(some), size)):
                rows = some[i : i + size]
                yield (
                    torch.from_numpy(codes[rows, : lengths[rows].max()].astype(np.int64)),
                    torch.from_numpy(target[rows]),
                )


@torch.no_grad()
def logits(model: nn.Module, codes: Codes, size: int = 512) -> NDArray[np.float32]:
    """Logits (n,) of rows of codes."""
    lengths = (codes > 0).sum(1)
    order = np.argsort(lengths, kind="stable")
    found = np.zeros(len(codes), np.float32)
    for begin in range(0, len(order), size):
        rows = order[begin : begin + size]
        x = torch.from_numpy(codes[rows, : lengths[rows].max()].astype(np.int64))
        found[rows] = model(x).numpy()
    return found


@torch.no_grad()
def _shrink(run: Run, sparsity: float) -> None:
    """Soft threshold of the table entries: a proximal step of their absolute values."""
    by: float = run.optimizer.param_groups[0]["lr"] * sparsity
    for table in getattr(run.model, "tables", ()):
        table.copy_(F.softshrink(table, by))
