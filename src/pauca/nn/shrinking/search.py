"""Which trials are run, and in what order; the same model and results give the same order.

Numbers are bisected from their mild to their strong end. Passes that train are climbed rung by
rung, each from the network that the last one left, because a network that loses little at a time
heals. A part of what may be lost is left to the coding, which comes last.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from pauca.errors import InputError
from pauca.nn.passes.interface import kind_of
from pauca.nn.shrinking.coding import default_quantizer, range_of
from pauca.nn.shrinking.plan import Range, Recipe, split_at_code
from pauca.nn.shrinking.trial import Aim, Step, Steps, Trial, best_of
from pauca.nn.shrinking.workshop import CODE, Workshop

RESERVE = 0.5  # share of what may be lost that passes leave to the coding
CODE_ROUNDS = 7
MILD = 0.25  # sparsity that is tried where the first rung is too much
KEPT = (0.5, 0.25, 0.15, 0.1, 0.07, 0.05, 0.036, 0.026, 0.019, 0.014, 0.01, 0.007, 0.005)
CUTS = (0.25, 0.25, 0.25, 0.25, 0.25, 0.25)  # of the channels that are left, a rung each
RECURRENT = ("LSTM", "GRU", "RNN")
STATIC: Step = {"pass": "int8", "per_channel": False, "ops": ["Conv", "Gemm", "MatMul", "Gather"]}
DYNAMIC: Step = {"pass": "int8-dynamic"}
FASTER = 0.95  # of the time: what counts as faster

Make = Callable[[float], Steps]


class Search:
    """A search in one workshop: `first` are steps that every recipe begins with."""

    def __init__(self, workshop: Workshop, aim: Aim, reference: Trial, first: Steps = ()) -> None:
        """`reference`: the trial of `first` alone."""
        self.shop, self.aim, self.reference, self.first = workshop, aim, reference, first
        lost = reference.accuracy - aim.floor
        self.strict = replace(aim, floor=aim.floor + RESERVE * max(0.0, lost))

    def bisect(self, at: Range, make: Make, aim: Aim) -> float | None:
        """Return the strongest value that holds, None if none was found."""
        mild, strong = at.mild, at.strong
        value, found = at.between(mild, strong), None
        for _ in range(at.rounds):
            if aim.holds(self.shop.run(make(value))):
                found = mild = value
            else:
                strong = value
            before, value = value, at.between(mild, strong)
            if value == before:
                break
        return found

    def code(
        self,
        before: Steps,
        after: Steps = (),
        quantizer: str | None = None,
        opened: Range | None = None,
    ) -> Trial | None:
        """Search the coarsest coding that holds behind `before`, `after` following it.

        `opened`: where to look, by default all settings of the quantizer.
        """
        name = quantizer or default_quantizer(self.shop.known(before))
        at = opened or Range(0, "setting", *range_of(name), CODE_ROUNDS)

        def make(value: float) -> Steps:
            return (*before, {"pass": CODE, "quantizer": name, "setting": value}, *after)

        value = self.bisect(at, make, self.aim)
        return None if value is None else self.shop.run(make(value))

    def recipe(self, recipe: Recipe, last: Steps = ()) -> None:
        """Fill in the open numbers of a recipe, one after the other, then the coding.

        `last`: steps before the coding, where the recipe does not hold them itself.
        """
        before, code, after = split_at_code(recipe.steps)
        if any(step["pass"] in {other["pass"] for other in last} for step in before):
            last = ()
        values: dict[Range, float] = {}
        for at in recipe.ranges:
            if at.step < len(before):

                def make(value: float, at: Range = at) -> Steps:
                    steps = recipe.filled({**values, at: value})[: len(before)]
                    return (*self.first, *steps, *last)

                value = self.bisect(at, make, self.strict)
                values[at] = at.mild if value is None else value
        begin = (*self.first, *recipe.filled(values)[: len(before)], *last)
        opened = next((at for at in recipe.ranges if at.step == len(before)), None)
        quantizer = None if code is None else code.get("quantizer")
        if code is None or "setting" not in code or opened is not None:
            self.code(begin, after, quantizer, opened)
            return
        name = quantizer or default_quantizer(self.shop.known(begin))
        step = {"pass": CODE, "quantizer": name, "setting": code["setting"]}
        self.shop.run((*begin, step, *after))

    def auto(self, trained: bool, structure: bool, last: Steps = ()) -> None:
        """Try what the model and the caller allow; `last` are steps before the coding.

        `trained`: passes may train. `structure`: layers may get other shapes.
        """
        begin = self.first
        self.finish(begin, last)
        if not trained:
            return
        starts = [begin]
        if structure:
            cuts: list[Step] = [{"pass": "channels", "ratio": ratio} for ratio in CUTS]
            cut = self.climb(begin, cuts, last)
            starts = [cut[-1], begin] if cut else [begin]
            if cut:
                self.finish(cut[-1], last)
        rungs: list[Step] = [{"pass": "prune", "sparsity": round(1 - kept, 4)} for kept in KEPT]
        mild: Step = {"pass": "prune", "sparsity": MILD}
        for start in starts:
            held = self.climb(start, rungs, last) or self.climb(start, [mild], last)
            for prefix in reversed(held[-2:]):
                self.finish(prefix, last)

    def climb(self, begin: Steps, rungs: list[Step], last: Steps) -> list[Steps]:
        """Return the recipes that held, the strongest last; a rung that fails is tried twice."""
        found: list[Steps] = []
        steps = begin
        for rung in rungs:
            steps = (*steps, rung)
            trial = self.shop.run((*steps, *last))
            if not self.strict.holds(trial) and not trial.error:
                # What was cut stays cut: the same step again is more training.
                repeat = rung if rung["pass"] == "prune" else {"pass": "prune", "sparsity": 0.0}
                steps = (*steps, repeat)
                trial = self.shop.run((*steps, *last))
            if not self.strict.holds(trial):
                break
            found.append(steps)
        return found

    def finish(self, begin: Steps, last: Steps) -> None:
        """Code a recipe as coarsely as holds, in int8 too where that is what counts."""
        begin = (*begin, *last)
        if self.aim.kind != "size":
            for after in self.integers(begin):
                self.code(begin, after)
        self.code(begin)

    def integers(self, begin: Steps) -> list[Steps]:
        """Return the ways to run in int8 that hold and are faster, if any."""
        model = self.shop.state(begin).model
        if kind_of(model) != "onnx":
            return []
        kinds = {node.op_type for node in model.graph.node}
        plain = self.shop.run(begin)
        found: list[Steps] = []
        for step in [DYNAMIC] if kinds & set(RECURRENT) else [STATIC]:
            trial = self.shop.run((*begin, step))
            if self.aim.holds(trial) and plain.latency_ms and trial.latency_ms:
                if trial.latency_ms < FASTER * plain.latency_ms:
                    found.append((step,))
        return found

    def best(self) -> Trial:
        """Return the best trial that holds; `InputError` if there is none."""
        best = best_of(self.shop.trials, self.aim)
        if best is None:
            raise InputError(f"no trial keeps an accuracy of {self.aim.floor:g}")
        return best
