"""Input and output of the verbs: paths, `-` for the standard streams, JSON, progress."""

import contextlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import typer

from pauca.container.files import atomic_write, check_target, read_file
from pauca.errors import InputError
from pauca.limits import Limits

STANDARD = "-"


def read_input(path: str) -> bytes:
    """Return the bytes of `path` or, for `-`, of standard input, within the default limits."""
    if path != STANDARD:
        return read_file(path)
    data = open_standard_input().read(Limits().max_bytes + 1)
    Limits().check_bytes(len(data))
    return data


def open_standard_input() -> BinaryIO:
    """Return standard input as a binary file; `InputError` if it is a terminal."""
    if sys.stdin is None or sys.stdin.isatty():
        raise InputError("standard input is a terminal; name a file or use a pipe")
    return sys.stdin.buffer


def check_output(path: str, force: bool) -> None:
    """Raise `InputError` if `write_output` would be refused; call it before the work."""
    if path != STANDARD:
        check_target(path, force)
    elif sys.stdout is None or sys.stdout.isatty():
        raise InputError("refusing to write binary data to a terminal; use -o FILE or a pipe")


def check_report(output: str, json: bool) -> None:
    """Raise a usage error where result and report would share standard output."""
    if json and output == STANDARD:
        raise typer.BadParameter("--json and -o - both want standard output; give one")


def write_output(path: str, data: bytes, force: bool) -> None:
    """Write `data` to `path` whole or not at all, or to standard output for `-`."""
    if path != STANDARD:
        atomic_write(path, data, force)
        return
    check_output(path, force)
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def suffix(path: str) -> str:
    """Return the extension of a picture's path; PNG for standard output."""
    return ".png" if path == STANDARD else Path(path).suffix


def print_json(record: dict[str, Any]) -> None:
    """Print `record` as one line of JSON on standard output."""
    print(json.dumps(record, ensure_ascii=False))


def warn(text: str) -> None:
    """Say something on standard error that is no failure."""
    print(f"pauca: {text}", file=sys.stderr)


def report(line: str, record: dict[str, Any] | None = None) -> None:
    """Print `record` as JSON on standard output or, without one, `line` on standard error."""
    if record is None:
        print(line, file=sys.stderr)
    else:
        print_json(record)


@contextlib.contextmanager
def progress(text: str) -> Iterator[Callable[[str], None]]:
    """Show `text` with a spinner while standard error is a terminal; give what changes it."""
    if not sys.stderr.isatty():
        yield lambda text: None
        return
    from rich.console import Console

    with Console(stderr=True).status(text) as status:
        yield status.update


@contextlib.contextmanager
def bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar with rate and time left while standard error is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn()
    with Progress(*columns, transient=True) as progress:
        task = progress.add_task(text, total=None)
        start, first = time.perf_counter(), 0

        def tell(done: int, total: int) -> None:
            nonlocal first
            first = first or done  # an encode that goes on does not start at 1
            rate = (done - first + 1) / max(time.perf_counter() - start, 1e-9)
            progress.update(
                task, completed=done, total=total or None,
                description=f"{text}: {done}/{total or '?'}, {rate:.1f} a second",
            )  # fmt: skip

        yield tell
