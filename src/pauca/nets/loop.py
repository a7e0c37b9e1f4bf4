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

    def __post_init__(self) -> None:
        """Raise `InputError` on settings that no training can have."""
        if not 0 < self.hours < math.inf or not 0 < self.lr < math.inf:
            raise InputError("hours and the learning rate must be above 0")
        for name in ("batch", "size"):
            if getattr(self, name, 1) < 1:
                raise InputError(f"{name} must be at least 1")
        if self.threads < 0:
            raise InputError(f"{self.threads} threads; 0 or more expected")
        if self.device not in ("auto", "cpu", "cuda"):
            raise InputError(f"no device {self.device!r}; auto, cpu or cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise InputError("there is no CUDA device")
        for folder in (*self.data, *getattr(self, "clips", ()), getattr(self, "val", None)):
            if folder is not None and not folder.exists():
                raise InputError(f"there is no {folder}")


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
        given = json.loads(text)
    except ValueError as error:
        raise InputError(f"sizes {text!r}: {error}") from error
    if not isinstance(given, dict):
        raise InputError(f"sizes {text!r}: a JSON object expected")
    for name, value in given.items():
        own = asdict(config).get(name)  # type: ignore[call-overload]
        if own is None:
            raise InputError(f"sizes {text!r}: there is no {name!r}")
        if not _alike(value, own):
            raise InputError(f"sizes {text!r}: {name} is like {json.dumps(own)}")
    return replace(config, **_with_tuples(given))  # type: ignore[type-var]


def _with_tuples(given: dict[str, Any]) -> dict[str, Any]:
    """Sizes with tuples where JSON and checkpoints have lists."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in given.items()}


def _alike(value: object, own: object) -> bool:
    """Whether a value of JSON is of the kind of a size."""
    if isinstance(own, tuple):
        return isinstance(value, list)
    if isinstance(own, float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(own)


def load_state(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """What a checkpoint holds; `InputError` on a file that is none."""
    try:
        state: dict[str, Any] = torch.load(path, map_location=device, weights_only=True)
        _ = state["ema"], state["sizes"]
        return state
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    except Exception as error:  # a parser of foreign bytes
        raise InputError(f"{path} is not a checkpoint of this package") from error


def sizes_in(state: dict[str, Any]) -> dict[str, Any]:
    """The sizes that a checkpoint states."""
    return _with_tuples(state["sizes"])


def load_matching(model: nn.Module, state: dict[str, Tensor]) -> None:
    """Begin with the weights of another run wherever names and shapes agree."""
    own = model.state_dict()
    fitting = {k: v for k, v in state.items() if k in own and own[k].shape == v.shape}
    model.load_state_dict(fitting, strict=False)


def load_averaged(path: Path, make: Callable[[dict[str, Any]], nn.Module]) -> nn.Module:
    """The moving average in a checkpoint; `make` turns the stored sizes into a model."""
    state = load_state(path)
    try:
        model = make(sizes_in(state))
        model.load_state_dict(state["ema"])
    except (KeyError, RuntimeError, TypeError) as error:
        raise InputError(f"{path} is a checkpoint of another model") from error
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
            load_matching(self.model, load_state(config.init, self.device)["ema"])
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
        state = load_state(self.path, self.device)
        own = asdict(self.model.config)
        if any(own.get(name) != value for name, value in sizes_in(state).items()):
            raise InputError(f"{self.path} is of a network of other sizes: take another folder")
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
