"""`pauca bench nn`: its options, and what the terminal sees of a run."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pauca.bench.nn_run import NnReport, Plan

Models = Annotated[list[Path], typer.Option(help="A network's file; may be repeated.")]
Evaluate = Annotated[
    str,
    typer.Option(
        "--eval", help='Command that prints the accuracy in percent, "python eval.py {model}".'
    ),
]
MaxDrop = Annotated[
    float, typer.Option(min=0, help="Points of accuracy that a chosen file may lose.")
]
Quantizers = Annotated[str, typer.Option(help="Names, separated by commas.")]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        help="Settings of a quantizer instead of its own (nearest=0.5,1); may be repeated. Steps"
        " are in root mean squares of the nonzero weights."
    ),
]
Coders = Annotated[str, typer.Option(help="Coders of the same integers, separated by commas.")]
Packers = Annotated[
    str, typer.Option(help="Lossless coders of all tensors (zipnn too); empty for none.")
]
Peers = Annotated[
    str,
    typer.Option(
        help="nncodec, nncodec-uniform, nncodec-opt, nncodec-opt-uniform, nncodec-default,"
        " separated by commas."
    ),
]
Qps = Annotated[str, typer.Option(help="Quantization parameters of the peers (-32,-28).")]
NncodecPython = Annotated[
    str, typer.Option("--nncodec", help="Python that has nncodec, if not this one.")
]
Calibrations = Annotated[
    list[Path] | None,
    typer.Option(help="What a model's quantizers may know (npz); one for each --model."),
]
Refine = Annotated[int, typer.Option(min=0, help="Bisections where the accuracy is lost.")]
Json = Annotated[Path | None, typer.Option(help="Write every number here.")]
Plot = Annotated[Path | None, typer.Option(help="Write the plot here, PNG.")]
Markdown = Annotated[Path | None, typer.Option(help="Write the tables here.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace output files.")]


def nn(
    model: Models,
    evaluate: Evaluate = "",
    max_drop: MaxDrop = 0.1,
    quantizers: Quantizers = "nearest,weighted,kmeans,lloyd",
    settings: Settings = None,
    coders: Coders = "pauca,huffman,csr-huffman,gzip,bzip2,xz,zstd",
    packers: Packers = "gzip,bzip2,xz,zstd",
    peers: Peers = "",
    qps: Qps = "",
    nncodec: NncodecPython = "",
    calibration: Calibrations = None,
    refine: Refine = 3,
    json: Json = None,
    plot: Plot = None,
    markdown: Markdown = None,
    force: Force = False,
) -> None:
    """Size and accuracy of networks: quantizers, coders, complete files, lossless sizes."""
    from rich.console import Console

    from pauca.bench.nn_report import print_report, to_json, to_markdown, to_plot
    from pauca.bench.nn_run import QPS, Plan, check_plan, load_subjects, parse_settings
    from pauca.bench.report import load_matplotlib
    from pauca.container.files import atomic_write, check_target

    for target in (json, plot, markdown):
        if target:
            check_target(target, force)
    if plot:
        load_matplotlib()
    plan = Plan(
        load_subjects(model, calibration or []),
        parse_settings(split(quantizers), settings or []),
        tuple(split(coders)),
        tuple(split(packers)),
        tuple(split(peers)),
        _integers(qps) or QPS,
        nncodec,
        evaluate,
        max_drop,
        refine,
    )
    check_plan(plan)
    report = _run_with_status(plan)
    for path, render in ((json, to_json), (plot, to_plot), (markdown, to_markdown)):
        if path:
            atomic_write(path, render(report), force)
    print_report(report, Console(width=None if sys.stdout.isatty() else 200))


def _run_with_status(plan: "Plan") -> "NnReport":
    from rich.console import Console

    from pauca.bench.nn_run import run_plan

    console = Console(stderr=True)
    command = shlex.join(["pauca", *sys.argv[1:]])
    if not console.is_terminal:
        return run_plan(plan, command)
    with console.status("") as status:
        return run_plan(plan, command, status.update)


def _integers(text: str) -> tuple[int, ...]:
    from pauca.errors import InputError

    try:
        return tuple(int(word) for word in split(text))
    except ValueError as error:
        raise InputError(f"{text!r} are not integers separated by commas") from error


def split(names: str) -> list[str]:
    """Return the words of a list that is separated by commas."""
    return [name.strip() for name in names.split(",") if name.strip()]
