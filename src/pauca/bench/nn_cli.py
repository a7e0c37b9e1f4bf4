"""`pauca bench nn`: its options, and what the terminal sees of a run."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pauca.bench.outputs import (
    Force,
    Json,
    Markdown,
    check_outputs,
    report_console,
    split,
    write_outputs,
)

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
Plot = Annotated[Path | None, typer.Option(help="Write the plot here, PNG.")]


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
    from pauca.bench.nn_report import print_report, to_json, to_markdown, to_plot
    from pauca.bench.nn_run import QPS, Plan, check_plan, load_subjects, parse_settings
    from pauca.bench.report import load_matplotlib

    check_outputs((json, plot, markdown), force)
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
    outputs = ((json, to_json), (plot, to_plot), (markdown, to_markdown))
    write_outputs(report, outputs, force)
    print_report(report, report_console())


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
