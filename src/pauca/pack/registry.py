"""Which packs there are: those shipped in the package, by name or by id, and folders of one's own,
by path.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from pauca.errors import PackError
from pauca.pack.store import MANIFEST, PackInfo, read_manifest

if TYPE_CHECKING:
    from pauca.pack.filters import FilterPack
    from pauca.pack.image import ImagePack
    from pauca.pack.sr import SrPack

SHIPPED = Path(__file__).parent / "packs"


def list_models(pattern: str = "*") -> list[PackInfo]:
    """Shipped packs whose name matches the shell pattern, sorted by name."""
    folders = sorted(path.parent for path in SHIPPED.glob(f"*/{MANIFEST}"))
    return [
        info
        for info in (read_manifest(folder)[0] for folder in folders)
        if fnmatchcase(info.name, pattern)
    ]


def create_model(name: str | Path) -> ImagePack:
    """Load a shipped picture pack by name, or one's own by the path of its folder; PackError names
    what is missing.
    """
    return _load(find_folder(name))


def model_of(model: str | Path | ImagePack) -> ImagePack:
    """Return a picture pack that is given itself, by name or by path; `PackError` on others."""
    if isinstance(model, str | os.PathLike):
        return create_model(model)
    if hasattr(model, "tables"):
        return model
    raise PackError(f"a model is a name, a folder or a pack, not {type(model).__name__}")


def create_upscaler(name: str | Path) -> SrPack:
    """Load a shipped super-resolution pack by name, or one's own by path; PackError as above."""
    return _load_sr(find_folder(name))


def natural_upscaler(scale: int) -> SrPack:
    """Load the shipped pack that is the natural look of this scale; PackError if there is none."""
    from pauca.pack.sr import natural_scale

    for info in list_models():
        if natural_scale(info.path) == scale:
            return create_upscaler(info.path)
    raise PackError(
        f"no natural look for scale {scale} is shipped; train one with `pauca train sr-look`"
        " and name its pack with --model"
    )


def create_filter(name: str | Path) -> FilterPack:
    """Load a shipped filter pack by name, or one's own by path; PackError as above."""
    return _load_filter(find_folder(name))


def find_filter(pack_id: bytes, extra: Sequence[Path] = ()) -> FilterPack:
    """Load the filter pack that a stream names by id, as `find_pack` does."""
    return _load_filter(_folder_of(pack_id, extra))


def find_folder(name: str | Path) -> Path:
    """Return the folder of the pack that is shipped under this name, or that has this path."""
    for info in list_models():
        if info.name == str(name):
            return info.path
    if (Path(name) / MANIFEST).is_file():
        return Path(name).resolve()
    names = ", ".join(info.name for info in list_models()) or "none"
    raise PackError(f"no model named {name} (shipped: {names}) and no pack folder of that path")


def find_pack(pack_id: bytes, extra: Sequence[Path] = ()) -> ImagePack:
    """Load the pack that a stream names by id, among shipped ones and the folders in `extra`."""
    return _load(_folder_of(pack_id, extra))


def find_natural(pack_id: bytes, extra: Sequence[Path] = ()) -> ImagePack:
    """Load the pack that a stream names, with the last filter of its natural look."""
    from pauca.pack.look import pack_of_look

    for folder in reversed(_folders(extra)):  # one's own before the shipped one
        if pack_of_look(folder) == pack_id:
            return _load_look(_folder_of(pack_id, extra), folder.resolve())
    name = find_pack(pack_id, extra).info.name
    raise PackError(f"there is no natural look for streams of {name}")


def _folders(extra: Sequence[Path]) -> list[Path]:
    return [info.path for info in list_models()] + [Path(path) for path in extra]


def _folder_of(pack_id: bytes, extra: Sequence[Path]) -> Path:
    for folder in _folders(extra):
        if read_manifest(folder)[0].pack_id == pack_id:
            return folder.resolve()
    raise PackError(f"this stream needs model pack {pack_id.hex()}, which is not installed")


@lru_cache(maxsize=4)
def _load(folder: Path) -> ImagePack:
    from pauca.pack import vae, wavelet
    from pauca.pack.image import DOMAIN
    from pauca.pack.store import read_arrays

    info, manifest = read_manifest(folder)
    if info.domain != DOMAIN:
        raise PackError(f"pack {info.name} is for {info.domain}, not for pictures")
    family = manifest.get("family", wavelet.FAMILY)
    made = {wavelet.FAMILY: wavelet.wavelet_pack, vae.FAMILY: vae.vae_pack}.get(family)
    if made is None:
        raise PackError(f"pack {info.name} is of family {family}, which this version does not know")
    return made(info, manifest, read_arrays(info, manifest))


@lru_cache(maxsize=4)
def _load_look(folder: Path, look: Path) -> ImagePack:
    from pauca.pack.look import with_look

    return with_look(_load(folder), look)


@lru_cache(maxsize=4)
def _load_sr(folder: Path) -> SrPack:
    from pauca.pack.sr import load_sr_pack

    return load_sr_pack(folder)


@lru_cache(maxsize=4)
def _load_filter(folder: Path) -> FilterPack:
    from pauca.pack.filters import load_filter_pack

    return load_filter_pack(folder)
