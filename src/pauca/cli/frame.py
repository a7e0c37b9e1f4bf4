"""What the package's commands share: how a command line runs, fails, and hands on to another."""

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Any

import typer

from pauca.errors import PaucaError

# Of every application and group: plain help, no completion, errors by `run_command`.
PLAIN: dict[str, Any] = {
    "rich_markup_mode": None,
    "add_completion": False,
    "pretty_exceptions_enable": False,
}
ROOT: dict[str, Any] = PLAIN | {"context_settings": {"help_option_names": ["-h", "--help"]}}

# Of verbs whose options are parsed by modules that import torch, numpy or matplotlib, which are
# imported only when the verb is called.
FORWARD: dict[str, Any] = {
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


def run_command(app: typer.Typer, name: str, arguments: list[str], debug: bool = False) -> int:
    """Run `app` as the command `name` and return the exit code: 0 ok, 1 failure, 2 usage.

    An error is one line on standard error, after its traceback with `debug`.
    """
    for ending in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(ending) is not signal.SIG_IGN:  # as nohup sets it
            signal.signal(ending, _terminate)
    try:
        result = app(arguments or ["--help"], prog_name=name, standalone_mode=False)
        sys.stdout.flush()
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return _reader_left()
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _report(name, error)
    return result if isinstance(result, int) else 0


def forward(app: typer.Typer, name: str, arguments: list[str]) -> None:
    """Run `app` for the command `name` as a part of it: its usage errors are the command's own."""
    code = app(arguments, prog_name=name, standalone_mode=False)
    if isinstance(code, int) and code:
        raise typer.Exit(code)


def _report(name: str, error: Exception) -> int:
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
    print(f"{name}: error: " + " ".join(message.split()), file=sys.stderr)
    return code


def _missing_extra(error: ModuleNotFoundError) -> str | None:
    return _EXTRAS.get((error.name or "").split(".")[0])


def _reader_left() -> int:
    # Python flushes stdout once more at exit, which would print a traceback of its own.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 1


def _terminate(signum: int, frame: FrameType | None) -> None:
    # As an exception, so that temporary files are removed on the way out.
    raise SystemExit(128 + signum)
