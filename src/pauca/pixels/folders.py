"""Pictures in folders, as trainings and benches take them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pauca.errors import InputError

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".ppm", ".bmp"}


def find_pictures(folders: Sequence[Path]) -> list[Path]:
    """All picture files under the folders, sorted; InputError if there is none."""
    paths = sorted(
        p for folder in folders for p in Path(folder).rglob("*") if p.suffix.lower() in SUFFIXES
    )
    if not paths:
        raise InputError(f"no pictures under {', '.join(map(str, folders))}")
    return paths
