"""Inputs as batches of lines, whatever their length, in bounded memory."""

from __future__ import annotations

import contextlib
import gzip
import io
import os
import sys
import zlib
from collections.abc import Iterator
from typing import Any, BinaryIO, cast

from pauca.errors import InputError

BLOCK = 1 << 18
MAX_LINE = 1 << 16  # what is longer is cut, and its rest skipped
STANDARD = "-"
_GZIP = b"\x1f\x8b"

Reader = io.BufferedReader


@contextlib.contextmanager
def open_input(path: str) -> Iterator[Reader]:
    """Give the bytes of a file or, for `-`, of standard input; gzip is expanded. `InputError`."""
    with contextlib.ExitStack() as stack:
        try:
            if path == STANDARD:
                if sys.stdin is None or sys.stdin.isatty():
                    raise InputError("standard input is a terminal; name a file or use a pipe")
                raw = io.FileIO(sys.stdin.fileno(), closefd=False)
            else:
                raw = stack.enter_context(io.FileIO(path))
            file: Reader = io.BufferedReader(raw, BLOCK)
            if file.peek(2)[:2] == _GZIP:
                expanded = stack.enter_context(gzip.GzipFile(fileobj=cast(BinaryIO, file)))
                file = io.BufferedReader(cast(Any, expanded), BLOCK)
        except OSError as error:
            raise InputError(f"cannot read {path}: {error.strerror or error}") from None
        yield file


def read_block(file: Reader, path: str) -> bytes:
    """Return what is there, at least one byte unless the input ends; `InputError` if damaged."""
    try:
        return file.read1(BLOCK)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {path}: {error}") from None


def batches(file: Reader, path: str) -> Iterator[list[bytes]]:
    """Yield lines without their ends, as many at a time as have arrived; the last may lack one."""
    rest = b""
    skipping = False
    while block := read_block(file, path):
        if skipping:
            end = block.find(b"\n")
            if end < 0:
                continue
            skipping, block = False, block[end + 1 :]
        *lines, rest = (rest + block).split(b"\n")
        if len(rest) > MAX_LINE:
            lines.append(rest[:MAX_LINE])
            skipping, rest = True, b""
        if lines:
            yield lines
    if rest:
        yield [rest]


class Writer:
    """Lines to a descriptor, in whole lines and at most PIPE_BUF bytes at a time.

    A pipe takes such a write whole or not at all, so that its reader never sees half a line, even
    if this process is killed in between. A kill may cut a write to a file where a page of memory
    ends; to leave no half line there, let `--out` write it.
    """

    SIZE = 4096  # PIPE_BUF of Linux

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def write(self, lines: list[bytes]) -> None:
        """Write `lines`, each with its end and at most `SIZE` bytes."""
        begin = size = 0
        for i, line in enumerate(lines):
            if size + len(line) > self.SIZE:
                self._write(b"".join(lines[begin:i]))
                begin, size = i, 0
            size += len(line)
        self._write(b"".join(lines[begin:]))

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]
