"""A search from model to result, as the command and the Python function run it."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pauca.errors import InputError
from pauca.nn.passes.interface import Model, kind_of
from pauca.nn.shrinking.journal import Journal
from pauca.nn.shrinking.plan import Recipe, read_plan
from pauca.nn.shrinking.samples import Samples
from pauca.nn.shrinking.search import Search
from pauca.nn.shrinking.trial import Aim, Trial, pareto_of
from pauca.nn.shrinking.workshop import Budget, BudgetError, Evaluate, Report, Side, Workshop

AUTO = "auto"


@dataclass(frozen=True)
class Job:
    """What is to be shrunk, and how.

    `train` trains a torch module in place; `structure`: layers may get other shapes; `onnx`: a
    torch module ends as an ONNX graph. `folder` keeps the journal, None for a search that is not
    resumed. `identity`: what the trials depend on, beside recipe and aim.
    """

    model: Model
    bytes: int
    max_drop: float = 0.3
    recipe: Recipe | None = None
    samples: Samples | None = None
    train: Any = None
    aim: str = "size"
    structure: bool = False
    onnx: bool = False
    budget: Budget = field(default_factory=Budget)
    batch: int = 64
    folder: Path | None = None
    again: bool = False
    identity: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Raise `InputError` on values out of range."""
        if self.aim not in ("size", "speed", "both"):
            raise InputError(f"aim must be size, speed or both, not {self.aim!r}")
        if not 0 <= self.max_drop < float("inf"):
            raise InputError("max drop must be 0 or more")
        if self.budget.trials < 2 or not self.budget.minutes > 0 or self.batch < 1:
            raise InputError("a budget needs 2 trials and some minutes, a batch 1 sample at least")
        if self.aim != "size" and self.samples is None:
            raise InputError("to be timed, a model needs data to run on")


@dataclass(frozen=True)
class ShrinkResult:
    """The best trial, its stream and model, and all that was tried.

    `reference`: the model as it came (exported, where that was asked for); `original_bytes` of its
    file. `floor`: the accuracy that had to hold. `resumed`: trials that were found in the journal.
    `finished` is False where the budget ended the search.
    """

    stream: bytes
    model: Model
    best: Trial
    reference: Trial
    trials: tuple[Trial, ...]
    original_bytes: int
    floor: float
    aim: str
    resumed: int
    finished: bool

    @property
    def ratio(self) -> float:
        """How many times smaller the stream is than the model's file."""
        return self.original_bytes / len(self.stream)

    @property
    def speedup(self) -> float | None:
        """How many times faster a run is, None where nothing was timed."""
        old, new = self.reference.latency_ms, self.best.latency_ms
        return old / new if old and new else None

    @property
    def pareto(self) -> tuple[Trial, ...]:
        """The trials that no other beats in bytes and accuracy."""
        return tuple(pareto_of(self.trials))


def run_job(job: Job, evaluate: Evaluate, report: Report | None = None) -> ShrinkResult:
    """Search, and return what was found; raises `InputError` if no trial is accurate enough."""
    with _folder(job) as folder:
        journal = Journal(folder, job.identity, job.again)
        try:
            return _run(job, evaluate, journal, report)
        finally:
            journal.close()


def _run(job: Job, evaluate: Evaluate, journal: Journal, report: Report | None) -> ShrinkResult:
    shop = Workshop(job.model, sides_of(job), evaluate, journal, job.budget, report)
    torch_to_onnx = job.onnx and kind_of(job.model) == "torch"
    last = ({"pass": "export"},) if torch_to_onnx else ()
    reference = shop.run(last)
    if reference.error:
        raise InputError(reference.error)
    aim = Aim(reference.accuracy - job.max_drop, job.aim)
    search = Search(shop, aim, reference)
    finished = True
    try:
        if job.recipe is not None:
            search.recipe(job.recipe, last)
        else:
            search.auto(job.train is not None, job.structure or job.onnx, last)
    except BudgetError:
        finished = False
    best = search.best()
    state, stream = shop.state(best.steps), shop.stream(best.steps)
    resumed = sum(trial.number < shop.begun for trial in shop.trials)
    return ShrinkResult(
        stream, state.model, best, reference, tuple(shop.trials), job.bytes, aim.floor, job.aim,
        resumed, finished,
    )  # fmt: skip


def sides_of(job: Job) -> dict[str, Side]:
    """Return what handles the kinds of model that a job can meet."""
    from pauca.nn.shrinking.onnx_side import OnnxSide

    sides: dict[str, Side] = {"onnx": OnnxSide(job.samples, job.batch)}
    if kind_of(job.model) == "torch":
        from pauca.nn.shrinking.torch_side_torch import TorchSide

        sides["torch"] = TorchSide(job.samples, job.train, job.model, job.batch)
    return sides


@contextlib.contextmanager
def _folder(job: Job) -> Iterator[Path]:
    if job.folder is not None:
        yield job.folder
        return
    with tempfile.TemporaryDirectory(prefix="pauca-shrink-") as folder:
        yield Path(folder)


def recipe_of(recipe: str | Path | Recipe) -> Recipe | None:
    """Return the recipe in a file, None for `auto`."""
    if isinstance(recipe, Recipe):
        return recipe
    return None if recipe == AUTO else read_plan(Path(recipe))
