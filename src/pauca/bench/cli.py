"""`pauca bench`: measure, compare, write down. Heavy imports wait for the command."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pauca.bench import nn_cli, sr_cli
from pauca.bench.machine import available_cores

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
Json = Annotated[Path | None, typer.Option(help="Write every number here.")]
Plot = Annotated[Path | None, typer.Option(help="Write the two plots here, PNG.")]
Markdown = Annotated[Path | None, typer.Option(help="Write the tables here.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Processes; 0: one per core.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace output files.")]


@app.callback()
def bench() -> None:
    """Measure codecs against each other."""


app.command()(nn_cli.nn)
app.command()(sr_cli.sr)


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
    from rich.console import Console

    from pauca.bench.curves import load_curves
    from pauca.bench.report import load_matplotlib, print_report, to_json, to_markdown, to_plot
    from pauca.bench.run import make_plan
    from pauca.container.files import atomic_write, check_target

    for target in (json, plot, markdown):
        if target:
            check_target(target, force)
    if plot:
        load_matplotlib()
    plan = make_plan(
        data,
        _split(codecs),
        qualities or [],
        load_curves(published, _split(curves)) if published else [],
        _split(references),
        max_bpp or None,
        jobs or available_cores(),
    )
    report = _run_with_progress(plan)
    for path, render in ((json, to_json), (plot, to_plot), (markdown, to_markdown)):
        if path:
            atomic_write(path, render(report), force)
    print_report(report, Console(width=None if sys.stdout.isatty() else 200))


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


def _split(names: str) -> list[str]:
    return [name.strip() for name in names.split(",") if name.strip()]
