"""PyAV (FFmpeg), loaded when it is needed, and its errors as ours."""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pauca.errors import InputError, MissingExtraError, UnsupportedError

SUFFIXES = (
    ".mp4", ".m4v", ".mkv", ".mov", ".webm", ".avi", ".y4m", ".ts", ".mpg", ".mpeg",
    ".264", ".h264", ".265", ".h265", ".hevc", ".obu", ".ivf", ".flv", ".mts", ".m2ts", ".3gp",
    ".wmv", ".ogv",
)  # fmt: skip
X26_PRESETS = (  # of x264 and x265, but for placebo
    "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow",
)  # fmt: skip
X265_LEAST = 64


def local(path: str | os.PathLike[str]) -> str:
    """A path that FFmpeg takes for one, whatever stands before a colon."""
    return os.path.abspath(path)


def load_av() -> Any:
    """Return the package `av`, silent; `MissingExtraError` if it is not installed."""
    # SVT-AV1 writes a page about itself to standard error unless this is set before it starts.
    os.environ.setdefault("SVT_LOG", "0")
    try:
        import av
    except ImportError as error:
        raise MissingExtraError('video needs PyAV: pip install "pauca[video]"') from error
    av.logging.set_level(av.logging.PANIC)
    return av


@contextlib.contextmanager
def named(av: Any, action: str, source: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of FFmpeg inside the block into `InputError`: "cannot ACTION SOURCE: ..."."""
    try:
        yield
    except (av.error.FFmpegError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot {action} {os.fspath(source)}: {reason}") from error


def check_x265(width: int, height: int) -> None:
    """Raise `UnsupportedError` on pictures for which FFmpeg gives x265 coding units of 32: with
    these it often corrupts its memory.
    """
    if min(width, height) < X265_LEAST:
        raise UnsupportedError(
            f"x265 codes pictures from {X265_LEAST} x {X265_LEAST} on, not {width} x {height}"
        )


def steady_x264() -> dict[str, str]:
    """Options with which x264 gives the same bytes for the same frames, at the same speed.

    The AVX-512 code of macroblock-tree in its version 165 reads memory that nobody has written.
    """
    return {"x264-params": "asm=AVX2,BMI2,FMA3,LZCNT"} if _has_avx512() else {}


@functools.cache
def _has_avx512() -> bool:
    try:
        return " avx512f " in Path("/proc/cpuinfo").read_text()
    except OSError:
        return False
