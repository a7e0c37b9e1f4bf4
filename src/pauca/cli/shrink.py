"""`pauca shrink`: a line for every trial, the best one in the file, a report beside it."""

from __future__ import annotations

import hashlib
import os
import shlex
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from pauca.cli import files
from pauca.cli.options import Force, Json
from pauca.errors import InputError

if TYPE_CHECKING:
    from pauca.nn.model import Network
    from pauca.nn.shrinking.api import Job, ShrinkResult
    from pauca.nn.shrinking.samples import Samples
    from pauca.nn.shrinking.trial import Trial
    from pauca.nn.shrinking.workshop import Budget

FOLDER = ".shrink"  # behind the output's name: journal, trained networks, report

Model = Annotated[
    Path, typer.Argument(metavar="MODEL", help="ONNX, or with --module safetensors, .pt, npz.")
]
Out = Annotated[Path, typer.Option("--output", "-o", metavar="OUT", help="Stream, .pauca.")]
Recipe = Annotated[str, typer.Option(help="auto, or a file of steps; see docs/shrink.md.")]
Eval = Annotated[
    str,
    typer.Option(
        "--eval", metavar="CMD", help="Command that prints the accuracy of the network {model}."
    ),
]
MaxDrop = Annotated[
    float, typer.Option("--max-drop", min=0, help="How much the accuracy may fall, in its unit.")
]
Data = Annotated[
    Path | None,
    typer.Option(help="npz of samples, by the names of the inputs; y: labels to train on."),
]
Factory = Annotated[
    str, typer.Option("--module", metavar="FILE.py:NAME", help="What makes the torch module.")
]
Train = Annotated[
    str,
    typer.Option(metavar="FILE.py:NAME", help="Trains a module in place; else on --data with y."),
]
Epochs = Annotated[float, typer.Option(min=0.01, help="Of training on --data after a pass.")]
Rate = Annotated[float, typer.Option(min=1e-7, help="Learning rate of that training.")]
Onnx = Annotated[
    bool, typer.Option("--onnx", help="End as an ONNX graph: layers may get other shapes.")
]
Wish = Annotated[
    str, typer.Option("--aim", help="What counts: size, speed, or both (their product).")
]
Limit = Annotated[str, typer.Option(metavar="N|Nm|Nh", help="Trials, minutes or hours at most.")]
Batch = Annotated[int, typer.Option(min=1, help="Samples of the run that is timed.")]
Plot = Annotated[Path | None, typer.Option(help="Pareto plot, .png or .svg (extra: bench).")]
Threads = Annotated[
    int, typer.Option("--jobs", "-j", min=0, help="Threads, the command's too; 0 for all cores.")
]


@dataclass(frozen=True)
class Request:
    """The options that a search depends on."""

    recipe: str
    eval: str
    max_drop: float
    data: Path | None
    module: str
    train: str
    epochs: float
    rate: float
    onnx: bool
    aim: str
    batch: int


def shrink(
    model: Model,
    output: Out,
    eval: Eval,
    max_drop: MaxDrop = 0.3,
    recipe: Recipe = "auto",
    data: Data = None,
    module: Factory = "",
    train: Train = "",
    epochs: Epochs = 1.0,
    rate: Rate = 1e-3,
    onnx: Onnx = False,
    aim: Wish = "size",
    budget: Limit = "60",
    batch: Batch = 64,
    plot: Plot = None,
    jobs: Threads = 1,
    force: Force = False,
    json: Json = False,
) -> None:
    """Make a network smaller and faster by passes and coding, its accuracy held by a command.

    The same command goes on where it was stopped; -f begins anew.
    """
    if jobs:  # read when numpy and torch are loaded, by the evaluation as well
        os.environ |= {name: str(jobs) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
    from pauca.bench.shrink_report import record_of, summary
    from pauca.nn.search import CommandEvaluation
    from pauca.nn.shrinking.api import run_job

    files.check_output(str(output), force)
    _check_plot(plot, force)
    request = Request(
        recipe, eval, max_drop, data, module, train, epochs, rate, onnx, aim, batch
    )  # fmt: skip
    evaluation = CommandEvaluation(eval)
    evaluation.words("")  # a wrong command is found before the work
    job = _job(model, request, _budget(budget), output.with_name(output.name + FOLDER), force)
    result = run_job(job, lambda network, _: evaluation(network), None if json else _tell)
    files.write_output(str(output), result.stream, force)
    _write_reports(result, job.folder or output.parent, plot, force)
    files.report(f"{output}: {summary(result)}", record_of(result) if json else None)


def _job(path: Path, request: Request, budget: Budget, folder: Path, force: bool) -> Job:
    from pauca.nn.model import read_network
    from pauca.nn.shrinking.api import Job, recipe_of
    from pauca.nn.shrinking.samples import read_samples

    data = files.read_input(str(path))
    network = read_network(data, folder=path.resolve().parent)
    samples = None if request.data is None else read_samples(request.data)
    identity = _identity(data, request)
    if network.kind == "onnx":
        if request.module or request.train or request.onnx:
            raise InputError("--module, --train and --onnx are for torch modules, not for ONNX")
        from pauca.nn.passes.onnx_graph import load_model

        model, train = load_model(data), None
    else:
        model, train = _torch(network, request, samples)
    return Job(
        model, len(data), request.max_drop, recipe_of(request.recipe), samples, train, request.aim,
        False, request.onnx, budget, request.batch, folder, force, identity,
    )  # fmt: skip


def _torch(network: Network, request: Request, samples: Samples | None) -> tuple[Any, Any]:
    if not request.module:
        raise InputError("tensors alone need --module FILE.py:NAME, which makes the torch module")
    from pauca.nn.shrinking.entry import default_trainer
    from pauca.nn.shrinking.factory_torch import module_of, trainer_of

    module = module_of(network, request.module)
    if request.train:
        return module, trainer_of(request.train)
    if samples is None or samples.labels is None:
        return module, None
    return module, default_trainer(module, samples, epochs=request.epochs, rate=request.rate)


def _identity(data: bytes, request: Request) -> dict[str, str]:
    """Return what the trials depend on; a journal of another search is refused."""
    found = {"model": hashlib.sha256(data).hexdigest(), "eval": request.eval}
    if request.data is not None:
        found["data"] = hashlib.sha256(files.read_input(str(request.data))).hexdigest()
    training = (request.module, request.train, request.epochs, request.rate)
    return found | {"training": " ".join(map(str, training)), "batch": str(request.batch)}


def _budget(text: str) -> Budget:
    from pauca.nn.shrinking.workshop import Budget

    unit = text[-1:] if text[-1:] in ("m", "h") else ""
    try:
        number = float(text.removesuffix(unit))
    except ValueError as error:
        raise InputError(f"--budget is N trials, Nm minutes or Nh hours, not {text!r}") from error
    if unit:
        return Budget(10**9, number * (60 if unit == "h" else 1))
    return Budget(int(number))


def _tell(trial: Trial) -> None:
    from pauca.bench.shrink_report import HEAD, row_of

    for row in ([HEAD] if trial.number == 0 else []) + [row_of(trial)]:
        number, size, accuracy, latency, seconds, _, recipe = row
        line = f"{number:>5} {size:>10} {accuracy:>9} {latency:>8} {seconds:>7}  {recipe}"
        print(line, file=sys.stderr, flush=True)


def _check_plot(plot: Path | None, force: bool) -> None:
    if plot is None:
        return
    from pauca.bench.report import load_matplotlib
    from pauca.container.files import check_target

    if plot.suffix.lower() not in (".png", ".svg"):
        raise InputError("--plot is a .png or an .svg")
    check_target(plot, force)
    load_matplotlib()


def _write_reports(result: ShrinkResult, folder: Path, plot: Path | None, force: bool) -> None:
    from pauca.bench.shrink_report import to_json, to_markdown, to_plot
    from pauca.container.files import atomic_write
    from pauca.errors import MissingExtraError

    command = shlex.join(["pauca", *sys.argv[1:]])
    atomic_write(folder / "report.json", to_json(result, command), True)
    atomic_write(folder / "report.md", to_markdown(result, command), True)
    try:
        atomic_write(folder / "pareto.png", to_plot(result), True)
    except MissingExtraError:
        pass  # the tables say the same
    if plot is not None:
        atomic_write(plot, to_plot(result, plot.suffix[1:].lower()), force)
