"""A look in memory: another last filter for streams of a picture pack."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from pauca.errors import PackError
from pauca.pack.image import ImagePack
from pauca.pack.store import layers_from_arrays, program_from_json, read_arrays, read_manifest

DOMAIN = "look"
POST = "post"  # the program that it stands for


def pack_of_look(folder: Path) -> bytes:
    """The id of the picture pack that a look is for; b"" if the folder holds no look."""
    info, manifest = read_manifest(folder)
    if info.domain != DOMAIN:
        return b""
    try:
        return bytes.fromhex(manifest["for"])
    except (KeyError, TypeError, ValueError) as error:
        raise PackError(f"look {info.name} does not say which pack it is for") from error


def with_look(pack: ImagePack, folder: Path) -> ImagePack:
    """The pack with the last filter of a look; PackError if it is for another pack."""
    info, manifest = read_manifest(folder)
    if pack_of_look(folder) != pack.info.pack_id:
        raise PackError(f"look {info.name} is not for {pack.info.name} {pack.info.version}")
    layers = layers_from_arrays(read_arrays(info, manifest))
    program = program_from_json(manifest.get("programs", {}).get(POST))
    if program.inputs != pack.programs[POST].inputs:
        raise PackError(f"look {info.name} does not fit the features of {pack.info.name}")
    kept = {name: layer for name, layer in pack.layers.items() if not name.startswith(f"{POST}.")}
    programs = pack.programs | {POST: program}
    return replace(pack, layers=kept | layers, programs=programs, runtimes={})
