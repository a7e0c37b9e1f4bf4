"""`pauca bench sr`: its options, and what the terminal sees of a run."""

import shlex
import sys
from collections.abc import Sequence
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

Data = Annotated[list[Path] | None, typer.Option(help="Folder of large pictures; may be repeated.")]
Clips = Annotated[
    Path | None, typer.Option(help="Folder of videos: enlarge them after x265 at half size, too.")
]
Crfs = Annotated[str, typer.Option(help="Constant rate factors of x265 for --clips.")]
Methods = Annotated[
    str,
    typer.Option(
        help="nearest, bilinear, bicubic, lanczos, a pack (name or folder; @onnxruntime or"
        " @openvino for another runtime), an ONNX file; separated by commas."
    ),
]
Scale = Annotated[int, typer.Option("--scale", "-s", help="2 or 4.")]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=0, help="Threads; 0 for all cores.")]
LookMeasure = Annotated[
    str | None,
    typer.Option(
        "--look-measure", help="How natural pictures of --data look: piqe (pip install pypiqe)."
    ),
]
Crops = Annotated[Path | None, typer.Option(help="Write pieces side by side here, PNG.")]


def sr(
    data: Data = None,
    clips: Clips = None,
    crfs: Crfs = "23,28,33",
    methods: Methods = "nearest,bilinear,bicubic,lanczos,sr-x2-nano",
    scale: Scale = 2,
    jobs: Jobs = 0,
    json: Json = None,
    markdown: Markdown = None,
    crops: Crops = None,
    look_measure: LookMeasure = None,
    force: Force = False,
) -> None:
    """PSNR and SSIM of luma, operations and times of super-resolution."""
    from rich.console import Console

    from pauca.bench.report import markdown as to_markdown
    from pauca.bench.report import print_found
    from pauca.bench.sr import facts, run, tables, to_json
    from pauca.bench.sr_methods import make_method
    from pauca.pack.runtime import threads_of

    if scale not in (2, 4):
        raise typer.BadParameter("--scale must be 2 or 4")
    if (crops or look_measure) and not data:
        raise typer.BadParameter("--crops and --look-measure see pictures of --data")
    if crops and crops.suffix.lower() not in ("", ".png"):
        raise typer.BadParameter("--crops writes PNG")
    rates = numbers("--crfs", crfs)
    _check_sources(data or [], clips, rates)
    check_outputs((json, markdown, crops), force)
    threads = threads_of(jobs)
    made = [make_method(name, scale, threads) for name in split(methods)]
    if not made or len({method.name for method in made}) < len(made):
        raise typer.BadParameter("--methods are one at least, each of another name")
    command = shlex.join(["pauca", *sys.argv[1:]])
    with Console(stderr=True).status("") as status:
        report, sheet = run(
            data or [], made, scale, threads, command, status.update, clips, rates, look_measure
        )
    outputs = (
        (json, to_json),
        (markdown, lambda found: to_markdown(facts(found), tables(found))),
        (crops, lambda _: sheet),
    )
    write_outputs(report, outputs, force)
    print_found(facts(report), tables(report), report_console())


def _check_sources(data: list[Path], clips: Path | None, rates: Sequence[float]) -> None:
    """Raise a usage error on pictures and clips that no table can be made of."""
    if not (data or clips):
        raise typer.BadParameter("--data or --clips is needed")
    if len({folder.name for folder in data}) < len(data):
        raise typer.BadParameter("folders of --data must have different names")
    if not all(0 <= rate <= 51 for rate in rates) or (clips and not rates):
        raise typer.BadParameter("--crfs are 0 to 51, one at least")
