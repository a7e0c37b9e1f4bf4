"""The entry point: verbs, exit codes (0 ok, 1 failure, 2 usage) and one line per error."""

import os
import signal
import sys
import traceback
import warnings
from types import FrameType
from typing import Annotated, Any

import typer

from pauca import __version__
from pauca.cli import codec, info, upscale, verify
from pauca.errors import PaucaError

app = typer.Typer(
    name="pauca",
    help="Make pictures, video and neural networks smaller by learning.",
    rich_markup_mode=None,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# The verbs of development live in modules that import torch, numpy or matplotlib: their options
# are parsed by those modules, which are imported only when the verb is called.
_FORWARD: dict[str, Any] = {
    "add_help_option": False,
    "context_settings": {"allow_extra_args": True, "ignore_unknown_options": True},
}

# Package that may be missing -> the extra that brings it.
_EXTRAS = {
    "torch": "train",
    "onnx": "train",
    "matplotlib": "bench",
    "imagecodecs": "bench",
    "pillow_heif": "bench",
    "bjontegaard": "bench",
    "skimage": "bench",
}


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
app.command("info")(info.info)
app.command("verify")(verify.verify)
app.command("models")(info.models)


@app.command("bench", **_FORWARD)
def bench(context: typer.Context) -> None:
    """Measure codecs side by side: rate, distortion, seconds."""
    from pauca.bench.cli import app as verbs

    _forward("bench", verbs, context.args)


@app.command("train", **_FORWARD)
def train(context: typer.Context) -> None:
    """Train a model (extra: train)."""
    from pauca.image import train_cli
    from pauca.sr import train_cli as sr_cli

    verbs = typer.Typer(help="Train a model.")
    verbs.command("image")(train_cli.train)
    verbs.command("sr")(sr_cli.train)
    _forward("train", verbs, context.args)


@app.command("export", **_FORWARD)
def export(context: typer.Context) -> None:
    """Turn a checkpoint into a model pack (extra: train)."""
    from pauca.image import train_cli
    from pauca.sr import train_cli as sr_cli

    verbs = typer.Typer(help="Turn a checkpoint into a model pack.")
    verbs.command("image")(train_cli.export)
    verbs.command("sr")(sr_cli.export)
    _forward("export", verbs, context.args)


def main(args: list[str] | None = None) -> int:
    """Run the command line `args` (default: of this process) and return its exit code."""
    arguments = list(sys.argv[1:] if args is None else args)
    # Accepted before and after the verb: it is typed after something has gone wrong.
    debug = _pop_flag(arguments, "--debug")
    if not debug:
        warnings.simplefilter("ignore")
    signal.signal(signal.SIGTERM, _terminate)
    try:
        result = app(arguments or ["--help"], prog_name="pauca", standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _report(error)
    return result if isinstance(result, int) else 0


def _forward(name: str, verbs: typer.Typer, args: list[str]) -> None:
    # A group around the group: typer turns a lone single-command app into a plain command.
    outer = typer.Typer(pretty_exceptions_enable=False, add_completion=False, rich_markup_mode=None)
    outer.add_typer(verbs, name=name)
    code = outer([name, *(args or ["--help"])], prog_name="pauca", standalone_mode=False)
    if isinstance(code, int) and code:
        raise typer.Exit(code)


def _report(error: Exception) -> int:
    code = 1
    if hasattr(error, "exit_code") and hasattr(error, "format_message"):  # typer's usage errors
        code, message = int(error.exit_code), str(error.format_message())
    elif isinstance(error, PaucaError | OSError):
        message = str(error)
    elif isinstance(error, ModuleNotFoundError) and _missing_extra(error):
        message = f"{error.name} is not installed; pip install 'pauca[{_missing_extra(error)}]'"
    elif isinstance(error, MemoryError):
        message = "out of memory"
    else:
        message = f"internal error, please report it: {type(error).__name__}: {error}"
    print("pauca: error: " + " ".join(message.split()), file=sys.stderr)
    return code


def _missing_extra(error: ModuleNotFoundError) -> str | None:
    return _EXTRAS.get((error.name or "").split(".")[0])


def _pop_flag(arguments: list[str], flag: str) -> bool:
    found = flag in arguments
    while flag in arguments:
        arguments.remove(flag)
    return found


def _reader_left() -> int:
    # Python flushes stdout once more at exit, which would print a traceback of its own.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _terminate(signum: int, frame: FrameType | None) -> None:
    # As an exception, so that temporary files are removed on the way out.
    raise SystemExit(128 + signum)


if __name__ == "__main__":
    sys.exit(main())
