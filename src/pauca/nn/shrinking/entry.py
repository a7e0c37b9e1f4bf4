"""The Python function: arrays and functions in, a job out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from pauca.nn.model import Network
from pauca.nn.passes.interface import Model, kind_of
from pauca.nn.shrinking.api import Job, ShrinkResult, recipe_of, run_job, sides_of
from pauca.nn.shrinking.samples import Samples, samples_of
from pauca.nn.shrinking.workshop import Budget, Report


def shrink(
    model: Model,
    evaluate: Callable[[Model], float],
    *,
    max_drop: float,
    recipe: str | Path,
    data: Mapping[str, Any] | None,
    train: Callable[[Any], None] | None,
    aim: str,
    structure: bool,
    onnx: bool,
    trials: int,
    minutes: float,
    folder: Path | None,
    report: Report | None,
) -> ShrinkResult:
    """See `pauca.nn.shrink`."""
    samples = None if data is None else samples_of(data)
    if train is None and samples is not None and samples.labels is not None:
        train = default_trainer(model, samples)
    job = Job(
        model, 0, max_drop, recipe_of(recipe), samples, train, aim, structure, onnx,
        Budget(trials, minutes), folder=folder,
    )  # fmt: skip
    network = sides_of(job)[kind_of(model)].network(model)
    size = model.ByteSize() if kind_of(model) == "onnx" else network.nbytes
    job = Job(**{**vars(job), "bytes": int(size), "identity": {"model": digest(network)}})

    def judge(_: Network, whole: Model) -> float:
        return float(evaluate(whole))

    return run_job(job, judge, report)


def default_trainer(model: Model, samples: Samples, **options: Any) -> Callable[[Any], None] | None:
    """Return training on labelled samples for a torch module, None for other models."""
    if kind_of(model) != "torch":
        return None
    from pauca.nn.shrinking.fit_torch import FitOptions, trainer

    return trainer(samples, model, FitOptions(**options))


def digest(network: Network) -> str:
    """Return a hash of names, shapes and values."""
    found = hashlib.sha256(network.rest)
    for name, array in network.tensors.items():
        found.update(f"{name} {array.dtype} {array.shape}\n".encode())
        found.update(array.tobytes())
    return found.hexdigest()
