"""`pauca bench blocks`: its options, and what the terminal sees of a run."""

import shlex
import sys
from typing import Annotated

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

Blocks = Annotated[
    str,
    typer.Option(
        help="conv3x3, conv5x5, pointwise, depthwise, group4, fire, mobilenet-v1, mobilenet-v2,"
        " shufflenet-v1, shufflenet-v2, separated by commas; default all."
    ),
]
Sizes = Annotated[
    str, typer.Option(help="Channels and side of the picture (64x56), separated by commas.")
]
Jobs = Annotated[int, typer.Option("--jobs", "-j", min=1, help="Threads.")]
Seconds = Annotated[float, typer.Option(min=0, help="Time to measure each block.")]


def blocks(
    blocks: Blocks = "",
    sizes: Sizes = "32x112,64x56,128x28,256x14",
    jobs: Jobs = 1,
    seconds: Seconds = 1.0,
    json: Json = None,
    markdown: Markdown = None,
    force: Force = False,
) -> None:
    """Multiplications, parameters and times of light structures on this processor."""
    from rich.console import Console

    from pauca.bench.block_graphs import BLOCKS
    from pauca.bench.blocks import check_plan, facts, run, tables, to_json
    from pauca.bench.report import markdown as to_markdown
    from pauca.bench.report import print_found

    check_outputs((json, markdown), force)
    names, wanted = split(blocks) or list(BLOCKS), [_size(word) for word in split(sizes)]
    check_plan(names, wanted)
    command = shlex.join(["pauca", *sys.argv[1:]])
    with Console(stderr=True).status("") as status:
        report = run(names, wanted, jobs, seconds, command, status.update)
    outputs = (
        (json, to_json),
        (markdown, lambda found: to_markdown(facts(found), tables(found))),
    )
    write_outputs(report, outputs, force)
    print_found(facts(report), tables(report), report_console())


def _size(word: str) -> tuple[int, int]:
    from pauca.errors import InputError

    channels, _, side = word.partition("x")
    if not (channels.isdecimal() and side.isdecimal()):
        raise InputError(f"{word!r} is no size; write CHANNELSxSIDE, for example 64x56")
    return int(channels), int(side)
