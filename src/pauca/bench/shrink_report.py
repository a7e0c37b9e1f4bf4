"""What a search for a smaller network found: JSON, Markdown, the Pareto plot, a summary."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from pauca.bench.machine import describe_machine
from pauca.bench.report import Table, figure_bytes, load_matplotlib, markdown
from pauca.nn.shrinking.api import ShrinkResult
from pauca.nn.shrinking.trial import Trial

FORMAT = "pauca-shrink/1"


def record_of(result: ShrinkResult) -> dict[str, Any]:
    """Return the result as plain values."""
    front = {trial.number for trial in result.pareto}
    return {
        "format": FORMAT,
        "original_bytes": result.original_bytes,
        "bytes": len(result.stream),
        "ratio": result.ratio,
        "speedup": result.speedup,
        "accuracy": result.best.accuracy,
        "reference_accuracy": result.reference.accuracy,
        "floor": result.floor,
        "aim": result.aim,
        "finished": result.finished,
        "resumed": result.resumed,
        "best": result.best.number,
        "trials": [_values(trial, trial.number in front) for trial in result.trials],
    }


def _values(trial: Trial, pareto: bool) -> dict[str, Any]:
    accuracy = None if trial.error else trial.accuracy
    return asdict(trial) | {"accuracy": accuracy, "pareto": pareto}


def to_json(result: ShrinkResult, command: str) -> bytes:
    """Return command, machine and result as UTF-8 JSON."""
    machine = asdict(describe_machine())
    record = {"command": command, "machine": machine, **record_of(result)}
    # Unrounded, unlike the benches' reports: what `--json` prints is what the file holds.
    return (json.dumps(record, indent=1, allow_nan=False, ensure_ascii=False) + "\n").encode()


def to_markdown(result: ShrinkResult, command: str) -> bytes:
    """Return the facts and the table of trials as Markdown."""
    facts = [("command", command), *describe_machine().facts(), ("result", summary(result))]
    return markdown(facts, [table_of(result)])


def summary(result: ShrinkResult) -> str:
    """Return one honest line: what was gained, what it cost, and whether the search was cut."""
    best, reference = result.best, result.reference
    parts = [f"{len(result.stream)} bytes, {result.ratio:.2f} times smaller"]
    if result.speedup is not None:
        parts.append(f"{result.speedup:.2f} times as fast")
    parts.append(f"accuracy {best.accuracy:g} (before {reference.accuracy:g})")
    made = len(result.trials) - result.resumed
    trials = f"{len(result.trials)} trials" + (f", {made} of them now" if result.resumed else "")
    parts.append(trials if result.finished else f"{trials}; the budget ended the search")
    if not best.steps:
        parts.append("no recipe was better than the model as it is")
    return ", ".join(parts) + f": {best.recipe}"


HEAD = ("trial", "bytes", "accuracy", "ms", "seconds", "", "recipe")


def row_of(trial: Trial, mark: str = "") -> tuple[str, ...]:
    """Return a trial as cells under `HEAD`."""
    accuracy = "-" if trial.error else f"{trial.accuracy:g}"
    latency = "-" if trial.latency_ms is None else f"{trial.latency_ms:.3f}"
    size = "-" if trial.error else str(trial.bytes)
    recipe = f"{trial.recipe}: {trial.error}" if trial.error else trial.recipe
    return (str(trial.number), size, accuracy, latency, f"{trial.seconds:.1f}", mark, recipe)


def table_of(result: ShrinkResult) -> Table:
    """Return all trials as a table; `*` marks the Pareto front."""
    front = {trial.number for trial in result.pareto}
    rows = []
    for trial in result.trials:
        mark = "*" if trial.number in front else ""
        if trial.number == result.best.number:
            mark = "chosen"
        rows.append(row_of(trial, mark))
    return Table("Trials", HEAD, (tuple(rows),))


def to_plot(result: ShrinkResult, form: str = "png") -> bytes:
    """Return the trials by bytes and accuracy as PNG or SVG, the front as a line."""
    figure = load_matplotlib()(figsize=(7, 5), dpi=120, layout="constrained")
    axes = figure.subplots()
    valid = [t for t in result.trials if not t.error]
    x, y = [t.bytes for t in valid], [t.accuracy for t in valid]
    axes.plot(x, y, "o", ms=4, color="C0", label="trials")
    front = result.pareto
    axes.plot([t.bytes for t in front], [t.accuracy for t in front], color="C1", label="Pareto")
    best = result.best
    axes.plot([best.bytes], [best.accuracy], "o", ms=14, fillstyle="none", color="black")
    axes.axhline(result.floor, color="C3", linestyle="--", label="must hold")
    top = max(y)
    span = max(top - result.floor, 1e-6)
    axes.set_ylim(result.floor - 2 * span, top + 0.3 * span)  # wild trials would flatten the rest
    axes.set_xscale("log")
    axes.set_xlabel("bytes")
    axes.set_ylabel("accuracy")
    axes.legend()
    axes.grid(alpha=0.3)
    return figure_bytes(figure, form)
