"""The entry point: verbs, exit codes (0 ok, 1 failure, 2 usage) and one line per error."""

import sys
import warnings
from typing import Annotated

import typer

from pauca import __version__
from pauca.cli import codec, info, shrink, upscale, verify
from pauca.cli.frame import FORWARD, PLAIN, ROOT, forward, run_command

app = typer.Typer(
    name="pauca", help="Make pictures, video and neural networks smaller by learning.", **ROOT
)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"pauca {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks.")] = False,
) -> None:
    """Make pictures, video and neural networks smaller by learning."""


app.command("encode")(codec.encode)
app.command("decode")(codec.decode)
app.command("upscale")(upscale.upscale)
app.command("shrink")(shrink.shrink)
app.command("info")(info.info)
app.command("verify")(verify.verify)
app.command("models")(info.models)


@app.command("bench", **FORWARD)
def bench(context: typer.Context) -> None:
    """Measure codecs side by side: rate, distortion, seconds."""
    from pauca.bench.cli import app as verbs

    _forward("bench", verbs, context.args)


@app.command("train", **FORWARD)
def train(context: typer.Context) -> None:
    """Train a model (extra: train)."""
    from pauca.image import train_cli
    from pauca.sr import train_cli as sr_cli
    from pauca.video.filters import train_cli as filter_cli

    verbs = typer.Typer(help="Train a model.")
    verbs.command("image")(train_cli.train)
    verbs.command("look")(train_cli.train_look)
    verbs.command("sr")(sr_cli.train)
    verbs.command("sr-look")(sr_cli.train_look)
    verbs.command("video-filter")(filter_cli.train)
    _forward("train", verbs, context.args)


@app.command("export", **FORWARD)
def export(context: typer.Context) -> None:
    """Turn a checkpoint into a model pack (extra: train)."""
    from pauca.image import train_cli
    from pauca.sr import train_cli as sr_cli
    from pauca.video.filters import train_cli as filter_cli

    verbs = typer.Typer(help="Turn a checkpoint into a model pack.")
    verbs.command("image")(train_cli.export)
    verbs.command("look")(train_cli.export_look)
    verbs.command("sr")(sr_cli.export)
    verbs.command("video-filter")(filter_cli.export)
    _forward("export", verbs, context.args)


def main(args: list[str] | None = None) -> int:
    """Run the command line `args` (default: of this process) and return its exit code."""
    arguments = list(sys.argv[1:] if args is None else args)
    # Accepted before and after the verb: it is typed after something has gone wrong.
    debug = _pop_flag(arguments, "--debug")
    if not debug:
        warnings.simplefilter("ignore")
    return run_command(app, "pauca", arguments, debug)


def _forward(name: str, verbs: typer.Typer, args: list[str]) -> None:
    # A group around the group: typer turns a lone single-command app into a plain command.
    outer = typer.Typer(**PLAIN)
    outer.add_typer(verbs, name=name)
    forward(outer, "pauca", [name, *(args or ["--help"])])


def _pop_flag(arguments: list[str], flag: str) -> bool:
    found = flag in arguments
    while flag in arguments:
        arguments.remove(flag)
    return found


if __name__ == "__main__":
    sys.exit(main())
