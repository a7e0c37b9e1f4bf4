"""What was tried and what it came to."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pauca.nn.passes.interface import Model
from pauca.nn.units import Coded

Step = Mapping[str, Any]  # {"pass": NAME, option: value, ...}
Steps = tuple[Step, ...]


@dataclass(frozen=True)
class State:
    """A network on its way: the model, and the levels of those tensors that are quantized."""

    model: Model
    levels: Mapping[str, Coded]


@dataclass(frozen=True)
class Trial:
    """A recipe and what it gave.

    `bytes` of the coded stream, `accuracy` of what it decodes to, `latency_ms` of one run (None
    where nothing could be run), `seconds` that the trial took. `error` says why there is no result;
    accuracy is then minus infinity.
    """

    number: int
    steps: Steps
    bytes: int
    accuracy: float
    latency_ms: float | None
    seconds: float
    error: str = ""

    @property
    def recipe(self) -> str:
        """The steps as one line of text."""
        return text_of(self.steps)


def key_of(steps: Sequence[Step]) -> str:
    """Return what identifies a recipe in the journal."""
    return json.dumps(list(steps), sort_keys=True, separators=(",", ":"))


def text_of(steps: Sequence[Step]) -> str:
    """Return a recipe as one line of text."""
    return " > ".join(_step_text(step) for step in steps) or "as it is"


def _step_text(step: Step) -> str:
    values = [f"{k}={_value_text(v)}" for k, v in step.items() if k != "pass"]
    return " ".join([str(step["pass"]), *values])


def _value_text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


@dataclass(frozen=True)
class Aim:
    """What counts: `floor`, the accuracy that must hold, and the price of bytes and milliseconds.

    `kind`: "size", "speed" or "both" (the product of the two ratios).
    """

    floor: float
    kind: str = "size"

    def holds(self, trial: Trial) -> bool:
        """Return whether a trial is accurate enough."""
        return (
            not trial.error and trial.accuracy >= self.floor - 1e-9
        )  # decimals are not in the way

    def score(self, trial: Trial) -> float:
        """Return how much a trial costs, lower is better; infinite where it does not hold."""
        if not self.holds(trial):
            return math.inf
        size, time = math.log(max(1, trial.bytes)), math.log(trial.latency_ms or 1.0)
        weights = {"size": (1.0, 0.0), "speed": (0.05, 1.0), "both": (1.0, 1.0)}[self.kind]
        return weights[0] * size + weights[1] * time


def best_of(trials: Sequence[Trial], aim: Aim) -> Trial | None:
    """Return the best trial that holds, the first of equals; None if none does."""
    good = [trial for trial in trials if aim.holds(trial)]
    return min(good, key=aim.score, default=None)


def pareto_of(trials: Sequence[Trial]) -> list[Trial]:
    """Return the trials that no other beats in bytes and accuracy, from the smallest on."""
    front: list[Trial] = []
    valid = [trial for trial in trials if not trial.error]
    for trial in sorted(valid, key=lambda t: (t.bytes, -t.accuracy)):
        if not front or trial.accuracy > front[-1].accuracy:
            front.append(trial)
    return front
