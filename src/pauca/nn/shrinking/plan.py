"""Recipes with open numbers: what a file says, and how one number is filled in after the other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pauca.errors import InputError
from pauca.nn.passes.interface import PASSES, load_steps
from pauca.nn.passes.options import parse_options
from pauca.nn.shrinking.coding import CodeOptions
from pauca.nn.shrinking.trial import Step, Steps
from pauca.nn.shrinking.workshop import CODE

ROUNDS = 6


@dataclass(frozen=True)
class Range:
    """A number that is open: searched from `mild` towards `strong`, which shrinks the most."""

    step: int
    option: str
    mild: float
    strong: float
    rounds: int = ROUNDS
    whole: bool = False

    @property
    def log(self) -> bool:
        """Whether ratios count: both ends are above 0 and an order of magnitude apart."""
        low, high = sorted((self.mild, self.strong))
        return low > 0 and high / low >= 10

    def between(self, mild: float, strong: float) -> float:
        """Return the middle of two values on the scale of this range."""
        middle = math.sqrt(mild * strong) if self.log else (mild + strong) / 2
        return float(round(middle)) if self.whole else float(f"{middle:.4g}")


@dataclass(frozen=True)
class Recipe:
    """Steps, and the numbers in them that are open; the steps hold the mild ends."""

    steps: Steps
    ranges: tuple[Range, ...] = ()

    def filled(self, values: Mapping[Range, float]) -> Steps:
        """Return the steps with these numbers."""
        steps = [dict(step) for step in self.steps]
        for at, value in values.items():
            steps[at.step][at.option] = int(value) if at.whole else value
        return tuple(steps)


def read_plan(path: Path) -> Recipe:
    """Return the recipe in a file; an open number is {"from": MILD, "to": STRONG}.

    Raises `InputError` where the file, a pass, an option or a value is wrong.
    """
    steps, ranges = [], []
    for i, step in enumerate(load_steps(path)):
        plain, found = _opened(i, step)
        _check(plain, path)
        steps.append(plain)
        ranges += found
    coded = [i for i, step in enumerate(steps) if step["pass"] == CODE]
    if len(coded) > 1:
        raise InputError(f"{path}: a recipe codes once")
    if coded and any(at.step > coded[0] for at in ranges):
        raise InputError(f"{path}: open numbers come before the coding, or are its setting")
    return Recipe(tuple(steps), tuple(ranges))


def _opened(index: int, step: Mapping[str, Any]) -> tuple[dict[str, Any], list[Range]]:
    plain, found = {}, []
    for name, value in step.items():
        if isinstance(value, dict):
            at = _range(index, name, value)
            found.append(at)
            value = int(at.mild) if at.whole else at.mild
        plain[name] = value
    return plain, found


def _range(index: int, name: str, value: Mapping[str, Any]) -> Range:
    ends: list[Any] = [value.get("from"), value.get("to")]
    rounds = value.get("rounds", ROUNDS)
    numbers = [float(end) for end in ends if type(end) in (int, float)]
    if set(value) - {"from", "to", "rounds"} or len(numbers) < 2 or type(rounds) is not int:
        raise InputError(f'{name}: an open number is {{"from": MILD, "to": STRONG}}')
    whole = all(type(end) is int for end in ends)
    return Range(index, name, numbers[0], numbers[1], max(1, rounds), whole)


def _check(step: Mapping[str, Any], path: Path) -> None:
    name = step.get("pass")
    options = {key: value for key, value in step.items() if key != "pass"}
    if name == CODE:
        if "quantizer" in options and "setting" in options:
            parse_options(CodeOptions, options, f"{path}: code")
        elif unknown := options.keys() - {"quantizer", "setting"}:
            raise InputError(f"{path}: code has no option {min(unknown)!r}")
        return
    if name not in PASSES:
        raise InputError(f"{path}: no pass {name!r}; known: {', '.join([*PASSES, CODE])}")
    parse_options(PASSES[str(name)].options, options, f"{path}: {name}")


def split_at_code(steps: Sequence[Step]) -> tuple[Steps, Step | None, Steps]:
    """Return what comes before the step `code`, that step, and what comes after it."""
    for i, step in enumerate(steps):
        if step["pass"] == CODE:
            return tuple(steps[:i]), step, tuple(steps[i + 1 :])
    return tuple(steps), None, ()
