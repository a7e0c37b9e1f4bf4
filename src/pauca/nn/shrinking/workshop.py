"""Where trials are made and measured; each only once, whatever happens in between."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from pauca.errors import InputError, UnsupportedError
from pauca.nn.codec import decode_network
from pauca.nn.model import Network, network_bytes, read_network
from pauca.nn.passes.interface import Context, Model, kind_of, run_pass
from pauca.nn.passes.options import parse_options
from pauca.nn.shrinking.coding import CodeOptions, Known, code_network, stream_of
from pauca.nn.shrinking.journal import Journal
from pauca.nn.shrinking.trial import State, Step, Steps, Trial, key_of

CODE = "code"
REMEMBERED = 3  # states in memory
TRAINED = frozenset({"prune", "channels", "share", "low-rank", "binary", "qat", "distill"})


class Side(Protocol):
    """What differs between torch modules and ONNX graphs."""

    def network(self, model: Model) -> Network:
        """Return the model as tensors."""

    def filled(self, model: Model, network: Network) -> Model:
        """Return a copy of the model with the tensors of `network`, which has the same names."""

    def known(self, model: Model) -> list[Known]:
        """Return what the samples tell of the layers; nothing without samples."""

    def allowed(self, model: Model) -> set[str] | None:
        """Return the names of tensors that may be quantized, None for all."""

    def latency(self, model: Model) -> float | None:
        """Return the milliseconds of one run, None without samples."""

    def context(self, model: Model) -> Context:
        """Return what passes may use."""


@dataclass(frozen=True)
class Budget:
    """Where a search stops: `trials`, or `minutes` of trials, resumed parts included."""

    trials: int = 60
    minutes: float = float("inf")


class BudgetError(Exception):
    """There is no time, or no trial, left."""


Evaluate = Callable[[Network, Model], float]  # the network as decoded, and the model that holds it
Report = Callable[[Trial], None]


class Workshop:
    """Runs recipes on one model; `report` hears of every trial, also of those of the journal."""

    def __init__(
        self,
        model: Model,
        sides: Mapping[str, Side],
        evaluate: Evaluate,
        journal: Journal,
        budget: Budget,
        report: Report | None = None,
    ) -> None:
        """`sides` by kind of model, "torch" and "onnx"; only those that occur are needed."""
        self.model, self.sides = model, sides
        self.evaluate, self.journal, self.budget = evaluate, journal, budget
        self.report = report or (lambda trial: None)
        self.trials: list[Trial] = []
        self.begun = len(journal.trials)  # trials that were found, not made
        self._states: dict[str, State] = {}
        self._known: dict[str, list[Known]] = {}

    def run(self, steps: Sequence[Step]) -> Trial:
        """Return the trial of a recipe, from the journal if it is there.

        Raises `BudgetError` where it would have to be made and the budget is used up.
        """
        steps = tuple(steps)
        trial = self.journal.find(steps)
        if trial is None:
            self._check_budget()
            trial = self._made(steps)
            self.journal.add(trial)
        if trial not in self.trials:
            self.trials.append(trial)
            self.report(trial)
        return trial

    def state(self, steps: Sequence[Step]) -> State:
        """Return the model after a recipe; what took training comes from the journal's folder."""
        steps = tuple(steps)
        if not steps:
            return State(self.model, {})
        key = key_of(steps)
        if key not in self._states:
            before = self.state(steps[:-1])
            self._states[key] = self._applied(before, steps)
            while len(self._states) > REMEMBERED:
                self._states.pop(next(iter(self._states)))
        return self._states[key]

    def stream(self, steps: Sequence[Step]) -> bytes:
        """Return the coded stream of the model after a recipe."""
        state = self.state(steps)
        return stream_of(self.side(state.model).network(state.model), state.levels)

    def known(self, steps: Sequence[Step]) -> list[Known]:
        """Return what is known of the layers after a recipe."""
        key = key_of(steps)
        if key not in self._known:
            model = self.state(steps).model
            self._known = {key: self.side(model).known(model)}  # one: they are large
        return self._known[key]

    def side(self, model: Model) -> Side:
        """Return the side of a model's kind."""
        return self.sides[kind_of(model)]

    def _check_budget(self) -> None:
        used = len(self.journal.trials)
        if used >= self.budget.trials or self.journal.seconds >= 60 * self.budget.minutes:
            raise BudgetError

    def _made(self, steps: Steps) -> Trial:
        start = time.monotonic()
        number = len(self.journal.trials)
        try:
            stream = self.stream(steps)
        except (InputError, UnsupportedError) as error:
            if not steps:
                raise
            took = time.monotonic() - start
            return Trial(number, steps, 0, float("-inf"), None, took, str(error))
        model = self.state(steps).model
        side = self.side(model)
        decoded = decode_network(stream)
        whole = side.filled(model, decoded)
        accuracy = float(self.evaluate(decoded, whole))
        if accuracy != accuracy:
            raise InputError("the evaluation gave no number")
        latency = side.latency(whole)
        return Trial(number, steps, len(stream), accuracy, latency, time.monotonic() - start)

    def _applied(self, before: State, steps: Steps) -> State:
        step = steps[-1]
        name, options = step["pass"], {k: v for k, v in step.items() if k != "pass"}
        side = self.side(before.model)
        if name == CODE:
            return self._coded(side, before.model, steps[:-1], options)
        context = side.context(before.model)
        takes_training = name in TRAINED and context.train is not None
        if not takes_training and name != "distill":
            return State(run_pass(name, before.model, context, **options)[0], before.levels)
        return State(self._trained(before.model, context, steps, options), {})

    def _coded(self, side: Side, model: Model, steps: Steps, options: dict[str, Any]) -> State:
        parsed: CodeOptions = parse_options(CodeOptions, options, CODE)
        second = parsed.quantizer.startswith("second-order")
        known = self.known(steps) if second else []
        network, levels = code_network(side.network(model), known, side.allowed(model), parsed)
        return State(side.filled(model, network), levels)

    def _trained(
        self, model: Model, context: Context, steps: Steps, options: dict[str, Any]
    ) -> Model:
        """Return a model after a pass that trains: from the journal's folder, or kept there.

        Tensors alone are kept. What they belong to is the pass's own result without training.
        """
        name = str(steps[-1]["pass"])
        file = hashlib.sha256(key_of(steps).encode()).hexdigest()[:24] + ".safetensors"
        data = self.journal.load(file)
        if data is not None:
            plain = Context(**{**vars(context), "train": None})
            made = model if name == "distill" else run_pass(name, model, plain, **options)[0]
            return self.side(made).filled(made, read_network(data))
        made = run_pass(name, model, context, **options)[0]
        self.journal.keep(file, network_bytes(self.side(made).network(made), "safetensors"))
        return made
