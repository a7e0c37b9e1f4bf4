"""What the verbs of `pauca bench` share: output files, lists in options, the console."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from rich.console import Console

Report = TypeVar("Report")

Json = Annotated[Path | None, typer.Option(help="Write every number here.")]
Markdown = Annotated[Path | None, typer.Option(help="Write the tables here.")]
Force = Annotated[bool, typer.Option("--force", "-f", help="Replace output files.")]


def check_outputs(paths: Sequence[Path | None], force: bool) -> None:
    """Refuse what `write_outputs` would, before minutes of measuring."""
    from pauca.container.files import check_target

    for path in paths:
        if path:
            check_target(path, force)


def write_outputs(
    report: Report, outputs: Sequence[tuple[Path | None, Callable[[Report], bytes]]], force: bool
) -> None:
    """Write every output that has a path, each before the next is drawn."""
    from pauca.container.files import atomic_write

    for path, render in outputs:
        if path:
            atomic_write(path, render(report), force)


def report_console() -> "Console":
    """Return standard output as a console; wide where it is no terminal, so that tables fit."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 200)


def split(names: str) -> list[str]:
    """Return the words of a list that is separated by commas."""
    return [name.strip() for name in names.split(",") if name.strip()]


def numbers(option: str, words: str) -> list[float]:
    """Numbers separated by commas; a usage error names the option."""
    try:
        return [float(word) for word in split(words)]
    except ValueError as error:
        raise typer.BadParameter(f"{option} {words}: numbers, separated by commas") from error
