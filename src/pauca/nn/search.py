"""Search for the step and the price of a bit that meet a wish: accuracy, size, bits or error.

A quantizer has two dials here, `step` and `lmbda`. One of them is turned by bisection, the finer
the better the network and the larger the file; the other is tried at each value of a short list.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from pauca.errors import InputError
from pauca.nn.dtypes import dtype_of, from_floats, to_float32
from pauca.nn.model import SUFFIXES, Network, Quantized, write_network
from pauca.nn.quantize.trellis import Dependent

Levels = Mapping[str, Quantized | Dependent]
Quantize = Callable[[float, float], Levels]  # step, lmbda -> tensors by name
Evaluate = Callable[[Network], float]  # accuracy in points (or any score), higher is better
Size = Callable[[Levels], int]  # bytes of the file


@dataclass(frozen=True)
class Trial:
    """One point that was tried: dials, file bytes, relative error of the weights, accuracy.

    `error`: root mean square of the error over that of the weights, all quantized tensors together.
    `accuracy`: None where the wish needed no evaluation.
    """

    step: float
    lmbda: float
    size: int
    error: float
    accuracy: float | None = None


@dataclass(frozen=True)
class Found:
    """The chosen point, its tensors, and every trial in the order they were made."""

    best: Trial
    quantized: Levels
    trials: tuple[Trial, ...]


@dataclass(frozen=True)
class SearchOptions:
    """Where to look: `dial` is bisected between `low` and `high` (above 0, on a log scale) in
    `rounds` rounds, for each of the `others` of the other dial.
    """

    low: float
    high: float
    dial: Literal["step", "lmbda"] = "step"
    others: tuple[float, ...] = (0.0, 0.05)
    rounds: int = 8

    def __post_init__(self) -> None:
        """Check the ranges; `InputError` if an option is out of its own."""
        if not (0 < self.low < self.high and np.isfinite(self.high)):
            raise InputError("a search needs 0 < low < high")
        if self.rounds < 1 or not self.others:
            raise InputError("a search needs a round and a value of the other dial at least")


class Experiment:
    """Runs trials of one quantizer on one network and keeps the records."""

    def __init__(
        self,
        network: Network,
        quantize: Quantize,
        evaluate: Evaluate | None = None,
        size: Size | None = None,
        report: Callable[[Trial], None] | None = None,
    ) -> None:
        """`size` defaults to the bytes of the stream; `report` hears of each trial at once."""
        self.network = network
        self.quantize = quantize
        self.evaluate = evaluate
        self.size = size or self._stream_size
        self.report = report
        self.trials: list[Trial] = []

    def _stream_size(self, levels: Levels) -> int:
        from pauca.nn.codec import encode_network

        return len(encode_network(self.network, levels))

    def run(self, step: float, lmbda: float) -> tuple[Trial, Levels]:
        """Return the trial at these dials and its tensors."""
        levels = self.quantize(step, lmbda)
        accuracy = None
        if self.evaluate is not None:
            accuracy = float(self.evaluate(reconstruct(self.network, levels)))
        error = relative_error(self.network, levels)
        trial = Trial(step, lmbda, self.size(levels), error, accuracy)
        self.trials.append(trial)
        if self.report is not None:
            self.report(trial)
        return trial, levels


def search_max_drop(
    experiment: Experiment, max_drop: float, options: SearchOptions, reference: float | None = None
) -> Found:
    """Return the smallest file whose accuracy is at most `max_drop` below `reference`.

    `reference`: by default the accuracy of the experiment's network. Raises `InputError` if no
    trial is that good.
    """
    if experiment.evaluate is None:
        raise InputError("a search by accuracy needs an evaluation")
    if reference is None:
        reference = float(experiment.evaluate(experiment.network))
    floor = reference - max_drop - 1e-9  # decimals are not in the way

    def good(trial: Trial) -> bool:
        return trial.accuracy is not None and trial.accuracy >= floor

    wish = f"an accuracy of {floor:g}"
    return _search(experiment, options, good, lambda trial: trial.size, wish, quality=True)


def search_target_size(experiment: Experiment, size: int, options: SearchOptions) -> Found:
    """Return the best network whose file has at most `size` bytes.

    Best is most accurate where the experiment evaluates, else least error of the weights.
    """

    def badness(trial: Trial) -> float:
        return trial.error if trial.accuracy is None else -trial.accuracy

    def fits(trial: Trial) -> bool:
        return trial.size <= size

    return _search(experiment, options, fits, badness, f"{size} bytes", quality=False)


def search_bits(experiment: Experiment, bits: float, options: SearchOptions) -> Found:
    """Return the best network whose file has at most `bits` bits per element of its tensors."""
    return search_target_size(experiment, int(bits * experiment.network.elements / 8), options)


def search_max_error(experiment: Experiment, error: float, options: SearchOptions) -> Found:
    """Return the smallest file whose relative error of the weights is at most `error`."""

    def good(trial: Trial) -> bool:
        return trial.error <= error

    wish = f"an error of {error:g}"
    return _search(experiment, options, good, lambda trial: trial.size, wish, quality=True)


def _search(
    experiment: Experiment,
    options: SearchOptions,
    good: Callable[[Trial], bool],
    badness: Callable[[Trial], float],
    wish: str,
    quality: bool,
) -> Found:
    # A wish for quality holds at the fine end and is pushed up, one for size at the coarse end.
    best: tuple[Trial, Levels] | None = None
    for other in options.others:
        low, high = float(np.log(options.low)), float(np.log(options.high))
        at = high if quality else low  # if even this end is good, nothing beats it
        for _ in range(options.rounds):
            dial = float(np.exp(at))
            step, lmbda = (dial, other) if options.dial == "step" else (other, dial)
            trial, levels = experiment.run(step, lmbda)
            fits = good(trial)
            if fits and (best is None or badness(trial) < badness(best[0])):
                best = trial, levels
            if fits and at == (high if quality else low):
                break
            if fits == quality:
                low = at
            else:
                high = at
            at = (low + high) / 2
    if best is None:
        raise InputError(f"no trial from {options.low:g} to {options.high:g} gives {wish}")
    return Found(best[0], best[1], tuple(experiment.trials))


def reconstruct(network: Network, levels: Levels) -> Network:
    """Return `network` with its quantized tensors as a decoder gives them, in their own types."""
    return network.with_tensors(
        {
            name: from_floats(tensor.values(), dtype_of(network.tensors[name]))
            for name, tensor in levels.items()
        }
    )


def relative_error(network: Network, levels: Levels) -> float:
    """Return the root mean square error over that of the weights; 0 where there are none."""
    error = power = 0.0
    for name, tensor in levels.items():
        values = to_float32(network.tensors[name]).astype(np.float64)
        error += float(((tensor.values() - values) ** 2).sum())
        power += float((values**2).sum())
    return float(np.sqrt(error / power)) if power > 0 else 0.0


@dataclass(frozen=True)
class CommandEvaluation:
    """An evaluation by a command: `{model}` in it becomes the path of a file with the network.

    The last number that the command prints is the accuracy; a file of the network's own kind is
    written for it. No shell is involved. Raises `InputError` if it fails, prints no number, or
    takes longer than `timeout` seconds.
    """

    command: str
    timeout: float = 3600.0

    def __call__(self, network: Network) -> float:
        """Return the accuracy of `network`."""
        suffix = next(suffix for suffix, kind in SUFFIXES.items() if kind == network.kind)
        with tempfile.TemporaryDirectory(prefix="pauca-") as folder:
            path = Path(folder, f"model{suffix}")
            write_network(network, path)
            return self._run(self.words(str(path)))

    def words(self, path: str) -> list[str]:
        """Return the command for the file at `path`; `InputError` if it names no model."""
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InputError(f"the evaluation command cannot be read: {error}") from error
        if not any("{model}" in word for word in words):
            raise InputError("the evaluation command must hold {model}")
        return [word.replace("{model}", path) for word in words]

    def _run(self, words: list[str]) -> float:
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=self.timeout)
        except subprocess.TimeoutExpired as error:
            raise InputError(f"{words[0]} took longer than {self.timeout:g} s") from error
        except OSError as error:
            raise InputError(f"cannot run {words[0]}: {error}") from error
        if done.returncode != 0:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise InputError(f"{words[0]} failed with {done.returncode}: {last}")
        numbers = re.findall(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?", done.stdout)
        if not numbers:
            raise InputError(f"{words[0]} printed no number")
        return float(numbers[-1])
