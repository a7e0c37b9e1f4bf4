"""One run of the network bench from plan to report: sweeps, searches at equal accuracy, tables."""

import dataclasses
import datetime
import math
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from pauca.bench.machine import Machine, describe_machine
from pauca.bench.nn import (
    CoderRow,
    Facts,
    FileRow,
    FloatRow,
    Subject,
    describe,
    measure_coders,
    measure_file,
    measure_floats,
    measure_peer,
)
from pauca.bench.nn_baselines import find_coder, find_packer
from pauca.bench.nn_peer import VARIANTS, Nncodec
from pauca.errors import InputError
from pauca.nn.calibration import Calibration, load_calibration
from pauca.nn.model import read_network
from pauca.nn.quantizers import Quantizer, find_quantizer
from pauca.nn.search import CommandEvaluation, Evaluate

QPS = (-36, -32, -28, -24, -20, -16, -12, -8)
GIVE_UP = 2.0  # points below the network as it came: what follows in a grid is worse still


@dataclass(frozen=True)
class Plan:
    """What to measure. `max_drop` in points and `refine`, in bisections, steer the search."""

    subjects: tuple[Subject, ...]
    quantizers: dict[str, tuple[float, ...]]
    coders: tuple[str, ...]
    packers: tuple[str, ...]
    peers: tuple[str, ...] = ()
    qps: tuple[int, ...] = QPS
    nncodec: str = ""
    command: str = ""
    max_drop: float = 0.1
    refine: int = 3


@dataclass(frozen=True)
class NnReport:
    """Everything one run found; `docs/results/README.md` describes its JSON.

    `best` are, for every model and method, the smallest file that keeps the accuracy, or the most
    accurate one if none does; empty without an evaluation.
    """

    command: str
    date: str
    machine: Machine
    evaluation: str
    max_drop: float
    settings: dict[str, str]
    models: tuple[Facts, ...]
    files: tuple[FileRow, ...]
    best: tuple[FileRow, ...]
    coders: tuple[CoderRow, ...]
    floats: tuple[FloatRow, ...]


def load_subjects(models: Sequence[Path], calibrations: Sequence[Path]) -> tuple[Subject, ...]:
    """Read networks, and their calibrations in the same order if there are any."""
    if calibrations and len(calibrations) != len(models):
        raise InputError("give --calibration for every --model, or for none")
    names = [path.stem for path in models]
    if twice := {name for name in names if names.count(name) > 1}:
        raise InputError(f"two models are named {', '.join(sorted(twice))}")
    known: list[Calibration | None] = [load_calibration(path) for path in calibrations]
    known = known or [None] * len(models)
    return tuple(
        Subject(path.stem, path, read_network(path), calibration)
        for path, calibration in zip(models, known, strict=True)
    )


def parse_settings(names: Sequence[str], texts: Sequence[str]) -> dict[str, tuple[float, ...]]:
    """Return the grid of each quantizer; `texts` such as `nearest=0.5,1` replace their own."""
    grids = {name: find_quantizer(name).grid for name in names}
    for text in texts:
        name, _, numbers = text.partition("=")
        if name not in grids:
            raise InputError(f"settings for {name!r}, which is not measured")
        try:
            values = tuple(float(number) for number in numbers.split(","))
        except ValueError as error:
            raise InputError(f"settings {text!r} are not numbers separated by commas") from error
        if not all(0 < value < math.inf for value in values):
            raise InputError(f"settings {text!r} must be above 0")
        grids[name] = values
    return grids


def check_plan(plan: Plan) -> None:
    """Raise what can be raised before minutes of measuring."""
    if not plan.subjects:
        raise InputError("no model to measure")
    for coder in plan.coders:
        find_coder(coder)
    for packer in plan.packers:
        find_packer(packer)
    if unknown := [name for name in plan.peers if name not in VARIANTS]:
        raise InputError(f"no peer {unknown[0]!r}; known: {', '.join(VARIANTS)}")
    if plan.command and "{model}" not in plan.command:
        raise InputError("the evaluation command must hold {model}")


def run_plan(plan: Plan, command: str, say: Callable[[str], None] = lambda text: None) -> NnReport:
    """Measure everything; `say` is told what is being measured. Raises `PaucaError`s."""
    check_plan(plan)
    evaluate = CommandEvaluation(plan.command) if plan.command else None
    models: list[Facts] = []
    files: list[FileRow] = []
    coders: list[CoderRow] = []
    floats: list[FloatRow] = []
    with ExitStack() as stack:
        peer = stack.enter_context(Nncodec(plan.nncodec)) if plan.peers else None
        version = peer.version if peer else ""
        for subject in plan.subjects:
            say(subject.name)
            facts = describe(subject, evaluate)
            models.append(facts)
            found = _files(plan, subject, facts, evaluate, peer, say)
            files += found
            for name, setting in _coder_settings(plan, facts, found):
                say(f"{subject.name}: coders of {name} at {setting:g}")
                made = [find_coder(coder) for coder in plan.coders]
                quantizer = find_quantizer(name)
                coders += measure_coders(subject, quantizer, setting, made, peer)
            if plan.packers:
                say(f"{subject.name}: without loss")
                floats += measure_floats(subject, [find_packer(name) for name in plan.packers])
    return NnReport(
        command,
        datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        _machine(version),
        plan.command,
        plan.max_drop,
        _settings(plan),
        tuple(models),
        tuple(files),
        tuple(row for facts in models for row in choose(files, facts, plan.max_drop)),
        tuple(coders),
        tuple(floats),
    )


def choose(files: Sequence[FileRow], facts: Facts, max_drop: float) -> list[FileRow]:
    """Return each method's smallest file within `max_drop` points, or its most accurate one."""
    chosen = []
    for method in dict.fromkeys(row.method for row in files if row.model == facts.model):
        rows = [row for row in files if (row.model, row.method) == (facts.model, method)]
        rated = [(row, row.accuracy) for row in rows if row.accuracy is not None]
        if not rated or facts.accuracy is None:
            continue
        kept = [row for row, accuracy in rated if keeps(accuracy, facts.accuracy, max_drop)]
        best = min(kept, key=lambda row: row.bytes) if kept else None
        chosen.append(best or max(rated, key=lambda pair: (pair[1], -pair[0].bytes))[0])
    return chosen


def keeps(accuracy: float, reference: float, max_drop: float) -> bool:
    """Return whether an accuracy is at most `max_drop` points down, decimals not in the way."""
    return accuracy >= reference - max_drop - 1e-9


def sweep(
    grid: Sequence[float],
    measure: Callable[[float], FileRow],
    reference: float | None,
    max_drop: float,
    refine: int,
    middle: Callable[[float, float], float],
) -> list[FileRow]:
    """Measure a grid from its largest file on, then bisect where the accuracy is lost.

    Stops in the grid once the accuracy is hopeless; without `reference` all of it is measured.
    """
    rows: list[FileRow] = []
    for setting in grid:
        rows.append(measure(setting))
        accuracy = rows[-1].accuracy
        if reference is not None and accuracy is not None and accuracy < reference - GIVE_UP:
            break
    if reference is None:
        return rows

    def good(row: FileRow) -> bool:
        return row.accuracy is not None and keeps(row.accuracy, reference, max_drop)

    last = max((i for i, row in enumerate(rows) if good(row)), default=None)
    if last is None or last + 1 == len(rows):
        return rows
    inside, outside = rows[last].setting, rows[last + 1].setting
    for _ in range(refine):
        setting = middle(inside, outside)
        if setting in (inside, outside):
            break
        rows.append(measure(setting))
        inside, outside = (setting, outside) if good(rows[-1]) else (inside, setting)
    return rows


def _files(
    plan: Plan,
    subject: Subject,
    facts: Facts,
    evaluate: Evaluate | None,
    peer: Nncodec | None,
    say: Callable[[str], None],
) -> list[FileRow]:
    rows: list[FileRow] = []
    rules = facts.accuracy, plan.max_drop, plan.refine
    for name, grid in plan.quantizers.items():
        quantizer = find_quantizer(name)

        def ours(setting: float, quantizer: Quantizer = quantizer) -> FileRow:
            say(f"{subject.name}: {quantizer.name} at {setting:g}")
            return measure_file(subject, quantizer, setting, evaluate)

        rows += sweep(grid, ours, *rules, _whole if quantizer.whole else _geometric)
    for variant in plan.peers if peer else ():

        def theirs(setting: float, variant: str = variant) -> FileRow:
            assert peer is not None
            say(f"{subject.name}: {variant} at {setting:g}")
            return measure_peer(subject, peer, variant, int(setting), evaluate)

        rows += sweep(plan.qps, theirs, *rules, lambda a, b: (a + b) // 2)
    return rows


def _geometric(a: float, b: float) -> float:
    return float(f"{math.sqrt(a * b):.4g}")


def _whole(a: float, b: float) -> float:
    return float(round(math.sqrt(a * b)))


def _coder_settings(plan: Plan, facts: Facts, files: Sequence[FileRow]) -> list[tuple[str, float]]:
    """Return where coders are compared: at the settings chosen, or everywhere without accuracy."""
    chosen = {row.method: row.setting for row in choose(files, facts, plan.max_drop)}
    pairs = []
    for name, grid in plan.quantizers.items():
        setting = chosen.get(f"pauca/{name}")
        pairs += [(name, setting)] if setting is not None else [(name, s) for s in grid]
    return pairs


def _machine(nncodec: str) -> Machine:
    machine = describe_machine()
    versions = dict(machine.versions)
    for library in ("zstandard", "zipnn", "safetensors", "onnx"):
        try:
            versions[library] = metadata.version(library)
        except metadata.PackageNotFoundError:
            continue
    if nncodec:
        versions["nncodec"] = nncodec
    return dataclasses.replace(machine, versions=versions)


def _settings(plan: Plan) -> dict[str, str]:
    texts = {name: find_quantizer(name).settings for name in plan.quantizers}
    texts |= {name: find_coder(name).settings for name in plan.coders}
    texts |= {name: find_packer(name).settings for name in plan.packers}
    texts |= {
        name: ", ".join(f"{key} {value}" for key, value in VARIANTS[name].items())
        for name in plan.peers
    }
    return texts
