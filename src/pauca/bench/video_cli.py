"""`pauca bench video`: its options, and what the terminal sees of a run."""

import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from pauca.bench.outputs import (
    Force,
    Json,
    Markdown,
    check_outputs,
    numbers,
    report_console,
    split,
    write_outputs,
)

Data = Annotated[Path, typer.Option(help="Folder of videos; .y4m.xz too.")]
Methods = Annotated[
    str,
    typer.Option(
        help="h264, hevc, av1, each also with +generic or +fitted and +half; separated by commas."
    ),
]
Crfs = Annotated[str, typer.Option(help="CRFs, separated by commas.  [default: four, by encoder]")]
Effort = Annotated[int, typer.Option("--effort", "-e", min=1, max=9, help="As in `encode`.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Threads; 0 for all cores.")]
Plot = Annotated[Path | None, typer.Option(help="Write the plots here, PNG.")]
Crops = Annotated[Path | None, typer.Option(help="Write crops at about equal bytes here, PNG.")]


def video(
    data: Data,
    methods: Methods = "h264,hevc,av1",
    crfs: Crfs = "",
    effort: Effort = 5,
    jobs: Jobs = 0,
    json: Json = None,
    markdown: Markdown = None,
    plot: Plot = None,
    crops: Crops = None,
    force: Force = False,
) -> None:
    """BD-rate by PSNR-Y, MS-SSIM and VMAF, and speed, of encoders with and without filters."""
    from rich.console import Console

    from pauca.bench.report import markdown as to_markdown
    from pauca.bench.report import print_found
    from pauca.bench.video import parse_method, run
    from pauca.bench.video_report import facts, tables, to_json
    from pauca.bench.video_report import plot as draw
    from pauca.pack.runtime import threads_of

    check_outputs((json, markdown, plot, crops), force)
    found = [parse_method(name) for name in split(methods)]
    values = numbers("--crfs", crfs)
    command = shlex.join(["pauca", *sys.argv[1:]])
    with Console(stderr=True).status("") as status:
        report, draw_crops = run(
            data, found, values, effort, threads_of(jobs), command, status.update
        )
    outputs = (
        (json, to_json),
        (markdown, lambda report: to_markdown(facts(report), tables(report))),
        (plot, draw),
        (crops, lambda report: draw_crops()),
    )
    write_outputs(report, outputs, force)
    print_found(facts(report), tables(report), report_console())
