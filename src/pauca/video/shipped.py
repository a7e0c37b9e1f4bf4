"""The filters that are installed, by name and by what a stream says of them."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pauca.errors import InputError, PackError
from pauca.video.nnpf import StandardForm
from pauca.video.restore import Filter, Fit

NAMES = {1: "vf-restore", 2: "vf-sr2"}  # by scale


def has_filter(scale: int) -> bool:
    """Return whether the usual filter of `scale` is installed."""
    from pauca.pack.registry import list_models

    return bool(list_models(NAMES[scale]))


def shipped_filter(name: str | None, scale: int) -> Filter:
    """Return the filter of this name or folder, by default that of `scale`.

    Raises `PackError` if it is not installed, `InputError` if it is of another scale.
    """
    from pauca.video.filters import load_filter

    filter: Filter = load_filter(name or NAMES[scale])
    if filter.scale != scale:
        raise InputError(f"the filter {name} is for --scale {filter.scale}")
    return filter


def shipped_fit() -> Fit:
    """Return what fits filters to scenes."""
    from pauca.video.filters import fit

    found: Any = fit  # takes planes as tuples of three
    fitting: Fit = found
    return fitting


def standard_form(filter: Filter) -> StandardForm:
    """Return the filter of a pack with the pack itself, as an uncompressed zip of its files."""
    facts: Any = filter
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for path in sorted(Path(facts.pack.info.path).iterdir()):
            # A fixed date: the same filter has to give the same bytes.
            archive.writestr(zipfile.ZipInfo(path.name), path.read_bytes())
    return StandardForm(buffer.getvalue(), filter.scale, facts.halo)


def finder(folder: Path | None) -> Callable[[bytes], Filter]:
    """Return what finds the filter whose id starts with given bytes: in `folder`, or shipped."""

    def find(prefix: bytes) -> Filter:
        from pauca.pack.registry import list_models
        from pauca.video.filters import load_filter

        if folder is not None:
            filter: Filter = load_filter(os.fspath(folder))
            if filter.pack_id.startswith(prefix):
                return filter
        for info in list_models("*"):
            if info.domain == "filter" and info.pack_id.startswith(prefix):
                return load_filter(info.name)
        raise PackError(
            f"the video asks for the filter {prefix.hex()}, which is not installed; name its folder"
            " with --model, or leave filters out with --filter none"
        )

    return find
