"""The loop that trains every network of the package: bounded by time, resumable, with a moving
average of the weights, the same on CPU and CUDA.
"""

from __future__ import annotations

import ctypes
import json
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from pauca.errors import InputError
from pauca.nets.integer import set_exact

CHECKPOINT = "checkpoint.pt"
Sizes = TypeVar("Sizes")


@dataclass(frozen=True)
class LoopConfig:
    """What every training has; times in hours count training only, over all resumed parts."""

    data: Sequence[Path]
    out: Path
    hours: float = 2.5
    lr: float = 1e-3
    exact_from: float = 0.65  # share of the time after which fake quantization is on
    ema: float = 0.999
    seed: int = 0
    device: str = "auto"
    threads: int = 0
    val_minutes: float = 20.0
    init: Path | None = None


def keep_heap() -> None:
    """Let glibc keep what is freed: a step's tensors are else mapped and zeroed anew every time,
    which is a third of the time of a small network's training.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "gnu_get_libc_version"):
        m_trim_threshold, m_mmap_threshold = -1, -3  # malloc.h
        libc.mallopt(m_mmap_threshold, 32 << 20)  # the most it takes
        libc.mallopt(m_trim_threshold, (1 << 31) - 1)


def schedule(progress: float) -> float:
    """Learning-rate factor: 2 % warm-up, then cosine down to 2 %."""
    if progress < 0.02:
        return max(progress / 0.02, 0.01)
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min((progress - 0.02) / 0.98, 1.0)))


def with_sizes(config: Sizes, text: str) -> Sizes:
    """`config` with what the JSON object `text` says of its fields; `InputError` if it cannot."""
    try:
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in json.loads(text).items()}
        return replace(config, **given)  # type: ignore[type-var]
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(f"sizes {text!r}: {error}") from error


def load_matching(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Begin with the weights of another run wherever names and shapes agree."""
    own = model.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(fitting, strict=False)


def load_averaged(path: Path, make: Callable[[dict[str, Any]], nn.Module]) -> nn.Module:
    """The moving average in a checkpoint; `make` turns the stored sizes into a model."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        sizes = {k: tuple(v) if isinstance(v, list) else v for k, v in state["sizes"].items()}
        model = make(sizes)
        model.load_state_dict(state["ema"])
    except (OSError, KeyError, RuntimeError, TypeError) as error:
        raise InputError(f"{path} is not a checkpoint of this model: {error}") from error
    return model.eval()


class Run:
    """State of a training run: model, its moving average, optimizer, clock."""

    def __init__(self, config: LoopConfig, make: Callable[[], nn.Module]):
        """`make` gives a new model, whose `config` is a dataclass of its sizes."""
        keep_heap()
        if config.threads:
            torch.set_num_threads(config.threads)
        config.out.mkdir(parents=True, exist_ok=True)
        self.config = config
        cuda = torch.cuda.is_available()
        self.device = torch.device(
            ("cuda" if cuda else "cpu") if config.device == "auto" else config.device
        )
        torch.manual_seed(config.seed)
        self.model = make().to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.ema = make().to(self.device)
        self.optimizer = torch.optim.Adam(
            self.model.parameters(), config.lr, betas=(0.9, 0.98), fused=True
        )
        self.step, self.seconds = 0, 0.0
        self.path = config.out / CHECKPOINT
        if self.path.exists():
            self.restore()
        elif config.init is not None:
            state = torch.load(config.init, map_location=self.device, weights_only=True)
            load_matching(self.model, state["ema"])
        if self.step == 0:
            self.ema.load_state_dict(self.model.state_dict())

    @property
    def progress(self) -> float:
        """Share of the time that is used up."""
        return self.seconds / (self.config.hours * 3600)

    @property
    def exact(self) -> bool:
        """Whether networks train as integers by now."""
        return self.progress >= self.config.exact_from

    def restore(self) -> None:
        """Continue from the checkpoint in the output folder."""
        state = torch.load(self.path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.ema.load_state_dict(state["ema"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def save(self) -> None:
        """Write the checkpoint beside and rename it into place."""
        sizes = asdict(self.model.config)
        state = {
            "model": self.model.state_dict(),
            "ema": self.ema.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "config": {k: str(v) for k, v in asdict(self.config).items()},
            "sizes": {k: list(v) if isinstance(v, tuple) else v for k, v in sizes.items()},
        }
        beside = self.path.with_suffix(".tmp")
        torch.save(state, beside)
        beside.replace(self.path)

    @torch.no_grad()
    def average(self) -> None:
        """Move the average towards the model; quicker at the beginning."""
        decay = min(self.config.ema, (1 + self.step) / (10 + self.step))
        for average, parameter in zip(self.ema.parameters(), self.model.parameters(), strict=True):
            average.lerp_(parameter, 1 - decay)

    def clock(self) -> dict[str, Any]:
        """Steps and hours so far, for the log."""
        return {"step": self.step, "hours": round(self.seconds / 3600, 4)}

    def log(self, row: dict[str, Any]) -> None:
        """Append clock and `row` to the log as one JSON line, and print it."""
        text = json.dumps(self.clock() | row)
        print(text, flush=True)
        with (self.config.out / "log.jsonl").open("a") as file:
            file.write(text + "\n")


def train(
    run: Run,
    next_loss: Callable[[Run], Tensor],
    report: Callable[[Run], dict[str, Any]] | None = None,
) -> Path:
    """Train until the time is used up and return the checkpoint's path.

    `next_loss` draws a batch and gives its loss; `report` evaluates the moving average, outside the
    clock. Raises `InputError` if a loss is not finite.
    """
    began, saved, seen = time.monotonic() - run.seconds, run.seconds, run.seconds
    window: list[float] = []
    run.model.train()
    while run.progress < 1:
        window.append(train_step(run, next_loss))
        run.seconds = time.monotonic() - began
        if run.step % 100 == 0:
            run.log({"loss": round(float(np.mean(window)), 5)})
            window.clear()
        if run.seconds - saved > 300:
            run.save()
            saved = run.seconds
        if report and run.seconds - seen > run.config.val_minutes * 60:
            began += evaluate(run, report)
            seen = run.seconds
    run.save()
    if report:
        evaluate(run, report)
    return run.path


def train_step(run: Run, next_loss: Callable[[Run], Tensor]) -> float:
    """One step; returns the loss."""
    set_exact(run.model, run.exact)
    for group in run.optimizer.param_groups:
        group["lr"] = run.config.lr * schedule(run.progress)
    loss = next_loss(run)
    if not torch.isfinite(loss):
        raise InputError(f"loss is not finite at step {run.step}: lower the rate and resume")
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(run.model.parameters(), 1.0)
    run.optimizer.step()
    run.optimizer.zero_grad(set_to_none=True)
    run.step += 1
    run.average()
    return loss.item()


def evaluate(run: Run, report: Callable[[Run], dict[str, Any]]) -> float:
    """Log what `report` finds of the moving average; returns the seconds this took."""
    start = time.monotonic()
    set_exact(run.ema, run.exact)
    run.log(report(run))
    return time.monotonic() - start
