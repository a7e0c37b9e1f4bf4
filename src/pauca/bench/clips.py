"""Clips of a folder for benches of video, packed by xz or not."""

from __future__ import annotations

import lzma
from pathlib import Path

from pauca.errors import InputError
from pauca.streams.library import SUFFIXES


def clips_in(folder: Path) -> list[Path]:
    """Videos of a folder, sorted; `InputError` if there are none."""
    if not folder.is_dir():
        raise InputError(f"no folder {folder}")
    suffixes = (*SUFFIXES, ".xz")
    found = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in suffixes]
    if not found:
        raise InputError(f"no videos in {folder}")
    return found


def clip_name(path: Path) -> str:
    """What tables call a clip."""
    return path.name.split(".")[0]


def unpacked(path: Path, folder: Path) -> Path:
    """The clip itself, or, unpacked into `folder`, what .xz holds."""
    if path.suffix != ".xz":
        return path
    plain = folder / path.stem
    plain.write_bytes(lzma.decompress(path.read_bytes()))
    return plain
