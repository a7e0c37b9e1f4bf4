"""`pauca-dga`: score names, measure a detector, train one."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from pauca import __version__
from pauca.cli.frame import FORWARD, PLAIN, ROOT, forward, run_command
from pauca.errors import InputError

app = typer.Typer(name="pauca-dga", help="Find algorithmically generated domain names.", **ROOT)
Model = Annotated[str, typer.Option("--model", "-m", help="A shipped detector, or a folder.")]


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"pauca-dga {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Find algorithmically generated domain names."""


@app.command()
def score(
    files: Annotated[
        list[str] | None, typer.Argument(help="Inputs, also gzip; - or none: standard input.")
    ] = None,
    format: Annotated[
        str, typer.Option(help="auto, names (one a line), zeek, dnsmasq or pcap.")
    ] = "auto",
    pcap: Annotated[
        list[str] | None, typer.Option(help="A capture of packets; may be repeated (extra: dga).")
    ] = None,
    model: Model = "dga-ngram",
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            "-t",
            min=0.0,
            max=1.0,
            help="Score from which on a name is called dga; by default the detector's own, set "
            "for one false positive in a thousand on names held out of its training.",
        ),
    ] = None,
    tsv: Annotated[bool, typer.Option("--tsv", help="name, score, verdict between tabs.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Output file, written whole or not at all.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace the output file.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No summary at the end.")] = False,
) -> None:
    """Give every name a score from 0 to 1 and a verdict, one JSON line each, in order.

    The verdict is dga, ok, or unscored with a reason (addresses, single labels, what is no name).
    Of a log or a capture, every query gets a line. A pipe never holds half a line, even if the
    program is killed; a file is whole with --out.
    """
    from pauca.apps.dga import sources, stream
    from pauca.apps.dga.detector import load_detector
    from pauca.apps.dga.lines import Writer
    from pauca.container.files import atomic_path, check_target

    if format not in sources.FORMATS:
        raise InputError(f"no format {format!r}; one of {' '.join(sources.FORMATS)}")
    inputs = [(path, format) for path in files or ()] + [(path, "pcap") for path in pcap or ()]
    detector = load_detector(model)
    limit = detector.threshold if threshold is None else threshold
    form = stream.tsv_line if tsv else stream.json_line
    tally = stream.Tally()
    names = (
        batch for path, kind in inputs or [("-", format)] for batch in sources.names_in(path, kind)
    )
    try:
        if out is None:
            write = Writer(sys.stdout.fileno()).write
            stream.score_stream(names, detector, limit, form, write, tally)
        else:
            check_target(out, force)
            with atomic_path(out, force) as temp, temp.open("wb") as file:
                stream.score_stream(names, detector, limit, form, file.writelines, tally)
    finally:
        if not quiet and tally.names:
            print(f"pauca-dga: {tally}", file=sys.stderr)


@app.command("eval")
def evaluate(
    data: Annotated[Path, typer.Argument(help="CSV of domain,label,family; also gzip.")],
    model: Model = "dga-ngram",
    threshold: Annotated[float | None, typer.Option("--threshold", "-t", min=0.0, max=1.0)] = None,
    only: Annotated[
        str, typer.Option(help="Generated names of these families alone, between commas.")
    ] = "",
    bootstrap: Annotated[int, typer.Option(min=0, help="Samples for the intervals.")] = 1000,
    json_out: Annotated[
        Path | None, typer.Option("--json", help="Write every number here.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the tables here.")] = None,
    force: Annotated[bool, typer.Option("--force", "-f", help="Replace output files.")] = False,
) -> None:
    """Measure a detector on labelled names: AUC, TPR at FPR 1e-2 and 1e-3, families."""
    from pauca.apps.dga import evaluate as measure
    from pauca.apps.dga.data import read_names
    from pauca.apps.dga.detector import load_detector
    from pauca.container.files import atomic_write, check_target

    for path in (json_out, markdown):
        if path:
            check_target(path, force)
    detector = load_detector(model)
    names = read_names(data)
    if only:
        names = names.only(only.split(","))
    limit = detector.threshold if threshold is None else threshold
    what = (f"{detector.info.name} {detector.info.version}", data.name)
    report = measure.evaluate(names, detector.score_parts, limit, what, bootstrap)
    text = measure.markdown(report)
    if json_out:
        atomic_write(json_out, json.dumps(report.record(), indent=1).encode() + b"\n", force)
    if markdown:
        atomic_write(markdown, text.encode(), force)
    print(text, end="")


@app.command("train", **FORWARD)
def train(context: typer.Context) -> None:
    """Train a network or a detector (extra: train)."""
    _forward("train", context.args)


@app.command("export", **FORWARD)
def export(context: typer.Context) -> None:
    """Turn a checkpoint into a detector or an ONNX file (extra: train)."""
    _forward("export", context.args)


def _forward(verb: str, args: list[str]) -> None:
    from pauca.apps.dga import train_cli

    verbs = typer.Typer(**PLAIN)
    verbs.command("train")(train_cli.train)
    verbs.command("export")(train_cli.export)
    forward(verbs, "pauca-dga", [verb, *(args or ["--help"])])


def main(args: list[str] | None = None) -> int:
    """Run the command line and return its exit code: 0 ok, 1 failure, 2 usage."""
    return run_command(app, "pauca-dga", list(sys.argv[1:] if args is None else args))


if __name__ == "__main__":
    sys.exit(main())
