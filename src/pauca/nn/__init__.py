"""Neural networks as data: files, quantizers and the coded stream (spec/weights.md)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pauca.nn.shrinking.api import ShrinkResult
    from pauca.nn.shrinking.trial import Trial


def shrink(
    model: Any,
    evaluate: Callable[[Any], float],
    *,
    max_drop: float = 0.3,
    recipe: str | Path = "auto",
    data: Mapping[str, Any] | None = None,
    train: Callable[[Any], None] | None = None,
    aim: str = "size",
    structure: bool = True,
    onnx: bool = False,
    trials: int = 60,
    minutes: float = float("inf"),
    folder: Path | None = None,
    report: Callable[[Trial], None] | None = None,
) -> ShrinkResult:
    """Return a network made smaller, or faster, that `evaluate` finds accurate enough.

    `model`: a torch module or an ONNX model, which is not changed. `evaluate`: a model of that kind
    (ONNX with `onnx`) to its accuracy, higher is better; it may fall by `max_drop`. `recipe`: a
    file of steps, or "auto". `data`: arrays by name, the first axis samples, `y` the labels.
    `train` trains a module in place; by default on `data` with labels. `aim`: "size", "speed" or
    "both". `structure`: layers may get other shapes. `folder` keeps a journal: the same call goes
    on where it was stopped. Raises `InputError` (no recipe holds, wrong arguments),
    `UnsupportedError`, `MissingExtraError`.
    """
    from pauca.nn.shrinking.entry import shrink as run

    return run(
        model, evaluate, max_drop=max_drop, recipe=recipe, data=data, train=train, aim=aim,
        structure=structure, onnx=onnx, trials=trials, minutes=minutes, folder=folder,
        report=report,
    )  # fmt: skip
