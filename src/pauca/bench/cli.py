"""`pauca bench`: measure, compare, write down. Heavy imports wait for the command."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pauca.bench import blocks_cli, nn_cli, sr_cli, video_cli
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
    from pauca.bench.report import Report
    from pauca.bench.run import Plan

app = typer.Typer(no_args_is_help=True, help="Measure codecs against each other.")

Codecs = Annotated[
    str,
    typer.Option(
        help="jpeg, webp, avif, avif444, jxl, heic, heic444, pauca[:PACK[@EFFORT]],"
        " separated by commas."
    ),
]
Qualities = Annotated[
    list[str] | None,
    typer.Option(
        help="Settings for all codecs (10,50,90) or one (jpeg=10,50,90); may be repeated."
    ),
]
Data = Annotated[Path, typer.Option(help="Folder of pictures, for example Kodak.")]
Published = Annotated[Path | None, typer.Option(help="JSON of published curves to add.")]
Curves = Annotated[str, typer.Option(help="Published curves to take, by name; default all.")]
References = Annotated[
    str, typer.Option(help="Curves to compare with; by default every measured peer.")
]
MaxBpp = Annotated[
    float, typer.Option(min=0, help="BD-rate counts up to this rate; 0 for all rates.")
]
Plot = Annotated[Path | None, typer.Option(help="Write the two plots here, PNG.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Processes; 0: one per core.")]


@app.callback()
def bench() -> None:
    """Measure codecs against each other."""


app.command()(nn_cli.nn)
app.command()(sr_cli.sr)
app.command()(blocks_cli.blocks)
app.command()(video_cli.video)


@app.command()
def image(
    data: Data,
    codecs: Codecs = "jpeg,webp,avif,jxl,heic,pauca",
    qualities: Qualities = None,
    published: Published = None,
    curves: Curves = "",
    references: References = "",
    max_bpp: MaxBpp = 1.5,
    json: Json = None,
    plot: Plot = None,
    markdown: Markdown = None,
    jobs: Jobs = 1,
    force: Force = False,
) -> None:
    """Rate, PSNR, MS-SSIM and times of picture codecs over a folder, and their BD-rates."""
    from pauca.bench.curves import load_curves
    from pauca.bench.report import load_matplotlib, print_report, to_json, to_markdown, to_plot
    from pauca.bench.run import make_plan
    from pauca.pack.runtime import threads_of

    check_outputs((json, plot, markdown), force)
    if plot:
        load_matplotlib()
    plan = make_plan(
        data,
        split(codecs),
        qualities or [],
        load_curves(published, split(curves)) if published else [],
        split(references),
        max_bpp or None,
        threads_of(jobs),
    )
    report = _run_with_progress(plan)
    outputs = ((json, to_json), (plot, to_plot), (markdown, to_markdown))
    write_outputs(report, outputs, force)
    print_report(report, report_console())


def _run_with_progress(plan: "Plan") -> "Report":
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    from pauca.bench.run import run

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    command = shlex.join(["pauca", *sys.argv[1:]])
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("", total=plan.steps)
        return run(plan, command, lambda: progress.advance(task))
